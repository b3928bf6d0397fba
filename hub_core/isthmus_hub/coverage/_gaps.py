"""Blind spots: what nobody watches, and why.

Each gap has a kind (what is missing) and a cause: nobody declares it, declared but not deployed here, deployed but this
asset is absent, present but stale, or one witness only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from isthmus_hub.coverage._model import (
    HOST_COMPONENTS,
    UNKNOWN,
    WEAKNESS_COMPONENTS,
    WIRE_COMPONENTS,
    Capability,
    Source,
    class_name,
    seen_by,
)

KINDS = (
    "not_in_edr", "not_on_wire", "cmdb_only", "unscanned", "weak_witness", "one_sided_conduit", "contradiction", "bridge", "internet_facing",
)  # fmt: skip
CAUSES = ("not_declared", "not_deployed", "asset_absent", "stale", "single_witness", "none")
STALE_AFTER = timedelta(days=7)

Asset = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gap:
    """One blind spot, with every asset it concerns (ids, sorted)."""

    kind: str
    cause: str
    assets: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Need:
    """What each asset should have, as a test on capabilities."""

    kind: str
    meets: Callable[[Capability], bool]
    detail: str


NEEDS = (
    Need("not_in_edr", lambda item: item.function == "detect" and item.collects(HOST_COMPONENTS), "no endpoint sensor"),
    Need("not_on_wire", lambda item: item.collects(WIRE_COMPONENTS), "not seen on the network"),
    Need(
        "unscanned",
        lambda item: item.function == "identify" and item.collects(WEAKNESS_COMPONENTS),
        "no vulnerability source",
    ),
)


def gaps(
    assets: Iterable[Asset], communications: Iterable[Mapping[str, Any]], sources: Sequence[Source], *, now: datetime
) -> list[Gap]:
    """Every gap, grouped by kind, cause and asset class. ``now`` decides what is stale; it is the time of the data."""
    everything = [asset for asset in assets if not asset.get("external")]
    links = list(communications)
    found = [
        *_needs(everything, sources, now),
        *_inventory_only(everything, sources),
        *_weak_witness(everything),
        *_bridges(everything),
        *_internet_facing(everything, links),
        *_one_sided(everything, links),
    ]
    return sorted(found, key=lambda gap: (KINDS.index(gap.kind), CAUSES.index(gap.cause), gap.detail))


def as_json(found: Iterable[Gap]) -> list[dict[str, Any]]:
    """Gaps in the shape of ``gaps --json``."""
    return [{**asdict(gap), "assets": list(gap.assets)} for gap in found]


def _needs(assets: Sequence[Asset], sources: Sequence[Source], now: datetime) -> Iterable[Gap]:
    for need in NEEDS:
        groups: dict[tuple[str, str], list[str]] = defaultdict(list)
        for asset in assets:
            if cause := _cause(asset, need, sources, now):
                groups[cause, class_name(str(asset.get("class") or UNKNOWN))].append(asset["id"])
        for (cause, asset_class), ids in groups.items():
            yield Gap(need.kind, cause, tuple(sorted(ids)), f"{asset_class}: {need.detail}{_because(cause)}")


def _cause(asset: Asset, need: Need, sources: Sequence[Source], now: datetime) -> str:
    """Why the need is not met for this asset; empty where it is."""
    asset_class, technology = class_name(str(asset.get("class") or UNKNOWN)), str(asset.get("technology") or "")
    able = [
        source
        for source in sources
        if any(
            need.meets(item) and (asset_class == UNKNOWN or item.applies_to(asset_class, technology))
            for item in source.capabilities
        )
    ]
    if not able:
        return "not_declared"
    deployed = {source.instance for source in able if source.instance}
    if not deployed:
        return "not_deployed"
    evidence = [when for name, when in seen_by(asset).items() if name in deployed]
    if not evidence:
        return "asset_absent"
    latest = max(evidence)
    return "stale" if latest and now - _moment(latest) > STALE_AFTER else ""


def _because(cause: str) -> str:
    return {
        "not_declared": "; no connector offers it for this class",
        "not_deployed": "; a connector offers it, none is configured",
        "asset_absent": "; configured, but these assets are not in it",
        "stale": f"; last seen more than {STALE_AFTER.days} days ago",
    }[cause]


def _inventory_only(assets: Sequence[Asset], sources: Sequence[Source]) -> Iterable[Gap]:
    """Known to an inventory alone: nothing that observes has ever met it."""
    observing = {
        source.instance
        for source in sources
        if source.instance and any(item.function == "detect" for item in source.capabilities)
    }
    ids = [asset["id"] for asset in assets if seen_by(asset) and not set(seen_by(asset)) & observing]
    if ids:
        yield Gap("cmdb_only", "asset_absent", tuple(sorted(ids)), "in an inventory, met by no sensor")


def _weak_witness(assets: Sequence[Asset]) -> Iterable[Gap]:
    groups: dict[str, list[str]] = defaultdict(list)
    for asset in assets:
        if len(names := seen_by(asset)) == 1:
            groups[next(iter(names))].append(asset["id"])
    for name, ids in groups.items():
        yield Gap("weak_witness", "single_witness", tuple(sorted(ids)), f"only {name} knows them")


def _bridges(assets: Sequence[Asset]) -> Iterable[Gap]:
    """One device with different addresses in several scopes. The same address in two is one interface told twice."""
    for asset in assets:
        homes = {(item["scope"], item["address"]) for item in asset.get("bindings", ())}
        apart = {
            scope for scope, address in homes if not any(other != scope and same == address for other, same in homes)
        }
        if len(apart) > 1:
            yield Gap(
                "bridge", "none", (asset["id"],), f"{asset.get('name')} has addresses in {', '.join(sorted(apart))}"
            )


def _internet_facing(assets: Sequence[Asset], links: Sequence[Mapping[str, Any]]) -> Iterable[Gap]:
    known = {asset["id"]: asset for asset in assets}
    outside: dict[str, set[str]] = defaultdict(set)
    for link in links:
        for one, other in ((link["source"], link["target"]), (link["target"], link["source"])):
            if one in known and link.get("external") == other:
                outside[one].add(str(link.get("peer") or other))
    ot = [id for id in outside if known[id].get("technology") == "ot"]
    for ids, word in ((ot, "OT assets"), ([id for id in outside if id not in ot], "assets")):
        if ids:
            yield Gap("internet_facing", "none", tuple(sorted(ids)), f"{word} that talk to public addresses")


def _one_sided(assets: Sequence[Asset], links: Sequence[Mapping[str, Any]]) -> Iterable[Gap]:
    """Conduits between zones whose traffic is known from one source only."""
    zones = {asset["id"]: str(asset.get("zone") or "") for asset in assets}
    witnesses: dict[tuple[str, str], set[str]] = defaultdict(set)
    ends: dict[tuple[str, str], set[str]] = defaultdict(set)
    for link in links:
        source, target = zones.get(link["source"], ""), zones.get(link["target"], "")
        if source and target and source != target:
            conduit = (min(source, target), max(source, target))
            witnesses[conduit] |= set(link.get("instances", ()))
            ends[conduit] |= {link["source"], link["target"]}
    for conduit, names in witnesses.items():
        if len(names) == 1:
            yield Gap(
                "one_sided_conduit",
                "single_witness",
                tuple(sorted(ends[conduit])),
                f"{conduit[0]} to {conduit[1]}: known from {next(iter(names))} only",
            )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
