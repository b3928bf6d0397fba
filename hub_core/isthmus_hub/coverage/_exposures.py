"""Which vulnerability on which asset first: by KEV, EPSS, reachability and criticality. Pure.

CVSS says how bad a vulnerability would be, not whether anybody uses it here, so it only orders what is otherwise alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from isthmus_hub.coverage._model import DEFAULT_RULES, Rules

Facts = Mapping[str, Any]

REACH: Final[Mapping[str, float]] = {
    "internet": 1.0,
    "talks_out": 0.8,
    "other_zone": 0.6,
    "own_zone": 0.4,
    "not_seen": 0.2,
}
"""How far away somebody was seen who reaches the asset, nearest danger first, and what it counts."""
_KNOWN_EXPLOITED: Final = 1.0
_LEAST: Final = 0.1
_BY_EPSS: Final = 0.8
"""Never as much as one that is known to be exploited: EPSS is about the next thirty days, KEV is what happened."""
_UNTOLD_EPSS: Final = 0.05
_UNTOLD_CRITICALITY: Final = 50.0
_LIKELIHOODS: Final = ("confirmed", "likely", "possible")
_NO_ZONE: Final = "unknown"


@dataclass
class Exploitation:
    """What all sources together say of the exploitation of one vulnerability."""

    kev: bool = False
    epss: float | None = None

    def add(self, told: Facts) -> None:
        """One source's word, on whichever asset."""
        self.kev = self.kev or bool(told["kev"])
        if told["epss"] is not None and (self.epss is None or told["epss"] > self.epss):
            self.epss = told["epss"]


def exposures(
    found: Iterable[Facts],
    assets: Iterable[Facts],
    communications: Iterable[Facts],
    *,
    rules: Rules = DEFAULT_RULES,
) -> list[dict[str, Any]]:
    """Open exposures of present assets, one for each asset and vulnerability, the most urgent first.

    ``found`` in the shape of `assets.exposures`; assets are placed. It is open as long as one source says so: another may
    not have looked. Whether it is exploited is a fact about the vulnerability: what one source says of it on one asset holds on
    all. ``priority`` is 0 to 100: what is known of exploitation × reachability × criticality (docs/coverage.md).
    """
    own = {str(asset["id"]): asset for asset in assets if not asset.get("external") and not asset.get("absent_since")}
    reach = reachability(own.values(), communications)
    told: dict[tuple[str, str], list[Facts]] = defaultdict(list)
    exploitation: dict[str, Exploitation] = defaultdict(Exploitation)
    for each in found:
        exploitation[each["vulnerability"]].add(each)
        if each["asset"] in own:
            told[each["asset"], each["vulnerability"]].append(each)
    rows = [
        _judged(own[asset], reach[asset], each, exploitation[vulnerability], rules)
        for (asset, vulnerability), each in told.items()
        if any(one["state"] == "open" for one in each)
    ]
    return sorted(rows, key=_urgent_first)


def reachability(assets: Iterable[Facts], communications: Iterable[Facts]) -> dict[str, str]:
    """Asset id to who was seen reaching it: a key of `REACH`. Who was reached counts, not who began; out to the internet both ways do.

    A device with addresses in several zones is reached from another zone, whoever was seen.
    """
    known = {str(asset["id"]): asset for asset in assets}
    best = {id: "other_zone" if len(set(asset.get("zones", ()))) > 1 else "not_seen" for id, asset in known.items()}

    def reached(id: str, how: str) -> None:
        if id in best and REACH[how] > REACH[best[id]]:
            best[id] = how

    for link in communications:
        source, target = str(link["source"]), str(link["target"])
        if outside := link.get("external"):
            reached(target, "internet" if outside == source else "not_seen")
            reached(source, "talks_out" if outside == target else "not_seen")
            continue
        zones = [str(known.get(end, {}).get("zone") or _NO_ZONE) for end in (source, target)]
        reached(target, "own_zone" if zones[0] == zones[1] else "other_zone")
    return best


def _judged(
    asset: Facts, reach: str, told: Iterable[Facts], exploitation: Exploitation, rules: Rules
) -> dict[str, Any]:
    sources = sorted(told, key=lambda one: (one["instances"], str(one["id"])))
    kev, epss = exploitation.kev, exploitation.epss
    cvss = max((one["cvss"] for one in sources if one["cvss"] is not None), default=None)
    likelihood = next((word for word in _LIKELIHOODS if any(one["likelihood"] == word for one in sources)), None)
    criticality, precious = asset.get("criticality"), rules.precious(asset)
    exploited = _KNOWN_EXPLOITED if kev else _LEAST + _BY_EPSS * (_UNTOLD_EPSS if epss is None else epss)
    counts = _UNTOLD_CRITICALITY if criticality is None else float(criticality)
    if precious and counts < rules.crown_jewel:  # somebody said so in a word, not in a number
        counts = 100.0
    return {
        "asset": asset["id"],
        "asset_name": asset.get("name"),
        "vulnerability": sources[0]["vulnerability"],
        "name": sources[0]["name"],
        "priority": round(100 * exploited * REACH[reach] * (0.4 + 0.6 * counts / 100), 1),
        "kev": kev,
        "epss": epss,
        "reach": reach,
        "criticality": criticality,
        "crown_jewel": precious,
        "cvss": cvss,
        "likelihood": likelihood,
        "zone": asset.get("zone"),
        "owner": asset.get("owner"),
        "fix": next((one["fix"] for one in sources if one["fix"]), None),
        "instances": sorted({name for one in sources if one["state"] == "open" for name in one["instances"]}),
        "disagreeing": sorted({name for one in sources if one["state"] != "open" for name in one["instances"]}),
    }


def _urgent_first(row: Facts) -> tuple[Any, ...]:
    likely = _LIKELIHOODS.index(row["likelihood"]) if row["likelihood"] else len(_LIKELIHOODS)
    return (-row["priority"], -(row["cvss"] or 0), likely, str(row["name"]), str(row["asset_name"]), row["asset"])
