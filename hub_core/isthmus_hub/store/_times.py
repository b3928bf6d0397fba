"""STIX timestamps as whole microseconds since 1970, which compare and add up, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from isthmus_sdk.errors import InvalidObject

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
DAY = 86_400_000_000
MILLISECOND = 1_000


@lru_cache(maxsize=32_768)
def micros(text: str) -> int:
    """Microseconds since 1970 of a STIX timestamp; digits beyond the sixth are cut. Raises `InvalidObject`."""
    try:
        if text[17:19] == "60":  # a leap second: the last instant of its minute
            text = f"{text[:17]}59.999999Z"
        return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    except (TypeError, ValueError) as error:
        raise InvalidObject(f"{text!r} is not a STIX timestamp", rule="timestamp (STIX 2.1 section 2.13)") from error


@lru_cache(maxsize=32_768)
def text(value: int) -> str:
    """Canonical STIX timestamp: milliseconds, or microseconds where there are any."""
    moment = _EPOCH + timedelta(microseconds=value)
    return moment.isoformat(timespec="microseconds" if value % 1000 else "milliseconds")[:-6] + "Z"
