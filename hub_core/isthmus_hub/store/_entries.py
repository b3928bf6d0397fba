"""Objects that changed, and how they are written: numbers, bodies, claims, values, edges."""

from __future__ import annotations

from typing import Any

import apsw

from isthmus_hub.store import _former, _links
from isthmus_hub.store._bodies import Bodies
from isthmus_hub.store._fingerprint import fingerprint
from isthmus_hub.store._intern import Idents, Words, key
from isthmus_hub.store._merge import Claim
from isthmus_hub.store._types import Json
from isthmus_sdk import stix


class Entry:
    """Everything known about one object that a call touches, and what has to be written."""

    no: int | None = None
    type: str | None = None
    created: int | None = None
    links: int = 0
    mentioned = False
    """Whether the id has a row in the file, though perhaps not the object."""
    described = False
    """Whether type, created and links are in the file as they are here."""
    body: Json | None = None
    """Body of the winning version, if it came in this call."""
    encoded: bytes | None = None
    told_by: tuple[int, ...] = ()
    """Sources with claims in the file. One: its words are the object's body; several: each has its statement."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.claims: dict[int, Claim] = {}
        self.dirty: set[int] = set()
        """Sources whose claims have to be written."""
        self.said: dict[int, bytes] = {}
        """New words of sources in this call."""


class Entries:
    """Writes entries inside one transaction."""

    def __init__(self, connection: apsw.Connection, words: Words, idents: Idents, bodies: Bodies) -> None:
        self._connection = connection
        self._words = words
        self._idents = idents
        self._bodies = bodies

    def write(self, entries: list[Entry], numbers: dict[str, int]) -> None:
        """Bring the file in line with ``entries``. ``numbers`` are those of ids that are known already."""
        if not entries:
            return
        new = {entry.id for entry in entries if not entry.told_by}
        self._write_links(entries, numbers)
        self._keep_former([entry for entry in entries if entry.told_by and entry.said])
        self._write_statements([entry for entry in entries if len(entry.claims) > 1 and entry.said])
        self._write_bodies([entry for entry in entries if entry.encoded is not None], new)
        self._write_claims(entries, new)

    def stored_body(self, entry: Entry) -> Json:
        """The object's body as the file has it."""
        row: Any = self._connection.execute("SELECT dictionary, body FROM object WHERE no = ?", (entry.no,)).get
        return stix.decode(self._bodies.unpack(row[0], row[1]))

    def _write_bodies(self, entries: list[Entry], new: set[str]) -> None:
        packed = self._bodies.pack([entry.encoded or b"" for entry in entries])
        dictionary = self._bodies.current
        rows = [(dictionary, body, entry.no) for entry, body in zip(entries, packed, strict=True)]
        self._connection.executemany(
            "INSERT INTO object (dictionary, body, no) VALUES (?, ?, ?)",
            [row for entry, row in zip(entries, rows, strict=True) if entry.id in new],
        )
        self._connection.executemany(
            "UPDATE object SET dictionary = ?, body = ? WHERE no = ?",
            [row for entry, row in zip(entries, rows, strict=True) if entry.id not in new],
        )

    def _write_claims(self, entries: list[Entry], new: set[str]) -> None:
        marks = "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        for verb, wanted in (("INSERT", True), ("INSERT OR REPLACE", False)):
            self._connection.executemany(
                f"{verb} INTO provenance {marks}",
                [
                    entry.claims[source].row(entry.no or 0, source)
                    for entry in entries
                    if (entry.id in new) is wanted
                    for source in sorted(entry.dirty)
                ],
            )

    def _keep_former(self, entries: list[Entry]) -> None:
        for sql, several in ((_former.KEEP, False), (_former.KEEP_OF_SEVERAL, True)):
            replaced: dict[tuple[int, int], list[int]] = {}
            for entry in entries:
                if (len(entry.told_by) > 1) is several:
                    for source in entry.said:
                        if source in entry.told_by:
                            replaced.setdefault((source, entry.claims[source].observed), []).append(entry.no or 0)
            for (source, until), objects in replaced.items():
                _former.keep(self._connection, source, until, objects, sql)

    def _write_statements(self, entries: list[Entry]) -> None:
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

    def _write_links(self, entries: list[Entry], numbers: dict[str, int]) -> None:
        """Give numbers to new ids, and bring values and edges in line where they changed.

        ``numbers`` holds those that are known; an id that is absent is new if it is an entry's, else looked up.
        """
        changed: list[tuple[Entry, list[_links.Value], list[_links.Link]]] = []
        mentioned: list[str] = []
        for entry in entries:
            if entry.no is None:
                numbers[entry.id] = entry.no = self._idents.next()
            if entry.body is None:
                continue
            found = fingerprint(entry.body, entry.encoded or b"")
            if found != entry.links:
                values, links = _links.values_of(entry.body), _links.links_of(entry.body)
                changed.append((entry, values, links))
                if entry.links:
                    self._remove_old_links(entry, values, links)
                entry.links, entry.described = found, False
                for source, _, target in links:
                    if target not in numbers:
                        mentioned.append(target)
                    if source not in numbers:
                        mentioned.append(source)
        mentioned = [id for id in mentioned if id not in numbers]
        if mentioned:
            numbers |= self._idents.all(mentioned)
        self._write_idents(entries)
        new_values: list[tuple[int, str, int]] = []
        new_edges: list[tuple[int, int, int, int, int]] = []
        words = self._words.numbers(self._connection, {link[1] for _, _, links in changed for link in links}
                                    | {value[0] for _, values, _ in changed for value in values})  # fmt: skip
        for entry, values, links in changed:
            no = entry.no or 0
            for kind, value in values:
                new_values.append((words[kind], value, no))
            for source, kind, target in links:
                a, word, b = numbers[source], words[kind], numbers[target]
                new_edges.append((a, 0, word, b, no))
                new_edges.append((b, 1, word, a, no))
        self._connection.executemany("INSERT OR IGNORE INTO value VALUES (?, ?, ?)", new_values)
        self._connection.executemany("INSERT OR IGNORE INTO edge VALUES (?, ?, ?, ?, ?)", new_edges)

    def _write_idents(self, entries: list[Entry]) -> None:
        """Bring the rows of ``ident`` up to date."""
        words = self._words.numbers(self._connection, {entry.type for entry in entries if entry.type is not None})
        new, known = [], []
        for entry in entries:
            if entry.type is None or entry.described:
                continue
            type = words[entry.type]
            seal = type + (entry.created or 0)
            if entry.mentioned or entry.told_by:
                known.append((type, entry.created, entry.links, seal, entry.no))
            else:
                new.append((entry.no, key(entry.id), entry.id, type, entry.created, entry.links, seal))
        self._connection.executemany("INSERT INTO ident VALUES (?, ?, ?, ?, ?, ?, ?)", new)
        self._connection.executemany("UPDATE ident SET type = ?, created = ?, links = ?, seal = ? WHERE no = ?", known)

    def _remove_old_links(self, entry: Entry, values: list[_links.Value], links: list[_links.Link]) -> None:
        old = self.stored_body(entry)
        gone_values = set(_links.values_of(old)).difference(values)
        gone_links = set(_links.links_of(old)).difference(links)
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


def _both_ways(source: int, kind: int, target: int, via: int) -> list[tuple[int, int, int, int, int]]:
    return [(source, 0, kind, target, via), (target, 1, kind, source, via)]
