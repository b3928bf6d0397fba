"""The first resolution: which observed assets are one device. A pure function of the set of observations.

Rules, strongest first: agent or cloud id, serial (unless the makers differ), hostname, globally administered MAC; then an address seen
talking joins the one device that holds that address in that scope. A rule links only by values that are not poisoned, and
a veto (two values of an exclusive kind, or two native ids of one source) keeps clusters apart. Candidates are tried in a
fixed order, so the result depends neither on arrival order nor on the machine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from isthmus_hub.assets._identity import EXCLUSIVE, Identifier, Observation, Strength

LINKING = ("agent_id", "cloud_id", "directory_id", "serial", "hostname", "mac")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why two observations are one device, or why they are not although a value is shared."""

    rule: str
    value: str
    left: str
    right: str
    veto: str = ""
    """Empty where the link was made; else what spoke against it."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Clusters of observation ids (each sorted, the list sorted), with the evidence and the poisoned values."""

    clusters: tuple[tuple[str, ...], ...]
    evidence: tuple[Evidence, ...]
    poisoned: frozenset[Identifier]


def poisoned(holders: Mapping[Identifier, Collection[Observation]]) -> frozenset[Identifier]:
    """Values that one source gives to two of its own devices: a stronger identifier contradicts them."""
    bad = set()
    for identifier, owners in holders.items():
        if identifier.strength in (Strength.ADDRESS, Strength.NATIVE) or len(owners) < 2:
            continue
        natives: dict[str, str] = {}
        for owner in owners:
            if not owner.endpoint and natives.setdefault(owner.source, owner.native_id) != owner.native_id:
                bad.add(identifier)
                break
    return frozenset(bad)


def partition(observations: Iterable[Observation]) -> Partition:
    """Divide observations into devices."""
    everything = sorted(observations, key=lambda item: item.id)
    holders = _holders(everything)
    bad = poisoned(holders)
    clusters = _Clusters(everything, bad)
    for kind in LINKING:
        for identifier in sorted(key for key in holders if key.kind == kind and key not in bad):
            clusters.link_all(kind, identifier.value, sorted(owner.id for owner in holders[identifier]))
    _attach_endpoints(everything, holders, clusters)
    return Partition(clusters.result(), tuple(clusters.evidence), bad)


def _holders(observations: Sequence[Observation]) -> dict[Identifier, list[Observation]]:
    found: dict[Identifier, list[Observation]] = defaultdict(list)
    for item in observations:
        for identifier in item.identifiers:
            found[identifier].append(item)
    return found


def _attach_endpoints(
    everything: Sequence[Observation], holders: Mapping[Identifier, Sequence[Observation]], clusters: _Clusters
) -> None:
    """An address seen talking belongs to the one device that holds it; where two could, it stays undecided."""
    for item in everything:
        if not item.endpoint:
            continue
        for identifier in sorted(key for key in item.identifiers if key.kind == "address"):
            devices = {clusters.root(owner.id): owner.id for owner in holders[identifier] if not owner.endpoint}
            if len(devices) == 1:
                clusters.link("address", identifier.value, min(devices.values()), item.id)
            elif not devices:
                others = [owner.id for owner in holders[identifier] if owner.endpoint]
                clusters.link("address", identifier.value, min(others), item.id)


class _Clusters:
    """Disjoint sets that refuse a union which a veto forbids."""

    def __init__(self, observations: Sequence[Observation], bad: frozenset[Identifier]) -> None:
        self._parent = {item.id: item.id for item in observations}
        self._members: dict[str, list[str]] = {item.id: [item.id] for item in observations}
        self._natives: dict[str, dict[str, set[str]]] = {}
        self._values: dict[str, dict[str, set[str]]] = {}
        self._makers: dict[str, set[str]] = {item.id: {item.maker} - {""} for item in observations}
        self.evidence: list[Evidence] = []
        for item in observations:
            self._natives[item.id] = {} if item.endpoint else {item.source: {item.native_id}}
            values: dict[str, set[str]] = defaultdict(set)
            for identifier in item.identifiers:
                if identifier.kind in EXCLUSIVE and identifier not in bad:
                    values[identifier.kind].add(identifier.value)
            self._values[item.id] = values

    def root(self, id: str) -> str:
        while self._parent[id] != id:
            self._parent[id] = self._parent[self._parent[id]]
            id = self._parent[id]
        return id

    def link_all(self, rule: str, value: str, owners: Sequence[str]) -> None:
        """Try each owner of a value against each cluster that already holds it; one veto does not stop the others."""
        seen: dict[str, str] = {}
        for owner in owners:
            for other in list(seen.values()):
                self.link(rule, value, other, owner)
            seen = {self.root(id): id for id in (*seen.values(), owner)}

    def link(self, rule: str, value: str, left: str, right: str) -> None:
        one, two = self.root(left), self.root(right)
        if one == two:
            return
        veto = self._veto(one, two)
        makers, others = self._makers[one], self._makers[two]
        if not veto and rule == "serial" and makers and others and not makers & others:
            veto = "maker differs"
        self.evidence.append(Evidence(rule, value, left, right, veto))
        if veto:
            return
        keep, gone = sorted((one, two))
        self._parent[gone] = keep
        self._members[keep] += self._members.pop(gone)
        self._makers[keep] |= self._makers.pop(gone)
        for mine, theirs in ((self._natives, self._natives.pop(gone)), (self._values, self._values.pop(gone))):
            for key, found in theirs.items():
                mine[keep].setdefault(key, set()).update(found)

    def _veto(self, one: str, two: str) -> str:
        for source, natives in self._natives[one].items():
            other = self._natives[two].get(source)
            if other and other != natives:
                return f"{source} knows them as two devices"
        for kind, values in self._values[one].items():
            other = self._values[two].get(kind)
            if values and other and not values & other:
                return f"{kind} differs"
        return ""

    def result(self) -> tuple[tuple[str, ...], ...]:
        return tuple(sorted(tuple(sorted(members)) for members in self._members.values()))
