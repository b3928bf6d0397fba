"""What a run saw of a complete inventory: the ground on which the hub may say that a device or an exposure has vanished.

Only a whole, unfiltered reading proves absence: every page from the first to the last in one walk of one run. Anything
less gives no snapshot but a reason. A record in quarantine was seen; one whose key cannot be read could be any device, so
a run that has one proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from struct import Struct as Layout
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from isthmus_sdk.engine import Outcome

MODES = ("none", "file", "batch")
"""Which files are an inventory: none, each one by itself, or all that a run finds together."""
MOST = 500_000
"""Devices in one snapshot: what fits into a frame."""
MOST_EXPOSURES = 250_000
"""Exposures in one snapshot, beside its devices: what fits into a frame, and into a worker's memory."""
PAIR = Layout(">QQ")
"""A device as it is told: key of its object, key of its record; 0 where there is none."""
NO_KEY = "a quarantined record has no readable key, so it could be any device"


class Snapshot(msgspec.Struct, kw_only=True):
    """One complete reading of an inventory. ``seen`` and ``quarantined`` are sorted and hold nothing twice."""

    walk: str
    """Number of the walk; of a file, its partition and the number."""
    query: str
    """Fingerprint of the query: stream, model, settings."""
    observed_at: str
    """Of its last page."""
    seen: bytes = b""
    """Devices that mapped, 16 bytes each, see `PAIR`."""
    quarantined: bytes = b""
    """Record keys of what did not map, 8 bytes each."""
    exposures: bytes | None = None
    """Exposures, as devices are told; ``None``: nothing is known of them (an older SDK, or more than `MOST_EXPOSURES`)."""


def object_key(id: str) -> int:
    """63-bit key of a STIX id: the last 16 digits of its UUID, which are as good as random.

    Two ids may share a key; where it matters they are told apart by the id itself.
    """
    try:
        return int(id[-17:-13] + id[-12:], 16) & 0x7FFFFFFFFFFFFFFF
    except ValueError:
        return int.from_bytes(blake2b(id.encode(), digest_size=8).digest()) >> 1


