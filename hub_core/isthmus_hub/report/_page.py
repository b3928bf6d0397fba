"""One self-contained HTML page: no script, no font, no image from elsewhere; light and dark by the reader's setting."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from isthmus_hub.report._picture import picture, witness

FUNCTIONS = ("identify", "protect", "detect", "respond", "recover")
STYLE = """
:root{--bg:#fbfaf7;--ink:#1d2430;--soft:#66707f;--line:#d9d6cc;--card:#fff;--both:#1b7f6b;--host:#3a6fd8;--wire:#d98a1f;--none:#c0392b;--conduit:#9aa4b2}
@media(prefers-color-scheme:dark){:root{--bg:#14181f;--ink:#e6e9ee;--soft:#98a2b1;--line:#2c3440;--card:#1b212a;--both:#3fbf9f;--host:#6f9cf0;--wire:#f0ad4e;--none:#e5695c;--conduit:#566173}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1180px;margin:0 auto;padding:32px 24px 64px}h1{font-size:28px;margin:0 0 4px}h2{font-size:19px;margin:40px 0 12px}
.soft{color:var(--soft);fill:var(--soft);font-weight:400}.small{font-size:11px}p{max-width:75ch}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:24px 0}
.fact{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px}.fact b{display:block;font-size:24px}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px;overflow-x:auto}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:6px 10px;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;color:var(--soft)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}tr:last-child td{border-bottom:0}
svg{width:100%;height:auto;display:block}svg text{font:13px system-ui,sans-serif;fill:var(--ink)}svg .small{font-size:11px}
.zone{font-weight:600}.box{fill:var(--bg);stroke:var(--line)}.conduit{fill:none;stroke:var(--conduit);opacity:.55}
.both{fill:var(--both);background:var(--both)}.host{fill:var(--host);background:var(--host)}.wire{fill:var(--wire);background:var(--wire)}.none{fill:var(--none);background:var(--none)}
.key{display:flex;gap:18px;flex-wrap:wrap;margin:10px 2px 0;color:var(--soft);font-size:13px}.key i{display:inline-block;width:10px;height:10px;border-radius:50%;margin-right:6px}
.cell{white-space:nowrap}.bar{display:inline-block;width:64px;height:8px;border-radius:4px;background:var(--line);margin-right:8px;overflow:hidden;vertical-align:middle}.bar i{display:block;height:100%;background:var(--both)}
"""


def page(
    *,
    hub: str,
    primary: str | None,
    assets: Sequence[Mapping[str, Any]],
    communications: Sequence[Mapping[str, Any]],
    cells: Sequence[Mapping[str, Any]],
    gaps: Sequence[Mapping[str, Any]],
    deliveries: Sequence[Mapping[str, Any]],
    host: frozenset[str],
    wire: frozenset[str],
    as_of: str,
) -> str:
    """The report. ``host`` and ``wire`` are the instances whose connectors sense hosts and networks."""
    own = [asset for asset in assets if not asset.get("external")]
    seen = Counter(witness(asset, host, wire) for asset in own)
    facts = [
        (len(own), "assets in one inventory"),
        (seen["both"], "seen on host and wire"),
        (seen["host"], "by a host sensor only"),
        (seen["wire"], "on the wire only"),
        (len(communications), "communications"),
        (sum(len(gap["assets"]) for gap in gaps if gap["kind"] == "not_in_edr"), "without an endpoint sensor"),
    ]
    sections = [
        f"<h1>{escape(hub)}</h1><p class=soft>What there is, who sees it and what nobody is watching, as of {escape(_minute(as_of))}. Primary platform: {escape(primary or 'none chosen')}.</p>",
        f"<div class=facts>{''.join(f'<div class=fact><b>{number}</b>{escape(text)}</div>' for number, text in facts)}</div>",
        f"<h2>Topology</h2><div class=card>{picture(own, communications, host=host, wire=wire)}{_key()}</div>",
        f"<h2>Coverage</h2><p class=soft>Share of the assets of each class of which a configured source really gave evidence. “Not declared”: no installed connector claims it for this class.</p><div class=card>{_matrix(cells)}</div>",
        f"<h2>Blind spots</h2><div class=card>{_gaps(gaps)}</div>",
        f"<h2>Who sees what</h2><div class=card>{_sources(own)}</div>",
        f"<h2>Delivered</h2><div class=card>{_deliveries(deliveries)}</div>",
    ]
    head = f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>{escape(hub)}: inventory and coverage</title><style>{STYLE}</style>"
    return f"{head}<main>{''.join(sections)}</main></html>\n"


def _key() -> str:
    words = (("both", "host and wire"), ("host", "host sensor only"), ("wire", "wire only"), ("none", "neither"))
    return f"<div class=key>{''.join(f'<span><i class={name}></i>{text}</span>' for name, text in words)}<span>lines: communications between zones</span></div>"


def _matrix(cells: Iterable[Mapping[str, Any]]) -> str:
    rows: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for cell in cells:
        rows[cell["asset_class"]][cell["function"]] = cell
    body = "".join(
        f"<tr><td>{escape(name)}</td><td class=n>{max(cell['assets'] for cell in row.values())}</td>{''.join(_cell(row.get(function)) for function in FUNCTIONS)}</tr>"
        for name, row in sorted(rows.items())
    )
    titles = "".join(f"<th>{function.capitalize()}</th>" for function in FUNCTIONS)
    return f"<table><tr><th>Asset class</th><th class=n>Assets</th>{titles}</tr>{body}</table>"


def _cell(cell: Mapping[str, Any] | None) -> str:
    if cell is None or not cell["declared_by"]:
        return "<td class='cell soft'>not declared</td>"
    if not cell["reachable_by"]:
        return f"<td class='cell soft' title='{escape(', '.join(cell['declared_by']), quote=True)}'>not deployed</td>"
    share = round(100 * cell["share"])
    return f"<td class=cell title='{escape(', '.join(cell['reachable_by']), quote=True)}'><span class=bar><i style='width:{share}%'></i></span>{share}%</td>"


def _gaps(gaps: Iterable[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(gap['kind'].replace('_', ' '))}</td><td>{escape(gap['cause'].replace('_', ' '))}</td><td class=n>{len(gap['assets'])}</td><td>{escape(gap['detail'])}</td></tr>"
        for gap in gaps
    )
    return f"<table><tr><th>Gap</th><th>Cause</th><th class=n>Assets</th><th>Detail</th></tr>{rows or '<tr><td colspan=4>None found.</td></tr>'}</table>"


def _sources(assets: Iterable[Mapping[str, Any]]) -> str:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for asset in assets:
        names = sorted({member["instance"] for member in asset["members"]})
        for name in names:
            counts[name]["assets"] += 1
            counts[name]["alone"] += len(names) == 1
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td class=n>{count['assets']}</td><td class=n>{count['alone']}</td></tr>"
        for name, count in sorted(counts.items())
    )
    return f"<table><tr><th>Instance</th><th class=n>Assets it sees</th><th class=n>Seen by it alone</th></tr>{rows}</table>"


def _deliveries(deliveries: Iterable[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(row['platform'])}</td>{''.join(f'<td class=n>{row[name]}</td>' for name in ('in', 'accepted', 'duplicate', 'rejected', 'pending'))}<td>{escape(', '.join(f'{reason} {count}' for reason, count in row['dropped'].items()) or 'none')}</td></tr>"
        for row in deliveries
    )
    return f"<table><tr><th>Platform</th><th class=n>In</th><th class=n>Accepted</th><th class=n>Duplicate</th><th class=n>Rejected</th><th class=n>Pending</th><th>Dropped, with the reason</th></tr>{rows}</table>"


def _minute(timestamp: str) -> str:
    """A STIX timestamp for people."""
    return timestamp[:16].replace("T", " ") + " UTC" if timestamp[:1].isdigit() else timestamp
