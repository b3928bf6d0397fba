"""What the appliance's records become, field by field where its habits matter."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.conftest import Objects, edges, map_records, objects_of
from tests.connectors.tenable_ot.appliance import asset, event, interface, link, nodes, uid

from isthmus_connectors.tenable_ot.connector import tenable_ot
from isthmus_sdk import stix

GATEWAY = "00:00:5e:00:53:fe"


def made(**fields: Any) -> dict[str, Any]:
    """The asset that a row becomes, with its facts at the top."""
    (found,) = [
        obj
        for obj in objects_of(map_records(tenable_ot, "assets", [asset(1, **fields)]), "infrastructure")
        if (stix.facts(obj, stix.ASSET) or {})["kind"] == "asset"
    ]
    return {**found, **(stix.facts(found, stix.ASSET) or {})}


def raised(**fields: Any) -> tuple[Objects, dict[str, Any]]:
    objects = objects_of(map_records(tenable_ot, "events", [event(1, **fields)]))
    (main,) = [obj for obj in objects if obj["type"] in ("incident", "sighting")]
    return objects, {**main, **(stix.facts(main, stix.ALERT) or {})}


def talked(**fields: Any) -> dict[str, Any]:
    (edge,) = edges(objects_of(map_records(tenable_ot, "links", [link(1, **fields)])), "communicates-with")
    return {**edge, **(stix.facts(edge, stix.COMMUNICATION) or {})}


def test_an_asset_is_all_there_is_with_nothing_but_its_id() -> None:
    outcome = map_records(
        tenable_ot, "assets", [{"id": "a"}, {"id": "b", "macs": None, "risk": None, "segments": {"nodes": None}}]
    )
    assert outcome.mapped == 2


def test_a_mac_that_is_only_direct_is_kept_and_is_not_the_assets_own() -> None:
    rows = [asset(number, directMacs=nodes(GATEWAY), directIps=nodes(f"192.0.2.{number}")) for number in range(1, 8)]
    objects = objects_of(map_records(tenable_ot, "assets", rows))
    facts = [known for obj in objects if (known := stix.facts(obj, stix.ASSET))]
    assert len(facts) == 7
    assert all(known["identifiers"] == [{"kind": "mac_direct", "value": GATEWAY}] for known in facts)
    assert not any("mac" in card for known in facts for card in known["interfaces"])
    assert len(edges(objects, "related-to")) == 7


def test_a_mac_that_is_the_assets_own_carries_its_direct_addresses() -> None:
    known = made(macs=nodes("00:00:5E:00:53:01"), directMacs=nodes("00:00:5e:00:53:01"), directIps=nodes("192.0.2.7"))
    (card,) = known["interfaces"]
    assert (card["mac"], card["ips"]) == ("00:00:5e:00:53:01", ["192.0.2.7"])
    assert "identifiers" not in known


def test_addresses_that_reach_an_asset_through_another_one_stand_by_themselves() -> None:
    known = made(ips=nodes("192.0.2.51", "192.0.2.52", "192.0.2.50"), directIps=nodes("192.0.2.50"))
    assert {card.get("name"): card["ips"] for card in known["interfaces"]} == {
        None: ["192.0.2.50"],
        "indirect": ["192.0.2.51", "192.0.2.52"],
    }


def test_without_direct_addresses_all_are_the_assets() -> None:
    assert [card["ips"] for card in made(ips=nodes("192.0.2.7"))["interfaces"]] == [["192.0.2.7"]]


def test_a_connection_may_be_the_list_itself() -> None:
    assert [
        card["ips"] for card in made(ips=["192.0.2.7"], segments=[{"id": "s", "name": "Cell 3"}])["interfaces"]
    ] == [["192.0.2.7"]]


@pytest.mark.parametrize(
    ("written", "level"), [("Level1", "1"), ("Level3_5", "3.5"), ("UnknownLevel", None), (None, None), (2, "2")]
)
def test_the_level_is_one_spelling(written: Any, level: str | None) -> None:
    known = made(purdueLevel=written)
    assert (known.get("purdue_level"), known.get("level_source")) == (level, "inferred" if level else None)


def test_year_1_is_never() -> None:
    known = made(firstSeen="0001-01-01T00:00:00Z", lastSeen="0001-01-01T00:00:00Z")
    assert not {"first_seen", "last_seen"} & set(known)


def test_risk_is_a_number_written_as_text() -> None:
    assert "risk:73" in made(risk={"totalRisk": "72.8374829734034"})["labels"]


@pytest.mark.parametrize(
    ("kind", "parent", "expected"),
    [
        ("Plc", "Controller", "plc"), ("Eng", "Workstation", "engineering-workstation"), ("Unknown", "Server", "server"),
        ("OtDevice", "OtDevice", None), ("Unknown", "Unknown", None), ("PowerSupply", "Unknown", "PowerSupply"),
    ],
)  # fmt: skip
def test_the_class_is_that_of_the_type_or_of_its_parent(kind: str, parent: str, expected: str | None) -> None:
    assert made(type=kind, superType=parent).get("asset_class") == expected


def test_criticality_is_a_number_and_none_is_none_of_it() -> None:
    assert [made(criticality=f"{word}Criticality").get("criticality") for word in ("None", "Low", "High", "Odd")] == [
        0,
        25,
        75,
        None,
    ]


def test_only_the_name_of_a_computer_is_a_host_name() -> None:
    assert made(name="ENG-01", type="Eng")["hostname"] == "eng-01"
    assert "hostname" not in made(name="MIXER-L81", type="Plc")
    assert "hostname" not in made(name="Server #238", type="Server")


def test_one_segment_is_the_zone_several_and_nameless_ones_are_labels() -> None:
    assert made(segments=nodes({"id": "s1", "name": "Cell 3", "vlan": "20"}))["zone"] == "Cell 3"
    several = made(segments=nodes({"id": "s1", "name": "Cell 3"}, {"id": "s2", "name": "Cell 4"}, {"id": "s3"}))
    assert "zone" not in several
    assert {"segment:Cell 3", "segment:Cell 4", "segment:s3"} <= set(several["labels"])


def test_a_hidden_asset_is_still_one() -> None:
    assert "hidden" in made(hidden=True)["labels"]


def test_an_event_of_a_policy_is_a_sighting_of_it_about_the_assets() -> None:
    objects, known = raised(srcAssets=nodes({"id": uid(1)}), dstAssets=nodes({"id": uid(2)}), severity="High")
    ids = [objects_of(map_records(tenable_ot, "assets", [{"id": uid(number)}]))[0]["id"] for number in (1, 2)]
    assert {(each["role"], each["ref"]) for each in known["subjects"]} == {("source", ids[0]), ("target", ids[1])}
    (rule,) = [obj for obj in objects if obj["type"] == "indicator"]
    assert (known["sighting_of_ref"], rule["name"], known["severity"]) == (rule["id"], "Asset not seen", 70)


def test_ends_that_the_appliance_does_not_name_are_addresses_and_else_macs() -> None:
    objects, known = raised(srcIP="192.0.2.7", srcMac="00:00:5e:00:53:07", dstMac="00:00:5e:00:53:08")
    by_id = {obj["id"]: obj for obj in objects}
    ends = {each["role"]: by_id[each["ref"]] for each in known["subjects"]}
    assert (ends["source"]["name"], ends["target"]["value"]) == ("192.0.2.7", "00:00:5e:00:53:08")


def test_an_asset_as_the_appliance_exports_it_is_read_too() -> None:
    exported = {
        "id": uid(7), "type": "Cp", "superType": "Controller", "modelName": "1763-L16BBB", "risk": 23.87,
        "macs": ["00:00:5e:00:53:07"], "ips": ["192.0.2.7"], "directIps": None, "directMacs": None,
        "criticality": "CriticalCriticality", "extendedSegments": [{"id": uid(8), "name": "Cell 3"}],
    }  # fmt: skip
    outcome = map_records(tenable_ot, "assets", [exported])
    assert outcome.mapped == 1, outcome.quarantined
    [found] = [obj for obj in objects_of(outcome, "infrastructure") if "asset" in obj["labels"]]
    known = stix.facts(found, stix.ASSET) or {}
    assert (known["model"], known["zone"], known["criticality"]) == ("1763-L16BBB", "Cell 3", 100)
    assert (known["interfaces"][0]["mac"], known["interfaces"][0]["ips"]) == ("00:00:5e:00:53:07", ["192.0.2.7"])
    assert "risk:24" in found["labels"]


@pytest.mark.parametrize(
    ("written", "protocols", "port"),
    [
        ({"protocol": "ADS/AMS (udp/48899)", "port": 48899}, ["ipv4", "udp", "ads-ams"], 48899),
        ({"protocol": "TCP", "protocolNiceName": "S7 Communication Plus", "port": "102"}, ["ipv4", "tcp", "s7-communication-plus"], 102),
        ({"protocol": "Modbus (TCP/502)", "protocolNiceName": "Modbus", "port": None}, ["ipv4", "tcp", "modbus"], 502),
        ({"protocol": "Unknown", "port": None}, ["ipv4"], None),
        ({"protocol": "TCP/8443", "port": None}, ["ipv4", "tcp"], 8443),
    ],
)  # fmt: skip
def test_the_conversation_of_an_event_has_its_protocol_in_every_spelling(
    written: dict[str, Any], protocols: list[str], port: int | None
) -> None:
    ends = {"srcIP": "192.0.2.5", "dstIP": "192.0.2.6", "protocolNiceName": None}
    [traffic] = [obj for obj in raised(**{**ends, **written})[0] if obj["type"] == "network-traffic"]
    assert (traffic["protocols"], traffic.get("dst_port")) == (protocols, port)


def test_a_resolution_whose_time_nobody_tells_is_still_newer_than_the_event() -> None:
    _, known = raised(resolved=True, resolvedTs=None)
    assert known["status"] == "closed"
    assert known["modified"] > known["created"]


def test_the_history_of_addresses_is_kept_with_its_times() -> None:
    trail = (
        ("192.0.2.150", "2026-01-25T17:19:17Z", "2026-02-20T08:00:00Z", False),
        ("192.0.2.50", "2026-02-20T08:00:00Z", None, True),
    )
    objects, _ = raised(srcInterface=interface(1, *trail, lastSeen="2026-05-03T05:00:03Z"))
    held = {obj["id"]: obj for obj in objects if obj["type"] == "observed-data"}
    spans = {
        (edge.get("start_time"), edge.get("stop_time"))
        for edge in edges(objects, "related-to")
        if edge["target_ref"] in held
    }
    assert {(obj["first_observed"], obj["last_observed"]) for obj in held.values()} == {
        ("2026-01-25T17:19:17.000Z", "2026-02-20T08:00:00.000Z"),
        ("2026-02-20T08:00:00.000Z", "2026-05-03T05:00:03.000Z"),
    }
    assert spans == {("2026-01-25T17:19:17.000Z", "2026-02-20T08:00:00.000Z"), ("2026-02-20T08:00:00.000Z", None)}
    addresses = {obj["id"]: obj["value"] for obj in objects if obj["type"] in ("ipv4-addr", "mac-addr")}
    assert {tuple(sorted(addresses[ref] for ref in obj["object_refs"])) for obj in held.values()} == {
        ("00:00:5e:00:53:01", "192.0.2.150"),
        ("00:00:5e:00:53:01", "192.0.2.50"),
    }


def test_the_same_binding_in_two_events_is_one_object_that_grows() -> None:
    rows = [
        event(number, srcInterface=interface(1, ("192.0.2.50", "2026-02-20T08:00:00Z", None, True), lastSeen=seen))
        for number, seen in ((1, "2026-05-03T05:00:00Z"), (2, "2026-05-03T06:00:00Z"))
    ]
    held = [obj for row in rows for obj in objects_of(map_records(tenable_ot, "events", [row]), "observed-data")]
    bindings = [obj for obj in held if obj["first_observed"].startswith("2026-02-20")]
    assert len({obj["id"] for obj in bindings}) == 1
    assert [obj["last_observed"] for obj in bindings] == ["2026-05-03T05:00:00.000Z", "2026-05-03T06:00:00.000Z"]


def test_a_history_without_a_usable_time_or_address_says_nothing() -> None:
    trail = (("192.0.2.50", "0001-01-01T00:00:00Z", None, True), ("", "2026-02-20T08:00:00Z", None, True))
    objects, _ = raised(srcInterface=interface(1, *trail, asset_id=None))
    assert [obj for obj in objects if obj["type"] == "observed-data"] == []


def test_an_event_without_a_time_goes_to_quarantine() -> None:
    outcome = map_records(tenable_ot, "events", [event(1) | {"time": "0001-01-01T00:00:00Z"}])
    assert [bad.path for bad in outcome.quarantined] == ["time"]


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("Modbus", {"protocol": "modbus"}),
        ("Modbus (TCP/502)", {"protocol": "modbus", "transport": "tcp", "port": 502}),
        ("HTTP (Tcp/80)", {"protocol": "http", "transport": "tcp", "port": 80}),
        ("TCP/8443", {"protocol": "unknown", "transport": "tcp", "port": 8443}),
        ("UDP", {"protocol": "udp", "transport": "udp"}),
        ("TCP/99999", {"protocol": "unknown", "transport": "tcp"}),
    ],
)
def test_protocols_are_read_with_their_transport_and_port(name: str, service: dict[str, Any]) -> None:
    assert talked(protocols=nodes({"name": name, "ics": True}))["services"] == [service]


def test_a_link_without_protocols_is_still_one() -> None:
    assert talked()["services"] == [{"protocol": "unknown"}]


@pytest.mark.parametrize(
    ("ends", "reason"),
    [({"asset2": uid(1)}, "an asset talking to itself"), ({"asset2": None}, "one end is no asset")],
)
def test_a_link_that_joins_no_two_assets_is_ignored_with_the_reason(ends: dict[str, Any], reason: str) -> None:
    assert map_records(tenable_ot, "links", [link(1, **ends)]).ignored == {reason: 1}
