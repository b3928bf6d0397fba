"""The topology as SVG: zones as boxes on their Purdue level, assets as dots, conduits as lines. Pure and deterministic."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, log2
from typing import Any

WIDTH = 1120
MARGIN, GAP = 24, 22
DOT, STEP = 5, 15
HEAD = 40
ROW_GAP = 56
LEVELS = ("5", "4", "3.5", "3", "2", "1", "0")
LEVEL_NAMES = {
    "5": "Enterprise network", "4": "Site business network", "3.5": "Industrial DMZ", "3": "Site operations", "2": "Supervisory control",
    "1": "Basic control", "0": "Process",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Box:
    """A zone on the canvas."""

    zone: str
    level: str
    assets: tuple[Mapping[str, Any], ...]
    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        """Where conduits end."""
        return self.x + self.width / 2, self.y + self.height / 2


def witness(asset: Mapping[str, Any], host: frozenset[str], wire: frozenset[str]) -> str:
    """Which kinds of sensor see an asset: ``both``, ``host``, ``wire`` or ``none``."""
    seen = {member["instance"] for member in asset.get("members", ())}
    on_host, on_wire = bool(seen & host), bool(seen & wire)
    return "both" if on_host and on_wire else "host" if on_host else "wire" if on_wire else "none"


def picture(
    assets: Sequence[Mapping[str, Any]],
    communications: Iterable[Mapping[str, Any]],
    *,
    host: frozenset[str],
    wire: frozenset[str],
) -> str:
    """An SVG element. ``host`` and ``wire`` name the instances whose connectors sense hosts and networks."""
    boxes, height = layout(assets)
    by_zone = {box.zone: box for box in boxes}
    zone_of = {asset["id"]: _zone(asset) for asset in assets}
    conduits = Counter(
        tuple(sorted((zone_of[link["source"]], zone_of[link["target"]])))
        for link in communications
        if link["source"] in zone_of
        and link["target"] in zone_of
        and zone_of[link["source"]] != zone_of[link["target"]]
    )
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="Zones, assets and conduits" xmlns="http://www.w3.org/2000/svg">'
    ]
    parts += [_conduit(by_zone[one], by_zone[other], count) for (one, other), count in sorted(conduits.items())]
    parts += [_box(box, host, wire) for box in boxes]
    return "".join([*parts, "</svg>"])


def layout(assets: Sequence[Mapping[str, Any]]) -> tuple[list[Box], float]:
    """Place zones: one row per level, widths by the number of assets; returns the boxes and the height of the canvas."""
    zones: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for asset in assets:
        zones[_zone(asset)].append(asset)
    rows: dict[str, list[tuple[str, list[Mapping[str, Any]]]]] = defaultdict(list)
    for zone, members in zones.items():
        rows[_level(members)].append((zone, members))
    boxes: list[Box] = []
    y = float(MARGIN)
    for level in ("", *LEVELS):
        row = sorted(rows.get(level, ()))
        if not row:
            continue
        usable = WIDTH - 2 * MARGIN - GAP * (len(row) - 1)
        total = sum(_weight(members) for _, members in row)
        x, tallest = float(MARGIN), 0.0
        for zone, members in row:
            width = usable * _weight(members) / total
            height = HEAD + ceil(len(members) / max(1, int((width - 24) // STEP))) * STEP + 12
            boxes.append(
                Box(zone, level, tuple(sorted(members, key=lambda item: str(item["name"]))), x, y, width, height)
            )
            x += width + GAP
            tallest = max(tallest, height)
        y += tallest + ROW_GAP
    return boxes, y - ROW_GAP + MARGIN


def _weight(members: Sequence[Any]) -> float:
    return float(max(12.0, len(members) ** 0.75))


def _zone(asset: Mapping[str, Any]) -> str:
    """The declared zone; where nobody declares one, the network (address scope) the asset is in."""
    if zone := asset.get("zone"):
        return str(zone)
    named = [scope for scope in asset.get("scopes", ()) if scope != "default"]
    return f"network {named[0]}" if named else "no zone known"


def _level(members: Sequence[Mapping[str, Any]]) -> str:
    """The highest level that a quarter of the zone's assets have: a cell's controllers stand below its panels."""
    levels = Counter(str(asset["level"]) for asset in members if asset.get("level") in LEVELS)
    common = [level for level in LEVELS if levels[level] * 4 >= sum(levels.values())]
    return common[0] if common and levels else ""


def _box(box: Box, host: frozenset[str], wire: frozenset[str]) -> str:
    place = f"Level {box.level} · {LEVEL_NAMES[box.level]}" if box.level else "level not known"
    label = f'<text class="zone" x="{box.x + 12:.1f}" y="{box.y + 18:.1f}">{escape(box.zone)} <tspan class="soft">{len(box.assets)} assets</tspan></text>'
    label += f'<text class="soft small" x="{box.x + 12:.1f}" y="{box.y + 32:.1f}">{escape(place)}</text>'
    columns = max(1, int((box.width - 24) // STEP))
    dots = []
    for index, asset in enumerate(box.assets):
        x = box.x + 12 + DOT + (index % columns) * STEP
        y = box.y + HEAD + DOT + (index // columns) * STEP
        title = f"{asset['name']} · {asset['class']} · {', '.join(sorted({m['instance'] for m in asset['members']})) or 'nobody'}"
        dots.append(
            f'<circle class="{witness(asset, host, wire)}" cx="{x:.1f}" cy="{y:.1f}" r="{DOT}"><title>{escape(title)}</title></circle>'
        )
    frame = (
        f'<rect class="box" x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="8"/>'
    )
    return f"<g>{frame}{label}{''.join(dots)}</g>"


def _conduit(one: Box, other: Box, count: int) -> str:
    (x1, y1), (x2, y2) = one.centre, other.centre
    bend = (y1 + y2) / 2
    path = f"M{x1:.1f} {y1:.1f} C{x1:.1f} {bend:.1f} {x2:.1f} {bend:.1f} {x2:.1f} {y2:.1f}"
    title = f"{one.zone} to {other.zone}: {count} communications"
    return f'<path class="conduit" d="{path}" stroke-width="{1 + log2(1 + count):.1f}"><title>{escape(title)}</title></path>'
