"""The durable word on an inventory: what a complete snapshot held, and what is absent since when. Pure.

A mark holds everything: what is present and what has vanished, each with its time. So the newest mark of a source is all
there is to know, and marks may come again or out of order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct as Layout

import msgspec

from isthmus_hub.store import _times
from isthmus_sdk.errors import RecordError
from isthmus_sdk.snapshot import PAIR, Snapshot

SNAPSHOT = "snapshot"
"""Kind of a block of ``observed`` that is a mark."""
HOLD_SHARE = 0.2
"""Of what the last snapshot held: when more than this vanishes at once, somebody has to confirm it."""
FLOOR = 2
"""So few may vanish at once without a question."""
_GONE = Layout(">QQq")
_KEY = Layout(">Q")


class Mark(msgspec.Struct, kw_only=True, tag="isthmus-snapshot"):
    """State of one inventory after a complete snapshot: one entry of ``observed``."""

    hub: str
    instance: str
    stream: str
    source_id: str
    walk: str
    query: str
    observed_at: str
    serial: int = 1
    """Counts the marks of this inventory."""
    present: bytes = b""
    """Devices, `isthmus_sdk.snapshot.PAIR` each: key of the object (0: never mapped), key of its record."""
    absent: bytes = b""
    """Devices that vanished: the same pair, and since when (microseconds since 1970, signed 64 bits)."""

    @property
    def source(self) -> tuple[str, str, str]:
        """Instance, stream, source id."""
        return self.instance, self.stream, self.source_id

    @property
    def counts(self) -> tuple[int, int]:
        """How many are present, how many absent."""
        return len(self.present) // PAIR.size, len(self.absent) // _GONE.size

    def gone(self) -> dict[int, int]:
        """Key of each absent object, and since when it is absent (microseconds since 1970)."""
        return {object: since for object, _, since in _GONE.iter_unpack(self.absent) if object}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from a snapshot."""

    mark: Mark
    vanished: int = 0
    """How many the last accepted snapshot held and this one does not."""
    held: str = ""
    """Why nothing may be marked before it is confirmed; empty: the mark is in force."""


_encode = msgspec.json.Encoder(order="deterministic").encode
_decoder = msgspec.json.Decoder(Mark)


def encode(mark: Mark) -> bytes:
    """A mark as an entry of the bus."""
    return _encode(mark)


def decode(entry: bytes) -> Mark:
    """Raises :class:`RecordError` for what is no mark."""
    try:
        mark = _decoder.decode(entry)
        _times.micros(mark.observed_at)
    except (msgspec.DecodeError, ValueError) as error:
        raise RecordError(f"not a snapshot: {type(error).__name__}") from error
    if len(mark.present) % PAIR.size or len(mark.absent) % _GONE.size:
        raise RecordError("not a snapshot: devices are cut off")
    return mark


def judge(
    source: tuple[str, str, str], hub: str, snapshot: Snapshot, before: Mark | None, *, floor: int = FLOOR
) -> Verdict:
    """What ``snapshot`` says after ``before``, the last mark in force of the same source.

    Raises :class:`RecordError` for a snapshot that cannot be read.
    """
    observed_at, query, walk = snapshot.observed_at, snapshot.query, snapshot.walk
    now = _times.micros(observed_at)
    if len(snapshot.seen) % PAIR.size or len(snapshot.quarantined) % _KEY.size:
        raise RecordError("not a snapshot: devices are cut off")
    pairs = set(PAIR.iter_unpack(snapshot.seen))
    objects = {object for object, _ in pairs}
    keys = {key for _, key in pairs if key}
    unmapped = {key for (key,) in _KEY.iter_unpack(snapshot.quarantined)}
    present = set(pairs)
    gone: dict[tuple[int, int], int] = {}
    known = {key: object for object, key in _pairs(before) if object and key}
    present |= {(known.get(key, 0), key) for key in unmapped - keys}
    vanished = 0
    for object, key in _pairs(before):
        if object in objects and object:
            continue
        if key and (key in keys or key in unmapped):
            if object:
                present.add((object, key))
            continue
        vanished += 1
        gone[object, key] = now
    if before is not None:
        for object, key, since in _GONE.iter_unpack(before.absent):
            back = (object in objects and object) or (key and (key in keys or key in unmapped))
            if not back:
                gone.setdefault((object, key), since)
    mark = Mark(
        hub=hub,
        instance=source[0],
        stream=source[1],
        source_id=source[2],
        walk=walk,
        query=query,
        observed_at=observed_at,
        serial=1 if before is None else before.serial + 1,
        present=b"".join(PAIR.pack(*pair) for pair in sorted(present)),
        absent=b"".join(_GONE.pack(*pair, gone[pair]) for pair in sorted(gone)),
    )
    held = "" if before is None else _held(before, snapshot, vanished, floor, nothing=not present)
    return Verdict(mark, vanished, held)


def _held(before: Mark, snapshot: Snapshot, vanished: int, floor: int, *, nothing: bool) -> str:
    if not vanished:
        return ""
    if nothing:
        return "the inventory came empty"
    if snapshot.query != before.query:
        return "the query (settings, model or stream) is another than that of the last snapshot"
    total = before.counts[0]
    if vanished > floor and vanished > HOLD_SHARE * total:
        return f"more than {HOLD_SHARE:.0%} vanished at once"
    return ""


def _pairs(mark: Mark | None) -> Iterator[tuple[int, int]]:
    return iter(()) if mark is None else PAIR.iter_unpack(mark.present)


__all__ = ["FLOOR", "HOLD_SHARE", "SNAPSHOT", "Mark", "Verdict", "decode", "encode", "judge"]
