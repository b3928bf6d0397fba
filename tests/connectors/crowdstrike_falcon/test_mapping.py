"""What Falcon's records become, and what their traps do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.conftest import Objects, edges, map_records, objects_of

from isthmus_connectors.crowdstrike_falcon.connector import falcon
from isthmus_sdk import stix

PAGES = Path(falcon.folder) / "conformance" / "pages"
HOSTS, ALERTS, FLAWS = (
    json.loads((PAGES / f"{name}.json").read_bytes())["resources"] for name in ("hosts", "alerts", "vulnerabilities")
)


def mapped(stream: str, *records: Any) -> Objects:
    outcome = map_records(falcon, stream, records)
    assert outcome.mapped == len(records), outcome.quarantined
    return objects_of(outcome)


def asset(**changes: Any) -> dict[str, Any]:
    [found] = [obj for obj in mapped("hosts", {**HOSTS[0], **changes}) if obj["type"] == "infrastructure"]
    return found


def facts(obj: dict[str, Any], kind: str = stix.ASSET) -> dict[str, Any]:
    found = stix.facts(obj, kind)
    assert found is not None
    return dict(found)


def alert(**changes: Any) -> dict[str, Any]:
    [found] = [obj for obj in mapped("alerts", {**ALERTS[0], **changes}) if obj["type"] in ("sighting", "incident")]
    return found


def exposure(index: int, **changes: Any) -> dict[str, Any]:
    [edge] = edges(mapped("vulnerabilities", {**FLAWS[index], **changes}), "has")
    return facts(edge, stix.EXPOSURE)


def test_every_object_is_valid(valid: Callable[[Objects], None]) -> None:
    for stream, records in (("hosts", HOSTS), ("alerts", ALERTS), ("vulnerabilities", FLAWS)):
        valid(mapped(stream, *records))


def test_a_host_says_what_identifies_it() -> None:
    known = facts(asset(instance_id="i-0abc"))
    assert known["identifiers"] == [
        {"kind": "agent_id", "value": HOSTS[0]["device_id"]},
        {"kind": "cloud_id", "value": "i-0abc"},
    ]
    assert (known["serial"], known["model"], known["site"]) == ("7XK2Q217", "Precision 3660", "North-Works")
    assert known["operating_system"] == "Windows 10 19045"


def test_one_adapter_under_two_names_is_one_and_two_are_two() -> None:
    [one] = facts(asset())["interfaces"]
    assert (one["mac"], one["ips"]) == ("00:00:5e:00:53:11", ["192.0.2.17"])
    two = facts(asset(connection_ip="192.0.2.99", connection_mac_address="00-00-5E-00-53-AA"))["interfaces"]
    assert {(card["mac"], *card["ips"]) for card in two} == {
        ("00:00:5e:00:53:11", "192.0.2.17"),
        ("00:00:5e:00:53:aa", "192.0.2.99"),
    }


@pytest.mark.parametrize("mac", ["", "00-00-00-00-00-00", "ff-ff-ff-ff-ff-ff", "not a mac", None])
def test_a_mac_that_is_none_costs_no_address(mac: Any) -> None:
    [card] = facts(asset(mac_address=mac, connection_mac_address=mac))["interfaces"]
    assert "mac" not in card
    assert card["ips"] == ["192.0.2.17"]


@pytest.mark.parametrize(
    ("product", "chassis", "platform", "wanted"),
    [
        ("Workstation", "Desktop", "Windows", "workstation"),
        ("Workstation", "Laptop", "Mac", "laptop"),
        ("Server", "Laptop", "Linux", "server"),
        ("Domain Controller", None, "Windows", "domain-controller"),
        (None, None, "iOS", "mobile"),
        ("Toaster", None, "Linux", None),
    ],
)
def test_the_class_comes_from_what_the_product_says(
    product: Any, chassis: Any, platform: str, wanted: str | None
) -> None:
    known = facts(asset(product_type_desc=product, chassis_type_desc=chassis, platform_name=platform))
    assert known.get("asset_class") == wanted


def test_a_hidden_a_contained_and_a_crippled_host_say_so() -> None:
    labels = asset(host_hidden_status="hidden", status="contained", reduced_functionality_mode="yes")["labels"]
    assert {"hidden", "status:contained", "reduced-functionality"} <= set(labels)
    assert not {"hidden", "reduced-functionality"} & set(asset()["labels"])


def test_the_site_that_every_directory_has_is_none() -> None:
    assert "site" not in facts(asset(site_name="Default-First-Site-Name"))


def test_groups_are_taken_by_name_where_they_have_one() -> None:
    assert {"group:OT", "group:abc"} <= set(asset(groups=[{"id": "x", "name": "OT"}, "abc"])["labels"])


def test_the_composite_id_is_the_key_and_a_later_state_a_version_of_the_same() -> None:
    before, after = (
        alert(),
        alert(status="closed", resolution="true_positive", updated_timestamp="2026-05-05T00:00:00Z"),
    )
    assert before["id"] == after["id"]
    assert before["modified"] < after["modified"] == "2026-05-05T00:00:00.000Z"
    assert (facts(after, stix.ALERT)["status"], facts(after, stix.ALERT)["vendor_status"]) == (
        "closed",
        "closed, true_positive",
    )
    assert alert(composite_id="f" * 32 + ":ind:1")["id"] != before["id"]


@pytest.mark.parametrize(
    ("word", "wanted"),
    [("new", "open"), ("reopened", "open"), ("in_progress", "acknowledged"), ("closed", "closed"), ("odd", None)],
)
def test_states_of_alerts(word: str, wanted: str | None) -> None:
    known = facts(alert(status=word), stix.ALERT)
    assert (known.get("status"), known["vendor_status"]) == (wanted, word)


def test_nine_digits_of_a_second_are_read() -> None:
    assert alert(updated_timestamp="2026-05-04T05:21:12.885117302Z")["modified"].startswith("2026-05-04T05:21:12.885")


def test_an_alert_names_its_host_its_user_and_its_techniques() -> None:
    known = facts(alert(), stix.ALERT)
    assert known["techniques"] == ["T1059.001", "T1562"]
    assert {row["role"] for row in known["subjects"]} == {"host", "user"}
    [host] = [row["ref"] for row in known["subjects"] if row["role"] == "host"]
    assert host == asset()["id"]


def test_the_products_own_techniques_are_none_of_attack() -> None:
    assert "techniques" not in facts(alert(technique_id="CST0005", mitre_attack=[]), stix.ALERT)


def test_the_process_has_its_image_and_its_parent_and_a_hash_of_zeros_is_none() -> None:
    found = mapped("alerts", ALERTS[0])
    processes = {obj.get("pid"): obj for obj in found if obj["type"] == "process"}
    assert processes[4104]["parent_ref"] == processes[6012]["id"]
    image = next(obj for obj in found if obj["id"] == processes[4104]["image_ref"])
    assert set(image["hashes"]) == {"SHA-256", "MD5"}


@pytest.mark.parametrize(
    ("kind", "value", "type"),
    [("domain", "bad.example", "domain-name"), ("ipv4", "203.0.113.9", "ipv4-addr"), ("hash_md5", "ab" * 16, "file")],
)
def test_the_indicator_that_matched_is_evidence(kind: str, value: str, type: str) -> None:
    found = mapped("alerts", {**ALERTS[2], "ioc_type": kind, "ioc_value": value})
    assert any(value in json.dumps(obj) for obj in found if obj["type"] == type)


def test_a_sparse_alert_maps_and_one_without_a_time_does_not() -> None:
    assert {obj["type"] for obj in mapped("alerts", ALERTS[2])} >= {"incident"}
    outcome = map_records(falcon, "alerts", [{"composite_id": "f" * 32 + ":x", "status": "new"}])
    assert [(bad.native_id, bad.path) for bad in outcome.quarantined] == [("f" * 32 + ":x", "timestamp")]


def test_a_list_of_ids_is_ignored_with_a_reason_and_other_texts_are_quarantined() -> None:
    outcome = map_records(falcon, "alerts", [f"{'f' * 32}:ind:1", "hello", 7, None])
    assert sum(outcome.ignored.values()) == 1
    assert len(outcome.quarantined) == 3


def test_false_as_text_is_false() -> None:
    assert facts(alert(show_in_ui="false"), stix.ALERT)["vendor_status"] == "new, hidden"


@pytest.mark.parametrize(
    ("status", "state", "likelihood"),
    [("open", "open", "confirmed"), ("reopen", "open", "confirmed"), ("closed", "resolved", "confirmed"), ("expired", "open", "possible")],
)  # fmt: skip
def test_states_of_vulnerabilities(status: str, state: str, likelihood: str) -> None:
    known = exposure(0, status=status)
    assert (known["state"], known["likelihood"]) == (state, likelihood)


def test_what_somebody_accepted_is_accepted_and_a_score_of_nought_is_none() -> None:
    known = exposure(3)
    assert (known["state"], known["kev"], "cvss" in known) == ("accepted", True, False)


def test_a_state_that_nobody_knows_is_quarantined_and_not_guessed() -> None:
    outcome = map_records(falcon, "vulnerabilities", [{**FLAWS[0], "status": "sleeping"}])
    assert [bad.path for bad in outcome.quarantined] == ["status"]


def test_products_stand_apart_from_their_versions() -> None:
    found = [obj for obj in mapped("vulnerabilities", FLAWS[0]) if obj["type"] == "software"]
    assert [(obj["vendor"], obj["name"], obj["version"]) for obj in found] == [("Google", "Chrome", "131.0.6778.85")]


def test_a_vulnerability_with_little_in_it_maps() -> None:
    assert exposure(5)["state"] == "open"


def test_a_host_of_its_id_alone_maps() -> None:
    assert facts(mapped("hosts", {"device_id": "ab" * 16})[-1])["native_id"] == "ab" * 16
