"""The heat map of asset class by function, and behind each class what it consists of, technique by technique."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from isthmus_hub.report._findings import FUNCTIONS, Findings, cell_name
from isthmus_hub.report._markup import count, few, minute, percent, table, text

MOST_CLASSES = 60
"""Rows of the map; vendors who make up a class for each model cannot drown the others."""
Cell = Mapping[str, Any]


def matrix(found: Findings) -> str:
    """The map, and a part to open for each class."""
    rows: dict[str, dict[str, Cell]] = defaultdict(dict)
    for cell in found.coverage["cells"]:
        rows[str(cell["asset_class"])][str(cell["function"])] = cell
    techniques: dict[str, list[Cell]] = defaultdict(list)
    for row in found.coverage["technique_rows"]:
        techniques[str(row["asset_class"])].append(row)
    ranked = sorted(rows, key=lambda name: (-_size(rows[name]), name))
    numbers = {name: number for number, name in enumerate(ranked[:MOST_CLASSES])}
    heat = table(
        ("Asset class", "Assets#", *(name.capitalize() for name in FUNCTIONS), "ICS techniques seen"),
        (
            f"<th scope=row><a href='#class-{number}'>{text(name)}</a><td class=n>{_size(rows[name]):,}{''.join(_cell(name, function, rows[name].get(function), number) for function in FUNCTIONS)}<td>{_techniques(found, name)}"
            for name, number in numbers.items()
        ),
        empty="No assets yet.",
        kind="heat",
    )
    behind = "".join(_behind(name, number, rows[name], techniques[name]) for name, number in numbers.items())
    rest = ranked[MOST_CLASSES:]
    smaller = count(sum(_size(rows[name]) for name in rest), "asset")
    more = f"<p class=soft>{len(rest):,} smaller classes with {smaller}: <code>isthmus coverage</code> lists all.</p>"
    return f"<div class=wide>{heat}</div>{more if rest else ''}{behind}"


def _size(row: Mapping[str, Cell]) -> int:
    return max(int(cell["assets"]) for cell in row.values())


def _cell(name: str, function: str, cell: Cell | None, number: int) -> str:
    if cell is None or not cell["declared_by"]:
        return "<td class='cell none-declared'>no connector"
    what = text(f"{name}, {function}")
    who = text(", ".join(cell["reachable_by"] or cell["declared_by"]))
    if not cell["reachable"]:
        return f"<td class='cell offered' title='{who}'><a href='#class-{number}' aria-label='{what}: not deployed'>not deployed</a>"
    heat, share = round(10 * cell["share"]), percent(cell["observed"], cell["assets"])
    return f"<td class='cell h{heat}' title='{who}'><a href='#class-{number}' aria-label='{what}: {share}'>{share}</a>"


def _techniques(found: Findings, asset_class: str) -> str:
    entries = [domain[asset_class] for domain in found.coverage["techniques"].values() if asset_class in domain]
    if not entries:
        return "<span class=soft>none targets it</span>"
    return "; ".join(f"{one['observed']['part']} of {one['techniques']}, {one['observed']['full']} in full" for one in entries)  # fmt: skip


def _behind(name: str, number: int, row: Mapping[str, Cell], techniques: Sequence[Cell]) -> str:
    facts = table(
        (
            "Function",
            "Seen#",
            "By the primary#",
            "Stale#",
            "Hearsay#",
            "Median age",
            "Oldest",
            "Declared by",
            "Deployed",
        ),
        (_facts(name, function, row[function]) for function in FUNCTIONS if function in row),
        empty="",
    )
    return f"<details><summary id=class-{number}>{text(name)}</summary><div class=wide>{facts}</div>{_seen(techniques)}</details>"


def _facts(name: str, function: str, cell: Cell) -> str:
    missing = int(cell["assets"]) - int(cell["observed"])
    link = f" <a href='#inventory' data-cell='{text(cell_name(name, function))}' data-label='{text(f'{name}: not seen for {function}')}'>{missing:,} without</a>" if missing and cell["reachable"] else ""  # fmt: skip
    age = "-" if cell["age_hours"] is None else f"{cell['age_hours']:g} h"
    return (
        f"<td>{function}<td class=n>{cell['observed']:,} of {cell['assets']:,}{link}<td class=n>{cell['by_primary']:,}<td class=n>{cell['stale']:,}<td class=n>{cell['hearsay']:,}<td>{age}"
        f"<td>{text(minute(cell['oldest']) or '-')}<td>{text(few(cell['declared_by']) or 'no connector')}<td>{text(few(cell['reachable_by']) or 'nothing')}"
    )


def _seen(techniques: Iterable[Cell]) -> str:
    rows = sorted(techniques, key=lambda one: (one["observed_part"], one["observed_full"], str(one["technique"])))
    if not rows:
        return ""
    shown = table(
        ("ATT&CK technique", "Name", "In part#", "In full#", "Data components that nobody collects on it"),
        (
            f"<td>{text(one['technique'])}<td>{text(one['name'])}<td class=n>{_share(one, 'observed_part')}<td class=n>{_share(one, 'observed_full')}"
            f"<td>{text(few(one['missing'], 6) if one['visible'] else 'no component of ATT&CK would show it')}"
            for one in rows
        ),
        empty="",
    )
    return f"<div class=wide>{shown}</div>"


def _share(row: Cell, name: str) -> str:
    return f"{row[name]:,} of {row['assets']:,}"


__all__ = ["matrix"]
