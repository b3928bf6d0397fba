"""Is an object valid STIX 2.1? `check` for the yes or no, `problems` and `warnings` for the whole story."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isthmus_sdk.errors import InvalidObject
from isthmus_sdk.stix._compile import accepts
from isthmus_sdk.stix._explain import Problem, explain


def check(obj: Mapping[str, Any]) -> None:
    """Raise `InvalidObject` with the first rule that ``obj`` breaks, if any.

    Custom types, properties and extensions are no error: they pass through untouched.
    """
    if accepts(obj):
        return
    errors, _ = explain(obj)
    for first in errors:
        raise InvalidObject(
            f"{first.id or 'object'}: {first.path or 'object'}: {first.message} [{first.rule}]",
            id=first.id,
            path=first.path,
            rule=first.rule,
        )


def problems(obj: Mapping[str, Any]) -> list[Problem]:
    """Every MUST of the standard that ``obj`` breaks, in the order of its text."""
    return [] if accepts(obj) else explain(obj)[0]


def warnings(obj: Mapping[str, Any]) -> list[Problem]:
    """Every SHOULD that ``obj`` breaks, and everything custom in it."""
    return explain(obj)[1]
