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
HOLD_EXPOSURES = 0.5
"""The same for exposures, of which one round of updates rightly closes many."""
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
    exposures: bytes = b""
    """Exposures that are listed, as devices are."""
    closed: bytes = b""
    """Exposures that are listed no more, as devices that vanished."""

    @property
    def source(self) -> tuple[str, str, str]:
        """Instance, stream, source id."""
        return self.instance, self.stream, self.source_id

    @property
    def counts(self) -> tuple[int, int]:
        """How many are present, how many absent: devices and exposures."""
        present, absent = len(self.present) + len(self.exposures), len(self.absent) + len(self.closed)
        return present // PAIR.size, absent // _GONE.size

    def gone(self) -> dict[int, int]:
        """Key of each absent object, and since when it is absent (microseconds since 1970)."""
        return {object: since for object, _, since in _GONE.iter_unpack(self.absent + self.closed) if object}


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
    if any(len(part) % PAIR.size for part in (mark.present, mark.exposures)):
        raise RecordError("not a snapshot: devices are cut off")
    if any(len(part) % _GONE.size for part in (mark.absent, mark.closed)):
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
    if (
        len(snapshot.seen) % PAIR.size
        or len(snapshot.exposures or b"") % PAIR.size
        or len(snapshot.quarantined) % _KEY.size
    ):
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
    listed, closed, dropped = _exposures(snapshot, before, unmapped, now)
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
        exposures=b"".join(PAIR.pack(*pair) for pair in sorted(listed)),
        closed=b"".join(_GONE.pack(*pair, closed[pair]) for pair in sorted(closed)),
    )
    held = ""
    if before is not None:
        same = snapshot.query == before.query
        devices = len(before.present) // PAIR.size
        held = _held(vanished, devices, HOLD_SHARE, floor, nothing=not present, same=same)
        exposed = len(before.exposures) // PAIR.size
        held = held or _held(dropped, exposed, HOLD_EXPOSURES, floor, nothing=not listed and not present, same=same)
    return Verdict(mark, vanished + dropped, held)


def _exposures(
    snapshot: Snapshot, before: Mark | None, unmapped: set[int], now: int
) -> tuple[set[tuple[int, int]], dict[tuple[int, int], int], int]:
    """Exposures that are listed, those that are not any more with the time since when, and how many of these are new.

    A record that mapped lists all it knows: what it listed before and does not now is gone, other than a device, which may
    only have another id. What stands in a record that did not map stays as it was.
    """
    known = set(_pairs(before, exposures=True))
    closed = {} if before is None else {(object, key): at for object, key, at in _GONE.iter_unpack(before.closed)}
    if snapshot.exposures is None:
        return known, closed, 0
    listed = set(PAIR.iter_unpack(snapshot.exposures))
    objects = {object for object, _ in listed}
    listed |= {(object, key) for object, key in known if object not in objects and key in unmapped}
    objects = {object for object, _ in listed}
    gone = {pair for pair in known if pair[0] not in objects}
    closed = {pair: at for pair, at in closed.items() if pair[0] not in objects}
    return listed, {**dict.fromkeys(gone, now), **closed}, len(gone)


def _held(vanished: int, total: int, share: float, floor: int, *, nothing: bool, same: bool) -> str:
    if not vanished:
        return ""
    if nothing:
        return "the inventory came empty"
    if not same:
        return "the query (settings, model or stream) is another than that of the last snapshot"
    if vanished > floor and vanished > share * total:
        return f"more than {share:.0%} vanished at once"
    return ""


def _pairs(mark: Mark | None, *, exposures: bool = False) -> Iterator[tuple[int, int]]:
    if mark is None:
        return iter(())
    return PAIR.iter_unpack(mark.exposures if exposures else mark.present)


__all__ = ["FLOOR", "HOLD_EXPOSURES", "HOLD_SHARE", "SNAPSHOT", "Mark", "Verdict", "decode", "encode", "judge"]
