"""To and from others: the ``stix2`` library, and STIX 2.0.

``stix2`` is imported on first use only (extra ``stix2``); nothing else in the core knows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._ids import drawn_id, sco_id
from isthmus_sdk.stix._json import Json, decode, encode
from isthmus_sdk.stix._table import TYPES


def from_stix2(obj: Any) -> Json:
    """The plain dict of a ``stix2`` object (or bundle); a mapping is copied as it is."""
    serialize = getattr(obj, "serialize", None)
    if serialize is not None:
        return decode(serialize())
    if isinstance(obj, Mapping):
        return decode(encode(obj))
    raise RecordError(f"a {type(obj).__name__} is neither a stix2 object nor a mapping")


def to_stix2(obj: Mapping[str, Any]) -> Any:
    """The ``stix2`` object of a dict; custom types and properties are kept.

    Raises `RecordError` where stix2 refuses the object, or is not installed.
    """
    try:
        import stix2
    except ImportError as error:
        raise RecordError("stix2 is not installed: pip install 'isthmus-sdk[stix2]'") from error
    try:
        return stix2.parse(decode(encode(obj)), allow_custom=True)
    except (stix2.exceptions.STIXError, ValueError, TypeError, KeyError) as error:
        raise RecordError(f"stix2 refuses {obj.get('id', 'the object')}: {error}") from error


def upgrade(obj: Json) -> list[Json]:
    """STIX 2.0 to 2.1: the object with a version, and the observables that its ``objects`` held, referents first.

    An object that already is 2.1, or of a type only 2.1 has, comes back alone and unchanged. Raises `RecordError` where
    local references run in a circle or into nothing.
    """
    entry = TYPES.get(str(obj.get("type")))
    if "spec_version" in obj or (entry is not None and entry.family == "SCO"):
        return [obj]
    made = {**obj, "spec_version": "2.1"}
    if made.get("type") == "indicator" and isinstance(made.get("pattern"), str):
        made.setdefault("pattern_type", "stix")
    if made.get("type") == "malware":
        made.setdefault("is_family", False)
    if made.get("type") == "observed-data" and isinstance(made.get("objects"), Mapping):
        observables = _observables(made.pop("objects"))
        made["object_refs"] = sorted(observables)
        return [*observables.values(), made]
    return [made]


def _observables(local: Mapping[str, Any]) -> dict[str, Json]:
    """Observables by id, in an order in which every reference points back."""
    ids: dict[str, str] = {}
    done: dict[str, Json] = {}
    waiting = {str(key): dict(item) for key, item in local.items() if isinstance(item, Mapping)}
    while waiting:
        ready = [key for key, item in waiting.items() if _pointed_at(item) <= ids.keys()]
        if not ready:
            raise RecordError(f"local references of {sorted(waiting)} run in a circle or into nothing", path="objects")
        for key in ready:
            item = _pointing(waiting.pop(key), ids)
            kind = str(item.get("type"))
            entry = TYPES.get(kind)
            known = entry is not None and entry.family == "SCO"
            id = sco_id(kind, item) if known else drawn_id(kind, item)
            ids[key] = id
            done[id] = {"type": kind, "spec_version": "2.1", "id": id, **{n: v for n, v in item.items() if n != "type"}}
    return done


def _pointed_at(value: Any) -> set[str]:
    """Local keys that an observable refers to, in its structures too."""
    found: set[str] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        for name, child in item.items() if isinstance(item, Mapping) else ():
            if name.endswith("_ref") and isinstance(child, str):
                found.add(child)
            elif name.endswith("_refs") and isinstance(child, list):
                found.update(each for each in child if isinstance(each, str))
            else:
                stack.extend(child if isinstance(child, list) else [child])
    return found


def _pointing(value: Any, ids: Mapping[str, str]) -> Any:
    """The observable with local keys replaced by ids."""
    if isinstance(value, list):
        return [_pointing(each, ids) for each in value]
    if not isinstance(value, Mapping):
        return value
    made: Json = {}
    for name, child in value.items():
        if name.endswith("_ref") and isinstance(child, str):
            made[name] = ids[child]
        elif name.endswith("_refs") and isinstance(child, list):
            made[name] = [ids[each] if isinstance(each, str) else each for each in child]
        else:
            made[name] = _pointing(child, ids)
    return made
