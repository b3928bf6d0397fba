"""What every asset should have, and why one has it not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from isthmus_hub.coverage._fleet import Fleet, Watched
from isthmus_hub.coverage._model import (
    HOST_COMPONENTS,
    UNKNOWN,
    WEAKNESS_COMPONENTS,
    WIRE_COMPONENTS,
    Capability,
    Rules,
    Source,
)

NOT_DECLARED, NOT_DEPLOYED, ASSET_ABSENT, STALE = "not_declared", "not_deployed", "asset_absent", "stale"


@dataclass(frozen=True, slots=True)
class Need:
    """What each asset should have, as a test on a capability and the class it is exercised on."""

    kind: str
    components: tuple[str, ...]
    function: str
    """``""``: any."""
    detail: str
    within: Callable[[Rules], timedelta]
    """How old its evidence may be."""

    def meets(self, item: Capability) -> bool:
        """Whether a capability is of that kind at all."""
        return self.function in ("", item.function) and item.collects(self.components)

    def met_by(self, item: Capability, asset_class: str, technology: str) -> bool:
        """Whether it is, exercised on a class. On an unknown class nothing is ruled out."""
        if not self.meets(item):
            return False
        if asset_class == UNKNOWN:
            return True
        return item.applies_to(asset_class, technology) and item.collects_on(asset_class, self.components)


NEEDS = (
    Need("not_in_edr", HOST_COMPONENTS, "detect", "no endpoint sensor", lambda rules: rules.stale_after),
    Need("not_on_wire", WIRE_COMPONENTS, "", "not seen on the network", lambda rules: rules.stale_after),
    Need("unscanned", WEAKNESS_COMPONENTS, "identify", "no vulnerability source", lambda rules: rules.unscanned_after),
)


@dataclass(frozen=True, slots=True)
class Unmet:
    """A need that one asset does not have, and why."""

    need: Need
    cause: str
    watched: Watched
    hearsay: bool
    """Another vendor says that a product watches the asset that meets the need."""


class Able:
    """Who meets the needs, by class; looked up once."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = tuple(sources)
        self._found: dict[tuple[str, str, str], tuple[frozenset[str], frozenset[str]]] = {}

    def idle(self, need: Need, asset_class: str, technology: str) -> dict[str, tuple[str, ...]]:
        """Instances that would meet a need on a class with another stream: which streams carry it."""
        return {
            source.instance: item.streams
            for source in self.sources
            for item in source.idle
            if need.met_by(item, asset_class, technology)
        }

    def of(self, need: Need, asset_class: str, technology: str) -> tuple[frozenset[str], frozenset[str]]:
        """Connectors, and configured instances, that meet a need on a class."""
        key = (need.kind, asset_class, technology)
        if key not in self._found:
            able = [
                source
                for source in self.sources
                if any(need.met_by(item, asset_class, technology) for item in source.capabilities)
            ]
            self._found[key] = (
                frozenset(source.connector for source in able),
                frozenset(source.instance for source in able if source.instance),
            )
        return self._found[key]


def unmet(fleet: Fleet) -> Iterator[Unmet]:
    """Every need that an asset does not have, asset by asset."""
    able = Able(fleet.sources)
    for each in fleet.assets:
        for need in NEEDS:
            if cause := _cause(fleet, able, need, each):
                yield Unmet(need, cause, each, _told(need, each))


def _cause(fleet: Fleet, able: Able, need: Need, watched: Watched) -> str:
    """Why the need is not met; empty where it is."""
    connectors, instances = able.of(need, watched.asset_class, watched.technology)
    if not connectors:
        return NOT_DECLARED
    if evidence := [when for name, when in watched.seen.items() if name in instances]:
        return "" if fleet.fresh(max(evidence), need.within(fleet.rules)) else STALE
    return ASSET_ABSENT if any(fleet.reaches(name, watched.site) for name in instances) else NOT_DEPLOYED


def _told(need: Need, watched: Watched) -> bool:
    return any(
        need.met_by(item, watched.asset_class, watched.technology)
        for product in watched.hearsay
        for item in product.capabilities
    )


def because(cause: str, need: Need, rules: Rules) -> str:
    """A cause in words."""
    return {
        NOT_DECLARED: "; no connector offers it for this class",
        NOT_DEPLOYED: "; a connector offers it, none is configured for them",
        ASSET_ABSENT: "; configured, but these assets are not in it",
        STALE: f"; last seen more than {need.within(rules).days} days ago",
    }[cause]


def seen_where(fleet: Fleet, watched: Watched, able: Able) -> str:
    """For what is missing on the wire: whether an endpoint sensor knows it. Empty where none does."""
    _, instances = able.of(NEEDS[0], watched.asset_class, watched.technology)
    return "in an endpoint sensor" if instances & watched.seen.keys() else ""


def by_group(found: Iterable[Unmet], able: Able, fleet: Fleet) -> dict[tuple[str, str, str, str], list[Unmet]]:
    """Unmet needs by kind, cause, class and what else is known."""
    out: dict[tuple[str, str, str, str], list[Unmet]] = defaultdict(list)
    for each in found:
        also = seen_where(fleet, each.watched, able) if each.need.kind == "not_on_wire" else ""
        out[each.need.kind, each.cause, each.watched.asset_class, also].append(each)
    return out


__all__ = ["NEEDS", "Able", "Need", "Unmet", "because", "by_group", "unmet"]
