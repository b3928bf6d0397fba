"""Vendor times to STIX timestamps: epoch numbers of every size, ISO 8601, RFC 2822, .NET, and the many zeros.

A canonical timestamp is ``YYYY-MM-DDTHH:MM:SS.mmmZ``, or six fraction digits where the source has microseconds
(STIX 2.1, data type timestamp); finer digits are cut. Nothing here reads a clock.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final

from isthmus_sdk.errors import RecordError, SettingsError
from isthmus_sdk.stix._time import is_timestamp

_ZONE = (
    r"(?: ?(?:(?P<utc>[Zz]|UTC|GMT|UT)|(?P<sign>[+-])(?P<off_h>\d\d):?(?P<off_m>\d\d)?(?: ?[A-Z]{3,5})?)"
    r"(?: ?[(\[][A-Za-z_/+-]{1,40}[)\]])?)?"
)
"""``Z``, ``+02:00``, ``+0200 CEST`` (Go), ``+02:00[Europe/Berlin]`` (Java), ``+0000 (UTC)`` (mail). The offset counts."""
_CLOCK = r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9})\d*)?)?(?: ?(?P<half>[AaPp][Mm]))?"
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<name>{'|'.join(_MONTHS)})[a-z]{{0,6}}"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},? +)?"
_FORMS: Final = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (
        # 2024-05-01T10:00:00.123Z · 2024/05/01 10:00:00 · 2024-05-01
        rf"(?P<year>\d{{4}})([-/])(?P<month>\d\d?)\2(?P<day>\d\d?)(?:(?:[Tt]| +){_CLOCK}{_ZONE})?",
        # 20240501T100000Z
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)[Tt](?P<hour>\d\d)(?P<minute>\d\d)(?:(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9})\d*)?)?"
        + _ZONE,
        # Wed, 01 May 2024 10:00:00 +0000 · 01/May/2024:10:00:00 +0000 · 1-May-2024 10:00
        rf"{_WEEKDAY}(?P<day>\d\d?)[ /-]{_MONTH}[ /-](?P<year>\d{{4}})(?:[: ] *{_CLOCK}{_ZONE})?",
        # May 01 2024 10:00:00 · May 1, 2024 @ 10:00:00.000
        rf"{_WEEKDAY}{_MONTH}\.? +(?P<day>\d\d?),? +(?P<year>\d{{4}})(?:,? *(?:@ *)?{_CLOCK}{_ZONE})?",
        # Wed May  1 10:00:00 2024 · Wed May  1 10:00:00 UTC 2024
        rf"{_WEEKDAY}{_MONTH} +(?P<day>\d\d?) +{_CLOCK}{_ZONE} +(?P<year>\d{{4}})",
    )
)
_AMBIGUOUS = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b.*", re.ASCII | re.DOTALL)
_NO_YEAR = re.compile(rf"{_WEEKDAY}{_MONTH} +\d\d? +\d\d?:.*", re.ASCII | re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"([+-]?)(\d{1,20})(?:\.(\d{0,20}))?(?:[eE]([+-]?\d{1,2}))?", re.ASCII)
_DOT_NET = re.compile(r"\\?/Date\(([+-]?\d{1,17})(?:[+-]\d{4})?\)\\?/", re.ASCII)
_SAYS_NOTHING = frozenset({"", "-", "--", "never", "unknown", "none", "null", "nil", "n/a", "na", "nan", "(never)", "(none)", "not available"})  # fmt: skip
_DAYS_OF_ZERO = frozenset({"0001-01-01", "1601-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "9999-12-31"})  # fmt: skip
_ZEROS = frozenset(f"{day}T00:00:00.000Z" for day in _DAYS_OF_ZERO)
"""The zeros of .NET, Windows file times, OLE, SQL and Unix: what vendors write for "never"."""
_LAST_SECOND = 253_402_300_799
_LIMITS = frozenset(
    {2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, -(2**63), 2**64 - 1}
    | {_LAST_SECOND, _LAST_SECOND * 1_000, _LAST_SECOND * 1_000 + 999}
)
"""The ends of integer types, and the last second of 9999: as epoch numbers they mean "never" too."""

_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "µs": 1_000_000, "ns": 1_000_000_000}
_FILETIME_OFFSET = 11_644_473_600 * 10_000_000
_LONGEST = 80


def timestamp(value: object, *, unit: str = "auto", zone: tzinfo = UTC) -> str | None:
    """The canonical timestamp of a vendor's time, ``None`` where the value says "never" or "unknown".

    ``value``: epoch number (or its text), ISO 8601 with up to nine fraction digits (cut to six), RFC 2822, a date with
    the month's name, ``/Date(…)/``, `datetime` or `date`. ``unit``: of epoch numbers, ``s``, ``ms``, ``us``, ``ns``,
    ``filetime`` (100 ns since 1601), or ``auto``, which tells them apart by size and is right from March 1973 to 5138.
    ``zone``: of a text or `datetime` that names none; UTC unless the source's settings say otherwise. "Never" is: 0,
    -1, an empty text, the zeros of Unix, .NET, Windows and SQL (``0001-01-01``, ``1601-01-01``, ``1900-01-01``,
    ``1970-01-01`` at midnight), the last day of 9999, and the largest number of an integer type.

    Raises `RecordError` for what is no time, has no year, or is written in an order that may be read in two ways
    (``05/01/2024``); ``ValueError`` for a unit that does not exist.
    """
    if value is None:
        return None
    if type(value) is str and len(value) == 24 and is_timestamp(value) and value[17:19] != "60":
        return _known(value)  # as it is already: no second cache
    if isinstance(value, str):
        if len(value) > _LONGEST and len(value := value.strip()) > _LONGEST:
            raise RecordError(f"a text of {len(value)} characters is not a time")
        return _from_text(value, unit, zone)
    if type(value) is int:
        return _from_number(value, unit)
    if isinstance(value, bool):
        raise RecordError(f"{value!r} is not a time")
    if isinstance(value, (int, float)):
        return _from_number(value, unit)
    if isinstance(value, datetime):
        return _from_moment(value if value.tzinfo else value.replace(tzinfo=zone), str(value))
    if isinstance(value, date):
        return _from_moment(datetime(value.year, value.month, value.day, tzinfo=zone), str(value))
    raise RecordError(f"a {type(value).__name__} is not a time: give an epoch number or ISO 8601 text")


def time_zone(name: str | tzinfo | None) -> tzinfo:
    """The zone of a source that writes times without one: ``Europe/Berlin``, ``+02:00``, ``UTC``; ``None`` is UTC.

    Raises `SettingsError` for a name that no time zone has.
    """
    if name is None:
        return UTC
    if isinstance(name, tzinfo):
        return name
    found = re.fullmatch(r"(?:UTC|GMT)?([+-])(\d\d?):?(\d\d)?", name.strip(), re.ASCII)
    if found:
        offset = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        if offset < timedelta(hours=24):
            return timezone(-offset if found[1] == "-" else offset)
    elif name.strip().upper() in ("UTC", "GMT", "Z"):
        return UTC
    else:
        from zoneinfo import ZoneInfo

        try:
            return ZoneInfo(name.strip())
        except (LookupError, ValueError, OSError):  # unknown, a path, a folder of the database
            pass
    raise SettingsError(
        f"time zone {name[:60]!r} does not exist: expected a name as Europe/Berlin or an offset as +02:00"
    )


@lru_cache(maxsize=4_096)
def _from_text(value: str, unit: str, zone: tzinfo) -> str | None:
    text = value.strip()
    if text.lower() in _SAYS_NOTHING:
        return None
    number = _NUMBER.fullmatch(text)
    if number is not None:
        return _from_decimal(number, unit)
    if (dot_net := _DOT_NET.fullmatch(text)) is not None:
        return _from_number(int(dot_net[1]), "ms")
    for form in _FORMS:
        if (found := form.fullmatch(text)) is not None:
            return _from_parts(found.groupdict(), text, zone)
    if _AMBIGUOUS.fullmatch(text):
        raise RecordError(f"{text!r} may be read with day or month first: give the year first (ISO 8601)")
    if _NO_YEAR.fullmatch(text):
        raise RecordError(f"{text!r} has no year")
    raise RecordError(f"{text!r} is not a time: expected an epoch number or ISO 8601")


def _from_parts(parts: dict[str, Any], text: str, zone: tzinfo) -> str | None:
    find = parts.get
    year = int(parts["year"])
    if year == 0:
        return None
    name = find("name")
    month = _MONTHS.index(name.lower()) + 1 if name else int(parts["month"])
    hour, seconds = int(find("hour") or 0), int(find("second") or 0)
    if half := find("half"):
        if not 1 <= hour <= 12:
            raise RecordError(f"{text!r} is not a time: hour {hour} with {half}")
        hour = hour % 12 + (12 if half in ("pm", "PM", "Pm", "pM") else 0)
    micros = int((find("fraction") or "0")[:6].ljust(6, "0"))
    try:
        if find("sign"):
            offset = timedelta(hours=int(parts["off_h"]), minutes=int(find("off_m") or 0))
            zone = timezone(-offset if parts["sign"] == "-" else offset)
        elif find("utc"):
            zone = UTC
        moment = datetime(
            year, month, int(parts["day"]), hour, int(find("minute") or 0), 59 if seconds == 60 else seconds, micros, zone
        )  # fmt: skip
        if seconds == 60:
            moment += timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise RecordError(f"{text!r} is not a time: {error}") from error
    return _from_moment(moment, text)


def _from_moment(moment: datetime, text: str) -> str | None:
    if f"{moment:%m-%d %H:%M:%S}" == "01-01 00:00:00" and moment.year == 1:
        return None  # in any zone: east of Greenwich the moment itself is before the first year
    try:
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RecordError(f"{text!r} is not a time: {error}") from error
    return _known(_with_fraction(moment.isoformat(), moment.microsecond))


def _from_decimal(found: re.Match[str], unit: str) -> str | None:
    """An epoch number from its text, to the last digit: as a float it would lose the microseconds."""
    sign, whole, fraction, exponent = found[1], found[2], found[3] or "", int(found[4] or 0)
    if exponent:
        digits = whole + fraction
        point = len(whole) + exponent
        if point > 20 or point < -20:
            raise RecordError(f"{found[0]!r} is not a time: outside the years 1 to 9999")
        digits = digits.ljust(point, "0") if point > 0 else "0" * -point + digits
        whole, fraction = (digits[:point], digits[point:]) if point > 0 else ("0", digits)
    number = int(whole)
    if not fraction.strip("0") or sign == "-":
        return _from_number(-number if sign == "-" else number, unit)
    per_second = _per_second(number, unit)
    if per_second is None:
        return _from_number(number, unit)
    # The fraction counts in units: as many zeros as the unit has digits in a second come before it.
    scaled = int(whole + fraction[:12].ljust(12, "0"))
    return _from_scaled(scaled * 1_000_000 // (per_second * 10**12), found[0])


@lru_cache(maxsize=4_096, typed=True)
def _from_number(value: float, unit: str) -> str | None:
    if value != value or value in (float("inf"), float("-inf")):
        raise RecordError(f"{value} is not a time")
    if value in (0, -1) or value in _LIMITS:
        return None
    if abs(value) >= 1e21:
        raise RecordError("a number of more than 21 digits is not a time")
    per_second = _per_second(value, unit)
    if per_second is None:
        value, per_second = value - _FILETIME_OFFSET, 10_000_000
        if value <= -_FILETIME_OFFSET:
            return None
    if isinstance(value, int):
        return _from_scaled(value * 1_000_000 // per_second, str(value))
    whole = int(value)  # exact, as is what remains: a product of the two would lose the last digits
    return _from_scaled(whole * 1_000_000 // per_second + round((value - whole) * (1_000_000 / per_second)), str(value))


def _per_second(value: float, unit: str) -> int | None:
    """How many of ``unit`` are in a second; ``None`` for file times, which count from another zero."""
    if unit == "auto":
        return _unit_by_size(abs(value))
    if unit == "filetime":
        return None
    if unit in _PER_SECOND:
        return _PER_SECOND[unit]
    raise ValueError(f"unit {unit!r} is not one of auto, s, ms, us, ns, filetime")


def _unit_by_size(size: float) -> int:
    """Seconds reach the year 5138, milliseconds begin in 1973; likewise for the smaller units."""
    if size < 1e11:
        return 1
    if size < 1e14:
        return 1_000
    if size < 1e17:
        return 1_000_000
    return 1_000_000_000


def _from_scaled(micros: int, text: str) -> str | None:
    seconds, fraction = divmod(micros, 1_000_000)
    day, second = divmod(seconds, 86_400)
    hour, second = divmod(second, 3_600)
    minute, second = divmod(second, 60)
    try:
        clock = f"{_day(day)}{_TWO_DIGITS[hour]}:{_TWO_DIGITS[minute]}:{_TWO_DIGITS[second]}"
    except (OverflowError, ValueError, OSError) as error:
        raise RecordError(f"{text} is not a time: outside the years 1 to 9999") from error
    return _known(_with_fraction(clock, fraction) if fraction else f"{clock}.000Z")


@lru_cache(maxsize=4_096)
def _day(number: int) -> str:
    """The date with a ``T`` behind it, of a day counted from 1 January 1970: what a page tells of is mostly of a few days."""
    return datetime.fromtimestamp(number * 86_400, UTC).isoformat()[:11]


_TWO_DIGITS = tuple(f"{number:02}" for number in range(60))


def _with_fraction(text: str, micros: int) -> str:
    """Three digits, or six where the microseconds say more."""
    millis, rest = divmod(micros, 1000)
    return f"{text[:19]}.{micros:06}Z" if rest else f"{text[:19]}.{millis:03}Z"


def _known(text: str) -> str | None:
    return None if text in _ZEROS or text.startswith("9999-12-31T") else text
