"""STIX 2.0 as 2.1: what was renamed, moved or became an object of its own. Everything else stays as it is.

Differences: STIX 2.1, appendix C.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._ids import drawn_id, sco_id
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._markings import TLP_1, tlp1_object
from isthmus_sdk.stix._table import TYPES

_LABELLED: Final = {
    "indicator": "indicator_types",
    "malware": "malware_types",
    "report": "report_types",
    "threat-actor": "threat_actor_types",
    "tool": "tool_types",
}
"""Where 2.0 kept an open vocabulary in ``labels``, 2.1 has a property for it."""
_TLP: Final = {id: tlp1_object(name) for name, id in TLP_1.items()}
_COARSE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,2}))?Z")
"""A time without the milliseconds that ``created`` and ``modified`` have; what is added to it changes nothing."""
_FILE_TIMES = {"created": "ctime", "modified": "mtime", "accessed": "atime"}
_RENAMED: Final[Mapping[str, Mapping[str, str]]] = {
    "directory": _FILE_TIMES,
    "file": _FILE_TIMES,
    "process": {"created": "created_time", "binary_ref": "image_ref"},
    "user-account": {"password_last_changed": "credential_last_changed"},
    "windows-registry-key": {"modified": "modified_time"},
}


def upgrade(obj: Json) -> list[Json]:
    """STIX 2.0 to 2.1: the object with a version, and before it the observables that its ``objects`` held.

    An object that already is 2.1, or of a type only 2.1 has, comes back alone and says what it said. What is widely written
    short is written out, in both versions: a TLP marking without its name, ``created`` and ``modified`` without
    milliseconds. Identifiers of observables are those of their contributing properties; without any they are drawn from the container's id and the local key. Raises
    `RecordError` where a local reference leads nowhere, or observables can only be named by each other.
    """
    entry = TYPES.get(str(obj.get("type")))
    if entry is not None and entry.family == "SCO":
        return [obj]
    obj = _written_out(obj)
    if (
        obj.get("spec_version", "2.0") != "2.0"
    ):  # 2.0 has the property in bundles only; some producers have it in objects
        return [obj]
    kind = obj.get("type")
    if kind == "marking-definition" and obj.get("id") in _TLP:
        return [{**obj, **_TLP[obj["id"]]}]
    made = {**obj, "spec_version": "2.1"}
    types = _LABELLED.get(str(kind))
    if types and types not in made and isinstance(made.get("labels"), list):
        made[types] = made.pop("labels")
    if kind == "indicator" and isinstance(made.get("pattern"), str):
        made.setdefault("pattern_type", "stix")
    if kind == "malware":
        made.setdefault("is_family", False)
    if kind == "observed-data" and isinstance(made.get("objects"), Mapping) and "object_refs" not in made:
        try:
            observables = _observables(made.pop("objects"), str(obj.get("id", "")))
        except RecursionError:
            raise RecordError("an observable is nested too deeply", path="objects") from None
        made["object_refs"] = sorted({each["id"] for each in observables})
        return [*observables, made]
    return [made]


def _written_out(obj: Json) -> Json:
    published = _TLP.get(str(obj.get("id"))) if obj.get("type") == "marking-definition" else None
    if published is not None and obj.get("definition") == published["definition"]:
        return {**obj, **published}
    times = {name: _COARSE.fullmatch(obj[name]) for name in ("created", "modified") if isinstance(obj.get(name), str)}
    fine = {name: f"{found[1]}.{(found[2] or '').ljust(3, '0')}Z" for name, found in times.items() if found}
    return {**obj, **fine} if fine else obj


def _observables(local: Mapping[str, Any], container: str) -> list[Json]:
    """Observables with ids, each once, in an order in which references point back where they can."""
    items = {str(key): _renamed(item) for key, item in local.items() if isinstance(item, Mapping)}
    if len(items) < len(local):
        raise RecordError("objects: an observable is no JSON object", path="objects")
    known = items.keys()
    for key, item in items.items():
        if lost := _pointed_at(item) - known:
            raise RecordError(f"local references to {sorted(lost)} lead nowhere", path=f"objects.{key}")
    ids = _named(items, container)
    made: dict[str, Json] = {}
    for key in _in_order(items, _pointed_at) or list(items):
        item = _pointing(items[key], ids)
        own = {name: value for name, value in item.items() if name != "type"}
        made.setdefault(ids[key], {"type": item.get("type"), "spec_version": "2.1", "id": ids[key], **own})
    return list(made.values())


def _named(items: Mapping[str, Json], container: str) -> dict[str, str]:
    """The id of each local key; observables that others' ids depend on go first."""
    order = _in_order(items, lambda item: _pointed_at(_naming(item)))
    if order is None:
        raise RecordError(
            f"local references of {sorted(items)} run in a circle: nothing to name them by", path="objects"
        )
    ids: dict[str, str] = {}
    for key in order:
        kind, naming = str(items[key].get("type")), _naming(items[key])
        if naming:
            ids[key] = sco_id(kind, _pointing(naming, ids))
        else:
            ids[key] = drawn_id(kind, {"container": container, "key": key})
    return ids


def _naming(item: Mapping[str, Any]) -> Json:
    """The contributing properties that an observable has."""
    entry = TYPES.get(str(item.get("type")))
    names: Iterable[str] = entry.identity if entry is not None and entry.family == "SCO" else ()
    return {name: item[name] for name in names if item.get(name) is not None}


def _in_order(items: Mapping[str, Json], needs: Callable[[Json], set[str]]) -> list[str] | None:
    """Keys so that what each needs comes before it; ``None`` where that is impossible."""
    waiting = {key: needs(item) for key, item in items.items()}
    wanted_by: dict[str, list[str]] = {}
    for key, others in waiting.items():
        for other in others:
            wanted_by.setdefault(other, []).append(key)
    order = [key for key, others in waiting.items() if not others]
    for key in order:  # grows while it is walked
        for later in wanted_by.get(key, ()):
            waiting[later].discard(key)
            if not waiting[later]:
                order.append(later)
    return order if len(order) == len(items) else None


def _renamed(item: Mapping[str, Any]) -> Json:
    names = _RENAMED.get(str(item.get("type")), {})
    return {names[name] if name in names and names[name] not in item else name: value for name, value in item.items()}


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


__all__ = ["upgrade"]
