"""Lists that are cut by counting: pages, records, or a range of them in a header.

By default they end at an *empty* page. ``short_ends=True`` saves that last request where the vendor promises that only
the last page is short; a server that silently caps the page size would otherwise end the walk after its first page.

A list that changes while it is counted through moves under the reader's feet. What is inserted makes records come twice,
which does no harm. What vanishes makes the rest move up, and records are passed over: where the vendor tells the
``total``, a walk that sees it fall goes back by as much (:class:`_Covered`); where it does not, or where rows change their
place, ``overlap`` reads the end of the page before once more and knows from it whether anything moved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Self

from isthmus_sdk.errors import ConfigurationError, CursorExpired
from isthmus_sdk.http._paging import PageRequest, Reply, ends, number, size_field, taken
from isthmus_sdk.http._split import lookup

_CONTENT_RANGE = re.compile(r"\w+\s+(?:\d{1,15}-\d{1,15}|\*)/(\d{1,15})")


@dataclass(frozen=True, slots=True)
class PageNumber:
    """``page=1&count=100``: pages are counted. ``pages`` is the path of the number of pages, which ends the walk; ``total``
    that of the number of records, by which a list that shrinks is noticed.
    """

    page: str = "page"
    size: str | None = "count"
    start: int = 1
    short_ends: bool = False
    pages: str | None = None
    total: str | None = None

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        return start.with_fields({self.page: taken(position, "page", int, self.start), **size_field(self.size, limit)})

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        at = taken(position, "page", int, self.start)
        last = number(lookup(reply.document, self.pages)) if self.pages else None
        total = number(lookup(reply.document, self.total)) if self.total else None
        over = ends(reply, limit, self.short_ends) or (last is not None and at - self.start + 1 >= last)
        if total is None:
            return None if over else {"page": at + 1}
        # The server's own page size, which may be below the one that was asked for. A page counts whole: some leave rows out.
        each = _whole(position, "each") or max(len(reply.records), 1)
        covered = _Covered.read(position, total, (at - self.start) * each).with_rows(each if reply.records else 0)
        if over and not covered.gap:
            return None
        following = self.start + covered.reach // each
        return {"page": following if covered.gap else max(following, at + 1), "each": each, **covered.plain()}


@dataclass(frozen=True, slots=True)
class Offset:
    """``offset=200&limit=100``: records are counted, by what really came. ``total`` is the path of the number of
    records.

    ``until`` names a parameter that takes where the page ends (``search_from``, ``search_to``). ``overlap``: so many
    records of the page before come again with each page; where none of them does, the list moved by more than that, and
    the walk starts anew instead of passing records over. Of a page that is not longer than that, all records but one
    come again; pages of one record leave nothing to overlap, which is ``CursorExpired``.
    """

    offset: str = "offset"
    size: str | None = "limit"
    start: int = 0
    short_ends: bool = False
    total: str | None = None
    until: str | None = None
    overlap: int = 0

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        at = self._begin(position)
        if self.until is None:
            return start.with_fields({self.offset: at, **size_field(self.size, limit)})
        if limit is None:
            raise ConfigurationError(f"paging by {self.offset} and {self.until} needs a limit")
        return start.with_fields({self.offset: at, self.until: at + limit})

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        at = self._begin(position)
        tail: dict[str, Any] = {}
        if self.overlap:
            if not self._goes_on(position, reply):
                return None
            again = min(self.overlap, max(len(reply.records) - 1, 0))
            tail["tail"] = _marks(reply.records[len(reply.records) - again :])
        total = number(lookup(reply.document, self.total)) if self.total else None
        following = _next_offset(position, at - self.start, reply, total, ended=ends(reply, limit, self.short_ends))
        return None if following is None else {**following, "offset": following["offset"] + self.start, **tail}

    def _begin(self, position: Any) -> int:
        reached: int = taken(position, "offset", int, self.start)
        tail = (position or {}).get("tail") if self.overlap else None
        return max(reached - len(tail), self.start) if isinstance(tail, list) else reached

    def _goes_on(self, position: Any, reply: Reply) -> bool:
        """Whether a page holds more than the end of the one before. Raises ``CursorExpired`` where it does not touch it."""
        tail = (position or {}).get("tail")
        if not isinstance(tail, list):
            return True
        if not tail:
            if reply.records:
                raise CursorExpired(
                    "pages of one record leave nothing to overlap; the walk starts anew. "
                    "If it stays so, ask for larger pages (limit) or do without the overlap"
                )
            return False
        known = set(tail)
        marks = _marks(reply.records)
        if known.isdisjoint(marks):
            raise CursorExpired(
                f"the list moved by {self.overlap} records or more while it was read; the walk starts anew. "
                "If it happens often, sort by something that does not change, or raise the overlap"
            )
        # More than the known end, even if it ends with it, is a list that moved or a server that ignores the offset: the walk
        # goes on, and whoever guards it against repeated pages tells the two apart.
        return len(marks) > len(tail) or not known.issuperset(marks)


@dataclass(frozen=True, slots=True)
class ItemRange:
    """``Range: items=0-49``: records are counted in a request header, and ``Content-Range: items 0-49/180`` tells how
    many there are (QRadar).
    """

    header: str = "Range"
    unit: str = "items"
    short_ends: bool = False

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        if limit is None:
            raise ConfigurationError(f"paging by the header {self.header} needs a limit")
        at = taken(position, "offset", int, 0)
        return replace(start, headers={**start.headers, self.header: f"{self.unit}={at}-{at + limit - 1}"})

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        at = taken(position, "offset", int, 0)
        match = _CONTENT_RANGE.fullmatch(reply.headers.get("content-range", "").strip())
        total = int(match[1]) if match else None
        return _next_offset(position, at, reply, total, ended=ends(reply, limit, self.short_ends))


@dataclass(frozen=True, slots=True)
class _Covered:
    """Which rows of a list are certainly read, in the numbering of now.

    Rows that vanish move all behind them up, nobody knows where, so a total that falls by n takes n rows off what is sure.
    A page that then begins behind the sure part leaves a ``gap`` of that size, and is an island until the gap is read.
    """

    total: int
    begin: int
    """First row of the page that is being looked at."""
    reach: int
    """Rows from the beginning on that were read."""
    fall: int = 0
    island: tuple[int, int] | None = None

    @classmethod
    def read(cls, position: Any, total: float, begin: int) -> Self:
        """What a position says, once a page beginning at row ``begin`` told a new total."""
        before = _whole(position, "total")
        fall = max(before - int(total), 0) if before is not None else 0
        known = _whole(position, "reach")
        reach = max((begin if known is None else known) - fall, 0)
        island = position.get("island") if isinstance(position, Mapping) else None
        if isinstance(island, list) and len(island) == 2 and all(isinstance(row, int) for row in island):
            first, end = island[0], island[1] - fall
            return cls(int(total), begin, reach, fall, (first, end) if end > first else None)
        return cls(int(total), begin, reach, fall)

    @property
    def gap(self) -> bool:
        """Rows before the page may have been passed over."""
        return self.begin > self.reach

    def with_rows(self, count: int) -> Self:
        """After the rows of the page."""
        end = self.begin + count
        if self.gap:
            return replace(self, island=(self.begin, end))
        reach = max(self.reach, end)
        if self.island is not None and self.island[0] <= reach:
            reach = max(reach, self.island[1])
        return replace(self, reach=reach, island=None)

    def plain(self) -> dict[str, Any]:
        """For the position."""
        kept: dict[str, Any] = {"total": self.total, "reach": self.reach}
        return kept if self.island is None else {**kept, "island": list(self.island)}


def _next_offset(position: Any, at: int, reply: Reply, total: float | None, *, ended: bool) -> dict[str, Any] | None:
    """The position after a page that began at row ``at``."""
    if total is None:
        return None if ended else {"offset": at + len(reply.records)}
    covered = _Covered.read(position, total, at).with_rows(len(reply.records))
    if covered.gap:
        # A little before the gap: while it is read the list may go on shrinking.
        margin = min(2 * covered.fall, len(reply.records) // 2)
        return {"offset": max(covered.reach - margin, 0), **covered.plain()}
    if ended or covered.reach >= total:
        return None
    return {"offset": covered.reach, **covered.plain()}


def _whole(position: Any, name: str) -> int | None:
    value = position.get(name) if isinstance(position, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _marks(records: Sequence[bytes]) -> list[str]:
    return [blake2b(record, digest_size=8).hexdigest() for record in records]


__all__ = ["ItemRange", "Offset", "PageNumber"]
