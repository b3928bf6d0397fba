"""What the hub decides by when it makes assets of what sources say: weights, orders of belief, and what the configuration declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from isthmus_hub.assets._attributes import Orders
from isthmus_hub.assets._weights import DEFAULT, Weights

Place = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""An asset in the shape of ``assets --json``, as sources tell it, to the same with its declared zone, level and owner."""


def as_told(asset: Mapping[str, Any]) -> Mapping[str, Any]:
    """Nothing is declared."""
    return asset


@dataclass(frozen=True, slots=True)
class Beliefs:
    """Given from above: this room knows neither the configuration nor zones."""

    orders: Orders = field(default_factory=Orders)
    place: Place = as_told
    declared: str = ""
    """The same text for the same ``place``, whichever process asks."""
    weights: Weights = DEFAULT
    """The frozen model by which records are divided into devices."""

    @property
    def fingerprint(self) -> str:
        """The same where the same assets are made. As earlier versions noted it where all but the orders is as shipped."""
        more = [self.declared] if self.declared else []
        if self.weights != DEFAULT:
            more.append(self.weights.version)
        if not more:
            return self.orders.fingerprint
        return blake2b(" ".join([self.orders.fingerprint, *more]).encode(), digest_size=16).hexdigest()
