"""Published payloads of the product: every record accounted for, and what they become."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.conftest import Objects, edges, map_records, objects_of

from isthmus_connectors.armis.connector import armis
from isthmus_sdk import stix
from isthmus_sdk.commands.map import map_files
from isthmus_sdk.testing import unjustified

pytestmark = pytest.mark.samples
STREAMS = [
    ("devices", "devices.page*.json", 3),
    ("alerts", "alerts.page*.json", 3),
    ("vulnerabilities", "vulnerab*.json", 6),
]


def records(folder: Path, pattern: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted((folder / "armis_centrix").glob(pattern)):
        data = json.loads(path.read_bytes())["data"]
        found += data.get("results", data.get("sample", []))
    return found


@pytest.mark.parametrize(("stream", "pattern", "number"), STREAMS)
def test_every_record_is_mapped_to_valid_objects(
    samples: Path, stream: str, pattern: str, number: int, valid: Callable[[Objects], None]
) -> None:
    outcome = map_records(armis, stream, records(samples, pattern))
    assert (outcome.records, outcome.mapped) == (number, number)
    valid(objects_of(outcome))


@pytest.mark.parametrize(("stream", "pattern", "number"), STREAMS)
def test_every_unused_field_has_its_reason(samples: Path, stream: str, pattern: str, number: int) -> None:
    assert unjustified(armis, stream, records(samples, pattern)) == []


@pytest.mark.parametrize(("stream", "pattern", "number"), STREAMS)
def test_files_of_whole_replies_are_read_in_both_envelopes(
    samples: Path, stream: str, pattern: str, number: int
) -> None:
    paths = [str(path) for path in sorted((samples / "armis_centrix").glob(pattern))]
    read = map_files(armis, armis.streams[stream], paths)
    assert (read.report["records"], read.report["mapped"]) == (number, number)


@pytest.mark.parametrize(("stream", "pattern", "number"), STREAMS)
def test_a_second_time_gives_the_same(samples: Path, stream: str, pattern: str, number: int) -> None:
    rows = records(samples, pattern)
    assert objects_of(map_records(armis, stream, rows)) == objects_of(map_records(armis, stream, rows))


def test_a_laptop_and_a_switch_with_one_mac_are_two_assets(samples: Path) -> None:
    objects = objects_of(map_records(armis, "devices", records(samples, "devices.page*.json")), "infrastructure")
    facts = {known["native_id"]: known for obj in objects if (known := stix.facts(obj, stix.ASSET))}
    laptop, switch = facts["1176"], facts["1154"]
    assert laptop["interfaces"][0]["mac"] == switch["interfaces"][0]["mac"] == "50:76:af:d3:3f:ab"
    assert (laptop["asset_class"], switch["asset_class"]) == ("laptop", "switch")
    assert {known["purdue_level"] for known in (laptop, switch)} == {"4"}


def test_who_else_sees_the_device_is_kept(samples: Path) -> None:
    objects = objects_of(map_records(armis, "devices", records(samples, "devices.page1.json")), "infrastructure")
    (made,) = [known for obj in objects if (known := stix.facts(obj, stix.ASSET)) and known["kind"] == "asset"]
    assert made["monitored_by"] == ["Active Directory"]


def test_a_row_in_the_answer_for_another_vulnerability_counts_for_its_own(samples: Path) -> None:
    rows = records(samples, "vulnerability_match*.json")
    objects = objects_of(map_records(armis, "vulnerabilities", rows))
    names = {obj["id"]: obj["name"] for obj in objects if obj["type"] == "vulnerability"}
    assert {names[edge["target_ref"]] for edge in edges(objects, "has")} == {"CVE-2023-40455", "CVE-2024-44148"}


def test_the_reply_to_a_sign_in_is_no_record(samples: Path) -> None:
    read = map_files(armis, armis.streams["devices"], [samples / "armis_centrix" / "access_token.json"])
    assert (read.objects, read.report["mapped"], len(read.report["quarantined"])) == ([], 0, 1)
