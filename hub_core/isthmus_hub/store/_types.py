"""What goes into the store and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec

from isthmus_sdk.errors import IsthmusError

Json = dict[str, Any]
Side = Literal["observed", "resolved"]
Direction = Literal["out", "in", "both"]
ChangeKind = Literal["new", "changed", "unchanged", "stale", "rejected"]


class StoreError(IsthmusError):
    """The store was asked for something that contradicts what it holds."""


class RetiredError(StoreError):
    """A revoked id was to be emitted again: STIX knows no way back from revoked; mint a new id."""


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """One observed object on its way in. ``encoded`` is the canonical JSON of ``body``."""

    id: str
    body: Json
    encoded: bytes
    instance: str
    stream: str
    source_id: str
    observed_at: str
    """Canonical STIX timestamp of the page or file."""
    offset: int
    """Offset of the entry on the bus."""


class Change(msgspec.Struct, frozen=True, gc=False):
    """What one `Incoming` did.

    ``new``: the id was unknown. ``changed``: what the store believes is different now. ``unchanged``: the same content
    was confirmed. ``stale``: newer content is already held. ``rejected``: unusable, recorded under its offset.
    """

    id: str
    kind: ChangeKind
    body: Json | None = None
    """For ``new`` and ``changed``: the object as the store now believes it."""
    first: bool = False
    """Whether this source (instance and stream) had never reported the object before."""
    restated: bool = False
    """Of an object that several sources report: whether this one says something else now, or at another time of its vendor's,
    whoever is believed."""


class Provenance(msgspec.Struct, frozen=True, gc=False):
    """One source's claim about an object."""

    instance: str
    stream: str
    source_id: str
    modified: str | None
    """Of the source's newest version; ``None`` for objects without versions (cyber observables)."""
    observed_at: str
    """When that version was observed."""
    first_observed: str
    last_observed: str
    first_offset: int
    capped: bool = False
    """The source gave a ``modified`` more than a day ahead of the observation; it was capped."""


class Stored(msgspec.Struct, frozen=True, gc=False):
    """An object as the store believes it, and who says so."""

    id: str
    body: Json
    provenance: tuple[Provenance, ...] = ()
    """Winning claim first; empty on the resolved side."""


class Edge(msgspec.Struct, frozen=True, gc=False):
    """A directed connection between two objects.

    ``kind`` is the relationship type, or the name of the property that holds the reference; ``via`` the relationship's
    id, or the id of the object that holds the reference.
    """

    source: str
    kind: str
    target: str
    via: str


class Found(msgspec.Struct, frozen=True, gc=False):
    """An observed object that carries a value."""

    kind: str
    value: str
    """In the form in which values are compared."""
    id: str
    asset: str | None
    """The resolved asset it is assigned to."""


class Statement(msgspec.Struct, frozen=True, gc=False):
    """What one source said about an object at some time."""

    instance: str
    stream: str
    source_id: str
    body: Json
    modified: str | None
    until: str | None
    """When newer words of the same source replaced these; ``None``: they are current."""
    exact: bool
    """False where words replaced so long ago are no longer kept, and these are the oldest that are."""


class Communication(msgspec.Struct, frozen=True, gc=False):
    """Counters of one communication edge in one window of event time, from one part (file or partition)."""

    edge: str
    window_start: int
    """Seconds since 1970."""
    seconds: int
    part: str
    counters: Mapping[str, int]


class OutboxBlock(msgspec.Struct, frozen=True, gc=False):
    """Resolved objects of one transaction that the bus has yet to take."""

    seq: int
    block_id: bytes
    entries: tuple[bytes, ...]
    key: str = ""
    """The same for all blocks that may hold the same object."""


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """An entry of the bus that the store could not use."""

    offset: int
    index: int
    id: str
    reason: str


class Publisher(Protocol):
    """The one method of the bus that `relay` needs."""

    def publish(self, stream: str, entries: tuple[bytes, ...], *, block_id: bytes, key: str = "") -> object:
        """Store a block durably."""


__all__ = [
    "Change",
    "ChangeKind",
    "Communication",
    "Direction",
    "Edge",
    "Found",
    "Incoming",
    "Json",
    "OutboxBlock",
    "Provenance",
    "Publisher",
    "Rejected",
    "RetiredError",
    "Side",
    "Statement",
    "StoreError",
    "Stored",
]
