"""Declared, reachable, observed: three different answers to "are we covered?", cell by cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from isthmus_hub.coverage._model import FUNCTIONS, UNKNOWN, Source, class_name, seen_by


@dataclass(frozen=True, slots=True)
class Cell:
    """One asset class × one function."""

    asset_class: str
    function: str
    assets: int
    declared_by: tuple[str, ...]
    """Installed connectors that could do it."""
    reachable_by: tuple[str, ...]
    """Configured instances that could do it."""
    observed: int
    """Assets of the class of which such an instance actually gave evidence."""
    by_primary: int
    """Of these, seen by the primary platform's own sensors."""
    oldest: str = ""
    """Least recent evidence among the observed assets, as it was seen (ISO 8601)."""

    @property
    def share(self) -> float:
        """Observed share of the class, 0 to 1."""
        return self.observed / self.assets if self.assets else 0.0


def matrix(assets: Iterable[Mapping[str, Any]], sources: Sequence[Source]) -> list[Cell]:
    """Cells for every asset class there is, in order of class and function."""
    classes: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for asset in assets:
        classes[class_name(str(asset.get("class") or UNKNOWN))].append(asset)
    return [
        _cell(name, function, members, sources) for name, members in sorted(classes.items()) for function in FUNCTIONS
    ]


def _cell(asset_class: str, function: str, assets: Sequence[Mapping[str, Any]], sources: Sequence[Source]) -> Cell:
    able = [
        source
        for source in sources
        if any(item.function == function and item.applies_to(asset_class) for item in source.capabilities)
    ]
    reachable = {source.instance: source for source in able if source.instance}
    observed = by_primary = 0
    oldest = ""
    for asset in assets:
        evidence = {name: when for name, when in seen_by(asset).items() if name in reachable}
        if evidence:
            observed += 1
            by_primary += any(reachable[name].primary for name in evidence)
            when = max(evidence.values())
            oldest = min(oldest or when, when)
    return Cell(
        asset_class,
        function,
        len(assets),
        tuple(sorted({source.connector for source in able})),
        tuple(sorted(reachable)),
        observed,
        by_primary,
        oldest,
    )


def as_json(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """Cells as plain data, with their share."""
    return [{**asdict(cell), "share": round(cell.share, 4)} for cell in cells]
