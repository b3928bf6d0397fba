"""Published payloads of the product: every record accounted for, and what they become."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.conftest import Objects, map_records, objects_of

from isthmus_connectors.crowdstrike_falcon.connector import falcon
from isthmus_sdk import stix
from isthmus_sdk.commands.map import map_files
from isthmus_sdk.testing import unjustified

pytestmark = pytest.mark.samples


def records(samples: Path, name: str = "alerts_v2_entities") -> list[Any]:
    return list(json.loads((samples / "crowdstrike_falcon" / f"{name}.json").read_bytes())["resources"])


def test_every_alert_is_mapped_to_valid_objects(samples: Path, valid: Callable[[Objects], None]) -> None:
    outcome = map_records(falcon, "alerts", records(samples))
    assert (outcome.records, outcome.mapped) == (2, 2)
    valid(objects_of(outcome))


def test_whole_replies_are_read_as_files_and_every_unused_field_has_its_reason(samples: Path) -> None:
    folder = samples / "crowdstrike_falcon"
    read = map_files(falcon, falcon.streams["alerts"], [str(path) for path in sorted(folder.glob("*.json"))])
    assert (read.report["records"], read.report["mapped"], sum(read.report["ignored"].values())) == (4, 2, 2)
    assert unjustified(falcon, "alerts", records(samples)) == []


def test_a_second_time_gives_the_same(samples: Path) -> None:
    assert objects_of(map_records(falcon, "alerts", records(samples))) == objects_of(
        map_records(falcon, "alerts", records(samples))
    )


def test_the_sparse_alert_is_an_incident_and_the_other_a_sighting_of_its_rule(samples: Path) -> None:
    found = [obj for obj in objects_of(map_records(falcon, "alerts", records(samples))) if stix.facts(obj, stix.ALERT)]
    assert {obj["type"] for obj in found} == {"sighting", "incident"}
    full = next(obj for obj in found if obj["type"] == "sighting")
    known = stix.facts(full, stix.ALERT)
    assert known is not None
    assert (known["techniques"], known["severity"], known["status"]) == (["T1562.007"], 70, "open")
    assert known["native_id"].count(":") >= 2
