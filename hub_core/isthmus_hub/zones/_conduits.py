"""Who talks across zones, and what of it nobody declared. Pure.

IEC 62443-3-2 (ZCR 3): communication between zones goes through conduits. Purdue: level 4 and above meet level 3 and below
in the industrial DMZ (3.5), so a communication that skips it is a finding though nothing is declared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from isthmus_hub.zones._model import EXTERNAL, OT_LEVELS, Asset, Model

UNKNOWN = "unknown"
IT_LEVELS = ("4", "5")
FARTHEST = 1.0
"""Levels below the DMZ that may lie between two ends that talk."""


@dataclass(slots=True)
class Conduit:
    """What was seen between two zones, in the direction in which it was begun."""

    source: str
    target: str
    services: dict[str, int] = field(default_factory=dict)
    """As ``modbus/502``, with the number of pairs that speak it."""
    pairs: set[tuple[str, str]] = field(default_factory=set)
    instances: set[str] = field(default_factory=set)
    """Who saw it."""
    first_seen: str | None = None
    last_seen: str | None = None
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Violation:
    """A communication that the declared model, or the Purdue model, does not allow."""

    kind: str
    """``undeclared_conduit``, ``undeclared_service`` or ``level_skip``."""
    source: str
    target: str
    services: tuple[str, ...]
    assets: tuple[str, ...]
    detail: str


def conduits(assets: Iterable[Asset], communications: Iterable[Mapping[str, Any]], model: Model) -> list[Conduit]:
    """Observed communication between different zones. Assets are placed (`place`); those without zone are in ``unknown``."""
    zones = {asset["id"]: str(asset.get("zone") or UNKNOWN) for asset in assets}
    found: dict[tuple[str, str], Conduit] = {}
    for link in communications:
        ends = tuple(EXTERNAL if link.get("external") == link[end] else zones.get(link[end], UNKNOWN) for end in ("source", "target"))  # fmt: skip
        if ends[0] == ends[1]:
            continue
        conduit = found.setdefault((ends[0], ends[1]), Conduit(ends[0], ends[1]))
        conduit.pairs.add((link["source"], link["target"]))
        conduit.instances.update(link.get("instances", ()))
        for service in {service_name(each) for each in link.get("services", ())} or {UNKNOWN}:
            conduit.services[service] = conduit.services.get(service, 0) + 1
        conduit.first_seen = min(filter(None, (conduit.first_seen, link.get("first_seen"))), default=None)
        conduit.last_seen = max(filter(None, (conduit.last_seen, link.get("last_seen"))), default=None)
    for conduit in found.values():
        conduit.declared = any(rule.joins(conduit.source, conduit.target) for rule in model.conduits)
    return [found[key] for key in sorted(found)]


def violations(assets: Iterable[Asset], communications: Iterable[Mapping[str, Any]], model: Model) -> list[Violation]:
    """What breaks the declared model, and what skips levels, grouped by pair of zones. Nothing is asked of traffic inside a zone."""
    placed = {asset["id"]: asset for asset in assets}
    groups: dict[tuple[str, str, str, str], tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for link in communications:
        zones = [
            EXTERNAL if link.get("external") == link[end] else str(placed.get(link[end], {}).get("zone") or UNKNOWN)
            for end in ("source", "target")
        ]
        services = sorted({service_name(each) for each in link.get("services", ())} or {UNKNOWN})
        for kind, told, detail in _judged(link, zones[0], zones[1], services, placed, model):
            group = groups[kind, zones[0], zones[1], detail]
            group[0].update(told)
            group[1].update(link[end] for end in ("source", "target") if link[end] in placed and link[end] != link.get("external"))  # fmt: skip
    return [
        Violation(kind, source, target, tuple(sorted(services)), tuple(sorted(ids)), detail)
        for (kind, source, target, detail), (services, ids) in sorted(groups.items())
    ]


def service_name(service: Mapping[str, Any]) -> str:
    """``protocol/port``; the transport where the source knows no protocol."""
    protocol, transport, port = service.get("protocol"), service.get("transport"), service.get("port")
    name = str(protocol if protocol and protocol != UNKNOWN else transport or UNKNOWN).lower()
    return f"{name}/{port}" if port else name


def _judged(
    link: Mapping[str, Any],
    source: str,
    target: str,
    services: Sequence[str],
    placed: Mapping[str, Asset],
    model: Model,
) -> Iterable[tuple[str, Sequence[str], str]]:
    rules = [rule for rule in model.conduits if rule.joins(source, target)]
    if model.conduits and source != target:
        if not rules:
            yield "undeclared_conduit", services, f"{source} to {target}: no conduit is declared"
        elif undeclared := _undeclared(link, rules):
            yield "undeclared_service", undeclared, f"{source} to {target}: the conduit is not declared for this"
    if rules:
        return  # what is declared is meant
    levels = [str(placed.get(link[end], {}).get("level") or "") for end in ("source", "target")]
    if source == EXTERNAL or target == EXTERNAL:
        return  # the internet has no level; see entry points
    if any(level in OT_LEVELS for level in levels) and any(level in IT_LEVELS for level in levels):
        yield "level_skip", services, f"level {levels[0]} to level {levels[1]}: past the industrial DMZ"
    elif all(level in OT_LEVELS for level in levels) and abs(float(levels[0]) - float(levels[1])) > FARTHEST:
        yield "level_skip", services, f"level {levels[0]} to level {levels[1]}: levels between are skipped"


def _undeclared(link: Mapping[str, Any], rules: Sequence[Any]) -> list[str]:
    """Services of a link that no rule allows. ``modbus`` allows it at any port, ``tcp/502`` whatever is spoken there."""
    if any(not rule.services for rule in rules):
        return []
    allowed = {service for rule in rules for service in rule.services}
    out = []
    for service in link.get("services", ()):
        name, transport, port = service_name(service), str(service.get("transport") or "").lower(), service.get("port")
        if allowed.isdisjoint({name, name.partition("/")[0], transport, f"{transport}/{port}"}):
            out.append(name)
    return sorted(set(out))
