"""Sensors that contradict each other: at least one of them is wrong, and somebody should know which."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_hub.coverage._fleet import Fleet, Watched

WORDS = {"asset_class": "class", "operating_system": "operating system"}
"""How people call an attribute, where it is not its name."""


def contradictions(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """Asset and what is said against what; an asset may have several."""
    for each in fleet.assets:
        found = (*_gone_and_here(each), *_told_and_missing(fleet, each), *_told_apart(fleet, each))
        yield from ((each.id, detail) for detail in found)


def _gone_and_here(watched: Watched) -> Iterator[str]:
    """An inventory that is complete lost it, and another source has seen it since."""
    lost: dict[str, str] = {}
    for member in watched.asset.get("members", ()):
        if since := str(member.get("absent_since") or ""):
            name = str(member.get("instance", ""))
            lost[name] = max(lost.get(name, ""), since)
    for name, since in sorted(lost.items()):
        if name in watched.seen:
            continue
        after = sorted(other for other, when in watched.seen.items() if when > since)
        if after:
            yield f"{_name(watched)}: gone from {name}, seen since by {', '.join(after)}"


def _told_and_missing(fleet: Fleet, watched: Watched) -> Iterator[str]:
    """A vendor says that a product watches it; that product is configured here, and does not know it."""
    for product in watched.hearsay:
        configured = sorted(
            source.instance
            for source in fleet.sources
            if source.instance and source.connector in product.names and fleet.reaches(source.instance, watched.site)
        )
        if configured and not any(name in watched.seen for name in configured):
            said = ", ".join(
                sorted(str(word) for word in watched.asset.get("monitored_by", ()) if product.is_meant(str(word)))
            )
            yield f"{_name(watched)}: a vendor says {said} watches it, {', '.join(configured)} does not know it"


def _told_apart(fleet: Fleet, watched: Watched) -> Iterator[str]:
    """Sources that still see it say what cannot both be true; what one said that sees it no longer is stale, not wrong."""
    for dispute in watched.asset.get("disputed", ()):
        fresh = [value for value in dispute["values"] if fleet.fresh(str(value["last_seen"] or ""))]
        named = {value["instance"] for value in fresh}
        said: dict[str, set[str]] = {}
        for value in fresh:
            if named.intersection(value["against"]):
                said.setdefault(str(value["value"]), set()).add(str(value["instance"]))
        if said:
            sides = "; ".join(f"{value} ({', '.join(sorted(by))})" for value, by in sorted(said.items()))
            yield f"{_name(watched)}: {WORDS.get(dispute['attribute'], dispute['attribute'])} is {sides}"


def _name(watched: Watched) -> str:
    return str(watched.asset.get("name") or watched.id)
