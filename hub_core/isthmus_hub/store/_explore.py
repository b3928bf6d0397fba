"""Questions that go beyond one object: who carries a value, how two objects hang together, what was said before."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Any

import apsw

from isthmus_hub.store import _links, _times
from isthmus_hub.store._intern import number_array
from isthmus_hub.store._paths import NOT_THROUGH, Path, Paths, Search
from isthmus_hub.store._reads import Reads
from isthmus_hub.store._types import Edge, Found, Statement
from isthmus_sdk import stix

_FOUND = """
    SELECT w.text, v.value, i.id, (
        SELECT asset.id FROM assignment AS a JOIN ident AS asset ON asset.no = a.asset WHERE a.observed = v.object
    ) FROM word AS w CROSS JOIN value AS v ON v.kind = w.no AND v.value IN (?1, ?2)
    JOIN ident AS i ON i.no = v.object ORDER BY v.object, w.text LIMIT ?3
"""
_NOW = """
    SELECT p.source, p.modified, p.first_observed, coalesce(s.dictionary, o.dictionary), coalesce(s.body, o.body)
    FROM provenance AS p JOIN object AS o ON o.no = p.object
    LEFT JOIN statement AS s ON s.object = p.object AND s.source = p.source WHERE p.object = ?
"""
_BEFORE = """
    SELECT source, modified, until, dictionary, body FROM former WHERE object = ?1 AND until > ?2 ORDER BY until DESC, no DESC
"""


class Explores(Reads):
    """These methods of `Store` and `Transaction`."""

    def find(self, value: str, limit: int = 1_000) -> list[Found]:
        """Observed objects that carry a value of any kind: an address, a name, a serial number, a CVE, a native id."""
        exact = value.strip()
        with self._reading() as connection:
            rows: Any = connection.execute(_FOUND, (exact, exact.lower(), limit)).fetchall()
        return [Found(*row) for row in rows if _links.normal(row[0], exact) == row[1]]

    def paths(
        self,
        a: str,
        b: str,
        *,
        max_length: int = 6,
        types: Collection[str] | None = None,
        limit: int = 3,
        not_through: Collection[str] = NOT_THROUGH,
    ) -> Paths:
        """The shortest ways between two observed objects along edges in either direction.

        ``types`` restricts the kinds of edges (see `edges`); objects of the types ``not_through`` only begin or end a
        path, because many share them without having to do with each other. Searching is bounded: where a cap ended it,
        the answer says so and is not ``complete``.
        """
        with self._reading() as connection, connection:  # one state of the file for all its statements
            ends = self._number(connection, a), self._number(connection, b)
            if ends[0] is None or ends[1] is None:
                return Paths((), True)
            kinds = None if types is None else _numbers(self._words.known(connection, type) for type in types)
            closed = _numbers(self._words.known(connection, type) for type in not_through)
            search = Search(connection, kinds, closed)
            ways = search.run(ends[0], ends[1], max_length, limit)
            found = tuple(self._named(connection, search, ways))
        return Paths(found, not search.cut, search.cut)

    def _named(self, connection: apsw.Connection, search: Search, ways: list[list[int]]) -> Iterator[Path]:
        """The ways with ids in the place of numbers, and an edge for each step."""
        steps = {(first, second): search.joined(first, second) for way in ways for first, second in pairwise(way)}
        numbers = {no for way in ways for no in way} | {step[2] for step in steps.values() if step}
        rows: Any = connection.execute(
            "SELECT i.no, i.id FROM carray(?) AS c CROSS JOIN ident AS i ON i.no = c.value", (number_array(numbers),)
        )
        names = dict(rows)
        for way in ways:
            edges = []
            for first, second in pairwise(way):
                step = steps[first, second]
                assert step is not None
                source, target = (second, first) if step[0] else (first, second)
                kind = self._words.text(connection, step[1])
                edges.append(Edge(names[source], kind, names[target], names[step[2]]))
            yield Path(tuple(names[no] for no in way), tuple(edges))

    def as_of(self, id: str, time: str, *, instance: str | None = None) -> list[Statement]:
        """What each source (or one ``instance``) said about an object at ``time`` (STIX timestamp), as the hub heard it.

        What was replaced is kept for a while (see the store's documentation); for times before that the oldest kept
        words are given with ``exact`` false. Raises `InvalidObject` for what is no timestamp.
        """
        moment = _times.micros(time)
        with self._reading() as connection, connection:
            no = self._number(connection, id)
            if no is None:
                return []
            oldest: Any = connection.execute("SELECT until FROM former ORDER BY no LIMIT 1").get
            former: dict[int, Any] = {}
            rows: Any = connection.execute(_BEFORE, (no, moment))
            for row in rows:
                former[row[0]] = row  # the last one is the earliest that was still valid then
            now: Any = connection.execute(_NOW, (no,)).fetchall()
            statements = []
            for source, modified, first_observed, dictionary, body in now:
                name = self._sources.name(connection, source)
                if first_observed > moment or instance not in (None, name[0]):
                    continue
                row = former.get(source, (source, modified, None, dictionary, body))
                statements.append(self._statement(name, row, row[2] is None or oldest is None or moment >= oldest))
        return sorted(statements, key=lambda one: (one.instance, one.stream, one.source_id))

    def _statement(self, name: tuple[str, str, str], row: Any, exact: bool) -> Statement:
        _, modified, until, dictionary, body = row
        return Statement(
            *name,
            body=stix.decode(self._bodies.unpack(dictionary, body)),
            modified=_times.text(modified) if modified else None,
            until=None if until is None else _times.text(until),
            exact=exact,
        )

    def inventory_as_of(self, time: str, type: str = "infrastructure") -> Iterator[tuple[str, list[Statement]]]:
        """Every object of a type that was known at ``time``, and what its sources said of it then."""
        for stored in self.iterate(type):
            if statements := self.as_of(stored.id, time):
                yield stored.id, statements


def _numbers(numbers: Iterator[int | None] | Any) -> array[int]:
    return array("q", [number for number in numbers if number is not None])
