"""Blind spots as pairs of asset and need, each with the connectors that are not there and could close it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from isthmus_hub.coverage._fleet import Fleet, Watched
from isthmus_hub.coverage._model import FUNCTIONS, UNKNOWN
from isthmus_hub.coverage._needs import NEEDS, unmet

Spot = tuple[tuple[str, str], frozenset[str]]


def blind_needs(fleet: Fleet) -> Iterator[Spot]:
    """``(asset, kind of gap)`` for every need of an asset that is not met."""
    able = _Candidates(fleet)
    for each in unmet(fleet):
        yield (each.watched.id, each.need.kind), able.for_need(each.need.kind, each.watched)


def blind_cells(fleet: Fleet) -> Iterator[Spot]:
    """``(asset, function)`` for every function that nobody performs on an asset with fresh evidence."""
    able = _Candidates(fleet)
    for each in fleet.assets:
        fresh = {name for name, when in each.seen.items() if fleet.fresh(when)}
        for function in FUNCTIONS:
            if not fresh & able.instances(function, each):
                yield (each.id, function), able.for_function(function, each)


def closed_by(kind: str, assets: Iterable[str], spots: Mapping[tuple[str, str], Collection[str]]) -> dict[str, int]:
    """Connector to how many assets of a gap it could close, most first."""
    counts: dict[str, int] = {}
    for id in assets:
        for name in spots.get((id, kind), ()):
            counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


class _Candidates:
    """Connectors that could do something on an asset and have no instance that reaches it."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._able: dict[tuple[str, str, str], tuple[frozenset[str], frozenset[str]]] = {}
        self._instances: dict[str, list[str]] = {}
        for source in fleet.sources:
            self._instances.setdefault(source.connector, [])
            if source.instance:
                self._instances[source.connector].append(source.instance)

    def for_need(self, kind: str, each: Watched) -> frozenset[str]:
        key = (kind, each.asset_class, each.technology)
        if key not in self._able:
            need = next(one for one in NEEDS if one.kind == kind)
            able = [
                source
                for source in self.fleet.sources
                if any(need.met_by(item, each.asset_class, each.technology) for item in source.capabilities)
            ]
            self._able[key] = (frozenset(source.connector for source in able), frozenset())
        return self._absent(self._able[key][0], each)

    def for_function(self, function: str, each: Watched) -> frozenset[str]:
        return self._absent(self._of(function, each)[0], each)

    def instances(self, function: str, each: Watched) -> frozenset[str]:
        return self._of(function, each)[1]

    def _of(self, function: str, each: Watched) -> tuple[frozenset[str], frozenset[str]]:
        key = (function, each.asset_class, each.technology)
        if key not in self._able:
            able = [
                source
                for source in self.fleet.sources
                if any(
                    item.function == function
                    and (each.asset_class == UNKNOWN or item.applies_to(each.asset_class, each.technology))
                    for item in source.capabilities
                )
            ]
            self._able[key] = (
                frozenset(source.connector for source in able),
                frozenset(source.instance for source in able if source.instance),
            )
        return self._able[key]

    def _absent(self, connectors: frozenset[str], each: Watched) -> frozenset[str]:
        return frozenset(
            name
            for name in connectors
            if not any(
                instance in each.seen or self.fleet.reaches(instance, each.site) for instance in self._instances[name]
            )
        )
