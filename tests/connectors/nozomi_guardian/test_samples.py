"""Published payloads of the product: every record accounted for, and what they become."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.connectors.conftest import Objects, edges, map_records, objects_of

from isthmus_connectors.nozomi_guardian.connector import nozomi
from isthmus_sdk import stix
from isthmus_sdk.testing import unjustified

pytestmark = pytest.mark.samples


def lines(folder: Path, name: str) -> list[bytes]:
    return (folder / "nozomi_networks" / name).read_bytes().splitlines()


@pytest.mark.parametrize(
    ("stream", "name", "records"),
    [
        ("assets", "asset.ndjson", 3),
        ("alerts", "alert.ndjson", 2),
        ("links", "session.ndjson", 2),
        ("sessions", "session.ndjson", 2),
        ("node_cves", "node_cve.ndjson", 2),
    ],
)
def test_every_record_is_mapped_to_valid_objects(
    samples: Path, stream: str, name: str, records: int, valid: Callable[[Objects], None]
) -> None:
    outcome = map_records(nozomi, stream, lines(samples, name))
    assert (outcome.records, outcome.mapped) == (records, records)
    valid(objects_of(outcome))


@pytest.mark.parametrize(
    ("stream", "name"),
    [
        ("assets", "asset"),
        ("alerts", "alert"),
        ("links", "session"),
        ("sessions", "session"),
        ("node_cves", "node_cve"),
    ],
)
def test_each_unused_field_has_a_reason(samples: Path, stream: str, name: str) -> None:
    assert unjustified(nozomi, stream, lines(samples, f"{name}.ndjson")) == []


def test_three_assets_with_one_mac_and_one_serial_stay_three(samples: Path) -> None:
    objects = objects_of(map_records(nozomi, "assets", lines(samples, "asset.ndjson")))
    facts = [stix.facts(obj, stix.ASSET) for obj in objects if obj["type"] == "infrastructure"]
    assert len({known["native_id"] for known in facts if known}) == 3
    assert {known["serial"] for known in facts if known} == {"123456789"}
    assert [obj["value"] for obj in objects if obj["type"] == "mac-addr"] == ["d9:a8:80:ef:9d:d2"]


def test_an_unconfirmed_mac_is_kept_and_is_not_the_assets_own(samples: Path) -> None:
    objects = objects_of(map_records(nozomi, "assets", lines(samples, "asset.ndjson")))
    for obj in objects:
        known = stix.facts(obj, stix.ASSET)
        if known:
            assert known["identifiers"] == [{"kind": "mac_unconfirmed", "value": "d9:a8:80:ef:9d:d2"}]
            assert all("mac" not in interface for interface in known.get("interfaces", ()))
    assert len(edges(objects, "related-to")) == 3


def test_what_says_nothing_is_left_out(samples: Path) -> None:
    first = next(
        obj
        for obj in objects_of(map_records(nozomi, "assets", lines(samples, "asset.ndjson")), "infrastructure")
        if stix.facts(obj, stix.ASSET)["native_id"].startswith("f855ca08-ec50")
    )
    known = stix.facts(first, stix.ASSET)
    assert not {"vendor", "zone", "interfaces", "hostname"} & set(known)
    assert first["name"] != "0.0.0.0"


def test_times_as_text_and_as_numbers_in_ms_and_in_s_are_read_alike(samples: Path) -> None:
    by_name = {
        obj["name"]: obj
        for obj in objects_of(map_records(nozomi, "assets", lines(samples, "asset.ndjson")), "infrastructure")
    }
    third = by_name["string-epoch-uptime-host"]
    assert stix.facts(third, stix.ASSET)["last_seen"] == "2026-06-11T12:57:28.314Z"
    assert "end-of-support:2025-05-23" in third["labels"]


def test_the_level_is_one_spelling(samples: Path) -> None:
    objects = objects_of(map_records(nozomi, "assets", lines(samples, "asset.ndjson")), "infrastructure")
    assert sorted(stix.facts(obj, stix.ASSET)["purdue_level"] for obj in objects) == ["1", "1", "2"]


def test_one_alert_in_two_states_is_two_versions_of_the_same_objects(samples: Path) -> None:
    opened, closed = (
        objects_of(map_records(nozomi, "alerts", [line]), "sighting")[0] for line in lines(samples, "alert.ndjson")
    )
    assert opened["id"] == closed["id"]
    assert opened["created"] == closed["created"]
    assert opened["modified"] < closed["modified"]
    before, after = stix.facts(opened, stix.ALERT), stix.facts(closed, stix.ALERT)
    assert (before["status"], after["status"]) == ("open", "closed")
    assert (before["vendor_status"], after["vendor_status"]) == ("open", "close")
    assert before["subjects"] == after["subjects"]


def test_both_states_in_one_page_come_to_the_later_one_in_any_order(samples: Path) -> None:
    rows = lines(samples, "alert.ndjson")
    there, back = (objects_of(map_records(nozomi, "alerts", order), "sighting") for order in (rows, rows[::-1]))
    assert there == back
    assert stix.facts(there[0], stix.ALERT)["status"] == "closed"


def test_a_trigger_that_is_an_indicator_is_sighted_under_its_own_id(samples: Path) -> None:
    objects = objects_of(map_records(nozomi, "alerts", lines(samples, "alert.ndjson")))
    (sighting,) = [obj for obj in objects if obj["type"] == "sighting"]
    assert sighting["sighting_of_ref"] == "indicator--fb15c96c-eb73-48ac-a48a-15bcab2f0fe3"
    assert not [obj for obj in objects if obj["type"] == "indicator"]


def test_the_ends_of_an_alert_are_its_subjects(samples: Path) -> None:
    objects = objects_of(map_records(nozomi, "alerts", lines(samples, "alert.ndjson")[:1]))
    names = {obj["id"]: obj["name"] for obj in objects if obj["type"] == "infrastructure"}
    (sighting,) = [obj for obj in objects if obj["type"] == "sighting"]
    subjects = {each["role"]: names[each["ref"]] for each in stix.facts(sighting, stix.ALERT)["subjects"]}
    assert subjects == {"source": "81.2.69.192", "target": "89.160.20.112"}
    assert stix.facts(sighting, stix.ALERT)["severity"] == 60


def test_sessions_are_communications_with_the_port_of_the_target(samples: Path) -> None:
    objects = objects_of(map_records(nozomi, "sessions", lines(samples, "session.ndjson")))
    found = [stix.facts(edge, stix.COMMUNICATION) for edge in edges(objects, "communicates-with")]
    assert len(found) == 2
    assert all(known["services"] == [{"port": 5355, "protocol": "llmnr", "transport": "udp"}] for known in found)
    assert {known["first_seen"] for known in found} == {"2025-04-29T20:04:04.874Z"}


def test_resolved_false_with_a_reason_is_open(samples: Path) -> None:
    objects = objects_of(map_records(nozomi, "node_cves", lines(samples, "node_cve.ndjson")))
    exposures = [stix.facts(edge, stix.EXPOSURE) for edge in edges(objects, "has")]
    assert [known["state"] for known in exposures] == ["open", "open"]
    assert {known["likelihood"] for known in exposures} == {"confirmed"}
    assert [known.get("fix") for known in exposures] == ["KB3074683", None]


def test_an_exposure_is_on_the_asset_that_the_asset_stream_gives(samples: Path) -> None:
    import msgspec

    row = msgspec.json.decode(lines(samples, "node_cve.ndjson")[0])
    asset = objects_of(map_records(nozomi, "assets", [{"id": row["asset_id"], "name": "x"}]), "infrastructure")[0]
    exposure = edges(objects_of(map_records(nozomi, "node_cves", [row])), "has")[0]
    assert exposure["source_ref"] == asset["id"]
