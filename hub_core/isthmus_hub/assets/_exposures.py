"""What sources say of vulnerabilities on assets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from isthmus_hub.store import Store
from isthmus_sdk import stix


def exposures(store: Store) -> Iterator[dict[str, Any]]:
    """Every vulnerability that a source says an asset has, with its state there.

    What a catalogue says of the vulnerability (``kev``, ``epss``, ``cvss``) stands before what the source of the exposure
    repeats of it: scores change daily, findings do not. An edge without our facts (another hub's STIX) is open.
    """

    @cache
    def known(vulnerability: str) -> tuple[str, dict[str, Any]]:
        return _everywhere(store, vulnerability)

    absent = store.absent_exposures()
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
            "state": "resolved" if stored.id in absent else facts.get("state", "open"),
            "likelihood": facts.get("likelihood"),
            **{word: everywhere.get(word, facts.get(word)) for word in ("kev", "epss", "cvss")},
            "fix": facts.get("fix") or everywhere.get("fix"),
            "instances": sorted({claim.instance for claim in stored.provenance}),
        }


def _everywhere(store: Store, vulnerability: str) -> tuple[str, dict[str, Any]]:
    """Name of a vulnerability and what all its sources together say of it, as the hub believes it."""
    stored = store.resolved(vulnerability) or store.get(vulnerability)
    if stored is None:
        return vulnerability, {}
    return str(stored.body.get("name") or vulnerability), stix.facts(stored.body, stix.EXPOSURE) or {}
