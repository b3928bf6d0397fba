"""The mapping is a pure function: recorded pages in, STIX out; no server is needed."""

from pathlib import Path
from typing import Any

from acme_connector.connector import acme

from isthmus_sdk import stix
from isthmus_sdk.commands.map import MapOptions, Mapped, map_files

PAGES = Path(__file__).parent / "pages"
ALERTS = acme.streams["alerts"]


def mapped(source_id: str = "local") -> Mapped:
    return map_files(acme, ALERTS, [PAGES / "alerts.json"], MapOptions(source_id=source_id))


def objects(done: Mapped) -> dict[str, dict[str, Any]]:
    return {str(obj["type"]): obj for obj in map(stix.decode, done.objects)}


def test_every_record_is_accounted_for() -> None:
    report = mapped().report
    assert (report["records"], report["mapped"], report["ignored"]) == (3, 1, {"informational alert": 1})
    assert [(record["native_id"], record["path"]) for record in report["quarantined"]] == [("A-1003", "risk")]


def test_an_alert_names_its_device_and_keeps_the_vendors_times() -> None:
    made = objects(mapped())
    alert, device = made["incident"], made["infrastructure"]
    facts = stix.facts(alert, stix.ALERT)
    assert facts is not None
    assert alert["modified"] == "2026-03-02T06:02:10.000Z"
    assert facts["severity"] == 85
    assert [subject["ref"] for subject in facts["subjects"]] == [device["id"]]
    assert device["name"] == "ENG-WS-04"


def test_the_same_page_always_gives_the_same_valid_objects() -> None:
    first, second = mapped(), mapped()
    assert first.objects == second.objects
    for line in first.objects:
        stix.check(stix.decode(line))


def test_two_tenants_with_the_same_ids_stay_apart() -> None:
    north, south = objects(mapped("north")), objects(mapped("south"))
    assert north["infrastructure"]["id"] != south["infrastructure"]["id"]


def test_fields_the_mapping_does_not_use_are_reported() -> None:
    report = map_files(acme, ALERTS, [PAGES / "alerts.json"], MapOptions(loss=True)).report
    assert report["unused_fields"] == {"assigned_to": 1}
