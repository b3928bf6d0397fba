"""Traps of the payload, one test each: what they become, and what goes to quarantine."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.conftest import Objects, edges, map_records, objects_of

from isthmus_connectors.nozomi_guardian.connector import nozomi
from isthmus_sdk import stix

ASSET: dict[str, Any] = {"id": "a-1", "name": "PLC 1", "ip": ["192.168.10.20"], "type": "PLC"}
ALERT: dict[str, Any] = {
    "id": "al-1", "type_id": "VI:NEW-FUNC-CODE", "name": "New function code", "risk": "9.0", "status": "open",
    "ip_src": "10.0.0.1", "ip_dst": "10.0.0.2", "zone_src": "A", "zone_dst": "B", "time": 1777872600000,
    "created_time": 1777872600000, "record_created_at": 1777872605000, "closed_time": 0,
}  # fmt: skip
LINK: dict[str, Any] = {
    "from": "192.168.10.2", "to": "192.168.20.20", "protocol": "ssh", "first_activity_time": "1580077950812",
    "last_activity_time": "1582666859649", "transport_protocols": ["tcp"], "_ports": [{"tcp": "22"}], "function_codes": [],
}  # fmt: skip
NODE: dict[str, Any] = {
    "id": "192.168.10.20", "ip": "192.168.10.20", "mac_address": "00:00:5e:00:53:20", "zone": "Cell 1", "level": "1",
    "appliance_host": "guardian-1", "mac_address:info": {"source": "", "likelihood": 1, "likelihood_level": "confirmed"},
}  # fmt: skip
CVE: dict[str, Any] = {"id": "c-1", "cve": "CVE-2018-7844", "asset_id": "a-1", "cve_score": "7.5", "resolved": False}
RECORDS = {"assets": ASSET, "nodes": NODE, "alerts": ALERT, "node_cves": CVE, "sessions": LINK}


def asset(**fields: Any) -> dict[str, Any]:
    (obj,) = [
        obj
        for obj in objects_of(map_records(nozomi, "assets", [{**ASSET, **fields}]), "infrastructure")
        if stix.facts(obj, stix.ASSET)["kind"] == "asset"
    ]
    return obj


def facts(**fields: Any) -> dict[str, Any]:
    known = stix.facts(asset(**fields), stix.ASSET)
    assert known is not None
    return known


def alert(**fields: Any) -> dict[str, Any]:
    (obj,) = objects_of(map_records(nozomi, "alerts", [{**ALERT, **fields}]), "incident", "sighting")
    return obj


def service(**fields: Any) -> list[dict[str, Any]]:
    (edge,) = edges(objects_of(map_records(nozomi, "links", [{**LINK, **fields}])), "communicates-with")
    found: list[dict[str, Any]] = stix.facts(edge, stix.COMMUNICATION)["services"]
    return found


@pytest.mark.parametrize("stream", RECORDS)
@pytest.mark.parametrize("id", [None, "", "  ", [], {"a": 1}, True])
def test_a_record_without_its_id_goes_to_quarantine(stream: str, id: Any) -> None:
    record = RECORDS[stream]
    outcome = map_records(nozomi, stream, [{**record, "id": id}, {**record, "id": "good"}])
    assert [(bad.index, bad.path) for bad in outcome.quarantined] == [(0, "id")]
    assert outcome.mapped == 1


@pytest.mark.parametrize("stream", RECORDS)
def test_a_record_whose_id_is_missing_goes_to_quarantine(stream: str) -> None:
    record = RECORDS[stream]
    outcome = map_records(nozomi, stream, [{name: value for name, value in record.items() if name != "id"}])
    assert len(outcome.quarantined) == 1


@pytest.mark.parametrize(
    ("stream", "record", "path"),
    [
        ("assets", {**ASSET, "last_activity_time": "XXXXXXXXXX.XXXXXX"}, "last_activity_time"),
        ("assets", {**ASSET, "ip": [{"address": "10.0.0.1"}]}, "ip"),
        ("assets", {**ASSET, "mac_address_level": "confirmed"}, "mac_address_level"),
        ("alerts", {**ALERT, "risk": "high"}, "risk"),
        ("alerts", {**ALERT, "time": None, "created_time": 0}, "time"),
        ("links", {**LINK, "from": "not an address"}, "from"),
        ("links", {**LINK, "to": None}, "to"),
        ("node_cves", {**CVE, "cve_score": "severe"}, "cve_score"),
        ("node_cves", {**CVE, "asset_id": None}, "asset_id"),
        ("node_cves", {**CVE, "cve_score": 11}, "cve_score"),
        ("node_cves", {**CVE, "cve_epss_score": "1.5"}, "cve_epss_score"),
        ("alerts", {**ALERT, "risk": "10.5"}, "risk"),
    ],
)
def test_what_would_have_to_be_guessed_goes_to_quarantine_with_its_path(
    stream: str, record: dict[str, Any], path: str
) -> None:
    outcome = map_records(nozomi, stream, [record])
    assert [bad.path for bad in outcome.quarantined] == [path]


def test_nulls_and_single_values_where_lists_are_expected() -> None:
    known = facts(ip="192.168.10.21", mac_address=None, zones=None, roles="producer, consumer", vlan_id="10", tags=None)
    assert known["interfaces"][0]["ips"] == ["192.168.10.21"]
    assert known["interfaces"][0]["vlan"] == "10"
    assert known["roles"] == ["consumer", "producer"]


@pytest.mark.parametrize(
    ("written", "level"),
    [
        ("level1", "1"),
        ("Level 3", "3"),
        ("4", "4"),
        (2, "2"),
        ("1.0", "1"),
        ("3.5", "3.5"),
        ("", None),
        ("unassigned", None),
    ],
)
def test_levels_are_normalised_and_strange_words_say_nothing(written: Any, level: str | None) -> None:
    assert facts(level=written).get("purdue_level") == level


def test_the_source_of_the_level_is_told() -> None:
    assert facts(level="1")["level_source"] == "inferred"
    assert facts(level="1", **{"level:info": {"source": "manual"}})["level_source"] == "declared"
    assert "level_source" not in facts(level="")


@pytest.mark.parametrize("level", ["confirmed", "likely", None])
def test_a_mac_that_guardian_vouches_for_is_the_assets_own(level: str | None) -> None:
    levels = {"00:1B:1B:00:00:01": level} if level else None
    known = facts(mac_address=["00:1b:1b:00:00:01"], mac_address_level=levels)
    assert known["interfaces"] == [
        {
            "mac": "00:1b:1b:00:00:01", "mac_ref": stix.sco_id("mac-addr", {"value": "00:1b:1b:00:00:01"}),
            "ips": ["192.168.10.20"], "ip_refs": [stix.sco_id("ipv4-addr", {"value": "192.168.10.20"})], "scope": "default",
        }
    ]  # fmt: skip


def test_of_several_macs_none_is_tied_to_an_address() -> None:
    known = facts(mac_address=["00:1b:1b:00:00:01", "00:1b:1b:00:00:02"], ip=["10.0.0.1", "10.0.0.2"])
    assert [set(interface) & {"mac", "ips"} for interface in known["interfaces"]].count({"mac"}) == 2
    assert [interface["ips"] for interface in known["interfaces"] if "ips" in interface] == [["10.0.0.1", "10.0.0.2"]]


@pytest.mark.parametrize(
    ("fields", "asset_class"),
    [
        ({"type": "controller"}, "controller"),
        ({"type": "computer"}, "workstation"),
        ({"type": "computer", "roles": ["engineering_station", "other"]}, "engineering-workstation"),
        ({"type": "OT_device", "roles": ["historian"]}, "historian"),
        ({"type": "typehost"}, None),
        ({"type": "-"}, None),
        ({"type": "Bottling robot"}, "Bottling robot"),
    ],
)
def test_the_class_comes_from_type_and_role(fields: dict[str, Any], asset_class: str | None) -> None:
    assert facts(**fields).get("asset_class") == asset_class


@pytest.mark.parametrize(
    ("name", "hostname"),
    [("plc160.acme.example", "plc160.acme.example"), ("192.168.10.20", None), ("PLC 3-1", None), (None, None)],
)
def test_a_name_is_a_host_name_only_where_it_can_be_one(name: str | None, hostname: str | None) -> None:
    assert facts(name=name).get("hostname") == hostname


def test_an_asset_without_a_name_is_named_after_its_product_or_its_id() -> None:
    assert asset(name=None)["name"] == "a-1"
    assert asset(name="", product_name="SIMATIC S7-1500")["name"] == "SIMATIC S7-1500"


def test_the_scope_of_an_interface_is_decided_by_zone_sensor_and_vlan() -> None:
    asked: list[tuple[Any, ...]] = []

    def scope(*where: Any) -> str:
        asked.append(where)
        return "north/cell-3"

    record = {**ASSET, "zones": ["Cell 3"], "appliance_hosts": ["guardian-3"], "vlan_id": [10]}
    objects = objects_of(map_records(nozomi, "assets", [record], scope=scope), "infrastructure")
    assert asked == [(None, "Cell 3", "guardian-3", "10", "192.168.10.20")]
    assert any(
        (stix.facts(obj, stix.ASSET) or {}).get("interfaces", [{}])[0].get("scope") == "north/cell-3" for obj in objects
    )


def test_of_several_zones_none_is_the_assets() -> None:
    obj = asset(zones=["Cell 1", "Cell 2"])
    assert "zone" not in stix.facts(obj, stix.ASSET)
    assert {"zone:Cell 1", "zone:Cell 2"} <= set(obj["labels"])


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "open"),
        ({"ack": True}, "acknowledged"),
        ({"ack": "true"}, "acknowledged"),
        ({"status": "close", "closed_time": 1777872700000}, "closed"),
        ({"status": "closed", "ack": True}, "closed"),
        ({"status": "open", "closed_time": 1777872700000}, "open"),
        ({"status": "quantum"}, None),
    ],
)
def test_the_status_is_one_of_ours_and_the_vendors_word_is_kept(fields: dict[str, Any], status: str | None) -> None:
    known = stix.facts(alert(**fields), stix.ALERT)
    assert known.get("status") == status
    assert known["vendor_status"] == fields.get("status", "open")


@pytest.mark.parametrize(("risk", "severity"), [("9.0", 90), (6, 60), (8.0, 80), ("", None), (None, None)])
def test_risk_is_text_or_number_of_ten(risk: Any, severity: int | None) -> None:
    assert stix.facts(alert(risk=risk), stix.ALERT).get("severity") == severity


@pytest.mark.parametrize(
    ("properties", "techniques"),
    [
        ({"mitre_attack_for_ics": {"techniques": [{"id": "T0843"}], "source": {"levels": ["2"]}}}, ["T0843"]),
        ({"mitre_attack_enterprise": {"techniques": [{"id": "T1565", "name": "x"}]}}, ["T1565"]),
        ({"mitre_attack_for_ics": {"techniques": "T0843"}, "mitre_attack_enterprise": None}, ["T0843"]),
        ({"mitre_attack_for_ics": {"techniques": None}, "mitre_attack_enterprise": []}, None),
        ("no object", None),
        (None, None),
    ],
)
def test_techniques_also_stand_in_the_details_of_an_alert(properties: Any, techniques: list[str] | None) -> None:
    assert stix.facts(alert(properties=properties), stix.ALERT).get("techniques") == techniques


def test_a_finding_of_an_older_release_that_names_its_node_alone_is_on_the_endpoint() -> None:
    row = {**CVE, "asset_id": None, "node_id": "10.0.0.1", "zone": "A", "resolved": True, "resolved_reason": "Accepted"}
    (edge,) = edges(objects_of(map_records(nozomi, "node_cves", [row])), "has")
    (end,) = [
        obj["id"]
        for obj in objects_of(map_records(nozomi, "alerts", [ALERT]), "infrastructure")
        if obj["name"] == "10.0.0.1"
    ]
    assert edge["source_ref"] == end
    assert stix.facts(edge, stix.EXPOSURE)["state"] == "accepted"


def test_an_alert_without_a_trigger_is_an_incident_related_to_both_ends() -> None:
    objects = objects_of(map_records(nozomi, "alerts", [ALERT]))
    (incident,) = [obj for obj in objects if obj["type"] == "incident"]
    ends = {obj["id"] for obj in objects if (stix.facts(obj, stix.ASSET) or {}).get("kind") == "endpoint"}
    assert ends <= {edge["target_ref"] for edge in edges(objects, "related-to") if edge["source_ref"] == incident["id"]}
    assert len(ends) == 2


def test_a_trigger_of_another_kind_is_the_rule_of_a_sighting() -> None:
    record = {**ALERT, "trigger_id": "5f9b24dd-fa05-401c-ad21-240b3f761c9f", "trigger_type": "sigma_rules"}
    objects = objects_of(map_records(nozomi, "alerts", [record]))
    (indicator,) = [obj for obj in objects if obj["type"] == "indicator"]
    (sighting,) = [obj for obj in objects if obj["type"] == "sighting"]
    assert sighting["sighting_of_ref"] == indicator["id"]
    assert indicator["external_references"][0]["external_id"] == record["trigger_id"]


@pytest.mark.parametrize(
    ("protocol", "protocols"),
    [("ethernetip", ["ipv4", "tcp", "ethernetip"]), ("tcp/1122", ["ipv4", "tcp"]), (None, ["ipv4", "tcp"])],
)
def test_the_flow_that_raised_an_alert_is_observed(protocol: str | None, protocols: list[str]) -> None:
    flow = {"protocol": protocol, "transport_protocol": "tcp", "port_src": 58679, "port_dst": "44818"}
    objects = objects_of(map_records(nozomi, "alerts", [{**ALERT, **flow}]))
    (traffic,) = [obj for obj in objects if obj["type"] == "network-traffic"]
    assert (traffic["protocols"], traffic["src_port"], traffic["dst_port"]) == (protocols, 58679, 44818)
    (seen,) = [obj for obj in objects if obj["type"] == "observed-data"]
    assert seen["object_refs"] == [traffic["id"]]


def test_an_alert_of_layer_2_is_about_hardware_addresses() -> None:
    obj = alert(ip_src="", ip_dst=None, mac_src="00:0c:29:01:98:be", mac_dst="00:00:00:00:00:00")
    assert [each["ref"].partition("--")[0] for each in stix.facts(obj, stix.ALERT)["subjects"]] == ["mac-addr"]


def test_the_same_address_in_an_alert_and_in_a_link_of_one_zone_is_one_endpoint() -> None:
    from_alert = objects_of(map_records(nozomi, "alerts", [ALERT]), "infrastructure")
    row = {**LINK, "from": "10.0.0.1", "from_zone": "A", "to": "10.0.0.2", "to_zone": "C"}
    from_link = objects_of(map_records(nozomi, "links", [row]), "infrastructure")
    ids = [
        {obj["name"]: obj["id"] for obj in objects if stix.facts(obj, stix.ASSET)["kind"] == "endpoint"}
        for objects in (from_alert, from_link)
    ]
    assert ids[0]["10.0.0.1"] == ids[1]["10.0.0.1"]
    assert ids[0]["10.0.0.2"] != ids[1]["10.0.0.2"]


@pytest.mark.parametrize(
    ("fields", "services"),
    [
        ({}, [{"protocol": "ssh", "transport": "tcp", "port": 22}]),
        ({"function_codes": ["16", "3", "read"]}, [{"protocol": "ssh", "transport": "tcp", "port": 22, "function_codes": [3, 16]}]),
        ({"_ports": None, "to_port": "502"}, [{"protocol": "ssh", "transport": "tcp", "port": 502}]),
        ({"_ports": {"udp": 161}, "transport_protocols": None}, [{"protocol": "ssh", "transport": "udp", "port": 161}]),
        ({"_ports": [], "transport_protocols": [], "protocol": "unknown"}, [{"protocol": "other"}]),
    ],
)  # fmt: skip
def test_ports_and_function_codes_are_text_or_numbers(fields: dict[str, Any], services: list[dict[str, Any]]) -> None:
    assert service(**fields) == services


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"is_broadcast": True}, "broadcast or multicast traffic"),
        ({"to": "239.255.255.250"}, "broadcast or multicast traffic"),
        ({"to": "ff02::fb"}, "broadcast or multicast traffic"),
        ({"to": "255.255.255.255"}, "broadcast or multicast traffic"),
        ({"from": "00:1b:1b:00:00:01"}, "layer 2 traffic: an end without an IP address"),
        ({"from": "0.0.0.0"}, "an end without an address"),
        ({"to": "192.168.10.2"}, "an address talking to itself"),
    ],
)
def test_traffic_that_is_no_communication_is_ignored_with_a_reason(fields: dict[str, Any], reason: str) -> None:
    outcome = map_records(nozomi, "links", [{**LINK, **fields}])
    assert outcome.ignored == {reason: 1}


def test_a_node_id_with_a_context_before_the_address_keeps_the_contexts_apart() -> None:
    rows = [{**LINK, "from": f"{context}/10.0.0.1"} for context in ("site-a", "site-b")]
    objects = objects_of(map_records(nozomi, "links", rows), "infrastructure")
    assert len([obj for obj in objects if obj["name"] == "10.0.0.1"]) == 2


@pytest.mark.parametrize(
    ("fields", "state", "likelihood"),
    [
        ({}, "open", None),
        ({"resolved": "true", "resolution_reason": "Patch applied", "likelihood": 0.7}, "resolved", "likely"),
        ({"resolved": True, "resolution_reason": "Accepted risk", "probability": "Possible"}, "accepted", "possible"),
        ({"resolved": None, "likelihood": "1"}, "open", "confirmed"),
    ],
)
def test_the_state_of_an_exposure(fields: dict[str, Any], state: str, likelihood: str | None) -> None:
    (edge,) = edges(objects_of(map_records(nozomi, "node_cves", [{**CVE, **fields}])), "has")
    known = stix.facts(edge, stix.EXPOSURE)
    assert (known["state"], known.get("likelihood"), known["cvss"]) == (state, likelihood, 7.5)


def test_the_same_records_give_the_same_objects_whatever_their_order() -> None:
    rows = [{**ASSET, "id": f"a-{n}", "ip": [f"10.0.0.{n}"]} for n in range(1, 6)]
    there, back = (map_records(nozomi, "assets", order) for order in (rows, rows[::-1]))
    assert dict(there.objects) == dict(back.objects)


def test_no_time_comes_from_a_clock() -> None:
    early = objects_of(map_records(nozomi, "alerts", [ALERT], observed_at="2026-01-01T00:00:00.000Z"), "incident")
    late = objects_of(map_records(nozomi, "alerts", [ALERT], observed_at="2027-01-01T00:00:00.000Z"), "incident")
    assert early == late


def node(**fields: Any) -> dict[str, Any]:
    (obj,) = endpoints("nodes", {**NODE, **fields})
    return obj


def node_facts(**fields: Any) -> dict[str, Any]:
    known = stix.facts(node(**fields), stix.ASSET)
    assert known is not None
    return known


def endpoints(stream: str, record: dict[str, Any]) -> Objects:
    objects = objects_of(map_records(nozomi, stream, [record]), "infrastructure")
    return [obj for obj in objects if stix.facts(obj, stix.ASSET)["kind"] == "endpoint"]


def endpoint_ids(stream: str, record: dict[str, Any]) -> set[str]:
    return {obj["id"] for obj in endpoints(stream, record)}


def test_a_node_is_the_endpoint_that_links_and_alerts_of_its_sensor_and_zone_speak_of() -> None:
    link = {**LINK, "to": "192.168.10.20", "to_zone": "Cell 1", "appliance_host": "guardian-1"}
    alert = {**ALERT, "ip_dst": "192.168.10.20", "zone_dst": "Cell 1", "appliance_host": "guardian-1"}
    told = endpoint_ids("nodes", NODE)
    assert len(told) == 1
    assert told < endpoint_ids("links", link)
    assert told < endpoint_ids("alerts", alert)
    assert not told & endpoint_ids("links", {**link, "to_zone": "Cell 2"})


def test_a_node_ties_its_mac_to_its_address_and_is_no_asset() -> None:
    known = node_facts(
        **{"vlan_id": "10", "label": "plc-1.example", "roles": ["producer"], "level:info": {"source": "manual"}}
    )
    (interface,) = known["interfaces"]
    assert (interface["mac"], interface["vlan"]) == ("00:00:5e:00:53:20", "10")
    assert (known["hostname"], known["roles"], known["zone"]) == ("plc-1.example", ["producer"], "Cell 1")
    assert (known["purdue_level"], known["level_source"]) == ("1", "declared")


def test_the_mac_of_a_router_in_front_is_not_a_nodes_own() -> None:
    unsure = {**NODE, "mac_address:info": {"likelihood": 0, "likelihood_level": "unconfirmed"}}
    objects = objects_of(map_records(nozomi, "nodes", [unsure]))
    assert all("mac" not in interface for interface in node_facts(**unsure)["interfaces"])
    assert len(edges(objects, "related-to")) == 1


@pytest.mark.parametrize("told", [{}, {"mac_address:info": None}, {"mac_address:info": {"likelihood": 0.5}}])
def test_a_nodes_mac_is_its_own_where_nothing_is_said_against_it(told: dict[str, Any]) -> None:
    record = {name: value for name, value in NODE.items() if name != "mac_address:info"} | told
    (obj,) = endpoints("nodes", record)
    assert stix.facts(obj, stix.ASSET)["interfaces"][0]["mac"] == "00:00:5e:00:53:20"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"id": "00:00:5e:00:53:20", "ip": None}, "layer 2"),
        ({"id": "00:00:5e:00:53:20", "ip": ""}, "layer 2"),
        ({"is_broadcast": True}, "broadcast"),
        ({"id": "239.255.255.250", "ip": "239.255.255.250"}, "multicast"),
        ({"id": "0.0.0.0", "ip": "0.0.0.0"}, "without an address"),
    ],
)
def test_nodes_that_are_no_endpoint_are_ignored_with_the_reason(fields: dict[str, Any], reason: str) -> None:
    outcome = map_records(nozomi, "nodes", [{**NODE, **fields}])
    assert outcome.mapped == 0
    assert [reason in told for told in outcome.ignored] == [True]


@pytest.mark.parametrize(("fields", "path"), [({"ip": "plc"}, "ip"), ({"id": "plc", "ip": None}, "id")])
def test_a_node_whose_address_cannot_be_read_goes_to_quarantine(fields: dict[str, Any], path: str) -> None:
    outcome = map_records(nozomi, "nodes", [{**NODE, **fields}])
    assert [bad.path for bad in outcome.quarantined] == [path]


@pytest.mark.parametrize("stream", ["assets", "nodes"])
def test_what_the_appliance_deleted_is_no_longer_there(stream: str) -> None:
    row = {"id": "192.0.2.10", "ip": "192.0.2.10", "name": "plc"}
    for never in (0, None, ""):
        assert map_records(nozomi, stream, [{**row, "deleted_at": never}]).mapped == 1
    gone = map_records(nozomi, stream, [{**row, "deleted_at": 1_777_888_800_000}])
    assert gone.ignored == {"deleted at the appliance": 1}


def test_a_node_of_a_cmc_is_the_endpoint_that_its_guardian_speaks_of() -> None:
    row = {"id": "n-1", "ip": "192.0.2.10", "zone": "Cell"}
    (one,) = objects_of(map_records(nozomi, "nodes", [{**row, "appliance_host": "g-1"}]), "infrastructure")[:1]
    (other,) = objects_of(map_records(nozomi, "nodes", [{**row, "appliance_hosts": ["g-1"]}]), "infrastructure")[:1]
    assert one["id"] == other["id"]


def test_what_a_node_is_worth_is_in_its_labels() -> None:
    labels = node(is_confirmed="false", is_disabled=True, reputation="Bad")["labels"]
    assert labels == ["disabled", "endpoint", "reputation:bad", "unconfirmed"]
