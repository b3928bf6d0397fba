"""Durations, sizes and quiet windows as an operator writes them.

Every function raises ``ValueError`` that says what a right value looks like and never repeats the wrong one: what
stands in the wrong place may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from isthmus_sdk.duration import seconds
from isthmus_sdk.errors import ConfigurationError

_BYTES = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}
DURATION_PATTERN = r"^(\d+(\.\d+)?(ms|[smhdw]))+$"
SIZE_PATTERN = r"^\d+(\.\d+)? ?([KMGTkmgt][iI]?)?[Bb]$"
QUIET_PATTERN = r"^\d\d:\d\d-\d\d:\d\d$"


def duration(value: object) -> float:
    """Seconds of ``"5m"``, ``"10s"``, ``"1h30m"``, ``"500ms"``; a bare number is seconds."""
    try:
        return seconds(value)  # type: ignore[arg-type]  # wrong kinds fail like wrong texts
    except (ConfigurationError, AttributeError):
        raise ValueError('must be a duration, such as "30s", "5m", "1h30m" or "7d"') from None


def size(value: object) -> int:
    """Bytes of ``"20GB"`` (powers of 1000) or ``"20GiB"`` (powers of 1024)."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?I?B)", value.upper()) if isinstance(value, str) else None
    if match is None or match[2] not in _BYTES:
        raise ValueError('must be a size with its unit, such as "500MB", "20GB" or "20GiB"')
    return int(float(match[1]) * _BYTES[match[2]])


@dataclass(frozen=True, slots=True)
class QuietWindow:
    """A daily time without requests, from ``start`` to just before ``end``; over midnight when ``end`` is earlier.

    Minutes since midnight on the clock of the machine (its local time zone).
    """

    start: int
    end: int

    @classmethod
    def parse(cls, text: str) -> QuietWindow:
        match = re.fullmatch(r"(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)", text)
        if match is None:
            raise ValueError('must be a daily window such as "06:00-06:30" or, over midnight, "22:00-02:00"')
        first_hour, first_minute, last_hour, last_minute = map(int, match.groups())
        start, end = first_hour * 60 + first_minute, last_hour * 60 + last_minute
        if first_minute > 59 or last_minute > 59 or start >= 24 * 60 or end > 24 * 60:
            raise ValueError("must be a daily window whose times lie between 00:00 and 24:00")
        end %= 24 * 60
        if start == end:
            raise ValueError("must be a window that begins and ends at different times")
        return cls(start, end)

    def contains(self, moment: datetime | time) -> bool:
        minute = moment.hour * 60 + moment.minute
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def __str__(self) -> str:
        return f"{self.start // 60:02}:{self.start % 60:02}-{self.end // 60:02}:{self.end % 60:02}"


def quiet_until(windows: Iterable[QuietWindow], now: datetime) -> datetime | None:
    """When the quiet time that ``now`` lies in is over, or ``None`` if requests may be sent.

    ``now`` is in the time zone the windows are meant in. Windows that touch or overlap count as one.
    """
    windows = tuple(windows)
    end = now
    for _ in range(len(windows) + 1):
        window = next((window for window in windows if window.contains(end)), None)
        if window is None:
            return end if end > now else None
        ahead = (window.end - (end.hour * 60 + end.minute)) % (24 * 60)
        end = end.replace(second=0, microsecond=0) + timedelta(minutes=ahead)
    return end


__all__ = [
    "DURATION_PATTERN",
    "QUIET_PATTERN",
    "SIZE_PATTERN",
    "QuietWindow",
    "duration",
    "quiet_until",
    "size",
]
