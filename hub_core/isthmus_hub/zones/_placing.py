"""Which zone each asset is in, and who owns it. Pure; assets in the shape of ``assets --json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from isthmus_hub.zones._model import EXTERNAL, Asset, Model, OwnerRule, ZoneRule, technology_of, words_of


def place(assets: Iterable[Asset], model: Model) -> list[dict[str, Any]]:
    """The assets with their zones and owners.

    ``zone`` becomes the declared one where a rule matches, ``vendor_zone`` keeps what the sources say, ``zone_source`` is
    ``declared`` or ``vendor``. A declared level replaces an inferred one (``level_source`` becomes ``declared``). ``zones``
    are all zones it has an address in: more than one is a bridge. ``owner`` is a team or ``None``.
    """
    return [_placed(asset, model) for asset in assets]


def owned_by(assets: Iterable[Asset], owner: str) -> list[Asset]:
    """Those of one team. Unowned ones belong to ``none``."""
    return [asset for asset in assets if (asset.get("owner") or "none") == owner]


def _placed(asset: Asset, model: Model) -> dict[str, Any]:
    if asset.get("external"):
        return {**asset, "zone": EXTERNAL, "vendor_zone": asset.get("zone"), "zone_source": None, "zones": [EXTERNAL], "owner": None}  # fmt: skip
    homes = _homes(asset, model.zones)
    rule = homes[0] if homes else None
    vendor = asset.get("zone")
    placed = {
        **asset,
        "zone": rule.name if rule else vendor,
        "vendor_zone": vendor,
        "zone_source": "declared" if rule else "vendor" if vendor else None,
        "zones": [home.name for home in homes] or ([vendor] if vendor else []),
        "security_level": rule.security_level if rule else None,
    }
    if rule and rule.level is not None:
        placed |= {"level": rule.level, "level_source": "declared"}
    if not placed.get("technology") and rule:
        placed["technology"] = technology_of(rule.level, rule.technology)
    placed["owner"] = _owner(placed, model.owners, rule)
    return placed


def _homes(asset: Asset, rules: Sequence[ZoneRule]) -> list[ZoneRule]:
    """Zones it is in, by each of its addresses; the one most of them are in first, then in the order of the rules."""
    if not rules:
        return []
    said = words_of(asset)
    bindings: Sequence[Mapping[str, str] | None] = asset.get("bindings") or (None,)
    found = [next((rule for rule in rules if rule.when.hold(asset, said, each)), None) for each in bindings]
    named: dict[str, tuple[int, int, ZoneRule]] = {}
    for rule in found:
        if rule is not None:
            count, place, _ = named.get(rule.name, (0, -rules.index(rule), rule))
            named[rule.name] = (count + 1, place, rule)
    return [rule for _, _, rule in sorted(named.values(), key=lambda each: each[:2], reverse=True)]


def _owner(asset: Asset, rules: Sequence[OwnerRule], zone: ZoneRule | None) -> str | None:
    said = words_of(asset)
    bindings: Sequence[Mapping[str, str] | None] = asset.get("bindings") or (None,)
    for rule in rules:
        if any(rule.when.hold(asset, said, each) for each in bindings):
            return rule.name
    return zone.owner if zone else None
