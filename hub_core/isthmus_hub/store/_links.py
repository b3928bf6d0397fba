"""What can be looked up about an object without reading it: its values and its edges. Pure functions.

Every new or changed object passes through here, so plain loops take the place of shorter forms.
"""

from __future__ import annotations

from typing import Any

from isthmus_hub.store._types import Json
from isthmus_sdk import stix

Value = tuple[str, str]
"""Kind and value, in the form in which it is compared."""
Link = tuple[str, str, str]
"""Source id, kind, target id."""

_SCO_VALUES = {
    "ipv4-addr": "ipv4",
    "ipv6-addr": "ipv6",
    "mac-addr": "mac",
    "domain-name": "hostname",
    "url": "url",
    "email-addr": "email",
}
_NOT_EDGES = frozenset({"created_by_ref", "object_marking_refs", "marking_ref"})
_NO_REFERENCES = frozenset({"labels", "external_references", "infrastructure_types", "kill_chain_phases", "hashes"})
"""Frequent properties in which the standard has no references."""
_EXACT = frozenset({"native_id", "url"})
_ANY, _ONE, _MANY, _NONE = range(4)
"""A property without references of its own, with one, with several, with nothing to look into."""
_ROLES: dict[str, int] = {}
_MOST_ROLES = 4_096


def normal(kind: str, value: str) -> str:
    """The form in which a value of ``kind`` is compared."""
    value = value.strip()
    return value if kind in _EXACT else value.lower()


def values_of(obj: Json) -> list[Value]:
    """Under which the object is found: addresses, names, serials, CVEs, native ids, identifiers; sorted."""
    found: list[Value] = []
    type = obj["type"]
    if type in _SCO_VALUES:
        _add(found, _SCO_VALUES[type], obj.get("value"))
    elif type == "vulnerability":
        _add_cves(found, obj)
    if "extensions" in obj:
        _add_facts(found, obj)
    return sorted(set(found)) if len(found) > 1 else found


def links_of(obj: Json) -> list[Link]:
    """Edges that exist because of this object, sorted: a relationship's own, or its references."""
    if obj["type"] == "relationship":
        source, kind, target = obj.get("source_ref"), obj.get("relationship_type"), obj.get("target_ref")
        if isinstance(source, str) and isinstance(kind, str) and isinstance(target, str):
            return [(source, kind, target)]
        return []
    found: list[tuple[str, str]] = []
    _add_references(found, obj)
    id = obj["id"]
    if len(found) > 1:
        return sorted({(id, name, target) for name, target in found if name not in _NOT_EDGES})
    return [(id, name, target) for name, target in found if name not in _NOT_EDGES]


def _add_references(found: list[tuple[str, str]], obj: Json) -> None:
    """``(property, id)`` of every reference at any depth: those of `stix.refs`, without the cost of their paths."""
    roles = _ROLES
    for name, child in obj.items():
        role = roles.get(name)
        if role is None:
            role = _role(name)
        kind = child.__class__
        if kind is str:
            if role == _ONE and child[-38:-36] == "--":
                found.append((name, child))
        elif role == _NONE:
            continue
        elif kind is dict:
            _add_references(found, child)
        elif kind is list:
            _add_references_in(found, child, name if role == _MANY else "")


def _role(name: str) -> int:
    """What a property of this name may hold; remembered for as many names as a standard and its extensions have."""
    role = _ANY
    if name in _NO_REFERENCES:
        role = _NONE
    elif name.endswith("_ref") or name == "ref":
        role = _ONE
    elif name.endswith("_refs") or name == "refs":
        role = _MANY
    if len(_ROLES) < _MOST_ROLES:
        _ROLES[name] = role
    return role


def _add_references_in(found: list[tuple[str, str]], items: list[Any], name: str) -> None:
    for item in items:
        kind = item.__class__
        if kind is str:
            if name and item[-38:-36] == "--":
                found.append((name, item))
        elif kind is dict:
            _add_references(found, item)
        elif kind is list:
            _add_references_in(found, item, "")


def _add_cves(found: list[Value], obj: Json) -> None:
    name = obj.get("name")
    if isinstance(name, str) and name[:4].upper() == "CVE-":
        _add(found, "cve", name)
    for reference in _dicts(obj.get("external_references")):
        if reference.get("source_name") == "cve":
            _add(found, "cve", reference.get("external_id"))


def _add_facts(found: list[Value], obj: Json) -> None:
    asset = stix.facts(obj, stix.ASSET)
    if asset:
        for kind in ("native_id", "hostname", "serial"):
            if kind in asset:
                _add(found, kind, asset[kind])
        for interface in _dicts(asset.get("interfaces")):
            _add(found, "mac", interface.get("mac"))
            ips = interface.get("ips")
            for ip in ips if ips.__class__ is list else ():
                _add(found, "ipv6" if ":" in str(ip) else "ipv4", ip)
        for identifier in _dicts(asset.get("identifiers")):
            _add(found, identifier.get("kind"), identifier.get("value"))
    alert = stix.facts(obj, stix.ALERT)
    if alert:
        _add(found, "native_id", alert.get("native_id"))


def _add(found: list[Value], kind: object, value: object) -> None:
    if value.__class__ is str and kind.__class__ is str and (text := normal(kind, value)):
        found.append((kind, text))


def _dicts(value: object) -> list[Json]:
    return [item for item in value if item.__class__ is dict] if value.__class__ is list else []