def record_key(text: str) -> int:
    """64-bit key of the vendor's key of a record; 0 where it is not known."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()) if text else 0


def devices(objects: Iterable[dict[str, Any]]) -> Iterable[str]:
    """Ids of the devices among the objects of a record; zones and sites are none."""
    from isthmus_sdk.stix import ASSET, facts

    for obj in objects:
        if obj.get("type") == "infrastructure":
            known = facts(obj, ASSET)
            if known and known.get("kind", "asset") in ("asset", "endpoint"):
                yield obj["id"]


def exposures(objects: Iterable[dict[str, Any]]) -> Iterable[str]:
    """Ids of the exposures among the objects of a record: ``has`` with a state."""
    from isthmus_sdk.stix import EXPOSURE, facts

    for obj in objects:
        if obj.get("type") == "relationship" and obj.get("relationship_type") == "has":
            known = facts(obj, EXPOSURE)
            if known and known.get("state"):
                yield obj["id"]


@dataclass
class Reading:
    """What one walk, or one file, has shown so far."""

    observed_at: str = ""
    unproven: str = ""
    """Why it proves nothing; empty: nothing speaks against it yet."""
    ended: bool = False
    unchanged: bool = False
    """A part of the inventory was not sent, because it had not changed."""
    _seen: set[bytes] = field(default_factory=set)
    _quarantined: set[bytes] = field(default_factory=set)
    _exposed: set[bytes] | None = field(default_factory=set)
    """``None``: too many to tell."""

    def take(self, outcome: Outcome, observed_at: str) -> None:
        """The next page."""
        self.observed_at = max(self.observed_at, observed_at)
        self._seen.update(outcome.seen)
        self._expose(outcome.exposed)
        for key in outcome.unmapped:
            if key:
                self._quarantined.add(key.to_bytes(8, "big"))
            else:
                self.unproven = NO_KEY
        if len(self._seen) + len(self._quarantined) > MOST:
            self.unproven = f"more than {MOST:,} devices"
            self._seen.clear()
            self._quarantined.clear()

    def join(self, others: Sequence[Reading]) -> None:
        """What the files of one batch show together."""
        for other in others:
            self.observed_at = max(self.observed_at, other.observed_at)
            self.unproven = self.unproven or other.unproven
            self._seen |= other._seen
            self._quarantined |= other._quarantined
            self._expose(other._exposed)
        if len(self._seen) + len(self._quarantined) > MOST:
            self.unproven = f"more than {MOST:,} devices"

    def _expose(self, exposed: set[bytes] | None) -> None:
        if self._exposed is None or exposed is None or len(self._exposed) + len(exposed) > MOST_EXPOSURES:
            self._exposed = None
        else:
            self._exposed |= exposed

    def snapshot(self, walk: str, query: str) -> Snapshot:
        """As it is told to the hub."""
        return Snapshot(
            walk=walk,
            query=query,
            observed_at=self.observed_at,
            seen=b"".join(sorted(self._seen)),
            quarantined=b"".join(sorted(self._quarantined)),
            exposures=None if self._exposed is None else b"".join(sorted(self._exposed)),
        )


class Snapshots:
    """Follows one run of a stream; pages in, snapshots out where the run proves any.

    ``mode``: as of the instance's files; empty over the network, where the whole walk is the inventory.
    """

    def __init__(self, mode: str = "", *, filtered: bool = False) -> None:
        self._mode = mode
        self._filtered = filtered
        self._readings: dict[str, Reading] = {}

    def begin(self, *, resumed: bool) -> None:
        """A walk begins, again perhaps: what was seen before does not count."""
        self._readings.clear()
        if not self._mode:
            reading = self._readings[""] = Reading()
            if self._filtered:
                reading.unproven = "the run was limited by `since`"
            elif resumed:
                reading.unproven = "the run went on where an earlier one was interrupted"

    def page(self, outcome: Outcome, partition: str, observed_at: str, *, begins: bool, ends: bool) -> None:
        """A page was mapped. ``begins``, ``ends``: over files, whether it is the first or the last of its file."""
        name = partition if self._mode else ""
        reading = self._readings.get(name)
        if reading is None:
            reading = self._readings[name] = Reading()
            if not begins:
                reading.unproven = "a file was read on from where an earlier run ended"
        reading.take(outcome, observed_at)
        reading.ended = reading.ended or ends

    def unchanged(self) -> None:
        """The vendor says that what is stored still holds: nothing was read, so nothing is proven."""
        for reading in self._readings.values():
            reading.unchanged = True

    def no_content(self) -> None:
        """A reply had no content: whether the list ends there or the vendor failed, nobody can tell."""
        for reading in self._readings.values():
            reading.unproven = reading.unproven or "the vendor answered without content (204) in place of a page"

    def end(self, walks: dict[str, int], query: str) -> tuple[list[Snapshot], str]:
        """The walk came to its end. The snapshots in order of time, and why there are none or fewer."""
        if not self._mode:
            found = {"": self._readings.get("", Reading())}
        else:
            found = self._readings
            for reading in found.values():
                if not reading.ended:
                    reading.unproven = "a file was not read to its end"
            if self._mode == "batch" and found:
                whole = Reading()
                whole.join(list(found.values()))
                found = {"": whole}
        for reading in found.values():
            if reading.unchanged and reading.observed_at:
                reading.unproven = reading.unproven or "a part of the inventory had not changed and was not read"
        proven = {name: reading for name, reading in found.items() if not reading.unproven and reading.observed_at}
        reason = next((reading.unproven for reading in found.values() if reading.unproven), "")
        told = [
            reading.snapshot(f"{name}:{walks.get(name, 0)}" if name else str(max(walks.values(), default=0)), query)
            for name, reading in proven.items()
        ]
        return sorted(told, key=lambda one: (one.observed_at, one.walk)), reason


__all__ = [
    "MODES",
    "MOST",
    "MOST_EXPOSURES",
    "PAIR",
    "Reading",
    "Snapshot",
    "Snapshots",
    "devices",
    "exposures",
    "object_key",
    "record_key",
]
