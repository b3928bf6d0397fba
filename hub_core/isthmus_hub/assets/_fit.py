"""Weights estimated from an inventory's own records, as a new frozen model. Pure; the same records give the same model.

What is estimated is how much vendor, model, operating system and class say (Fellegi and Sunter 1969; Winkler 2000): of records of one
device a share ``m`` agrees, of records of different ones a share ``u``, and an agreement is worth ``log2(m / u)`` bits. ``u`` is counted
over pairs taken at random, ``m`` is found by expectation maximisation over the pairs that share a value: each counts for one device as
far as everything else about it says so. What a person decided counts for certain.

How much an address, a name or a serial says is not estimated: the pairs were chosen by them, and how rare a value is at this site is
counted anyway (`_likeness`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple

import msgspec

from isthmus_hub.assets._cluster import Cluster
from isthmus_hub.assets._likeness import TRAITS, Level
from isthmus_hub.assets._weights import Weights

FEWEST = 100
"""Pairs that share a value, below which a site is too small to learn from."""
AT_RANDOM = 50_000
"""Pairs taken at random, at most."""
_ASSUMED = 50.0
"""Pairs that the model at hand counts for: a site that says little about a trait leaves its weight nearly as it is."""
_MOST_BITS = 6.0
_ROUNDS = 100
_SETTLED = 1e-6


class Pair(NamedTuple):
    """Two clusters that share a value."""

    levels: tuple[Level, ...]
    decided: bool | None = None
    """What a person said: one device or not."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One trait: shares that agree of one device (``m``) and of different ones (``u``), and what they are worth."""

    trait: str
    m: float
    u: float
    agrees: float
    """Bits."""
    differs: float
    """Bits, negative."""
    before: tuple[float, float]
    """Bits of the model at hand."""
    pairs: float
    """Pairs of one device in which both say something, as far as that is known."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model and what it was made of."""

    weights: Weights
    estimates: tuple[Estimate, ...]
    pairs: int
    decided: int
    at_random: int


def fit(pairs: Sequence[Pair], clusters: Iterable[Cluster], weights: Weights) -> Fitted:
    """A model for the site that these come from. Raises ``ValueError`` where there are fewer than `FEWEST` pairs."""
    if len(pairs) < FEWEST:
        raise ValueError(f"{len(pairs)} pairs of records share a value; fewer than {FEWEST} say nothing reliable")
    apart = list(islice(_at_random(clusters), AT_RANDOM))
    u = {trait: _agreeing(trait, apart, weights) for trait, _ in TRAITS}
    model, m = weights, {}
    for _ in range(_ROUNDS):
        shares = [_is_one(pair, model) for pair in pairs]
        m = {trait: _matching(trait, pairs, shares, weights) for trait, _ in TRAITS}
        worth = {trait: _bits(m[trait][0], u[trait]) for trait, _ in TRAITS}
        changes = {trait: worth[trait][0] for trait, _ in TRAITS} | {
            differs: worth[trait][1] for trait, differs in TRAITS
        }
        settled = all(abs(getattr(model, name) - bits) < _SETTLED for name, bits in changes.items())
        model = msgspec.structs.replace(model, **changes)
        if settled:
            break
    model = _frozen(model)
    return Fitted(
        model,
        tuple(
            Estimate(
                trait,
                round(m[trait][0], 4),
                round(u[trait], 4),
                getattr(model, trait),
                getattr(model, differs),
                (getattr(weights, trait), getattr(weights, differs)),
                round(m[trait][1], 1),
            )
            for trait, differs in TRAITS
        ),
        len(pairs),
        sum(pair.decided is not None for pair in pairs),
        len(apart),
    )


def _is_one(pair: Pair, weights: Weights) -> float:
    """How likely two clusters are one device."""
    if pair.decided is not None:
        return float(pair.decided)
    bits: float = weights.prior + sum(getattr(weights, level.weight) - level.less for level in pair.levels)
    return float(1 / (1 + 2.0 ** -max(-60.0, min(60.0, bits))))


def _assumed(trait: str, differs: str, weights: Weights) -> tuple[float, float]:
    """``m`` and ``u`` that the weights at hand stand for."""
    agree, differ = 2.0 ** getattr(weights, trait), 2.0 ** getattr(weights, differs)
    if agree <= 1 or differ >= 1:  # says nothing either way
        return 0.5, 0.5
    u = (1 - differ) / (agree - differ)
    return agree * u, u


def _matching(trait: str, pairs: Sequence[Pair], shares: Sequence[float], weights: Weights) -> tuple[float, float]:
    """``m``, and the number of pairs of one device that it was counted over."""
    differs = dict(TRAITS)[trait]
    agreeing = told = 0.0
    for pair, share in zip(pairs, shares, strict=True):
        for level in pair.levels:
            if level.weight in (trait, differs):
                told += share
                agreeing += share if level.weight == trait else 0.0
    return (agreeing + _ASSUMED * _assumed(trait, differs, weights)[0]) / (told + _ASSUMED), told


def _agreeing(trait: str, apart: Sequence[tuple[Cluster, Cluster]], weights: Weights) -> float:
    """``u``: the share of pairs taken at random that agree, of those in which both say something."""
    agreeing = told = 0
    for one, two in apart:
        mine, theirs = one.said(trait), two.said(trait)
        if mine and theirs:
            told += 1
            agreeing += bool(mine & theirs)
    return (agreeing + _ASSUMED * _assumed(trait, dict(TRAITS)[trait], weights)[1]) / (told + _ASSUMED)


def _bits(m: float, u: float) -> tuple[float, float]:
    """What an agreement is worth, never less than nothing, and a difference, never more than nothing."""
    agrees, differs = math.log2(m / u), math.log2((1 - m) / (1 - u))
    return min(_MOST_BITS, max(0.0, agrees)), max(-_MOST_BITS, min(0.0, differs))


def _at_random(clusters: Iterable[Cluster]) -> Iterable[tuple[Cluster, Cluster]]:
    """Pairs in an order that has nothing to do with what they are, the same on every machine."""
    shuffled = sorted(clusters, key=lambda cluster: blake2b(cluster.root.encode(), digest_size=8).digest())
    for step in range(1, len(shuffled)):
        yield from zip(shuffled, shuffled[step:], strict=False)


def _frozen(model: Weights) -> Weights:
    """Rounded, with a version that follows from what is in it."""
    rounded = {name: round(getattr(model, name), 3) for trait in TRAITS for name in trait}
    model = msgspec.structs.replace(model, version="", **rounded)
    digest = blake2b(msgspec.json.encode(model), digest_size=4).hexdigest()
    return msgspec.structs.replace(model, version=f"fit-{digest}")
