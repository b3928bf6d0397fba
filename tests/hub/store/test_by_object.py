"""The resolved stream shared out among partitions by object: each object's versions stay in one of them, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.hub.store.objects import asset, made_id

from isthmus_hub.bus import Bus, SqliteBus, Subscription
from isthmus_hub.bus._groups import partition_of
from isthmus_hub.store import Store, _outbox, relay
from isthmus_sdk import stix

NAMES = [f"plc-{number}" for number in range(40)]
SERIALS = 6


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with SqliteBus(tmp_path / "bus", reserve=0, low_water=0) as opened:
        yield opened


def tell_versions(store: Store, bus: Bus) -> None:
    """Six versions of forty assets, in transactions that mix them anew each time."""
    for version in range(SERIALS):
        for start in range(0, 40, 8 + version):
            with store.transaction() as tx:
                tx.emit_all([asset(name, serial=f"S{version}") for name in NAMES[start : start + 8 + version]])
        relay(store, bus)


def seen(part: Subscription) -> list[dict[str, Any]]:
    found = []
    while batch := part.poll():
        found += [stix.decode(entry) for block in batch for entry in block.entries]
        part.commit(batch[-1].last)
    return found


def serials(objects: list[dict[str, Any]], name: str) -> list[str]:
    return [obj["extensions"][stix.ASSET]["serial"] for obj in objects if obj["name"] == name]


def test_each_object_belongs_to_one_partition_and_keeps_its_order_there(tmp_path: Path, bus: Bus) -> None:
    with Store.open(tmp_path / "store.sqlite", hub="h", by_object=True) as store:
        tell_versions(store, bus)
    parts = [seen(bus.subscribe("resolved", "siem", partition=(part, 3))) for part in range(3)]
    assert all(parts), "forty objects leave no partition of three empty"
    for name in NAMES:
        told = [found for objects in parts if (found := serials(objects, name))]
        assert told == [[f"S{version}" for version in range(SERIALS)]]


def test_unless_asked_for_blocks_are_not_divided_and_one_partition_gets_all(store: Store, bus: Bus) -> None:
    tell_versions(store, bus)
    assert {block.key for block in bus.read("resolved")} == {""}
    assert sorted(len(seen(bus.subscribe("resolved", "siem", partition=(part, 3)))) for part in range(3)) == [0, 0, 240]


def test_a_consumer_of_everything_gets_everything(tmp_path: Path, bus: Bus) -> None:
    with Store.open(tmp_path / "store.sqlite", hub="h", by_object=True) as store:
        tell_versions(store, bus)
    objects = seen(bus.subscribe("resolved", "siem"))
    assert len(objects) == 240
    assert all(serials(objects, name) == [f"S{version}" for version in range(SERIALS)] for name in NAMES)


@pytest.mark.parametrize("parts", range(2, 9))
def test_up_to_eight_partitions_none_is_without_objects(parts: int) -> None:
    keys = {_outbox.bucket_key(made_id("infrastructure", str(number))) for number in range(2_000)}
    assert len(keys) == _outbox.BUCKETS
    assert {partition_of(key, parts) for key in keys} == set(range(parts))


def test_a_block_that_waits_keeps_its_id_and_its_key(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.sqlite", hub="h", by_object=True) as store:
        with store.transaction() as tx:
            tx.emit_all([asset(name) for name in NAMES])
        before = store.outbox(100)
    assert 1 < len(before) <= _outbox.BUCKETS
    with Store.open(tmp_path / "store.sqlite", hub="h", by_object=False) as store:
        assert store.outbox(100) == before


def test_the_file_keeps_how_it_tells_and_a_rebuilt_store_tells_likewise(tmp_path: Path) -> None:
    Store.open(tmp_path / "store.sqlite", hub="h", by_object=True).close()
    with Store.open(tmp_path / "store.sqlite", hub="h") as store:
        with store.transaction() as tx:
            tx.emit(asset("plc-1"))
        with Store.open(tmp_path / "rebuilt.sqlite", hub="h") as rebuilt:
            with rebuilt.transaction() as tx:
                tx.adopt(store)
            with rebuilt.transaction() as tx:
                tx.emit(asset("plc-2"))
                tx.settle(store)
            keys = {_outbox.bucket_key(asset(name)["id"]) for name in ("plc-1", "plc-2")}
            assert {block.key for block in rebuilt.outbox()} == keys
    with Store.open(tmp_path / "rebuilt.sqlite", hub="h") as rebuilt:
        with rebuilt.transaction() as tx:
            tx.emit(asset("plc-3"))
        assert rebuilt.outbox()[-1].key == _outbox.bucket_key(asset("plc-3")["id"])


def test_an_outbox_of_the_former_version_goes_out_as_it_would_have(tmp_path: Path, bus: Bus) -> None:
    path = tmp_path / "store.sqlite"
    with Store.open(path, hub="h") as store:
        with store.transaction() as tx:
            tx.emit_all([asset(name) for name in NAMES])
        before = store.outbox()
    old = apsw.Connection(str(path))
    old.execute("DROP TABLE decision; ALTER TABLE outbox DROP COLUMN key; PRAGMA user_version = 4")
    old.close()
    with Store.open(path, hub="h") as store:
        assert store.outbox() == before
        assert relay(store, bus) == 40
        assert store.check() == []
