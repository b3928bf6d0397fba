"""The report: self-contained, nothing from a vendor becomes markup, every asset is drawn once."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

from isthmus_hub.report import page, picture

HOST, WIRE = frozenset({"edr"}), frozenset({"ndr"})


def asset(name: str, zone: str | None, level: str | None, *instances: str) -> dict[str, Any]:
    return {
        "id": name,
        "name": name,
        "class": "plc",
        "zone": zone,
        "level": level,
        "scopes": [],
        "last_seen": None,
        "members": [{"instance": instance} for instance in instances],
    }


FLEET = [
    asset("a", "Cell 1", "1", "ndr"),
    asset("b", "Cell 1", "1", "edr", "ndr"),
    asset("c", "Office", "4", "edr"),
    asset("d", None, None),
]
LINK = {"source": "a", "target": "c"}


def test_every_asset_is_drawn_once_in_the_colour_of_who_sees_it() -> None:
    svg = ElementTree.fromstring(picture(FLEET, [LINK], host=HOST, wire=WIRE))
    dots = [node.get("class") for node in svg.iter() if node.tag.endswith("circle")]
    assert sorted(dots) == ["both", "host", "none", "wire"]


def test_communications_between_zones_are_one_conduit() -> None:
    svg = picture(FLEET, [LINK, LINK, {"source": "a", "target": "b"}], host=HOST, wire=WIRE)
    assert svg.count('class="conduit"') == 1
    assert "2 communications" in svg


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    html = whole(FLEET)
    assert "<script" not in html
    assert not re.search(r"""(src|href)\s*=|url\(|@import""", html)


def test_names_from_vendors_are_text() -> None:
    html = whole([asset('<img src=x onerror="alert(1)">', "<b>zone</b>", "1", "edr")])
    assert "<img" not in html
    assert "<b>zone" not in html


def whole(assets: list[dict[str, Any]]) -> str:
    return page(
        hub="north",
        primary="soc",
        assets=assets,
        communications=[],
        cells=[],
        gaps=[],
        deliveries=[],
        host=HOST,
        wire=WIRE,
        as_of="2026-03-01T00:00:00.000Z",
    )
