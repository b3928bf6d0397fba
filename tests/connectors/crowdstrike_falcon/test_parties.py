"""Whom alerts of Identity Protection, Next-Gen SIEM and automated leads are about, and what rule they follow."""

from __future__ import annotations

from typing import Any

from tests.connectors.conftest import Objects, map_records, objects_of

from isthmus_connectors.crowdstrike_falcon.connector import falcon
from isthmus_sdk import stix
from isthmus_sdk.stix import Builder

CUSTOMER = "0c0ffee0c0ffee0c0ffee0c0ffee0c0f"
SOURCE, TARGET = "1" * 32, "2" * 32
SID = "S-1-5-21-1000000001-1000000002-1000000003-1104"
IDENTITY = {
    "composite_id": f"{CUSTOMER}:ind:{CUSTOMER}:6F9619FF-8B86-D011-B42D-00C04FC964FF",
    "agent_id": SOURCE,
    "type": "idp-user-endpoint-app-info",
    "product": "idp",
    "display_name": "Identity verification denied",
    "pattern_id": 51143,
    "severity": 79,
    "status": "new",
    "start_time": "2026-11-20T10:00:00.1Z",
    "timestamp": "2026-11-20T10:04:00Z",
    "created_timestamp": "2026-11-20T10:05:00.123456789Z",
    "updated_timestamp": "2026-11-20T10:06:00Z",
    "user_name": "j.doe",
    "source_account_domain": "PLANT.EXAMPLE",
    "source_account_name": "Jo Doe",
    "source_account_sam_account_name": "j.doe",
    "source_account_object_sid": SID,
    "source_endpoint_sensor_id": SOURCE,
    "source_endpoint_host_name": "eng-07.plant.example",
    "source_endpoint_ip_address": "192.0.2.44",
    "target_account_name": "HIST-01$",
    "target_endpoint_sensor_id": TARGET,
    "target_endpoint_host_name": "hist-01.plant.example",
    "idp_policy_rule_name": "RDP to level 3",
}
CORRELATED = {
    "composite_id": f"{CUSTOMER}:ngsiem:{CUSTOMER}:0a1b2c",
    "type": "correlation-detection",
    "product": "ngsiem",
    "display_name": "Firewall: inbound to DMZ",
    "pattern_id": 400000,
    "correlation_rule_id": "019a06bf00e67be489340eca8c435140",
    "severity": 30,
    "status": "new",
    "start_time": "2026-11-20T09:00:00Z",
    "end_time": "2026-11-20T09:10:00Z",
    "timestamp": "2026-11-20T11:00:00Z",
    "updated_timestamp": "2026-11-20T11:00:05Z",
    "source_ips": ["198.51.100.10"],
    "destination_ips": ["192.0.2.80"],
    "source_hosts": ["scanner.example"],
    "destination_hosts": ["dmz-web.plant.example", "DMZ-WEB"],
    "user_names": ["svc-web"],
}
LEAD = {
    "composite_id": f"{CUSTOMER}:automated-lead:{CUSTOMER}:{'c' * 64}",
    "agent_id": SOURCE,
    "type": "automated-lead",
    "display_name": "eng-07.plant.example at 2026-11-20T05:11:47Z",
    "pattern_id": 185000,
    "signal_start_timestamp": "2026-11-20T05:11:47Z",
    "signal_end_timestamp": "2026-11-20T05:13:20Z",
    "created_timestamp": "2026-11-20T05:13:22.511649873Z",
    "timestamp": "2026-11-20T23:51:55Z",
    "updated_timestamp": "2026-11-20T23:51:55.902180393Z",
    "mitre_attack": [{"pattern_id": 6004}, {"technique_id": "T1203"}],
    "status": "new",
}


def mapped(record: dict[str, Any], **changes: Any) -> Objects:
    outcome = map_records(falcon, "alerts", [{**record, **changes}])
    assert outcome.mapped == 1, outcome.quarantined
    return objects_of(outcome)


def facts(objects: Objects) -> dict[str, Any]:
    [found] = [known for obj in objects if (known := stix.facts(obj, stix.ALERT))]
    return dict(found)


def one(objects: Objects, type: str) -> dict[str, Any]:
    [found] = [obj for obj in objects if obj["type"] == type]
    return found


def asset(sensor: str) -> str:
    at = "2026-11-22T10:00:00.000Z"
    return Builder(source_id="tenant-1", connector=falcon.name, observed_at=at).asset_id(sensor)


def roles(objects: Objects) -> set[tuple[str, str]]:
    by_id = {obj["id"]: obj.get("account_login", obj["id"]) for obj in objects}
    return {(by_id.get(each["ref"], each["ref"]), each["role"]) for each in facts(objects).get("subjects", [])}


def test_an_identity_alert_names_both_ends_and_the_accounts_with_domain_and_sid() -> None:
    made = mapped(IDENTITY)
    assert roles(made) == {
        (asset(SOURCE), "source"),
        (asset(TARGET), "target"),
        ("PLANT.EXAMPLE\\j.doe", "user"),
        ("HIST-01$", "target"),
    }
    [acted] = [obj for obj in made if obj.get("account_login", "").endswith("j.doe")]
    assert acted["user_id"] == SID
    assert "192.0.2.44" in {obj.get("value") for obj in made}
    assert {"source_name": "crowdstrike-identity-policy", "external_id": "RDP to level 3"} in one(made, "sighting")[
        "external_references"
    ]


