"""What an organisation declares: zones, the conduits between them, and who owns what. Frozen; made from the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

EXTERNAL = "external"
"""The zone of everything outside the organisation."""
ANY = "*"
OT_LEVELS = ("0", "1", "2", "3")

Asset = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conditions:
    """All that are given must hold; of several values, any. ``scopes`` and ``subnets`` hold for one and the same address."""

    words: Mapping[str, frozenset[str]]
    """By name of the condition: ``instance``, ``site``, ``zone``, ``vlan``, ``label``, ``class``, ``technology``, ``level``."""
    scopes: frozenset[str] = frozenset()
    subnets: tuple[str, ...] = ()

    @classmethod
    def parse(cls, when: Mapping[str, Sequence[str]]) -> Conditions:
        """From a table of the configuration."""
        return cls(
            {name: frozenset(values) for name, values in when.items() if name not in ("scope", "subnet")},
            frozenset(when.get("scope", ())),
            tuple(when.get("subnet", ())),
        )

    def hold(self, asset: Asset, said: Mapping[str, frozenset[str]], address: Mapping[str, str] | None) -> bool:
        """For an asset at one of its addresses. ``said``: its words by condition, as `words_of` gives them."""
        if any(said[name].isdisjoint(wanted) for name, wanted in self.words.items()):
            return False
        if not self.scopes and not self.subnets:
            return True
        if address is None:
            return False
        return (not self.scopes or address["scope"] in self.scopes) and (
            not self.subnets or any(_within(address["address"], subnet) for subnet in self.subnets)
        )


@dataclass(frozen=True, slots=True)
class ZoneRule:
    """A declared zone and what is in it."""

    name: str
    when: Conditions
    level: str | None = None
    technology: str | None = None
    security_level: int | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class ConduitRule:
    """``source`` may begin to talk to ``target``; ``services`` empty: about anything."""

    source: str
    target: str
    services: tuple[str, ...] = ()

    def joins(self, source: str, target: str) -> bool:
        """Whether it speaks of this pair."""
        return self.source in (source, ANY) and self.target in (target, ANY)


@dataclass(frozen=True, slots=True)
class OwnerRule:
    """A team and what it owns."""

    name: str
    when: Conditions


@dataclass(frozen=True, slots=True)
class Model:
    """Everything declared."""

    zones: tuple[ZoneRule, ...] = ()
    conduits: tuple[ConduitRule, ...] = ()
    owners: tuple[OwnerRule, ...] = ()
    _by_name: dict[str, ZoneRule] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {rule.name: rule for rule in reversed(self.zones)})

    def zone(self, name: str) -> ZoneRule | None:
        """The declared zone of that name."""
        return self._by_name.get(name)


def words_of(asset: Asset) -> dict[str, frozenset[str]]:
    """What conditions compare with."""
    return {
        "instance": frozenset(str(member["instance"]) for member in asset.get("members", ())),
        "site": _one(asset.get("site")),
        "zone": _one(asset.get("zone")),
        "vlan": frozenset(map(str, asset.get("vlans", ()))),
        "label": frozenset(asset.get("labels", ())),
        "class": _one(asset.get("class")),
        "technology": _one(asset.get("technology")),
        "level": _one(asset.get("level")),
    }


def technology_of(level: str | None, technology: str | None = None) -> str | None:
    """``ot`` or ``it`` where a zone is known to be one: by what is declared, else by its Purdue level."""
    if technology or level is None:
        return technology
    return "ot" if level in OT_LEVELS else "it"


def names_of(rules: Iterable[ZoneRule]) -> list[str]:
    """Declared names, in order, each once."""
    return list(dict.fromkeys(rule.name for rule in rules))


def _one(value: object) -> frozenset[str]:
    return frozenset() if value in (None, "") else frozenset((str(value),))


@lru_cache(maxsize=65_536)
def _within(address: str, subnet: str) -> bool:
    try:
        return ip_address(address) in ip_network(subnet)
    except ValueError:
        return False
