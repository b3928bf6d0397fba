"""Which source is believed about each attribute of an asset or a vulnerability. Pure; every value stays with its source.

For each attribute the first of these decides: a device's own record before an address seen talking; what says something
before what says nothing telling (`_TELLS_MORE`); the declared order of sources; among equals in it what is telling
(`_AMONG_EQUALS`); the newest statement of a vendor.
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
_SCANS = ("vulnerability", "endpoint", "cloud", "ot", "iot")
"""Who looks for vulnerabilities, and repeats what is published of them."""
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
    "description": (*_SCANS, "intelligence"),
    "cvss": (*_SCANS, "intelligence"),
    "epss": ("epss", "intelligence", *_SCANS),
    "kev": ("cisa-kev", "intelligence", *_SCANS),
    "fix": (*_SCANS, "intelligence"),
}
"""Connectors and areas of connectors (``area`` of the manifest), the most believed first. Attributes without: the newest
statement. The last five are a vulnerability's."""
TOGETHER: Final[Mapping[str, tuple[str, ...]]] = {
    "purdue_level": ("level_source",),
    "cvss": ("cvss_vector",),
    "kev": ("kev_added", "kev_due"),
}
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
    connectors: Mapping[str, str] = field(default_factory=dict)
    """Instance -> connector, for what does not say itself which connector told it. No part of the fingerprint: an instance
    that comes or goes says nothing new of what is known."""

    @property
    def fingerprint(self) -> str:
        """The same for the same orders."""
        said = sorted(self.by_attribute.items()), sorted(self.areas.items())
        return blake2b(repr(said).encode(), digest_size=16).hexdigest()

    def place(self, attribute: str, said: Said) -> int:
        """Where a source stands; the end of the order for one that is not in it."""
        order = self.by_attribute.get(attribute, ())
        told_by = said.facts.get("connector")
        connectors = [str(told_by)] if told_by else [self.connectors.get(name, "") for name in said.instances]
        names = (*said.instances, *connectors, *(self.areas.get(name, "") for name in connectors))
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
_AMONG_EQUALS: Mapping[str, Callable[[Facts], bool]] = {"kev": lambda facts: bool(facts["kev"])}
"""Of two scanners one may not know yet what the other does; the catalogue itself may also take its word back."""


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


def _rank(attribute: str, said: Said, orders: Orders) -> tuple[bool, bool, int, bool, str, str]:
    telling, among_equals = _TELLS_MORE.get(attribute), _AMONG_EQUALS.get(attribute)
    return (
        said.facts.get("kind") != "endpoint",
        telling is None or telling(said.facts),
        -orders.place(attribute, said),
        among_equals is None or among_equals(said.facts),
        said.changed,
        said.id,
    )


def _why(attribute: str, best: Said, others: Sequence[Said], orders: Orders) -> str:
    if not others:
        return "only"
    mine, next_best = _rank(attribute, best, orders), _rank(attribute, others[0], orders)
    words = ("device", "telling", "order", "telling")
    return next((word for word, one, two in zip(words, mine, next_best, strict=False) if one != two), "newest")
