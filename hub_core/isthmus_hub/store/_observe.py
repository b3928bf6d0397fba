"""`Transaction.put`: observed objects in, changes out.

Three roads, the cheap ones first. The very same bytes from the only source: one digest, and one statement for all such
objects of a block. The same content under new times: one content hash on top. Anything else is merged claim by claim.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b
from typing import Any

import apsw

from isthmus_hub.store import _links, _merge, _times
from isthmus_hub.store._bodies import Bodies
from isthmus_hub.store._intern import Idents, Sources, Words, key_array, number_array
from isthmus_hub.store._merge import Claim
from isthmus_hub.store._types import Change, Incoming, Json
from isthmus_sdk import stix
from isthmus_sdk.errors import RecordError

_AT_ONCE = 5_000
_LOOKUP = """
    SELECT i.id, i.no, i.type, i.created, i.links, p.source, p.modified, p.observed, p.hash, p.digest,
           p.first_observed, p.last_observed, p.first_offset, p.markings, p.capped
    FROM carray(?) AS c CROSS JOIN ident AS i ON i.key = c.value LEFT JOIN provenance AS p ON p.object = i.no
"""
_ID, _NO, _TYPE, _CREATED, _LINKS, _SOURCE, _MODIFIED, _OBSERVED, _HASH, _DIGEST = range(10)
_FIRST_OBSERVED, _LAST_OBSERVED, _FIRST_OFFSET, _MARKINGS, _CAPPED = range(10, 15)
_CONFIRM = """
    UPDATE provenance SET observed = max(observed, ?1), last_observed = max(last_observed, ?1)
    WHERE source = ?2 AND object IN (SELECT value FROM carray(?3))
"""
_RESTAMP = """
    UPDATE provenance SET modified = ?1, observed = ?2, last_observed = max(last_observed, ?2), digest = NULL
    WHERE source = ?3 AND object IN (SELECT value FROM carray(?4))
"""


class _Entry:
    """An object on the slow road: everything known about it, and what has to be written."""

    __slots__ = (
        "body",
        "claims",
        "created",
        "described",
        "dirty",
        "encoded",
        "id",
        "links",
        "no",
        "said",
        "told_by",
        "type",
    )

    def __init__(self, id: str, no: int | None) -> None:
        self.id = id
        self.no = no
        self.described = False
        """Whether type, created and links are in the file as they are here."""
        self.type: str | None = None
        self.created: int | None = None
        self.links = 0
        self.claims: dict[int, Claim] = {}
        self.dirty: set[int] = set()
        """Sources whose claims have to be written."""
        self.body: Json | None = None
        """Body of the winning version, if it came in this call."""
        self.encoded: bytes | None = None
        self.said: dict[int, bytes] = {}
        """New words of sources in this call."""
        self.told_by: frozenset[int] = frozenset()
        """Sources with claims in the file. One: its words are the object's body; several: each has its statement."""


