"""JetStream: what its guarantees stand on, and what only a server on the other side of a connection can do to them."""

from __future__ import annotations

import itertools
import json
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
    Ack,
    BlockRefused,
    Bus,
    JetStreamBus,
    NatsAccess,
    PublishTimeout,
    Retention,
    StorageFault,
    StorageFull,
)
from isthmus_sdk.errors import AuthenticationError, ConfigurationError

_numbers = itertools.count(1)
Open = Callable[..., JetStreamBus]


@pytest.fixture
def open_bus() -> Iterator[Open]:
    """Connections to one prefix of a server; ``prefix`` chooses another."""
    opened: list[Bus] = []
    own = f"j{next(_numbers)}"

    def connect(server: NatsServer, *, settle: float | None = 0.0, **access: Any) -> JetStreamBus:
        found = NatsAccess(access.pop("servers", (server.url,)), **{"prefix": own, **access})
        opened.append(bus := JetStreamBus(found, settle=settle))
        return bus

    yield connect
    for bus in opened:
        bus.close()


def everything(bus: Bus) -> list[bytes]:
    """Entries of the stream, which must have no gap."""
    found: list[bytes] = []
    position = bus.ends(STREAM)[0]
    while blocks := bus.read(STREAM, position):
        for block in blocks:
            assert (block.first, block.damage) == (position, "")
            found += block.entries
            position = block.last + 1
    return found


def raw(server: NatsServer, subject: str, payload: object) -> dict[str, Any]:
    """One question to the server, beside the bus."""
    bus = JetStreamBus(NatsAccess((server.url,)))
    try:
        return bus._link.call(bus._link.request(subject, payload))
    finally:
        bus.close()


# -- several publishers, ids, sizes --------------------------------------------------------------------------------------


def test_publishers_on_several_connections_leave_no_hole_and_store_each_block_once(
    nats_server: NatsServer, open_bus: Open
) -> None:
    buses = [open_bus(nats_server) for _ in range(3)]

    def publish(which: int) -> list[Ack]:
        order = list(range(60))
        random.Random(which).shuffle(order)
        return [
            buses[which].publish(STREAM, [b"%d/%d" % (number, entry) for entry in range(3)], block_id=b"%d" % number)
            for number in order
        ]

    with ThreadPoolExecutor(3) as pool:
        acks = [ack for found in pool.map(publish, range(3)) for ack in found]
    assert sum(not ack.duplicate for ack in acks) == 60
    assert sorted({(ack.first, ack.last) for ack in acks}) == [(n, n + 2) for n in range(1, 181, 3)]
    assert sorted(everything(open_bus(nats_server))) == sorted(b"%d/%d" % (n, e) for n in range(60) for e in range(3))


def test_a_block_is_known_after_the_servers_own_window_has_forgotten_it(
    nats_server: NatsServer, open_bus: Open
) -> None:
    bus = open_bus(nats_server)
    bus.ensure(STREAM)
    name = f"{bus.access.prefix}_{STREAM}"
    config = raw(nats_server, f"STREAM.INFO.{name}", None)["config"]
    raw(nats_server, f"STREAM.UPDATE.{name}", {**config, "duplicate_window": 100_000_000})
    (first,) = fill(bus, 1)
    nats_server_forgot = threading.Event()
    nats_server_forgot.wait(0.3)  # the window itself is a time
    again = open_bus(nats_server).publish(STREAM, [b"other"], block_id=b"block-0")
    assert again == Ack(first.first, first.last, duplicate=True)


def test_blocks_larger_than_a_message_are_split_and_come_back_whole(nats_server: NatsServer, open_bus: Open) -> None:
    bus, other = open_bus(nats_server), open_bus(nats_server)
    chance = random.Random(5)
    sizes = [10, 5_000_000, 20, 2_500_000, 1_048_576, 0]
    given = [[chance.randbytes(size), b"end"] for size in sizes]
    for number, entries in enumerate(given):
        (bus, other)[number % 2].publish(STREAM, entries, block_id=b"%d" % number, key=f"k{number}", meta=b"m" * 40_000)
    for reader in (bus, open_bus(nats_server)):
        position = 1
        for entries in given:
            (block,) = reader.read(STREAM, position, 1)
            assert list(block.entries) == entries
            assert reader.read(STREAM, position + 1, 1)[0].entries == (b"end",)
            position = block.last + 1
    assert bus.latest(STREAM) == {f"k{number}": (2 * number + 2, b"m" * 40_000) for number in range(6)}
    assert bus.health().streams[0].blocks == 6
    assert bus.publish(STREAM, given[1], block_id=b"1").duplicate
    assert bus.check().ok
    bus.commit(STREAM, "resolve", 4)
    assert bus.retain(STREAM, max_bytes=0).blocks == 2
    assert bus.read(STREAM)[0].entries[1] == b"end"


