"""Blind spots: what nobody watches, and why.

Each gap has a kind (what is missing) and a cause: nobody declares it, declared but not deployed here, deployed but this
asset is absent, present but stale, or one witness only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from isthmus_hub.coverage._contradictions import contradictions
from isthmus_hub.coverage._fleet import Fleet, Watched
from isthmus_hub.coverage._model import DEFAULT_RULES, Product, Rules, Source
from isthmus_hub.coverage._needs import NEEDS, Able, because, by_group, unmet

KINDS = (
    "not_in_edr", "not_on_wire", "cmdb_only", "unscanned", "weak_witness", "one_sided_conduit", "contradiction", "bridge", "internet_facing",
)  # fmt: skip
CAUSES = ("not_declared", "not_deployed", "asset_absent", "stale", "single_witness", "none")

NO_ZONE = "unknown"

Asset = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gap:
    """One blind spot, with every asset it concerns (ids, sorted)."""

    kind: str
    cause: str
    assets: tuple[str, ...]
    detail: str
    hearsay: tuple[str, ...] = ()
    """Of these, assets of which another vendor says that a product watches them that would close the gap."""
    precious: int = 0
    """How many of them are crown jewels."""


def gaps(
    assets: Iterable[Asset],
    communications: Iterable[Mapping[str, Any]],
    sources: Sequence[Source],
    *,
    now: datetime,
    rules: Rules = DEFAULT_RULES,
    products: Sequence[Product] = (),
    only: Collection[str] | None = None,
) -> list[Gap]:
    """Every gap, grouped by kind, cause and asset class. ``now`` decides what is stale; it is the time of the data.

    ``only``: ids of the assets that are asked about; the others count for what is known of them.
    """
    everything = list(assets)
    fleet = Fleet(everything, sources, now=now, rules=rules, products=products)
    links = list(communications)
    found = [
        *_needs(fleet),
        *_inventory_only(fleet),
        *_weak_witness(fleet),
        *_bridges(fleet),
        *_internet_facing(fleet, links),
        *_one_sided(fleet, links),
        *(Gap("contradiction", "none", (id,), detail) for id, detail in contradictions(fleet)),
    ]
    precious = {each.id for each in fleet.assets if each.precious}
    found = [replace(gap, precious=len(precious.intersection(gap.assets))) for gap in _of(found, only)]
    return sorted(found, key=lambda gap: (KINDS.index(gap.kind), CAUSES.index(gap.cause), -gap.precious, gap.detail))


def as_json(found: Iterable[Gap]) -> list[dict[str, Any]]:
    """Gaps in the shape of ``gaps --json``."""
    return [{**asdict(gap), "assets": list(gap.assets), "hearsay": list(gap.hearsay)} for gap in found]


def _of(found: Iterable[Gap], only: Collection[str] | None) -> list[Gap]:
    if only is None:
        return list(found)
    cut = (
        replace(
            gap,
            assets=tuple(id for id in gap.assets if id in only),
            hearsay=tuple(id for id in gap.hearsay if id in only),
        )
        for gap in found
    )
    return [gap for gap in cut if gap.assets]


def _needs(fleet: Fleet) -> Iterable[Gap]:
    able = Able(fleet.sources)
    needs = {need.kind: need for need in NEEDS}
    for (kind, cause, asset_class, also), group in by_group(unmet(fleet), able, fleet).items():
        need = needs[kind]
        detail = f"{asset_class}: {also + ', ' if also else ''}{need.detail}{because(cause, need, fleet.rules)}"
        for name, streams in sorted(able.idle(need, asset_class, group[0].watched.technology).items()):
            if any(name in each.watched.seen for each in group):
                detail += f"; {name} could, with stream {' or '.join(streams)}"
        told = sorted(each.watched.id for each in group if each.hearsay)
        if told:
            detail += f" ({len(told)} watched by another tool, as a vendor says)"
        yield Gap(kind, cause, tuple(sorted(each.watched.id for each in group)), detail, tuple(told))


def _inventory_only(fleet: Fleet) -> Iterable[Gap]:
    """Known to an inventory alone: nothing that observes has ever met it."""
    observing = {
        source.instance
        for source in fleet.sources
        if source.instance and any(item.function == "detect" for item in source.capabilities)
    }
    ids = [each.id for each in fleet.assets if each.seen and not each.seen.keys() & observing]
    if ids:
        yield Gap("cmdb_only", "asset_absent", tuple(sorted(ids)), "in an inventory, met by no sensor")


def _weak_witness(fleet: Fleet) -> Iterable[Gap]:
    """Known to one instance; crown jewels apart. What a vendor says of another tool is no second witness, but is told."""
    groups: dict[tuple[str, bool], list[Watched]] = defaultdict(list)
    for each in fleet.assets:
        if len(each.seen) == 1:
            groups[next(iter(each.seen)), each.precious].append(each)
    for (name, precious), found in groups.items():
        told = tuple(sorted(each.id for each in found if each.asset.get("monitored_by")))
        detail = f"{'crown jewels: ' if precious else ''}only {name} knows them"
        if told:
            detail += f" (it says of {len(told)} that other tools watch them)"
        yield Gap("weak_witness", "single_witness", tuple(sorted(each.id for each in found)), detail, told)


def _bridges(fleet: Fleet) -> Iterable[Gap]:
    """One device with different addresses in several scopes, or in several zones of one scope. The same address in two scopes is
    one interface told twice.
    """
    for each in fleet.assets:
        homes = {(item["scope"], item["address"]) for item in each.asset.get("bindings", ())}
        apart = {
            scope for scope, address in homes if not any(other != scope and same == address for other, same in homes)
        }
        zones = set(each.asset.get("zones", ())) if len({address for _, address in homes}) > 1 else set()
        joined = apart if len(apart) > 1 else zones
        if len(joined) > 1:
            yield Gap(
                "bridge", "none", (each.id,), f"{each.asset.get('name')} has addresses in {', '.join(sorted(joined))}"
            )


def _internet_facing(fleet: Fleet, links: Sequence[Mapping[str, Any]]) -> Iterable[Gap]:
    known = {each.id: each for each in fleet.assets}
    outside: dict[str, set[str]] = defaultdict(set)
    for link in links:
        for one, other in ((link["source"], link["target"]), (link["target"], link["source"])):
            if one in known and link.get("external") == other:
                outside[one].add(str(link.get("peer") or other))
    ot = [id for id in outside if known[id].technology == "ot"]
    for ids, word in ((ot, "OT assets"), ([id for id in outside if id not in ot], "assets")):
        if ids:
            yield Gap("internet_facing", "none", tuple(sorted(ids)), f"{word} that talk to public addresses")


def _one_sided(fleet: Fleet, links: Sequence[Mapping[str, Any]]) -> Iterable[Gap]:
    """Conduits between zones that are heard at one end only, and the zone where nobody could hear the other end.

    Who tells of traffic inside a zone hears that zone. However many hear one end, they are one side: what counts is whether
    anybody hears the other. Where nobody is known to hear either end, the number of sources decides. An end in no zone, or
    that no inventory knows, is on the side ``unknown``: what talks across is not watched there either.
    """
    zones = {each.id: str(each.asset.get("zone") or "") or NO_ZONE for each in fleet.assets}
    witnesses: dict[tuple[str, str], set[str]] = defaultdict(set)
    ends: dict[tuple[str, str], set[str]] = defaultdict(set)
    heard_by: dict[str, set[str]] = defaultdict(set)
    for link in links:
        if link.get("external"):
            continue  # the other side is nobody's to watch
        source, target = (zones.get(link[end], NO_ZONE) for end in ("source", "target"))
        if source == target:
            heard_by[source] |= set(link.get("instances", ()))
            continue
        conduit = (min(source, target), max(source, target))
        witnesses[conduit] |= set(link.get("instances", ()))
        ends[conduit] |= {link["source"], link["target"]} & zones.keys()
    for conduit, names in witnesses.items():
        deaf = [zone for zone in conduit if not heard_by[zone]]
        if not names or not ends[conduit] or not deaf or (len(deaf) > 1 and len(names) > 1):
            continue
        near = next((zone for zone in conduit if heard_by[zone] & names), "")
        side = f", which {'hears' if len(names) == 1 else 'hear'} {near} and not {deaf[0]}" if near else ""
        yield Gap(
            "one_sided_conduit",
            "single_witness",
            tuple(sorted(ends[conduit])),
            f"{conduit[0]} to {conduit[1]}: known from {' and '.join(sorted(names))} only{side or _nobody(deaf)}",
        )


def _nobody(zones: Sequence[str]) -> str:
    """The zone where nobody could hear, where it is one of two."""
    return f"; nobody hears {zones[0]}" if len(zones) == 1 else ""
