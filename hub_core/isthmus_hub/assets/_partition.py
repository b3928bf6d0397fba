"""Which observed assets are one device, as a pure function of the set of observations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from isthmus_hub.assets._evidence import Evidence
from isthmus_hub.assets._identity import Identifier, Observation
from isthmus_hub.assets._index import IdentityIndex
from isthmus_hub.assets._rulings import rulings
from isthmus_hub.assets._weights import DEFAULT, Weights
from isthmus_hub.store import Decision


@dataclass(frozen=True, slots=True)
class Partition:
    """Clusters of observation ids (each sorted, the list sorted), with the evidence and the poisoned values."""

    clusters: tuple[tuple[str, ...], ...]
    evidence: tuple[Evidence, ...]
    poisoned: frozenset[Identifier]


def partition(
    observations: Iterable[Observation], weights: Weights = DEFAULT, decisions: Iterable[Decision] = ()
) -> Partition:
    """Divide observations into devices, as far as no person decided otherwise."""
    index = IdentityIndex(weights)
    index.rule(rulings(decisions))
    index.update(observations)
    ids = index.observations
    return Partition(tuple(index.clusters(ids)), tuple(index.evidence(ids)), index.poisoned)