def test_what_an_identity_alert_tells_of_another_account_is_not_said_of_the_one_that_acted() -> None:
    made = mapped(IDENTITY, user_name="somebody.else")
    logins = {obj["account_login"]: obj.get("user_id") for obj in made if obj["type"] == "user-account"}
    assert logins == {"somebody.else": None, "PLANT.EXAMPLE\\j.doe": SID, "HIST-01$": None}


def test_an_account_of_single_sign_on_is_the_one_that_okta_tells_of() -> None:
    record = {
        "composite_id": f"{CUSTOMER}:ind:{CUSTOMER}:1",
        "type": "idp-session-source-user-endpoint-target-info",
        "start_time": "2026-11-20T10:32:00Z",
        "pattern_id": 51125,
        "source_account_name": "ann@north.example",
        "source_account_okta_id": "00u1",
        "source_endpoint_address_ip4": "198.51.100.23",
    }
    made = mapped(record)
    at = "2026-11-22T10:00:00.000Z"
    theirs = Builder(source_id="org", connector="okta", observed_at=at).user_account(
        "ann@north.example", user_id="00u1"
    )
    assert one(made, "user-account")["id"] == theirs.id
    assert roles(made) == {("ann@north.example", "user"), (one(made, "infrastructure")["id"], "source")}


def test_the_clouds_own_name_of_the_customer_is_no_account() -> None:
    made = mapped(CORRELATED, type="cloud-ioa", user_name="ann", source_account_name="north", user_names=["ann"])
    assert roles(made) == {("ann", "user")}


def test_a_source_without_a_sensor_is_its_address_and_a_target_without_one_its_name() -> None:
    bare = {"agent_id": None, "source_endpoint_sensor_id": "", "target_endpoint_sensor_id": None}
    made = mapped(IDENTITY, **bare)
    endpoint = one(made, "infrastructure")
    assert (endpoint["id"], "source") in roles(made)
    assert one(made, "domain-name")["value"] == "hist-01.plant.example"


def test_a_detection_of_the_siem_follows_the_customers_rule_and_not_the_pattern_that_all_share() -> None:
    made, other = mapped(CORRELATED), mapped(CORRELATED, correlation_rule_id="019b830f23e07c6d8f1809baceb9ccb9")
    assert one(made, "indicator")["pattern"] == CORRELATED["correlation_rule_id"]
    assert one(made, "indicator")["id"] != one(other, "indicator")["id"]


def test_a_detection_of_the_siem_has_the_events_times_both_sides_and_the_accounts() -> None:
    made = mapped(CORRELATED)
    assert facts(made)["first_seen"] == "2026-11-20T09:00:00.000Z"
    assert {obj["value"] for obj in made if "value" in obj} == {
        "198.51.100.10", "192.0.2.80", "scanner.example", "dmz-web.plant.example",
    }  # fmt: skip
    assert roles(made) == {("svc-web", "user")}


def test_names_of_a_host_with_a_sensor_are_its_own_and_no_evidence() -> None:
    made = mapped(CORRELATED, agent_id=SOURCE)
    assert not [obj for obj in made if obj["type"] == "domain-name"]


def test_a_lead_begins_with_its_first_signal_and_its_rule_is_not_named_after_the_host() -> None:
    made = mapped(LEAD)
    assert (facts(made)["first_seen"], facts(made)["techniques"]) == ("2026-11-20T05:11:47.000Z", ["T1203"])
    assert facts(made)["title"] == LEAD["display_name"]
    assert one(made, "indicator")["name"] == "Automated lead"


def test_all_indicators_that_matched_are_evidence_and_the_alerts_own_file_is_not_told_twice() -> None:
    own, written = "a1" * 32, "b2" * 32
    context = [
        {"ioc_type": "hash_sha256", "ioc_value": own},
        {"ioc_type": "hash_sha256", "ioc_value": written},
        {"ioc_type": "domain", "ioc_value": "c2.example"},
    ]
    made = mapped(LEAD, filename="setup.exe", sha256=own, ioc_context=context)
    hashes = [obj["hashes"]["SHA-256"] for obj in made if obj["type"] == "file"]
    assert sorted(hashes) == sorted([own, written])
    assert one(made, "domain-name")["value"] == "c2.example"


def test_a_connection_under_the_external_address_is_the_gateways() -> None:
    host = {"device_id": SOURCE, "local_ip": "192.0.2.7", "mac_address": "00-00-5e-00-53-07"}
    behind = {**host, "connection_ip": "203.0.113.9", "external_ip": "203.0.113.9"}
    public = {**behind, "local_ip": "203.0.113.9"}
    for record, wanted in ((behind, {"192.0.2.7"}), (public, {"203.0.113.9"})):
        found = objects_of(map_records(falcon, "hosts", [record]))
        assert {obj["value"] for obj in found if obj["type"] == "ipv4-addr"} == wanted
