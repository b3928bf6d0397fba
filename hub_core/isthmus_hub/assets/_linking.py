"""Level 1: records that share an identifier which nobody contradicts. Candidates are tried in a fixed order."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

from isthmus_hub.assets._cluster import Cluster, kept_apart, pairs, veto
from isthmus_hub.assets._evidence import Evidence
from isthmus_hub.assets._identity import Identifier, Observation

STRONG = ("agent_id", "cloud_id", "directory_id", "serial", "hostname", "cut_name", "mac")
"""Kinds that link by themselves, strongest first."""


class Union:
    """Disjoint sets of clusters that refuse to be joined where a veto forbids it."""

    def __init__(self, clusters: Mapping[str, Cluster], poisoned: Container[Identifier]) -> None:
        self.clusters = dict(clusters)
        self._parent = {root: root for root in clusters}
        self._poisoned = poisoned

    def root(self, id: str) -> str:
        """Name of the set that ``id`` is in."""
        while self._parent[id] != id:
            self._parent[id] = self._parent[self._parent[id]]
            id = self._parent[id]
        return id

    def join(self, left: str, right: str, *, decided: bool = False) -> str | None:
        """Make two sets one; what forbids it, or ``None`` where they are one already.

        Where a person ``decided`` it, only what a person said can forbid it.
        """
        one, two = self.root(left), self.root(right)
        if one == two:
            return None
        mine, theirs = self.clusters[one], self.clusters[two]
        if why := kept_apart(mine, theirs) if decided else veto(mine, theirs, self._poisoned):
            return why
        keep, gone = sorted((one, two))
        self.clusters[keep].absorb(self.clusters.pop(gone))
        self._parent[gone] = keep
        return ""


def strong_clusters(
    observations: Iterable[Observation], holders: Mapping[Identifier, Sequence[str]], poisoned: Container[Identifier]
) -> tuple[list[Cluster], list[Evidence]]:
    """Clusters of the records, and every link made or refused. ``holders``: of values that are not poisoned."""
    known = {each.id: each for each in observations}
    union = Union({id: Cluster([each]) for id, each in known.items()}, poisoned)
    evidence = []
    for left, right in sorted((id, other) for id, each in known.items() for other in each.one_with if id < other):
        why = union.join(left, right, decided=True) if right in known else None
        if why is not None:
            evidence.append(Evidence("decision", "a person says so", left, right, why))
    for value in sorted(holders, key=lambda each: (STRONG.index(each.kind), each.value)):
        for left, right in pairs(holders[value]):
            why = union.join(left, right)
            if why is not None:
                evidence.append(Evidence(value.kind, value.value, left, right, why))
    return [union.clusters[root] for root in sorted(union.clusters)], evidence
