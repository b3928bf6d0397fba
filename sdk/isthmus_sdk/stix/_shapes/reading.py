"""How constructors read their arguments: a value of the wrong kind is a `RecordError` that names it, or a note."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._normal.words import shown, text

_T = TypeVar("_T")


def said(name: str, value: object) -> str | None:
    """``value`` as text, ``None`` where it says nothing. Raises `RecordError` that names the argument."""
    if value is None:
        return None
    try:
        return text(value) or None
    except RecordError as error:
        raise RecordError(f"{name}: {error}") from None


def noted(rule: Callable[[Any], _T], value: object, where: str, notes: list[str], index: int = 0) -> _T | None:
    """What ``rule`` makes of the value; a broken one is noted with its place and counts as unknown."""
    if value is None:
        return None
    try:
        return rule(value)
    except RecordError as error:
        notes.append(f"{where.format(index)}: {error}")
        return None


def listed(name: str, values: object) -> list[Any]:
    """A list of arguments: ``None`` is none, a single text is one. Raises `RecordError` for what is no list."""
    if values is None:
        return []
    if isinstance(values, str):
        return [values]
    if isinstance(values, bytes | bytearray) or not isinstance(values, Iterable):
        raise RecordError(f"{name}: expected a list, found {type(values).__name__}")
    return list(values)


def words(values: object, name: str = "list") -> list[str]:
    """Texts, sorted and each once, without those that say nothing."""
    if not values:
        return []
    return sorted({found for value in listed(name, values) if (found := said(name, value)) is not None})


def whole(name: str, value: object, low: int = 0, high: int = 2**53 - 1) -> int | None:
    """A whole number, also as text; ``None`` for nothing. Raises `RecordError` outside ``low`` to ``high``."""
    if type(value) is int and low <= value <= high:
        return value
    if value is None or value == "":
        return None
    number = value
    if isinstance(value, str) and len(value) <= 20 and value.strip().lstrip("+-").isdecimal():
        try:
            number = int(value)
        except ValueError:  # a sign too many
            number = None
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
        raise RecordError(f"{name}: {shown(value)} is not a whole number from {low} to {high}")
    return int(number)


def number(name: str, value: object, low: float, high: float) -> float | None:
    """A number from ``low`` to ``high``; ``None`` for nothing. Raises `RecordError` for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise RecordError(f"{name}: {shown(value)} is not a number from {low:g} to {high:g}")
    return value


def flag(name: str, value: object) -> bool | None:
    """True or false. Raises `RecordError` for anything else: 1 and "yes" are read by the field types of records."""
    if value is None or isinstance(value, bool):
        return value
    raise RecordError(f"{name}: {shown(value)} is neither true nor false")


def one_of(name: str, value: object, allowed: Iterable[str], advice: str = "") -> str:
    """One of a few words. Raises `RecordError` that lists them."""
    if isinstance(value, str) and value in allowed:
        return value
    raise RecordError(f"{name} {shown(value)} is not one of {', '.join(allowed)}{advice}")


def mapping(name: str, value: object) -> dict[str, Any]:
    """A JSON object with text for keys. Raises `RecordError` for anything else."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise RecordError(f"{name}: expected an object, found {shown(value)}")
    return dict(value)
