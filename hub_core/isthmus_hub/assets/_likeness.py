"""How much speaks for two clusters being one device, in bits, each reason by its name."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping, Set
from typing import NamedTuple

from isthmus_hub.assets._cluster import APART, AT_ONCE, MEET, UNDATED, Cluster, relation
from isthmus_hub.assets._identity import Identifier
from isthmus_hub.assets._weights import Weights


class Likeness(NamedTuple):
    """The sum and what it is made of, without the prior."""

    bits: float
    reasons: tuple[tuple[str, float], ...]

    def told(self) -> str:
        """For people."""
        return ", ".join(f"{name} {bits:+.1f}" for name, bits in self.reasons)


class Surroundings(NamedTuple):
    """What of the other clusters matters for two of them."""

    changed_hands: Callable[[str], bool]
    """Whether an address (``scope|ip``) is known to be leased."""
    devices: Callable[[Identifier], int]
    """How many devices one source knows by this value, at most."""
    poisoned: Container[Identifier]


def likeness(one: Cluster, two: Cluster, weights: Weights, around: Surroundings) -> Likeness:
    """Compare two clusters."""
    reasons = [*_addresses(one, two, weights, around), *_names(one, two, weights, around)]
    for trait, equal, differs in (
        ("vendor", weights.vendor, weights.vendor_differs),
        ("model", weights.model, weights.model_differs),
        ("system", weights.system, weights.system_differs),
        ("asset_class", weights.asset_class, weights.asset_class_differs),
    ):
        mine, theirs = one.said(trait), two.said(trait)
        if mine and theirs:
            reasons.append((trait, equal) if mine & theirs else (f"{trait} differs", differs))
    return Likeness(weights.prior + sum(bits for _, bits in reasons), tuple(reasons))


def _addresses(one: Cluster, two: Cluster, weights: Weights, around: Surroundings) -> list[tuple[str, float]]:
    shared = one.addresses.keys() & two.addresses.keys()
    if shared:
        return [("address", max(_address(address, one, two, weights, around) for address in shared))]
    several = one.adapters > 1 or two.adapters > 1 or not one.said("hostname").isdisjoint(two.said("hostname"))
    if not several and _elsewhere(one, two):
        return [("address differs", weights.address_differs)]
    return []


def _address(address: str, one: Cluster, two: Cluster, weights: Weights, around: Surroundings) -> float:
    leased = around.changed_hands(address)
    bits: Mapping[int, tuple[float, float]] = {
        AT_ONCE: (weights.address_at_once, weights.address_at_once),
        MEET: (weights.address_fixed, weights.address_leased),
        UNDATED: (weights.address_undated_fixed, weights.address_undated_leased),
        APART: (weights.address_apart_fixed, weights.address_apart_leased),
    }
    return bits[relation(one.addresses[address], two.addresses[address])][leased]


def _elsewhere(one: Cluster, two: Cluster) -> bool:
    """Whether both were in one scope at the same time, under different addresses."""
    return any(
        address.partition("|")[0] == other.partition("|")[0] and relation(spans, others) == AT_ONCE
        for address, spans in one.addresses.items()
        for other, others in two.addresses.items()
    )


def _names(one: Cluster, two: Cluster, weights: Weights, around: Surroundings) -> list[tuple[str, float]]:
    """Values that both have. The more devices a value is known for, the less it says (term frequency)."""
    reasons = []
    for kind, bits, loss in (
        ("hostname", weights.hostname, 1),
        ("mac", weights.mac, 1),
        ("local_mac", weights.local_mac, 2),
        ("serial", weights.serial, 1),
    ):
        mine, theirs = one.said(kind), two.said(kind)
        if shared := mine & theirs:
            rarest = min(around.devices(Identifier(kind, value)) for value in shared)
            reasons.append((kind, bits - loss * math.log2(rarest)))
        elif kind == "mac" and _own(mine, around) and _own(theirs, around):
            reasons.append(("mac differs", weights.mac_differs))
    return reasons


def _own(macs: Set[str], around: Surroundings) -> bool:
    return any(Identifier("mac", mac) not in around.poisoned for mac in macs)
