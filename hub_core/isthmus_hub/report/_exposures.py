"""Open exposures: one row for each vulnerability, the most urgent first, with the assets that are open to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from isthmus_hub.report._findings import Findings
from isthmus_hub.report._markup import count, counted, few, table, text, words

Rows = list[Mapping[str, Any]]


def exposed(found: Findings) -> str:
    """The table, and how many there are in all."""
    listed = found.vulnerabilities
    shown = table(
        ("Priority#", "Vulnerability", "Exploited", "CVSS#", "Assets#", "The most urgent of them", "Reached from", "Fix", "Said by"),
        (_row(number, rows) for number, rows in enumerate(listed)),
        empty="No open exposures known.",
    )  # fmt: skip
    whole = len({row["vulnerability"] for row in found.exposures})
    rest = (
        f"<p class=soft>The first {len(listed)} of {count(whole, 'vulnerability', 'vulnerabilities')}: "
        "<code>isthmus exposures</code> lists each on each asset.</p>"
    )
    return f"<div class=wide>{shown}</div>{rest if whole > len(listed) else ''}"


def exploited(exposure: Mapping[str, Any]) -> str:
    """What is known of its exploitation, in a word or two."""
    return "KEV" if exposure["kev"] else "" if exposure["epss"] is None else f"EPSS {exposure['epss']:.2f}"


def _row(number: int, rows: Rows) -> str:
    first = rows[0]
    name, fix = text(first["name"]), next((str(row["fix"]) for row in rows if row["fix"]), "")
    assets = text(f"{count(len(rows), 'asset')} open to {first['name']}")
    label = text(f"open to {first['name']}")
    link = f"<a href='#inventory' data-exposed={number} data-label='{label}' aria-label='{assets}'>{len(rows):,}</a>"
    jewel = " <b>crown jewel</b>" if first["crown_jewel"] else ""
    known = f"<b>{exploited(first)}</b>" if first["kev"] else exploited(first)
    reached = counted(Counter(words(row["reach"]) for row in rows), 2)
    said = few(sorted({name for row in rows for name in row["instances"]}), 2)
    return (
        f"<td class=n>{first['priority']}<td>{name}<td>{known}<td class=n>{'' if first['cvss'] is None else first['cvss']}<td class=n>{link}"
        f"<td>{text(first['asset_name'] or first['asset'])}{jewel}<td>{text(reached)}<td>{text(fix)}<td>{text(said)}"
    )


__all__ = ["exploited", "exposed"]
