"""Published payloads of the product: every record accounted for, and what they become."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.connectors.conftest import Objects, map_records, objects_of

from isthmus_connectors.microsoft_defender.connector import defender
from isthmus_sdk import stix
from isthmus_sdk.testing import unjustified

pytestmark = pytest.mark.samples


def records(folder: Path, name: str) -> list[Any]:
    raw = (folder / "microsoft_defender_endpoint" / name).read_bytes()
    if name.endswith(".ndjson"):
        return list(raw.splitlines())
    document = msgspec.json.decode(raw)
    return document.get("value", [document])  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("stream", "name", "number"),
    [("machines", "machine.ndjson", 6), ("machines", "machines.json", 4), ("alerts", "alerts.json", 1)],
)
def test_every_record_is_mapped_to_valid_objects(
    samples: Path, stream: str, name: str, number: int, valid: Callable[[Objects], None]
) -> None:
    outcome = map_records(defender, stream, records(samples, name))
    assert (outcome.records, outcome.mapped) == (number, number)
    valid(objects_of(outcome))


@pytest.mark.parametrize(
    ("stream", "name"), [("machines", "machine.ndjson"), ("machines", "machines.json"), ("alerts", "alerts.json")]
)
def test_each_unused_field_has_a_reason(samples: Path, stream: str, name: str) -> None:
    assert unjustified(defender, stream, records(samples, name)) == []


def test_four_rows_of_one_id_are_one_machine_with_four_addresses(samples: Path) -> None:
    rows = records(samples, "machines.json")
    objects = objects_of(map_records(defender, "machines", rows), "infrastructure")
    assert len(objects) == 1
    interfaces = stix.facts(objects[0], stix.ASSET)["interfaces"]
    assert sorted(ip for each in interfaces for ip in each["ips"]) == [f"192.168.0.{n}" for n in (1, 2, 3, 4)]
    assert objects == objects_of(map_records(defender, "machines", rows[::-1]), "infrastructure")


def test_rows_that_differ_in_one_empty_address_are_one_machine(samples: Path) -> None:
    objects = objects_of(map_records(defender, "machines", records(samples, "machine.ndjson")[4:]), "infrastructure")
    assert len(objects) == 1
    found = {ip for each in stix.facts(objects[0], stix.ASSET)["interfaces"] for ip in each.get("ips", ())}
    assert found == {"81.2.69.142", "2a02:cf40::", "192.168.92.66"}


def test_loopback_zero_and_multicast_addresses_identify_nothing(samples: Path) -> None:
    objects = objects_of(map_records(defender, "machines", records(samples, "machine.ndjson")))
    values = {obj["value"] for obj in objects if "value" in obj}
    assert not values & {"127.0.0.1", "::1", "00:00:00:00:00:00", "01:00:5e:90:10:00"}
    assert "00:00:5e:00:53:ff" in values
    by_name = {obj["name"]: stix.facts(obj, stix.ASSET) for obj in objects if obj["type"] == "infrastructure"}
    assert [each.get("mac") for each in by_name["C-Lab-31"]["interfaces"]] == [None]
    assert "10.50.12.31" in by_name["C-Lab-31"]["interfaces"][0]["ips"]


def test_seven_fraction_digits_are_cut_to_six(samples: Path) -> None:
    objects = objects_of(map_records(defender, "machines", records(samples, "machine.ndjson")[:1]), "infrastructure")
    assert stix.facts(objects[0], stix.ASSET)["first_seen"] == "2024-11-05T11:54:59.571700Z"


def test_an_alert_names_its_machine_its_user_and_its_evidence(samples: Path) -> None:
    objects = objects_of(map_records(defender, "alerts", records(samples, "alerts.json")))
    (sighting,) = [obj for obj in objects if obj["type"] == "sighting"]
    known = stix.facts(sighting, stix.ALERT)
    assert {each["role"] for each in known["subjects"]} == {"host", "user"}
    assert (known["status"], known["severity"], known["techniques"]) == ("open", 30, ["T1064", "T1085", "T1220"])
    assert sighting["modified"] == "2021-01-26T20:33:59.200Z"
    (seen,) = [obj for obj in objects if obj["type"] == "observed-data"]
    assert sorted(ref.partition("--")[0] for ref in seen["object_refs"]) == ["file", "process", "user-account"]


def test_a_hash_that_is_none_is_left_out_and_the_file_stays(samples: Path) -> None:
    objects = objects_of(map_records(defender, "alerts", records(samples, "alerts.json")), "file")
    assert {obj["name"] for obj in objects} == {"rundll32.exe", "suspicious.dll"}
    assert all("hashes" not in obj for obj in objects)


def test_the_process_has_its_image_and_its_parent(samples: Path) -> None:
    objects = objects_of(map_records(defender, "alerts", records(samples, "alerts.json")))
    by_id = {obj["id"]: obj for obj in objects}
    child = next(obj for obj in objects if obj["type"] == "process" and "command_line" in obj)
    assert (child["pid"], by_id[child["image_ref"]]["name"]) == (3276, "rundll32.exe")
    assert by_id[child["parent_ref"]]["pid"] == 8420
