"""Ways into OT that nobody declared: devices in OT and IT at once, and OT that talks to the internet. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from isthmus_hub.zones._model import EXTERNAL, Asset, Model, technology_of


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """One asset through which something outside reaches OT."""

    kind: str
    """``bridge``: addresses in OT and in IT; ``internet_facing``: OT that talks to public addresses."""
    asset: str
    zones: tuple[str, ...]
    peers: tuple[str, ...]
    """Public addresses it talks to."""
    detail: str


def entry_points(
    assets: Iterable[Asset], communications: Iterable[Mapping[str, Any]], model: Model
) -> list[EntryPoint]:
    """Bridges and internet-facing OT, by kind and asset. Assets are placed; a declared conduit to ``external`` is no finding."""
    placed = {asset["id"]: asset for asset in assets if not asset.get("external")}
    found = [point for asset in placed.values() if (point := _bridge(asset, model))]
    outside: dict[str, set[str]] = defaultdict(set)
    for link in communications:
        for own, other in (("source", "target"), ("target", "source")):
            if (
                link.get("external") == link[other]
                and link[own] in placed
                and not _declared(placed[link[own]], own, model)
            ):
                outside[link[own]].add(str(link.get("peer") or link[other]))
    for id, peers in outside.items():
        asset = placed[id]
        if asset.get("technology") == "ot" or technology_of(asset.get("level")) == "ot":
            detail = f"{asset.get('name')} talks to {len(peers)} public address{'es' if len(peers) > 1 else ''}"
            zones = (str(asset["zone"]),) if asset.get("zone") else ()
            found.append(EntryPoint("internet_facing", id, zones, tuple(sorted(peers)), detail))
    return sorted(found, key=lambda point: (point.kind, point.asset))


def _bridge(asset: Asset, model: Model) -> EntryPoint | None:
    kinds: dict[str, str] = {}
    for name in asset.get("zones", ()):
        rule = model.zone(name)
        if rule and (technology := technology_of(rule.level, rule.technology)):
            kinds[name] = "ot" if technology == "ot" else "it"
    if len(set(kinds.values())) < 2:
        return None
    zones = tuple(sorted(kinds))
    return EntryPoint("bridge", asset["id"], zones, (), f"{asset.get('name')} has addresses in {', '.join(zones)}")


def _declared(asset: Asset, side: str, model: Model) -> bool:
    zone = str(asset.get("zone") or "")
    ends = (zone, EXTERNAL) if side == "source" else (EXTERNAL, zone)
    return any(rule.joins(*ends) for rule in model.conduits)
