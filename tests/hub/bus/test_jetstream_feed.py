"""Readers that wait at the end of a stream are sent what is stored there; whatever happens to that, they miss nothing."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.hub.bus.filling import STREAM, fill
from tests.hub.bus.nats import NatsServer

from isthmus_hub.bus import (
    Bus,
    JetStreamBus,
    NatsAccess,
    Offset,
    OffsetExpired,
    StorageFault,
    StoredBlock,
    Subscription,
)
from isthmus_hub.bus._jetstream import feed as feeding

_numbers = itertools.count(1)
Open = Callable[..., JetStreamBus]


@pytest.fixture
def open_bus(nats_server: NatsServer) -> Iterator[Open]:
    """Connections to one prefix."""
    opened: list[Bus] = []
    prefix = f"f{next(_numbers)}"

    def connect(server: NatsServer = nats_server) -> JetStreamBus:
        opened.append(bus := JetStreamBus(NatsAccess((server.url,), prefix=prefix), settle=0.0))
        return bus

    yield connect
    for bus in opened:
        bus.close()


def waiting(bus: JetStreamBus) -> Subscription:
    """A subscription at the end of the stream that is being fed."""
    subscription = bus.subscribe(STREAM, None)
    while subscription.poll(0.05) or not bus._writable(STREAM).log.fed:
        pass
    return subscription


def consumers(bus: JetStreamBus) -> list[str]:
    """What the server keeps for readers of the stream."""
    answer = bus._link.call(bus._link.request(f"CONSUMER.NAMES.{bus.access.prefix}_{STREAM}", {}))
    return list(answer.get("consumers") or [])


def until(condition: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came to that")


def read(subscription: Subscription, count: int) -> list[StoredBlock]:
    """The next blocks, which have to follow one another."""
    found: list[StoredBlock] = []
    while len(found) < count:
        batch = subscription.poll(30)
        assert batch, "nothing came"
        found += batch
    assert [block.damage for block in found] == [""] * count
    assert [block.first for block in found[1:]] == [block.last + 1 for block in found[:-1]]
    return found


def test_what_is_stored_comes_without_being_asked_for(open_bus: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader = open_bus(), open_bus()
    fill(writer, 1)
    subscription = waiting(reader)

    def refuse(*_: object) -> None:
        raise AssertionError("it was asked for")

    monkeypatch.setattr(reader._writable(STREAM).reading, "read", refuse)
    fill(writer, 5, tag="new")
    blocks = read(subscription, 5)
    assert [block.entries[0] for block in blocks] == [b"new %d entry 0" % number for number in range(5)]
    assert (blocks[0].first, blocks[0].key, blocks[0].meta, blocks[0].block_id) == (
        3,
        "edr/alerts",
        b"cursor 0",
        b"new-0",
    )
    assert read(reader.subscribe(STREAM, None, from_=feeding_from(blocks[0])), 5) == blocks, (
        "other readers have them too"
    )


def feeding_from(block: StoredBlock) -> Any:

    return Offset(block.first)


def test_large_blocks_come_whole_among_small_ones(open_bus: Open) -> None:
    writer, reader = open_bus(), open_bus()
    fill(writer, 1)
    subscription = waiting(reader)
    large = [random.Random(number).randbytes(3_000_000) for number in range(3)]
    for number, entry in enumerate(large):
        writer.publish(STREAM, [entry], block_id=b"large-%d" % number)
        fill(writer, 2, tag=f"small-{number}")
    blocks = read(subscription, 9)
    assert [blocks[place].entries for place in (0, 3, 6)] == [(entry,) for entry in large]


@pytest.mark.parametrize(("name", "value"), [("_AT_ONCE", 2), ("_AT_ONCE_BYTES", 300), ("HELD_BYTES", 1)])
def test_a_reader_that_is_fed_in_small_portions_misses_nothing(
    open_bus: Open, monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    monkeypatch.setattr(feeding, name, value)
    writer, reader = open_bus(), open_bus()
    fill(writer, 1)
    subscription = waiting(reader)
    fill(writer, 20, tag="new")
    assert [block.block_id for block in read(subscription, 20)] == [b"new-%d" % number for number in range(20)]


def test_a_reader_whose_consumer_the_server_dropped_misses_nothing(open_bus: Open) -> None:
    writer, reader = open_bus(), open_bus()
    fill(writer, 1)
    subscription = waiting(reader)
    for turn in range(3):
        for consumer in consumers(writer):
            writer._link.call(writer._link.request(f"CONSUMER.DELETE.{writer.access.prefix}_{STREAM}.{consumer}", None))
        fill(writer, 3, tag=f"turn-{turn}")
        read(subscription, 3)


def test_a_reader_goes_on_when_its_server_was_killed(tmp_path: Path, open_bus: Open) -> None:
    server = NatsServer(tmp_path / "own").start()
    try:
        writer, reader = open_bus(server), open_bus(server)
        fill(writer, 1)
        subscription = waiting(reader)
        with ThreadPoolExecutor(1) as pool:
            found = pool.submit(read, subscription, 6)
            fill(writer, 3, tag="before")
            server.kill()
            server.start()
            fill(writer, 3, tag="after")
            assert len(found.result(60)) == 6
    finally:
        server.stop()


def test_what_came_from_a_server_that_is_gone_is_not_handed_out(tmp_path: Path, open_bus: Open) -> None:
    server = NatsServer(tmp_path / "own").start()
    try:
        writer, reader = open_bus(server), open_bus(server)
        fill(writer, 1)
        waiting(reader)
        feed = reader._writable(STREAM).feed
        fill(writer, 1, tag="new")
        until(lambda: len(feed.take(3, 8)) == 1)
        server.kill()
        until(lambda: not reader._writable(STREAM).log.fed)
        assert feed.take(3, 8) == []
    finally:
        server.stop()


def test_the_server_keeps_nothing_for_readers_that_do_not_wait_any_more(
    open_bus: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(feeding, "_OPEN_SECONDS", 0.1)
    writer, reader = open_bus(), open_bus()
    fill(writer, 1)
    waiting(reader)
    until(lambda: consumers(writer) == [])


def test_what_this_hub_removed_is_expired_although_it_was_sent(open_bus: Open) -> None:
    writer, reader = open_bus(), open_bus()
    fill(writer, 1)
    subscription = waiting(reader)
    fill(writer, 2, tag="new")
    read(subscription, 2)
    reader.retain(STREAM, max_bytes=0)
    with pytest.raises(OffsetExpired):
        reader.read(STREAM, 3)


def test_a_reader_that_may_have_no_consumer_reads_all_the_same(open_bus: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader = open_bus(), open_bus()
    fill(writer, 1)
    log = reader._writable(STREAM).log
    request, asked = log.link.request, itertools.count()

    async def refuse(subject: str, payload: object, **options: Any) -> Any:
        if subject.startswith("CONSUMER.CREATE"):
            next(asked)
            raise StorageFault("no")
        return await request(subject, payload, **options)

    monkeypatch.setattr(log.link, "request", refuse)
    subscription = reader.subscribe(STREAM, None)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(read, subscription, 11)
        fill(writer, 10, tag="new")
        assert len(found.result(30)) == 11
    assert next(asked) == 1, "and does not ask for one every time"
