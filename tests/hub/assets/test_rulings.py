"""What people decide about devices: which decision holds, and what it does to the partition."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.assets.test_partition import at, groups, seen
from tests.hub.assets.test_site import records

from isthmus_hub.assets import IdentityIndex, in_force, partition, rulings
from isthmus_hub.store import Decision, decide

NOW = "2026-03-01T00:00:00.000Z"


def decision(number: int, verdict: str, first: str = "", second: str = "", undoes: str = "") -> Decision:
    """``first`` and ``second``: observed things as in ``edr-1 ot-a``."""
    sides = tuple(tuple(f"infrastructure--{name}" for name in side.split()) for side in (first, second))
    return decide(Decision(number=number, verdict=verdict, sides=sides, undoes=undoes, at=NOW))  # type: ignore[arg-type]


def decided(*said: Decision, about: list[object]) -> list[set[str]]:
    clusters = partition(about, decisions=said).clusters  # type: ignore[arg-type]
    return [{id.removeprefix("infrastructure--") for id in cluster} for cluster in clusters]


# -- which decision holds ----------------------------------------------------------------------------------------------


def test_of_two_decisions_about_a_pair_the_later_one_holds() -> None:
    merged, split = decision(1, "one", "a", "b"), decision(2, "apart", "a", "b")
    assert rulings([merged, split]).one == {}
    assert rulings([split, merged]).apart == {
        "infrastructure--a": {"infrastructure--b"},
        "infrastructure--b": {"infrastructure--a"},
    }
    again = decision(3, "one", "a", "b")
    assert rulings([merged, split, again]).apart == {}


def test_a_decision_taken_back_does_not_hold_and_taking_that_back_makes_it_hold_again() -> None:
    merged = decision(1, "one", "a", "b")
    undone = decision(2, "undo", undoes=merged.id)
    assert in_force([merged, undone]) == []
    assert in_force([merged, undone, decision(3, "undo", undoes=undone.id)]) == [merged]


def test_an_earlier_decision_holds_again_once_the_later_one_is_taken_back() -> None:
    merged, split = decision(1, "one", "a", "b"), decision(2, "apart", "a", "b")
    assert rulings([merged, split, decision(3, "undo", undoes=split.id)]).one.keys() == {
        "infrastructure--a", "infrastructure--b",
    }  # fmt: skip


def test_what_is_split_off_stays_together() -> None:
    split = decision(1, "apart", "a b", "c d")
    assert rulings([split]).one == {
        "infrastructure--a": {"infrastructure--b"},
        "infrastructure--b": {"infrastructure--a"},
    }
    assert rulings([split]).apart["infrastructure--c"] == {"infrastructure--a", "infrastructure--b"}


# -- what it does ------------------------------------------------------------------------------------------------------


def test_two_records_that_share_nothing_are_one_device_where_a_person_says_so() -> None:
    devices = [seen("1", hostname="press-1"), seen("a", "ot", serial="SN4711X")]
    assert decided(about=devices) == [{"edr-1"}, {"ot-a"}]
    assert decided(decision(1, "one", "edr-1", "ot-a"), about=devices) == [{"edr-1", "ot-a"}]


def test_a_person_overrules_what_forbids_two_records_to_be_one_device() -> None:
    devices = [seen("1", hostname="press-1", serial="SN1111"), seen("2", hostname="press-2", serial="SN2222")]
    assert decided(decision(1, "one", "edr-1", "edr-2"), about=devices) == [{"edr-1", "edr-2"}]


def test_a_person_keeps_apart_what_shares_a_serial_and_everything_alike() -> None:
    facts: dict[str, Any] = {
        "serial": "SN4711X",
        "hostname": "press-1",
        "vendor": "Siemens",
        "interfaces": [{"ips": ["10.0.0.1"]}],
    }
    devices = [seen("1", **facts), seen("a", "ot", **facts)]
    assert decided(about=devices) == [{"edr-1", "ot-a"}]
    assert decided(decision(1, "apart", "edr-1", "ot-a"), about=devices) == [{"edr-1"}, {"ot-a"}]


def test_what_another_record_ties_together_stays_apart_where_a_person_says_so() -> None:
    devices = [seen("1", serial="SN4711X"), seen("a", "ot", serial="SN4711X"), seen("c", "cmdb", serial="SN4711X")]
    found = decided(decision(1, "apart", "edr-1", "ot-a"), about=devices)
    assert sorted(map(len, found)) == [1, 2]
    assert {"edr-1", "ot-a"} not in found


def test_an_address_seen_talking_goes_where_a_person_puts_it() -> None:
    holder = seen("a", "ot", interfaces=[{"ips": ["10.0.0.1"], "scope": "default"}])
    other = seen("1", hostname="press-1")
    talking = at("10.0.0.1")
    name = "ndr-endpoint:default:10.0.0.1"
    assert decided(about=[holder, other, talking]) == [{"edr-1"}, {"ot-a", name}]
    assert decided(decision(1, "one", "edr-1", name), about=[holder, other, talking]) == [{"edr-1", name}, {"ot-a"}]
    assert decided(decision(1, "apart", name, "ot-a"), about=[holder, other, talking]) == [{"edr-1"}, {name}, {"ot-a"}]


def test_two_addresses_that_nobody_holds_are_one_thing_where_a_person_says_so() -> None:
    one, two = at("10.0.0.1"), at("10.0.0.2")
    names = ["ndr-endpoint:default:10.0.0.1", "ndr-endpoint:default:10.0.0.2"]
    assert decided(decision(1, "one", *names), about=[one, two]) == [set(names)]


def test_a_decision_about_something_unknown_changes_nothing() -> None:
    devices = [seen("1", serial="SN4711X"), seen("a", "ot", serial="SN4711X")]
    said = [decision(1, "one", "edr-1", "gone-1"), decision(2, "apart", "ot-a", "gone-2")]
    assert decided(*said, about=devices) == groups(*devices)


def test_the_evidence_says_that_a_person_decided() -> None:
    devices = [seen("1", serial="SN4711X"), seen("a", "ot", serial="SN4711X"), seen("c", "cmdb", hostname="press-9")]
    said = [decision(1, "apart", "edr-1", "ot-a"), decision(2, "one", "cmdb-c", "ot-a")]
    evidence = partition(devices, decisions=said).evidence
    assert ("decision", "") in {(each.rule, each.veto) for each in evidence}
    assert ("serial", "a person keeps them apart") in {(each.rule, each.veto) for each in evidence}


# -- whatever the order ------------------------------------------------------------------------------------------------


def decisions_about(ids: list[str], rng: random.Random) -> list[Decision]:
    """Mergers, splits and undoings of things picked at random."""
    said: list[Decision] = []
    for number in range(1, rng.randint(2, 14)):
        verdict = rng.choice(("one", "one", "apart", "undo"))
        if verdict == "undo" and said:
            said.append(decide(Decision(number=number, verdict="undo", undoes=rng.choice(said).id, at=NOW)))
            continue
        chosen = rng.sample(ids, rng.randint(2, 5))
        cut = rng.randint(1, len(chosen) - 1)
        sides = (tuple(chosen[:cut]), tuple(chosen[cut:]))
        said.append(
            decide(Decision(number=number, verdict="apart" if verdict == "apart" else "one", sides=sides, at=NOW))
        )
    return said


@pytest.mark.parametrize("seed", range(12))
def test_records_and_decisions_in_any_order_end_where_a_full_run_does(seed: int) -> None:
    rng = random.Random(seed)
    final = list(records(seed + 300, 40))
    related = [id for cluster in partition(final).clusters if len(cluster) > 1 for id in cluster]
    said = decisions_about([*rng.sample(related, min(len(related), 12)), rng.choice(final).id], rng)
    index = IdentityIndex()
    arrivals: list[tuple[str, int]] = [("record", n) for n in range(len(final))] + [
        ("said", n) for n in range(len(said))
    ]
    rng.shuffle(arrivals)
    known: list[Decision] = []
    for kind, number in arrivals:
        if kind == "record":
            index.update([final[number]])
            continue
        known.append(said[number])
        before = {id: index.cluster_of(id) for id in index.observations}
        affected = index.update(index.rule(rulings(known)))
        assert {id for id, cluster in before.items() if index.cluster_of(id) != cluster} <= affected
    whole = partition(final, decisions=said)
    assert tuple(index.clusters(index.observations)) == whole.clusters
    rng.shuffle(final)
    assert partition(final, decisions=reversed(said)).clusters == whole.clusters


@pytest.mark.parametrize("seed", range(6))
def test_without_its_decisions_the_inventory_is_what_it_was(seed: int) -> None:
    rng = random.Random(seed)
    final = records(seed + 400, 40)
    plain = partition(final)
    index = IdentityIndex()
    index.update(final)
    said = [one for one in decisions_about([record.id for record in final], rng) if one.verdict != "undo"]
    index.update(index.rule(rulings(said)))
    undone = [decide(Decision(number=100 + n, verdict="undo", undoes=one.id, at=NOW)) for n, one in enumerate(said)]
    index.update(index.rule(rulings(said + undone)))
    assert tuple(index.clusters(index.observations)) == plain.clusters


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_what_a_person_keeps_apart_is_never_one_device(seed: int) -> None:
    rng = random.Random(seed)
    final = records(seed % 20 + 500, 30)
    said = decisions_about([record.id for record in final], rng)
    holding = rulings(said)
    for cluster in partition(final, decisions=said).clusters:
        kinds = {record.id: record.endpoint for record in final}
        devices = [id for id in cluster if not kinds[id]]
        assert not any(two in holding.apart.get(one, ()) for one in devices for two in devices)


def test_chains_of_mergers_make_one_device() -> None:
    devices = [seen(str(number), hostname=f"press-{number}") for number in range(6)]
    said = [decision(n, "one", f"edr-{a}", f"edr-{b}") for n, (a, b) in enumerate(pairwise(range(6)), 1)]
    assert decided(*said, about=devices) == [{f"edr-{number}" for number in range(6)}]
