"""The bus: what it promises, whatever engine is behind it.

The unit on the wire is the **block** (entries of one source, in order); the unit of the API is the **entry**. Entries
of a stream are numbered from 1; a block without entries takes one offset as well, so that a cursor can advance.

A **position** is the offset of the last entry that has been dealt with; 0 is before the first.

Guarantees. Each has tests that every engine must pass:

1.  `publish` returned means: the block survives a kill of the process. With durability ``flushed`` it survives a power
    cut too, where the disk honours a flush. `Health.durability` states what is in force.
2.  A block id is stored once. Publishing it again returns the first offsets with ``duplicate=True`` and changes
    nothing, `latest` included. Ids outlive their blocks under retention.
3.  Offsets strictly increase in the order of publication, without holes; every entry of a block follows the one before.
4.  At least once per group: what a group has not committed is delivered again.
5.  Any retained offset can be read again. An expired one raises `OffsetExpired`; it is never skipped in silence.
6.  A slow or stopped consumer blocks nobody. Retention never removes what a registered group has not committed.
7.  `latest` names the newest block of every key, also after retention removed that block.
8.  Stored bytes that changed are found by checksum and reported as a gap with its offsets, in `StoredBlock.damage`, in
    `check` and in `Health`; what lies before and after is still read.
9.  A full disk makes `publish` raise `StorageFull`, which is retriable; nothing acknowledged is lost, reading goes on,
    and publishing works again as soon as there is room.
10. A time-out of `publish` leaves the outcome open: repeat it with the same block id.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal

from isthmus_hub._sqlite import StateTooNew, StorageDamaged, StorageFault, StorageFull
from isthmus_sdk.errors import DeadlineExceeded, IsthmusError

if TYPE_CHECKING:
    from isthmus_hub.bus._subscription import Subscription

MAX_BLOCK_BYTES: Final = 32 * 1024 * 1024
"""Largest sum of entry bytes in one block."""


class OffsetExpired(IsthmusError):
    """Retention has removed the asked offset; ``first`` is the oldest one left."""

    def __init__(self, stream: str, asked: int, first: int) -> None:
        super().__init__(f"stream {stream}: offset {asked} has expired, the oldest retained one is {first}")
        self.stream = stream
        self.asked = asked
        self.first = first


class PublishTimeout(DeadlineExceeded):
    """`publish` did not finish in time; repeat it with the same block id."""


class BlockRefused(IsthmusError):
    """The block can never be stored: too large, a bad stream name, or an empty block id."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Durable: offsets of the block's first and last entry."""

    first: int
    last: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A block as it was stored. Where reading began inside it, ``first`` and ``entries`` begin there too."""

    first: int
    last: int
    block_id: bytes
    key: str
    meta: bytes
    stored_at: float
    """Seconds since 1970; never decreases within a stream, even if the clock does."""
    entries: tuple[bytes, ...]
    damage: str = ""
    """Not empty: the entries ``first`` to ``last`` are lost, and why. A consumer records the gap and goes on."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets that can no longer be read, and why."""

    stream: str
    first: int
    last: int
    reason: str


@dataclass(frozen=True, slots=True)
class Group:
    """A registered consumer group of a stream."""

    name: str
    position: int
    lag: int
    """Entries not yet committed."""
    updated_at: float


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """One stream in `Health`."""

    name: str
    first: int
    """Oldest retained offset; ``last + 1`` when none is retained."""
    last: int
    blocks: int
    stored_bytes: int
    groups: tuple[Group, ...]
    gaps: tuple[Gap, ...] = ()
    """Damage met by reads and checks of this process."""


Durability = Literal["flushed", "replicated", "buffered"]


