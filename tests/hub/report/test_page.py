"""The report: one file that loads nothing, in which nothing from a vendor becomes markup, and whose counts add up."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from tests.hub.report.site import asset, exposure, findings, link, plant

import isthmus_hub.report
from isthmus_hub.coverage import CAUSES as ALL_CAUSES
from isthmus_hub.coverage import KINDS as ALL_KINDS
from isthmus_hub.report import Findings, page
from isthmus_hub.report._findings import MOST_VULNERABILITIES as MOST
from isthmus_hub.report._gaps import CAUSES, KINDS, WORST, closing, ranked
from isthmus_hub.report._inventory import FIRST
from isthmus_hub.report._markup import percent
from isthmus_hub.report._matrix import MOST_CLASSES

HOSTILE = """<img src=x onerror=alert(1)> "'></script><script>alert(2)</script><!-- \u2028 &lt;"""


class Parsed(HTMLParser):
    """Elements with their attributes, and what stands in scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, str] = {}
        self._open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = f"{tag} {dict(attrs).get('type', '')}".strip()

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.inside[self._open] = self.inside.get(self._open, "") + data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.inside["script application/json"])
        return found


def test_the_public_face_is_small() -> None:
    assert isthmus_hub.report.__all__ == ["Findings", "exploited", "page"]


def test_the_page_loads_nothing_from_anywhere() -> None:
    html = page(plant(60))
    assert not re.search(r"url\(|@import|https?://|//[a-z]", html)
    for tag, attributes in Parsed(html).elements:
        assert tag not in ("link", "iframe", "object", "embed", "img", "base", "form"), tag
        assert not {"src", "srcset", "style", "xlink:href", "action"} & attributes.keys(), (tag, attributes)
        assert str(attributes.get("href", "#")).startswith("#"), attributes
        assert not [name for name in attributes if name.startswith("on")], attributes


def test_only_the_pages_own_script_and_style_may_run() -> None:
    parsed = Parsed(page(plant(5)))
    policy = next(
        str(one["content"]) for one in parsed.of("meta") if one.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for rule, element in (("script-src", "script"), ("style-src", "style")):
        digest = base64.b64encode(hashlib.sha256(parsed.inside[element].encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


def test_what_vendors_write_is_text_everywhere() -> None:
    """The same page with names that mean nothing has the same elements."""

    def written(name: str) -> Findings:
        one = asset(
            f"{name}1",
            "plc",
            name,
            zone=name,
            zones=[name],
            level="1",
            owner=name,
            vendor=name,
            model=name,
            addresses=[name],
        )
        two = asset(f"{name}2", "workstation", "edr", zone=f"{name}z", zones=[f"{name}z"], level="4")
        three = asset(
            f"{name}3",
            name,
            "edr",
            scopes=[name, "b"],
            bindings=[{"scope": name, "address": "1"}, {"scope": "b", "address": "2"}],
        )
        rows = [
            {
                "platform": name,
                "in": 1,
                "accepted": 1,
                "duplicate": 0,
                "rejected": 0,
                "pending": 0,
                "dropped": {name: 1},
            }
        ]
        open_to = [
            exposure(one, name, 50.0, fix=name, instances=[name]),
            exposure(two, f"{name}2", 9.0, kev=True, crown_jewel=True),
        ]
        return findings(
            [one, two, three],
            [link(one, two, name)],
            hub=name,
            primary=name,
            owner=name,
            as_of=name,
            deliveries=rows,
            exposures=open_to,
        )

    hostile, plain = Parsed(page(written(HOSTILE))), Parsed(page(written("harmless")))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert [attributes.keys() for _, attributes in hostile.elements] == [
        attributes.keys() for _, attributes in plain.elements
    ]
    assert {row[0] for row in hostile.data()["rows"]} == {f"{HOSTILE}{number}" for number in (1, 2, 3)}


def test_every_asset_is_in_the_inventory_once_and_the_zones_of_the_map_hold_them_all() -> None:
    parsed = Parsed(page(plant(250)))
    names = [row[0] for row in parsed.data()["rows"]]
    assert len(names) == len(set(names)) == 250
    titles = re.findall(r"<title>[^<]*?: ([\d,]+) assets?\.", page(plant(250)))
    assert sum(int(number.replace(",", "")) for number in titles) == 250


def test_a_thing_outside_the_organisation_is_no_asset() -> None:
    html = page(findings([asset("own", "plc", "guardian"), asset("8.8.8.8", "unknown", "wire", external=True)]))
    assert [row[0] for row in Parsed(html).data()["rows"]] == ["own"]
    assert "<b>1</b>asset in one inventory" in html


def test_the_first_rows_are_there_without_the_script_and_it_says_how_many_there_are() -> None:
    html = page(plant(FIRST + 30))
    assert html.count("<td>Acme M") == FIRST
    assert f"The first {FIRST} of {FIRST + 30}" in html
    assert "<noscript>" not in page(plant(FIRST))


def test_a_gaps_number_leads_to_exactly_its_assets() -> None:
    found = plant(120)
    data = Parsed(page(found)).data()
    for number, gap in enumerate(ranked(found.gaps["gaps"])):
        names = {data["rows"][place][0] for place in data["gaps"][str(number)]}
        assert names == {id.removeprefix("infrastructure--") for id in gap["assets"]}, gap["detail"]


def test_a_vulnerability_is_told_once_with_the_assets_that_are_open_to_it() -> None:
    one, two, three = (asset(f"plc-{number}", "plc", "guardian") for number in range(3))
    rows = [
        exposure(two, "CVE-2024-1", 80.0, kev=True, epss=0.9, cvss=7.5, reach="internet", crown_jewel=True, fix="4.2"),
        exposure(one, "CVE-2023-2", 9.5, epss=0.034, instances=["guardian", "scanner"]),
        exposure(three, "CVE-2024-1", 4.0, kev=True, reach="own_zone"),
    ]
    html = page(findings([one, two, three], exposures=rows))
    assert [[row["name"] for row in each] for each in findings([one], exposures=rows).vulnerabilities] == [
        ["CVE-2024-1", "CVE-2024-1"],
        ["CVE-2023-2"],
    ]
    lines = [line for line in html.split("<tr>") if "data-exposed=" in line]
    assert [re.sub(r"<[^>]+>", "|", line).strip("|").split("|")[:3] for line in lines] == [
        ["80.0", "CVE-2024-1", ""],
        ["9.5", "CVE-2023-2", "EPSS 0.03"],
    ]
    assert "<b>KEV</b>" in lines[0]
    assert "plc-1 <b>crown jewel</b>" in lines[0]
    assert "1 internet, 1 own zone" in lines[0]
    data = Parsed(html).data()
    assert [{data["rows"][place][0] for place in each} for each in data["exposed"]] == [{"plc-1", "plc-2"}, {"plc-0"}]
    assert "<b>3</b>open exposures (2 known to be exploited)" in html


def test_of_very_many_vulnerabilities_the_most_urgent_are_listed_and_the_rest_counted() -> None:
    one = asset("plc", "plc", "guardian")
    rows = [exposure(one, f"CVE-{number}", 100.0 - number) for number in range(MOST + 8)]
    html = page(findings([one], exposures=rows))
    assert html.count("data-exposed=") == MOST
    assert f"The first {MOST} of {MOST + 8} vulnerabilities" in html
    assert f"CVE-{MOST}<" not in html


def test_the_number_behind_a_cell_is_that_of_its_assets_stale_ones_too() -> None:
    """A class is spelled in the matrix as manifests spell it, whatever a vendor writes."""
    old = {"instance": "edr", "stream": "s", "native_id": "b", "last_seen": "2020-01-01T00:00:00.000Z"}
    found = findings(
        [asset("a", "Engineering Workstation", "edr"), asset("b", "engineering_workstation", members=[old]),
         asset("c", "engineering-workstation", "cmdb")]
    )  # fmt: skip
    html = page(found)
    data = Parsed(html).data()
    for cell in found.coverage["cells"]:
        name = f"{cell['function']} {cell['asset_class']}"
        missing = cell["assets"] - cell["observed"]
        assert len(data["cells"].get(name, ())) == (missing if cell["reachable"] else 0), name
        assert (f"data-cell='{name}'" in html) == bool(missing and cell["reachable"]), name
    assert {data["rows"][place][0] for place in data["cells"]["detect engineering-workstation"]} == {"b", "c"}


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [(0, 0, "0%"), (0, 9, "0%"), (9, 9, "100%"), (19_999, 20_000, "99%"), (1, 20_000, "under 1%"), (1, 2, "50%")],
)
def test_a_share_is_never_told_better_than_it_is(part: int, whole: int, told: str) -> None:
    assert percent(part, whole) == told


def test_of_very_many_classes_the_largest_are_shown_and_the_rest_counted() -> None:
    many = [asset(f"a{number}", f"class-{number}", "edr") for number in range(MOST_CLASSES + 5)]
    html = page(findings([*many, asset("twin", f"class-{MOST_CLASSES + 4}", "edr")]))
    assert f">class-{MOST_CLASSES + 4}</a>" in html
    assert html.count("<th scope=row>") == MOST_CLASSES
    assert "5 smaller classes with 5 assets" in html


def test_a_page_of_nothing_says_what_to_do() -> None:
    assert "No assets yet: run isthmus sync." in page(findings([]))


# -- gaps ------------------------------------------------------------------------------------------------------------------


def gap(kind: str, cause: str, number: int, precious: int = 0, **closed_by: int) -> dict[str, Any]:
    assets = [f"{kind}-{each}" for each in range(number)]
    return {
        "kind": kind,
        "cause": cause,
        "assets": assets,
        "detail": kind,
        "hearsay": [],
        "precious": precious,
        "closed_by": closed_by,
    }


def test_ways_in_come_before_what_could_be_closed_and_that_before_doubts_and_what_nobody_offers() -> None:
    found = ranked(
        [
            gap("not_in_edr", "not_declared", 500),
            gap("weak_witness", "single_witness", 400),
            gap("unscanned", "asset_absent", 30),
            gap("not_on_wire", "stale", 2, precious=1),
            gap("bridge", "none", 1),
        ]
    )
    assert [one["kind"] for one in found] == ["bridge", "not_on_wire", "unscanned", "weak_witness", "not_in_edr"]


def test_the_first_screen_shows_ten_and_counts_the_rest() -> None:
    found = plant(400)
    total = len(found.gaps["gaps"])
    assert total > WORST
    first = page(found).split("The worst gaps")[1].split("</section>")[0]
    assert first.count("<td class=kind>") == WORST
    assert f"{total - WORST} more" in first


def test_what_would_close_a_gap_names_the_best_connectors_and_what_can_be_done_without() -> None:
    assert (
        closing(gap("unscanned", "asset_absent", 9, edr=9, xdome=4, scanner=2))
        == "put them into it, or add edr (9), xdome (4) and 1 more"
    )
    assert closing(gap("not_in_edr", "not_declared", 3)) == "nothing that is installed"


def test_every_kind_and_cause_of_gap_has_words() -> None:
    assert KINDS.keys() == set(ALL_KINDS)
    assert CAUSES.keys() == set(ALL_CAUSES)
