"""The assets of a question with what is known of who sees each: computed once, asked often."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from isthmus_hub.coverage._model import (
    DEFAULT_RULES,
    UNKNOWN,
    Capability,
    Product,
    Rules,
    Source,
    class_name,
    class_of,
    seen_by,
    told_by_others,
)

Meets = Callable[[Capability, str], bool]
"""Whether a capability, exercised on a class, meets a need."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One asset and who watches it."""

    id: str
    asset_class: str
    technology: str
    site: str
    seen: Mapping[str, str]
    """Instance to when it last saw it."""
    hearsay: tuple[Product, ...] = ()
    """Products that vendors say watch it."""
    precious: bool = False
    asset: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class Fleet:
    """Assets, sources and the places each instance reaches."""

    def __init__(
        self,
        assets: Iterable[Mapping[str, Any]],
        sources: Sequence[Source],
        *,
        now: datetime | None = None,
        rules: Rules = DEFAULT_RULES,
        products: Sequence[Product] = (),
        elsewhere: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """``now`` decides what is stale; without it nothing is. ``elsewhere``: assets that are not asked about, but tell which
        sites an instance reaches.
        """
        self.sources = tuple(sources)
        self.now, self.rules = now, rules
        self._ages: dict[str, float] = {}
        own = [asset for asset in assets if not asset.get("external")]
        self.reach = reach_of([*own, *elsewhere])
        self.assets = [_watched(asset, products, rules) for asset in own]

    @cached_property
    def by_class(self) -> dict[str, list[Watched]]:
        """Assets by class, in order of the class."""
        out: dict[str, list[Watched]] = defaultdict(list)
        for each in self.assets:
            out[each.asset_class].append(each)
        return dict(sorted(out.items()))

    def able(self, meets: Meets, asset_class: str, technology: str = "") -> list[Source]:
        """Sources with a capability that meets a need and can be exercised on the class; every one where it is unknown."""
        return [
            source
            for source in self.sources
            if any(
                meets(item, asset_class) and (asset_class == UNKNOWN or item.applies_to(asset_class, technology))
                for item in source.capabilities
            )
        ]

    def reaches(self, instance: str, site: str) -> bool:
        """Whether an instance is deployed at a site: it sees something there, or nobody can tell."""
        sites = self.reach.get(instance)
        return not sites or not site or site in sites

    def fresh(self, when: str, within: timedelta | None = None) -> bool:
        """Whether evidence of a time is not stale; evidence without a time is taken for present."""
        age = self.age(when)
        return age is None or age <= (within or self.rules.stale_after).total_seconds()

    def age(self, when: str) -> float | None:
        """Seconds since a time; ``None`` where there is no time, or no present to measure it against."""
        if not when or self.now is None:
            return None
        if when not in self._ages:
            self._ages[when] = (self.now - datetime.fromisoformat(when)).total_seconds()
        return self._ages[when]


def reach_of(assets: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Instance to the sites of the assets it ever saw. Without any, or of assets without a site, nothing can be told."""
    sites: dict[str, set[str]] = defaultdict(set)
    for asset in assets:
        if site := str(asset.get("site") or ""):
            for member in asset.get("members", ()):
                sites[str(member.get("instance", ""))].add(site)
    return {name: frozenset(found) for name, found in sites.items()}


def _watched(asset: Mapping[str, Any], products: Sequence[Product], rules: Rules) -> Watched:
    return Watched(
        id=str(asset["id"]),
        asset_class=class_of(asset),
        technology=class_name(str(asset.get("technology") or "")),
        site=str(asset.get("site") or ""),
        seen=seen_by(asset),
        hearsay=tuple(told_by_others(asset, products)),
        precious=rules.precious(asset),
        asset=asset,
    )
