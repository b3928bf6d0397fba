"""A resolved asset in the shape of ``assets --json``, as far as the object itself tells; and what is declared, laid over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from isthmus_hub.assets._beliefs import Place
from isthmus_sdk import stix

_FACTS: Final = (
    "technology", "vendor", "model", "serial", "firmware", "operating_system", "hostname", "site", "level_source", "criticality", "first_seen",
    "last_seen", "absent_since",
)  # fmt: skip
_DECLARABLE: Final[Mapping[str, tuple[str, str]]] = {
    "zone": ("zone", "vendor_zone"),
    "purdue_level": ("level", "vendor_level"),
    "level_source": ("level_source", "vendor_level_source"),
    "technology": ("technology", "vendor_technology"),
}
"""Fact -> its name in ``assets --json``, and where the object keeps what the sources tell when another one is declared."""


def described(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the object tells, zone and level as the sources do: what is declared is laid over it by whoever reads, as it is now."""
    facts = told(stix.facts(dict(body), stix.ASSET) or {})
    bindings = _bindings(facts)
    return {
        "id": body["id"],
        "name": body.get("name"),
        "class": facts.get("asset_class") or "unknown",
        "level": facts.get("purdue_level"),
        "zone": facts.get("zone"),
        **{name: facts.get(name) for name in _FACTS},
        "roles": list(facts.get("roles", ())),
        "monitored_by": list(facts.get("monitored_by", ())),
        "labels": list(body.get("labels", ())),
        "vlans": sorted({interface["vlan"] for interface in facts.get("interfaces", ()) if interface.get("vlan")}),
        "external": facts.get("asset_class") == "external",
        "witnessed_only": facts.get("kind") == "endpoint",
        "scopes": sorted({interface.get("scope", "default") for interface in facts.get("interfaces", ())}),
        "addresses": sorted({binding["address"] for binding in bindings}),
        "bindings": bindings,
    }


def told(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Asset facts of a resolved object as the sources tell them."""
    declared = facts.get("declared", ())
    former = {fact: facts.get(kept) for fact, (_, kept) in _DECLARABLE.items() if fact in declared}
    return {**facts, **former}


def placed(body: dict[str, Any], instances: Iterable[str], place: Place) -> dict[str, Any]:
    """The object with its declared zone, level, technology and owner; what the sources tell instead is kept beside it.

    ``body`` is as `resolved_asset` makes it; the same object where nothing is declared of it.
    """
    before = {**described(body), "members": [{"instance": name} for name in sorted(set(instances))]}
    if before["external"]:
        return body  # the outside is nobody's zone
    after = place(before)
    facts = dict(stix.facts(body, stix.ASSET) or {})
    declared = [
        fact for fact, (name, _) in _DECLARABLE.items() if after.get(name) is not None and after[name] != before[name]
    ]
    said: dict[str, Any] = {}
    for fact in declared:
        name, kept = _DECLARABLE[fact]
        said[fact] = after[name]
        if before[name] is not None:
            said[kept] = before[name]
    if declared:
        said["declared"] = declared
    if after.get("zone_source") == "declared" and len(after["zones"]) > 1:
        said["zones"] = list(after["zones"])
    said |= {name: after[name] for name in ("owner", "security_level") if after.get(name) is not None}
    if not said:
        return body
    return {**body, "extensions": {**body["extensions"], stix.ASSET: {**facts, **said}}}


def _bindings(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """Addresses with the scope in which each is unique."""
    found = {
        (interface.get("scope", "default"), ip)
        for interface in facts.get("interfaces", ())
        for ip in interface.get("ips", ())
    }
    return [{"scope": scope, "address": ip} for scope, ip in sorted(found)]
