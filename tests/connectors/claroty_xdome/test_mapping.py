"""What xDome's records become, trap by trap."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.conftest import edges, map_records, objects_of

from isthmus_connectors.claroty_xdome.connector import xdome
from isthmus_sdk import stix


def asset(**fields: Any) -> dict[str, Any]:
    """Facts of the asset that a device with these fields becomes."""
    made = objects_of(map_records(xdome, "devices", [{"uid": "u-1", **fields}]), "infrastructure")
    (facts,) = (known for obj in made if (known := stix.facts(obj, stix.ASSET)) and known["kind"] == "asset")
    return facts


def labels(**fields: Any) -> list[str]:
    (made,) = objects_of(map_records(xdome, "devices", [{"uid": "u-1", **fields}]), "infrastructure")
    found: list[str] = made["labels"]
    return found


@pytest.mark.parametrize("ident", ["0d4b011f-fe47-46d0-9b9c-b102e3309aaa", 17, "17"])
def test_a_device_with_nothing_but_its_id_is_an_asset(ident: object) -> None:
    outcome = map_records(xdome, "devices", [{"uid": ident}])
    assert (outcome.mapped, outcome.quarantined) == (1, [])


def test_entries_of_the_same_place_are_one_interface() -> None:
    made = asset(
        mac_list=["00:00:5E:00:53:01", "00:00:5e:00:53:02"], ip_list=["192.0.2.1", "192.0.2.2"], vlan_list=[1, "2"]
    )
    assert {(card["mac"], card["ips"][0], card["vlan"]) for card in made["interfaces"]} == {
        ("00:00:5e:00:53:01", "192.0.2.1", "1"),
        ("00:00:5e:00:53:02", "192.0.2.2", "2"),
    }


def test_lists_of_different_length_tie_no_address_to_a_mac() -> None:
    made = asset(mac_list=["00:00:5e:00:53:01", "00:00:5e:00:53:02"], ip_list=["192.0.2.1"])
    assert [card.get("mac") for card in made["interfaces"] if card.get("ips")] == [None]


def test_a_last_known_address_is_the_devices_and_a_childs_is_not() -> None:
    made = asset(
        mac_list=["00:00:5e:00:53:01"], ip_list=["192.0.2.1 / (Last Known IP)", "192.0.2.9 / CHILD1", "127.0.0.1"]
    )
    assert made["interfaces"][0]["ips"] == ["192.0.2.1"]


def test_a_title_that_people_edit_is_no_host_name() -> None:
    assert "hostname" not in asset(device_name="printer-of-ann")
    assert asset(device_name="x", dhcp_hostnames=["EWS-1"])["hostname"] == "ews-1"


def test_who_else_watches_the_device_is_kept() -> None:
    made = asset(endpoint_security_names=["Acme EDR"], integration_types_reported_from=["Rapid7"], managed_by="Intune",
                 ise_security_group_name_list=["Printers"], cppm_roles_list=["r"])  # fmt: skip
    assert sorted(made["monitored_by"]) == ["Acme EDR", "Aruba ClearPass", "Cisco ISE", "Intune", "Rapid7"]


@pytest.mark.parametrize(
    ("word", "source"), [("Auto-Assigned", "inferred"), ("Manual", "declared"), (None, "inferred")]
)
def test_the_level_says_who_set_it(word: str | None, source: str) -> None:
    made = asset(purdue_level="Level 2", purdue_level_source=word)
    assert (made["purdue_level"], made["level_source"]) == ("2", source)


def test_names_for_nothing_are_nothing() -> None:
    made = asset(organization_zone_name="No Zone", serial_number="null", model="", site_group_name="No Group")
    assert not {"zone", "serial", "model"} & set(made)


def test_the_version_of_an_application_is_no_firmware() -> None:
    assert asset(device_type="PLC", software_or_firmware_version="2.1")["firmware"] == "2.1"
    assert "firmware" not in asset(device_type="SCADA Server", model="800xA", software_or_firmware_version="6.2")


def test_acls_and_ends_of_life_are_labels() -> None:
    found = labels(applied_acl_list=["Printers_Access"], end_of_life_date="2027-09-01", edr_is_up_to_date_text="No")
    assert {"acl:Printers_Access", "end-of-life-date:2027-09-01", "edr-up-to-date:No"} <= set(found)


def test_a_retired_device_is_ignored_with_its_reason() -> None:
    outcome = map_records(xdome, "devices", [{"uid": "u-1", "retired": "true"}])
    assert dict(outcome.ignored) == {"retired in xDome": 1}


@pytest.mark.parametrize(
    ("word", "status"),
    [("Unresolved", "open"), ("Resolved", "closed"), ("Resolved by user", "closed"), ("Acknowledged", "acknowledged"),
     ("New Word", None)],
)  # fmt: skip
def test_the_status_of_an_alert(word: str, status: str | None) -> None:
    row = {"id": 1, "status": word, "detected_time": "2026-05-03T09:00:00Z"}
    (made,) = objects_of(map_records(xdome, "alerts", [row]), "incident")
    facts = stix.facts(made, stix.ALERT) or {}
    assert (facts.get("status"), facts["vendor_status"]) == (status, word)


def test_an_alert_without_a_time_is_quarantined_with_its_path() -> None:
    (bad,) = map_records(xdome, "alerts", [{"id": 1}]).quarantined
    assert bad.path == "detected_time"


def test_the_relation_names_the_alert_that_the_list_of_alerts_gives() -> None:
    row = {"alert_id": 1, "device_uid": "u-1", "device_alert_status": "Resolved",
           "device_alert_detected_time": "2026-05-03T09:00:00Z", "device_alert_updated_time": "2026-05-03T10:00:00Z"}  # fmt: skip
    (edge,) = objects_of(map_records(xdome, "alert_devices", [row]))
    (incident,) = objects_of(map_records(xdome, "alerts", [{"id": "1", "detected_time": 1777798800}]), "incident")
    (device,) = objects_of(map_records(xdome, "devices", [{"uid": "u-1"}]), "infrastructure")
    assert (edge["source_ref"], edge["target_ref"]) == (incident["id"], device["id"])
    assert (edge["start_time"], edge["stop_time"]) == ("2026-05-03T09:00:00.000Z", "2026-05-03T10:00:00.000Z")


def test_an_advisory_is_each_of_its_cves_and_without_one_itself() -> None:
    rows = [
        {"name": "ICSA-1", "cve_ids": ["CVE-2026-10001", "cve-2026-10002"]},
        {"name": "Default password", "cve_ids": []},
    ]
    made = objects_of(map_records(xdome, "vulnerabilities", rows), "vulnerability")
    assert {obj["name"] for obj in made} == {"CVE-2026-10001", "CVE-2026-10002", "Default password"}


@pytest.mark.parametrize(
    ("fields", "state", "likelihood"),
    [
        ({"vulnerability_relevance": "Confirmed"}, "open", "confirmed"),
        ({"vulnerability_relevance": "Potentially Relevant"}, "open", "possible"),
        ({"vulnerability_relevance": "Fixed"}, "resolved", None),
        ({"vulnerability_relevance": "Irrelevant"}, "resolved", None),
        ({"device_vulnerability_resolution_date": "2026-05-02"}, "resolved", None),
        ({"vulnerability_relevance": "A new word"}, "open", None),
        ({"vulnerability_relevance": "Confirmed", "vulnerability_status": "Fixed"}, "resolved", "confirmed"),
    ],
)
def test_the_state_of_an_exposure(fields: dict[str, Any], state: str, likelihood: str | None) -> None:
    row = {"device_uid": "u-1", "vulnerability_name": "CVE-2026-10001", **fields}
    (edge,) = edges(objects_of(map_records(xdome, "device_vulnerabilities", [row])), "has")
    facts = stix.facts(edge, stix.EXPOSURE) or {}
    assert (facts["state"], facts.get("likelihood")) == (state, likelihood)


def test_a_row_that_an_export_joined_with_its_alert_is_device_alert_and_relation() -> None:
    told = {"id": 7, "alert_type_name": "Location Change", "category": "Device Changes", "status": "Unresolved",
            "detected_time": "2026-05-03T09:00:00Z", "updated_time": "2026-05-04T09:00:00Z"}  # fmt: skip
    row = {"uid": "u-1", "device_name": "plc", "alert_info": told}
    objects = objects_of(map_records(xdome, "alert_devices", [row]))
    assert [obj for obj in objects if obj["type"] == "incident"] == objects_of(
        map_records(xdome, "alerts", [told]), "incident"
    )

    def on_a_device(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [edge for edge in edges(found, "related-to") if edge["target_ref"].startswith("infrastructure--")]

    (edge,) = on_a_device(objects)
    assert edge["start_time"] == "2026-05-03T09:00:00.000Z"
    assert "stop_time" not in edge
    (ended,) = on_a_device(objects_of(map_records(xdome, "alert_devices", [{**row, "is_resolved": True}])))
    assert (ended["id"], ended["stop_time"]) == (edge["id"], "2026-05-04T09:00:00.000Z")


def test_a_row_that_an_export_joined_with_its_vulnerability_is_device_vulnerability_and_exposure() -> None:
    told = {"id": "ALX", "name": "CVE-2026-10001", "cve_ids": ["CVE-2026-10001"], "cvss_v3_score": 7.8, "epss_score": 0.25,
            "is_known_exploited": True, "description": "words", "published_date": "2026-02-11T00:00:00Z"}  # fmt: skip
    row = {"uid": "u-1", "device_name": "plc", "vulnerability_info": told, "vulnerability_relevance": "Confirmed",
           "vulnerability_last_updated": "2026-05-03T09:00:00Z"}  # fmt: skip
    objects = objects_of(map_records(xdome, "device_vulnerabilities", [row]))
    assert [obj for obj in objects if obj["type"] == "vulnerability"] == objects_of(
        map_records(xdome, "vulnerabilities", [told]), "vulnerability"
    )
    (edge,) = edges(objects, "has")
    facts = stix.facts(edge, stix.EXPOSURE) or {}
    assert (facts["cvss"], facts["epss"], facts["kev"], facts["state"]) == (7.8, 0.25, True, "open")


def test_an_ot_event_is_a_communication_and_a_note_on_its_alerts() -> None:
    row = {"event_id": 12, "event_type": "Configuration Upload", "detection_time": "2026-05-03T09:00:00Z", "protocol": "CIP",
           "ip_protocol": "UDP", "dest_port": "2222", "source_ip": "192.0.2.1", "dest_ip": "192.0.2.2",
           "related_alert_ids": [1], "source_username": "admin"}  # fmt: skip
    objects = objects_of(map_records(xdome, "ot_activity_events", [row]))
    (edge,) = edges(objects, "communicates-with")
    facts = stix.facts(edge, stix.COMMUNICATION) or {}
    assert facts["services"] == [{"protocol": "cip", "transport": "udp", "port": 2222}]
    (note,) = (obj for obj in objects if obj["type"] == "note")
    assert "user:admin" in note["labels"]
    assert [ref for ref in note["object_refs"] if ref.startswith("incident--")]
