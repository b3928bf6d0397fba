"""Partitions, retries and dead letters: guarantees 11 and 12, for every engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.bus.filling import STREAM, fill

from isthmus_hub.bus import (
    Backoff,
    Bus,
    DeadLetter,
    Offset,
    PartitionsChanged,
    StorageFull,
    StoredBlock,
    Subscription,
)
from isthmus_hub.bus._groups import partition_of

MakeBus = Callable[[], Bus]
AT_ONCE = Backoff(tries=3, first=0.0)


class Vexed(Exception):
    """What a consumer raises."""


def fault(text: str = "cannot be read") -> Vexed:
    try:
        raise Vexed(text)
    except Vexed as error:
        return error


def rest(subscription: Subscription) -> list[StoredBlock]:
    """All there is, committed batch by batch."""
    found: list[StoredBlock] = []
    while batch := subscription.poll():
        found += batch
        subscription.commit(batch[-1].last)
    return found


# -- partitions ----------------------------------------------------------------------------------------------------------


def test_partitions_share_the_keys_and_keep_the_order_of_each(bus: Bus) -> None:
    keys = [f"edr-{number}/alerts" for number in range(12)]
    for number in range(60):
        bus.publish(STREAM, [str(number).encode()], block_id=str(number).encode(), key=keys[number * 7 % 12])
    seen = [rest(bus.subscribe(STREAM, "resolve", partition=(part, 3), max_blocks=5)) for part in range(3)]
    assert sorted(block.first for blocks in seen for block in blocks) == list(range(1, 61))
    assert all(seen), "twelve keys leave no partition of three empty"
    for blocks in seen:
        assert [block.first for block in blocks] == sorted(block.first for block in blocks)
    owners = [{block.key for block in blocks} for blocks in seen]
    assert sum(map(len, owners)) == 12, "a key belongs to one partition"


def test_a_partition_that_finds_only_blocks_of_others_does_not_hold_back_retention(bus: Bus) -> None:
    fill(bus, 6)
    parts = [bus.subscribe(STREAM, "resolve", partition=(part, 2)) for part in range(2)]
    assert sorted(len(rest(part)) for part in parts) == [0, 6]
    (group,) = bus.groups(STREAM)
    assert (group.position, group.lag, group.partitions) == (12, 0, 2)
    assert bus.retain(STREAM, max_bytes=0).blocks == 6


def test_a_partition_nobody_has_started_yet_holds_back_retention(bus: Bus) -> None:
    fill(bus, 3)
    rest(bus.subscribe(STREAM, "resolve", partition=(0, 2)))
    rest(bus.subscribe(STREAM, "resolve", partition=(0, 2)))
    assert bus.groups(STREAM)[0].position == 0
    assert bus.retain(STREAM, max_bytes=0).blocks == 0


def test_foreign_blocks_are_not_committed_while_own_ones_are_being_dealt_with(bus: Bus) -> None:
    keys = {partition_of(f"k{number}", 2): f"k{number}" for number in range(20)}
    for number, part in enumerate((0, 1, 1, 0, 1)):
        bus.publish(STREAM, [b"x"], block_id=str(number).encode(), key=keys[part])
    subscription = bus.subscribe(STREAM, "resolve", partition=(0, 2), max_blocks=1)
    assert [subscription.poll()[0].first for _ in range(2)] == [1, 4]
    assert subscription.poll() == []
    assert subscription.position == 5
    again = bus.subscribe(STREAM, "resolve", partition=(0, 2), max_blocks=1)
    assert [again.poll()[0].first for _ in range(2)] == [1, 4]


def test_the_number_of_partitions_can_change_and_nothing_is_missed(bus: Bus) -> None:
    for number in range(20):
        bus.publish(STREAM, [b"x"], block_id=str(number).encode(), key=f"k{number % 5}")
    first = bus.subscribe(STREAM, "resolve", partition=(0, 2))
    done = {block.first for block in rest(first)}
    seen = set(done)
    for part in range(3):
        seen |= {block.first for block in rest(bus.subscribe(STREAM, "resolve", partition=(part, 3)))}
    assert seen == set(range(1, 21))
    with pytest.raises(PartitionsChanged, match="subscribe anew"):
        first.commit(20)
    assert bus.subscribe(STREAM, "resolve").position == 20
    assert bus.groups(STREAM)[0].partitions == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=6))
def test_whatever_partitions_come_and_go_every_block_is_dealt_with(
    make_bus: MakeBus, steps: list[tuple[int, int, int]]
) -> None:
    bus = make_bus()
    stream = f"s{abs(hash(tuple(steps)))}"
    for number in range(24):
        bus.publish(stream, [b"x"], block_id=str(number).encode(), key=f"k{number % 7}")
    dealt: set[int] = set()
    for parts, part, count in [*steps, *((1, 0, 99),)]:
        subscription = bus.subscribe(stream, "g", partition=(part % parts, parts), max_blocks=3)
        for _ in range(count):
            if not (batch := subscription.poll()):
                break
            dealt |= {block.first for block in batch}
            subscription.commit(batch[-1].last)
        floor = bus.groups(stream)[0].position
        assert set(range(1, floor + 1)) <= dealt, "a position never passes what nobody has dealt with"
    assert dealt == set(range(1, 25))
    bus.close()


@pytest.mark.parametrize("partition", [(2, 2), (-1, 2), (0, 0), (0, 5_000)])
def test_partitions_that_cannot_be_are_refused(bus: Bus, partition: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="partition"):
        bus.subscribe(STREAM, "resolve", partition=partition)


# -- retries and dead letters --------------------------------------------------------------------------------------------


def test_a_failed_entry_comes_again_in_its_place_and_then_becomes_a_dead_letter(make_bus: MakeBus) -> None:
    bus = make_bus()
    fill(bus, 2, size=3)
    subscription = bus.subscribe(STREAM, "resolve", backoff=AT_ONCE)
    for tries in (1, 2):
        block = subscription.poll()[0]
        assert block.entries[-2:] == (b"block 0 entry 1", b"block 0 entry 2")
        assert subscription.retry(2, fault()) is None, f"try {tries}"
        assert bus.groups(STREAM)[0].position == 1, "what came before it is done"
    bus.close()
    bus = make_bus()  # tries are counted over restarts
    subscription = bus.subscribe(STREAM, "resolve", backoff=AT_ONCE)
    assert subscription.poll()[0].first == 2
    letter = subscription.retry(2, fault())
    assert letter is not None
    assert (letter.offset, letter.entry, letter.key, letter.tries) == (2, b"block 0 entry 1", "edr/alerts", 3)
    assert (letter.reason, letter.error) == ("failed 3 times", "Vexed: cannot be read")
    assert [block.entries[0] for block in rest(subscription)] == [b"block 0 entry 2", b"block 1 entry 0"]
    (group,) = bus.groups(STREAM)
    assert (group.position, group.redeliveries) == (6, 3)
    assert bus.dead_letters(STREAM) == [letter]


def test_pauses_grow_and_a_poll_waits_for_them(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("time.time", lambda: now)
    fill(bus, 1)
    subscription = bus.subscribe(STREAM, "resolve", backoff=Backoff(tries=9, first=10, factor=3, longest=60))
    for pause in (10, 30, 60, 60):
        assert subscription.poll()[0].first == 1
        subscription.retry(1, fault())
        now += pause - 0.1
        assert subscription.poll() == []
        assert bus.subscribe(STREAM, "resolve").poll() == [], "another process waits too"
        now += 0.2
    assert subscription.poll()
    subscription.retry(1, fault(), delay=5)
    assert subscription.poll() == []
    now -= 86_400
    assert subscription.poll(), "a clock that was set back does not make it wait for a day"


def test_the_same_fault_has_the_same_stack_and_another_one_has_not(bus: Bus) -> None:
    fill(bus, 2)
    subscription = bus.subscribe(STREAM, "resolve")
    letters = [subscription.dead_letter(offset, "poison", fault(f"text {offset}")) for offset in (1, 2)]
    letters.append(subscription.dead_letter(3, "poison", ValueError("elsewhere")))
    stacks = [letter.stack for letter in letters]
    assert stacks[0] == stacks[1] != stacks[2]
    assert [block.first for block in subscription.poll()] == [4]


def test_a_dead_letter_is_kept_once_however_often_it_is_given_up(make_bus: MakeBus) -> None:
    bus = make_bus()
    fill(bus, 1)
    first = bus.subscribe(STREAM, "resolve").dead_letter(1, "poison")
    bus.seek(STREAM, "resolve", Offset(1))
    assert bus.subscribe(STREAM, "resolve").dead_letter(1, "poison again").number == first.number
    bus.close()
    assert make_bus().dead_letters(STREAM) == [first]


def test_an_entry_is_not_passed_before_it_is_stored_as_a_dead_letter(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(bus, 2, size=1)
    subscription = bus.subscribe(STREAM, "resolve")
    subscription.poll()

    def full(letter: DeadLetter) -> DeadLetter:
        raise StorageFull("no room for a dead letter")

    with monkeypatch.context() as patched, pytest.raises(StorageFull):
        patched.setattr(bus, "bury", full)
        subscription.dead_letter(1, "broken")
    assert bus.groups(STREAM)[0].position == 0
    assert subscription.dead_letter(1, "broken").offset == 1
    assert bus.groups(STREAM)[0].position == 1


def test_dead_letters_belong_to_their_group_and_can_be_dropped(bus: Bus) -> None:
    fill(bus, 2)
    for group in ("a", "b"):
        bus.subscribe(STREAM, group).dead_letter(1, f"poison for {group}")
    assert [letter.reason for letter in bus.dead_letters(STREAM, "b")] == ["poison for b"]
    numbers = [letter.number for letter in bus.dead_letters(STREAM)]
    assert bus.drop_dead(STREAM, [numbers[0], 999]) == 1
    assert [letter.number for letter in bus.dead_letters(STREAM)] == numbers[1:]
    assert bus.dead_letters("resolved") == []


def test_a_requeued_letter_that_is_dropped_is_not_looked_for_any_more(bus: Bus) -> None:
    fill(bus, 1)
    subscription = bus.subscribe(STREAM, "resolve")
    first, second = (subscription.dead_letter(offset, "poison") for offset in (1, 2))
    assert bus.requeue_dead(STREAM) == 2
    assert bus.drop_dead(STREAM, [first.number]) == 1
    state = bus.group_state(STREAM, "resolve")
    assert state is not None
    assert state.requeued == (second.number,)
    assert [block.first for block in bus.subscribe(STREAM, "resolve").poll()] == [2]


def test_a_requeued_letter_comes_to_its_group_alone_and_is_gone_once_committed(make_bus: MakeBus) -> None:
    bus = make_bus()
    fill(bus, 2)
    for group in ("a", "b"):
        bus.subscribe(STREAM, group).dead_letter(2, "poison")
        rest(bus.subscribe(STREAM, group))
    letter = bus.dead_letters(STREAM, "a")[0]
    assert bus.requeue_dead(STREAM, [letter.number]) == 1
    assert bus.subscribe(STREAM, "b").poll() == []
    bus.close()
    bus = make_bus()
    subscription = bus.subscribe(STREAM, "a")
    (block,) = subscription.poll()
    assert (block.first, block.last, block.entries) == (2, 2, (b"block 0 entry 1",))
    assert subscription.poll() == [], "it is handed out once at a time"
    subscription.commit(block.last)
    assert bus.groups(STREAM)[0].position == 4
    assert [kept.group for kept in bus.dead_letters(STREAM)] == ["b"]
    assert bus.subscribe(STREAM, "a").poll() == []


def test_a_requeued_letter_that_fails_again_stays_dead(bus: Bus) -> None:
    fill(bus, 2)
    subscription = bus.subscribe(STREAM, "resolve")
    subscription.dead_letter(1, "poison")
    assert bus.requeue_dead(STREAM) == 1
    again = bus.subscribe(STREAM, "resolve")
    assert again.poll()[0].first == 1
    again.retry(1, fault())
    assert [letter.offset for letter in bus.dead_letters(STREAM)] == [1]
    assert [block.first for block in rest(again)] == [2, 3]


def test_a_letter_of_retained_past_can_still_be_delivered(bus: Bus) -> None:
    fill(bus, 3)
    subscription = bus.subscribe(STREAM, "resolve")
    subscription.dead_letter(1, "poison")
    rest(subscription)
    assert bus.retain(STREAM, max_bytes=0).blocks == 3
    bus.requeue_dead(STREAM)
    assert bus.subscribe(STREAM, "resolve").poll()[0].entries == (b"block 0 entry 0",)


def test_one_partition_waits_and_the_others_go_on(bus: Bus) -> None:
    for number in range(12):
        bus.publish(STREAM, [b"x"], block_id=str(number).encode(), key=f"k{number % 6}")
    parts = [bus.subscribe(STREAM, "resolve", partition=(part, 2)) for part in range(2)]
    batches = [part.poll() for part in parts]
    parts[0].retry(batches[0][0].first, fault(), delay=1_000)
    parts[1].commit(batches[1][-1].last)
    assert parts[0].poll() == []
    assert bus.groups(STREAM)[0].position < 12
    assert len(rest(bus.subscribe(STREAM, "resolve", partition=(1, 2)))) == 0


def test_a_subscription_without_a_group_cannot_retry(bus: Bus) -> None:
    fill(bus, 1)
    with pytest.raises(ValueError, match="group"):
        bus.subscribe(STREAM, None).retry(1, "fault")


def test_a_requeued_letter_that_is_given_up_again_stays_dead_though_its_block_is_gone(make_bus: MakeBus) -> None:
    bus = make_bus()
    fill(bus, 4)
    subscription = bus.subscribe(STREAM, "siem")
    subscription.poll()
    letter = subscription.dead_letter(1, "unknown to man")
    rest(subscription)
    subscription.commit(8)
    bus.retain(STREAM, max_bytes=0)
    assert bus.ends(STREAM)[0] > 1
    bus.requeue_dead(STREAM)
    again = bus.subscribe(STREAM, "siem")
    assert again.poll()[0].entries == (letter.entry,)
    assert again.dead_letter(1, "still unknown") == letter
    assert bus.dead_letters(STREAM) == [letter]
    assert again.poll() == []
