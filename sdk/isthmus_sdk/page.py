"""One page of vendor records, whatever transport brought it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isthmus_sdk.files import Table


@dataclass(frozen=True, slots=True)
class Page:
    """Raw records in the order the vendor gave them.

    ``records`` are the undecoded bytes of each record (JSON unless ``table`` says otherwise), so that a bad one can be
    quarantined exactly as it came.
    """

    records: Sequence[bytes]
    observed_at: str
    """When the page was fetched, or the file's time; canonical STIX timestamp (UTC, milliseconds, ``Z``)."""
    after: Any = None
    """The transport's own position after this page, as plain JSON data: where the walk resumes; ``None``: nowhere."""
    partition: str = ""
    """Independent sequence inside the stream (one input file); each partition has its own cursor."""
    positions: Sequence[Any] | None = None
    """Position *before* each record, in the form of ``after``; given by transports whose streams are summarised."""
    raw: bytes | None = None
    """The page exactly as received, kept only while pages are being recorded."""
    number: int = 0
    """Counts from 1 within one run of one stream."""
    source: str = ""
    """Where the page came from, for messages: a file name or a URL without its query."""
    table: Table | None = None
    """Set where ``records`` are rows of this table as they stand in the file, for streams that are summarised."""
    unreadable: Mapping[int, str] = field(default_factory=dict)
    """Records the transport itself could not read (index -> why): above the size cap, no text, wrong number of columns.
    They go to quarantine; of one that is too large, the record holds the beginning."""
    replayed: bool = False
    """The records were counted in an earlier run and are read again because their window is still open."""
    room: int = 0
    """Bytes that may be read again for the sake of open windows, where what was read waits for room elsewhere; 0: any number."""
    begins: bool = False
    """The first page of a file that is read from its beginning."""
    ends: bool = False
    """The last page of a file, for now: everything in it was read."""

    vanished: int = 0
    """Ids that a list named and that were gone when they were asked for. They count as records, ignored for that reason."""
    checkpoint: bool = False
    """The position is worth storing although the page holds nothing."""
    unchanged: bool = False
    """There is no page: the vendor says that what is stored still holds."""
    no_content: bool = False
    """The vendor answered 204: it may mean an empty list, but it is no proof that nothing else is there."""
    mark: str | None = None
    """Value of the cursor for records that hold none themselves, where the vendor tells it beside them."""
    validators: Mapping[str, str] | None = None
    """What a later run asks with whether the reply has changed (``etag``, ``modified``)."""


__all__ = ["Page"]
