"""Streams that are bounded: guarantee 13, and the end of a bus, for every engine."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest
from tests.hub.bus.filling import STREAM, fill

from isthmus_hub.bus import Bus, Retention, StorageFault, StorageFull

MakeBus = Callable[[], Bus]
ENTRY = 10_000


def publish(bus: Bus, number: int) -> None:
    entry = random.Random(number).randbytes(ENTRY)  # which no engine can shrink
    bus.publish(STREAM, [entry], block_id=str(number).encode())


def stored(bus: Bus) -> int:
    return bus.health().streams[0].stored_bytes


def fill_to(bus: Bus, bound: int) -> int:
    """Publish until the bound is reached; the next number."""
    number = 0
    while bus.filling(STREAM)[0] < bound:
        publish(bus, number)
        number += 1
    return number


def test_a_policy_is_stored_with_the_stream(make_bus: MakeBus) -> None:
    bus = make_bus()
    bus.ensure(STREAM, Retention(max_age=60.0, max_bytes=10_000_000))
    assert bus.streams() == [STREAM]
    bus.close()
    bus = make_bus()
    bus.ensure(STREAM)
    assert bus.filling(STREAM)[1] == Retention(60.0, 10_000_000)


def test_a_bounded_stream_drops_what_everybody_has_read_and_goes_on(bus: Bus) -> None:
    bus.ensure(STREAM, Retention(max_bytes=50_000))
    group = bus.subscribe(STREAM, "resolve")
    for number in range(60):
        publish(bus, number)
        group.commit(group.poll()[-1].last)
    assert bus.end(STREAM) == 60
    assert bus.ends(STREAM)[0] > 1
    assert stored(bus) <= 50_000 + 2 * ENTRY


def test_a_publisher_waits_for_a_laggard_and_is_told_who_it_is(bus: Bus) -> None:
    bus.ensure(STREAM, Retention(max_bytes=30_000))
    bus.subscribe(STREAM, "slow")
    bus.subscribe(STREAM, "fast")
    number = fill_to(bus, 30_000)
    bus.commit(STREAM, "fast", bus.end(STREAM))
    with pytest.raises(StorageFull, match=r"slow \(\d+ entries behind\)") as raised:
        bus.publish(STREAM, [b"x"], block_id=b"next", timeout=0.01)
    assert "fast" not in str(raised.value)
    assert bus.end(STREAM) == number
    assert bus.ends(STREAM)[0] == 1, "nothing was dropped"


@pytest.mark.parametrize("free", ["commit", "forget"])
def test_a_waiting_publisher_goes_on_when_the_laggard_has_read_or_is_removed(make_bus: MakeBus, free: str) -> None:
    bus = make_bus()
    bus.ensure(STREAM, Retention(max_bytes=30_000))
    bus.subscribe(STREAM, "slow")
    number = fill_to(bus, 30_000)
    publisher = threading.Thread(target=bus.publish, args=(STREAM, [b"x"]), kwargs={"block_id": b"next"})
    publisher.start()
    other = make_bus()
    if free == "commit":
        other.commit(STREAM, "slow", number)
    else:
        assert other.forget(STREAM, "slow")
    publisher.join(30)
    assert not publisher.is_alive()
    assert bus.end(STREAM) == number + 1


def test_a_block_that_is_stored_already_needs_no_room_once_there_is_some(bus: Bus) -> None:
    bus.ensure(STREAM, Retention(max_bytes=30_000))
    number = fill_to(bus, 30_000)
    assert bus.publish(STREAM, [b"x"], block_id=str(number - 1).encode()).duplicate


def test_age_is_applied_by_publishing(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("time.time", lambda: now)
    fill(bus, 2, tag="old")
    bus.ensure(STREAM, Retention(max_age=500))
    now = 2_000.0
    fill(bus, 1, tag="new")
    assert bus.ends(STREAM) == (5, 6)


def test_a_drained_bus_lets_nothing_in_and_everything_out(bus: Bus) -> None:
    fill(bus, 2)
    subscription = bus.subscribe(STREAM, "resolve")
    assert bus.drain(timeout=30)
    with pytest.raises(StorageFault, match="drained"):
        bus.publish(STREAM, [b"x"], block_id=b"late")
    assert len(subscription.poll()) == 2
    subscription.commit(4)
    assert bus.groups(STREAM)[0].lag == 0


def test_closing_ends_the_wait_of_a_publisher(bus: Bus) -> None:
    bus.ensure(STREAM, Retention(max_bytes=20_000))
    bus.subscribe(STREAM, "slow")
    fill_to(bus, 20_000)
    outcome: list[Exception] = []

    def publish() -> None:
        try:
            bus.publish(STREAM, [b"x"], block_id=b"next")
        except StorageFault as error:
            outcome.append(error)

    thread = threading.Thread(target=publish)
    thread.start()
    bus.close()
    thread.join(30)
    assert "closed" in str(outcome[0])
