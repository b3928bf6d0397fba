"""The store: first load, a re-synchronisation that changes everything, one that changes nothing; reads; paths; disk."""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import apsw

from benchmarks import paths
from benchmarks._report import Row
from benchmarks._stix_objects import plant
from isthmus_hub.store import Incoming, Store
from isthmus_sdk import stix

OBJECTS = 24_000
BATCH = 5_000
READS = 4_000


def run(rounds: int) -> list[Row]:
    """Every figure is per CPU second, durable, in batches of 5,000 objects with offset; paths in milliseconds."""
    first = list(plant(OBJECTS // 6))
    second = list(plant(OBJECTS // 6, version=1))
    sent = {
        "new": incoming(first, "2024-06-01T00:00:00.000Z"),
        "changed": incoming(second, "2024-06-02T00:00:00.000Z"),
        "unchanged": incoming(second, "2024-06-03T00:00:00.000Z"),
        "replayed": incoming(second, "2024-06-03T00:00:00.000Z"),
    }
    changing = [item for item, old in zip(sent["changed"], first, strict=True) if item.body != old]
    gc.collect()
    gc.freeze()  # the objects above are the benchmark's own: they must not slow the collector down for the store
    spent: dict[str, list[float]] = {}
    plain: list[float] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as directory:
            plain.append(_plain(Path(directory), [item.encoded for item in sent["new"]]))
            with Store.open(Path(directory) / "store.sqlite", hub="bench") as store:
                spent.setdefault("new", []).append(_put(store, sent["new"], {"new"}))
                spent.setdefault("changed", []).append(_put(store, changing, {"changed"}))
                _put(store, sent["changed"], {"unchanged"})
                spent.setdefault("unchanged", []).append(_put(store, sent["unchanged"], {"unchanged"}))
                spent.setdefault("replayed", []).append(_put(store, sent["replayed"], {"unchanged"}))
                spent.setdefault("emitted", []).append(_emit(store, second))
                spent.setdefault("read", []).append(_read(store, [obj["id"] for obj in first[:READS]]))
                spent.setdefault("value", []).append(_by_value(store, [obj for obj in first if "value" in obj][:READS]))
            size = (Path(directory) / "store.sqlite").stat().st_size  # closed: all of it is in the file

    def rate(name: str, count: int) -> float:
        return count / statistics.median(spent[name])

    peer = len(first) / statistics.median(plain)
    return [
        Row("new objects", rate("new", len(first)), "objects/s", f"id + body rows {peer:,.0f}",
            rate("new", len(first)) / peer),
        Row("changed objects", rate("changed", len(changing)), "objects/s", must=50_000, aim=100_000),
        Row("unchanged objects, seen again later", rate("unchanged", len(second)), "objects/s", must=150_000, aim=400_000),
        Row("unchanged objects, replayed", rate("replayed", len(second)), "objects/s", must=150_000, aim=400_000),
        Row("emitted to the resolved side", rate("emitted", len(second)), "objects/s"),
        Row("read by id", rate("read", READS), "objects/s"),
        Row("found by value", rate("value", min(READS, OBJECTS // 3)), "lookups/s"),
        Row("disk, observed and resolved", size / len(first), "bytes/object"),
        *paths.run(rounds),
    ]  # fmt: skip


def incoming(objects: Iterable[dict[str, object]], observed_at: str, offset: int = 0) -> list[Incoming]:
    """As the resolver makes them."""
    return [
        Incoming(str(obj["id"]), obj, stix.encode(obj), "guardian-north", "assets", "cmc-north", observed_at, number)
        for number, obj in enumerate(objects, offset + 1)
    ]


def batches(items: Sequence[Incoming]) -> list[Sequence[Incoming]]:
    """Of the size a resolver takes at once."""
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]


def _put(store: Store, items: Sequence[Incoming], kinds: set[str]) -> float:
    begin = time.process_time()
    seen: set[str] = set()
    for batch in batches(items):
        with store.transaction() as tx:
            seen |= {change.kind for change in tx.put(batch)}
            tx.set_offset("observed", batch[-1].offset)
    spent = time.process_time() - begin
    assert seen == kinds, seen
    return spent


def _emit(store: Store, objects: Sequence[dict[str, object]]) -> float:
    begin = time.process_time()
    for start in range(0, len(objects), BATCH):
        with store.transaction() as tx:
            tx.emit_all(objects[start : start + BATCH])
    return time.process_time() - begin


def _read(store: Store, ids: Sequence[object]) -> float:
    return _timed(lambda: [store.get(str(id)) for id in ids])


def _by_value(store: Store, objects: Sequence[dict[str, object]]) -> float:
    kinds = {"ipv4-addr": "ipv4", "mac-addr": "mac"}
    return _timed(lambda: [store.by_value(kinds[str(obj["type"])], str(obj["value"])) for obj in objects])


def _timed(work: Callable[[], list[object]]) -> float:
    begin = time.process_time()
    assert all(work())
    return time.process_time() - begin


def _plain(directory: Path, bodies: Sequence[bytes]) -> float:
    """The least a store could do: append id and body, durable per batch; no merge, no index, no compression."""
    connection = apsw.Connection(str(directory / "plain"))
    connection.pragma("journal_mode", "wal")
    connection.execute("PRAGMA synchronous = FULL; CREATE TABLE object (id TEXT, body BLOB)")
    begin = time.process_time()
    for start in range(0, len(bodies), BATCH):
        with connection:
            connection.executemany(
                "INSERT INTO object VALUES (?, ?)", [(body[:50], body) for body in bodies[start : start + BATCH]]
            )
    spent = time.process_time() - begin
    connection.close()
    return spent
