"""Assets and sources as coverage takes them, and a made-up site with all products of the identity tests as such."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from tests.hub.assets.site import build, observed

from isthmus_hub.assets import observation, partition
from isthmus_hub.coverage import Capability, Source, gaps

NOW = datetime(2026, 5, 31, tzinfo=UTC)
"""The end of the made-up site's thirty days."""
EDR = (Capability("detect", ("Process Creation", "Module Load"), ("*",)),)
SENSOR = (
    Capability("detect", ("Network Traffic Flow", "Network Traffic Content"), ("*",)),
    Capability("identify", ("Asset Inventory", "Software"), ("*",)),
)
WIRE = (Capability("detect", ("Network Traffic Flow", "Network Connection Creation"), ("*",)),)
INVENTORY = (Capability("identify", ("Asset Inventory",), ("*",)),)
SCANNER = (Capability("identify", ("Software",), ("*",)),)
PRODUCTS = {
    "edr": EDR, "scanner": SCANNER, "cmdb": INVENTORY, "guardian": SENSOR, "xdome": SENSOR, "dhcp": INVENTORY, "wire": WIRE,
}  # fmt: skip
SOURCES = [Source(name, declared, name) for name, declared in PRODUCTS.items()]


def asset(name: str, kind: str, *instances: str, seen: str = "2026-05-30T12:00:00.000Z", **more: Any) -> dict[str, Any]:
    members = [{"instance": instance, "stream": "s", "native_id": name, "last_seen": seen} for instance in instances]
    return {"id": name, "name": name, "class": kind, "members": members, "scopes": [], "bindings": [], **more}


@cache
def site(seed: int, devices: int = 90) -> tuple[dict[str, Any], ...]:
    """The inventory that identity resolution makes of a made-up site, in the shape of ``assets --json``."""
    records = {record.id: record for record in observed(build(seed, devices))}
    parts = partition([observation(record.id, record.facts) for record in records.values()])
    return tuple(_resolved([records[id] for id in cluster]) for cluster in parts.clusters)


def _resolved(records: Sequence[Any]) -> dict[str, Any]:
    ordered = sorted(records, key=lambda record: record.id)
    facts = [record.facts for record in ordered]
    return {
        "id": ordered[0].id,
        "name": next((one["hostname"] for one in facts if one.get("hostname")), ordered[0].truth),
        "class": next((one["asset_class"] for one in facts if one.get("asset_class")), "unknown"),
        "technology": next((one["technology"] for one in facts if one.get("technology")), None),
        "bindings": [],
        "members": [
            {
                "instance": record.source,
                "stream": "s",
                "native_id": record.id,
                "last_seen": record.facts.get("last_seen"),
            }
            for record in ordered
        ],
    }


def without(assets: Iterable[dict[str, Any]], instance: str, hidden: Iterable[str]) -> list[dict[str, Any]]:
    """The same assets, some of them without what one source said."""
    gone = frozenset(hidden)
    return [
        one
        if one["id"] not in gone
        else {**one, "members": [each for each in one["members"] if each["instance"] != instance]}
        for one in assets
    ]


def table(assets: Iterable[dict[str, Any]], sources: Sequence[Source], **more: Any) -> dict[tuple[str, str], set[str]]:
    """Gaps as (kind, cause) to the assets they name."""
    out: dict[tuple[str, str], set[str]] = {}
    for gap in gaps(assets, more.pop("links", []), sources, now=NOW, **more):
        out.setdefault((gap.kind, gap.cause), set()).update(gap.assets)
    return out
