"""What can be looked up about an object without reading it: its values and its edges. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from isthmus_hub.store._types import Json
from isthmus_sdk import stix

Value = tuple[str, str]
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
_EXACT = frozenset({"native_id", "url"})
_pack = msgspec.msgpack.Encoder().encode


def normal(kind: str, value: str) -> str:
    """The form in which a value of ``kind`` is compared."""
    value = value.strip()
    return value if kind in _EXACT else value.lower()


def values(obj: Json) -> list[Value]:
    """``(kind, value)`` under which the object is found: addresses, names, serials, CVEs, native ids, identifiers."""
    kind = _SCO_VALUES.get(obj["type"])
    found = list(_named(kind, obj.get("value"))) if kind else []
    if obj["type"] == "vulnerability":
        found += _cves(obj)
    if "extensions" in obj:
        found += _fact_values(obj)
    if len(found) == 1:
        return [(kind, normal(kind, value)) for kind, value in found]
    return sorted({(kind, normal(kind, value)) for kind, value in found})


def links(obj: Json) -> list[Link]:
    """Edges that exist because of this object: a relationship's own, or its references."""
    if obj["type"] == "relationship":
        source, kind, target = obj.get("source_ref"), obj.get("relationship_type"), obj.get("target_ref")
        if isinstance(source, str) and isinstance(kind, str) and isinstance(target, str):
            return [(source, kind, target)]
        return []
    found: list[tuple[str, str]] = []
    _references(obj, found)
    if not found:
        return []
    id = obj["id"]
    return sorted({(id, name, target) for name, target in found if name not in _NOT_EDGES})


def fingerprint(values: list[Value], links: list[Link]) -> int:
    """64 bits that tell whether values or edges changed; 0 for none."""
    if not values and not links:
        return 0
    return int.from_bytes(blake2b(_pack((values, links)), digest_size=8).digest(), signed=True)


def _references(obj: Json, found: list[tuple[str, str]]) -> None:
    """``(property, id)`` of every reference at any depth: those of `stix.refs`, without the cost of their paths."""
    for name, child in obj.items():
        kind = child.__class__
        if kind is str:
            if (name[-4:] == "_ref" or name == "ref") and child[-38:-36] == "--":
                found.append((name, child))
        elif kind is dict:
            _references(child, found)
        elif kind is list:
            if name[-5:] == "_refs" or name == "refs":
                found += [(name, id) for id in child if id.__class__ is str and id[-38:-36] == "--"]
            _references_in(child, found)


def _references_in(items: list[Any], found: list[tuple[str, str]]) -> None:
    for item in items:
        kind = item.__class__
        if kind is dict:
            _references(item, found)
        elif kind is list:
            _references_in(item, found)


def _cves(obj: Json) -> Iterator[Value]:
    yield from _named("cve", obj.get("name") if str(obj.get("name", "")).upper().startswith("CVE-") else None)
    for reference in _dicts(obj.get("external_references")):
        if reference.get("source_name") == "cve":
            yield from _named("cve", reference.get("external_id"))


def _fact_values(obj: Json) -> Iterator[Value]:
    asset = stix.facts(obj, stix.ASSET)
    if asset:
        for kind in ("native_id", "hostname", "serial"):
            yield from _named(kind, asset.get(kind))
        for interface in _dicts(asset.get("interfaces")):
            yield from _named("mac", interface.get("mac"))
            for ip in interface.get("ips") or ():
                yield from _named("ipv6" if ":" in str(ip) else "ipv4", ip)
        for identifier in _dicts(asset.get("identifiers")):
            yield from _named(identifier.get("kind"), identifier.get("value"))
    alert = stix.facts(obj, stix.ALERT)
    if alert:
        yield from _named("native_id", alert.get("native_id"))


def _dicts(value: object) -> Iterator[Json]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list | tuple) else iter(())


def _named(kind: object, value: object) -> Iterator[Value]:
    if isinstance(kind, str) and isinstance(value, str) and kind and value.strip():
        yield kind, value
