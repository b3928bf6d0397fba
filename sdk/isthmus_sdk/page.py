"""One page of vendor records, whatever transport brought it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    """Raw records in the order the vendor gave them.

    ``records`` are the undecoded bytes of each record (JSON unless ``format`` says otherwise), so that a bad one can be
    quarantined exactly as it came.
    """

    records: Sequence[bytes]
    observed_at: str
    """When the page was fetched, or the file's time; canonical STIX timestamp (UTC, milliseconds, ``Z``)."""
    after: Any = None
    """The transport's own position after this page, as plain JSON data: where the walk resumes. ``None``: the walk ends here."""
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


__all__ = ["Page"]
