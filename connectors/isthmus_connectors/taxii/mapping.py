"""Objects of a collection are STIX already: they are kept as they are, custom types and properties too. Pure."""

from __future__ import annotations

from typing import Any

from isthmus_sdk.errors import Ignored, RecordError
from isthmus_sdk.stix import Builder, interop


def object_to_stix(record: dict[str, Any], _stix: Builder) -> list[dict[str, Any]]:
    """The object itself; of STIX 2.0, what it is in 2.1. A bundle, as files hold them, is its objects."""
    kind = record.get("type")
    if not isinstance(kind, str) or not kind:
        raise RecordError("a STIX object has a type", path="type")
    if kind != "bundle":
        return list(interop.upgrade(record))
    inner = record.get("objects") or []
    if not isinstance(inner, list) or not all(isinstance(each, dict) for each in inner):
        raise RecordError("the objects of a bundle are a list of objects", path="objects")
    if not inner:
        raise Ignored("a bundle without objects")
    return [made for each in inner for made in interop.upgrade(each)]
