"""Is an object valid STIX 2.1? `check` for the yes or no, `problems` and `warnings` for the whole story."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from isthmus_sdk.errors import InvalidObject
from isthmus_sdk.stix._grammar import is_identifier


class Problem(NamedTuple):
    """One broken rule: where, which, and what to do about it."""

    id: str
    path: str
    rule: str
    message: str


def problems(obj: Mapping[str, Any]) -> list[Problem]:
    """Every MUST that ``obj`` breaks."""
    identifier = obj.get("id")
    if not isinstance(identifier, str) or not is_identifier(identifier):
        return [Problem(str(identifier), "id", "identifier", "expected type--UUID")]
    return []


def warnings(obj: Mapping[str, Any]) -> list[Problem]:
    """Every SHOULD that ``obj`` breaks."""
    return []


def check(obj: Mapping[str, Any]) -> None:
    """Raise `InvalidObject` with the first problem of ``obj``, if any."""
    for first in problems(obj):
        raise InvalidObject(first.message, id=first.id, path=first.path, rule=first.rule)
