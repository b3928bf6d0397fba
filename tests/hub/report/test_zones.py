"""The map: zones on their level, conduits between them, and as much of it at 300 zones as can be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from tests.hub.report.site import asset, findings, link, plant

from isthmus_hub.report._zones import (
    BOX,
    GAP,
    HIGH,
    MOST_LINES,
    MOST_ZONES,
    WIDTH,
    Zone,
    layout,
    lines_between,
    picture,
    zone_map,
    zones_of,
)
from isthmus_hub.zones import Conditions, ConduitRule, Model, ZoneRule

PLC = asset("plc", "plc", "guardian", zone="Cell", zones=["Cell"], level="1", technology="ot")
PC = asset("pc", "workstation", "edr", zone="Office", zones=["Office"], level="4", technology="it")
LOST = asset("lost", "server", zone=None)


def rules(*conduits: ConduitRule) -> Model:
    levels = {"Cell": "1", "Office": "4"}
    return Model(
        tuple(ZoneRule(name, Conditions.parse({"zone": [name]}), level=level) for name, level in levels.items()),
        conduits,
    )


def paths(svg: str) -> list[str]:
    """The kinds of the lines that are drawn."""
    return [part.split('"')[0] for part in svg.split('<path class="')[1:]]


def drawn(zones: Sequence[Zone], conduits: Sequence[dict[str, Any]]) -> list[str]:
    boxes, rows, height = layout(zones)
    return paths(picture(boxes, rows, height, lines_between(boxes, conduits)))


def conduit(one: str, other: str, *broken: str) -> dict[str, Any]:
    return {"from": one, "to": other, "pairs": 1, "services": [], "broken": list(broken)}


def zone(name: str, level: str = "1", assets: int = 1) -> Zone:
    return Zone(name, level, assets, {"plc": assets}, {"wire": assets})


def overlap(boxes: Sequence[Any]) -> list[tuple[str, str]]:
    return [
        (one.zone.name, other.zone.name)
        for place, one in enumerate(boxes)
        for other in boxes[place + 1 :]
        if abs(one.x - other.x) < BOX and abs(one.y - other.y) < HIGH
    ]


def test_communications_between_two_zones_are_one_line_and_those_within_a_zone_are_none() -> None:
    svg = zone_map(findings([PLC, PC], [link(PLC, PC), link(PC, PLC), link(PLC, PLC)]))
    assert len(paths(svg)) == 1
    assert "Cell to Office" in svg
    assert "Office to Cell" in svg


def test_what_crosses_it_and_ot_and_what_nobody_declared_is_told_apart() -> None:
    crossing = findings([PLC, PC], [link(PC, PLC)])
    assert crossing.zones["violations"], "level 4 to level 1 goes past the DMZ"
    assert paths(zone_map(crossing)) == ["conduit broken"]
    declared = findings([PLC, PC], [link(PC, PLC)], model=rules(ConduitRule("Office", "Cell")))
    assert paths(zone_map(declared)) == ["conduit crossing"]


def test_ot_stands_below_it_with_a_line_between() -> None:
    boxes, rows, _ = layout(zones_of(findings([PLC, PC])))
    height = {box.zone.name: box.y for box in boxes}
    assert height["Office"] < height["Cell"]
    assert [level for level, *_ in rows] == ["4", "1"]
    assert "class=boundary" in zone_map(findings([PLC, PC]))
    assert "class=boundary" not in zone_map(findings([PC]))


def test_a_zone_that_no_sensor_sees_most_of_is_marked() -> None:
    svg = zone_map(findings([PLC, LOST]))
    assert svg.count('class="box blind"') == 1
    assert "most of it unwatched" in svg


def test_a_device_in_it_and_ot_at_once_is_a_line_between_its_zones_and_a_note_in_both() -> None:
    model = rules()
    both = asset("eng", "workstation", "edr", zone="Cell", zones=["Cell", "Office"], level="1", technology="ot")
    svg = zone_map(findings([PLC, PC, both], model=model))
    assert paths(svg) == ["conduit bridge"]
    assert svg.count("1 way into OT</text>") == 2
    assert "eng has addresses in Cell, Office" in svg


def test_a_device_in_several_networks_is_noted_in_its_zone() -> None:
    bindings = [{"scope": "plant", "address": "1"}, {"scope": "office", "address": "2"}]
    twice = asset(
        "eng", "workstation", "edr", zone="Cell", zones=["Cell"], scopes=["plant", "office"], bindings=bindings
    )
    svg = zone_map(findings([PLC, PC, twice]))
    assert "1 in several networks</text>" in svg
    assert "eng has addresses in office, plant" in svg


def test_boxes_do_not_overlap_and_stay_on_the_canvas() -> None:
    boxes, _, height = layout(
        [zone(f"{level} {number}", level, number + 1) for level in ("4", "1", "") for number in range(30)]
    )
    assert not overlap(boxes)
    assert all(box.x + BOX <= WIDTH and box.y + HIGH + GAP <= height for box in boxes)


def test_the_smallest_of_very_many_zones_share_a_box_and_none_is_lost() -> None:
    zones = [zone(f"cell {number}", assets=number + 1) for number in range(MOST_ZONES + 40)]
    boxes, _, _ = layout(zones)
    assert len(boxes) == MOST_ZONES
    assert sum(box.zone.assets for box in boxes) == sum(one.assets for one in zones)
    assert len(boxes[-1].zone.names) == 41
    last = f"cell {MOST_ZONES + 39}"
    assert drawn(zones, [conduit("cell 0", last)]) == ["conduit"], "a conduit of a zone that shares a box ends there"
    assert drawn(zones, [conduit("cell 0", last), conduit(last, "cell 1")]) == ["conduit"], "and so do its neighbours'"


def test_a_line_is_as_bad_as_the_worst_conduit_in_it() -> None:
    both = [conduit("a", "b"), conduit("b", "a", "past the DMZ")]
    assert drawn([zone("a"), zone("b")], both) == ["conduit broken"]


def test_a_zone_with_a_way_into_ot_has_its_own_box_however_small_it_is() -> None:
    zones = [zone(f"cell {number}", assets=9) for number in range(MOST_ZONES + 40)]
    small = Zone("small", "1", 1, {"plc": 1}, {"wire": 1}, entries=1)
    boxes, _, _ = layout([*zones, small])
    assert "small" in {box.zone.name for box in boxes}


def test_the_worst_conduits_are_drawn_where_there_are_too_many_and_the_rest_are_counted() -> None:
    names = [f"z{number}" for number in range(MOST_ZONES)]
    made = [asset(f"{name}-{level}", "plc", "wire", zone=f"{name}-{level}", zones=[f"{name}-{level}"], level=level) for name in names for level in ("4", "1")]  # fmt: skip
    office, cells = made[::2], made[1::2]
    svg = zone_map(findings(made, [link(one, other) for one in office for other in cells]))
    assert len(paths(svg)) == MOST_LINES
    assert f"{MOST_ZONES**2 - MOST_LINES} smaller lines not drawn" in svg


def test_the_picture_is_well_formed_with_its_attributes_in_quotes() -> None:
    svg = zone_map(plant(300)).split("</svg>")[0] + "</svg>"
    quoted = svg.replace("class=map", 'class="map"').replace("role=group", 'role="group"')
    for name in ("band", "level", "zone", "boundary", "soft"):
        quoted = quoted.replace(f"class={name}", f'class="{name}"')
    ElementTree.fromstring(quoted)


def test_the_end_of_a_conduit_that_is_no_zone_lies_outside() -> None:
    far = asset("far", "unknown", "wire", external=True)
    zones = {one.name: one.level for one in zones_of(findings([PLC, far], [{**link(PLC, far), "external": far["id"]}]))}
    assert zones == {"Cell": "1", "external": "outside"}