def test_parts_whose_publisher_died_are_nobodys_entries(nats_server: NatsServer, open_bus: Open) -> None:
    bus = open_bus(nats_server)
    fill(bus, 2)

    async def leave_parts() -> None:
        for place in ("5 104 3 1.0", "5 104 3 1.0"):
            await bus._link.nc.request(
                f"{bus.access.prefix}.{STREAM}.part", b"half", headers={"Isthmus-Block": place}, timeout=5
            )

    bus._link.call(leave_parts())
    assert (bus.end(STREAM), bus.read(STREAM, 5)) == (4, [])
    ack = open_bus(nats_server).publish(STREAM, [b"next"], block_id=b"next")
    assert (ack.first, ack.last) == (5, 5)
    reader = open_bus(nats_server)
    assert [reader.read(STREAM, offset, 1)[0].first for offset in range(1, 6)] == [1, 2, 3, 4, 5]
    assert reader.check().blocks == 3


def test_a_key_or_meta_that_no_message_can_carry_is_refused(nats_server: NatsServer, open_bus: Open) -> None:
    bus = open_bus(nats_server)
    with pytest.raises(BlockRefused, match="key"):
        bus.publish(STREAM, [b"x"], block_id=b"1", key="k" * 60_000)
    assert bus.publish(STREAM, [b"x"], block_id=b"2", key="é. >*" * 100, meta=b"m").first == 1
    assert bus.latest(STREAM) == {"é. >*" * 100: (1, b"m")}


# -- damage --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("victim", [1, 3, 5])
def test_a_message_that_is_gone_is_a_gap_with_its_offsets(nats_server: NatsServer, open_bus: Open, victim: int) -> None:
    bus = open_bus(nats_server)
    fill(bus, 5)
    fill(bus, 1, tag="last")
    raw(nats_server, f"STREAM.MSG.DELETE.{bus.access.prefix}_{STREAM}", {"seq": victim})
    reader = open_bus(nats_server)
    found = reader.read(STREAM)
    gaps = [(block.first, block.last) for block in found if block.damage]
    assert gaps == [(2 * victim - 1, 2 * victim)]
    assert [block.first for block in found] == [1, 3, 5, 7, 9, 11]
    report = reader.check()
    assert [(gap.first, gap.last) for gap in report.gaps] == gaps
    assert f"offsets {gaps[0][0]}-{gaps[0][1]} are lost" in " ".join(reader.health().warnings)


def test_a_block_of_which_a_part_is_gone_is_a_gap(nats_server: NatsServer, open_bus: Open) -> None:
    bus = open_bus(nats_server)
    fill(bus, 1)
    bus.publish(STREAM, [random.Random(1).randbytes(3_500_000)], block_id=b"large")
    fill(bus, 1, tag="after")
    raw(nats_server, f"STREAM.MSG.DELETE.{bus.access.prefix}_{STREAM}", {"seq": 3})
    found = open_bus(nats_server).read(STREAM)
    assert [(block.first, block.last, bool(block.damage)) for block in found] == [
        (1, 2, False),
        (3, 3, True),
        (4, 5, False),
    ]


def test_a_message_of_other_bytes_is_a_gap_and_reading_goes_on(nats_server: NatsServer, open_bus: Open) -> None:
    bus = open_bus(nats_server)
    fill(bus, 1)

    async def forge() -> None:
        await bus._link.nc.request(
            f"{bus.access.prefix}.{STREAM}.block.k",
            b"not what was packed",
            headers={"Isthmus-Block": "3 4 1 9.0", "Nats-Msg-Id": "ff"},
            timeout=5,
        )

    bus._link.call(forge())
    fill(bus, 1, tag="after")
    reader = open_bus(nats_server)
    found = reader.read(STREAM)
    assert [(block.first, block.last, bool(block.damage)) for block in found] == [
        (1, 2, False),
        (3, 4, True),
        (5, 6, False),
    ]
    assert not reader.check().ok


