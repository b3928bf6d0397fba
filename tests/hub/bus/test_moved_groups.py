"""A group that an operator sets to another place, or removes, while its consumer runs."""

from __future__ import annotations

import pytest
from tests.hub.bus.filling import STREAM, fill

from isthmus_hub.bus import EARLIEST, LATEST, Backoff, Bus, Offset, PartitionsChanged, Start


@pytest.mark.parametrize(("to", "then"), [(Offset(3), 3), (LATEST, 7)])
def test_a_running_consumer_goes_where_its_group_is_set_to(bus: Bus, to: Start, then: int) -> None:
    fill(bus, 3)
    subscription = bus.subscribe(STREAM, "resolve", max_blocks=2)
    assert subscription.poll()[-1].last == 4
    bus.seek(STREAM, "resolve", to)
    subscription.commit(4)
    assert bus.groups(STREAM)[0].position == then - 1, "what was in hand is not committed over it"
    bus.publish(STREAM, [b"new"], block_id=b"new")
    assert subscription.poll()[0].first == then
    subscription.commit(7)
    assert bus.groups(STREAM)[0].position == 7


def test_an_idle_consumer_goes_back_with_its_group(bus: Bus) -> None:
    fill(bus, 2)
    subscription = bus.subscribe(STREAM, "resolve")
    subscription.commit(subscription.poll()[-1].last)
    bus.seek(STREAM, "resolve", EARLIEST)
    assert subscription.poll(timeout=60)[0].first == 1


@pytest.mark.parametrize("to", [Offset(1), LATEST])
def test_what_fails_after_its_group_was_set_elsewhere_is_not_tried_there(bus: Bus, to: Start) -> None:
    fill(bus, 2)
    subscription = bus.subscribe(STREAM, "resolve", backoff=Backoff(tries=1))
    subscription.poll()
    place = bus.seek(STREAM, "resolve", to)
    assert subscription.retry(3, "broken") is None
    assert (bus.groups(STREAM)[0].position, bus.dead_letters(STREAM)) == (place, [])
    assert subscription.position == place


def test_a_forgotten_group_does_not_come_back_with_the_commit_of_a_running_consumer(bus: Bus) -> None:
    fill(bus, 2)
    subscription = bus.subscribe(STREAM, "resolve")
    subscription.poll()
    assert bus.forget(STREAM, "resolve")
    with pytest.raises(PartitionsChanged, match="subscribe anew"):
        subscription.commit(4)
    assert bus.groups(STREAM) == []


def test_a_consumer_that_keeps_its_own_position_commits_it_wherever_the_group_was_set(bus: Bus) -> None:
    fill(bus, 2)
    subscription = bus.subscribe(STREAM, "resolve", from_=Offset(1))
    subscription.poll()
    bus.seek(STREAM, "resolve", EARLIEST)
    subscription.commit(4)
    assert bus.groups(STREAM)[0].position == 4
