"""Why two observed things are one asset, or why they are not."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from isthmus_hub.assets._identity import observation
from isthmus_hub.assets._index import IdentityIndex
from isthmus_hub.assets._record import record_name
from isthmus_hub.assets._rulings import rulings
from isthmus_hub.assets._weights import DEFAULT, Weights
from isthmus_hub.store import Store
from isthmus_sdk import stix


def identities(store: Store, weights: Weights = DEFAULT) -> IdentityIndex:
    """Everything observed that can be an asset, divided into devices, with the assets these were given."""
    index = IdentityIndex(weights)
    index.rule(rulings(store.decisions()))
    index.update(
        observation(stored.id, facts)
        for stored in store.iterate("infrastructure")
        if (facts := stix.facts(stored.body, stix.ASSET)) and facts.get("kind", "asset") in ("asset", "endpoint")
    )
    for id, asset in store.assignments():
        index.assign(id, asset)
    return index


def why(store: Store, one: str, two: str, weights: Weights = DEFAULT) -> dict[str, Any]:
    """Every link between the assets of two observed things, made or refused, and what they share.

    ``links``: rule, value, both ends (observed ids), and ``veto``: empty where the link was made. ``shared``: values that
    both have; a poisoned one links nothing by itself. ``records``: what people call each observed id.
    """
    index = identities(store, weights)
    sides = [index.members(index.assigned.get(id, "")) or frozenset({id}) for id in (one, two)]
    same = bool(sides[0] & sides[1])
    links = [
        asdict(each)
        for each in index.evidence(sides[0] | sides[1])
        if (each.left in sides[0] and each.right in sides[1]) or (each.left in sides[1] and each.right in sides[0])
    ]
    mine, theirs = (frozenset().union(*(index.observations[id].identifiers for id in side)) for side in sides)
    poisoned = index.poisoned
    return {
        "same": same,
        "assets": [index.assigned.get(id) for id in (one, two)],
        "members": [sorted(side) for side in sides],
        "links": links,
        "records": {id: record_name(store, id) for id in sorted(sides[0] | sides[1])},
        "shared": []
        if same
        else [{"kind": each.kind, "value": each.value, "poisoned": each in poisoned} for each in sorted(mine & theirs)],
    }
