"""What the hub decides by when it makes an asset of what sources say: orders of belief, and what the configuration declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from isthmus_hub.assets._attributes import Orders

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

    @property
    def fingerprint(self) -> str:
        """The same where the same assets are made. Where nothing is declared that of the orders, as earlier versions noted it."""
        if not self.declared:
            return self.orders.fingerprint
        return blake2b(f"{self.orders.fingerprint} {self.declared}".encode(), digest_size=16).hexdigest()
