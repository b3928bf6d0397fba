"""Two statements about one object become one, in any order with the same result.

`coalesce` is commutative, associative and idempotent. Single values come from the newer version whole; between versions
of the same time the greater digest decides (in our own extensions: per fact, so that a sparse statement hides nothing).
Sets grow: labels, references, markings, interfaces, services, windows. ``created`` and first times move back, last
times forward.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import Any

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._extensions import ALERT, ASSET, COMMUNICATION, COVERAGE, EXPOSURE
from isthmus_sdk.stix._json import Json, digest, encode
from isthmus_sdk.stix._time import earliest, instant, latest

_OWN = (ASSET, COMMUNICATION, EXPOSURE, ALERT, COVERAGE)
_UNITED = ("labels", "external_references", "object_marking_refs")
_UNITED_FACTS = frozenset({"roles", "identifiers", "monitored_by", "techniques", "subjects", "members"})
_SINGLE_TIMES = frozenset({"first_seen", "last_seen"})


def coalesce(a: Mapping[str, Any], b: Mapping[str, Any]) -> Json:
    """One object from two of the same id. Raises `RecordError` where id or type differ."""
    if a.get("id") != b.get("id") or a.get("type") != b.get("type"):
        raise RecordError(f"{a.get('id')} and {b.get('id')} are different objects")
    if a == b:
        return dict(a)
    newer, older = _by_version(a, b)
    merged = {name: value for name, value in newer.items() if not _grows(name)}
    if not _is_versioned(newer):
        merged = _per_property(newer, older, _grows)
    for name in _UNITED:
        if united := _united(newer.get(name), older.get(name)):
            merged[name] = united
    _keep_partial_markings(merged, newer, older)
    if created := earliest(newer.get("created"), older.get("created")):
        merged["created"] = created
    if first := earliest(newer.get("first_seen"), older.get("first_seen")):
        merged["first_seen"] = first
    if last := latest(newer.get("last_seen"), older.get("last_seen")):
        merged["last_seen"] = last
    if extensions := _extensions(newer, older):
        merged["extensions"] = extensions
    communication = (merged.get("extensions") or {}).get(COMMUNICATION)
    if communication is not None:
        set_span(merged, communication)
    return merged


def set_span(relationship: Json, communication: Mapping[str, Any]) -> None:
    """``start_time`` and ``stop_time`` repeat the facts; the standard wants stop after start."""
    first, last = communication.get("first_seen"), communication.get("last_seen")
    relationship.pop("start_time", None)
    relationship.pop("stop_time", None)
    if first:
        relationship["start_time"] = first
    if last and (not first or instant(last) > instant(first)):
        relationship["stop_time"] = last


def _by_version(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    when_a, when_b = instant(a.get("modified") or "Z"), instant(b.get("modified") or "Z")
    if when_a != when_b:
        return (a, b) if when_a > when_b else (b, a)
    return (a, b) if _single_digest(a) >= _single_digest(b) else (b, a)


def _single_digest(obj: Mapping[str, Any]) -> bytes:
    """Digest of what the winner of a tie contributes alone, and nothing that merging changes."""
    single = {name: value for name, value in obj.items() if not _grows(name)}
    extensions = obj.get("extensions")
    if isinstance(extensions, Mapping):
        foreign = {kind: body for kind, body in extensions.items() if kind not in _OWN}
        if foreign:
            single["extensions"] = foreign
    for derived in ("start_time", "stop_time"):
        single.pop(derived, None)
    return digest(single)


def _grows(name: str) -> bool:
    return name in _UNITED or name in _SINGLE_TIMES or name in ("created", "extensions")


def _is_versioned(obj: Mapping[str, Any]) -> bool:
    return "modified" in obj


def _per_property(a: Mapping[str, Any], b: Mapping[str, Any], skip: Callable[[str], bool]) -> Json:
    """Each property from whoever has it; where both do, the greater canonical value."""
    merged = {}
    for name in {**a, **b}:
        if skip(name):
            continue
        if name in a and name in b:
            merged[name] = a[name] if a[name] == b[name] else max(a[name], b[name], key=_canonical)
        else:
            merged[name] = a[name] if name in a else b[name]
    return merged


def _canonical(value: Any) -> bytes:
    return encode({"": value})


def _united(a: Any, b: Any) -> list[Any]:
    """The sorted union of two lists; what is no list counts as none."""
    members = [*(a if isinstance(a, list) else ()), *(b if isinstance(b, list) else ())]
    if all(isinstance(member, str) for member in members):
        return sorted(set(members))
    return [member for _, member in sorted({_canonical(member): member for member in members}.items())]


def _keep_partial_markings(merged: Json, newer: Mapping[str, Any], older: Mapping[str, Any]) -> None:
    """Granular markings point into values that may be gone after merging: they then bind the whole object too."""
    every = [*(newer.get("granular_markings") or ()), *(older.get("granular_markings") or ())]
    found = [each.get("marking_ref") for each in every if isinstance(each, Mapping)]
    if refs := [ref for ref in found if isinstance(ref, str)]:
        merged["object_marking_refs"] = _united(merged.get("object_marking_refs"), refs)


def _extensions(newer: Mapping[str, Any], older: Mapping[str, Any]) -> Json:
    new, old = newer.get("extensions") or {}, older.get("extensions") or {}
    if _is_versioned(newer):
        merged = {kind: body for kind, body in new.items() if kind not in _OWN}
    else:
        merged = _per_property(new, old, _OWN.__contains__)
    same_time = instant(newer.get("modified") or "Z") == instant(older.get("modified") or "Z")
    for kind in _OWN:
        if kind in new or kind in old:
            merged[kind] = _facts(new.get(kind) or {}, old.get(kind) or {}, same_time)
    return merged


def _facts(newer: Mapping[str, Any], older: Mapping[str, Any], same_time: bool) -> Json:
    merged = (
        _per_property(newer, older, _fact_grows)
        if same_time
        else {k: v for k, v in newer.items() if not _fact_grows(k)}
    )
    merged.setdefault("extension_type", "property-extension")
    for name, join in _JOINS.items():
        if name in newer or name in older:
            merged[name] = join(newer.get(name), older.get(name))
    return merged


def _fact_grows(name: str) -> bool:
    return name in _JOINS


def _interfaces(a: Any, b: Any) -> list[Any]:
    """Interfaces of one name, MAC, VLAN and scope are one; addresses are sorted and keep their references."""
    known: dict[bytes, Any] = {}
    for each in [*(a or ()), *(b or ())]:
        if not isinstance(each, Mapping):
            known.setdefault(_canonical(each), each)
            continue
        rest = {name: value for name, value in each.items() if name not in ("ips", "ip_refs")}
        addresses = _addresses(each)
        named = "mac" in each or "name" in each
        key = _canonical(rest) if named else _canonical({**rest, "ips": sorted(addresses)})
        held = known.get(key)
        known[key] = _with_addresses(rest, addresses if held is None else {**addresses, **_addresses(held)})
    return sorted(known.values(), key=interface_order)


def interface_order(interface: Any) -> tuple[str, list[str], bytes]:
    """Sort key of interfaces: by MAC, then addresses, then the rest."""
    if not isinstance(interface, Mapping):
        return "", [], _canonical(interface)
    return str(interface.get("mac", "")), list(map(str, interface.get("ips") or ())), _canonical(interface)


def _addresses(interface: Mapping[str, Any]) -> dict[str, str | None]:
    """Reference by address; ``None`` where the interface gives none."""
    ips, refs = interface.get("ips") or (), interface.get("ip_refs") or ()
    return dict(zip_longest(ips, refs[: len(ips)]))


def _with_addresses(rest: Json, addresses: Mapping[str, str | None]) -> Json:
    if not addresses:
        return rest
    refs = [ref for ip in sorted(addresses) if (ref := addresses[ip]) is not None]
    return {**rest, "ips": sorted(addresses), **({"ip_refs": refs} if refs else {})}


def unite_services(a: Any, b: Any) -> list[Any]:
    """Services of one protocol, transport and port are one; function codes are united."""
    known: dict[bytes, Json] = {}
    for each in [*(a or ()), *(b or ())]:
        if not isinstance(each, Mapping):
            continue
        rest = {name: value for name, value in each.items() if name != "function_codes"}
        into = known.setdefault(_canonical(rest), rest)
        codes = {*into.get("function_codes", ()), *each.get("function_codes", ())}
        if codes:
            into["function_codes"] = sorted(codes)
    return [known[key] for key in sorted(known)]


def unite_windows(a: Any, b: Any) -> list[Any]:
    """Windows of one start, length and part are the same window, stated again: the one that has counted more stays."""
    known: dict[tuple[Any, ...], Json] = {}
    for each in [*(a or ()), *(b or ())]:
        key = (instant(each["start"]), each["seconds"], each.get("part", ""))
        held = known.get(key)
        known[key] = each if held is None else max(held, each, key=_progress)
    return [known[key] for key in sorted(known)]


def _progress(window: Mapping[str, Any]) -> tuple[int, bytes]:
    return sum(value for name, value in window.items() if name != "seconds" and isinstance(value, int)), _canonical(
        window
    )


def _earlier(a: Any, b: Any) -> Any:
    return earliest(a, b)


def _later(a: Any, b: Any) -> Any:
    return latest(a, b)


_JOINS: Mapping[str, Callable[[Any, Any], Any]] = {
    "interfaces": _interfaces,
    "services": unite_services,
    "windows": unite_windows,
    "first_seen": _earlier,
    "last_seen": _later,
    **dict.fromkeys(sorted(_UNITED_FACTS), _united),
}
