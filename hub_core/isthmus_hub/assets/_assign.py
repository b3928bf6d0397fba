"""Which resolved asset each cluster is: ids are minted once and then sticky. A pure function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from isthmus_hub.assets._asset import mint


@dataclass(frozen=True, slots=True)
class Assignment:
    """Decision for a set of clusters."""

    assets: dict[str, tuple[str, ...]]
    """Resolved asset -> its members among the clusters decided on."""
    retired: dict[str, str] = field(default_factory=dict)
    """Merged away -> survivor."""
    split: dict[str, str] = field(default_factory=dict)
    """Newly minted -> the asset it was part of before."""


def assign(
    clusters: Sequence[Sequence[str]],
    before: Mapping[str, str],
    *,
    taken: Callable[[str], bool],
    endpoint: Callable[[str], bool],
) -> Assignment:
    """Give each cluster its asset id.

    ``before``: assignments so far; ``taken``: whether a resolved id was ever used; ``endpoint``: whether an observed
    asset is only an address seen talking (never an anchor where a device's own record exists).
    """
    owner = _owners(clusters, before)
    owned: dict[int, list[str]] = defaultdict(list)
    for asset, index in owner.items():
        owned[index].append(asset)
    out = Assignment({})
    minted: set[str] = set()
    for index, members in enumerate(clusters):
        candidates = owned[index]
        if candidates:
            size = {asset: sum(before.get(id) == asset and not endpoint(id) for id in members) for asset in candidates}
            survivor = min(candidates, key=lambda asset: (-size[asset], asset))
            out.retired.update({asset: survivor for asset in candidates if asset != survivor})
        else:
            anchor = min(members, key=lambda id: (endpoint(id), id))
            generation = 0
            while taken(survivor := mint(anchor, generation)) or survivor in minted:
                generation += 1
            if former := next((before[id] for id in sorted(members) if id in before), ""):
                out.split[survivor] = former
        minted.add(survivor)
        out.assets[survivor] = tuple(sorted(members))
    return out


def _owners(clusters: Sequence[Sequence[str]], before: Mapping[str, str]) -> dict[str, int]:
    """The cluster that keeps each known asset id: the one with its anchor, else the one with its smallest member."""
    claims: dict[str, list[tuple[bool, str, int]]] = defaultdict(list)
    for index, members in enumerate(clusters):
        for id in members:
            if asset := before.get(id):
                claims[asset].append((mint(id) != asset, id, index))
    return {asset: min(claim)[2] for asset, claim in claims.items()}
