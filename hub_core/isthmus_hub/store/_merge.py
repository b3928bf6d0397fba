"""Merging what sources say about one object, so that neither order nor repetition matters.

Per source the greatest ``(modified, observed_at, hash)`` wins. Among sources the newest change time of a vendor wins; times
that only say when somebody looked are no reason to prefer one source's words, else two sources that differ would take
turns with every poll: there the source that comes first by name is believed. All of it is a function of the set of
statements, so any sequence of the same statements ends in the same state. The rest is minima (``created``, first
observation), maxima (last observation) and unions (markings of every source's current version).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from isthmus_hub.store import _times
from isthmus_hub.store._types import Json


class Claim:
    """One source's current statement about one object."""

    __slots__ = (
        "capped",
        "first_observed",
        "first_offset",
        "hash",
        "last_observed",
        "markings",
        "modified",
        "observed",
        "said",
    )

    def __init__(
        self,
        modified: int,
        observed: int,
        hash: bytes,
        first_observed: int,
        last_observed: int,
        first_offset: int,
        markings: str,
        capped: int,
        said: bytes = b"",
    ) -> None:
        self.modified = modified
        self.observed = observed
        self.hash = hash
        self.first_observed = first_observed
        self.last_observed = last_observed
        self.first_offset = first_offset
        self.markings = markings
        self.capped = capped
        self.said = said

    @property
    def key(self) -> tuple[int, int, bytes, int]:
        """The merge order. A time that the source gave counts more than the same one that it was capped to."""
        return self.modified, self.observed, self.hash, -self.capped

    def row(self, object: int, source: int) -> tuple[Any, ...]:
        """As a row of ``provenance``."""
        return (
            object,
            source,
            self.modified,
            self.observed,
            self.hash,
            self.first_observed,
            self.last_observed,
            self.first_offset,
            self.markings,
            self.capped,
            self.said,
            object
            + source
            + self.modified
            + self.observed
            + self.first_observed
            + self.last_observed
            + self.first_offset
            + self.capped,
        )

    def absorb(self, other: Claim) -> bool:
        """Take in another statement of the same source; true if anything changed."""
        changed = False
        if other.first_observed < self.first_observed:
            self.first_observed = other.first_observed
            changed = True
        if other.last_observed > self.last_observed:
            self.last_observed = other.last_observed
            changed = True
        if other.first_offset < self.first_offset:
            self.first_offset = other.first_offset
            changed = True
        if other.modified >= self.modified and other.key > self.key:
            self.modified, self.observed, self.hash = other.modified, other.observed, other.hash
            self.markings, self.capped, self.said = other.markings, other.capped, other.said
            changed = True
        return changed


def markings_of(body: Json) -> str:
    """An object's own markings, in a form that compares."""
    refs = body.get("object_marking_refs")
    if not refs:
        return ""
    return str(refs[0]) if len(refs) == 1 else " ".join(sorted(set(refs)))


def rank(claim: Claim, name: tuple[str, str, str]) -> tuple[int, tuple[str, str, str]]:
    """Sort key among sources; the smallest is believed. ``name`` is the source's instance, stream and source id."""
    return (0 if claim.modified == claim.observed else -claim.modified), name


def winner(claims: dict[int, Claim], name: Callable[[int], tuple[str, str, str]]) -> int:
    """The source whose content the store believes. ``name`` gives instance, stream and source id of a source."""
    if len(claims) == 1:
        return next(iter(claims))
    return min(claims, key=lambda source: rank(claims[source], name(source)))


def united_markings(claims: dict[int, Claim]) -> str:
    """Markings of every source's current version."""
    if len(claims) == 1:
        return next(iter(claims.values())).markings
    texts = {claim.markings for claim in claims.values()}
    return texts.pop() if len(texts) == 1 else " ".join(sorted({ref for text in texts for ref in text.split()}))


def effective(body: Json, created: int | None, modified: int, markings: str) -> Json:
    """``body`` with what comes from all sources laid over it; the same object where nothing differs.

    ``valid_from`` follows ``created`` where it merely repeated it, as it does in the content hash.
    """
    changes: Json = {}
    if created is not None:
        given, pinned = body.get("created"), _times.text(created)
        if given != pinned:
            changes["created"] = pinned
            if given is not None and body.get("valid_from") == given:
                changes["valid_from"] = pinned
    if modified and body.get("modified") != (text := _times.text(modified)):
        changes["modified"] = text
    if markings:
        refs = body.get("object_marking_refs")
        if not refs or (refs[0] if len(refs) == 1 else " ".join(refs)) != markings:
            changes["object_marking_refs"] = markings.split()
    return {**body, **changes} if changes else body