class Observing:
    """One call's worth of observed objects, at most a few thousand."""

    def __init__(
        self, connection: apsw.Connection, words: Words, sources: Sources, idents: Idents, bodies: Bodies
    ) -> None:
        self._connection = connection
        self._words = words
        self._sources = sources
        self._idents = idents
        self._bodies = bodies
        self._rows: dict[str, Any] = {}
        self._entries: dict[str, _Entry] = {}
        self._confirmed: dict[tuple[int, int], list[int]] = {}
        self._restamped: dict[tuple[int, int, int], list[int]] = {}

    def put(self, items: Sequence[Incoming]) -> tuple[list[Change], list[tuple[Incoming, str]]]:
        """Changes in the order of ``items``, and the unusable ones with the reason."""
        changes: list[Change] = []
        rejected: list[tuple[Incoming, str]] = []
        for start in range(0, len(items), _AT_ONCE):
            part = items[start : start + _AT_ONCE]
            self._look_up(part)
            self._take(part, changes, rejected)
            self._write()
        return changes, rejected

    def _look_up(self, items: Sequence[Incoming]) -> None:
        rows = self._rows = {}
        for row in self._connection.execute(_LOOKUP, (key_array([item.id for item in items]),)):
            known = rows.setdefault(row[_ID], row)
            if known is not row:
                rows[row[_ID]] = [*known, row] if type(known) is list else [known, row]

    def _take(self, items: Sequence[Incoming], changes: list[Change], rejected: list[tuple[Incoming, str]]) -> None:
        rows, entries = self._rows, self._entries
        source_key: tuple[str, str, str] | None = None
        source = 0
        for item in items:
            wanted = (item.instance, item.stream, item.source_id)
            if wanted != source_key:
                source, source_key = self._sources.number(self._connection, wanted), wanted
            digest = int.from_bytes(blake2b(item.encoded, digest_size=8).digest(), signed=True)
            try:
                row = rows.get(item.id)
                if (
                    type(row) is tuple
                    and row[_SOURCE] == source
                    and item.id not in entries
                    and self._confirms(item, row, digest, source)
                ):
                    changes.append(Change(item.id, "unchanged"))
                else:
                    changes.append(self._merge(item, digest, source))
            except RecordError as error:
                rejected.append((item, str(error)))
                changes.append(Change(item.id, "rejected"))

    def _confirms(self, item: Incoming, row: Any, digest: int, source: int) -> bool:
        """Whether ``item`` repeats what its only source said last; if so it is noted for one statement at the end."""
        observed = _times.micros(item.observed_at)
        if row[_CAPPED] or observed < row[_OBSERVED] or item.offset < row[_FIRST_OFFSET]:
            return False
        if digest == row[_DIGEST]:
            if observed > row[_OBSERVED] or observed > row[_LAST_OBSERVED]:
                self._confirmed.setdefault((source, observed), []).append(row[_NO])
                self._rows[item.id] = _observed_again(row, row[_MODIFIED], observed, digest)
            return True
        given = item.body.get("modified")
        modified = 0 if given is None else _times.micros(given)
        if modified < row[_MODIFIED] or modified > observed + _times.DAY or stix.content_hash(item.body) != row[_HASH]:
            return False
        created = item.body.get("created")
        if created is not None and min(_times.micros(created), modified) < row[_CREATED]:
            return False
        self._restamped.setdefault((source, modified, observed), []).append(row[_NO])
        self._rows[item.id] = _observed_again(row, modified, observed, None)
        return True

    def _merge(self, item: Incoming, digest: int, source: int) -> Change:
        body = item.body
        if body.get("id") != item.id or not item.id.startswith(f"{body.get('type')}--"):
            raise RecordError(
                f"entry {item.id!r} holds an object with id {body.get('id')!r}, type {body.get('type')!r}"
            )
        claim, created = _merge.claim(item, stix.content_hash(body), digest)
        entry = self._entries.get(item.id) or self._enter(item.id)
        claims = entry.claims
        before = claims[self._winner(claims)].hash if claims else None
        markings = _merge.united_markings(claims) if claims else ""
        known = claims.get(source)
        if known is None:
            claims[source] = claim
            entry.dirty.add(source)
            entry.said[source] = item.encoded
        else:
            last = known.hash
            if known.absorb(claim):
                entry.dirty.add(source)
            if known.hash != last:
                entry.said[source] = item.encoded
        if created is not None and (entry.created is None or created < entry.created):
            entry.created, entry.described = created, False
            entry.dirty.add(source)
        believed = self._winner(claims)
        best = claims[believed]
        if best.hash != before:
            entry.encoded = self._words_of(entry, believed)
            entry.body = body if entry.encoded is item.encoded else stix.decode(entry.encoded)
            entry.type = body["type"]
            kind = "new" if before is None else "changed"
            return Change(item.id, kind, self._effective(entry, best), known is None)  # type: ignore[arg-type]
        if _merge.united_markings(claims) != markings:
            return Change(item.id, "changed", self._effective(entry, best), known is None)
        return Change(item.id, "unchanged" if claims[source].hash == claim.hash else "stale", None, known is None)

    def _winner(self, claims: dict[int, Claim]) -> int:
        return _merge.winner(claims, lambda number: self._sources.name(self._connection, number))

    def _words_of(self, entry: _Entry, source: int) -> bytes:
        """What a source last said, encoded: in this call, or as the file has it."""
        if source in entry.said:
            return entry.said[source]
        if len(entry.told_by) > 1:
            sql = "SELECT dictionary, body FROM statement WHERE object = ?1 AND source = ?2"
        else:
            sql = "SELECT dictionary, body FROM object WHERE no = ?1 AND ?2 NOTNULL"
        row: Any = self._connection.execute(sql, (entry.no, source)).get
        return self._bodies.unpack(row[0], row[1])

    def _enter(self, id: str) -> _Entry:
        rows = self._rows.get(id)
        if rows is None:
            entry = _Entry(id, None)
        else:
            if type(rows) is not list:
                rows = [rows]
            row = rows[0]
            entry = _Entry(id, row[_NO])
            if row[_TYPE] is not None:
                entry.described, entry.created, entry.links = True, row[_CREATED], row[_LINKS]
                entry.type = self._words.text(self._connection, row[_TYPE])
                for row in rows:
                    entry.claims[row[_SOURCE]] = Claim(*row[_MODIFIED:])
                entry.told_by = frozenset(entry.claims)
        self._entries[id] = entry
        return entry

    def _effective(self, entry: _Entry, best: Claim) -> Json:
        body = entry.body
        if body is None:
            body = self._stored_body(entry)
        return _merge.effective(body, entry.created, best.modified, _merge.united_markings(entry.claims))

    def _stored_body(self, entry: _Entry) -> Json:
        row: Any = self._connection.execute("SELECT dictionary, body FROM object WHERE no = ?", (entry.no,)).get
        return stix.decode(self._bodies.unpack(row[0], row[1]))

    # -- writing -------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        connection = self._connection
        for (source, observed), numbers in self._confirmed.items():
            connection.execute(_CONFIRM, (observed, source, number_array(numbers)))
        for (source, modified, observed), numbers in self._restamped.items():
            connection.execute(_RESTAMP, (modified, observed, source, number_array(numbers)))
        self._confirmed, self._restamped = {}, {}
        entries = [entry for entry in self._entries.values() if entry.dirty]
        if entries:
            self._write_links(entries)
            self._write_entries(entries)
        self._entries = {}

    def _write_entries(self, entries: list[_Entry]) -> None:
        connection = self._connection
        self._write_statements([entry for entry in entries if len(entry.claims) > 1 and entry.said])
        bodies = [(entry.no, entry.encoded) for entry in entries if entry.encoded is not None]
        packed = self._bodies.pack([encoded for _, encoded in bodies])
        current = self._bodies.current
        connection.executemany(
            "INSERT OR REPLACE INTO object VALUES (?, ?, ?)",
            [(no, current, body) for (no, _), body in zip(bodies, packed, strict=True)],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO provenance VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                entry.claims[source].row(entry.no or 0, source)
                for entry in entries
                for source in sorted(entry.dirty)
            ],
        )  # fmt: skip

    def _write_statements(self, entries: list[_Entry]) -> None:
        """The words of every source of objects that several sources report; comes before the objects are replaced."""
        connection = self._connection
        connection.executemany(
            "INSERT OR IGNORE INTO statement SELECT no, ?, dictionary, body FROM object WHERE no = ?",
            [(source, entry.no) for entry in entries if len(entry.told_by) == 1 for source in entry.told_by],
        )
        said = [(entry.no, source, encoded) for entry in entries for source, encoded in sorted(entry.said.items())]
        packed = self._bodies.pack([encoded for _, _, encoded in said])
        current = self._bodies.current
        connection.executemany(
            "INSERT OR REPLACE INTO statement VALUES (?, ?, ?, ?)",
            [(no, source, current, body) for (no, source, _), body in zip(said, packed, strict=True)],
        )

    def _write_links(self, entries: list[_Entry]) -> None:
        """Give numbers to new ids, and bring values and edges in line where they changed."""
        changed: list[tuple[_Entry, set[_links.Value], set[_links.Link], int]] = []
        mentioned: dict[str, None] = {}
        for entry in entries:
            if entry.no is None:
                mentioned[entry.id] = None
            if entry.body is None:
                continue
            values, links = _links.values(entry.body), _links.links(entry.body)
            fingerprint = _links.fingerprint(values, links)
            if fingerprint != entry.links:
                changed.append((entry, values, links, fingerprint))
                for source, _, target in sorted(links):
                    mentioned[source] = mentioned[target] = None
        for entry, values, links, fingerprint in changed:
            if entry.links:
                self._remove_old_links(entry, values, links)
            entry.links, entry.described = fingerprint, False
        numbers = self._number(entries, mentioned)
        new_values: list[tuple[int, str, int]] = []
        new_edges: list[tuple[int, int, int, int, int]] = []
        for entry, values, links, _ in changed:
            assert entry.no is not None
            new_values += [(self._words.number(self._connection, kind), value, entry.no) for kind, value in values]
            for source, kind, target in links:
                word = self._words.number(self._connection, kind)
                new_edges += _both_ways(numbers[source], word, numbers[target], entry.no)
        if new_values:
            self._connection.executemany("INSERT OR IGNORE INTO value VALUES (?, ?, ?)", sorted(new_values))
        if new_edges:
            self._connection.executemany("INSERT OR IGNORE INTO edge VALUES (?, ?, ?, ?, ?)", sorted(new_edges))

    def _number(self, entries: list[_Entry], mentioned: Collection[str]) -> dict[str, int]:
        """Numbers of the entries and of all ids in ``mentioned``; rows of ``ident`` are brought up to date."""
        connection = self._connection
        number = self._words.number
        described = {
            entry.id: (number(connection, entry.type), entry.created, entry.links)
            for entry in entries
            if entry.no is None and entry.type is not None
        }
        numbers = self._idents.all(mentioned, described) if mentioned else {}
        for entry in entries:
            if entry.no is None:
                entry.no = numbers[entry.id]
        connection.executemany(
            "UPDATE ident SET type = ?, created = ?, links = ? WHERE no = ?",
            [
                (number(connection, entry.type), entry.created, entry.links, entry.no)
                for entry in entries
                if entry.id not in described and not entry.described and entry.type is not None
            ],
        )
        return numbers

    def _remove_old_links(self, entry: _Entry, values: set[_links.Value], links: set[_links.Link]) -> None:
        old = self._stored_body(entry)
        gone_values = _links.values(old) - values
        gone_links = _links.links(old) - links
        number = self._words.number
        self._connection.executemany(
            "DELETE FROM value WHERE kind = ? AND value = ? AND object = ?",
            [(number(self._connection, kind), value, entry.no) for kind, value in gone_values],
        )
        if gone_links:
            known = self._idents.find({id for source, _, target in gone_links for id in (source, target)})
            self._connection.executemany(
                "DELETE FROM edge WHERE a = ? AND inward = ? AND kind = ? AND b = ? AND via = ?",
                [
                    row
                    for source, kind, target in gone_links
                    for row in _both_ways(known[source], number(self._connection, kind), known[target], entry.no or 0)
                ],
            )


def _observed_again(row: Any, modified: int, observed: int, digest: int | None) -> tuple[Any, ...]:
    """``row`` as the statements at the end of the call will leave it."""
    last = max(row[_LAST_OBSERVED], observed)
    head, first = row[:_MODIFIED], row[_FIRST_OBSERVED]
    return (*head, modified, observed, row[_HASH], digest, first, last, *row[_FIRST_OFFSET:])


def _both_ways(source: int, kind: int, target: int, via: int) -> list[tuple[int, int, int, int, int]]:
    return [(source, 0, kind, target, via), (target, 1, kind, source, via)]
