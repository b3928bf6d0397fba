"""Which source is believed about each attribute of an asset. Pure; every value stays with its source, none is lost.

For each attribute the first of these decides: a device's own record before an address seen talking; what says something
before what says nothing telling (`_TELLS_MORE`); the declared order of sources; the newest statement of a vendor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from isthmus_hub.assets._identity import GENERIC_CLASSES

_FIELD = ("ot", "iot", "network", "endpoint", "cloud", "vulnerability", "cmdb")
"""What looks at the device itself, before what is told of it."""
_HOST = ("endpoint", "cloud", "vulnerability", "identity", "cmdb", "ot", "iot", "network")
"""What runs on it, before what looks at it from outside."""
ORDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "firmware": _FIELD,
    "vendor": _FIELD,
    "model": _FIELD,
    "serial": ("endpoint", "ot", "iot", "vulnerability", "cmdb"),
    "operating_system": _HOST,
    "hostname": _HOST,
    "asset_class": (
        "endpoint",
        "ot",
        "iot",
        "network",
        "cloud",
        "vulnerability",
        "cmdb",
    ),  # of generic ones, who runs on it
    "technology": ("ot", "iot", "cmdb"),
    "purdue_level": ("ot", "iot", "cmdb"),
    "zone": ("ot", "iot", "cmdb"),
    "site": ("ot", "iot", "cmdb"),
    "criticality": ("cmdb", "ot", "iot"),
}
"""Areas of connectors (``area`` of the manifest), the most believed first. Attributes without: the newest statement."""
TOGETHER: Final[Mapping[str, tuple[str, ...]]] = {"purdue_level": ("level_source",)}
"""What is only told with an attribute, by the same source."""

Facts = Mapping[str, Any]


class Said(NamedTuple):
    """What one record says of an asset."""

    id: str
    """Of the observed object."""
    facts: Facts
    changed: str
    """When its vendor says it changed; empty where it does not say."""
    instances: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders of belief, and what is needed to know where a source stands in them."""

    by_attribute: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(ORDERS))
    """Attribute -> instances, connectors or areas, the most believed first."""
    areas: Mapping[str, str] = field(default_factory=dict)
    """Connector -> area."""

    @property
    def fingerprint(self) -> str:
        """The same for the same orders."""
        said = sorted(self.by_attribute.items()), sorted(self.areas.items())
        return blake2b(repr(said).encode(), digest_size=16).hexdigest()

    def place(self, attribute: str, said: Said) -> int:
        """Where a source stands; the end of the order for one that is not in it."""
        order = self.by_attribute.get(attribute, ())
        connector = str(said.facts.get("connector") or "")
        names = (*said.instances, connector, self.areas.get(connector, ""))
        return min((order.index(name) for name in names if name in order), default=len(order))


@dataclass(frozen=True, slots=True)
class Choice:
    """The effective value of an attribute, and why it is."""

    value: Any
    said: Said
    why: str
    """``only``: one value is told; ``device``, ``telling``, ``order``, ``newest``: what decided against the others."""
    others: tuple[Said, ...]
    """Records that say something else, the most believed first."""


_TELLS_MORE: Mapping[str, Callable[[Facts], bool]] = {
    "asset_class": lambda facts: facts["asset_class"] not in GENERIC_CLASSES,
    "purdue_level": lambda facts: facts.get("level_source") == "declared",
}


def choose(attribute: str, records: Iterable[Said], orders: Orders) -> Choice | None:
    """The effective value of one attribute; ``None`` where nobody says one."""
    stating = [said for said in records if says(said.facts.get(attribute))]
    if not stating:
        return None
    ranked = sorted(stating, key=lambda said: _rank(attribute, said, orders), reverse=True)
    best = ranked[0]
    value = best.facts[attribute]
    others = tuple(said for said in ranked[1:] if said.facts[attribute] != value)
    return Choice(value, best, _why(attribute, best, others, orders), others)


def says(value: Any) -> bool:
    """Whether a value is one."""
    return value not in (None, "", [], {})


def attributes(records: Sequence[Said], names: Iterable[str], orders: Orders) -> dict[str, Any]:
    """Effective values of these attributes, with what belongs to them."""
    out: dict[str, Any] = {}
    for name in names:
        if choice := choose(name, records, orders):
            out[name] = choice.value
            out |= {
                each: choice.said.facts[each] for each in TOGETHER.get(name, ()) if says(choice.said.facts.get(each))
            }
    return out


def _rank(attribute: str, said: Said, orders: Orders) -> tuple[bool, bool, int, str, str]:
    telling = _TELLS_MORE.get(attribute)
    return (
        said.facts.get("kind") != "endpoint",
        telling is None or telling(said.facts),
        -orders.place(attribute, said),
        said.changed,
        said.id,
    )


def _why(attribute: str, best: Said, others: Sequence[Said], orders: Orders) -> str:
    if not others:
        return "only"
    mine, next_best = _rank(attribute, best, orders), _rank(attribute, others[0], orders)
    return next(
        (word for word, one, two in zip(("device", "telling", "order"), mine, next_best, strict=False) if one != two),
        "newest",
    )
