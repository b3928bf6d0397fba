"""Zones, conduits, owners: placing, what breaks the declared model, ways into OT."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import isthmus_hub.zones
from isthmus_hub.zones import (
    Conditions,
    ConduitRule,
    Model,
    OwnerRule,
    ZoneRule,
    conduits,
    entry_points,
    overview,
    owned_by,
    place,
    violations,
)


def zone(name: str, *subnets: str, level: str | None = None, owner: str | None = None, **when: Any) -> ZoneRule:
    conditions = {**when, **({"subnet": list(subnets)} if subnets else {})}
    return ZoneRule(name, Conditions.parse(conditions), level=level, owner=owner)


def asset(name: str, *addresses: str, scope: str = "default", **facts: Any) -> dict[str, Any]:
    bindings = [{"scope": scope, "address": address} for address in addresses]
    members = [{"instance": facts.pop("instance", "ndr")}]
    return {"id": name, "name": name, "class": "plc", "bindings": bindings, "members": members, "zone": None, "level": None, **facts}  # fmt: skip


def link(
    source: str, target: str, *services: str, external: str | None = None, instance: str = "ndr"
) -> dict[str, Any]:
    spoken = []
    for service in services:
        protocol, _, port = service.partition("/")
        spoken.append({"protocol": protocol, "transport": "tcp", **({"port": int(port)} if port else {})})
    return {
        "source": source, "target": target, "services": spoken, "instances": [instance], "external": external,
        "peer": "203.0.113.9" if external else None, "first_seen": "2026-03-01T00:00:00.000Z", "last_seen": "2026-03-02T00:00:00.000Z",
    }  # fmt: skip


CELL, DMZ, OFFICE = (
    zone("cell", "10.1.0.0/16", level="1", owner="ot"),
    zone("dmz", "10.2.0.0/16", level="3.5"),
    zone("office", "10.4.0.0/16", level="4", owner="it"),
)
PLANT = Model((CELL, DMZ, OFFICE), (ConduitRule("dmz", "cell", ("modbus", "tcp/443")), ConduitRule("office", "dmz")))
THREE = [asset("plc", "10.1.0.1"), asset("historian", "10.2.0.1"), asset("pc", "10.4.0.1")]


def placed(*assets: dict[str, Any], model: Model = PLANT) -> list[dict[str, Any]]:
    return place(assets or THREE, model)


def test_the_public_names() -> None:
    assert sorted(isthmus_hub.zones.__all__) == [
        "Conditions", "Conduit", "ConduitRule", "EntryPoint", "Model", "OwnerRule", "Violation", "ZoneRule",
        "conduits", "entry_points", "overview", "owned_by", "place", "violations",
    ]  # fmt: skip


# -- placing -----------------------------------------------------------------------------------------------------------


def test_a_declared_zone_stands_before_the_vendors_and_both_are_kept() -> None:
    (one,) = placed(asset("plc", "10.1.0.1", zone="Cell 3", level="2", level_source="inferred"))
    assert (one["zone"], one["zone_source"], one["vendor_zone"]) == ("cell", "declared", "Cell 3")
    assert (one["level"], one["level_source"]) == ("1", "declared")


def test_where_nothing_is_declared_the_vendors_zone_and_level_stay() -> None:
    (one,) = placed(asset("plc", "10.9.0.1", zone="Cell 3", level="2", level_source="inferred"))
    assert (one["zone"], one["zone_source"], one["level"], one["level_source"]) == ("Cell 3", "vendor", "2", "inferred")
    (none,) = placed(asset("plc", "10.9.0.1"))
    assert (none["zone"], none["zone_source"], none["zones"]) == (None, None, [])


def test_the_first_rule_that_matches_an_address_names_its_zone() -> None:
    model = Model((zone("cell-3", "10.1.3.0/24"), zone("cells", "10.1.0.0/16")))
    assert [each["zone"] for each in placed(asset("a", "10.1.3.9"), asset("b", "10.1.4.9"), model=model)] == [
        "cell-3",
        "cells",
    ]


def test_scope_and_subnet_must_hold_for_the_same_address() -> None:
    model = Model((zone("cell", "192.168.1.0/24", scope=["north/cell-3"]),))
    split = asset("plc", "192.168.1.5", scope="north/cell-4")
    split["bindings"].append({"scope": "north/cell-3", "address": "10.0.0.1"})
    assert placed(split, model=model)[0]["zone"] is None
    assert placed(asset("plc", "192.168.1.5", scope="north/cell-3"), model=model)[0]["zone"] == "cell"


def test_a_zone_by_vlan_vendor_zone_label_or_class_needs_no_address() -> None:
    facts: dict[str, Any] = {"vlans": ["30"], "zone": "Cell 3", "labels": ["tag:safety"], "class": "safety-controller"}
    for condition, value in (
        ("vlan", "30"),
        ("zone", "Cell 3"),
        ("label", "tag:safety"),
        ("class", "safety-controller"),
    ):
        model = Model((zone("safety", **{condition: [value]}),))
        assert placed({**asset("sis"), **facts}, model=model)[0]["zone"] == "safety"
        assert placed(asset("other"), model=model)[0]["zone"] is None


def test_every_condition_of_a_rule_must_hold() -> None:
    model = Model((zone("safety", "10.1.0.0/16", label=["tag:safety"]),))
    assert placed(asset("plc", "10.1.0.1"), model=model)[0]["zone"] is None
    assert placed(asset("plc", "10.1.0.1", labels=["tag:safety"]), model=model)[0]["zone"] == "safety"


def test_an_asset_is_owned_by_the_first_rule_then_by_its_zone() -> None:
    model = Model(
        (CELL, OFFICE),
        owners=(
            OwnerRule("safety", Conditions.parse({"label": ["tag:safety"]})),
            OwnerRule("net", Conditions.parse({"class": ["switch"]})),
        ),
    )
    found = placed(
        asset("sis", "10.1.0.1", labels=["tag:safety"]), asset("plc", "10.1.0.2"), asset("sw", "10.4.0.2", **{"class": "switch"}), asset("x"),
        model=model,
    )  # fmt: skip
    assert [each["owner"] for each in found] == ["safety", "ot", "net", None]
    assert [each["id"] for each in owned_by(found, "none")] == ["x"]


@given(st.integers(0, 1_000))
def test_placing_does_not_depend_on_the_order_of_assets_or_addresses(seed: int) -> None:
    rng = random.Random(seed)
    assets = [
        asset(f"a{n}", *(f"10.{rng.choice((1, 2, 4, 9))}.0.{rng.randrange(250)}" for _ in range(rng.randrange(4))))
        for n in range(12)
    ]
    before = {each["id"]: (each["zone"], tuple(each["zones"])) for each in place(assets, PLANT)}
    rng.shuffle(assets)
    for each in assets:
        rng.shuffle(each["bindings"])
    assert {each["id"]: (each["zone"], tuple(each["zones"])) for each in place(assets, PLANT)} == before


# -- conduits ----------------------------------------------------------------------------------------------------------


def test_communication_across_zones_is_a_conduit_in_the_direction_it_was_begun() -> None:
    links = [
        link("historian", "plc", "modbus/502"),
        link("historian", "plc", "modbus/502", instance="zeek"),
        link("plc", "plc"),
    ]
    (one,) = conduits(placed(), links, PLANT)
    assert (one.source, one.target, one.services, one.instances) == ("dmz", "cell", {"modbus/502": 2}, {"ndr", "zeek"})
    assert (len(one.pairs), one.declared) == (1, True)


def test_what_is_declared_breaks_nothing() -> None:
    links = [
        link("historian", "plc", "modbus/502"),
        link("historian", "plc", "tls/443"),
        link("pc", "historian", "smb/445"),
    ]
    assert violations(placed(), links, PLANT) == []


def test_traffic_without_a_conduit_and_a_service_it_is_not_meant_for_are_named() -> None:
    found = violations(
        placed(), [link("plc", "historian", "http/80"), link("historian", "plc", "telnet/23", "modbus/502")], PLANT
    )
    assert [(one.kind, one.source, one.target, one.services, one.assets) for one in found] == [
        ("undeclared_conduit", "cell", "dmz", ("http/80",), ("historian", "plc")),
        ("undeclared_service", "dmz", "cell", ("telnet/23",), ("historian", "plc")),
    ]


def test_skipping_the_dmz_is_a_finding_where_no_conduit_is_declared_at_all() -> None:
    model = Model((CELL, DMZ, OFFICE))
    found = violations(
        placed(model=model), [link("pc", "plc", "rdp/3389"), link("pc", "historian"), link("historian", "plc")], model
    )
    assert [(one.kind, one.source, one.target) for one in found] == [("level_skip", "office", "cell")]


def test_a_declared_conduit_past_the_dmz_is_meant() -> None:
    model = Model((CELL, OFFICE), (ConduitRule("office", "cell"),))
    assert violations(placed(model=model), [link("pc", "plc", "rdp/3389")], model) == []


def test_levels_that_are_skipped_inside_ot_are_named() -> None:
    found = violations(
        placed(asset("mes", level="3"), asset("drive", level="0"), model=Model()),
        [link("mes", "drive", "opcua/4840")],
        Model(),
    )
    assert [one.detail for one in found] == ["level 3 to level 0: levels between are skipped"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["plc", "historian", "pc"]), st.sampled_from(["plc", "historian", "pc"])), max_size=12
    )
)
def test_with_conduits_declared_exactly_the_pairs_of_zones_without_one_are_violations(
    pairs: list[tuple[str, str]],
) -> None:
    zones = {"plc": "cell", "historian": "dmz", "pc": "office"}
    model = Model((CELL, DMZ, OFFICE), (ConduitRule("dmz", "cell"), ConduitRule("office", "*")))
    found = violations(placed(model=model), [link(*pair, "x/1") for pair in pairs], model)
    allowed = {("dmz", "cell"), ("office", "cell"), ("office", "dmz")}
    wanted = {(zones[a], zones[b]) for a, b in pairs if a != b} - allowed
    assert {(one.source, one.target) for one in found if one.kind == "undeclared_conduit"} == wanted


# -- ways into OT ------------------------------------------------------------------------------------------------------


def test_a_device_with_addresses_in_ot_and_it_is_a_bridge() -> None:
    (point,) = entry_points(placed(asset("ews", "10.1.0.7", "10.4.0.7"), *THREE), [], PLANT)
    assert (point.kind, point.asset, point.zones) == ("bridge", "ews", ("cell", "office"))


def test_two_addresses_in_ot_are_no_bridge() -> None:
    model = Model((CELL, zone("cell-2", "10.3.0.0/16", level="2")))
    assert entry_points(placed(asset("gw", "10.1.0.7", "10.3.0.7"), model=model), [], model) == []


def test_ot_that_talks_to_the_internet_is_an_entry_point_unless_that_is_declared() -> None:
    outside = {**asset("203.0.113.9"), "external": True}
    links = [
        link("plc", "203.0.113.9", "https/443", external="203.0.113.9"),
        link("pc", "203.0.113.9", external="203.0.113.9"),
    ]
    (point,) = entry_points(placed(*THREE, outside), links, PLANT)
    assert (point.kind, point.asset, point.peers) == ("internet_facing", "plc", ("203.0.113.9",))
    declared = Model(PLANT.zones, (*PLANT.conduits, ConduitRule("cell", "external")))
    assert entry_points(placed(*THREE, outside, model=declared), links, declared) == []


def test_the_overview_counts_every_asset_once_and_shows_empty_declared_zones() -> None:
    found = overview(placed(THREE[0], asset("x"), asset("y", zone="Line 1")), [], PLANT)
    counts = {each["name"]: each["assets"] for each in found["zones"]}
    assert counts == {"cell": 1, "dmz": 0, "office": 0, "unknown": 1, "Line 1": 1}