@dataclass(frozen=True, slots=True)
class Health:
    """State of the bus. ``durability`` is what is in force, not what was asked for."""

    engine: str
    durability: Durability
    free_bytes: int | None
    accepting: bool
    """Whether `publish` would be let in: false below the low-water mark of the disk."""
    streams: tuple[StreamHealth, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What reading every stored byte found."""

    blocks: int
    entries: int
    gaps: tuple[Gap, ...] = ()
    problems: tuple[str, ...] = field(default=())
    """Broken structure that costs no entry, such as a damaged index."""

    @property
    def ok(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.gaps and not self.problems


@dataclass(frozen=True, slots=True)
class Retained:
    """What retention removed, and the oldest offset left."""

    blocks: int
    first: int


@dataclass(frozen=True, slots=True)
class Earliest:
    """From the oldest retained entry."""


@dataclass(frozen=True, slots=True)
class Latest:
    """Only what is published from now on."""


@dataclass(frozen=True, slots=True)
class Offset:
    """From this offset on (inclusive). Raises `OffsetExpired` if it is no longer retained."""

    value: int


@dataclass(frozen=True, slots=True)
class Time:
    """From the first block stored at or after this time (seconds since 1970)."""

    value: float


Start = Earliest | Latest | Offset | Time
EARLIEST: Final = Earliest()
LATEST: Final = Latest()


class Bus(ABC):
    """A set of durable, ordered streams. Every method may be called from any thread."""

    @abstractmethod
    def publish(
        self,
        stream: str,
        entries: Sequence[bytes],
        *,
        block_id: bytes,
        key: str = "",
        meta: bytes = b"",
        timeout: float | None = None,
    ) -> Ack:
        """Store a block and return when it is durable.

        ``key`` names the ordered sequence the block belongs to (instance and stream); ``meta`` is the publisher's, kept
        for `latest`. Raises `StorageFull`, `StorageFault`, `PublishTimeout` (all retriable) or `BlockRefused`.
        """

    @abstractmethod
    def read(self, stream: str, offset: int = 0, limit_blocks: int = 64) -> list[StoredBlock]:
        """Blocks from ``offset`` (inclusive) on, at most ``limit_blocks`` of them, fewer when they are large.

        0 stands for the oldest retained entry. Empty when there is nothing from there on. Raises `OffsetExpired`.
        """

    @abstractmethod
    def wait(self, stream: str, after_offset: int, timeout: float | None = None) -> bool:
        """Block until there is an entry beyond ``after_offset``; false when ``timeout`` seconds passed first."""

    @abstractmethod
    def end(self, stream: str) -> int:
        """Offset of the newest entry; 0 for a stream that never had one."""

    @abstractmethod
    def latest(self, stream: str, key_prefix: str = "") -> dict[str, tuple[int, bytes]]:
        """Last offset and ``meta`` of the newest block of each key that starts with ``key_prefix``."""

    @abstractmethod
    def subscribe(
        self, stream: str, group: str | None, *, from_: Start = EARLIEST, max_blocks: int = 64
    ) -> Subscription:
        """Read a stream in order and remember how far.

        ``Offset`` always starts there: for consumers that keep their own position. Otherwise a known group goes on
        after its position and ``from_`` says where a new one begins. ``group=None`` reads without being remembered, and
        without holding back retention.
        """

    @abstractmethod
    def commit(self, stream: str, group: str, offset: int) -> None:
        """The group has dealt with everything up to ``offset`` (inclusive). Never moves back; `seek` does."""

    @abstractmethod
    def groups(self, stream: str) -> list[Group]:
        """Registered groups of the stream, by name."""

    @abstractmethod
    def seek(self, stream: str, group: str, to: Start) -> int:
        """Set the position of a group, registering it if need be, and return the position."""

    @abstractmethod
    def forget(self, stream: str, group: str) -> bool:
        """Remove a group, so that it no longer holds back retention; false if there was none."""

    @abstractmethod
    def streams(self) -> list[str]:
        """Names of the streams that exist."""

    @abstractmethod
    def retain(self, stream: str, *, max_age: float | None = None, max_bytes: int | None = None) -> Retained:
        """Remove the oldest blocks that are older than ``max_age`` seconds or exceed ``max_bytes`` as stored.

        Keeps what a registered group has not committed, and what `latest` reports.
        """

    @abstractmethod
    def health(self) -> Health:
        """State of the bus, cheap enough to ask every few seconds."""

    @abstractmethod
    def check(self) -> CheckReport:
        """Read every stored byte and verify it."""

    @abstractmethod
    def close(self) -> None:
        """Finish running calls and release everything; may be called twice."""

    def __enter__(self) -> Bus:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


__all__ = [
    "EARLIEST",
    "LATEST",
    "MAX_BLOCK_BYTES",
    "Ack",
    "BlockRefused",
    "Bus",
    "CheckReport",
    "Durability",
    "Earliest",
    "Gap",
    "Group",
    "Health",
    "Latest",
    "Offset",
    "OffsetExpired",
    "PublishTimeout",
    "Retained",
    "Start",
    "StateTooNew",
    "StorageDamaged",
    "StorageFault",
    "StorageFull",
    "StoredBlock",
    "StreamHealth",
    "Time",
]
