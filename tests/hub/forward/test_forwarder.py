"""What a collector observed reaches the centre's bus: whole, in order, once in effect, whatever the link does."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.hub.forward.link import OBSERVED, Clock, Link, cut, forwarder, observe, open_bus, run_until, stored

from isthmus_hub.bus import FORWARD_GROUP, Bus, Offset, PublishTimeout, StorageFull
from isthmus_hub.forward import forwarding
from isthmus_hub.runtime import Ingest
from isthmus_sdk.errors import Unreachable


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Bus]:
    with open_bus(tmp_path / "collector") as bus:
        yield bus


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Bus]:
    with open_bus(tmp_path / "centre") as bus:
        yield bus


def position(bus: Bus) -> int:
    (group,) = [group for group in bus.groups(OBSERVED) if group.name == FORWARD_GROUP]
    return group.position


def test_blocks_arrive_as_they_are_and_in_order(source, centre):
    for number in range(5):
        observe(source, number)
    forwarder(source, Link(centre)).drain()
    assert stored(centre) == stored(source)
    assert position(source) == source.end(OBSERVED) == 15


def test_what_was_forwarded_is_not_sent_again(source, centre):
    link = Link(centre)
    observe(source, 1)
    forwarder(source, link).drain()
    observe(source, 2)
    made = forwarder(source, link)
    made.drain()
    assert made.state.blocks == 1
    assert stored(centre) == stored(source)


def test_the_centre_never_takes_a_collectors_cursor_for_its_own(source, centre):
    observe(source, 41)
    forwarder(source, Link(centre)).drain()
    own = Ingest(centre, None, hub="centre")
    assert own.cursors("guardian", "assets") == {}
    observe(centre, 7, hub="centre")
    observe(source, 42)
    forwarder(source, Link(centre)).drain()
    assert own.cursors("guardian", "assets") == {"": b"7"}
    assert Ingest(source, None, hub="collector-a").cursors("guardian", "assets") == {"": b"42"}


def test_retention_keeps_what_has_not_been_forwarded(source, centre):
    made = forwarder(source, Link(centre))
    for number in range(4):
        observe(source, number)
    assert source.retain(OBSERVED, max_bytes=0).blocks == 0
    made.drain()
    assert source.retain(OBSERVED, max_bytes=0).blocks == 4
    assert len(stored(centre)) == 4


def test_an_unknown_outcome_is_repeated_under_the_same_id(source, centre):
    link, clock = Link(centre), Clock()
    observe(source, 1)
    told = []

    def lose_the_answer(name: str) -> None:
        if name == "publish" and centre.end(OBSERVED) and not told:
            told.append(centre.end(OBSERVED))
            raise PublishTimeout("no answer")

    link.after = lose_the_answer
    made = forwarder(source, link, clock)
    made.drain()
    assert told == [3]
    assert made.state.duplicates == 1
    assert stored(centre) == stored(source)


def test_nothing_is_committed_before_the_centre_has_acknowledged(source, centre):
    link = Link(centre)
    observe(source, 1)

    def refuse(name: str) -> None:
        if name == "publish" and link.calls.count("publish") > 1:
            cut()

    link.before = refuse
    made = forwarder(source, link)
    made.drain()
    assert position(source) == 0
    assert made.state.link == "down"
    assert made.state.error == "the link is cut"


def test_a_link_cut_for_an_hour_costs_nothing_but_time(source, centre):
    """The collector goes on observing on its embedded bus, and what it saw follows in order when the link is back."""
    link, clock = Link(centre), Clock()
    hour = (600.0, 4200.0)
    seen = [0.0]

    def observe_every_half_minute(_: float) -> None:
        while seen[0] <= clock.now:
            observe(source, len(seen))
            seen[0] += 30.0
            seen.append(seen[0])

    def cut_for_an_hour(name: str) -> None:
        if hour[0] <= clock.now < hour[1]:
            cut()

    link.before = cut_for_an_hour
    clock.each = observe_every_half_minute
    made = forwarder(source, link, clock)
    waiting = []

    def done() -> bool:
        observe_every_half_minute(0.0)
        return clock.now > 5000.0

    def look(name: str) -> None:
        cut_for_an_hour(name)
        if name == "connect":
            waiting.append(forwarding(source).pending)

    link.before = look
    run_until(made, done, clock)
    made.drain()
    assert len(stored(source)) > 160
    assert stored(centre) == stored(source)
    assert max(waiting) > 300, "the hour's blocks waited on the embedded bus"
    assert made.state.duplicates == 0


def test_pauses_grow_are_scattered_and_end_at_a_minute(source, centre):
    link, clock = Link(centre), Clock()
    link.before = cut
    made = forwarder(source, link, clock)
    made.drain(attempts=20)
    assert len(clock.pauses) == 19
    assert all(0 < pause <= 60.0 for pause in clock.pauses)
    assert clock.pauses[0] <= 0.5
    assert min(clock.pauses[10:]) >= 30.0
    assert len(set(clock.pauses[10:])) > 1
    assert made.state.failures == 20


def test_after_a_success_patience_begins_anew(source, centre):
    link, clock = Link(centre), Clock()
    for number in range(3):
        observe(source, number)

    def fail_eight_times_and_once_again_after_a_block(name: str) -> None:
        if len(clock.pauses) < 8 or (centre.end(OBSERVED) and len(clock.pauses) < 10):
            cut()

    link.before = fail_eight_times_and_once_again_after_a_block
    run_until(forwarder(source, link, clock), lambda: forwarding(source).pending == 0, clock)
    assert max(clock.pauses[:8]) > 5
    assert clock.pauses[8] <= 0.5
    assert clock.pauses[9] <= 1.0
    assert stored(centre) == stored(source)


def test_a_full_centre_holds_the_collector_back_and_not_its_intake(source, centre):
    link, clock = Link(centre), Clock()
    full = [True]

    def no_room(name: str) -> None:
        if name == "publish" and full[0] and len(link.calls) > 3:
            raise StorageFull("the centre is full")

    link.before = no_room
    clock.each = lambda _: (
        observe(source, len(clock.pauses)) and None if len(clock.pauses) < 6 else full.__setitem__(0, False)
    )
    observe(source, 0)
    made = forwarder(source, link, clock)
    run_until(made, lambda: forwarding(source).pending == 0, clock)
    assert len(stored(source)) == 6
    assert stored(centre) == stored(source)


@pytest.mark.parametrize("to", range(13))
def test_wherever_an_operator_sets_the_group_only_whole_blocks_are_sent(source, centre, to):
    for number in range(4):
        observe(source, number)
    source.seek(OBSERVED, FORWARD_GROUP, Offset(to))
    forwarder(source, Link(centre)).drain()
    arrived = stored(centre)
    assert arrived == stored(source)[len(stored(source)) - len(arrived) :]
    assert len(arrived) == 4 - max(to - 1, 0) // 3


def test_a_group_set_back_while_the_forwarder_runs_is_followed(source, centre):
    for number in range(4):
        observe(source, number)
    made = forwarder(source, Link(centre))
    while made.step():
        pass
    source.seek(OBSERVED, FORWARD_GROUP, Offset(8))
    assert made.step() == 12 - 6
    assert made.state.duplicates == 2
    assert stored(centre) == stored(source)


def test_a_lost_block_is_counted_and_the_next_ones_go_on(source, centre, monkeypatch):
    from dataclasses import replace

    for number in range(3):
        observe(source, number)
    read = source.read
    monkeypatch.setattr(
        source,
        "read",
        lambda *args: [
            replace(block, damage="the checksum does not match", entries=(), block_id=b"")
            if block.first == 4
            else block
            for block in read(*args)
        ],
    )
    made = forwarder(source, Link(centre))
    made.drain()
    assert [entries[0] for *_, entries in stored(centre)] == [
        b"collector-a guardian block 0 entry 0",
        b"collector-a guardian block 2 entry 0",
    ]
    assert made._gaps == 1


def test_an_error_nobody_foresaw_is_a_link_that_is_down(source, centre):
    link = Link(centre)
    link.before = lambda name: {}[name]
    observe(source, 1)
    made = forwarder(source, link)
    made.drain()
    assert made.state.link == "down"
    assert made.state.error.startswith("KeyError")
    link.before = lambda name: None
    made.drain()
    assert stored(centre) == stored(source)


def test_trouble_with_the_own_disk_is_waited_out(source, centre, monkeypatch):
    clock, troubles = Clock(), iter([True, True])
    wait = source.wait

    def fail_twice(*args):
        if next(troubles, False):
            raise StorageFull("our own disk is full")
        return wait(*args)

    made = forwarder(source, Link(centre), clock)
    observe(source, 1)
    monkeypatch.setattr(source, "wait", fail_twice)
    run_until(made, lambda: next(troubles, None) is None and forwarding(source).pending == 0, clock)
    assert stored(centre) == stored(source)


def test_no_secret_of_the_link_stands_in_its_state(source, centre):
    link = Link(centre)
    link.before = lambda name: (_ for _ in ()).throw(Unreachable("cannot log in with hunter2"))
    made = forwarder(source, link, redact=lambda text: text.replace("hunter2", "***"))
    made.drain()
    assert made.state.error == "cannot log in with ***"


@settings(max_examples=20, phases=[Phase.explicit, Phase.generate])  # a shrunk chance says no more than a seed
@given(seed=st.integers(0, 2**32), blocks=st.integers(1, 25), chance=st.floats(0.0, 0.12))
def test_whatever_call_fails_before_or_after_its_effect_nothing_is_lost_or_out_of_order(
    tmp_path_factory, seed, blocks, chance
):
    random_ = random.Random(seed)
    folder = tmp_path_factory.mktemp("link")

    def trouble(name: str) -> None:
        if random_.random() < chance:
            raise random_.choice(
                [Unreachable("cut"), PublishTimeout("no answer"), StorageFull("full"), OSError("reset")]
            )

    with open_bus(folder / "collector") as source, open_bus(folder / "centre") as centre:
        link, clock = Link(centre), Clock()
        link.before = link.after = trouble
        for number in range(blocks):
            observe(source, number, size=number % 4)
        restarted = 0
        while forwarding(source).pending:
            forwarder(source, link, clock).drain(attempts=random_.randrange(1, 4))
            restarted += 1
            assert restarted < 2_000
        assert stored(centre) == stored(source)
