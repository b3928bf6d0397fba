"""The inventory: the first rows as a table, all of them as data that the page's script searches, sorts and filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from isthmus_hub.report._findings import Findings, cell_name, seen_by, zone_of
from isthmus_hub.report._markup import count, data, minute, table, text

FIRST = 100
"""Rows that are there without the script."""
COLUMNS = ("name", "class", "zone", "level", "owner", "addresses", "product", "seen by", "last seen (UTC)")
ADDRESSES = 3


def inventory(found: Findings, numbers: Mapping[int, int]) -> str:
    """Search field, table, and the rows as JSON."""
    rows = [row_of(asset) for asset in found.own]
    first = table(
        [name[0].upper() + name[1:] for name in COLUMNS],
        ("".join(f"<td>{text(', '.join(value) if isinstance(value, list) else value)}" for value in row) for row in rows[:FIRST]),
        empty="No assets yet: run isthmus sync.",
        kind="inventory",
    )  # fmt: skip
    places = {asset["id"]: place for place, asset in enumerate(found.own)}
    held = {
        "columns": COLUMNS,
        "rows": rows,
        "gaps": _gaps(found, places, numbers),
        "cells": _cells(found, places),
        "exposed": [_rows((row["asset"] for row in each), places) for each in found.vulnerabilities],
    }
    more = f"<noscript><p class=soft>The first {FIRST} of {len(rows):,}; <code>isthmus assets</code> lists all.</p></noscript>"  # fmt: skip
    return (
        "<div class=tools hidden><label>Search <input id=search type=search autocomplete=off placeholder='name, address, class, zone, product'></label>"
        f"<button id=clear type=button hidden></button><span id=shown role=status>{count(len(rows), 'asset')}</span></div>"
        f"<div class=wide id=table>{first}</div>{more if len(rows) > FIRST else ''}<button id=more type=button hidden>Show more</button>"
        f"<script type=application/json id=assets>{data(held)}</script>"
    )


def row_of(asset: Mapping[str, Any]) -> list[str | list[str]]:
    """An asset as the columns' values."""
    addresses = [str(each) for each in asset.get("addresses", ())]
    product = " ".join(str(part) for part in (asset.get("vendor"), asset.get("model")) if part)
    return [
        str(asset.get("name") or ""),
        str(asset.get("class") or "unknown"),
        zone_of(asset),
        str(asset.get("level") or ""),
        str(asset.get("owner") or ""),
        addresses[:ADDRESSES] + ([f"and {len(addresses) - ADDRESSES} more"] if len(addresses) > ADDRESSES else []),
        product or str(asset.get("operating_system") or ""),
        sorted(seen_by(asset)),
        minute(asset.get("last_seen")).removesuffix(" UTC"),
    ]


def _gaps(found: Findings, places: Mapping[str, int], numbers: Mapping[int, int]) -> dict[str, list[int]]:
    """The rows of each gap's assets, by the gap's place in the page."""
    return {str(numbers[id(gap)]): _rows(gap["assets"], places) for gap in found.gaps["gaps"]}


def _cells(found: Findings, places: Mapping[str, int]) -> dict[str, list[int]]:
    """The rows behind each cell of the matrix that could be better with what is deployed, by :func:`cell_name`."""
    reachable = {(cell["asset_class"], cell["function"]) for cell in found.coverage["cells"] if cell["reachable"]}
    return {cell_name(*cell): _rows(found.unseen[cell], places) for cell in sorted(reachable & found.unseen.keys())}


def _rows(assets: Iterable[str], places: Mapping[str, int]) -> list[int]:
    return sorted(places[id] for id in assets if id in places)


__all__ = ["COLUMNS", "FIRST", "inventory", "row_of"]
