"""The map of zones and conduits as SVG: a row for each Purdue level, IT above OT. Pure and deterministic.

It draws zones with counts, never assets, so that it is as readable at 20,000 assets as at 300.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

from isthmus_hub.report._findings import UNKNOWN, WITNESSES, Findings, zone_of
from isthmus_hub.report._markup import count, counted, few, minute, table, text, words

WIDTH, GUTTER, MARGIN = 1120, 150, 16
BOX, HIGH, GAP, BETWEEN = 224, 78, 16, 34
ACROSS = (WIDTH - GUTTER - MARGIN + GAP) // (BOX + GAP)
MOST_ZONES = 4 * ACROSS
"""Zones drawn on one level; the smallest beyond them share a box."""
MOST_LINES = 60
"""Between boxes; what is left out is in the table below."""
MOST_TOLD = 6
"""Conduits in the words of one line."""
MOST_ROWS = 400
CHARACTERS = 27
"""Of a zone's name that fit in its box."""
SMALL_CHARACTERS = 34
"""Of the line below it."""
OUTSIDE, NOT_KNOWN = "outside", ""
LEVEL_NAMES = {
    OUTSIDE: "Outside", "5": "Enterprise network", "4": "Site business network", "3.5": "Industrial DMZ", "3": "Site operations",
    "2": "Supervisory control", "1": "Basic control", "0": "Process", NOT_KNOWN: "Level not known",
}  # fmt: skip
IT_LEVELS = (OUTSIDE, "5", "4", "3.5")


@dataclass(frozen=True, slots=True)
class Zone:
    """What is drawn of a zone, or of several that share a box."""

    name: str
    level: str
    assets: int
    classes: Mapping[str, int]
    witnesses: Mapping[str, int]
    entries: int = 0
    """Ways into OT that lead through it."""
    bridges: int = 0
    """Devices in it that are in several networks."""
    names: tuple[str, ...] = ()
    """The zones that share the box."""

    @property
    def unwatched(self) -> bool:
        """Whether no sensor sees most of what is in it."""
        return self.witnesses.get("none", 0) * 2 > self.assets


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """A zone on the canvas; itself and no other."""

    zone: Zone
    x: float
    y: float

    @property
    def centre(self) -> tuple[float, float]:
        """Where conduits end."""
        return self.x + BOX / 2, self.y + HIGH / 2


Row = tuple[str, float, float]
"""A level, its top and its height."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is drawn between two boxes."""

    one: Box
    other: Box
    conduits: tuple[Mapping[str, Any], ...]


def zone_map(found: Findings) -> str:
    """The SVG, and under it the same as tables."""
    zones = zones_of(found)
    conduits = [dict(one) for one in found.zones["conduits"]]
    broken: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in found.zones["violations"]:
        broken[one["from"], one["to"]].append(words(one["kind"]))
    for one in conduits:
        one["broken"] = sorted(set(broken.get((one["from"], one["to"]), ())))
    conduits.sort(key=lambda one: (not one["broken"], -one["pairs"], one["from"], one["to"]))
    boxes, rows, height = layout(zones)
    lines = lines_between(boxes, [*_bridges(found), *conduits])
    drawn = picture(boxes, rows, height, lines[:MOST_LINES])
    return f"{drawn}{_key(len(lines) - MOST_LINES)}{_ways_in(found)}{_tables(found, conduits)}"


def zones_of(found: Findings) -> list[Zone]:
    """Every zone with who watches it; the ends of conduits that are no zones lie outside."""
    witnesses: dict[str, Counter[str]] = defaultdict(Counter)
    for asset in found.own:
        witnesses[zone_of(asset)][found.witness(asset)] += 1
    entries = Counter(name for point in found.zones["entry_points"] for name in point["zones"] or (UNKNOWN,))
    homes = {asset["id"]: zone_of(asset) for asset in found.own}
    bridges = Counter(homes[id] for id in found.bridging if id in homes)
    zones = [
        Zone(
            str(one["name"]),
            str(one["level"]) if str(one["level"]) in LEVEL_NAMES else NOT_KNOWN,
            int(one["assets"]),
            one["classes"],
            witnesses[str(one["name"])],
            entries[str(one["name"])],
            bridges[str(one["name"])],
        )
        for one in found.zones["zones"]
    ]
    known = {zone.name for zone in zones}
    ends = {str(one[end]) for one in found.zones["conduits"] for end in ("from", "to")} - known
    return [*zones, *(Zone(name, OUTSIDE, 0, {}, {}) for name in sorted(ends))]


