"""Level 2: clusters that are alike enough are one device, the most alike first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Mapping

from isthmus_hub.assets._cluster import Cluster, veto
from isthmus_hub.assets._evidence import Evidence
from isthmus_hub.assets._identity import Identifier
from isthmus_hub.assets._likeness import Likeness
from isthmus_hub.assets._linking import Union
from isthmus_hub.assets._weights import Weights

Alike = Mapping[str, Mapping[str, Likeness]]


def join(
    roots: Collection[str],
    clusters: Mapping[str, Cluster],
    alike: Alike,
    weights: Weights,
    poisoned: Container[Identifier],
) -> tuple[dict[str, tuple[str, ...]], list[Evidence]]:
    """Devices as name -> clusters, and every link made or refused. ``roots`` must be all that likeness connects.

    A cluster that fits two devices nearly as well, which cannot be one, stays undecided and joins neither.
    """
    union = Union({root: Cluster(clusters[root].members) for root in roots}, poisoned)
    evidence = []
    links = [
        (-found.bits, one, two, found)
        for one in roots
        for two, found in alike.get(one, {}).items()
        if one < two and found.bits >= weights.undecided
    ]
    for _, one, two, found in sorted(links):
        if found.bits < weights.merge:
            why: str | None = "not enough to decide"
        elif rival := _rival(one, two, found, clusters, alike, union, weights, poisoned):
            why = f"as like {rival}"
        else:
            why = union.join(one, two)
        if why is not None:
            evidence.append(Evidence("likeness", f"{found.bits:.1f} bits: {found.told()}", one, two, why))
    groups: dict[str, list[str]] = defaultdict(list)
    for root in sorted(roots):
        groups[union.root(root)].append(root)
    return {name: tuple(members) for name, members in groups.items()}, evidence


def _rival(
    one: str,
    two: str,
    found: Likeness,
    clusters: Mapping[str, Cluster],
    alike: Alike,
    union: Union,
    weights: Weights,
    poisoned: Container[Identifier],
) -> str:
    """Another cluster that one of the two is nearly as like, and that cannot be one device with the other."""
    for me, other in ((one, two), (two, one)):
        for third, likeness in sorted(alike[me].items()):
            if (
                third != other
                and likeness.bits > found.bits - weights.margin
                and union.root(third) != union.root(other)
                and veto(clusters[third], clusters[other], poisoned)
            ):
                return third
    return ""
