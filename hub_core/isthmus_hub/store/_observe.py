"""`Transaction.put`: observed objects in, changes out: whatever `_alone` does not decide in short.

Two roads here too. Content that only confirms what its source said before costs one hash, and one statement for all such objects
of a block. Anything else is merged claim by claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

from isthmus_hub._collector import uncollected
from isthmus_hub.store import _former, _merge, _times
from isthmus_hub.store._alone import CONFIRM, Alone, said
from isthmus_hub.store._bodies import Bodies
from isthmus_hub.store._content import content_hash
from isthmus_hub.store._entries import Entries, Entry
from isthmus_hub.store._intern import Idents, Sources, Words, key_array, number_array
from isthmus_hub.store._merge import Claim
from isthmus_hub.store._types import Change, ChangeKind, Incoming, Json
from isthmus_sdk import stix
from isthmus_sdk.errors import RecordError

_AT_ONCE = 5_000
_LOOKUP = """
    SELECT i.id, i.no, i.type, i.created, i.links, p.source, p.modified, p.observed, p.hash, p.first_observed,
           p.last_observed, p.first_offset, p.markings, p.capped, p.said
    FROM carray(?) AS c CROSS JOIN ident AS i ON i.key = c.value LEFT JOIN provenance AS p ON p.object = i.no
"""
_ID, _NO, _TYPE, _CREATED, _LINKS, _SOURCE, _MODIFIED, _OBSERVED, _HASH, _FIRST_OBSERVED = range(10)
_LAST_OBSERVED, _FIRST_OFFSET, _MARKINGS, _CAPPED = range(10, 14)
_RESTAMP = """
    UPDATE provenance SET modified = ?1, observed = ?2, last_observed = max(last_observed, ?2), said = x'',
        seal = seal - modified + ?1 - observed + ?2 - last_observed + max(last_observed, ?2)
    WHERE source = ?3 AND object = ?4
