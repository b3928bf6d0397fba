"""Techniques, the analytics that would see them, and what those need."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Technique:
    """One live technique or sub-technique."""

    id: str
    """``T0800``."""
    name: str
    tactics: tuple[str, ...] = ()
    """Ids of its tactics, ``TA0106``."""
    assets: frozenset[str] = frozenset()
    """Ids of the asset classes it targets (``A0003``); empty where the domain has no assets."""
    analytics: tuple[frozenset[str], ...] = ()
    """The data components (``DC0078``) each of its analytics needs. Without one, nothing in ATT&CK says how to see it."""

    @property
    def components(self) -> frozenset[str]:
        """Every data component that any of its analytics needs."""
        return frozenset().union(*self.analytics)


@dataclass(frozen=True, slots=True)
class Seen:
    """Techniques, by id, that a set of data components lets one see."""

    part: frozenset[str]
    """At least one data component of one of its analytics is held."""
    full: frozenset[str]
    """Everything that one of its analytics needs is held."""


@dataclass(frozen=True)
class Attack:
    """One domain of ATT&CK in one version."""

    domain: str
    """``ics-attack``, ``enterprise-attack``, ``mobile-attack``."""
    version: str
    """Of the whole domain, ``18.1``."""
    notice: str
    """MITRE's own statement: it goes where the data goes."""
    tactics: Mapping[str, str]
    """Name by id, in the order of the matrix."""
    assets: Mapping[str, str]
    """Name of each asset class by id."""
    components: Mapping[str, str]
    """Name of each data component by id."""
    techniques: Mapping[str, Technique] = field(repr=False)
    """By id, in order."""

    @cached_property
    def visible(self) -> frozenset[str]:
        """Techniques that ATT&CK says how to see: the most that any sensor can be credited with."""
        return frozenset(technique.id for technique in self.techniques.values() if technique.components)

    @cached_property
    def _component_ids(self) -> Mapping[str, str]:
        return {name.casefold(): id for id, name in self.components.items()}

    def component_ids(self, names: Iterable[str]) -> frozenset[str]:
        """Data components by name or id, as manifests declare them; what this domain does not know is left out."""
        known = self._component_ids
        found = (known.get(name.casefold(), name.upper()) for name in names)
        return frozenset(id for id in found if id in self.components)

    def targeting(self, asset_class: str) -> tuple[Technique, ...]:
        """Techniques that target an asset class, by its id."""
        return tuple(each for each in self.techniques.values() if asset_class in each.assets)

    def seen(self, held: Collection[str], asset_class: str | None = None) -> Seen:
        """What data components (ids) let one see, of all techniques or of those that target one asset class."""
        wanted = self.techniques.values() if asset_class is None else self.targeting(asset_class)
        components = frozenset(held)
        return Seen(
            frozenset(each.id for each in wanted if not components.isdisjoint(each.components)),
            frozenset(each.id for each in wanted if any(needs and needs <= components for needs in each.analytics)),
        )
