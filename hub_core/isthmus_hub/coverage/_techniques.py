"""Detect, broken down: which ATT&CK techniques can be seen on an asset class through the data components that are held there.

A technique is seen *in part* where one data component of one of its analytics is held, *in full* where everything is that one
of its analytics needs. An asset holds the data components of the instances that see it and that can be collected on its class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from isthmus_hub.coverage._collect import EMBEDDED, PLATFORMS
from isthmus_hub.coverage._fleet import Fleet, Watched
from isthmus_hub.coverage._model import Source
from isthmus_hub.coverage.attack import Attack, Seen, Technique
from isthmus_sdk.stix import ASSET_CLASSES


@dataclass(frozen=True, slots=True)
class Row:
    """One technique on one asset class."""

    domain: str
    asset_class: str
    technique: Technique
    assets: int
    visible: bool
    """ATT&CK names a data component for it: where it does not, no sensor can be credited."""
    declared: str
    """``full``, ``part`` or ``none``; so is ``reachable``."""
    reachable: str
    observed_part: int
    """Assets on which instances that see them hold a component of it."""
    observed_full: int
    missing: tuple[str, ...]
    """Data components of its analytics that no configured instance gives on this class."""

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "domain": self.domain, "asset_class": self.asset_class, "technique": self.technique.id,
            "name": self.technique.name, "tactics": list(self.technique.tactics), "assets": self.assets, "visible": self.visible,
            "declared": self.declared, "reachable": self.reachable, "observed_part": self.observed_part,
            "observed_full": self.observed_full, "missing": list(self.missing),
        }  # fmt: skip


def attack_class(asset_class: str) -> str | None:
    """Id of the class in ATT&CK for ICS, if it has one."""
    return ASSET_CLASSES.get(asset_class, ("", None))[1]


def techniques(fleet: Fleet, attack: Attack) -> list[Row]:
    """A row for each technique and class of the fleet: in a domain with asset classes those that target the class, in one
    without (Enterprise) every one for every class that is not OT alone.
    """
    out: list[Row] = []
    for name, assets in fleet.by_class.items():
        if attack.assets:
            id = attack_class(name)
            wanted: Sequence[Technique] = attack.targeting(id) if id else ()
        else:
            wanted = [] if _only_ot(name) else list(attack.techniques.values())
        if wanted:
            out += _of_class(fleet, attack, name, assets, wanted)
    return out


def _only_ot(asset_class: str) -> bool:
    return PLATFORMS.get(asset_class) == frozenset({EMBEDDED})


def _of_class(
    fleet: Fleet, attack: Attack, name: str, assets: Sequence[Watched], wanted: Iterable[Technique]
) -> list[Row]:
    sources = fleet.sources
    declared = attack.seen(held(attack, sources, name))
    reaching = [
        source
        for source in sources
        if source.instance and any(fleet.reaches(source.instance, each.site) for each in assets)
    ]
    given = held(attack, reaching, name)
    reachable = attack.seen(given)
    part, full = _observed(fleet, attack, name, assets)
    return [
        Row(
            attack.domain, name, each, len(assets), each.id in attack.visible, _how(each.id, declared),
            _how(each.id, reachable), part[each.id], full[each.id],
            tuple(sorted(attack.components[id] for id in each.components - given)),
        )
        for each in wanted
    ]  # fmt: skip


def _observed(fleet: Fleet, attack: Attack, name: str, assets: Iterable[Watched]) -> tuple[Counter[str], Counter[str]]:
    """On how many assets each technique is seen in part and in full, by instances with fresh evidence of them."""
    by_instance = {source.instance: source for source in fleet.sources if source.instance}
    groups: Counter[frozenset[str]] = Counter(
        frozenset(name for name, when in each.seen.items() if name in by_instance and fleet.fresh(when))
        for each in assets
    )
    part: Counter[str] = Counter()
    full: Counter[str] = Counter()
    for instances, count in groups.items():
        seen = attack.seen(held(attack, [by_instance[each] for each in instances], name))
        for id in seen.part:
            part[id] += count
        for id in seen.full:
            full[id] += count
    return part, full


def held(attack: Attack, sources: Iterable[Source], asset_class: str) -> frozenset[str]:
    """Data components (ids of a domain) that sources give of a class, of those that can be collected there."""
    names = {
        component
        for source in sources
        for item in source.capabilities
        if item.function in ("identify", "detect") and item.applies_to(asset_class)
        for component in item.held(asset_class)
    }
    return attack.component_ids(names)


def _how(id: str, seen: Seen) -> str:
    return "full" if id in seen.full else "part" if id in seen.part else "none"


def summary(rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
    """By asset class: of how many techniques how many are seen, in part and in full; observed means on one asset at least."""
    out: dict[str, dict[str, Any]] = {}
    for row in rows:
        found = out.setdefault(
            row.asset_class,
            {"domain": row.domain, "assets": row.assets, "techniques": 0, "visible": 0}
            | {value: {"part": 0, "full": 0} for value in ("declared", "reachable", "observed")},
        )
        found["techniques"] += 1
        found["visible"] += row.visible
        for value in ("declared", "reachable"):
            how = getattr(row, value)
            found[value]["part"] += how != "none"
            found[value]["full"] += how == "full"
        found["observed"]["part"] += bool(row.observed_part)
        found["observed"]["full"] += bool(row.observed_full)
    return out
