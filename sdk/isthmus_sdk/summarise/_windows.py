"""Event-time windows over one input file: pure arithmetic, no clock, no input or output.

The rule, for windows of ``seconds`` and a ``lateness``:

* The *high* time is the greatest event time so far. A window is closed once its end lies ``lateness`` below it.
* A record whose window is open is counted there. A record whose window is closed is *late*; one that runs more than
  ``LEAP`` ahead is *early* (a clock gone wrong) unless the record before it did so too. Both are counted in their own
  window's time, but in a part of their own that opens and closes with the newest window: their *cohort*.
* So every record belongs to exactly one cohort, and which one depends on nothing but the records before it.

That is why a restart counts the same. The cursor stays at the first record of the earliest open cohort, with the high
time as it was there; reading on from that point assigns every record as before. Cohorts that had been closed are
recognised (``closed``) and passed over, open ones are counted anew from their first record.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

LEAP = 86_400.0
"""Seconds that a single record may run ahead of all before it."""
MAX_SERVICES = 128
"""Services kept apart on one edge of one window; the rest of a port scan is counted together."""
NEVER = -math.inf

COUNT, BYTES_OUT, BYTES_IN, PACKETS_OUT, PACKETS_IN, FIRST, LAST, TOUCHED = range(8)
"""Places in a row. ``TOUCHED``: has counted something that was not given out yet."""

Row = list[Any]
Key = tuple[Hashable, ...]
"""Source, target, sensor, VLAN (the edge), then protocol, transport, port, function code (the service)."""
EDGE = 4
"""Length of the part of a key that is the edge."""
OTHER: Key = (None, None, None, None)
"""The services beyond ``MAX_SERVICES``."""


def new_row() -> Row:
    """An empty row of counters."""
    return [0, 0, 0, 0, 0, math.inf, NEVER, False]


@dataclass(slots=True)
class Mark:
    """State of the arithmetic before a record: what must be known to go on from there."""

    high: float = NEVER
    leapt: bool = False
    """The record before was early."""


@dataclass(slots=True)
class Cohort:
    """What is counted together and closes together."""

    index: int
    position: Any
    """Where its first record begins."""
    mark: Mark
    windows: dict[int, dict[Key, Row]] = field(default_factory=dict)
    """Rows by window; all but the cohort's own window are late or early."""
    services: dict[int, dict[Key, int]] = field(default_factory=dict)
    """Number of services by window and edge."""
    edges: int = 0
    """Edges in all windows: what ``max_edges`` bounds."""

    def is_fresh(self) -> bool:
        """Whether something was counted that has not been given out yet."""
        return any(row[TOUCHED] for rows in self.windows.values() for row in rows.values())

    def row(self, window: int, key: Key, max_edges: int) -> Row | None:
        """The row to count in; ``None`` if it would be one edge too many."""
        rows = self.windows.setdefault(window, {})
        row = rows.get(key)
        if row is not None:
            return row
        services = self.services.setdefault(window, {})
        edge = key[:EDGE]
        known = services.get(edge, 0)
        if not known:
            if self.edges >= max_edges:
                return None
            self.edges += 1
        if known >= MAX_SERVICES:
            key = key[:EDGE] + OTHER
            row = rows.get(key)
            if row is not None:
                return row
        services[edge] = known + 1
        row = rows[key] = new_row()
        return row


class Windows:
    """Assigns records to cohorts and keeps those that are open."""

    def __init__(self, seconds: float, lateness: float, *, mark: Mark | None = None, closed: int | None = None) -> None:
        if seconds <= 0:
            raise ValueError("a window needs a length above 0")
        self.seconds = seconds
        self.lateness = lateness
        self.mark = mark or Mark()
        self.closed = closed
        """Cohorts below this index were closed in an earlier run."""
        self.open: dict[int, Cohort] = {}
        self.newest = self._index(self.mark.high)
        self.horizon = self._index(self.mark.high - lateness)

    def assign(self, at: float) -> tuple[int, int]:
        """Window and cohort of a record at ``at`` seconds, moving the high time."""
        mark = self.mark
        window = math.floor(at / self.seconds)
        if at <= mark.high:
            mark.leapt = False
            return window, window if window >= self.horizon else self.newest
        if at > mark.high + LEAP and not mark.leapt and mark.high != NEVER:
            mark.leapt = True
            return window, self.newest
        mark.leapt = False
        self.advance(at)
        return window, window

    def advance(self, high: float) -> None:
        """Move the high time forward."""
        self.mark.high = high
        self.newest = self._index(high)
        self.horizon = self._index(high - self.lateness)

    def raise_to(self, high: float) -> None:
        """Make up for records that took the short cut."""
        if high > self.mark.high:
            self.advance(high)

    def calm(self) -> tuple[float, float]:
        """Times ``low <= at < up`` of records that fall into the newest window and close nothing: a short cut.

        For these, :meth:`assign` would only raise the high time; the caller may do that once, with :meth:`advance`.
        """
        if self.mark.leapt or self.mark.high == NEVER or self.seconds > LEAP:
            return math.inf, NEVER
        up = min((self.newest + 1) * self.seconds, (self.horizon + 1) * self.seconds + self.lateness)
        return self.newest * self.seconds, up

    def begin(self, index: int, position: Any, mark: Mark) -> Cohort:
        """Open a cohort at its first record, with the mark as it was before that record."""
        cohort = self.open[index] = Cohort(index, position, mark)
        return cohort

    def is_known(self, cohort: int) -> bool:
        """Whether a cohort was closed, counted and stored in an earlier run."""
        return self.closed is not None and cohort < self.closed

    def take_closed(self) -> Iterator[Cohort]:
        """Cohorts whose time is over, oldest first; they are no longer kept."""
        for index in sorted(self.open):
            if index < self.horizon:
                yield self.open.pop(index)

    def earliest(self) -> Cohort | None:
        """The open cohort whose first record comes first in the file."""
        # Cohorts are opened in the order of their first records, and dicts keep that order.
        return next(iter(self.open.values()), None)

    def _index(self, at: float) -> int:
        return math.floor(at / self.seconds) if at != NEVER else -(1 << 62)


__all__ = ["EDGE", "LEAP", "MAX_SERVICES", "OTHER", "Cohort", "Key", "Mark", "Row", "Windows", "new_row"]
