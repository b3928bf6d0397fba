"""What Armis' records become, field by field where a vendor's habit matters."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.armis.tenant import alert, device, match, vulnerability
from tests.connectors.conftest import Objects, map_records, objects_of

from isthmus_connectors.armis.classes import asset_class, technology
from isthmus_connectors.armis.connector import armis
from isthmus_sdk import stix


def asset(**fields: Any) -> dict[str, Any]:
    """The asset that a device becomes, with its facts at the top."""
    (made,) = [
        obj
        for obj in objects_of(map_records(armis, "devices", [device(1, **fields)]), "infrastructure")
        if (stix.facts(obj, stix.ASSET) or {})["kind"] == "asset"
    ]
    return {**made, **(stix.facts(made, stix.ASSET) or {})}


def alerted(**fields: Any) -> tuple[Objects, dict[str, Any]]:
    objects = objects_of(map_records(armis, "alerts", [alert(1, **fields)]))
    (main,) = [obj for obj in objects if obj["type"] in ("incident", "sighting")]
    return objects, {**main, **(stix.facts(main, stix.ALERT) or {})}


def exposed(**fields: Any) -> dict[str, Any]:
    objects = objects_of(map_records(armis, "vulnerabilities", [match("CVE-2026-1", 7, **fields)]))
    (edge,) = [obj for obj in objects if obj.get("relationship_type") == "has"]
    return stix.facts(edge, stix.EXPOSURE) or {}


def source(name: str, last_seen: str | None = "2026-05-03T00:00:00+00:00") -> dict[str, Any]:
    return {"name": name, "types": [], "instances": [], "lastSeen": last_seen}


def test_a_device_is_all_there_is_with_nothing_but_its_id() -> None:
    outcome = map_records(armis, "devices", [{"id": 7}, {"id": "8", "name": None, "site": None, "dataSources": None}])
    assert outcome.mapped == 2
    assert {obj["name"] for obj in objects_of(outcome, "infrastructure")} == {"7", "8"}


def test_a_device_without_an_id_goes_to_quarantine_and_the_others_go_on() -> None:
    outcome = map_records(armis, "devices", [device(1), {"name": "nameless"}, {"id": "null"}])
    assert outcome.mapped == 1
    assert {bad.path for bad in outcome.quarantined} == {"id"}


def test_other_products_that_see_a_device_are_its_watchers() -> None:
    made = asset(
        dataSources=[source("Active Directory"), source("CrowdStrike"), source("Knowledge Base"), source("User")],
        protections=[{"protectionName": "Example Agent"}],
    )
    assert made["monitored_by"] == ["Active Directory", "CrowdStrike", "Example Agent"]
    assert {"data-source:Knowledge Base", "data-source:User", "protection:Example Agent"} <= set(made["labels"])


def test_a_source_that_has_long_been_silent_watches_no_longer() -> None:
    made = asset(dataSources=[source("SPAN/TAP", "2022-10-26T18:45:42+00:00"), source("Scanner", None)])
    assert made["monitored_by"] == ["Scanner"]
    assert "data-source:SPAN/TAP" in made["labels"]


@pytest.mark.parametrize(
    "written", ["AD, CrowdStrike", ["AD", "CrowdStrike"], [{"name": "AD"}, "CrowdStrike"], {"name": "AD"}]
)
def test_watchers_that_are_only_names_are_read(written: Any) -> None:
    assert set(asset(dataSources=written)["monitored_by"]) <= {"AD", "CrowdStrike"}
    assert "Agent" in asset(protections="Agent")["monitored_by"]


def test_no_protection_and_no_source_is_nobody() -> None:
    assert "monitored_by" not in asset(dataSources=[], protections=[])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"ipAddress": "192.0.2.7"}, ["192.0.2.7"]),
        ({"ipAddress": "192.0.2.7, 198.51.100.7"}, ["192.0.2.7", "198.51.100.7"]),
        ({"ipAddress": ["192.0.2.7"]}, ["192.0.2.7"]),
        ({"ipAddress": "192.0.2.7", "ipv6": ["::ffff:192.0.2.7"]}, ["192.0.2.7"]),
        ({"ipAddress": "192.0.2.7", "ipv6": "fe80::1"}, ["192.0.2.7"]),
        ({"ipAddress": "169.254.3.4", "ipv6": ["2001:db8::7", "::1"]}, ["2001:db8::7"]),
    ],
)
def test_addresses_are_read_in_every_form(written: dict[str, Any], read: list[str]) -> None:
    (interface,) = asset(macAddress="00:00:5E:00:53:01", **written)["interfaces"]
    assert (interface["mac"], interface["ips"]) == ("00:00:5e:00:53:01", read)


def test_an_address_that_is_broken_costs_only_itself() -> None:
    assert asset(ipAddress="999.1.1.1, 192.0.2.7")["interfaces"][0]["ips"] == ["192.0.2.7"]


def test_of_several_macs_none_is_tied_to_an_address() -> None:
    cards = asset(ipAddress="192.0.2.7", macAddress="00:00:5E:00:53:01,00:00:5E:00:53:02")["interfaces"]
    assert [("mac" in card, "ips" in card) for card in cards] == [(False, True), (True, False), (True, False)]


def test_one_mac_on_two_devices_stays_two_devices() -> None:
    rows = [device(number, macAddress="00:00:5E:00:53:01") for number in (1, 2)]
    objects = objects_of(map_records(armis, "devices", rows))
    assert len([obj for obj in objects if obj["type"] == "infrastructure"]) == 2
    assert len([obj for obj in objects if obj["type"] == "mac-addr"]) == 1


@pytest.mark.parametrize("level", [1, "1", 1.0, "Level 1"])
def test_the_level_is_one_spelling_and_inferred(level: Any) -> None:
    made = asset(purdueLevel=level)
    assert (made["purdue_level"], made["level_source"]) == ("1", "inferred")


def test_one_boundary_is_the_zone_and_several_are_labels() -> None:
    assert asset(boundaries="Cell 3")["zone"] == "Cell 3"
    several = asset(boundaries="Corporate, Guest")
    assert "zone" not in several
    assert {"zone:Corporate", "zone:Guest"} <= set(several["labels"])


def test_boundary_site_and_sensor_decide_the_address_scope() -> None:
    def scope(site: str | None, zone: str | None, sensor: str | None, *_rest: Any) -> str:
        return f"{site}/{zone}/{sensor}"

    row = device(1, ipAddress="192.0.2.7", boundaries="Cell 3", site={"name": "North"}, sensor={"name": "tap-1"})
    objects = objects_of(map_records(armis, "devices", [row], scope=scope), "infrastructure")
    scopes = {card["scope"] for obj in objects for card in (stix.facts(obj, stix.ASSET) or {}).get("interfaces", ())}
    assert scopes == {"North/Cell 3/tap-1"}


def test_a_site_that_is_only_a_name_is_read() -> None:
    assert asset(site="North works")["site"] == "North works"


@pytest.mark.parametrize("name", ["EW-100", "Laptops", "192.0.2.7", "00:00:5E:00:53:01", "Windows"])
def test_a_name_that_says_what_a_device_is_is_no_host_name(name: str) -> None:
    made = asset(name=name, names=name, model="EW-100", type="Laptops", operatingSystem="Windows")
    assert "hostname" not in made


def test_further_names_are_kept() -> None:
    made = asset(name="lt-07", names="lt-07, lt-07.works.example")
    assert made["hostname"] == "lt-07"
    assert made["identifiers"] == [{"kind": "hostname", "value": "lt-07.works.example"}]


def test_business_impact_that_nobody_set_says_nothing() -> None:
    assert "criticality" not in asset(businessImpact="Unassigned")
    assert asset(businessImpact="Critical")["criticality"] == 90


def test_risk_and_visibility_are_labels() -> None:
    assert {"risk:80", "visibility:limited"} <= set(asset(riskLevel="80", visibility="Limited")["labels"])


@pytest.mark.parametrize(
    ("type_enum", "type", "expected"),
    [
        ("PLC", None, "plc"), (None, "IP Cameras", "camera"), ("ENGINEERING_WORKSTATION", None, "engineering-workstation"),
        (None, "Personal Computers", "workstation"), (None, "Switches", "switch"), ("BADGE_READER", "Badge Readers", "Badge Readers"),
        (None, "X-Ray Machines", "medical"), (None, "Access Point Interface", "access-point"), (None, None, None),
    ],
)  # fmt: skip
def test_types_are_read_in_both_spellings(type_enum: str | None, type: str | None, expected: str | None) -> None:
    assert asset_class(type_enum, type) == expected


@pytest.mark.parametrize(
    ("category", "type_enum", "type", "expected"),
    [
        ("Computers", "LAPTOP", "Laptops", "it"),
        ("Computers", "HMI", "HMIs", "ot"),
        (None, None, "PLCs", "ot"),
        ("Medical Devices", None, None, "iomt"),
        ("Misc", None, None, None),
    ],
)
def test_the_technology_is_told_only_where_there_is_no_doubt(
    category: str | None, type_enum: str | None, type: str | None, expected: str | None
) -> None:
    assert technology(category, type_enum, type) == expected


@pytest.mark.parametrize(
    ("status", "ours"),
    [("Unhandled", "open"), ("RESOLVED", "closed"), ("Suppressed", "closed"), ("IN_PROGRESS", "acknowledged")],
)
def test_the_status_of_an_alert_is_told_in_our_words_and_in_theirs(status: str, ours: str) -> None:
    _, known = alerted(status=status)
    assert (known["status"], known["vendor_status"]) == (ours, status)


def test_a_status_nobody_knows_is_kept_and_not_guessed() -> None:
    _, known = alerted(status="Snoozed")
    assert "status" not in known
    assert known["vendor_status"] == "Snoozed"


@pytest.mark.parametrize(
    "labels",
    [
        "T1046 - Network Service Discovery, T0836",
        ["T1046", "T0836 Modify Parameter"],
        [{"technique": "T1046"}, {"id": "T0836", "name": "Modify Parameter"}],
    ],
)
def test_techniques_are_read_out_of_labels_in_every_form(labels: Any) -> None:
    assert alerted(mitreAttackLabels=labels)[1]["techniques"] == ["T0836", "T1046"]


def test_the_devices_of_an_alert_are_those_of_the_device_stream() -> None:
    _, known = alerted(deviceIds=[19, "469"])
    ids = {
        objects_of(map_records(armis, "devices", [{"id": number}]), "infrastructure")[0]["id"] for number in (19, 469)
    }
    assert {subject["ref"] for subject in known["subjects"]} == ids


def test_an_alert_and_its_activity_name_the_same_activity() -> None:
    uuid = "6f0a9a52-0f0e-4d0a-9d2f-0a5f6a0c0001"
    _, known = alerted(activityUUIDs=[uuid])
    assert {"source_name": "armis-activity", "external_id": uuid} in known["external_references"]
    row = {"activityUUID": uuid, "content": "scanned", "time": "2026-05-03T09:40:44+00:00", "deviceIds": [1]}
    (note,) = objects_of(map_records(armis, "activities", [row]), "note")
    assert note["content"] == "scanned"
    assert note["created"] == "2026-05-03T09:40:44.000Z"


def test_an_alert_of_a_policy_is_a_sighting_of_it() -> None:
    objects, known = alerted(policyId=345, policyTitle="Controller writes")
    (rule,) = [obj for obj in objects if obj["type"] == "indicator"]
    assert (known["sighting_of_ref"], rule["name"]) == (rule["id"], "Controller writes")


@pytest.mark.parametrize(
    "ends", ["192.0.2.9", ["192.0.2.9:502"], [{"ip": "192.0.2.9", "name": "plc"}], ["192.0.2.9 (plc)"]]
)
def test_addresses_among_the_ends_of_an_alert_are_evidence(ends: Any) -> None:
    objects, _ = alerted(sourceEndpoints=ends, destinationEndpoints=["laptop-001", "iot-device-007"])
    assert [obj["value"] for obj in objects if obj["type"] == "ipv4-addr"] == ["192.0.2.9"]


def test_an_alert_without_a_time_goes_to_quarantine() -> None:
    outcome = map_records(armis, "alerts", [alert(1) | {"time": None}])
    assert [bad.path for bad in outcome.quarantined] == ["time"]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Open", "open"), ("Resolved", "resolved"), ("Closed - fixed", "resolved"), ("Risk Accepted", "accepted"),
        ("Ignored", "accepted"), ("Unresolved", "open"), ("Whatever", "open"), (None, "open"),
    ],
)  # fmt: skip
def test_a_word_nobody_knows_closes_no_exposure(status: str | None, state: str) -> None:
    assert exposed(status=status)["state"] == state


def test_a_match_says_how_sure_it_is_and_what_repairs_it() -> None:
    known = exposed(confidenceLevel="Medium", recommendedSteps="Install 4.2", remediationTypes=["Patch"])
    assert (known["likelihood"], known["fix"]) == ("likely", "Install 4.2; Patch")


def test_no_and_none_in_words_are_no_flags() -> None:
    row = vulnerability(
        "CVE-2026-1", isWeaponized="No", hasRansomware="None", privilegesRequired="None", epssScore=None
    )
    (flaw,) = objects_of(map_records(armis, "vulnerabilities", [row]))
    assert flaw.get("labels") == ["status:open"]
    assert (stix.facts(flaw, stix.EXPOSURE) or {}) | {"cvss": 7.5} == stix.facts(flaw, stix.EXPOSURE)


def test_a_vulnerability_with_a_due_date_is_known_to_be_exploited() -> None:
    row = vulnerability(
        "CVE-2026-1", cisaDueDate="2026-06-01T00:00:00+00:00", epssScore="0.8", cvssScore=None, cvssScoreV4=9.1
    )
    (flaw,) = objects_of(map_records(armis, "vulnerabilities", [row]))
    known = stix.facts(flaw, stix.EXPOSURE) or {}
    assert (known["kev"], known["epss"], known["cvss"]) == (True, 0.8, 9.1)


def test_a_type_in_words_alone_tells_class_and_technology() -> None:
    old = asset(type="PLCs", typeEnum=None, category=None)
    assert (old["asset_class"], old["technology"]) == ("plc", "ot")