"""


class Observing:
    """One call's worth of observed objects."""

    def __init__(
        self, connection: apsw.Connection, words: Words, sources: Sources, idents: Idents, bodies: Bodies
    ) -> None:
        self._connection = connection
        self._words = words
        self._sources = sources
        self._bodies = bodies
        self._alone = Alone(connection, sources, bodies)
        self._writing = Entries(connection, words, idents, bodies)
        self._rows: dict[str, Any] = {}
        self._entries: dict[str, Entry] = {}
        self._confirmed: dict[tuple[int, int], tuple[int | None, int]] = {}
        """By object and source: ``modified`` where it is new, and ``observed_at``."""

    def put(self, items: Sequence[Incoming]) -> tuple[list[Change], list[tuple[Incoming, str]]]:
        """Changes in the order of ``items``, and the unusable ones with the reason."""
        changes: list[Change] = []
        rejected: list[tuple[Incoming, str]] = []
        with uncollected():
            for start in range(0, len(items), _AT_ONCE):
                part = items[start : start + _AT_ONCE]
                made: list[Change | None] = [None] * len(part)
                left = self._alone.take(part, made)
                if left:
                    others = [part[index] for index in left]
                    for index, change in zip(left, self._merged(others, rejected), strict=True):
                        made[index] = change
                changes += [change for change in made if change is not None]
        _former.prune(self._connection)
        return changes, rejected

    def _merged(self, items: Sequence[Incoming], rejected: list[tuple[Incoming, str]]) -> list[Change]:
        """The long road."""
        changes: list[Change] = []
        self._look_up(items)
        self._take(items, changes, rejected)
        self._write_confirmed()
        changed = [entry for entry in self._entries.values() if entry.dirty]
        if changed:
            numbers = {id: (row[0] if type(row) is list else row)[_NO] for id, row in self._rows.items()}
            self._writing.write(changed, numbers)
        self._entries = {}
        return changes

    def _look_up(self, items: Sequence[Incoming]) -> None:
        rows = self._rows = {}
        for row in self._connection.execute(_LOOKUP, (key_array([item.id for item in items]),)):
            known = rows.setdefault(row[_ID], row)
            if known is not row:
                rows[row[_ID]] = [*known, row] if type(known) is list else [known, row]

    def _take(self, items: Sequence[Incoming], changes: list[Change], rejected: list[tuple[Incoming, str]]) -> None:
        rows, entries = self._rows, self._entries
        micros = _times.micros
        source_key: tuple[str, str, str] | None = None
        source = 0
        for item in items:
            wanted = (item.instance, item.stream, item.source_id)
            if wanted != source_key:
                source, source_key = self._sources.number(self._connection, wanted), wanted
            try:
                body = item.body
                observed = micros(item.observed_at)
                given = body.get("modified")
                modified = 0 if given is None else micros(given)
                hash = content_hash(body, item.encoded)
                row = rows.get(item.id)
                if (
                    row is not None
                    and (type(row) is list or row[_HASH] == hash)
                    and item.id not in entries
                    and self._confirms(item, row, source, hash, modified, observed)
                ):
                    changes.append(Change(item.id, "unchanged"))
                else:
                    changes.append(self._merge(item, source, hash, modified, observed))
            except RecordError as error:
                rejected.append((item, str(error)))
                changes.append(Change(item.id, "rejected"))

    # -- confirmed ---------------------------------------------------------------------------------------------------

    def _confirms(self, item: Incoming, row: Any, source: int, hash: bytes, modified: int, observed: int) -> bool:
        """Whether ``item`` repeats what its source said last, which then is noted to be written at the end.

        Where several sources report the object this holds only if all of them say the same: then it does not matter
        which of them is believed.
        """
        rows = row
        if type(rows) is list:
            row = next((row for row in rows if row[_SOURCE] == source), None)
            if row is None or any(r[_HASH] != hash or r[_MARKINGS] != row[_MARKINGS] for r in rows):
                return False
        if (
            hash != row[_HASH]
            or row[_SOURCE] != source
            or not row[_MODIFIED] <= modified <= observed + _times.DAY
            or observed < row[_OBSERVED]
            or (type(rows) is list and row[_MODIFIED] != modified != observed)
            or item.offset < row[_FIRST_OFFSET]
            or row[_CAPPED]
        ):
            return False
        created = item.body.get("created")
        if created is not None and (row[_CREATED] is None or _created(created, modified) < row[_CREATED]):
            return False
        if observed == row[_OBSERVED] and modified == row[_MODIFIED]:
            return True
        key = (row[_NO], source)
        restamped = modified if modified > row[_MODIFIED] else self._confirmed.get(key, (None, 0))[0]
        self._confirmed[key] = (restamped, observed)
        later = (*row[:_MODIFIED], modified, observed, *row[_HASH:_LAST_OBSERVED],
                 max(row[_LAST_OBSERVED], observed), *row[_FIRST_OFFSET:])  # fmt: skip
        self._rows[item.id] = [later if r is row else r for r in rows] if type(rows) is list else later
        return True

    def _write_confirmed(self) -> None:
        """Objects seen again at one moment take one statement; those with a new ``modified`` one each."""
        moments: dict[tuple[int, int], list[int]] = {}
        restamped: list[tuple[int, int, int, int]] = []
        for (no, source), (modified, observed) in self._confirmed.items():
            if modified is None:
                moments.setdefault((observed, source), []).append(no)
            else:
                restamped.append((modified, observed, source, no))
        for (observed, source), numbers in moments.items():
            self._connection.execute(CONFIRM, (observed, source, number_array(numbers)))
        self._connection.executemany(_RESTAMP, restamped)
        self._confirmed = {}

    # -- merged ------------------------------------------------------------------------------------------------------

    def _merge(self, item: Incoming, source: int, hash: bytes, modified: int, observed: int) -> Change:
        body = item.body
        if body.get("id") != item.id or not item.id.startswith(f"{body.get('type')}--"):
            raise RecordError(
                f"entry {item.id!r} holds an object with id {body.get('id')!r}, type {body.get('type')!r}"
            )
        capped = modified > observed + _times.DAY
        if capped:
            modified = observed + _times.DAY
        given = body.get("created")
        created = None if given is None else _created(given, modified)
        markings = _merge.markings_of(body)
        words = b"" if capped else said(item.encoded)
        claim = Claim(modified, observed, hash, observed, observed, item.offset, markings, int(capped), words)
        entry = self._entries.get(item.id) or self._enter(item.id)
        if created is not None and (entry.created is None or created < entry.created):
            entry.created, entry.described = created, False
            entry.dirty.add(source)
        if not entry.claims:
            return self._first(entry, item, source, claim)
        return self._another(entry, item, source, claim)

    def _first(self, entry: Entry, item: Incoming, source: int, claim: Claim) -> Change:
        """Nobody has reported the object before."""
        entry.claims[source] = claim
        entry.dirty.add(source)
        entry.said[source] = entry.encoded = item.encoded
        entry.body, entry.type = item.body, item.body["type"]
        return Change(item.id, "new", self._effective(entry, claim), True)

    def _another(self, entry: Entry, item: Incoming, source: int, claim: Claim) -> Change:
        claims = entry.claims
        if len(claims) == 1 and source in claims:
            return self._newer(entry, item, source, claim)
        claim.said = b""
        for number, other in claims.items():
            if other.said:  # no longer the only one
                other.said = b""
                entry.dirty.add(number)
        before, markings = claims[self._winner(claims)].hash, _merge.united_markings(claims)
        known = claims.get(source)
        last = None if known is None else known.hash
        told = _vendor_time(known)
        if known is None:
            known = claims[source] = claim
            entry.dirty.add(source)
        elif known.absorb(claim):
            entry.dirty.add(source)
        if known.hash != last:
            entry.said[source] = item.encoded
        believed = self._winner(claims)
        best = claims[believed]
        if best.hash != before:
            entry.encoded = self._words_of(entry, believed)
            entry.body = item.body if entry.encoded is item.encoded else stix.decode(entry.encoded)
        elif _merge.united_markings(claims) == markings:
            kind: ChangeKind = "unchanged" if known.hash == claim.hash else "stale"
            return Change(item.id, kind, None, last is None, known.hash != last or _vendor_time(known) != told)
        return Change(item.id, "changed", self._effective(entry, best), last is None, True)

    def _newer(self, entry: Entry, item: Incoming, source: int, claim: Claim) -> Change:
        """What `_another` does, where there is one source only."""
        known = entry.claims[source]
        before, markings = known.hash, known.markings
        if known.absorb(claim):
            entry.dirty.add(source)
        if known.hash != before:
            entry.said[source] = entry.encoded = item.encoded
            entry.body = item.body
        elif known.markings == markings:
            return Change(item.id, "unchanged" if before == claim.hash else "stale")
        return Change(item.id, "changed", self._effective(entry, known))

    def _winner(self, claims: dict[int, Claim]) -> int:
        if len(claims) == 1:
            return next(iter(claims))
        return _merge.winner(claims, lambda number: self._sources.name(self._connection, number))

    def _words_of(self, entry: Entry, source: int) -> bytes:
        """What a source last said, encoded: in this call, or as the file has it."""
        if source in entry.said:
            return entry.said[source]
        if len(entry.told_by) > 1:
            sql = "SELECT dictionary, body FROM statement WHERE object = ?1 AND source = ?2"
        else:
            sql = "SELECT dictionary, body FROM object WHERE no = ?1 AND ?2 NOTNULL"
        row: Any = self._connection.execute(sql, (entry.no, source)).get
        return self._bodies.unpack(row[0], row[1])

    def _enter(self, id: str) -> Entry:
        rows = self._rows.get(id)
        if rows is None:
            entry = Entry(id)
        else:
            if type(rows) is not list:
                rows = [rows]
            row = rows[0]
            entry = Entry(id)
            entry.no, entry.mentioned = row[_NO], True
            if row[_TYPE] is not None:
                entry.described, entry.created, entry.links = True, row[_CREATED], row[_LINKS]
                entry.type = self._words.text(self._connection, row[_TYPE])
                for row in rows:
                    entry.claims[row[_SOURCE]] = Claim(*row[_MODIFIED:])
                entry.told_by = tuple(entry.claims)
        self._entries[id] = entry
        return entry

    def _effective(self, entry: Entry, best: Claim) -> Json:
        body = entry.body
        if body is None:
            body = self._writing.stored_body(entry)
        return _merge.effective(body, entry.created, best.modified, _merge.united_markings(entry.claims))


def _vendor_time(claim: Claim | None) -> int:
    """When the vendor says that it changed; 0 where it does not say."""
    return 0 if claim is None or claim.modified == claim.observed else claim.modified


def _created(text: str, modified: int) -> int:
    """``created`` in microseconds, never after ``modified``."""
    created = _times.micros(text)
    return min(created, modified) if modified else created
