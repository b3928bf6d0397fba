"""Is an object valid STIX 2.1? `check` for the yes or no, `problems` and `warnings` for the whole story."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isthmus_sdk.errors import InvalidObject
from isthmus_sdk.stix._columns import doubtful
from isthmus_sdk.stix._compile import accepts
from isthmus_sdk.stix._explain import Problem, explain
from isthmus_sdk.stix._identifiers import is_identifier
from isthmus_sdk.stix._json import Json, decode


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


def read_bundle(data: bytes | str) -> list[Json]:
    """The objects of a bundle (section 8), decoded and checked, in their order; a single object is a list of one.

    Custom types, properties and extensions pass through untouched. Raises `RecordError` for what is no JSON object, and
    `InvalidObject`, with a path like ``objects[3].name``, for the first object that breaks a rule.
    """
    value = decode(data)
    if value.get("type") != "bundle":
        check(value)
        return [value]
    objects = value.get("objects")
    if not _is_plain_envelope(value) or any(map(_is_wrong, doubtful(value["objects"]))):
        check(value)
    return objects or []


def _is_plain_envelope(bundle: Json) -> bool:
    id, objects = bundle.get("id"), bundle.get("objects")
    return (
        len(bundle) == 3
        and isinstance(id, str)
        and id.startswith("bundle--")
        and is_identifier(id)
        and isinstance(objects, list)
        and bool(objects)
    )


def _is_wrong(obj: Any) -> bool:
    """Whether ``obj`` should not be in a bundle: what is no object, another bundle, an invalid object."""
    return not isinstance(obj, dict) or obj.get("type") == "bundle" or bool(explain(obj)[0])
