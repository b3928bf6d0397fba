"""What a report tells, as the hub's other answers give it, and what several parts of the page derive from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

UNKNOWN = "unknown"
"""The zone of assets whose zone nobody knows, as `zones` calls it."""
FUNCTIONS = ("identify", "protect", "detect", "respond", "recover")
"""Columns of the matrix, as `coverage` names them."""
MOST_VULNERABILITIES = 25
"""So many are listed; who mends these first asks again."""
WITNESSES = {
    "both": "seen on host and wire",
    "host": "by a host sensor only",
    "wire": "on the wire only",
    "none": "by no sensor",
}
"""How an asset is watched: the class of its colour, and the words."""


@dataclass(frozen=True)
class Findings:
    """The answers of one hub at one time."""

    hub: str
    primary: str | None
    assets: Sequence[Mapping[str, Any]]
    """Placed assets, as ``assets --json`` has them."""
    zones: Mapping[str, Any]
    """The shape of ``zones --json``."""
    coverage: Mapping[str, Any]
    """The shape of ``coverage --techniques --json``."""
    gaps: Mapping[str, Any]
    """The shape of ``gaps --json``."""
    deliveries: Sequence[Mapping[str, Any]]
    host: frozenset[str]
    """Instances whose connectors sense hosts."""
    wire: frozenset[str]
    """Instances whose connectors sense networks."""
    as_of: str
    unseen: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    """Asset class and function to the assets without fresh evidence: those behind a cell of the matrix."""
    exposures: Sequence[Mapping[str, Any]] = ()
    """The rows of ``exposures --json``: open ones, the most urgent first."""
    owner: str | None = None
    """The team it is about; ``None``: everybody's."""

    @cached_property
    def own(self) -> list[Mapping[str, Any]]:
        """The organisation's assets in order of zone and name; what is outside is none of them."""
        inside = (asset for asset in self.assets if not asset.get("external"))
        return sorted(inside, key=lambda asset: (str(asset.get("zone") or "~"), str(asset.get("name")), asset["id"]))

    @cached_property
    def vulnerabilities(self) -> list[list[Mapping[str, Any]]]:
        """The exposures of each vulnerability that is listed, by the most urgent of its assets."""
        grouped: dict[str, list[Mapping[str, Any]]] = {}
        for row in self.exposures:  # the most urgent first, so each group and the groups are in that order
            grouped.setdefault(str(row["vulnerability"]), []).append(row)
        return list(grouped.values())[:MOST_VULNERABILITIES]

    @cached_property
    def bridging(self) -> frozenset[str]:
        """Assets that are in several networks."""
        return frozenset(id for gap in self.gaps["gaps"] if gap["kind"] == "bridge" for id in gap["assets"])

    def witness(self, asset: Mapping[str, Any]) -> str:
        """Which kinds of sensor see an asset: a key of :data:`WITNESSES`."""
        seen = seen_by(asset)
        on_host, on_wire = bool(seen & self.host), bool(seen & self.wire)
        return "both" if on_host and on_wire else "host" if on_host else "wire" if on_wire else "none"


def seen_by(asset: Mapping[str, Any]) -> set[str]:
    """The instances that know an asset."""
    return {str(member["instance"]) for member in asset.get("members", ())}


def cell_name(asset_class: str, function: str) -> str:
    """What a cell of the matrix is called in the page's data."""
    return f"{function} {asset_class}"


def zone_of(asset: Mapping[str, Any]) -> str:
    """The zone of an asset in the words of `zones`."""
    return str(asset.get("zone") or UNKNOWN)


__all__ = ["FUNCTIONS", "MOST_VULNERABILITIES", "UNKNOWN", "WITNESSES", "Findings", "cell_name", "seen_by", "zone_of"]
