"""Lists that are cut by counting: pages, records, or a range of them in a header.

By default they end at an *empty* page. ``short_ends=True`` saves that last request where the vendor promises that only
the last page is short; a server that silently caps the page size would otherwise end the walk after its first page.

A list that changes while it is counted through moves under the reader's feet. What is inserted makes records come twice,
which does no harm. What vanishes makes the rest move up, and records are passed over: where the vendor tells the
``total``, a walk that sees it fall goes back by as much; where it does not, or where rows change their place, ``overlap``
reads the end of the page before once more and knows from it whether anything moved.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

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
        moved = _fallen(position, total)
        if moved:
            back = math.ceil(moved / max(len(reply.records), 1))
            return {"page": max(at - back, self.start), "total": total}
        if ends(reply, limit, self.short_ends) or (last is not None and at - self.start + 1 >= last):
            return None
        return {"page": at + 1, **({} if total is None else {"total": total})}


@dataclass(frozen=True, slots=True)
class Offset:
    """``offset=200&limit=100``: records are counted, by what really came. ``total`` is the path of the number of
    records.

    ``until`` names a parameter that takes where the page ends (``search_from``, ``search_to``). ``overlap``: so many
    records of the page before come again with each page; where none of them does, the list moved by more than that, and
    the walk starts anew instead of passing records over.
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
        total = number(lookup(reply.document, self.total)) if self.total else None
        counted: dict[str, Any] = {} if total is None else {"total": total}
        moved = _fallen(position, total)
        if moved:
            return {"offset": max(int(at - moved), self.start), **counted}
        reached = at + len(reply.records)
        if self.overlap:
            if not self._goes_on(position, reply):
                return None
            counted["tail"] = _marks(reply.records[-self.overlap :])
        if ends(reply, limit, self.short_ends) or (total is not None and reached - self.start >= total):
            return None
        return {"offset": reached, **counted}

    def _begin(self, position: Any) -> int:
        reached: int = taken(position, "offset", int, self.start)
        return max(reached - self.overlap, self.start) if self.overlap and "tail" in (position or ()) else reached

    def _goes_on(self, position: Any, reply: Reply) -> bool:
        """Whether a page holds more than the end of the one before. Raises ``CursorExpired`` where it does not touch it."""
        tail = (position or {}).get("tail")
        if not isinstance(tail, list):
            return True
        known = set(tail)
        marks = _marks(reply.records)
        if known.isdisjoint(marks):
            raise CursorExpired(
                f"the list moved by {self.overlap} records or more while it was read; the walk starts anew. "
                "If it happens often, sort by something that does not change, or raise the overlap"
            )
        return marks[-1] not in known


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
        moved = _fallen(position, total)
        counted = {} if total is None else {"total": total}
        if moved:
            return {"offset": max(int(at - moved), 0), **counted}
        reached = at + len(reply.records)
        if ends(reply, limit, self.short_ends) or (total is not None and reached >= total):
            return None
        return {"offset": reached, **counted}


def _fallen(position: Any, total: float | None) -> float:
    """By how much the number of records fell since the page before."""
    before = number(position.get("total")) if isinstance(position, dict) else None
    return max(before - total, 0) if before is not None and total is not None else 0


def _marks(records: Sequence[bytes]) -> list[str]:
    return [blake2b(record, digest_size=8).hexdigest() for record in records]


__all__ = ["ItemRange", "Offset", "PageNumber"]
