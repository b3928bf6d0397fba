"""What section 8 of the standard asks of the bundle around the objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isthmus_sdk.stix._explain import Problem
from isthmus_sdk.stix._grammar import is_identifier, is_property_name, type_of_identifier

_RULE = "bundle (8)"


def bundle_problems(bundle: Mapping[str, Any], *, upgrade: bool) -> Iterator[tuple[str, Problem]]:
    """(``error`` or ``warning``, problem) for each rule the bundle itself breaks; its objects are not looked at.

    ``upgrade``: a bundle of STIX 2.0 is welcome.
    """
    found = bundle.get("id")
    id = found if isinstance(found, str) else ""
    if bundle.get("type") != "bundle":
        yield "error", Problem(id, "type", _RULE, "a list of objects is only known in a bundle: type is not 'bundle'")
    if not is_identifier(id) or type_of_identifier(id) != "bundle":
        yield "error", Problem(id, "id", _RULE, f"{ascii(found)[:80]} is not an identifier: expected bundle--UUID")
    objects = bundle.get("objects")
    if objects == []:
        yield "error", Problem(id, "objects", "empty-list (2.12)", "a list must not be empty: leave the property out")
    elif "objects" in bundle and not isinstance(objects, list):
        yield "error", Problem(id, "objects", _RULE, "the bundle's objects are not a list")
    version = bundle.get("spec_version")
    if version == "2.0":
        if not upgrade:
            yield "error", Problem(id, "spec_version", _RULE, "a bundle of STIX 2.0; --upgrade checks it as STIX 2.1")
    elif "spec_version" in bundle:
        yield "warning", Problem(id, "spec_version", _RULE, "the objects have it, the bundle has not")
    for name in bundle:
        if name in ("type", "id", "objects", "spec_version"):
            continue
        if is_property_name(name):
            yield "warning", Problem(id, name, "custom-property", "not a property of bundle")
        else:
            message = "expected a-z, 0-9 and _, 3 to 250 characters, a letter first"
            yield "error", Problem(id, name[:300], "property-name (3.1)", message)


__all__ = ["bundle_problems"]
