"""Vendor times to STIX timestamps, and the order of timestamps.

A canonical timestamp is ``YYYY-MM-DDTHH:MM:SS.mmmZ``, or six fraction digits where the source has microseconds
(STIX 2.1, data type timestamp). Nothing here reads a clock.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from isthmus_sdk.errors import RecordError

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?"
    r"(?: ?(?:([Zz]|UTC|GMT)|([+-])(\d\d):?(\d\d)?))?)?",
    re.ASCII,
)
_NUMBER = re.compile(r"[+-]?\d{1,20}(?:\.\d{1,20})?", re.ASCII)
_CANONICAL = re.compile(
    "([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:[.][0-9]+)?Z"
)
_SAYS_NOTHING = frozenset({"", "-", "never", "unknown", "none", "null", "n/a", "na", "nan", "(never)"})
_ZEROS = frozenset({"0001-01-01T00:00:00.000Z", "1601-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000Z"})
"""The zeros of .NET, Windows file times and Unix: what vendors write for "never"."""

_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "µs": 1_000_000, "ns": 1_000_000_000}
_FILETIME_OFFSET = 11_644_473_600 * 10_000_000
_LONGEST = 64


def timestamp(value: object, *, unit: str = "auto") -> str | None:
    """The canonical timestamp of a vendor's time, ``None`` where the value says "never" or "unknown".

    ``value``: epoch number (or its text), ISO 8601 text with up to nine fraction digits (cut to six), or `datetime`; a
    missing zone is UTC. ``unit``: of epoch numbers, ``s``, ``ms``, ``us``, ``ns``, ``filetime`` (100 ns since 1601), or
    ``auto``, which tells them apart by size. Raises `RecordError` for what is no time.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return _from_text(value, unit)
    if type(value) is int:
        return _from_number(value, unit)
    if isinstance(value, bool):
        raise RecordError(f"{value!r} is not a time")
    if isinstance(value, (int, float)):
        return _from_number(value, unit)
    if isinstance(value, datetime):
        return _known(_written(value if value.tzinfo else value.replace(tzinfo=UTC)))
    raise RecordError(f"a {type(value).__name__} is not a time: give an epoch number or ISO 8601 text")


def instant(text: str) -> str:
    """A sort key for STIX timestamps: text order of the keys is the order in time, whatever the fraction digits."""
    whole, _, fraction = text[:-1].partition(".")
    return f"{whole}.{fraction.rstrip('0')}"


def is_later(a: str, b: str) -> bool:
    """Whether timestamp ``a`` is after ``b``."""
    return a > b if len(a) == len(b) == 24 else instant(a) > instant(b)


def earliest(*times: str | None) -> str | None:
    """The first of the given timestamps in time; ``None`` among them are skipped."""
    return min((time for time in times if time), key=instant, default=None)


def latest(*times: str | None) -> str | None:
    """The last of the given timestamps in time; ``None`` among them are skipped."""
    return max((time for time in times if time), key=instant, default=None)


def both_ends(a: str | None, b: str | None) -> tuple[str | None, str | None]:
    """`earliest` and `latest` of two."""
    if a is None or b is None:
        one = a or b
        return one, one
    if is_later(a, b):
        return b, a
    return (a, b) if is_later(b, a) else (a, a)


@lru_cache(maxsize=4_096)
def is_timestamp(text: str) -> bool:
    """Whether ``text`` is a STIX timestamp: RFC 3339, zone ``Z``, a day that exists (leap seconds are allowed)."""
    found = _CANONICAL.fullmatch(text)
    if found is None:
        return False
    day = found[3]
    if found[1] == "0000":
        return False
    return day <= "28" or _exists(int(found[1]), int(found[2]), int(day))


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def shortened(text: str) -> str:
    """The form that identifiers are made from: no trailing zeros in the fraction (as stix2 writes timestamps)."""
    if not text.endswith("Z") or "." not in text:
        return text
    whole, _, fraction = text[:-1].partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


@lru_cache(maxsize=4_096)
def _from_text(value: str, unit: str) -> str | None:
    if len(value) == 24 and is_timestamp(value):
        return _known(value)
    text = value.strip()
    if text.lower() in _SAYS_NOTHING:
        return None
    if len(text) > _LONGEST:
        raise RecordError(f"a text of {len(text)} characters is not a time")
    if _NUMBER.fullmatch(text):
        return _from_number(float(text) if "." in text else int(text), unit)
    found = _ISO.fullmatch(text)
    if found is None:
        raise RecordError(f"{text!r} is not a time: expected an epoch number or ISO 8601")
    year, month, day, hour, minute, second, fraction, _zone, sign, off_hours, off_minutes = found.groups()
    if int(year) == 0:
        return None
    offset = timedelta(hours=int(off_hours or 0), minutes=int(off_minutes or 0))
    seconds = int(second or 0)
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        zone = timezone(-offset if sign == "-" else offset)
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            59 if seconds == 60 else seconds,
            micros,
            zone,
        )
        if seconds == 60:
            moment += timedelta(seconds=1)
        return _known(_written(moment))
    except (ValueError, OverflowError) as error:
        raise RecordError(f"{text!r} is not a time: {error}") from error


@lru_cache(maxsize=4_096, typed=True)
def _from_number(value: float, unit: str) -> str | None:
    if value != value or value in (float("inf"), float("-inf")):
        raise RecordError(f"{value} is not a time")
    if value in (0, -1):
        return None
    if unit == "filetime":
        value, per_second = value - _FILETIME_OFFSET, 10_000_000
        if value <= -_FILETIME_OFFSET:
            return None
    elif unit == "auto":
        per_second = _unit_by_size(abs(value))
    elif unit in _PER_SECOND:
        per_second = _PER_SECOND[unit]
    else:
        raise ValueError(f"unit {unit!r} is not one of auto, s, ms, us, ns, filetime")
    try:
        if isinstance(value, int):
            micros = value * 1_000_000 // per_second
        else:
            micros = round(value * (1_000_000 / per_second))
        return _known(_from_micros(micros))
    except (OverflowError, ValueError, OSError) as error:
        raise RecordError(f"{value} is not a time: outside the years 1 to 9999") from error


def _unit_by_size(size: float) -> int:
    """Seconds reach the year 5138, milliseconds begin in 1973; likewise for the smaller units."""
    if size < 1e11:
        return 1
    if size < 1e14:
        return 1_000
    if size < 1e17:
        return 1_000_000
    return 1_000_000_000


def _written(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    return _with_fraction(moment.isoformat(), moment.microsecond)


def _from_micros(micros: int) -> str:
    seconds, fraction = divmod(micros, 1_000_000)
    return _with_fraction(datetime.fromtimestamp(seconds, UTC).isoformat(), fraction)


def _with_fraction(text: str, micros: int) -> str:
    """Three digits, or six where the microseconds say more."""
    millis, rest = divmod(micros, 1000)
    return f"{text[:19]}.{micros:06}Z" if rest else f"{text[:19]}.{millis:03}Z"


def _known(text: str) -> str | None:
    return None if text in _ZEROS else text
