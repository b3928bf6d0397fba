"""STIX timestamps: their form and their order in time (STIX 2.1, data type timestamp)."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

_CANONICAL = re.compile(
    "([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:[.][0-9]+)?Z"
)


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
    """Whether ``text`` is a STIX timestamp: RFC 3339, zone ``Z``, a day that exists, a leap second only where one can be."""
    found = _CANONICAL.fullmatch(text)
    if found is None:
        return False
    day = found[3]
    if found[1] == "0000":
        return False
    if text[17:19] == "60" and not _ends_a_month(text):
        return False
    return day <= "28" or _exists(int(found[1]), int(found[2]), int(day))


def _ends_a_month(text: str) -> bool:
    """RFC 3339 section 5.7: seconds reach 60 only where a leap second can be, at the end of a month."""
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    return text[11:16] == "23:59" and not _exists(year, month, day + 1)


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
