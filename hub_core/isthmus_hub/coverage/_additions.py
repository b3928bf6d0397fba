"""What one more connector would close, and the fewest that close all that can be closed.

Blind spots are pairs of asset and need. Those that the same connectors would close are one element, so that twenty thousand
assets are a handful of elements with weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

EXACT_UP_TO = 16
"""Candidates that are tried in every combination; above, the greedy set is given and called so."""


@dataclass(frozen=True, slots=True)
class Addition:
    """One connector that is not there."""

    connector: str
    closes: int
    """Blind spots that it could close by itself."""
    adds: int
    """Of these, what those before it in the shortest set leave open; 0: it is not in the set."""


@dataclass(frozen=True, slots=True)
class Additions:
    """Every candidate, and the shortest set of them."""

    blind: int
    """Blind spots there are."""
    closable: int
    """Of these, what any candidate could close."""
    candidates: tuple[Addition, ...]
    """By what they close, most first."""
    shortest: tuple[str, ...]
    """Fewest candidates that together close all that is closable; the one that adds most first."""
    exact: bool
    """Every combination was tried; else the set is the greedy one, which may be longer than needed."""

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "blind": self.blind,
            "closable": self.closable,
            "candidates": [
                {"connector": each.connector, "closes": each.closes, "adds": each.adds} for each in self.candidates
            ],
            "shortest": list(self.shortest),
            "exact": self.exact,
        }


def additions(blind: Iterable[tuple[Hashable, Iterable[str]]]) -> Additions:
    """From blind spots, each with the connectors that could close it (none: nobody can)."""
    weights: Counter[frozenset[str]] = Counter()
    total = 0
    for _, closers in blind:
        total += 1
        weights[frozenset(closers)] += 1
    del weights[frozenset()]
    closes = {name: sum(weights[key] for key in weights if name in key) for name in _names(weights)}
    chosen, exact = shortest(weights)
    ordered = in_order(chosen, weights)
    gains = dict(ordered)
    return Additions(
        blind=total,
        closable=weights.total(),
        candidates=tuple(
            Addition(name, closes[name], gains.get(name, 0))
            for name in sorted(closes, key=lambda name: (-closes[name], name))
        ),
        shortest=tuple(name for name, _ in ordered),
        exact=exact,
    )


def shortest(weights: Mapping[frozenset[str], int]) -> tuple[tuple[str, ...], bool]:
    """Fewest names that meet every key, and whether that is proven. Of sets of equal size the first by name."""
    names = _names(weights)
    bound = greedy(weights)
    if len(names) > EXACT_UP_TO:
        return bound, False
    bits = {name: 1 << place for place, name in enumerate(names)}
    keys = [sum(bits[name] for name in key) for key in weights]
    for size in range(len(bound)):
        for some in combinations(names, size):
            chosen = sum(bits[name] for name in some)
            if all(key & chosen for key in keys):
                return some, True
    return bound, True


def greedy(weights: Mapping[frozenset[str], int]) -> tuple[str, ...]:
    """Names until every key is met, each time the one that adds most."""
    return tuple(name for name, gain in in_order(_names(weights), weights) if gain)


def in_order(names: Sequence[str], weights: Mapping[frozenset[str], int]) -> list[tuple[str, int]]:
    """Names with what each adds to those before it, the greatest addition first (then by name)."""
    left, todo, out = dict(weights), sorted(names), []
    while todo:
        gains = {name: sum(weight for key, weight in left.items() if name in key) for name in todo}
        best = max(todo, key=lambda name: gains[name])
        out.append((best, gains[best]))
        todo.remove(best)
        left = {key: weight for key, weight in left.items() if best not in key}
    return out


def _names(weights: Mapping[frozenset[str], int]) -> list[str]:
    return sorted(frozenset().union(*weights))
