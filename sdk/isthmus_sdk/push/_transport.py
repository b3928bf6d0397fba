"""Pages from the spool: what was received, in order, as records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus_sdk.errors import RecordError
from isthmus_sdk.page import Page
from isthmus_sdk.push._declared import Push
from isthmus_sdk.push._records import moment, records_of
from isthmus_sdk.push._spool import Read, read

if TYPE_CHECKING:
    from isthmus_sdk.context import PagesRequest

PAGE_RECORDS = 1000
PAGE_BYTES = 4 << 20
SPAN = 60_000
"""Milliseconds between the first and the last message of a page: all are observed when the last one came."""


ROOM = 16 << 20
"""Bytes that stay in the spool, and are read again by each run, for the sake of windows that are open."""


class SpoolTransport:
    """Pages of everything received and not yet read, up to what was durable when the run began.

    The position is ``{"off": offset, "sum": id of the spool}``: in another spool (the state directory was made anew) reading
    begins at its beginning. ``read`` is how far records were counted in an earlier run (see ``files.hold``).
    """

    def __init__(
        self, directory: Path, spool: str, until: int, push: Push, position: Any = None, *, quota: int = 0
    ) -> None:
        # A spool that is full of what open windows need would take nothing more, and so no window would ever close.
        self._room = min(ROOM, quota // 4) if quota else ROOM
        self._directory = directory
        self._spool = spool
        self._until = until
        self._push = push
        known: Mapping[str, Any] = position if isinstance(position, Mapping) and position.get("sum") == spool else {}
        self._offset = int(known.get("off", 0))
        self._counted = int(known.get("read", 0))
        self._newest = 0
        self._given = False

    def pages(self, request: PagesRequest, resume: Any) -> Iterator[Page]:
        """All pages. A second call of the same run has nothing left to read."""
        if not self._given:
            self._given = True
            yield from self._pages()

    def _pages(self) -> Iterator[Page]:
        held: list[Read] = []
        size = 0
        for found in read(self._directory, self._offset, self._until):
            long = len(found.message.body) if found.message is not None else 0
            if held and (len(held) >= PAGE_RECORDS or size + long > PAGE_BYTES or self._apart(held[0], found)):
                yield self._page(held)
                held, size = [], 0
            held.append(found)
            size += long
        if held:
            yield self._page(held)

    def _apart(self, first: Read, found: Read) -> bool:
        """Whether two messages must not share a page: too long between them, or one was counted and the other was not."""
        if first.start < self._counted <= found.start:
            return True
        if first.message is None or found.message is None:
            return True
        return abs(found.message.at - first.message.at) > SPAN

    def _page(self, held: list[Read]) -> Page:
        records: list[bytes] = []
        positions: list[Any] = []
        unreadable: dict[int, str] = {}
        for found in held:
            try:
                made = self._records(found)
            except RecordError as error:
                made = [found.message.body if found.message is not None else found.excerpt]
                unreadable[len(records)] = str(error)
            records += made
            positions += [self._position(found.start)] * len(made)
        self._newest = max((found.message.at for found in held if found.message is not None), default=self._newest)
        return Page(
            records=records,
            observed_at=moment(self._newest),
            after=self._position(held[-1].end),
            positions=positions,
            unreadable=unreadable,
            replayed=held[-1].end <= self._counted,
            room=self._room,
            source="what was received",
        )

    def _records(self, found: Read) -> list[bytes]:
        if found.message is None:
            raise RecordError(
                f"the spool is damaged from offset {found.start} to {found.end}: {found.end - found.start} bytes of received "
                "messages cannot be read; their beginning is kept"
            )
        return records_of(self._push, found.message)

    def _position(self, offset: int) -> dict[str, Any]:
        return {"off": offset, "sum": self._spool}


__all__ = ["SpoolTransport"]
