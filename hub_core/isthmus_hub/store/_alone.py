"""The short road of `Transaction.put`: objects that one source alone reports.

Most of what arrives was said before, word for word, and most of the rest is a newer version from the same source. Both
are decided here from one or two rows per object, looked up in one query per batch, without the claims of everybody being
laid side by side. Whatever is not plainly one of these cases is left to `_observe`, which knows them all; the outcome is
the same either way.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from operator import attrgetter
from typing import Any

import apsw

from isthmus_hub.store import _former, _merge, _times
from isthmus_hub.store._bodies import Bodies
from isthmus_hub.store._content import content_hash
from isthmus_hub.store._fingerprint import fingerprint
from isthmus_hub.store._intern import Sources, keys, number_array
from isthmus_hub.store._types import Change, Incoming, Json
from isthmus_sdk.errors import RecordError

_TOLD = """
    SELECT c.value, p.said, p.object, p.observed, p.first_offset, p.modified, p.hash FROM carray(?) AS c
    CROSS JOIN ident AS i ON i.key = c.value CROSS JOIN provenance AS p ON p.object = i.no AND p.source = ?
"""
_KEY, _SAID, _NO, _OBSERVED, _FIRST_OFFSET, _MODIFIED, _HASH = range(7)
_IDENT = "SELECT i.no, i.id, i.created, i.links FROM carray(?) AS c CROSS JOIN ident AS i ON i.no = c.value"
CONFIRM = """
    UPDATE provenance SET observed = ?1, last_observed = max(last_observed, ?1),
        seal = seal - observed + ?1 - last_observed + max(last_observed, ?1)
    WHERE source = ?2 AND object IN (SELECT value FROM carray(?3))
"""
_RENEW = """
    UPDATE provenance SET modified = ?1, observed = ?2, hash = ?3, last_observed = max(last_observed, ?2), markings = ?4,
        said = ?5, seal = seal - modified + ?1 - observed + ?2 - last_observed + max(last_observed, ?2)
    WHERE object = ?6 AND source = ?7
