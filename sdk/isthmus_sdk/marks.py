"""High-water marks: values of a cursor field as times, sequence numbers or opaque texts that can be compared and kept."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

from isthmus_sdk.errors import RecordError

Mark = datetime | int | float | str
"""A high-water mark: a time, a sequence number, or an opaque text that grows."""


def text_of(mark: Any) -> Any:
    """A mark as JSON data: times as ISO text with microseconds, others as they are."""
    if isinstance(mark, datetime):
        return mark.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return mark


def read_mark(kind: str, written: Any) -> Any:
    return time_of(written) if kind == "time" and isinstance(written, str) else written


def kind_of(value: Any, unit: str) -> str:
    if isinstance(value, date):
        return "time"
    if isinstance(value, str):
        text = value.strip()
        if text.lstrip("-").isdigit():
            return kind_of(int(text), unit)
        try:
            time_of(text)
        except (ValueError, OverflowError, RecordError):
            return "text"
        return "time"
    if isinstance(value, int | float):
        if unit == "sequence":
            return "number"
        return "time" if unit != "auto" or _guess(value) else "number"
    return "text"


def convert(value: Any, kind: str, unit: str) -> Mark | None:
    """A value in the cursor's kind. Raises ``ValueError`` where it cannot be."""
    if kind == "text":
        return str(value)
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if text.lstrip("-").isdigit():
            return convert(int(text), kind, unit)
        if kind == "time":
            return time_of(text)
        raise ValueError("not a number")
    if kind == "number":
        if isinstance(value, int | float) and math.isfinite(value):
            return value
        raise ValueError("not a number")
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        form = unit if unit in _PER_SECOND else _guess(value)
        if not form:
            raise ValueError("not a time")
        per = _PER_SECOND[form]
        micro = value * 1_000_000 // per if isinstance(value, int) else math.floor(value * (1_000_000 / per))
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micro)
    raise ValueError("not a time")


_PER_SECOND = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}


def _guess(value: int | float) -> str:
    """Unit of an epoch by its size: times from 1973 on; ``""`` for what is too small to be one."""
    size = abs(value)
    for unit, least in (("ns", 1e17), ("us", 1e14), ("ms", 1e11), ("s", 1e8)):
        if size >= least:
            return unit
    return ""


def time_of(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        from isthmus_sdk import stix

        canonical = stix.timestamp(text)
        if canonical is None:
            raise ValueError("not a time") from None
        value = datetime.fromisoformat(canonical)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


__all__ = ["Mark", "convert", "kind_of", "read_mark", "text_of", "time_of"]
