"""Who is on a shared bus: names are unique, and what two hubs claim is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hub.forward.link import Link, forwarder, observe, open_bus, stored

import isthmus_hub.forward
from isthmus_hub.bus import Bus
from isthmus_hub.forward import HUBS, LEASE, Claim, NameTaken, Roster, conflicts, presences
from isthmus_hub.forward._roster import Presence, Word


def test_the_public_names_are_these():
    assert sorted(isthmus_hub.forward.__all__) == [
        "Claim",
        "Forwarder",
        "Forwarding",
        "HUBS",
        "LEASE",
        "LinkState",
        "NameTaken",
        "Presence",
        "Roster",
        "Who",
        "conflicts",
        "forwarding",
        "presences",
        "register",
    ]


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with open_bus(tmp_path / "bus") as opened:
        yield opened


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The bus's clock."""
    now = [1_800_000_000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    return now


def roster(bus: Bus, hub: str = "north", origin: str = "one") -> Roster:
    return Roster(bus, hub=hub, role="collector", origin=origin, host=f"host-{origin}")


def test_a_second_hub_of_the_same_name_is_refused_and_told_where_the_first_one_runs(bus):
    roster(bus).say()
    with pytest.raises(NameTaken, match=r"'north'.*host-one.*\[hub\] name"):
        roster(bus, origin="two").say()
    roster(bus).say()  # the first one goes on


def test_the_name_is_free_when_the_first_one_left_or_was_away_for_long(bus, clock):
    first = roster(bus)
    first.say()
    first.leave()
    second = roster(bus, origin="two")
    second.say()
    clock[0] += LEASE + 1
    roster(bus, origin="three").say()
    with pytest.raises(NameTaken, match="host-three"):
        second.say()


def test_a_restarted_hub_keeps_its_place(bus, clock):
    roster(bus).say()
    clock[0] += LEASE - 1
    with pytest.raises(NameTaken):
        roster(bus, origin="two").say()
    roster(bus).say()
    with pytest.raises(NameTaken):
        roster(bus, origin="two").say()


def test_words_beyond_what_is_retained_count_as_long_ago(bus, clock):
    roster(bus).say()
    clock[0] += 2 * 86_400
    bus.retain(HUBS, max_age=86_400)
    (gone,) = presences(bus)
    assert gone.stored_at is None
    assert gone.word.hub == "north"
    roster(bus, origin="two").say()


def test_a_clock_that_is_wrong_on_one_machine_decides_nothing(bus, clock):
    roster(bus).say()
    clock[0] -= 10 * LEASE  # stored times of a stream never decrease
    with pytest.raises(NameTaken):
        roster(bus, origin="two").say()


def living(hub: str, *claims: Claim, role="collector", origin="", at: float = 1000.0, offset: int = 1) -> Presence:
    return Presence(Word(hub, role, origin or hub, f"host-{hub}", claims=claims), offset, at)


def test_two_hubs_that_claim_one_source_are_told_both_by_name():
    found = [
        living("a", Claim("guardian-a", "cmc")),
        living("b", Claim("guardian-b", "cmc")),
        living("c", Claim("guardian-c", "other"), Claim("again-c", "other")),
    ]
    (problem,) = conflicts(found, 1000.0)
    assert problem.startswith("source_id 'cmc' is claimed by hubs 'a' and 'b': ")


def test_two_hubs_with_instances_of_one_name_are_told():
    found = [living("a", Claim("guardian", "cmc-a")), living("b", Claim("guardian", "cmc-b"))]
    (problem,) = conflicts(found, 1000.0)
    assert problem.startswith("instance 'guardian' is claimed by hubs 'a' and 'b': ")


def test_one_name_and_two_centres_are_told():
    found = [living("a", origin="1"), living("a", origin="2"), living("x", role="centre"), living("y", role="centre")]
    assert [problem.split(":")[0] for problem in conflicts(found, 1000.0)] == [
        "2 hubs are named 'a' (on host-a, host-a)",
        "hubs 'x' and 'y' all resolve on this bus",
    ]


def test_the_dead_claim_nothing():
    found = [living("a", Claim("i", "s")), living("b", Claim("i", "s"), at=1000.0 + LEASE + 1)]
    assert conflicts(found, 1000.0 + LEASE + 1) == []


def test_a_collector_whose_name_is_taken_forwards_nothing_and_keeps_everything(bus, tmp_path):
    with open_bus(tmp_path / "one") as one, open_bus(tmp_path / "two") as two:
        link = Link(bus)
        first = forwarder(one, link)
        observe(one, 1)
        while first.step():
            pass
        observe(two, 2)
        second = forwarder(two, link, origin="another")
        second.drain()
        assert second.state.link == "refused"
        assert "'collector-a' is on this bus already" in second.state.error
        assert stored(bus) == stored(one)
        first.close()
        second.drain()
        assert second.state.link == "up"
        assert stored(bus) == stored(one) + stored(two)
