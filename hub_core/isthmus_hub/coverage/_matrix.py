"""Declared, reachable, observed: three different answers to "are we covered?", cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from statistics import median
from typing import Any

from isthmus_hub.coverage._fleet import Fleet, Meets, Watched
from isthmus_hub.coverage._model import DEFAULT_RULES, FUNCTIONS, UNKNOWN, Product, Rules, Source


@dataclass(frozen=True, slots=True)
class Measure:
    """What is declared, reachable and observed of some assets."""

    assets: int
    declared_by: tuple[str, ...]
    """Installed connectors that could do it, by their manifests and by what can be collected on the class."""
    reachable_by: tuple[str, ...]
    """Configured instances that could do it at a site that has such assets."""
    reachable: int
    """Assets at a site that such an instance reaches."""
    observed: int
    """Assets of which such an instance gave fresh evidence."""
    by_primary: int
    """Of these, seen by the primary platform's own sensors."""
    stale: int
    """Assets of which all evidence is older than that."""
    hearsay: int
    """Assets not observed of which another vendor says that a product watches them that could do it. A weaker witness."""
    oldest: str = ""
    """Least recent evidence among the assets with any, as it was seen (ISO 8601)."""
    age_hours: float | None = None
    """Median age of the latest evidence over the observed assets."""

    @property
    def share(self) -> float:
        """Observed share of the assets, 0 to 1."""
        return self.observed / self.assets if self.assets else 0.0

    @property
    def state(self) -> str:
        """The furthest that it came: ``not declared``, ``not deployed``, ``not observed``, ``in part``, ``observed``."""
        if not self.declared_by:
            return "not declared"
        if not self.reachable:
            return "not deployed"
        return "not observed" if not self.observed else "observed" if self.observed == self.assets else "in part"

    def as_json(self) -> dict[str, Any]:
        """Plain data, with the share."""
        return {**asdict(self), "share": round(self.share, 4), "state": self.state}


@dataclass(frozen=True, slots=True)
class Cell(Measure):
    """One asset class × one function."""

    asset_class: str = UNKNOWN
    function: str = "identify"


def matrix(
    assets: Iterable[Mapping[str, Any]],
    sources: Sequence[Source],
    *,
    now: datetime | None = None,
    rules: Rules = DEFAULT_RULES,
    products: Sequence[Product] = (),
) -> list[Cell]:
    """Cells for every asset class there is, in order of class and function. ``now`` decides what is fresh; without it everything is."""
    return cells(Fleet(assets, sources, now=now, rules=rules, products=products))


def cells(fleet: Fleet) -> list[Cell]:
    """The same of a fleet."""
    return [
        Cell(**_fields(measure(fleet, members, performs(function))), asset_class=name, function=function)
        for name, members in fleet.by_class.items()
        for function in FUNCTIONS
    ]


def performs(function: str) -> Meets:
    """The need of a function alone."""
    return lambda item, _: item.function == function


def measure(fleet: Fleet, assets: Iterable[Watched], meets: Meets) -> Measure:
    """One need, measured over assets of any classes."""
    able: dict[tuple[str, str, str], _Able] = {}
    total = reachable = observed = by_primary = stale = hearsay = 0
    oldest, ages = "", []
    for each in assets:
        total += 1
        key = (each.asset_class, each.technology, each.site)
        if (who := able.get(key)) is None:
            who = able[key] = _Able(fleet, meets, *key)
        reachable += bool(who.here)
        evidence = [(name, when) for name, when in each.seen.items() if name in who.instances]
        latest = max((when for _, when in evidence), default="")
        if evidence:
            oldest = min(oldest or latest, latest)
        if evidence and fleet.fresh(latest):
            observed += 1
            by_primary += any(name in who.primaries and fleet.fresh(when) for name, when in evidence)
            if (age := fleet.age(latest)) is not None:
                ages.append(age / 3600)
        else:
            stale += bool(evidence)
            hearsay += bool(each.hearsay) and _told(each, meets)
    declared = frozenset[str]().union(*(who.connectors for who in able.values()))
    reaching = frozenset[str]().union(*(who.here for who in able.values()))
    return Measure(
        total, tuple(sorted(declared)), tuple(sorted(reaching)), reachable, observed, by_primary, stale, hearsay,
        oldest, round(max(0.0, median(ages)), 1) if ages else None,
    )  # fmt: skip


class _Able:
    """Who could do something on a class, and who of them reaches a site."""

    def __init__(self, fleet: Fleet, meets: Meets, asset_class: str, technology: str, site: str) -> None:
        sources = fleet.able(meets, asset_class, technology)
        self.connectors = {source.connector for source in sources}
        self.instances = {source.instance for source in sources if source.instance}
        self.primaries = {source.instance for source in sources if source.instance and source.primary}
        self.here = {name for name in self.instances if fleet.reaches(name, site)}


def _told(each: Watched, meets: Meets) -> bool:
    """Whether a vendor says that a product watches the asset that could do it."""
    return any(
        meets(item, each.asset_class)
        and (each.asset_class == UNKNOWN or item.applies_to(each.asset_class, each.technology))
        for product in each.hearsay
        for item in product.capabilities
    )


def _fields(found: Measure) -> dict[str, Any]:
    return {name: getattr(found, name) for name in Measure.__dataclass_fields__}


def as_json(found: Iterable[Cell]) -> list[dict[str, Any]]:
    """Cells as plain data, with their share."""
    return [cell.as_json() for cell in found]
