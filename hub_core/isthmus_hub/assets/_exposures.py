"""What sources say of vulnerabilities on assets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from isthmus_hub.store import Store
from isthmus_sdk import stix

_NOW = "9999-12-31T23:59:59.000Z"


def exposures(store: Store) -> Iterator[dict[str, Any]]:
    """Every vulnerability that a source says an asset has, with its state there.

    What a catalogue says of the vulnerability (``kev``, ``epss``, ``cvss``) stands before what the source of the exposure
    repeats of it: scores change daily, findings do not. An edge without our facts (another hub's STIX) is open.
    """

    @cache
    def known(vulnerability: str) -> tuple[str, dict[str, Any]]:
        return _everywhere(store, vulnerability)

    for stored in store.iterate("relationship"):
        body = stored.body
        target = str(body.get("target_ref", ""))
        if body.get("relationship_type") != "has" or body.get("revoked") or not target.startswith("vulnerability--"):
            continue
        name, everywhere = known(target)
        facts = stix.facts(dict(body), stix.EXPOSURE) or {}
        yield {
            "id": stored.id,
            "asset": store.asset_of(body["source_ref"]) or body["source_ref"],
            "vulnerability": target,
            "name": name,
            "state": facts.get("state", "open"),
            "likelihood": facts.get("likelihood"),
            **{word: everywhere.get(word, facts.get(word)) for word in ("kev", "epss", "cvss")},
            "fix": facts.get("fix") or everywhere.get("fix"),
            "instances": sorted({claim.instance for claim in stored.provenance}),
        }


def _everywhere(store: Store, vulnerability: str) -> tuple[str, dict[str, Any]]:
    """Name of a vulnerability and what all its sources together say of it: one lists it as exploited, another scores it.

    The store believes one source's words whole; here each fact is taken from the newest who has it. Exploited once is
    exploited, unless the one who said so took it back.
    """
    stored = store.get(vulnerability)
    if stored is None:
        return vulnerability, {}
    bodies = [stored.body] if len(stored.provenance) < 2 else [one.body for one in store.as_of(vulnerability, _NOW)]
    merged: dict[str, Any] = {}
    for body in sorted(bodies, key=lambda body: str(body.get("modified") or "")):
        facts = stix.facts(body, stix.EXPOSURE) or {}
        exploited = bool(merged.get("kev")) or bool(facts.get("kev"))
        merged |= facts
        if "kev" in merged:
            merged["kev"] = exploited
    return str(stored.body.get("name") or vulnerability), merged
