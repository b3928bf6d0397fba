"""Which devices and exposures are absent from the inventories that held them.

What counts is a function of the newest mark of each source and of the claims in the file, so neither the order nor the
repetition of what became known matters. Nothing is ever deleted for being absent.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import apsw

from isthmus_hub.store import _snapshot, _times
from isthmus_hub.store._intern import Sources, key, number_array
from isthmus_hub.store._snapshot import Mark
from isthmus_hub.store._types import Incoming

_CLAIMED = """
    SELECT i.no, i.key, p.last_observed FROM carray(?1) AS c CROSS JOIN ident AS i ON i.key = c.value
    JOIN provenance AS p ON p.object = i.no AND p.source = ?2
"""
_VERDICT = """
    SELECT p.last_observed, a.since, s.source NOTNULL FROM ident AS i JOIN provenance AS p ON p.object = i.no
    LEFT JOIN absence AS a ON a.object = p.object AND a.source = p.source
    LEFT JOIN snapshot AS s ON s.source = p.source WHERE i.key = ?1 AND i.id = ?2
"""
_DIFFERING = """
    SELECT DISTINCT a.object FROM absence AS a JOIN provenance AS p ON p.object = a.object AND p.source = ?
"""


class Absences:
    """Writes absences inside one transaction, and keeps in mind whose changed."""

    def __init__(self, connection: apsw.Connection, sources: Sources) -> None:
        self._connection = connection
        self._sources = sources
        self._changed: set[int] = set()

    def changed(self) -> list[str]:
        """Ids of objects whose absence changed since this was last asked."""
        rows: Any = self._connection.execute(
            "SELECT id FROM ident WHERE no IN (SELECT value FROM carray(?))", (number_array(self._changed),)
        )
        found = sorted(id for (id,) in rows)
        self._changed.clear()
        return found

    def take(self, mark: Mark) -> bool:
        """Believe a mark, unless a newer one of its source is believed; false where it changed nothing."""
        source = self._sources.number(self._connection, mark.source)
        body = _snapshot.encode(mark)
        digest = blake2b(body, digest_size=16).digest()
        rank = (_times.micros(mark.observed_at), mark.serial, digest)
        row: Any = self._connection.execute(
            "SELECT observed, serial, digest, gone FROM snapshot WHERE source = ?", (source,)
        ).get
        if row is not None and row[:3] >= rank:
            return False
        gone = mark.gone()
        self._connection.execute(
            "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?, ?)", (source, *rank, _packed(gone), body)
        )
        if row is None:  # from now on this source can tell that it still knows what others lost
            self._changed.update(no for (no,) in self._connection.execute(_DIFFERING, (source,)))
        before = set(_unpacked(row[3])) if row is not None else set()
        self._bring_up(source, rank[0], gone, before | gone.keys())
        return True

    def told(self, items: Sequence[Incoming]) -> None:
        """Sources spoke of these objects, which may be back."""
        rows: Any = self._connection.execute("SELECT source, observed, gone FROM snapshot WHERE gone <> x''").fetchall()
        if not rows:
            return
        by_source: dict[tuple[str, str, str], set[int]] = defaultdict(set)
        for item in items:
            if item.id.startswith("infrastructure--") or item.body.get("relationship_type") == "has":
                by_source[item.instance, item.stream, item.source_id].add(key(item.id))
        numbers = {self._sources.number(self._connection, source): keys for source, keys in by_source.items()}
        for source, observed, packed in rows:
            if keys := numbers.get(source):
                gone = _unpacked(packed)
                if met := keys & gone.keys():
                    self._bring_up(source, observed, gone, met)

    def _bring_up(self, source: int, observed: int, gone: dict[int, int], keys: Iterable[int]) -> None:
        """Make the rows of the objects with these keys say what the mark and the claims say."""
        wanted = apsw.carray(array("q", sorted(keys) or [-1]))
        claims: Any = self._connection.execute(_CLAIMED, (wanted, source)).fetchall()
        now = {
            no: max(gone[number], last_observed)
            for no, number, last_observed in claims
            if number in gone and last_observed <= observed
        }
        touched = number_array({no for no, _, _ in claims})
        rows: Any = self._connection.execute(
            "SELECT object, since FROM absence WHERE source = ? AND object IN (SELECT value FROM carray(?))",
            (source, touched),
        ).fetchall()
        before = dict(rows)
        differing = {no for no in before.keys() | now.keys() if before.get(no) != now.get(no)}
        self._connection.execute(
            "DELETE FROM absence WHERE source = ? AND object IN (SELECT value FROM carray(?))",
            (source, number_array(differing)),
        )
        self._connection.executemany(
            "INSERT INTO absence VALUES (?, ?, ?)", [(no, source, now[no]) for no in sorted(differing & now.keys())]
        )
        self._changed |= differing


def absent_since(connection: apsw.Connection, id: str) -> str | None:
    """Since when an object is in none of the inventories that held it; ``None``: somebody still knows it.

    A source whose snapshots do not say that it is gone still knows it. A source without snapshots cannot take back what it
    said, so it counts only for what it said later.
    """
    rows: Any = connection.execute(_VERDICT, (key(id), id)).fetchall()
    since = max((row[1] for row in rows if row[1] is not None), default=None)
    if since is None:
        return None
    for last_observed, gone, has_snapshots in rows:
        if gone is None and (has_snapshots or last_observed > since):
            return None
    return _times.text(since)


def _packed(gone: dict[int, int]) -> bytes:
    return array("q", [number for pair in sorted(gone.items()) for number in pair]).tobytes()


def _unpacked(packed: bytes) -> dict[int, int]:
    numbers = array("q", packed)
    return dict(zip(numbers[::2], numbers[1::2], strict=True))


__all__ = ["Absences", "absent_since"]
