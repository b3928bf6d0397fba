"""Every gap that can be named appears for its own reason alone, and a device in two networks is one asset and a finding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.hub.assets.builders import bench
from tests.hub.coverage.builders import SOURCES, asset, table, without

from isthmus_hub import assets as inventory
from isthmus_hub.coverage import CAUSES, KINDS, Source
from isthmus_hub.zones import Conditions, Model, ZoneRule, entry_points, place
from isthmus_sdk import stix

FOUR = ("edr", "scanner", "cmdb", "wire")
SITE = [one for one in SOURCES if one.instance in FOUR]
OLD = "2026-01-01T00:00:00.000Z"
ACROSS = {"source": "it", "target": "peer", "instances": ["wire", "edr"], "external": None}
OPERATING_SYSTEM = {
    "attribute": "operating_system",
    "values": [
        {"value": "Windows 10", "instance": "edr", "last_seen": "2026-05-30T00:00:00.000Z", "against": ["scanner"]},
        {"value": "VxWorks", "instance": "scanner", "last_seen": "2026-05-30T00:00:00.000Z", "against": ["edr"]},
    ],
}


def it(*instances: str, old: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    one = asset("it", more.pop("kind", "server"), *(instances or FOUR), **{"zone": "Cell", **more})
    for member in one["members"]:
        if member["instance"] in old:
            member["last_seen"] = OLD
    return one


def deployed(*hidden: str) -> list[Source]:
    """The site's sources, some of them installed and not configured."""
    return [Source(one.connector, one.capabilities) if one.connector in hidden else one for one in SITE]


def missing(*hidden: str) -> list[Source]:
    return [one for one in SITE if one.connector not in hidden]


CASES: dict[str, tuple[dict[str, Any], list[Source], dict[str, Any], set[tuple[str, str]]]] = {
    "nothing is missing": (it(), SITE, ACROSS, set()),
    "on the wire, in no EDR": (it("scanner", "cmdb", "wire"), SITE, ACROSS, {("not_in_edr", "asset_absent")}),
    "no EDR is configured": (it("scanner", "cmdb", "wire"), deployed("edr"), ACROSS, {("not_in_edr", "not_deployed")}),
    "no EDR is installed": (it("scanner", "cmdb", "wire"), missing("edr"), ACROSS, {("not_in_edr", "not_declared")}),
    "no agent runs on it": (it("scanner", "cmdb", "wire", kind="plc"), SITE, ACROSS, {("not_in_edr", "not_declared")}),
    "the EDR is silent": (it(old=("edr",)), SITE, ACROSS, {("not_in_edr", "stale")}),
    "in the EDR, never on the wire": (it("edr", "scanner", "cmdb"), SITE, ACROSS, {("not_on_wire", "asset_absent")}),
    "the wire is silent": (it(old=("wire",)), SITE, ACROSS, {("not_on_wire", "stale")}),
    "never scanned": (it("edr", "cmdb", "wire"), SITE, ACROSS, {("unscanned", "asset_absent")}),
    "not scanned for long": (it(old=("scanner",)), SITE, ACROSS, {("unscanned", "stale")}),
    "in the CMDB only": (
        it("cmdb"), SITE, ACROSS,
        {("not_in_edr", "asset_absent"), ("not_on_wire", "asset_absent"), ("unscanned", "asset_absent"), ("cmdb_only", "asset_absent"), ("weak_witness", "single_witness")},
    ),
    "a crown jewel with one witness": (
        it("edr", criticality=90), SITE, ACROSS,
        {("not_on_wire", "asset_absent"), ("unscanned", "asset_absent"), ("weak_witness", "single_witness")},
    ),
    "a conduit that one end tells of": (it(), SITE, {**ACROSS, "instances": ["wire"]}, {("one_sided_conduit", "single_witness")}),
    "a conduit to what no inventory knows": (it(), SITE, {**ACROSS, "target": "nobody", "instances": ["wire"]}, {("one_sided_conduit", "single_witness")}),
    "sources contradict each other": (it(disputed=[OPERATING_SYSTEM]), SITE, ACROSS, {("contradiction", "none")}),
    "in two networks": (
        it(bindings=[{"scope": "office", "address": "10.4.0.5"}, {"scope": "cell", "address": "10.1.0.5"}]), SITE, ACROSS, {("bridge", "none")},
    ),
    "on the internet": (it(), SITE, {**ACROSS, "target": "x", "external": "x"}, {("internet_facing", "none")}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_named_gap_appears_with_its_cause_and_no_other_does(name: str) -> None:
    one, sources, link, expected = CASES[name]
    fleet = [one, asset("peer", "server", *FOUR, zone="Ops")]
    found = table(fleet, sources, links=[link])
    assert {key for key, ids in found.items() if "it" in ids} == expected


def test_the_table_names_every_kind_and_every_cause() -> None:
    named = {key for *_, expected in CASES.values() for key in expected}
    assert {kind for kind, _ in named} == set(KINDS)
    assert {cause for _, cause in named} == set(CAUSES)


@pytest.mark.parametrize("hidden", FOUR)
def test_what_is_hidden_from_one_source_is_named_and_nothing_else_is(hidden: str) -> None:
    fleet = [asset(f"a{number}", "server", *FOUR) for number in range(20)]
    gone = {f"a{number}" for number in (3, 7, 11)}
    expected = {"edr": "not_in_edr", "wire": "not_on_wire", "scanner": "unscanned"}
    assert table(fleet, SITE) == {}
    found = table(without(fleet, hidden, gone), SITE)
    assert found == ({(expected[hidden], "asset_absent"): gone} if hidden in expected else {})


def at(instance: str, scope: str) -> stix.Builder:
    """The builder of an instance whose addresses are of one scope."""
    return stix.Builder(
        source_id=instance, connector=instance, observed_at="2026-03-01T00:00:00.000Z", scope=lambda *_: scope
    )


@pytest.mark.parametrize("turned", [False, True])
def test_a_workstation_whose_adapters_two_vendors_report_is_one_asset_in_two_scopes_and_a_way_in(
    tmp_path: Path, turned: bool
) -> None:
    office = stix.Interface(mac="00:50:56:aa:00:01", ips=["10.4.0.5"])
    cell = stix.Interface(mac="00:1b:1b:aa:00:02", ips=["10.1.0.5"])
    told = [
        ("edr", at("edr", "office").asset("m1", name="ENG-01", hostname="ENG-01.works.example", interfaces=[office])),
        ("ndr", at("ndr", "cell").asset("g1", name="eng-01", hostname="eng-01", interfaces=[cell])),
    ]
    zones = tuple(
        ZoneRule(name, Conditions.parse({"scope": [name]}), level=level)
        for name, level in (("office", "4"), ("cell", "2"))
    )
    with bench(tmp_path) as hub:
        for name, shape in reversed(told) if turned else told:
            hub.observe(name, shape)
            hub.resolve()
        fleet = place(inventory.inventory(hub.store), Model(zones))
    (one,) = fleet
    assert one["scopes"] == ["cell", "office"]
    assert {member["instance"] for member in one["members"]} == {"edr", "ndr"}
    assert table(fleet, [])["bridge", "none"] == {one["id"]}
    assert [(point.kind, point.asset, point.zones) for point in entry_points(fleet, [], Model(zones))] == [
        ("bridge", one["id"], ("cell", "office"))
    ]
