"""How two objects hang together: the shortest paths between them, searched from both ends at once.

Objects with many neighbours are not read through: a path that runs across one is found from its other side, where its
neighbours name it. Two of them in a row are looked up directly. So the price of a search follows the number of ordinary
objects around its ends, not the size of what stands between them; and where a cap ends a search early, it says so.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator
from itertools import product
from typing import Any

import apsw
import msgspec

from isthmus_hub.store._types import Edge

HUB = 128
"""An object with more connections than that is not read through."""
MOST_READ = 12_000
"""Connections read by one search at most."""
_MOST_PAIRS = 64
_MOST_BETWEEN = 500
NOT_THROUGH = (
    "ipv4-addr", "ipv6-addr", "mac-addr", "domain-name", "email-addr", "url", "software", "autonomous-system",
    "marking-definition", "identity", "location",
)  # fmt: skip
"""Types that many things share without having to do with each other: a path ends there, it never runs across."""
_EDGE_OF_FEW = "SELECT inward, kind, via FROM edge WHERE a = ?1 AND b = ?2 LIMIT 1"
_EDGE = """
    SELECT inward, kind, via FROM edge
    WHERE a = ?1 AND b = ?2 AND inward IN (0, 1) AND kind IN (SELECT value FROM carray(?3)) LIMIT 1
"""
_KINDS = """
    WITH RECURSIVE
      one (inward) AS (VALUES (0), (1)),
      kinds (inward, kind) AS (
        SELECT inward, (SELECT min(kind) FROM edge WHERE a = ?1 AND inward = one.inward) FROM one
        UNION ALL
        SELECT inward, (SELECT min(kind) FROM edge WHERE a = ?1 AND inward = kinds.inward AND kind > kinds.kind)
        FROM kinds WHERE kind IS NOT NULL)
    SELECT DISTINCT kind FROM kinds WHERE kind IS NOT NULL