def picture(boxes: Sequence[Box], rows: Sequence[Row], height: float, lines: Sequence[Line]) -> str:
    """The SVG element of a layout, with the lines, the worst of them first."""
    parts = [f'<svg class=map viewBox="0 0 {WIDTH} {height:.0f}" role=group aria-label="Zones by Purdue level, and the conduits between them">']  # fmt: skip
    parts += [_level(level, y, high) for level, y, high in rows]
    parts += _boundary(rows)
    parts += map(_path, reversed(lines))  # the worst are drawn last, over the others
    parts += [_box(box) for box in boxes]
    return "".join([*parts, "</svg>"])


def lines_between(boxes: Sequence[Box], conduits: Iterable[Mapping[str, Any]]) -> list[Line]:
    """One line for all the conduits between two boxes, in the order in which the first of each comes.

    ``conduits`` carry in ``broken`` what they break.
    """
    home = {name: box for box in boxes for name in (box.zone.names or (box.zone.name,))}
    together: dict[tuple[Box, Box], list[Mapping[str, Any]]] = defaultdict(list)
    for conduit in conduits:
        one, other = home.get(conduit["from"]), home.get(conduit["to"])
        if one and other and one is not other:
            together[(other, one) if (other, one) in together else (one, other)].append(conduit)
    return [Line(one, other, tuple(each)) for (one, other), each in together.items()]


