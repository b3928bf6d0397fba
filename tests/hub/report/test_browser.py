"""The report in a real browser: nothing leaves it, nothing is refused, and 20,000 assets can be searched."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.hub.report.chromium import Chromium
from tests.hub.report.site import asset, exposure, findings, link, plant

from isthmus_hub.report import Findings, page
from isthmus_hub.report._gaps import ranked

pytestmark = pytest.mark.timeout(180)
SHOWN = "document.getElementById('shown').textContent"
NAMES = "[...document.querySelectorAll('#table tbody tr')].map(row => row.cells[0].textContent)"


def look(folder: Path, found: Findings, at: Callable[[Chromium], Awaitable[Any]], *, script: bool = True) -> None:
    """Open a report, do something with it; it must not have asked for anything, nor complained."""
    file = folder / "report.html"
    file.write_text(page(found), "utf-8")

    async def run() -> None:
        async with Chromium() as browser:
            await browser.open(file, script=script)
            await at(browser)
            await browser.value("1")  # events up to here
            assert {one["request"]["url"] for one in browser.of("Network.requestWillBeSent")} == {file.as_uri()}
            assert browser.of("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled") == []

    asyncio.run(run())


def typed(words: str) -> str:
    return f"const field = document.getElementById('search'); field.value = {words!r}; field.dispatchEvent(new Event('input')); {SHOWN}"


def test_twenty_thousand_assets_are_searched_and_only_some_rows_are_drawn(tmp_path: Path) -> None:
    found = plant(20_000, zones_per_level=40)

    async def at(browser: Chromium) -> None:
        assert await browser.value(SHOWN) == "20,000 assets"
        assert len(await browser.value(NAMES)) == 100
        name = found.own[12_345]["name"]
        assert await browser.value(typed(f"{name} acme")) in ("1 of 20,000 assets",)
        assert await browser.value(NAMES) == [name]
        await browser.value("document.getElementById('search').value = ''")
        assert await browser.value("document.querySelectorAll('svg.map .box').length < 200")

    look(tmp_path, found, at)


def test_a_gap_a_zone_and_a_cell_of_the_matrix_lead_to_their_assets(tmp_path: Path) -> None:
    found = plant(150)
    gaps = ranked(found.gaps["gaps"])
    names = {one["id"]: one["name"] for one in found.own}

    async def at(browser: Chromium) -> None:
        await browser.value("document.querySelector('[data-gap=\"1\"]').click()")
        expected = {names[id] for id in gaps[1]["assets"]}
        assert await browser.value(SHOWN) == f"{len(expected)} of 150 assets"
        assert set(await browser.value(NAMES)) <= expected
        zone = found.own[0]["zone"]
        await browser.value(
            f"document.querySelector('svg [data-value=\"{zone}\"]').dispatchEvent(new MouseEvent('click', {{bubbles: true}}))"
        )
        inside = [one["name"] for one in found.own if one["zone"] == zone]
        assert sorted(await browser.value(NAMES)) == sorted(inside)
        await browser.value("document.getElementById('clear').click()")
        assert await browser.value(SHOWN) == "150 assets"
        cell = next(one for one in found.coverage["cells"] if one["reachable"] and one["observed"] < one["assets"])
        label = f"{cell['asset_class']}: not seen for {cell['function']}"
        await browser.value(f"document.querySelector('[data-label=\"{label}\"]').click()")
        assert await browser.value(SHOWN) == f"{cell['assets'] - cell['observed']} of 150 assets"

    look(tmp_path, found, at)


def test_a_vulnerability_leads_to_the_assets_that_are_open_to_it(tmp_path: Path) -> None:
    assets = [asset(f"plc-{number}", "plc", "guardian") for number in range(9)]
    found = findings(assets, exposures=[exposure(assets[number], "CVE-2024-1", 50.0) for number in (3, 5)])

    async def at(browser: Chromium) -> None:
        await browser.value("document.querySelector('[data-exposed]').click()")
        assert await browser.value(NAMES) == ["plc-3", "plc-5"]
        assert await browser.value(SHOWN) == "2 of 9 assets"
        assert "open to CVE-2024-1" in await browser.value("document.getElementById('clear').textContent")

    look(tmp_path, found, at)


def test_a_class_opens_again_after_it_was_closed(tmp_path: Path) -> None:
    opened = "document.getElementById('class-0').parentElement.open"

    async def at(browser: Chromium) -> None:
        for _ in range(2):
            assert not await browser.value(opened)
            await browser.value("document.querySelector('.heat a').click()")
            assert await browser.value(opened)
            await browser.value(f"{opened} = false")

    look(tmp_path, plant(20), at)


def test_columns_are_sorted_both_ways_with_numbers_as_numbers(tmp_path: Path) -> None:
    found = findings([asset(name, "plc", "guardian") for name in ("plc-10", "plc-9", "plc-100")])

    async def at(browser: Chromium) -> None:
        click = "document.querySelector('#table th button').click()"
        await browser.value(click)
        assert await browser.value(NAMES) == ["plc-9", "plc-10", "plc-100"]
        await browser.value(click)
        assert await browser.value(NAMES) == ["plc-100", "plc-10", "plc-9"]
        assert await browser.value("document.querySelector('#table th').getAttribute('aria-sort')") == "descending"

    look(tmp_path, found, at)


def test_hostile_names_are_shown_as_they_are(tmp_path: Path) -> None:
    name = """</script><img src="http://127.0.0.1:9/x" onerror="window.struck=1"><!--"""
    one = asset(name, "plc", name, zone=name, zones=[name], level="1", owner=name, vendor=name)
    two = asset("pc", "workstation", "edr", zone="office", zones=["office"], level="4")

    async def at(browser: Chromium) -> None:
        assert set(await browser.value(NAMES)) == {name, "pc"}
        assert await browser.value("window.struck === undefined && document.images.length === 0")

    look(tmp_path, findings([one, two], [link(one, two, name)], hub=name), at)


def test_it_fits_a_narrow_screen(tmp_path: Path) -> None:
    async def at(browser: Chromium) -> None:
        await browser.ask(
            "Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=False
        )
        assert await browser.value("document.documentElement.scrollWidth <= innerWidth")

    look(tmp_path, plant(150), at)


def test_what_the_tools_need_a_script_for_is_there_with_scripts_alone(tmp_path: Path) -> None:
    async def at(browser: Chromium) -> None:
        assert await browser.value("document.getElementById('search').checkVisibility()")

    look(tmp_path, plant(5), at)
    assert "<div class=tools hidden>" in page(plant(5))


def test_without_scripts_the_page_still_answers(tmp_path: Path) -> None:
    found = plant(150)

    async def at(browser: Chromium) -> None:
        text = (await browser.ask("DOM.getDocument", depth=-1))["root"]
        shown = str(text)
        assert "The worst gaps" in shown
        assert "The first 100 of 150" in shown

    file = tmp_path / "report.html"
    file.write_text(page(found), "utf-8")

    async def run() -> None:
        async with Chromium() as browser:
            await browser.open(file, script=False)
            await at(browser)

    asyncio.run(run())