"""


class Path(msgspec.Struct, frozen=True):
    """One way from the first object to the last. ``edges[i]`` joins ``ids[i]`` and ``ids[i + 1]``, in either direction."""

    ids: tuple[str, ...]
    edges: tuple[Edge, ...]

    @property
    def length(self) -> int:
        """Number of edges."""
        return len(self.edges)


class Paths(msgspec.Struct, frozen=True):
    """What a search found."""

    paths: tuple[Path, ...]
    """The shortest, all of one length."""
    complete: bool
    """Whether it is certain that there is none shorter (or none at all, where none was found)."""
    cut: str = ""
    """What ended the search early, where it is not certain."""


class _Side:
    """What is known around one end."""

    def __init__(self, start: int) -> None:
        self.depths = {start: 0}
        self.parents: dict[int, list[int]] = {start: []}
        self.frontier = [start]
        self.depth = 0
        self.hubs: list[int] = []

    def nearest_open(self) -> int | None:
        """Depth of the nearest object whose neighbours were not read, or none."""
        depths = [self.depths[hub] for hub in self.hubs]
        if self.frontier:
            depths.append(self.depth)
        return min(depths, default=None)


class Search:
    """One search over the edges of one connection. Numbers stand for ids."""

    def __init__(
        self, connection: apsw.Connection, kinds: Collection[int] | None, not_through: Collection[int]
    ) -> None:
        self._connection = connection
        self._kinds = None if kinds is None else apsw.carray(array("q", sorted(kinds) or [-1]))
        self._not_through = apsw.carray(array("q", sorted(not_through) or [-1]))
        self._read = 0
        self._through: set[int] = set()
        """Objects all of whose neighbours were read."""
        self._joined: dict[tuple[int, int], tuple[int, int, int] | None] = {}
        self.cut = ""

    def run(self, a: int, b: int, max_length: int, limit: int) -> list[list[int]]:
        """The shortest ways from ``a`` to ``b``, at most ``limit`` of them."""
        if a == b:
            return [[a]]
        sides = (_Side(a), _Side(b))
        best = max_length + 1
        meetings: set[int] = set()
        while (side := self._next(sides, best)) is not None:
            other = sides[1 - sides.index(side)]
            least = side.depth + 1 + (other.nearest_open() or 0)
            for node in self._expand(side, {a, b}):
                if node in other.depths:
                    length = side.depths[node] + other.depths[node]
                    if length < best:
                        best, meetings = length, set()
                    if length == best <= max_length:
                        meetings.add(node)
                    if best == least and len(meetings) >= limit:
                        break  # none can be shorter, and there are enough
        bridges = self._bridges(sides, best)
        if bridges:
            best = min(length for length, _ in bridges)
            found = (self._ways(sides, steps) for length, steps in bridges if length == best)
        else:
            found = (self._ways(sides, (node,)) for node in sorted(meetings))
        ways: dict[tuple[int, ...], None] = {}
        for group in found:
            for way in group:
                ways[tuple(way)] = None
                if len(ways) >= limit:
                    return [list(way) for way in ways]
        return [list(way) for way in ways]

    def _next(self, sides: tuple[_Side, _Side], best: int) -> _Side | None:
        """The side to expand: the smaller one of those where something shorter than ``best`` may still be found."""
        useful = []
        for side, other in (sides, sides[::-1]):
            reach = other.nearest_open()
            if side.frontier and reach is not None and side.depth + 1 + reach < best:
                useful.append(side)
        if not useful or self.cut:
            return None
        return min(useful, key=lambda side: len(side.frontier))

    def _expand(self, side: _Side, ends: set[int]) -> Iterator[int]:
        """Read the neighbours of the frontier; gives those that are new on this side."""
        sql = "SELECT b FROM edge WHERE a = ?1 LIMIT ?2"
        if self._kinds is not None:
            sql = "SELECT b FROM edge WHERE a = ?1 AND inward IN (0, 1) AND kind IN (SELECT value FROM carray(?3)) LIMIT ?2"
        depth, depths, parents = side.depth + 1, side.depths, side.parents
        frontier, side.frontier = side.frontier, []
        fresh: list[int] = []
        side.depth = depth
        for node in self._passable(frontier, ends):
            if self._read > MOST_READ:
                self.cut = f"the search ended after {MOST_READ} connections"
                break
            bindings = (node, HUB + 1) if self._kinds is None else (node, HUB + 1, self._kinds)
            rows: Any = self._connection.execute(sql, bindings).fetchall()
            self._read += len(rows)
            if len(rows) > HUB:
                side.hubs.append(node)
                continue
            self._through.add(node)
            before = len(fresh)
            for (near,) in rows:
                known = depths.get(near)
                if known is None:
                    depths[near] = depth
                    parents[near] = [node]
                    fresh.append(near)
                elif known == depth and parents[near][-1] != node:
                    parents[near].append(node)
            yield from fresh[before:]
        side.frontier = fresh

    def _passable(self, nodes: list[int], ends: set[int]) -> list[int]:
        """Those that a path may run across; the ends of the search always."""
        rows = self._connection.execute(
            "SELECT i.no FROM carray(?1) AS c CROSS JOIN ident AS i ON i.no = c.value "
            "WHERE i.type IS NULL OR i.type NOT IN (SELECT value FROM carray(?2))",
            (apsw.carray(array("q", nodes)), self._not_through),
        )
        passable = [no for (no,) in rows]
        return passable + [no for no in nodes if no in ends and no not in passable]

    def _bridges(self, sides: tuple[_Side, _Side], best: int) -> list[tuple[int, tuple[int, ...]]]:
        """Ways shorter than ``best`` between two objects with many neighbours: directly, or across one other object."""
        found: list[tuple[int, tuple[int, ...]]] = []
        pairs = sorted(
            (sides[0].depths[first] + sides[1].depths[second], first, second)
            for first, second in product(sides[0].hubs, sides[1].hubs)
            if first != second
        )
        if len(pairs) > _MOST_PAIRS:
            pairs = pairs[:_MOST_PAIRS]
            self.cut = self.cut or "many objects with more neighbours than a search reads"
        for steps in (1, 2):
            for apart, first, second in pairs:
                length = apart + steps
                if length > min([best - 1, *(known for known, _ in found)]):
                    continue
                if steps == 1 and self.joined(first, second):
                    found.append((length, (first, second)))
                elif steps == 2 and (middle := self._between(first, second)) is not None:
                    found.append((length, (first, middle, second)))
        shortest = min([best, *(length for length, _ in found)])
        if any(apart + 3 < shortest for apart, _, _ in pairs):
            self.cut = self.cut or f"objects with more than {HUB} neighbours were not read through"
        return found

    def joined(self, first: int, second: int) -> tuple[int, int, int] | None:
        """``inward, kind, via`` of a connection between two objects, whatever their number of neighbours."""
        if (first, second) not in self._joined:
            if first not in self._through and second in self._through:
                row = self._edge(second, first)
                self._joined[first, second] = row and (1 - row[0], row[1], row[2])
            else:
                self._joined[first, second] = self._edge(first, second)
        return self._joined[first, second]

    def _edge(self, first: int, second: int) -> tuple[int, int, int] | None:
        sql, kinds = _EDGE, self._kinds
        if kinds is None:
            if first in self._through:
                sql = _EDGE_OF_FEW
            else:
                kinds = self._kinds_of(first)
        row: tuple[int, int, int] | None = self._connection.execute(
            sql, (first, second) if kinds is None else (first, second, kinds)
        ).get
        return row

    def _kinds_of(self, node: int) -> Any:
        rows = self._connection.execute(_KINDS, (node,))
        return apsw.carray(array("q", [kind for (kind,) in rows] or [-1]))

    def _between(self, first: int, second: int) -> int | None:
        """An object that both are connected with, among the first neighbours of one of them."""
        rows: Any = self._connection.execute(
            "SELECT b FROM edge WHERE a = ? LIMIT ?", (first, _MOST_BETWEEN)
        ).fetchall()
        near: list[int] = sorted({int(row[0]) for row in rows})
        kinds = self._kinds or self._kinds_of(second)
        for middle in self._passable(near, set()):
            seen = self._connection.execute(
                "SELECT 1 FROM edge WHERE a = ?1 AND inward IN (0, 1) AND kind IN (SELECT value FROM carray(?2)) AND b = ?3",
                (second, kinds, middle),
            ).get
            if seen is not None and (self._kinds is None or self.joined(first, middle)):
                return middle
        if len(rows) == _MOST_BETWEEN:
            self.cut = self.cut or f"objects with more than {_MOST_BETWEEN} neighbours were not compared whole"
        return None

    @staticmethod
    def _ways(sides: tuple[_Side, _Side], middle: tuple[int, ...]) -> Iterator[list[int]]:
        """Every way through ``middle``, from end to end."""
        for front in _back(sides[0], middle[0]):
            for rear in _back(sides[1], middle[-1]):
                yield [*reversed(front), *middle[1:-1], *(rear if len(middle) > 1 else rear[1:])]


def _back(side: _Side, node: int) -> Iterator[list[int]]:
    """Every way from ``node`` back to the end of its side."""
    parents = side.parents[node]
    if not parents:
        yield [node]
        return
    for parent in parents:
        for way in _back(side, parent):
            yield [node, *way]
