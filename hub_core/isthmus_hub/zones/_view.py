"""Zones and conduits in the shape of ``zones --json``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from isthmus_hub.zones._conduits import UNKNOWN, conduits, violations
from isthmus_hub.zones._entry import entry_points
from isthmus_hub.zones._model import EXTERNAL, Asset, Model, names_of, technology_of


def overview(assets: Sequence[Asset], communications: Iterable[Mapping[str, Any]], model: Model) -> dict[str, Any]:
    """Zones with what is in them, observed conduits, what breaks the declared model, and ways into OT.

    ``assets`` are placed. ``level`` of a zone that vendors name is that of most of its assets.
    """
    links = list(communications)
    return {
        "zones": _zones(assets, model),
        "conduits": [
            {
                "from": one.source,
                "to": one.target,
                "services": [{"service": name, "pairs": count} for name, count in sorted(one.services.items())],
                "pairs": len(one.pairs),
                "instances": sorted(one.instances),
                "first_seen": one.first_seen,
                "last_seen": one.last_seen,
                "declared": one.declared if model.conduits else None,
            }
            for one in conduits(assets, links, model)
        ],
        "violations": [
            {**_plain(asdict(one)), "from": one.source, "to": one.target} for one in violations(assets, links, model)
        ],
        "entry_points": [_plain(asdict(one)) for one in entry_points(assets, links, model)],
    }


def _zones(assets: Sequence[Asset], model: Model) -> list[dict[str, Any]]:
    own = [asset for asset in assets if not asset.get("external")]
    members: dict[str, list[Asset]] = {name: [] for name in names_of(model.zones)}
    for asset in own:
        members.setdefault(str(asset.get("zone") or UNKNOWN), []).append(asset)
    return [_zone(name, inside, model) for name, inside in sorted(members.items()) if name != EXTERNAL]


def _zone(name: str, inside: Sequence[Asset], model: Model) -> dict[str, Any]:
    rule = model.zone(name)
    levels = Counter(str(asset["level"]) for asset in inside if asset.get("level"))
    level = rule.level if rule else None
    if level is None and levels:
        level = min(levels, key=lambda each: (-levels[each], each))
    return {
        "name": name,
        "declared": rule is not None,
        "level": level,
        "technology": technology_of(level, rule.technology if rule else None),
        "security_level": rule.security_level if rule else None,
        "owner": rule.owner if rule else None,
        "assets": len(inside),
        "classes": dict(sorted(Counter(str(asset.get("class") or UNKNOWN) for asset in inside).items())),
        "owners": dict(sorted(Counter(str(asset.get("owner") or "none") for asset in inside).items())),
    }


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in fields.items()
        if name not in ("source", "target")
    }