"""
_source_of = attrgetter("instance", "stream", "source_id")
_Claim = tuple[int, int, bytes, str, Json | None]
"""``modified``, ``observed``, content hash, markings, and the object as it is believed now where it says something new."""


def said(encoded: bytes) -> bytes:
    """Eight bytes that stand for the exact words of a statement.

    SHA-256 because processors have instructions for it. Words filed under another digest, as earlier versions did, are
    taken for different ones once; their content then proves to be the same.
    """
    return sha256(encoded).digest()[:8]


class Alone:
    """One call's worth of observed objects, as far as nobody else reports them."""

    def __init__(self, connection: apsw.Connection, sources: Sources, bodies: Bodies) -> None:
        self._connection = connection
        self._sources = sources
        self._bodies = bodies

    def take(self, items: Sequence[Incoming], changes: list[Change | None]) -> list[int]:
        """Fill in the changes of those that belong here; returns the indexes of the others."""
        numbers = keys([item.id for item in items])
        names = list(map(_source_of, items))
        twice: set[int] = set()
        if len(set(numbers)) != len(numbers):
            twice = {number for number, count in Counter(numbers).items() if count > 1}
        left: list[int] = []
        of_source: dict[tuple[str, str, str], Sequence[int]] = {}
        if not twice and names.count(names[0]) == len(names):
            of_source[names[0]] = range(len(items))
        else:
            groups: dict[tuple[str, str, str], list[int]] = {}
            for index, name in enumerate(names):
                group = groups.setdefault(name, [])
                (left if numbers[index] in twice else group).append(index)
            of_source.update(groups)
        for name, found in of_source.items():
            source = self._sources.number(self._connection, name)
            if found:
                newer = self._repeated(source, found, numbers, items, changes, left)
                if newer:
                    self._renewed(source, newer, items, changes, left)
        left.sort()
        return left

    def _repeated(
        self,
        source: int,
        group: Sequence[int],
        numbers: list[int],
        items: Sequence[Incoming],
        changes: list[Change | None],
        left: list[int],
    ) -> list[tuple[int, Any, bytes]]:
        """What was said word for word; returns index, row and words of what this source said differently before."""
        wanted = apsw.carray(array("q", sorted([numbers[index] for index in group])))
        told: dict[Any, Any] = {row[_KEY]: row for row in self._connection.execute(_TOLD, (wanted, source))}
        newer: list[tuple[int, Any, bytes]] = []
        moments: dict[int, list[int]] = {}
        time, observed = "", 0
        for index in group:
            row = told.get(numbers[index])
            if row is None or not row[_SAID]:
                left.append(index)
                continue
            item = items[index]
            words = sha256(item.encoded).digest()[:8]  # `said`, without the call
            if words != row[_SAID]:
                newer.append((index, row, words))
                continue
            if item.observed_at != time:
                try:
                    observed, time = _times.micros(item.observed_at), item.observed_at
                except RecordError:
                    left.append(index)
                    continue
            if observed < row[_OBSERVED] or item.offset < row[_FIRST_OFFSET]:
                left.append(index)
                continue
            if observed > row[_OBSERVED]:
                moments.setdefault(observed, []).append(row[_NO])
            changes[index] = Change(item.id, "unchanged")
        for moment, objects in moments.items():
            self._connection.execute(CONFIRM, (moment, source, number_array(objects)))
        return newer

    def _renewed(
        self,
        source: int,
        newer: list[tuple[int, Any, bytes]],
        items: Sequence[Incoming],
        changes: list[Change | None],
        left: list[int],
    ) -> None:
        """Newer versions, and old ones with a new date."""
        newer.sort(key=_number)
        wanted = apsw.carray(array("q", [row[_NO] for _, row, _ in newer]))
        idents: dict[Any, Any] = {row[0]: row for row in self._connection.execute(_IDENT, (wanted,))}
        claims: list[tuple[int, int, bytes, str, bytes, int, int]] = []
        kept: dict[int, list[int]] = {}
        bodies: list[bytes] = []
        objects: list[int] = []
        for index, row, words in newer:
            item, no = items[index], row[_NO]
            try:
                claim = _newer(item, row, idents[no])
            except RecordError:
                claim = None
            if claim is None:
                left.append(index)
                continue
            modified, observed, hash, markings, body = claim
            if body is None:
                changes[index] = Change(item.id, "unchanged")
            else:
                changes[index] = Change(item.id, "changed", body)
                kept.setdefault(observed, []).append(no)
                bodies.append(item.encoded)
                objects.append(no)
            claims.append((modified, observed, hash, markings, words, no, source))
        for until, replaced in kept.items():
            _former.keep(self._connection, source, until, replaced)
        self._connection.executemany(_RENEW, claims)
        self._replace(objects, bodies)

    def _replace(self, objects: Iterable[int], bodies: Sequence[bytes]) -> None:
        packed = self._bodies.pack(bodies)
        current = self._bodies.current
        self._connection.executemany(
            "UPDATE object SET dictionary = ?, body = ? WHERE no = ?",
            [(current, body, no) for body, no in zip(packed, objects, strict=True)],
        )


def _number(one: tuple[int, Any, bytes]) -> int:
    number: int = one[1][_NO]
    return number


def _newer(item: Incoming, row: Any, ident: Any) -> _Claim | None:
    """What ``item`` claims where it follows what its source said before, and changes no edge."""
    _, id, created, links = ident
    body: Json = item.body
    if id != item.id or body.get("id") != id or body.get("type") != id[:-38] or item.offset < row[_FIRST_OFFSET]:
        return None
    observed = _times.micros(item.observed_at)
    given = body.get("modified")
    modified = 0 if given is None else _times.micros(given)
    if observed < row[_OBSERVED] or not row[_MODIFIED] <= modified <= observed + _times.DAY:
        return None
    pinned = body.get("created")
    if pinned is not None:
        since = _times.micros(pinned)
        if created is None or since < created or (modified and modified < created):
            return None
    encoded = item.encoded
    hash = content_hash(body, encoded)
    markings = _merge.markings_of(body)
    if hash == row[_HASH]:
        return modified, observed, hash, markings, None
    if modified == row[_MODIFIED] and observed == row[_OBSERVED] and hash < row[_HASH]:
        return None
    if fingerprint(body, encoded) != links:
        return None
    return modified, observed, hash, markings, _merge.effective(body, created, modified, markings)
