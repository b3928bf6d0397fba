"""How much speaks for two clusters being one device, in bits, each reason by its name."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping, Set
from typing import NamedTuple

from isthmus_hub.assets._cluster import APART, AT_ONCE, MEET, UNDATED, Cluster, relation
from isthmus_hub.assets._identity import Identifier
from isthmus_hub.assets._meaning import one_contains_the_other
from isthmus_hub.assets._weights import Weights


class Likeness(NamedTuple):
    """The sum and what it is made of, without the prior."""

    bits: float
    reasons: tuple[tuple[str, float], ...]

    def told(self) -> str:
        """For people."""
        return ", ".join(f"{name} {bits:+.1f}" for name, bits in self.reasons)


class Level(NamedTuple):
    """How one comparison came out."""

    name: str
    """For people."""
    weight: str
    """Name of the weight that says what it is worth."""
    less: float = 0.0
    """Bits that go off, for a value that several devices have."""


class Surroundings(NamedTuple):
    """What of the other clusters matters for two of them."""

    changed_hands: Callable[[str], bool]
    """Whether an address (``scope|ip``) is known to be leased."""
    devices: Callable[[Identifier], int]
    """How many devices one source knows by this value, at most."""
    poisoned: Container[Identifier]


TRAITS = (
    ("vendor", "vendor_differs"),
    ("model", "model_differs"),
    ("system", "system_differs"),
    ("asset_class", "asset_class_differs"),
)
"""Weights of what many devices share, where it is the same and where it is not."""


_TRAIT_LEVELS = tuple((trait, Level(trait, trait), Level(f"{trait} differs", differs)) for trait, differs in TRAITS)
_SHARED: Mapping[int, tuple[str, str]] = {
    AT_ONCE: ("address_at_once", "address_at_once"),
    MEET: ("address_fixed", "address_leased"),
    UNDATED: ("address_undated_fixed", "address_undated_leased"),
    APART: ("address_apart_fixed", "address_apart_leased"),
}
"""Weights of an address that both have, and of one that is known to change hands."""
_ADDRESS_DIFFERS = Level("address differs", "address_differs")
_MAC_DIFFERS = Level("mac differs", "mac_differs")


def likeness(one: Cluster, two: Cluster, weights: Weights, around: Surroundings) -> Likeness:
    """Compare two clusters."""
    reasons = []
    bits = weights.prior
    for name, weight, less in levels(one, two, weights, around):
        worth = getattr(weights, weight) - less
        bits += worth
        reasons.append((name, worth))
    return Likeness(bits, tuple(reasons))


def levels(one: Cluster, two: Cluster, weights: Weights, around: Surroundings) -> list[Level]:
    """Every comparison that can be made of two clusters. ``weights`` choose among several shared addresses."""
    found = [*_addresses(one, two, weights, around), *_names(one, two, around)]
    for trait, equal, differs in _TRAIT_LEVELS:
        mine, theirs = one.said(trait), two.said(trait)
        if mine and theirs:
            same = not mine.isdisjoint(theirs) or (trait == "model" and one_contains_the_other(mine, theirs))
            found.append(equal if same else differs)
    return found


def _addresses(one: Cluster, two: Cluster, weights: Weights, around: Surroundings) -> list[Level]:
    shared = one.addresses.keys() & two.addresses.keys()
    if shared:
        found = {_address(address, one, two, around) for address in shared}
        best = found.pop() if len(found) == 1 else max(found, key=lambda weight: (getattr(weights, weight), weight))
        return [Level("address", best)]
    several = one.adapters > 1 or two.adapters > 1 or not one.said("hostname").isdisjoint(two.said("hostname"))
    if not several and _elsewhere(one, two):
        return [_ADDRESS_DIFFERS]
    return []


def _address(address: str, one: Cluster, two: Cluster, around: Surroundings) -> str:
    """The weight of a shared address."""
    return _SHARED[relation(one.addresses[address], two.addresses[address])][around.changed_hands(address)]


def _elsewhere(one: Cluster, two: Cluster) -> bool:
    """Whether both were in one scope at the same time, under different addresses."""
    return any(
        address.partition("|")[0] == other.partition("|")[0] and relation(spans, others) == AT_ONCE
        for address, spans in one.addresses.items()
        for other, others in two.addresses.items()
    )


def _names(one: Cluster, two: Cluster, around: Surroundings) -> list[Level]:
    """Values that both have. The more devices a value is known for, the less it says (term frequency)."""
    found = []
    for kind, loss in (("hostname", 1), ("mac", 1), ("local_mac", 2), ("serial", 1)):
        mine, theirs = one.said(kind), two.said(kind)
        if shared := mine & theirs:
            rarest = min(around.devices(Identifier(kind, value)) for value in shared)
            found.append(Level(kind, kind, loss * math.log2(rarest)))
        elif kind == "mac" and _own(mine, around) and _own(theirs, around):
            found.append(_MAC_DIFFERS)
    return found


def _own(macs: Set[str], around: Surroundings) -> bool:
    return any(Identifier("mac", mac) not in around.poisoned for mac in macs)
