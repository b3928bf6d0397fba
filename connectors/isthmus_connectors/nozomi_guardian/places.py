"""Where Guardian saw an address, and on which level: what all records say in the same words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import normalise

_LEVEL_DECLARED = frozenset({"manual", "user", "import", "imported", "custom"})


def level_of(level: str | None) -> str | None:
    """The Purdue level; ``None`` for words that name none ("external", custom levels)."""
    try:
        return normalise.purdue_level(level)
    except RecordError:
        return None


def level_source_of(level: str | None, info: Mapping[str, str]) -> str | None:
    """Who says the level, declared by a person or inferred by the product; ``None`` where there is no level."""
    if level_of(level) is None:
        return None
    return "declared" if info.get("source", "").lower() in _LEVEL_DECLARED else "inferred"


def to_many(address: str) -> bool:
    """Whether an address is nobody's own: broadcast or multicast."""
    return address == "255.255.255.255" or ip_address(address).is_multicast


def vantage(sensor: str | None, zone: str | None, context: str = "") -> str:
    """Where an address was seen, in the vendor's words: two cells' 192.168.1.10 are two endpoints."""
    return "/".join(part for part in (sensor, zone, context) if part)
