"""Published payloads of the product: every record accounted for, and what they become."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.conftest import Objects, map_records, objects_of

from isthmus_connectors.tenable_ot.connector import tenable_ot
from isthmus_sdk import stix
from isthmus_sdk.commands.map import map_files
from isthmus_sdk.testing import unjustified

pytestmark = pytest.mark.samples


def files(folder: Path) -> list[Path]:
    return sorted((folder / "tenable_ot_security").glob("assets.page*.json"))


def records(folder: Path) -> list[dict[str, Any]]:
    return [node for path in files(folder) for node in json.loads(path.read_bytes())["data"]["assets"]["nodes"]]


def test_every_record_is_mapped_to_valid_objects(samples: Path, valid: Callable[[Objects], None]) -> None:
    outcome = map_records(tenable_ot, "assets", records(samples))
    assert (outcome.records, outcome.mapped) == (9, 9)
    valid(objects_of(outcome))


def test_files_of_whole_replies_are_read(samples: Path) -> None:
    read = map_files(tenable_ot, tenable_ot.streams["assets"], files(samples))
    assert (read.report["records"], read.report["mapped"]) == (9, 9)


def test_every_unused_field_has_its_reason(samples: Path) -> None:
    assert unjustified(tenable_ot, "assets", records(samples)) == []


def test_a_second_time_and_another_order_give_the_same(samples: Path) -> None:
    rows = records(samples)
    there, back = (objects_of(map_records(tenable_ot, "assets", order)) for order in (rows, rows[::-1]))
    assert sorted(there, key=lambda obj: str(obj["id"])) == sorted(back, key=lambda obj: str(obj["id"]))


def test_seven_assets_behind_one_router_are_seven_assets_without_its_mac(samples: Path) -> None:
    objects = objects_of(map_records(tenable_ot, "assets", records(samples)), "infrastructure")
    facts = [known for obj in objects if (known := stix.facts(obj, stix.ASSET)) and known["kind"] == "asset"]
    behind = [known for known in facts if {"kind": "mac_direct", "value": "f8:75:a4:f5:c6:37"} in known["identifiers"]]
    assert (len(facts), len(behind)) == (9, 7)
    assert not any("mac" in card for known in facts for card in known["interfaces"])


def test_the_controller_keeps_its_three_addresses(samples: Path) -> None:
    objects = objects_of(map_records(tenable_ot, "assets", records(samples)), "infrastructure")
    (plc,) = [known for obj in objects if obj["name"] == "DeviceNet_L81" and (known := stix.facts(obj, stix.ASSET))]
    assert sorted(ip for card in plc["interfaces"] for ip in card["ips"]) == [
        f"10.100.101.{n}" for n in (150, 151, 155)
    ]
    assert (plc["asset_class"], plc["purdue_level"], plc["criticality"]) == ("plc", "1", 75)
