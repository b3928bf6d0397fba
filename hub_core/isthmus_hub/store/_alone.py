"""The short road of `Transaction.put`: objects that one source alone reports.

Most of what arrives was said before, word for word, and most of the rest is a newer version from the same source. Both
are decided here from one or two rows per object, looked up in one query per batch, without the claims of everybody being
laid side by side. Whatever is not plainly one of these cases is left to `_observe`, which knows them all; the outcome is
the same either way.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import apsw

from isthmus_hub.store import _former, _links, _merge, _times
from isthmus_hub.store._bodies import Bodies
from isthmus_hub.store._content import content_hash
from isthmus_hub.store._intern import Sources, key, number_array
from isthmus_hub.store._types import Change, Incoming, Json
from isthmus_sdk.errors import RecordError

_TOLD = """
    SELECT c.value, p.said, p.object, p.observed, p.first_offset FROM carray(?) AS c
    CROSS JOIN ident AS i ON i.key = c.value CROSS JOIN provenance AS p ON p.object = i.no AND p.source = ?
"""
_KNOWN = """
    SELECT i.no, i.id, i.created, i.links, p.modified, p.observed, p.hash, p.last_observed, p.first_offset, p.markings
    FROM carray(?) AS c CROSS JOIN ident AS i ON i.no = c.value
    CROSS JOIN provenance AS p ON p.object = c.value AND p.source = ?
"""
CONFIRM = """
    UPDATE provenance SET observed = ?1, last_observed = max(last_observed, ?1),
        seal = seal - observed + ?1 - last_observed + max(last_observed, ?1)
    WHERE source = ?2 AND object IN (SELECT value FROM carray(?3))
"""
_RENEW = """
    UPDATE provenance SET modified = ?1, observed = ?2, hash = ?3, last_observed = ?4, markings = ?5, said = ?6,
        seal = seal - modified + ?1 - observed + ?2 - last_observed + ?4
    WHERE object = ?7 AND source = ?8
"""


def said(encoded: bytes) -> bytes:
    """Eight bytes that stand for the exact words of a statement."""
    return blake2b(encoded, digest_size=8).digest()


class Alone:
    """One call's worth of observed objects, as far as nobody else reports them."""

    def __init__(self, connection: apsw.Connection, sources: Sources, bodies: Bodies) -> None:
        self._connection = connection
        self._sources = sources
        self._bodies = bodies

    def take(self, items: Sequence[Incoming], changes: list[Change | None]) -> list[int]:
        """Fill in the changes of those that belong here; returns the indexes of the others."""
        keys = [key(item.id) for item in items]
        twice: set[int] = set()
        if len(set(keys)) != len(keys):
            twice = {number for number, count in Counter(keys).items() if count > 1}
        of_source: dict[tuple[str, str, str], list[int]] = {}
        left: list[int] = []
        name: tuple[str, str, str] | None = None
        group: list[int] = []
        for index, item in enumerate(items):
            if name is None or item.stream != name[1] or item.instance != name[0] or item.source_id != name[2]:
                name = (item.instance, item.stream, item.source_id)
                group = of_source.setdefault(name, [])
            if keys[index] in twice:
                left.append(index)
            else:
                group.append(index)
        for name, group in of_source.items():
            source = self._sources.number(self._connection, name)
            if group:
                newer = self._repeated(source, group, keys, items, changes, left)
                if newer:
                    self._renewed(source, newer, items, changes, left)
        left.sort()
        return left

    def _repeated(
        self,
        source: int,
        group: list[int],
        keys: list[int],
        items: Sequence[Incoming],
        changes: list[Change | None],
        left: list[int],
    ) -> list[tuple[int, int, bytes]]:
        """What was said word for word; returns index, object and words of what this source said differently before."""
        wanted = apsw.carray(array("q", sorted([keys[index] for index in group])))
        told: dict[Any, Any] = {row[0]: row for row in self._connection.execute(_TOLD, (wanted, source))}
        newer: list[tuple[int, int, bytes]] = []
        moments: dict[int, list[int]] = {}
        time, observed = "", 0
        for index in group:
            row = told.get(keys[index])
            if row is None or not row[1]:
                left.append(index)
                continue
            item = items[index]
            words = said(item.encoded)
            if words != row[1]:
                newer.append((index, row[2], words))
                continue
            if item.observed_at != time:
                try:
                    observed, time = _times.micros(item.observed_at), item.observed_at
                except RecordError:
                    left.append(index)
                    continue
            if observed < row[3] or item.offset < row[4]:
                left.append(index)
                continue
            if observed > row[3]:
                moments.setdefault(observed, []).append(row[2])
            changes[index] = Change(item.id, "unchanged")
        for moment, numbers in moments.items():
            self._connection.execute(CONFIRM, (moment, source, number_array(numbers)))
        return newer

    def _renewed(
        self,
        source: int,
        newer: list[tuple[int, int, bytes]],
        items: Sequence[Incoming],
        changes: list[Change | None],
        left: list[int],
    ) -> None:
        """Newer versions, and old ones with a new date."""
        newer.sort(key=lambda one: one[1])
        wanted = apsw.carray(array("q", [no for _, no, _ in newer]))
        known: dict[Any, Any] = {row[0]: row for row in self._connection.execute(_KNOWN, (wanted, source))}
        claims: list[tuple[int, int, bytes, int, str, bytes, int, int]] = []
        kept: list[tuple[int, int, int]] = []
        bodies: list[bytes] = []
        numbers: list[int] = []
        for index, no, words in newer:
            item = items[index]
            row = known[no]
            try:
                claim = _newer(item, row)
            except RecordError:
                claim = None
            if claim is None:
                left.append(index)
                continue
            modified, observed, hash, markings = claim
            if hash == row[6]:
                changes[index] = Change(item.id, "unchanged")
            else:
                changes[index] = Change(item.id, "changed", _merge.effective(item.body, row[2], modified, markings))
                kept.append((no, source, observed))
                bodies.append(item.encoded)
                numbers.append(no)
            claims.append((modified, observed, hash, max(row[7], observed), markings, words, no, source))
        _former.keep(self._connection, kept)
        self._connection.executemany(_RENEW, claims)
        packed = self._bodies.pack(bodies)
        current = self._bodies.current
        self._connection.executemany(
            "UPDATE object SET dictionary = ?, body = ? WHERE no = ?",
            [(current, body, no) for body, no in zip(packed, numbers, strict=True)],
        )


def _newer(item: Incoming, row: Any) -> tuple[int, int, bytes, str] | None:
    """``modified, observed, hash, markings`` where ``item`` follows what its source said before, and changes no edge."""
    _, id, created, links, known_modified, known_observed, known_hash, _, first_offset, _ = row
    body: Json = item.body
    if id != item.id or body.get("id") != id or body.get("type") != id[:-38] or item.offset < first_offset:
        return None
    observed = _times.micros(item.observed_at)
    given = body.get("modified")
    modified = 0 if given is None else _times.micros(given)
    if observed < known_observed or not known_modified <= modified <= observed + _times.DAY:
        return None
    pinned = body.get("created")
    if pinned is not None:
        since = _times.micros(pinned)
        if created is None or since < created or (modified and modified < created):
            return None
    hash = content_hash(body, item.encoded)
    if hash == known_hash:
        return modified, observed, hash, row[9]
    if modified == known_modified and observed == known_observed and hash < known_hash:
        return None
    if _links.describe(body)[2] != links:
        return None
    refs = body.get("object_marking_refs")
    return modified, observed, hash, _merge.markings_of(body) if refs else ""
