"""One self-contained HTML page: no font, image or script from elsewhere; its own script and style are pinned by their hash."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from isthmus_hub.report._exposures import exposed
from isthmus_hub.report._findings import WITNESSES, Findings, seen_by
from isthmus_hub.report._gaps import by_cause, ranked, worst
from isthmus_hub.report._inventory import inventory
from isthmus_hub.report._markup import bar, minute, table, text
from isthmus_hub.report._matrix import matrix
from isthmus_hub.report._zones import zone_map


def page(found: Findings) -> str:
    """The report. It needs no network and no script to be read; the script searches the inventory."""
    style, script = _file("page.css"), _file("page.js")
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    title = f"{found.hub}: inventory and coverage"
    head = (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width,initial-scale=1'>"
        f'<meta http-equiv=Content-Security-Policy content="{policy}"><title>{text(title)}</title><style>{style}</style>'
    )
    return f"{head}<main>{''.join(_sections(found))}</main><script>{script}</script></html>\n"


def _sections(found: Findings) -> Iterable[str]:
    numbers = {id(gap): number for number, gap in enumerate(ranked(found.gaps["gaps"]))}
    yield _header(found)
    yield f"<div class=first><section class=card><h2>Who sees them</h2>{_watched(found)}{_sources(found)}</section>"
    yield f"<section class=card><h2>The worst gaps, and what would close them</h2>{worst(found, numbers)}</section></div>"
    yield f"<section id=zones><h2>Zones and conduits</h2><div class=card>{zone_map(found)}</div></section>"
    yield (
        "<section id=coverage><h2>Coverage</h2><p class=soft>Share of the assets of each class of which a configured source gave fresh "
        f"evidence. “No connector”: no installed connector declares it for this class.</p><div class=card>{matrix(found)}</div></section>"
    )
    yield f"<section id=gaps><h2>Gaps by cause</h2><div class=card>{by_cause(found, numbers)}</div></section>"
    yield (
        "<section id=exposures><h2>Exposures</h2><p class=soft>Vulnerabilities that assets are open to. Priority: what is known of their "
        f"exploitation × who reaches the asset × its criticality, 0 to 100.</p><div class=card>{exposed(found)}</div></section>"
    )
    yield f"<section id=inventory><h2>Inventory</h2><div class=card>{inventory(found, numbers)}</div></section>"
    yield f"<section id=delivered><h2>Delivered</h2><div class='card wide'>{_deliveries(found.deliveries)}</div></section>"


def _header(found: Findings) -> str:
    ways = len(found.bridging | {point["asset"] for point in found.zones["entry_points"]})
    whose = f" What concerns {text(found.owner)}." if found.owner else ""
    unseen = sum(found.witness(asset) == "none" for asset in found.own)
    known = sum(bool(row["kev"]) for row in found.exposures)
    facts = (
        (len(found.own), "asset", "in one inventory", "#inventory"),
        (unseen, "asset", "that no sensor sees", "#zones"),
        (len(found.gaps["gaps"]), "gap", "by cause and class", "#gaps"),
        (len(found.exposures), "open exposure", f"({known:,} known to be exploited)", "#exposures"),
        (ways, "device", "across networks or facing the internet", "#zones"),
        (len(found.zones["violations"]), "conduit", "not declared, or past the DMZ", "#zones"),
    )
    shown = "".join(
        f"<a class=fact href={where}><b>{number:,}</b>{thing}{'' if number == 1 else 's'} {told}</a>"
        for number, thing, told, where in facts
    )
    return (
        f"<header><h1>{text(found.hub)}</h1><p class=soft>What there is, who sees it and what nobody is watching, as of {text(minute(found.as_of))}. "
        f"Primary platform: {text(found.primary or 'none chosen')}.{whose}</p>"
        f"<nav class=facts>{shown}</nav></header>"
    )


def _watched(found: Findings) -> str:
    seen = Counter(found.witness(asset) for asset in found.own)
    told = ", ".join(f"{seen[name]:,} {words}" for name, words in WITNESSES.items())
    key = "".join(
        f"<span><i class={name}></i><b>{seen[name]:,}</b> {words}</span>" for name, words in WITNESSES.items()
    )
    return f"{bar([(name, seen[name]) for name in WITNESSES], told)}<div class='key down'>{key}</div>"


def _sources(found: Findings) -> str:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for asset in found.own:
        names = seen_by(asset)
        for name in names:
            counts[name]["assets"] += 1
            counts[name]["alone"] += len(names) == 1
    rows = (
        f"<td>{text(name)}<td class=n>{one['assets']:,}<td class=n>{one['alone']:,}"
        for name, one in sorted(counts.items(), key=lambda item: (-item[1]["assets"], item[0]))
    )
    return table(("Source", "Sees#", "It alone#"), rows, empty="No source has delivered anything yet.")


def _deliveries(deliveries: Iterable[Mapping[str, Any]]) -> str:
    rows = (
        f"<td>{text(row['platform'])}{''.join(f'<td class=n>{row[name]:,}' for name in ('in', 'accepted', 'duplicate', 'rejected', 'pending'))}"
        f"<td>{text(', '.join(f'{number:,} {reason}' for reason, number in row['dropped'].items()) or 'none')}"
        for row in deliveries
    )
    heads = ("Platform", "In#", "Accepted#", "Duplicate#", "Rejected#", "Pending#", "Dropped, with the reason")
    return table(heads, rows, empty="No platform is configured.")


@cache
def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


__all__ = ["page"]
