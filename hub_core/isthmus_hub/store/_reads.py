"""Questions the store answers: inside a transaction with its changes, outside from the committed state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from operator import itemgetter
from typing import Any

import apsw
import zstandard

from isthmus_hub._sqlite import StorageDamaged
from isthmus_hub.store import _absence, _decision, _links, _merge, _snapshot, _times
from isthmus_hub.store._bodies import Bodies
from isthmus_hub.store._decision import Decision
from isthmus_hub.store._intern import Sources, Words, key, key_array
from isthmus_hub.store._schema import COUNTERS
from isthmus_hub.store._snapshot import Mark
from isthmus_hub.store._types import Communication, Direction, Edge, Json, Provenance, Rejected, Side, Stored
from isthmus_sdk import stix
from isthmus_sdk.errors import RecordError

_PAGE = 1_000
_STORED = """
    SELECT i.no, i.id, i.created, o.dictionary, o.body, p.source, p.modified, p.observed, p.hash, p.first_observed,
           p.last_observed, p.first_offset, p.markings, p.capped
    FROM ident AS i CROSS JOIN object AS o ON o.no = i.no CROSS JOIN provenance AS p ON p.object = i.no WHERE
"""
_CLAIMS_FROM = 5
_EDGES = """
    SELECT e.inward, w.text, other.id, via.id FROM edge AS e JOIN word AS w ON w.no = e.kind
    JOIN ident AS other ON other.no = e.b JOIN ident AS via ON via.no = e.via WHERE e.a = ? AND e.inward BETWEEN ? AND ?
