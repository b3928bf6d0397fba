"""The inventory as people and programs read it: one entry per resolved asset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isthmus_hub.assets._described import described
from isthmus_hub.assets._disputes import Told, disputes
from isthmus_hub.assets._identity import Identifier, Observation, observation
from isthmus_hub.assets._trust import all_poisoned
from isthmus_hub.store import Store
from isthmus_sdk import stix


def inventory(store: Store) -> list[dict[str, Any]]:
    """Every asset in the shape of ``assets --json``, by id.

    ``absent_since``: no inventory that held it holds it any more, and nobody spoke of it since; ``null``: it is present.
    ``external`` marks addresses outside the organisation; ``witnessed_only`` those known only from an address seen
    talking. Identifiers say how strong they are and whether they are poisoned. ``disputed``: see `disputes`.
    """
    bad = poisoned_identifiers(store)
    return [
        _entry(store, stored.body, bad)
        for stored in store.iterate("infrastructure", "resolved")
        if not stored.body.get("revoked")
        and (stix.facts(stored.body, stix.ASSET) or {}).get("kind") in ("asset", "endpoint")
    ]


def poisoned_identifiers(store: Store) -> frozenset[Identifier]:
    """Identifier values that cannot tell devices apart, over everything observed."""
    holders: dict[Identifier, list[Observation]] = {}
    for stored in store.iterate("infrastructure"):
        facts = stix.facts(stored.body, stix.ASSET)
        if facts and facts.get("kind", "asset") in ("asset", "endpoint"):
            seen = observation(stored.id, facts)
            for identifier in seen.identifiers:
                holders.setdefault(identifier, []).append(seen)
    return all_poisoned(holders)


def communications(store: Store) -> Iterator[dict[str, Any]]:
    """Every communication between assets: resolved ends, services, who saw it.

    ``external`` is the end outside the organisation, if one is, and ``peer`` its address.
    """
    for stored in store.iterate("relationship"):
        body = stored.body
        if body.get("relationship_type") != "communicates-with" or body.get("revoked"):
            continue
        facts = stix.facts(body, stix.COMMUNICATION) or {}
        source, target = _end(store, body["source_ref"]), _end(store, body["target_ref"])
        outside = next((end for end in (source, target) if end["external"]), None)
        yield {
            "id": stored.id,
            "source": source["id"],
            "target": target["id"],
            "services": list(facts.get("services", ())),
            "first_seen": facts.get("first_seen"),
            "last_seen": facts.get("last_seen"),
            "instances": sorted({claim.instance for claim in stored.provenance}),
            "external": outside["id"] if outside else None,
            "peer": outside["name"] if outside else None,
        }


def _end(store: Store, observed: str) -> dict[str, Any]:
    asset = store.asset_of(observed) or observed
    stored = store.resolved(asset)
    if stored is None:
        return {"id": asset, "external": not asset.startswith("infrastructure--"), "name": asset}
    facts = stix.facts(stored.body, stix.ASSET) or {}
    return {"id": asset, "external": facts.get("asset_class") == "external", "name": stored.body.get("name", asset)}


def _entry(store: Store, body: Mapping[str, Any], bad: frozenset[Identifier]) -> dict[str, Any]:
    facts = stix.facts(dict(body), stix.ASSET) or {}
    told = list(_told(store, body["id"]))
    seen = observation(body["id"], {**facts, "connector": "", "source_id": ""})
    return {
        **described(body),
        "members": sorted(
            (member for member, _ in told),
            key=lambda member: (member["instance"], member["stream"], str(member["native_id"])),
        ),
        "disputed": disputes(
            Told(member["instance"], facts, member["last_seen"] or "")
            for member, facts in told
            if not member["absent_since"]
        ),
        "identifiers": [
            {"kind": item.kind, "value": item.value, "strength": int(item.strength), "poisoned": item in bad}
            for item in sorted(seen.identifiers)
        ],
    }


def _told(store: Store, asset: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each member once for every source that speaks of it, with what is said."""
    for id in sorted(store.members(asset)):
        stored = store.get(id)
        if stored is None:
            continue
        facts = stix.facts(stored.body, stix.ASSET) or {}
        absent = store.absent_since(id)
        for claim in stored.provenance:
            member = {
                "instance": claim.instance,
                "stream": claim.stream,
                "native_id": facts.get("native_id"),
                "connector": facts.get("connector"),
                "last_seen": facts.get("last_seen") or claim.last_observed,
                "observed": id,
                "absent_since": absent,
            }
            yield member, facts
