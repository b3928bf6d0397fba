"""Which exposure comes first: each of KEV, EPSS, reachability and criticality changes the order by itself."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from tests.hub.assets.builders import bench, source
from tests.hub.coverage.builders import asset

from isthmus_hub import assets as inventory
from isthmus_hub.coverage import exposures
from isthmus_hub.zones import Model, place


def flaw(asset: str, name: str = "CVE-2024-0001", *instances: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"relationship--{asset}-{name}-{'-'.join(instances)}", "asset": asset, "vulnerability": f"vulnerability--{name}", "name": name,
        "state": "open", "likelihood": None, "kev": None, "epss": None, "cvss": None, "fix": None, "instances": list(instances) or ["scanner"], **more,
    }  # fmt: skip


def link(source: str, target: str, external: str | None = None) -> dict[str, Any]:
    return {"source": source, "target": target, "instances": ["ndr"], "external": external}


def order(found: list[dict[str, Any]], fleet: list[dict[str, Any]], links: list[dict[str, Any]]) -> list[str]:
    return [row["asset"] for row in exposures(found, fleet, links)]


ALIKE = [asset("a", "server", zone="Ops"), asset("b", "server", zone="Ops")]


@pytest.mark.parametrize(
    ("more_urgent", "less_urgent"),
    [
        ({"kev": True}, {"kev": False, "cvss": 10.0}),
        ({"kev": True, "epss": 0.01}, {"epss": 0.99}),
        ({"epss": 0.9}, {"epss": 0.2, "cvss": 10.0}),
        ({"epss": 0.2}, {}),
        ({}, {"epss": 0.001}),
        ({"cvss": 9.0}, {"cvss": 5.0}),
        ({"likelihood": "confirmed"}, {"likelihood": "likely"}),
    ],
)
def test_what_is_known_of_exploitation_decides_between_equal_assets(
    more_urgent: dict[str, Any], less_urgent: dict[str, Any]
) -> None:
    assert order([flaw("a", "CVE-1", **less_urgent), flaw("b", "CVE-2", **more_urgent)], ALIKE, []) == ["b", "a"]
    assert order([flaw("a", "CVE-1", **more_urgent), flaw("b", "CVE-2", **less_urgent)], ALIKE, []) == ["a", "b"]


def test_what_one_source_knows_of_its_exploitation_on_one_asset_holds_on_every_asset() -> None:
    scanned, other = flaw("a", "CVE-1", "scanner", kev=True, epss=0.9), flaw("b", "CVE-1", "edr", epss=0.2)
    rows = exposures([other, scanned], ALIKE, [])
    assert [(row["asset"], row["kev"], row["epss"]) for row in rows] == [("a", True, 0.9), ("b", True, 0.9)]
    assert rows[0]["priority"] == rows[1]["priority"]


@pytest.mark.parametrize("elsewhere", [{"state": "resolved"}, {"asset": "long-gone"}])
def test_its_exploitation_is_known_also_from_where_it_is_fixed_or_the_asset_is_gone(elsewhere: dict[str, Any]) -> None:
    rows = exposures([flaw("a", "CVE-1"), flaw("b", "CVE-1", "scanner", kev=True) | elsewhere], ALIKE, [])
    assert [(row["asset"], row["kev"]) for row in rows] == [("a", True)]


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize(
    ("more_urgent", "less_urgent"),
    [
        ({"criticality": 90}, {"criticality": 80}),
        ({"criticality": 60}, {}),
        ({}, {"criticality": 40}),
        ({"labels": ["crown-jewel"]}, {"criticality": 90}),
        ({"labels": ["crown-jewel"], "criticality": 10}, {"criticality": 70}),
    ],
)
def test_the_more_critical_asset_comes_first(
    more_urgent: dict[str, Any], less_urgent: dict[str, Any], swap: bool
) -> None:
    one, two = ("b", "a") if swap else ("a", "b")
    fleet = [asset(one, "server", **more_urgent), asset(two, "server", **less_urgent)]
    assert order([flaw("a"), flaw("b")], fleet, []) == [one, two]


def test_who_can_be_reached_from_farther_away_comes_first() -> None:
    names = ["facing", "browsing", "across", "inside", "silent"]
    fleet = [asset(name, "server", zone="Cell") for name in reversed(names)] + [
        asset("office", "server", zone="Office")
    ]
    links = [
        link("x", "facing", "x"),
        link("browsing", "x", "x"),
        link("office", "across"),
        link("silent", "inside"),
    ]
    for _ in range(5):
        random.shuffle(links)
        found = exposures([flaw(name) for name in random.sample(names, 5)], fleet, links)
        assert [row["asset"] for row in found] == names
    assert [row["reach"] for row in found] == ["internet", "talks_out", "other_zone", "own_zone", "not_seen"]


def test_what_reaches_out_to_its_neighbours_is_not_reached_by_them_and_a_bridge_is() -> None:
    fleet = [asset("a", "plc", zone="Cell"), asset("b", "server", zone="Ops", zones=["Cell", "Ops"])]
    reach = {row["asset"]: row["reach"] for row in exposures([flaw("a"), flaw("b")], fleet, [link("a", "elsewhere")])}
    assert reach == {"a": "not_seen", "b": "other_zone"}


def test_a_likely_hole_in_the_crown_jewel_that_the_internet_reaches_stands_before_a_used_one_that_nobody_reaches() -> (
    None
):
    fleet = [asset("jewel", "server", criticality=100), asset("shelf", "printer", criticality=0)]
    found = exposures(
        [flaw("jewel", "CVE-1", epss=0.6), flaw("shelf", "CVE-2", kev=True)], fleet, [link("x", "jewel", "x")]
    )
    assert [(row["asset"], row["priority"]) for row in found] == [("jewel", 58.0), ("shelf", 8.0)]


def test_it_is_open_as_long_as_one_source_says_so_and_who_disagrees_is_named() -> None:
    both = [
        flaw("a", "CVE-2024-0001", "edr", state="resolved", epss=0.5),
        flaw("a", "CVE-2024-0001", "scanner", likelihood="confirmed", fix="KB1"),
    ]
    (row,) = exposures(both, ALIKE, [])
    assert (row["instances"], row["disagreeing"]) == (["scanner"], ["edr"])
    assert (row["epss"], row["likelihood"], row["fix"]) == (0.5, "confirmed", "KB1")
    assert exposures([{**one, "state": "accepted"} for one in both], ALIKE, []) == []


def test_what_is_gone_or_not_ours_has_no_exposures() -> None:
    fleet = [asset("a", "server", absent_since="2026-03-02"), asset("b", "external", external=True)]
    assert exposures([flaw("a"), flaw("b"), flaw("c")], fleet, []) == []


def test_any_order_of_arrival_gives_the_same_list() -> None:
    fleet = [asset(f"a{number}", "server", criticality=number * 20) for number in range(4)]
    found = [
        flaw(one["id"], f"CVE-2024-{number:04}", name, epss=number / 10, state=state)
        for one in fleet
        for number in range(3)
        for name, state in (("edr", "open"), ("scanner", "resolved" if number else "open"))
    ]
    expected = exposures(found, fleet, [])
    for _ in range(10):
        random.shuffle(found)
        random.shuffle(fleet)
        assert exposures(found, fleet, []) == expected
    assert len(expected) == 12


def test_what_catalogues_know_reaches_the_exposures_of_the_merged_asset(tmp_path: Path) -> None:
    with bench(tmp_path) as hub:
        edr, scanner, kev, epss = (source(name) for name in ("edr", "scanner", "kev", "epss"))
        hub.observe(
            "edr", edr.exposure(edr.asset("m1", name="h", serial="SN4711X"), "CVE-2020-0001", state="open", cvss=9.8)
        )
        hub.observe(
            "scanner",
            scanner.exposure(
                scanner.asset("t1", name="h", serial="SN4711X"), "CVE-2020-0001", state="open", epss=0.1, kev=False
            ),
        )
        hub.observe(
            "scanner",
            scanner.exposure(scanner.asset("t1", name="h", serial="SN4711X"), "CVE-2020-0002", state="open", epss=0.9),
        )
        hub.observe("kev", kev.vulnerability("CVE-2020-0001", kev=True))
        hub.observe("epss", epss.vulnerability("CVE-2020-0001", epss=0.7))
        hub.resolve()
        fleet = place(inventory.inventory(hub.store), Model())
        found = exposures(inventory.exposures(hub.store), fleet, inventory.communications(hub.store))
    assert len(fleet) == 1
    assert [(row["name"], row["kev"], row["epss"], row["cvss"], row["instances"]) for row in found] == [
        ("CVE-2020-0001", True, 0.7, 9.8, ["edr", "scanner"]),
        ("CVE-2020-0002", False, 0.9, None, ["scanner"]),
    ]