def layout(zones: Sequence[Zone]) -> tuple[list[Box], list[Row], float]:
    """Boxes; rows as level, top and height; the height of the canvas. Zones with ways into OT, then large ones, come first on their level."""
    levels: dict[str, list[Zone]] = defaultdict(list)
    for zone in zones:
        levels[zone.level].append(zone)
    boxes: list[Box] = []
    rows: list[Row] = []
    y = float(MARGIN)
    for level in LEVEL_NAMES:
        if not levels[level]:
            continue
        row = _at_most(
            sorted(levels[level], key=lambda zone: (not zone.entries, not zone.bridges, -zone.assets, zone.name))
        )
        for number, zone in enumerate(row):
            boxes.append(Box(zone, GUTTER + (number % ACROSS) * (BOX + GAP), y + (number // ACROSS) * (HIGH + GAP)))
        high = -(-len(row) // ACROSS) * (HIGH + GAP) - GAP
        rows.append((level, y, float(high)))
        y += high + BETWEEN
    return boxes, rows, max(y - BETWEEN, MARGIN) + MARGIN


def _at_most(row: list[Zone]) -> list[Zone]:
    if len(row) <= MOST_ZONES:
        return row
    shown, rest = row[: MOST_ZONES - 1], row[MOST_ZONES - 1 :]
    classes: Counter[str] = Counter()
    witnesses: Counter[str] = Counter()
    for zone in rest:
        classes.update(zone.classes)
        witnesses.update(zone.witnesses)
    together = Zone(
        f"{len(rest):,} smaller zones", rest[0].level, sum(zone.assets for zone in rest), classes, witnesses,
        sum(zone.entries for zone in rest), sum(zone.bridges for zone in rest), tuple(zone.name for zone in rest),
    )  # fmt: skip
    return [*shown, together]


def _level(level: str, y: float, high: float) -> str:
    number = f"Level {level}" if level[:1].isdigit() else ""
    place = "" if level in (NOT_KNOWN, OUTSIDE) else " · IT" if level in IT_LEVELS else " · OT"
    band = f'<rect class=band x="0" y="{y - 8:.0f}" width="{WIDTH}" height="{high + 16:.0f}" rx="6"/>'
    first = f'<text class=level x="12" y="{y + 20:.0f}">{number or LEVEL_NAMES[level]}<tspan class=soft>{place}</tspan></text>'  # fmt: skip
    second = f'<text class="soft small" x="12" y="{y + 38:.0f}">{LEVEL_NAMES[level]}</text>' if number else ""
    return band + first + second


def _boundary(rows: Sequence[Row]) -> list[str]:
    """The line between IT and OT, where both are there."""
    above = [y + high for level, y, high in rows if level in IT_LEVELS]
    below = [y for level, y, _ in rows if level not in (*IT_LEVELS, NOT_KNOWN)]
    if not above or not below:
        return []
    y = (max(above) + min(below)) / 2
    return [f'<line class=boundary x1="0" y1="{y:.0f}" x2="{WIDTH}" y2="{y:.0f}"/>']


def _box(box: Box) -> str:
    zone, x, y = box.zone, box.x, box.y
    name = "no zone known" if zone.name == UNKNOWN else zone.name
    short = name if len(name) <= CHARACTERS else name[: CHARACTERS - 1] + "…"
    seen = ", ".join(f"{number:,} {WITNESSES[key]}" for key in WITNESSES if (number := zone.witnesses.get(key, 0)))
    parts = (count(zone.assets, "asset"), seen, counted(zone.classes, 12), ", ".join(_notes(zone)), few(zone.names, 12))
    title = f"{name}: {'. '.join(filter(None, parts))}."
    told = count(zone.assets, "asset") if zone.assets or zone.level != OUTSIDE else "not part of the site"
    lines = [
        f"<title>{text(title)}</title>",
        f'<rect class="box{" blind" if zone.assets and zone.unwatched else ""}" x="{x:.0f}" y="{y:.0f}" width="{BOX}" height="{HIGH}" rx="8"/>',
        f'<text class=zone x="{x + 12:.0f}" y="{y + 21:.0f}">{text(short)}</text>',
        f'<text class="soft small" x="{x + 12:.0f}" y="{y + 39:.0f}">{text(_short(told + (": " + counted(zone.classes, 2) if zone.classes else "")))}</text>',
    ]
    at, room = x + 12, BOX - 24
    for key in WITNESSES:
        if zone.assets and (number := zone.witnesses.get(key, 0)):
            lines.append(f'<rect class="{key}" x="{at:.1f}" y="{y + 48:.0f}" width="{room * number / zone.assets:.1f}" height="7"/>')  # fmt: skip
            at += room * number / zone.assets
    note = " · ".join(_notes(zone))
    lines.append(
        f'<text class="warn small" x="{x + 12:.0f}" y="{y + 70:.0f}">{text(_short(note))}</text>' if note else ""
    )
    drawn = f"<g>{''.join(lines)}</g>"
    if zone.names or not zone.assets:
        return drawn
    return f'<a href="#inventory" data-column="zone" data-value="{text(zone.name)}">{drawn}</a>'


def _notes(zone: Zone) -> Iterable[str]:
    """What makes a zone a matter of concern."""
    if zone.entries:
        yield f"{count(zone.entries, 'way')} into OT"
    if zone.bridges:
        yield f"{zone.bridges:,} in several networks"
    if zone.assets and zone.unwatched:
        yield "most of it unwatched"


def _short(told: str) -> str:
    return told if len(told) <= SMALL_CHARACTERS else told[: SMALL_CHARACTERS - 1] + "…"


def _path(line: Line) -> str:
    one, other, conduits = line.one, line.other, line.conduits
    (x1, y1), (x2, y2) = one.centre, other.centre
    bow = 40.0 if y1 == y2 else 0.0  # neighbours on one row: the line leaves the boxes below
    middle = (y1 + y2) / 2 + bow * 1.6
    path = f"M{x1:.0f} {y1:.0f}C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {y2:.0f}"
    broken = any(each["broken"] for each in conduits)
    bridge = any("bridge" in each for each in conduits)
    kind = (
        "conduit bridge"
        if bridge
        else "conduit broken"
        if broken
        else "conduit crossing"
        if _crosses(one, other)
        else "conduit"
    )
    ends = f'data-from="{text(one.zone.name)}" data-to="{text(other.zone.name)}"'
    width = min(7.0, 1.5 + log2(1 + sum(each["pairs"] for each in conduits)) / 2)
    more = f". And {len(conduits) - MOST_TOLD:,} more conduits" if len(conduits) > MOST_TOLD else ""
    title = ". ".join(map(_told, conduits[:MOST_TOLD])) + more
    return f'<path class="{kind}" {ends} d="{path}" stroke-width="{width:.1f}"><title>{text(title)}</title></path>'


def _crosses(one: Box, other: Box) -> bool:
    """Whether it joins IT and OT."""
    levels = {one.zone.level, other.zone.level}
    return bool(levels & {*IT_LEVELS}) and bool(levels - {*IT_LEVELS, NOT_KNOWN})


def _bridges(found: Findings) -> list[dict[str, Any]]:
    """Devices in IT and OT at once, told as conduits between their zones."""
    return [
        {"from": point["zones"][0], "to": other, "pairs": 1, "services": (), "broken": [str(point["detail"])], "bridge": True}
        for point in found.zones["entry_points"]
        for other in point["zones"][1:]
    ]  # fmt: skip


def _told(conduit: Mapping[str, Any]) -> str:
    if "bridge" in conduit:
        return str(conduit["broken"][0])
    services = few([str(each["service"]) for each in conduit["services"]])
    broken = f" ({'; '.join(conduit['broken'])})" if conduit["broken"] else ""
    return f"{conduit['from']} to {conduit['to']}, {count(conduit['pairs'], 'pair')}: {services}{broken}"


def _key(left_out: int) -> str:
    shown = "".join(f"<span><i class={name}></i>{told}</span>" for name, told in WITNESSES.items())
    lines = "<span><i class='stroke'></i>conduit</span><span><i class='stroke crossing'></i>across IT and OT</span><span><i class='stroke broken'></i>not declared, or past the DMZ</span><span><i class='stroke bridge'></i>a device in IT and OT at once</span>"  # fmt: skip
    note = f"<span>{count(left_out, 'smaller line')} not drawn</span>" if left_out > 0 else ""
    return f"<div class=key>{shown}{lines}{note}</div>"


def _ways_in(found: Findings) -> str:
    points = [(words(point["kind"]), point["detail"], few(point["peers"])) for point in found.zones["entry_points"]]
    bridges = [("in several networks", gap["detail"], "") for gap in found.gaps["gaps"] if gap["kind"] == "bridge"]
    return _list("into OT that nobody declared", points) + _list("between networks", bridges)


def _list(title: str, ways: Sequence[tuple[str, str, str]]) -> str:
    if not ways:
        return ""
    shown = "".join(f"<li>{text(kind)}: {text(detail)} {text(peers)}</li>" for kind, detail, peers in ways[:MOST_ROWS])
    more = f"<li>{len(ways) - MOST_ROWS:,} more</li>" if len(ways) > MOST_ROWS else ""
    return f"<details open><summary>{count(len(ways), 'way')} {title}</summary><ul>{shown}{more}</ul></details>"


def _tables(found: Findings, conduits: Sequence[Mapping[str, Any]]) -> str:
    zones = table(
        ("Zone", "Level", "Kind", "Assets#", "Classes", "Owner", "Known from"),
        (
            f"<td>{text(one['name'])}<td>{text(one['level'] or '-')}<td>{text(one['technology'] or '-')}<td class=n>{one['assets']:,}"
            f"<td>{text(counted(one['classes']))}<td>{text(one['owner'] or counted(one['owners'], 2))}<td>{'the configuration' if one['declared'] else 'vendors'}"
            for one in found.zones["zones"][:MOST_ROWS]
        ),
        empty="No zones.",
    )
    across = table(
        ("From", "To", "Pairs#", "Services", "Seen by", "Last seen", "Finding"), map(_row, conduits[:MOST_ROWS]), empty="None was seen."
    )  # fmt: skip
    more = max(len(conduits), len(found.zones["zones"])) - MOST_ROWS
    note = f"<p class=soft>{more:,} more: <code>isthmus zones</code> lists all.</p>" if more > 0 else ""
    return f"<details><summary>As tables: {count(len(found.zones['zones']), 'zone')}, {count(len(conduits), 'conduit')}</summary><div class=wide>{zones}{across}</div>{note}</details>"


def _row(one: Mapping[str, Any]) -> str:
    services: Iterable[Mapping[str, Any]] = one["services"]
    finding = "; ".join(one["broken"]) or ("declared" if one["declared"] else "-")
    return (
        f"<td>{text(one['from'])}<td>{text(one['to'])}<td class=n>{one['pairs']:,}<td>{text(few([str(each['service']) for each in services]))}"
        f"<td>{text(few(list(one['instances'])))}<td>{text(minute(one['last_seen']))}<td>{text(finding)}"
    )


__all__ = ["Box", "Line", "Zone", "layout", "lines_between", "picture", "zone_map", "zones_of"]
