"""Ways between two objects over a million edges, some of them at objects with a hundred thousand neighbours."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks._report import Row
from isthmus_hub.store import Store
from isthmus_hub.store._intern import key

NODES = 200_000
HUBS = (100_000, 100_000, 50_000, 50_000)
"""Neighbours of the greatest; the others attach themselves to whoever has many already."""
SEARCHES = 400


def run(rounds: int) -> list[Row]:
    """CPU milliseconds per search, length at most six; random ends, ends at a hub, some kinds only."""
    del rounds
    with tempfile.TemporaryDirectory() as directory, Store.open(Path(directory) / "store.sqlite", hub="bench") as store:
        ids = _graph(store)
        generator = random.Random(5)
        ends = [(generator.choice(ids), generator.choice(ids)) for _ in range(SEARCHES)]
        at_hub = [(ids[generator.randrange(len(HUBS))], b) for _, b in ends]
        rows = []
        for name, pairs, types in (
            ("random ends", ends, None),
            ("one end with 100 k neighbours", at_hub, None),
            ("two kinds of three", ends, ("communicates-with", "related-to")),
        ):
            spent, cut = _searches(store, pairs, types)
            note = f"{cut} of {len(pairs)} searches cut" if cut else ""
            for part, must, aim in ((0.5, 1, 0.2), (0.99, 10, 2)):
                rows.append(
                    Row(
                        f"path of length <= 6, {name}, p{part * 100:.0f}", spent[int(len(spent) * part)], "ms",
                        must=must, aim=aim, smaller_is_better=True, note=note,
                    )
                )  # fmt: skip
        return rows


def _searches(store: Store, pairs: list[tuple[str, str]], types: tuple[str, ...] | None) -> tuple[list[float], int]:
    spent, cut = [], 0
    for a, b in pairs:
        begin = time.process_time()
        found = store.paths(a, b, types=types)
        spent.append((time.process_time() - begin) * 1e3)
        cut += not found.complete
    return sorted(spent), cut


def _graph(store: Store) -> list[str]:
    """Edges written as the store writes them, without the objects they would come from."""
    generator = random.Random(3)
    ids = [f"infrastructure--{generator.getrandbits(64):016x}"[:23] for _ in range(NODES)]
    ids = [f"infrastructure--{id[15:23]}-0000-4000-8000-{generator.getrandbits(48):012x}" for id in ids]
    with store.transaction() as tx:
        connection, words = tx._connection, tx._words
        type = words.number(connection, "infrastructure")
        words.number(connection, "relationship")
        kinds = [words.number(connection, kind) for kind in ("communicates-with", "related-to", "consists-of")]
        connection.executemany(
            "INSERT INTO ident (no, key, id, type, links) VALUES (?, ?, ?, ?, 0)",
            ((number, key(id), id, type) for number, id in enumerate(ids, 1)),
        )
        pairs = list(_pairs(generator))
        both = [(a, 0, kinds[number % 3], b, a) for number, (a, b) in enumerate(pairs)]
        both += [(b, 1, kinds[number % 3], a, a) for number, (a, b) in enumerate(pairs)]
        connection.executemany("INSERT OR IGNORE INTO edge VALUES (?, ?, ?, ?, ?)", sorted(both))
    return ids


def _pairs(generator: random.Random) -> Iterator[tuple[int, int]]:
    first = len(HUBS) + 1
    for hub, neighbours in enumerate(HUBS, 1):
        for number in generator.sample(range(first, NODES + 1), neighbours):
            yield hub, number
    attached = list(range(first, first + 100))
    for number in range(first + 100, NODES + 1):
        other = generator.choice(attached)
        yield number, other
        attached += (other, number)