# -- the server goes away ------------------------------------------------------------------------------------------------


@pytest.mark.faults
def test_a_server_killed_again_and_again_while_publishing_loses_nothing(tmp_path: Path, open_bus: Open) -> None:
    server = NatsServer(tmp_path / "nats").start()
    try:
        bus = open_bus(server)
        acks: dict[int, Ack] = {}
        done = threading.Event()

        def publish(thread: int) -> None:
            number = thread
            while not done.is_set() or number < 40:
                acks[number] = bus.publish(STREAM, [b"%d/%d" % (number, e) for e in range(5)], block_id=b"%d" % number)
                number += 4

        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(publish, thread) for thread in range(4)]
            for kill in range(5):
                while len(acks) < 30 * (kill + 1):
                    assert not any(future.done() for future in running), [f.exception() for f in running if f.done()]
                server.kill()
                server.start()
            done.set()
            for future in running:
                future.result()
        assert len({ack.first for ack in acks.values()}) == len(acks)
        found = everything(open_bus(server))
        for number, ack in acks.items():
            assert found[ack.first - 1 : ack.last] == [b"%d/%d" % (number, e) for e in range(5)]
        assert len(found) == 5 * len(acks), "stored once each"
    finally:
        server.stop()


def test_a_publish_without_a_server_times_out_with_an_open_outcome_and_is_repeated_safely(
    tmp_path: Path, open_bus: Open
) -> None:
    server = NatsServer(tmp_path / "nats").start()
    try:
        bus = open_bus(server)
        fill(bus, 1)
        server.kill()
        with pytest.raises(PublishTimeout, match="repeat the same block id"):
            bus.publish(STREAM, [b"x"], block_id=b"next", timeout=0.3)
        server.start()
        assert bus.publish(STREAM, [b"x"], block_id=b"next").first == 3
        assert everything(bus)[2:] == [b"x"]
    finally:
        server.stop()


def test_groups_positions_and_letters_survive_a_kill_of_the_server(tmp_path: Path, open_bus: Open) -> None:
    server = NatsServer(tmp_path / "nats").start()
    try:
        bus = open_bus(server)
        fill(bus, 3)
        bus.subscribe(STREAM, "resolve").commit(2)
        letter = bus.subscribe(STREAM, "resolve").dead_letter(3, "poison")
        server.kill()
        server.start()
        assert bus.groups(STREAM)[0].position == 3
        assert bus.dead_letters(STREAM) == [letter]
    finally:
        server.stop()


# -- full ----------------------------------------------------------------------------------------------------------------


def test_a_full_server_refuses_and_takes_blocks_again_when_there_is_room(
    nats_server: NatsServer, open_bus: Open
) -> None:
    bus = open_bus(nats_server)
    fill(bus, 1)
    name = f"{bus.access.prefix}_{STREAM}"
    config = raw(nats_server, f"STREAM.INFO.{name}", None)["config"]
    raw(nats_server, f"STREAM.UPDATE.{name}", {**config, "max_bytes": 1_000})
    with pytest.raises(StorageFull, match="nothing acknowledged was lost"):
        bus.publish(STREAM, [random.Random(1).randbytes(5_000)], block_id=b"large")
    assert len(bus.read(STREAM)) == 1
    raw(nats_server, f"STREAM.UPDATE.{name}", {**config, "max_bytes": -1})
    assert bus.publish(STREAM, [random.Random(1).randbytes(5_000)], block_id=b"large").first == 3


def test_a_bound_is_the_servers_as_well(nats_server: NatsServer, open_bus: Open) -> None:
    bus = open_bus(nats_server)
    bus.ensure(STREAM, Retention(max_bytes=1_000_000))
    config = raw(nats_server, f"STREAM.INFO.{bus.access.prefix}_{STREAM}", None)["config"]
    assert config["max_bytes"] > 1_000_000
    assert config["discard"] == "new"


