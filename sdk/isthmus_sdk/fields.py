"""Field types for vendor payloads: what a record may say, and what a model makes of it.

Vendors write one thing in many ways: numbers as text, epoch or ISO times in one file, ``""``, ``"unknown"``, ``null``
where a list is meant, one object where a list of them is meant. These types accept all of that and refuse what would have
to be guessed, so that a bad record ends in quarantine with the path of the field that is wrong::

    class Asset(BaseModel):
        id: NativeId                       # text, never empty
        mac_address: Texts = ()            # a list of texts; null and "" are an empty one
        last_activity_time: Moment = None  # canonical STIX timestamp; zero and "" mean never
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import normalise
from isthmus_sdk.stix import timestamp as _timestamp

_T = TypeVar("_T")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LONGEST_ID = 1024


def _refusing(rule: Callable[[Any], _T]) -> Callable[[Any], _T]:
    """The rule with its ``RecordError`` as the ``ValueError`` that a model turns into the path of the field."""

    def checked(value: Any) -> _T:
        try:
            return rule(value)
        except RecordError as error:
            raise ValueError(str(error)) from None

    return checked


def _native_id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("an id is text or a whole number")  # noqa: TRY004 - only ValueError becomes a field's error
    text = str(value).strip()
    if not text or text.lower() in ("null", "none"):
        raise ValueError("the id is empty")
    if len(text) > _LONGEST_ID or _FORBIDDEN.search(text):
        raise ValueError("the id is too long or holds control characters")
    return text


def _many(value: Any) -> list[Any]:
    """Null is nothing, one thing is a list of one; nulls inside a list are dropped."""
    if value is None or value == "":
        return []
    if isinstance(value, list | tuple):
        return [item for item in value if item is not None]
    return [value]


def _texts(value: Any) -> tuple[str, ...]:
    found = (normalise.text(item) for item in _many(value))
    return tuple(dict.fromkeys(text for text in found if text))


def _listed(value: Any) -> tuple[str, ...]:
    """A list, or one text with commas."""
    if isinstance(value, str):
        return _texts(value.split(","))
    return _texts(value)


def _number(value: Any) -> float | None:
    if normalise.says_nothing(value):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RecordError("expected a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise RecordError(f"{str(value)[:40]!r} is not a number") from None
    if not math.isfinite(number):
        raise RecordError("the number is not finite")
    return number


def _whole(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value) if len(value) < 40 else _out_of_range(value)
    number = _number(value)
    if number is None:
        return None
    if not number.is_integer():
        raise RecordError(f"{number:g} is not a whole number")
    return int(number)


def _out_of_range(value: str) -> int:
    raise RecordError(f"a number of {len(value)} digits is out of range")


def _port(value: Any) -> int | None:
    number = _whole(value)
    if number is not None and not 0 <= number <= 65535:
        raise RecordError(f"{number} is not a port")
    return number or None


def _flag(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("true", "1", "yes"):
        return True
    if word in ("false", "0", "no"):
        return False
    if normalise.says_nothing(word):
        return None
    raise RecordError(f"{word[:40]!r} is neither true nor false")


def _texts_by_key(value: Any) -> dict[str, str]:
    if value is None or value in ("", [], ()):
        return {}
    if not isinstance(value, dict):
        raise RecordError("expected an object")
    return {str(key): text for key, item in value.items() if (text := normalise.text(item))}


NativeId = Annotated[str, BeforeValidator(_native_id)]
"""The vendor's own id of a record: text, or a whole number as text. Null, empty and over-long ids are refused."""
Text = Annotated[str | None, BeforeValidator(_refusing(normalise.text))]
"""Text without surrounding space; ``None`` for ``""``, "unknown" and the like. Numbers become their text."""
Texts = Annotated[tuple[str, ...], BeforeValidator(_refusing(_texts))]
"""Texts in their order, each once; null and "unknown" give none, one text gives one."""
Listed = Annotated[tuple[str, ...], BeforeValidator(_refusing(_listed))]
"""As :data:`Texts`, also from one text with commas ("consumer, engineering_station")."""
TextByKey = Annotated[dict[str, str], BeforeValidator(_refusing(_texts_by_key))]
"""An object of texts; null gives an empty one."""
Number = Annotated[float | None, BeforeValidator(_refusing(_number))]
"""A finite number, also written as text."""
Whole = Annotated[int | None, BeforeValidator(_refusing(_whole))]
"""A whole number, also written as text."""
Port = Annotated[int | None, BeforeValidator(_refusing(_port))]
"""A port; 0 and nothing are ``None``."""
Flag = Annotated[bool | None, BeforeValidator(_refusing(_flag))]
"""True or false, also as text or 0 and 1."""
Moment = Annotated[str | None, BeforeValidator(_refusing(_timestamp))]
"""Canonical STIX timestamp from epoch seconds, milliseconds, … or ISO 8601; ``None`` for the vendors' zeros."""
Many = BeforeValidator(_many)
"""For lists of objects: ``Annotated[list[Evidence], Many]``; null is none, one object is one."""


def only(values: Sequence[str]) -> str | None:
    """The one value of a list; ``None`` where there are several, for then none of them is known to hold."""
    return values[0] if len(values) == 1 else None


def says(rule: Callable[[Any], _T], value: Any) -> _T | None:
    """What ``rule`` makes of a value that may be broken without spoiling its record; ``None`` where it is."""
    try:
        return rule(value)
    except RecordError:
        return None


__all__ = [
    "Flag",
    "Listed",
    "Many",
    "Moment",
    "NativeId",
    "Number",
    "Port",
    "Text",
    "TextByKey",
    "Texts",
    "Whole",
    "only",
    "says",
]
