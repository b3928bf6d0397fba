"""What people decided about devices, as it holds now. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations, product

from isthmus_hub.assets._identity import Observation
from isthmus_hub.store import Decision

Pair = tuple[str, str]
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rulings:
    """Both ways round: observed id -> those that are the same device with it, and those that are not."""

    one: Mapping[str, frozenset[str]] = field(default_factory=dict)
    apart: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def applied(self, observation: Observation) -> Observation:
        """The observation with what people said of it."""
        one, apart = self.one.get(observation.id, _NONE), self.apart.get(observation.id, _NONE)
        if one == observation.one_with and apart == observation.apart_from:
            return observation
        return replace(observation, one_with=one, apart_from=apart)

    def differing(self, other: Rulings) -> set[str]:
        """Ids of which the two say something different."""
        mine, theirs = self._said(), other._said()
        return {id for id in mine.keys() | theirs.keys() if mine.get(id) != theirs.get(id)}

    def _said(self) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        ids = self.one.keys() | self.apart.keys()
        return {id: (self.one.get(id, _NONE), self.apart.get(id, _NONE)) for id in ids}


def in_force(decisions: Iterable[Decision]) -> list[Decision]:
    """Decisions that nobody took back, oldest first. Taking back the taking back makes a decision hold again."""
    ordered = sorted(decisions, key=lambda decision: decision.rank)
    undone: set[str] = set()
    for decision in reversed(ordered):
        if decision.verdict == "undo" and decision.id not in undone:
            undone.add(decision.undoes)
    return [decision for decision in ordered if decision.verdict != "undo" and decision.id not in undone]


def rulings(decisions: Iterable[Decision]) -> Rulings:
    """What holds: of two decisions about the same pair, the later one."""
    one: set[Pair] = set()
    apart: set[Pair] = set()
    for decision in in_force(decisions):
        first, second = (frozenset(side) for side in decision.sides)
        if decision.verdict == "one":
            together, between = _pairs(first | second), set[Pair]()
        else:
            together, between = _pairs(first), {_pair(a, b) for a, b in product(first, second - first)}
        one = (one - between) | together
        apart = (apart - together) | between
    return Rulings(_by_id(one), _by_id(apart))


def _pairs(ids: Iterable[str]) -> set[Pair]:
    return set(combinations(sorted(ids), 2))


def _pair(a: str, b: str) -> Pair:
    return (a, b) if a < b else (b, a)


def _by_id(pairs: Iterable[Pair]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for a, b in pairs:
        found[a].add(b)
        found[b].add(a)
    return {id: frozenset(others) for id, others in found.items()}
