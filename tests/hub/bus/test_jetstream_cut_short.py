"""A stream on a server that was removed, replaced, or lost its end: told to whoever holds a position on it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.hub.bus.filling import STREAM, fill
from tests.hub.bus.nats import NatsServer

from isthmus_hub.bus import Bus, JetStreamBus, NatsAccess, StreamCutShort
from isthmus_hub.bus._jetstream.message import Message

_numbers = itertools.count(1)
Open = Callable[[], JetStreamBus]


@pytest.fixture
def open_bus(nats_server: NatsServer) -> Iterator[Open]:
    """Connections to one prefix."""
    opened: list[Bus] = []
    prefix = f"c{next(_numbers)}"

    def connect() -> JetStreamBus:
        opened.append(bus := JetStreamBus(NatsAccess((nats_server.url,), prefix=prefix), settle=0.0))
        return bus

    yield connect
    for bus in opened:
        bus.close()


def remove(bus: JetStreamBus) -> None:
    """As an operator at the server does."""
    bus._link.call(bus._link.request(f"STREAM.DELETE.{bus.access.prefix}_{STREAM}", None))


def test_a_reader_that_waits_is_told_when_its_stream_is_removed(open_bus: Open) -> None:
    reader, operator = open_bus(), open_bus()
    fill(operator, 2)
    subscription = reader.subscribe(STREAM, None)
    assert subscription.poll()[-1].last == 4
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(subscription.poll, 60.0)
        remove(operator)
        with pytest.raises(StreamCutShort, match="ends at offset 0, and 5 was asked for"):
            waiting.result(30)


def test_a_stream_in_its_place_with_as_many_messages_is_not_taken_for_it(open_bus: Open) -> None:
    reader, operator = open_bus(), open_bus()
    fill(operator, 2, size=3)
    assert reader.end(STREAM) == 6
    remove(operator)
    operator.close()
    fill(open_bus(), 2, size=1)
    assert reader.end(STREAM) == 2
    with pytest.raises(StreamCutShort, match="ends at offset 2"):
        reader.wait(STREAM, 6, timeout=60)


def test_a_replica_that_is_a_moment_behind_is_asked_again(open_bus: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(open_bus(), 2)
    bus = open_bus()
    reading = bus._writable(STREAM).reading
    one, asked = reading._one, itertools.count()

    async def behind(seq: int) -> Message | None:
        return None if next(asked) < 3 else await one(seq)

    monkeypatch.setattr(reading, "_one", behind)
    assert bus.end(STREAM) == 4


def test_health_names_the_groups_of_a_stream_that_was_replaced(open_bus: Open) -> None:
    bus, operator = open_bus(), open_bus()
    fill(operator, 3)
    bus.commit(STREAM, "resolve", 6)
    remove(operator)
    operator.close()
    fresh = open_bus()
    fill(fresh, 1)
    assert [text for text in fresh.health().warnings if "group resolve has read 4 entries more" in text]
