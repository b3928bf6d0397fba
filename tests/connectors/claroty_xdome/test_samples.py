"""Published payloads of the product: every record accounted for, and what they become."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.conftest import Objects, map_records, objects_of

from isthmus_connectors.claroty_xdome.connector import xdome
from isthmus_sdk import stix
from isthmus_sdk.commands.map import map_files
from isthmus_sdk.testing import unjustified

pytestmark = pytest.mark.samples
STREAMS = [
    ("devices", "*_devices.page*.json", 8),
    ("alerts", "alerts.page*.json", 2),
    ("alert_devices", "alert_*_devices.page*.json", 4),
    ("vulnerabilities", "vulnerabilities.page*.json", 2),
    ("device_vulnerabilities", "vulnerability_*_devices.page*.json", 4),
    ("ot_activity_events", "ot_activity_events.page*.json", 2),
]


def records(folder: Path, pattern: str) -> list[dict[str, Any]]:
    paths = sorted((folder / "claroty_xdome").glob(pattern))
    lists = [value for path in paths for value in json.loads(path.read_bytes()).values()]
    return [row for rows in lists if isinstance(rows, list) for row in rows]


@pytest.mark.parametrize(("stream", "pattern", "number"), STREAMS)
def test_every_record_is_mapped_to_valid_objects(
    samples: Path, stream: str, pattern: str, number: int, valid: Callable[[Objects], None]
) -> None:
    outcome = map_records(xdome, stream, records(samples, pattern))
    assert (outcome.records, outcome.mapped) == (number, number)
    valid(objects_of(outcome))


@pytest.mark.parametrize(("stream", "pattern", "number"), STREAMS)
def test_whole_replies_are_read_as_files_and_every_unused_field_has_its_reason(
    samples: Path, stream: str, pattern: str, number: int
) -> None:
    paths = [str(path) for path in sorted((samples / "claroty_xdome").glob(pattern))]
    read = map_files(xdome, xdome.streams[stream], paths)
    assert (read.report["records"], read.report["mapped"]) == (number, number)
    assert unjustified(xdome, stream, records(samples, pattern)) == []


@pytest.mark.parametrize(("stream", "pattern", "number"), STREAMS)
def test_a_second_time_gives_the_same(samples: Path, stream: str, pattern: str, number: int) -> None:
    rows = records(samples, pattern)
    assert objects_of(map_records(xdome, stream, rows)) == objects_of(map_records(xdome, stream, rows))


def test_one_address_at_two_sites_is_two_ends(samples: Path) -> None:
    objects = objects_of(map_records(xdome, "ot_activity_events", records(samples, "ot_*.json")), "infrastructure")
    ends = [facts for obj in objects if obj["name"] == "175.16.199.0" and (facts := stix.facts(obj, stix.ASSET))]
    assert {facts["site"] for facts in ends} == {"NY-BR-212", "Houston_Line_1"}


def test_what_ise_knows_of_a_printer_is_kept(samples: Path) -> None:
    objects = objects_of(
        map_records(xdome, "devices", records(samples, "alert_1_devices.page1.json")), "infrastructure"
    )
    for facts in (known for obj in objects if (known := stix.facts(obj, stix.ASSET)) and known["kind"] == "asset"):
        assert facts["monitored_by"] == ["Cisco ISE"]
        assert (facts["asset_class"], facts["technology"], facts["purdue_level"]) == ("printer", "iot", "3")