# -- durability, connection ----------------------------------------------------------------------------------------------


def test_durability_is_verified_and_never_believed(tmp_path: Path, nats_server: NatsServer, open_bus: Open) -> None:
    lazy = NatsServer(tmp_path / "nats", sync="").start()
    try:
        health = open_bus(nats_server, monitors=(nats_server.monitor,)).health()
        assert (health.durability, health.warnings) == ("flushed", ())
        for access, warning in (
            ({}, "name its monitoring address"),
            ({"monitors": (lazy.monitor,)}, "does not sync before it acknowledges"),
            ({"monitors": (nats_server.monitor,)}, "belongs to the connected server"),
        ):
            health = open_bus(lazy, **access).health()
            assert health.durability == "buffered"
            assert warning in health.warnings[0]
        health = open_bus(nats_server, monitors=(lazy.monitor,)).health()
        assert health.durability == "buffered", "the monitor is another server's"
    finally:
        lazy.stop()
    health = open_bus(nats_server, monitors=(nats_server.monitor, lazy.monitor)).health()
    assert (health.durability, "cannot be verified" in health.warnings[0]) == ("buffered", True)


def test_nothing_is_acknowledged_on_a_new_stream_that_a_power_cut_could_take(
    nats_server: NatsServer, open_bus: Open
) -> None:
    bus = open_bus(nats_server, settle=3_600.0)
    with pytest.raises(PublishTimeout):
        bus.publish(STREAM, [b"x"], block_id=b"1", timeout=0.2)
    assert open_bus(nats_server, settle=0.0).publish(STREAM, [b"x"], block_id=b"1").duplicate


def test_a_password_is_needed_over_tls_and_is_in_no_message(tmp_path: Path, open_bus: Open) -> None:
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    secret = "correct-horse"
    settings = (
        f'tls {{ cert_file: "{tmp_path}/cert.pem", key_file: "{tmp_path}/key.pem" }}\n'
        f"authorization {{ user: hub, password: {json.dumps(secret)} }}"
    )
    server = NatsServer(tmp_path / "nats", settings=settings).start()
    address = (f"tls://localhost:{server.port}",)
    try:
        good = {"servers": address, "ca": str(tmp_path / "ca.pem"), "username": "hub"}
        bus = open_bus(server, **good, password=secret)
        fill(bus, 2)
        assert len(bus.read(STREAM)) == 2
        with pytest.raises(AuthenticationError, match="refuses the credential") as refused:
            open_bus(server, **good, password="wrong-horse")
        with pytest.raises(StorageFault, match="certificate"):
            open_bus(server, servers=address, username="hub", password=secret)
        with pytest.raises(ConfigurationError, match="cannot be read"):
            open_bus(server, **{**good, "ca": str(tmp_path / "none.pem")}, password=secret)
        assert "horse" not in str(refused.value) + repr(bus.access)
    finally:
        server.stop()


def test_without_a_server_the_address_is_named(tmp_path: Path, open_bus: Open) -> None:
    server = NatsServer(tmp_path / "nats")
    with pytest.raises(StorageFault, match=f"127.0.0.1:{server.port}: no connection"):
        open_bus(server)


def test_without_nats_py_the_extra_is_named(
    nats_server: NatsServer, open_bus: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nats", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'isthmus\[nats\]'"):
        open_bus(nats_server)


def test_a_server_without_jetstream_is_named(tmp_path: Path, open_bus: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus_hub.bus._jetstream.link.PATIENCE_SECONDS", 0.2)
    server = NatsServer(tmp_path / "nats", jetstream=False).start()
    try:
        with pytest.raises(StorageFault, match="with JetStream enabled"):
            open_bus(server).ensure(STREAM)
    finally:
        server.stop()


def test_hubs_with_other_prefixes_do_not_see_each_other(nats_server: NatsServer, open_bus: Open) -> None:
    one, other = open_bus(nats_server, prefix="north"), open_bus(nats_server, prefix="north-2")
    fill(one, 2)
    assert other.streams() == []
    assert (one.streams(), other.end(STREAM)) == ([STREAM], 0)
