"""What further connectors would close: each alone, and the fewest together."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from tests.hub.coverage.builders import EDR, SENSOR, SOURCES, WIRE, asset

from isthmus_hub.coverage import Fleet, Source, additions, blind_cells, blind_needs, closed_by

NAMES = [f"connector-{number}" for number in range(7)]
SPOTS = st.lists(st.frozensets(st.sampled_from(NAMES), max_size=4), max_size=12).map(
    lambda found: [((f"asset-{number}", "need"), closers) for number, closers in enumerate(found)]
)


@given(SPOTS)
def test_the_shortest_set_is_that_of_brute_force(spots: list[tuple[tuple[str, str], frozenset[str]]]) -> None:
    found = additions(spots)
    closable = [closers for _, closers in spots if closers]
    sizes = (
        size
        for size in range(len(NAMES) + 1)
        for some in combinations(NAMES, size)
        if all(closers & frozenset(some) for closers in closable)
    )
    assert found.exact
    assert len(found.shortest) == next(sizes)
    assert all(closers & frozenset(found.shortest) for closers in closable)
    assert (found.blind, found.closable) == (len(spots), len(closable))


@given(SPOTS)
def test_what_the_set_adds_step_by_step_is_all_that_can_be_closed(
    spots: list[tuple[tuple[str, str], frozenset[str]]],
) -> None:
    found = additions(spots)
    gains = {one.connector: one.adds for one in found.candidates}
    assert sum(gains.values()) == found.closable
    assert all(gains[name] > 0 for name in found.shortest)
    assert all(one.adds <= one.closes for one in found.candidates)
    assert all(one.closes == sum(one.connector in closers for _, closers in spots) for one in found.candidates)


def test_where_greed_takes_three_two_are_found() -> None:
    big, left, right = frozenset({"greedy"}), frozenset({"left"}), frozenset({"right"})
    spots = [*[big | left] * 2, *[big | right] * 2, left, right]
    found = additions(enumerate(spots))
    assert found.shortest == ("left", "right")
    assert found.candidates[0].connector == "greedy"


def test_too_many_candidates_to_try_are_chosen_greedily_and_it_says_so() -> None:
    found = additions((number, [f"c{number}"]) for number in range(40))
    assert not found.exact
    assert len(found.shortest) == 40


def test_a_connector_without_an_instance_where_the_asset_is_would_close_what_it_can_collect_there() -> None:
    fleet = Fleet(
        [asset("ws", "workstation", "wire"), asset("plc", "plc", "wire")],
        [Source("edr", EDR), Source("sensor", SENSOR), Source("wire", WIRE, "wire")],
    )
    spots = dict(blind_needs(fleet))
    assert spots["ws", "not_in_edr"] == {"edr"}
    assert spots["plc", "not_in_edr"] == frozenset(), "no agent runs on a controller"
    assert spots["plc", "unscanned"] == {"sensor"}
    assert closed_by("unscanned", ["ws", "plc"], spots) == {"sensor": 2}


def test_a_configured_connector_is_no_addition_for_an_asset_that_it_reaches_and_misses() -> None:
    fleet = Fleet([asset("seen", "server", "edr"), asset("missed", "server", "wire")], SOURCES)
    assert dict(blind_needs(fleet))["missed", "not_in_edr"] == frozenset()


def test_at_a_site_that_it_does_not_reach_another_instance_of_it_is() -> None:
    fleet = Fleet([asset("n", "server", "edr", site="North"), asset("s", "server", "wire", site="South")], SOURCES)
    assert dict(blind_needs(fleet))["s", "not_in_edr"] == {"edr"}


def test_functions_that_nobody_performs_are_blind() -> None:
    fleet = Fleet([asset("a", "server", "edr")], [Source("edr", EDR, "edr"), Source("sensor", SENSOR)])
    assert dict(blind_cells(fleet)) == {
        ("a", "identify"): {"sensor"}, ("a", "protect"): set(), ("a", "respond"): set(), ("a", "recover"): set(),
    }  # fmt: skip