"""


class Reads(ABC):
    """Reading methods of `Store` and `Transaction`."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[apsw.Connection]:
        """A connection for one question."""

    @property
    @abstractmethod
    def _bodies(self) -> Bodies:
        """Of the store file."""

    @property
    @abstractmethod
    def _words(self) -> Words:
        """Words that readers may cache."""

    @property
    @abstractmethod
    def _sources(self) -> Sources:
        """Sources that readers may cache."""

    # -- objects ---------------------------------------------------------------------------------------------------

    def get(self, id: str) -> Stored | None:
        """An observed object and who reported it."""
        with self._reading() as connection:
            rows: Any = connection.execute(f"{_STORED} i.key = ? AND i.id = ?", (key(id), id)).fetchall()
            return self._stored(connection, rows) if rows else None

    def resolved(self, id: str) -> Stored | None:
        """A resolved object in its newest version, revoked ones included."""
        with self._reading() as connection:
            row: Any = connection.execute(
                "SELECT r.dictionary, r.body FROM ident AS i JOIN resolved AS r ON r.no = i.no "
                "WHERE i.key = ? AND i.id = ?",
                (key(id), id),
            ).get
        return None if row is None else Stored(id, self._decoded(row[0], row[1]))

    def iterate(self, type: str | None = None, stream: Side = "observed") -> Iterator[Stored]:
        """Objects of one side, all or of one type, in the order in which they became known.

        Read a thousand at a time: what changes meanwhile may be seen before or after the change.
        """
        last = 0
        while True:
            with self._reading() as connection:
                page = self._page(connection, type, stream, last)
            for no, stored in page:
                last = no
                yield stored
            if len(page) < _PAGE:
                return

    def _page(self, connection: apsw.Connection, type: str | None, side: Side, after: int) -> list[tuple[int, Stored]]:
        word = None if type is None else self._words.known(connection, type)
        if type is not None and word is None:
            return []
        if side == "resolved":
            wanted = "" if word is None else "AND r.type = ?3"
            rows: Any = connection.execute(
                "SELECT i.no, i.id, r.dictionary, r.body FROM resolved AS r JOIN ident AS i ON i.no = r.no "  # noqa: S608
                f"WHERE r.no > ?1 {wanted} ORDER BY r.no LIMIT ?2",
                (after, _PAGE) if word is None else (after, _PAGE, word),
            ).fetchall()
            return [(no, Stored(id, self._decoded(dictionary, body))) for no, id, dictionary, body in rows]
        numbers = "SELECT no FROM object WHERE no > ?1 ORDER BY no LIMIT ?2"
        if word is not None:
            numbers = "SELECT no FROM ident WHERE type = ?3 AND no > ?1 ORDER BY no LIMIT ?2"
        rows = connection.execute(
            f"{_STORED} i.no IN ({numbers}) ORDER BY i.no", (after, _PAGE) if word is None else (after, _PAGE, word)
        )
        return [(no, self._stored(connection, list(group))) for no, group in groupby(rows, key=itemgetter(0))]

    def _stored(self, connection: apsw.Connection, rows: Sequence[Any]) -> Stored:
        """From the rows of one object, which differ in the claim only."""
        try:
            return self._assembled(connection, rows)
        except (OverflowError, TypeError) as error:
            raise StorageDamaged(
                f"{rows[0][1]}: the store holds a time that is none; run `isthmus store check`"
            ) from error

    def _assembled(self, connection: apsw.Connection, rows: Sequence[Any]) -> Stored:
        _, id, created, dictionary, body = rows[0][:_CLAIMS_FROM]
        claims = {row[_CLAIMS_FROM]: _merge.Claim(*row[_CLAIMS_FROM + 1 :]) for row in rows}
        names = {source: self._sources.name(connection, source) for source in claims}
        believed = _merge.winner(claims, names.__getitem__)
        markings = _merge.united_markings(claims)
        order = [believed] if len(claims) == 1 else sorted(claims, key=lambda no: _merge.rank(claims[no], names[no]))
        provenance = tuple(
            Provenance(
                *names[source],
                modified=_times.text(claim.modified) if claim.modified else None,
                observed_at=_times.text(claim.observed),
                first_observed=_times.text(claim.first_observed),
                last_observed=_times.text(claim.last_observed),
                first_offset=claim.first_offset,
                capped=bool(claim.capped),
            )
            for source, claim in ((source, claims[source]) for source in order)
        )
        decoded = self._decoded(dictionary, body)
        return Stored(id, _merge.effective(decoded, created, claims[believed].modified, markings), provenance)

    def _decoded(self, dictionary: int, body: bytes) -> Json:
        bodies = self._bodies
        if dictionary > bodies.current:  # learned by another process
            with self._reading() as connection:
                bodies.load(connection)
        try:
            return stix.decode(bodies.unpack(dictionary, body))
        except (zstandard.ZstdError, KeyError, TypeError, UnicodeError, RecordError) as error:
            raise StorageDamaged(
                f"an object of the store cannot be read ({error}): `isthmus store check` names it and sets it aside"
            ) from error

    def shared(self, type: str) -> list[str]:
        """Ids of observed objects of a type that several sources report, in the order in which they became known."""
        with self._reading() as connection:
            return [
                id
                for (id,) in connection.execute(
                    "SELECT i.id FROM ident AS i WHERE i.type = (SELECT no FROM word WHERE text = ?) "
                    "AND (SELECT count(*) FROM provenance AS p WHERE p.object = i.no) > 1 ORDER BY i.no",
                    (type,),
                )
            ]

    # -- absence ---------------------------------------------------------------------------------------------------

    def absent_since(self, id: str) -> str | None:
        """Since when an observed object is missing from the inventories that held it; ``None``: somebody still knows it."""
        with self._reading() as connection:
            return _absence.absent_since(connection, id)

    def absent_exposures(self, among: Collection[str] | None = None) -> dict[str, str]:
        """Exposures, of all or ``among`` these ids, that no complete list holds any more that held them, and since when."""
        sql = (
            "SELECT DISTINCT i.id FROM {} JOIN absence AS a ON a.object = i.no "
            "WHERE i.type = (SELECT no FROM word WHERE text = 'relationship')"
        )
        with self._reading() as connection:
            if among is None:
                rows: Any = connection.execute(sql.format("ident AS i")).fetchall()
            else:
                near = "carray(?) AS c CROSS JOIN ident AS i ON i.key = c.value"
                rows = connection.execute(sql.format(near), (key_array(among),)).fetchall()
            found = {id: _absence.absent_since(connection, id) for (id,) in rows}
        return {id: since for id, since in found.items() if since}

    def absent_assets(self) -> frozenset[str]:
        """Assets with a member that at least one inventory lost."""
        with self._reading() as connection:
            return frozenset(
                id
                for (id,) in connection.execute(
                    "SELECT DISTINCT i.id FROM absence AS a JOIN assignment AS m ON m.observed = a.object "
                    "JOIN ident AS i ON i.no = m.asset"
                )
            )

    def last_mark(self, source: tuple[str, str, str]) -> Mark | None:
        """The newest complete snapshot of ``(instance, stream, source_id)``."""
        with self._reading() as connection:
            body: bytes | None = connection.execute(
                "SELECT m.body FROM snapshot AS m JOIN source AS s ON s.no = m.source "
                "WHERE s.instance = ? AND s.stream = ? AND s.source_id = ?",
                source,
            ).get
        return None if body is None else _snapshot.decode(body)

    # -- by value, by edge -------------------------------------------------------------------------------------------

    def by_value(self, kind: str, value: str) -> list[str]:
        """Ids of observed objects that carry a value.

        Kinds: ``ipv4 ipv6 mac hostname cve serial native_id url email`` and the kinds of asset identifiers. Case does
        not matter, except in native ids and URLs.
        """
        with self._reading() as connection:
            return [
                id
                for (id,) in connection.execute(
                    "SELECT i.id FROM value AS v JOIN ident AS i ON i.no = v.object "
                    "WHERE v.kind = (SELECT no FROM word WHERE text = ?) AND v.value = ? ORDER BY v.object",
                    (kind, _links.normal(kind, value)),
                )
            ]

    def edges(self, id: str, direction: Direction = "both", types: Collection[str] | None = None) -> list[Edge]:
        """Connections of an observed object: relationships, and references by property name.

        ``types`` restricts the kinds. Authors and markings are no edges.
        """
        inward = {"out": (0, 0), "in": (1, 1), "both": (0, 1)}[direction]
        with self._reading() as connection:
            no = self._number(connection, id)
            rows: Any = [] if no is None else connection.execute(_EDGES, (no, *inward)).fetchall()
        return [
            Edge(other, kind, id, via) if inwards else Edge(id, kind, other, via)
            for inwards, kind, other, via in rows
            if types is None or kind in types
        ]

    @staticmethod
    def _number(connection: apsw.Connection, id: str) -> int | None:
        no: int | None = connection.execute("SELECT no FROM ident WHERE key = ? AND id = ?", (key(id), id)).get
        return no

    # -- identity ----------------------------------------------------------------------------------------------------

    def asset_of(self, observed_id: str) -> str | None:
        """The asset an observed object is assigned to; aliases are not followed."""
        with self._reading() as connection:
            asset: str | None = connection.execute(
                "SELECT asset.id FROM ident AS i JOIN assignment AS a ON a.observed = i.no "
                "JOIN ident AS asset ON asset.no = a.asset WHERE i.key = ? AND i.id = ?",
                (key(observed_id), observed_id),
            ).get
        return asset

    def members(self, asset_id: str) -> list[str]:
        """Observed objects assigned to an asset, in the order in which they became known."""
        with self._reading() as connection:
            no = self._number(connection, asset_id)
            rows: Any = connection.execute(
                "SELECT i.id FROM assignment AS a JOIN ident AS i ON i.no = a.observed WHERE a.asset = ? ORDER BY i.no",
                (no,),
            ).fetchall()
        return [id for (id,) in rows]

    def alias_of(self, id: str) -> str | None:
        """The survivor of a retired id, through as many mergers as there were; ``None`` if it was never retired."""
        survivors = self._survivors(id)
        return survivors[-1] if survivors else None

    def _survivors(self, id: str) -> list[str]:
        with self._reading() as connection:
            rows: Any = connection.execute(
                "WITH RECURSIVE step (no, depth) AS ("
                " SELECT a.survivor, 1 FROM ident AS i JOIN alias AS a ON a.retired = i.no WHERE i.key = ? AND i.id = ?"
                " UNION ALL SELECT a.survivor, step.depth + 1 FROM step JOIN alias AS a ON a.retired = step.no"
                ") SELECT i.id FROM step JOIN ident AS i ON i.no = step.no ORDER BY step.depth",
                (key(id), id),
            ).fetchall()
        return [survivor for (survivor,) in rows]

    def assignments(self) -> Iterator[tuple[str, str]]:
        """All ``(observed id, asset id)``."""
        with self._reading() as connection:
            rows: Any = connection.execute(
                "SELECT o.id, t.id FROM assignment AS a JOIN ident AS o ON o.no = a.observed "
                "JOIN ident AS t ON t.no = a.asset ORDER BY a.observed"
            ).fetchall()
        yield from rows

    def aliases(self) -> Iterator[tuple[str, str]]:
        """All ``(retired id, survivor id)`` as they were recorded."""
        with self._reading() as connection:
            rows: Any = connection.execute(
                "SELECT r.id, s.id FROM alias AS a JOIN ident AS r ON r.no = a.retired "
                "JOIN ident AS s ON s.no = a.survivor ORDER BY a.retired"
            ).fetchall()
        yield from rows

    def noted(self, name: str) -> str | None:
        """A word kept by `Transaction.note`."""
        with self._reading() as connection:
            value: str | None = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).get
        return value

    def decisions(self) -> list[Decision]:
        """What people decided about devices, in the order in which later ones prevail.

        Raises `StorageDamaged` where one is not what was decided.
        """
        with self._reading() as connection:
            rows: Any = connection.execute("SELECT body FROM decision").fetchall()
        try:
            found = [_decision.decode(body) for (body,) in rows]
        except RecordError as error:
            raise StorageDamaged(f"{error}; run `isthmus store check`") from error
        return sorted(found, key=lambda decision: decision.rank)

    # -- the rest ----------------------------------------------------------------------------------------------------

    def communications(self, edge_id: str | None = None) -> list[Communication]:
        """Counters per edge, window and part; of one edge or of all."""
        columns = ", ".join(f"c.{name}" for name in COUNTERS)
        where, bindings = ("", ()) if edge_id is None else ("WHERE i.key = ? AND i.id = ?", (key(edge_id), edge_id))
        with self._reading() as connection:
            rows: Any = connection.execute(
                f"SELECT i.id, c.start, c.seconds, c.part, {columns} FROM communication AS c "  # noqa: S608
                f"JOIN ident AS i ON i.no = c.edge {where} ORDER BY c.edge, c.start, c.seconds, c.part",
                bindings,
            ).fetchall()
        return [
            Communication(edge, start, seconds, part, dict(zip(COUNTERS, counters, strict=True)))
            for edge, start, seconds, part, *counters in rows
        ]

    def offset(self, stream: str) -> int:
        """Offset of the last entry of a bus stream whose effect is in the store; 0 for none."""
        with self._reading() as connection:
            return connection.execute("SELECT offset FROM position WHERE stream = ?", (stream,)).get or 0

    def rejected(self, limit: int = 1_000) -> list[Rejected]:
        """The newest entries that the store could not use."""
        with self._reading() as connection:
            rows: Any = connection.execute(
                "SELECT offset, entry, id, reason FROM rejected ORDER BY offset DESC, entry DESC LIMIT ?", (limit,)
            ).fetchall()
        return [Rejected(*row) for row in rows]

    def counts(self) -> dict[str, Any]:
        """``observed`` and ``resolved`` objects by type; how many are ``revoked``, ``outbox`` entries, and so on."""
        with self._reading() as connection:

            def one(sql: str) -> int:
                return int(connection.execute(sql).get or 0)

            observed: Any = connection.execute(
                "SELECT w.text, count(*) FROM ident AS i JOIN word AS w ON w.no = i.type "
                "WHERE i.type IS NOT NULL GROUP BY i.type ORDER BY w.text"
            ).fetchall()
            resolved: Any = connection.execute(
                "SELECT w.text, count(*) FROM resolved AS r JOIN word AS w ON w.no = r.type "
                "GROUP BY r.type ORDER BY w.text"
            ).fetchall()
            return {
                "observed": dict(observed),
                "resolved": dict(resolved),
                "revoked": one("SELECT count(*) FROM resolved WHERE revoked"),
                "outbox": one("SELECT sum(entries) FROM outbox"),
                "assignments": one("SELECT count(*) FROM assignment"),
                "aliases": one("SELECT count(*) FROM alias"),
                "communications": one("SELECT count(*) FROM communication"),
                "absent": one("SELECT count(DISTINCT object) FROM absence"),
                "edges": one("SELECT count(*) FROM edge WHERE inward = 0"),
                "rejected": one("SELECT count(*) FROM rejected"),
            }
