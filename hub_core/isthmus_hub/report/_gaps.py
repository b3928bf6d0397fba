"""Gaps: the worst ten with what would close them, and all of them by cause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from isthmus_hub.report._findings import Findings
from isthmus_hub.report._markup import count, few, table, text

WORST = 10
MOST_ROWS = 200
"""Gaps of one cause that are listed; the page would not become clearer by more."""
KINDS = {
    "internet_facing": "OT faces the internet",
    "bridge": "in several networks",
    "unscanned": "no vulnerability source",
    "not_in_edr": "no endpoint sensor",
    "not_on_wire": "no network sensor",
    "cmdb_only": "in an inventory only",
    "contradiction": "sources contradict each other",
    "weak_witness": "one witness only",
    "one_sided_conduit": "conduit seen from one side",
}
"""Kinds of `gaps` in words, the most pressing first."""
CAUSES = {
    "not_declared": "No connector offers it for this class",
    "not_deployed": "Offered, but not deployed at the site",
    "asset_absent": "Deployed, but these assets are not in it",
    "stale": "Seen once, but not any more",
    "single_witness": "One source only says so",
    "none": "How the site is built",
}
"""Causes of `gaps` in words."""
ADVICE = {
    "internet_facing": "close the way out, or declare it in [[conduit]]",
    "bridge": "take one address away, or declare the zone it belongs to",
    "cmdb_only": "find it on the network, or retire it in the inventory",
    "contradiction": "decide which source is right (isthmus assets show)",
    "weak_witness": "a second source that knows them",
    "one_sided_conduit": "a sensor on the other side",
}
_BY_CAUSE = {
    "not_declared": "nothing that is installed",
    "asset_absent": "put them into it",
    "not_deployed": "deploy it at their site",
    "stale": "find out why its source fell silent",
}
_HARDLY = ("weak_witness", "one_sided_conduit", "contradiction")


def ranked(gaps: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The worst first: ways in, then what could be closed, then doubts, then what no connector offers; in each of these
    crown jewels, then the number of assets.
    """

    def rank(gap: Mapping[str, Any]) -> tuple[Any, ...]:
        kind, cause = str(gap["kind"]), str(gap["cause"])
        tier = 0 if kind in ("bridge", "internet_facing") else 2 if kind in _HARDLY else 3 if cause == "not_declared" else 1  # fmt: skip
        return tier, -gap["precious"], -len(gap["assets"]), kind, str(gap["detail"])

    return sorted(gaps, key=rank)


def worst(found: Findings, numbers: Mapping[int, int]) -> str:
    """The first screen's list. ``numbers``: a gap's place in the page, by its identity."""
    gaps = ranked(found.gaps["gaps"])
    rows = (
        f"<td class=kind>{text(KINDS.get(gap['kind'], gap['kind']))}<td class=n>{_assets(gap, numbers)}<td>{text(gap['detail'])}{_precious(gap)}<td>{text(closing(gap))}"
        for gap in gaps[:WORST]
    )
    shown = table(
        ("Gap", "Assets#", "What is missing, and why", "What would close it"), rows, empty="None found.", kind="gaps"
    )
    more = len(gaps) - WORST
    rest = f" <a href='#gaps'>{more:,} more</a> by cause below." if more > 0 else ""
    return f"<div class=wide>{shown}</div><p class=soft>{_together(found.gaps['additions'])}{rest}</p>"


def by_cause(found: Findings, numbers: Mapping[int, int]) -> str:
    """Every gap, under its cause."""
    causes: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for gap in ranked(found.gaps["gaps"]):
        causes[str(gap["cause"])].append(gap)
    return "".join(_cause(cause, causes[cause], numbers) for cause in (*CAUSES, *sorted(causes.keys() - CAUSES)) if causes[cause]) or "<p>None found.</p>"  # fmt: skip


def _cause(cause: str, gaps: Sequence[Mapping[str, Any]], numbers: Mapping[int, int]) -> str:
    rows = (
        f"<td class=kind>{text(KINDS.get(gap['kind'], gap['kind']))}<td class=n>{_assets(gap, numbers)}<td>{text(gap['detail'])}{_precious(gap)}<td>{text(closing(gap))}"
        for gap in gaps[:MOST_ROWS]
    )
    shown = table(("Gap", "Assets#", "Detail", "What would close it"), rows, empty="", kind="gaps")
    more = len(gaps) - MOST_ROWS
    shown += f"<p class=soft>{more:,} more: <code>isthmus gaps</code> lists all.</p>" if more > 0 else ""
    concerned = len({id for gap in gaps for id in gap["assets"]})
    return f"<details open><summary>{text(CAUSES.get(cause, cause))} <span class=soft>{count(len(gaps), 'gap')}, {count(concerned, 'asset')}</span></summary><div class=wide>{shown}</div></details>"


def closing(gap: Mapping[str, Any]) -> str:
    """What would close a gap, in words."""
    ready = sorted(gap["closed_by"].items(), key=lambda item: (-item[1], item[0]))
    by = "" if not ready else "add " + few([f"{name} ({number:,})" for name, number in ready], 2)
    own = ADVICE.get(str(gap["kind"])) or _BY_CAUSE.get(str(gap["cause"]), "")
    return f"{own}, or {by}" if own and by else own or by


def _together(additions: Mapping[str, Any]) -> str:
    if not additions["blind"]:
        return "Every asset has what it needs."
    told = f"{count(additions['blind'], 'need')} of assets {'is' if additions['blind'] == 1 else 'are'} not met"
    if not additions["shortest"]:
        return told + "; no installed connector would change that."
    sure = "" if additions["exact"] else " or fewer"
    return f"{told}; {text(' + '.join(additions['shortest']))}{sure} would close {additions['closable']:,} of them."


def _precious(gap: Mapping[str, Any]) -> str:
    return f" <b>{count(gap['precious'], 'crown jewel')}</b>" if gap["precious"] else ""


def _assets(gap: Mapping[str, Any], numbers: Mapping[int, int]) -> str:
    told = text(f"{count(len(gap['assets']), 'asset')}: {gap['detail']}")
    return f"<a href='#inventory' data-gap={numbers[id(gap)]} data-label='{text(gap['detail'])}' aria-label='{told}'>{len(gap['assets']):,}</a>"


__all__ = ["CAUSES", "KINDS", "by_cause", "closing", "ranked", "worst"]
