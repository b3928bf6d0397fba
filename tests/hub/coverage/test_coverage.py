"""Declared, reachable, observed; and what nobody watches, with the cause."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from isthmus_hub.coverage import Capability, Source, gaps, matrix

NOW = datetime(2026, 3, 2, tzinfo=UTC)
EDR = (Capability("detect", ("Process Creation",), ("workstation", "server")),)
NDR = (
    Capability("detect", ("Network Traffic Flow",), ("A0003", "workstation")),
    Capability("identify", ("Software",), ("*",)),
)


def asset(name: str, kind: str, *instances: str, seen: str = "2026-03-01T12:00:00.000Z", **more: Any) -> dict[str, Any]:
    members = [{"instance": instance, "stream": "s", "native_id": name, "last_seen": seen} for instance in instances]
    return {"id": name, "name": name, "class": kind, "members": members, "scopes": [], "bindings": [], **more}


def found(
    assets: list[dict[str, Any]], sources: list[Source], links: list[dict[str, Any]] | None = None
) -> dict[tuple[str, str], set[str]]:
    out: dict[tuple[str, str], set[str]] = {}
    for gap in gaps(assets, links or [], sources, now=NOW):
        out.setdefault((gap.kind, gap.cause), set()).update(gap.assets)
    return out


def test_a_class_that_no_connector_names_is_not_declared() -> None:
    assert found([asset("plc", "plc", "ndr")], [Source("edr", EDR, "edr"), Source("ndr", NDR, "ndr")])[
        "not_in_edr", "not_declared"
    ] == {"plc"}


def test_a_connector_that_is_installed_and_not_configured_is_not_deployed() -> None:
    assert found([asset("ws", "workstation", "ndr")], [Source("edr", EDR), Source("ndr", NDR, "ndr")])[
        "not_in_edr", "not_deployed"
    ] == {"ws"}


def test_exactly_the_hidden_assets_are_absent() -> None:
    fleet = [asset(f"ws-{number}", "workstation", "ndr", *(["edr"] if number != 3 else [])) for number in range(5)]
    sources = [Source("edr", EDR, "edr"), Source("ndr", NDR, "ndr")]
    assert found(fleet, sources)["not_in_edr", "asset_absent"] == {"ws-3"}


def test_evidence_that_is_too_old_is_stale() -> None:
    old = asset("ws", "workstation", "edr", seen="2026-01-01T00:00:00.000Z")
    assert found([old], [Source("edr", EDR, "edr")])["not_in_edr", "stale"] == {"ws"}


def test_a_class_by_its_attack_id_is_the_class() -> None:
    assert ("not_on_wire", "not_declared") not in found([asset("plc", "plc", "ndr")], [Source("ndr", NDR, "ndr")])


def test_an_asset_of_unknown_class_is_judged_by_who_sees_it() -> None:
    talking = asset("10.0.0.9", "unknown", "ndr")
    result = found([talking], [Source("edr", EDR, "edr"), Source("ndr", NDR, "ndr")])
    assert result["not_in_edr", "asset_absent"] == {"10.0.0.9"}
    assert not any(kind == "not_on_wire" for kind, _ in result)


def test_one_witness_is_a_weak_one() -> None:
    result = found([asset("a", "plc", "ndr"), asset("b", "plc", "ndr", "ot")], [])
    assert result["weak_witness", "single_witness"] == {"a"}


def test_a_device_with_different_addresses_in_two_scopes_is_a_bridge_and_one_address_told_twice_is_not() -> None:
    two_feet = asset(
        "eng",
        "workstation",
        "ndr",
        scopes=["ops", "cell"],
        bindings=[{"scope": "ops", "address": "10.0.0.1"}, {"scope": "cell", "address": "192.168.1.1"}],
    )
    told_twice = asset(
        "hmi",
        "hmi",
        "ndr",
        scopes=["default", "cell"],
        bindings=[{"scope": "default", "address": "192.168.1.2"}, {"scope": "cell", "address": "192.168.1.2"}],
    )
    assert found([two_feet, told_twice], [])["bridge", "none"] == {"eng"}


def test_a_device_with_addresses_in_two_zones_of_one_scope_is_a_bridge() -> None:
    bindings = [{"scope": "works", "address": "10.0.0.1"}, {"scope": "works", "address": "10.9.0.1"}]
    eng = asset("eng", "workstation", "ndr", bindings=bindings, zones=["Office", "Cell"])
    plain = asset("srv", "server", "ndr", bindings=bindings, zones=["Office"])
    overlapping = asset("plc", "plc", "ndr", bindings=bindings[:1], zones=["Office", "Cell"])
    assert found([eng, plain, overlapping], [])["bridge", "none"] == {"eng"}


def test_a_conduit_known_from_one_source_is_one_sided() -> None:
    fleet = [asset("a", "plc", "ndr", zone="Cell"), asset("b", "server", "ndr", zone="Ops")]
    link = {"source": "a", "target": "b", "instances": ["ndr"], "external": None}
    assert found(fleet, [], [link])["one_sided_conduit", "single_witness"] == {"a", "b"}
    link["instances"] = ["ndr", "ot"]
    assert ("one_sided_conduit", "single_witness") not in found(fleet, [], [link])


def test_a_conduit_is_one_sided_also_where_its_other_end_is_in_no_zone_or_in_no_inventory() -> None:
    fleet = [asset("a", "plc", "ndr", zone="Cell"), asset("b", "server", "ndr")]
    link = {"source": "b", "target": "a", "instances": ["ndr"], "external": None}
    assert found(fleet, [], [link])["one_sided_conduit", "single_witness"] == {"a", "b"}
    link["source"] = "infrastructure--never-described"
    assert found(fleet, [], [link])["one_sided_conduit", "single_witness"] == {"a"}


@pytest.mark.parametrize("zone", [None, "Cell"])
def test_traffic_inside_a_zone_and_traffic_that_leaves_the_site_are_no_conduits_between_zones(zone: str | None) -> None:
    fleet = [asset("a", "plc", "ndr", zone=zone), asset("b", "server", "ndr", zone=zone)]
    inside = {"source": "a", "target": "b", "instances": ["ndr"], "external": None}
    outside = {"source": "a", "target": "x", "instances": ["ndr"], "external": "x", "peer": "203.0.113.7"}
    assert ("one_sided_conduit", "single_witness") not in found(fleet, [], [inside, outside])


def test_a_one_sided_conduit_says_which_side_is_heard() -> None:
    fleet = [
        asset(name, "plc", "ndr", zone=zone)
        for name, zone in (("a", "Cell"), ("b", "Cell"), ("c", "Ops"), ("d", "Ops"))
    ]
    across = {"source": "a", "target": "c", "instances": ["ndr"], "external": None}
    in_cell = {"source": "a", "target": "b", "instances": ["ndr"], "external": None}
    in_ops = {"source": "c", "target": "d", "instances": ["ndr"], "external": None}

    def told(*links: dict[str, Any]) -> list[str]:
        return [gap.detail for gap in gaps(fleet, links, [], now=NOW) if gap.kind == "one_sided_conduit"]

    assert told(across) == ["Cell to Ops: known from ndr only"]
    assert told(across, in_cell) == ["Cell to Ops: known from ndr only, which hears Cell and not Ops"]
    assert told(across, in_cell, in_ops) == [], "one sensor on both sides hears both ends"


def test_several_sensors_on_one_side_of_a_conduit_are_one_side_and_who_could_hear_the_other_closes_it() -> None:
    fleet = [
        asset(name, "plc", "ndr", zone=zone) for name, zone in zip("abcd", ("Cell", "Cell", "Ops", "Ops"), strict=True)
    ]
    span = ["span-1", "span-2"]
    across = {"source": "c", "target": "a", "instances": span, "external": None}
    in_cell = {"source": "a", "target": "b", "instances": span, "external": None}
    in_ops = {"source": "c", "target": "d", "instances": ["ops"], "external": None}

    def told(*links: dict[str, Any]) -> list[str]:
        return [gap.detail for gap in gaps(fleet, links, [], now=NOW) if gap.kind == "one_sided_conduit"]

    assert told(across, in_cell) == ["Cell to Ops: known from span-1 and span-2 only, which hear Cell and not Ops"]
    assert told(across, in_cell, in_ops) == []
    assert told({**across, "instances": ["elsewhere"]}, in_cell) == [
        "Cell to Ops: known from elsewhere only; nobody hears Ops"
    ]


def test_an_asset_that_talks_to_a_public_address_faces_the_internet() -> None:
    link = {"source": "a", "target": "outside", "instances": ["ndr"], "external": "outside", "peer": "203.0.113.7"}
    assert found([asset("a", "plc", "ndr", technology="ot")], [], [link])["internet_facing", "none"] == {"a"}


@pytest.mark.parametrize(
    ("sources", "declared", "reachable", "observed"),
    [([Source("edr", EDR)], 1, 0, 0), ([Source("edr", EDR, "edr")], 1, 1, 2), ([], 0, 0, 0)],
)
def test_the_matrix_tells_declared_reachable_and_observed_apart(
    sources: list[Source], declared: int, reachable: int, observed: int
) -> None:
    fleet = [asset("a", "server", "edr"), asset("b", "server", "edr"), asset("c", "server", "other")]
    (cell,) = [cell for cell in matrix(fleet, sources) if cell.function == "detect"]
    assert (len(cell.declared_by), len(cell.reachable_by), cell.observed, cell.assets) == (
        declared,
        reachable,
        observed,
        3,
    )


def test_the_primary_platform_s_own_sensors_are_counted_apart() -> None:
    fleet = [asset("a", "server", "edr", "ndr"), asset("b", "server", "ndr")]
    sources = [
        Source("edr", EDR, "edr", primary=True),
        Source("ndr", (Capability("detect", ("Network Traffic Flow",), ("*",)),), "ndr"),
    ]
    (cell,) = [cell for cell in matrix(fleet, sources) if cell.function == "detect"]
    assert (cell.observed, cell.by_primary) == (2, 1)
