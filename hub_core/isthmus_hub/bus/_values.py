"""What goes into a bus and what comes out: blocks, positions, reports, errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from isthmus_hub._sqlite import StorageDamaged
from isthmus_sdk.errors import DeadlineExceeded, IsthmusError

MAX_BLOCK_BYTES: Final = 32 * 1024 * 1024
"""Largest sum of entry bytes in one block."""

READ_BYTES: Final = 16 * 1024 * 1024
"""One `read` stops after about this many bytes of entries."""


class OffsetExpired(IsthmusError):
    """Retention has removed the asked offset; ``first`` is the oldest one left."""

    def __init__(self, stream: str, asked: int, first: int) -> None:
        super().__init__(f"stream {stream}: offset {asked} has expired, the oldest retained one is {first}")
        self.stream = stream
        self.asked = asked
        self.first = first


class StreamCutShort(StorageDamaged):
    """The stream ends before an offset that was given: it was lost, or another one stands in its place."""

    def __init__(self, stream: str, asked: int, last: int) -> None:
        super().__init__(
            f"stream {stream}: ends at offset {last}, and {asked} was asked for: entries up to {asked - 1} were there and "
            "are gone (a server that does not sync lost power, or the stream was removed or replaced); put the stream "
            "back, or move the bus, the store and the delivery ledger away together and read the sources again"
        )
        self.stream = stream
        self.asked = asked
        self.last = last


class PublishTimeout(DeadlineExceeded):
    """`publish` did not finish in time; repeat it with the same block id."""


class BlockRefused(IsthmusError):
    """The block can never be stored: too large, a bad stream name, or an empty block id."""


class PartitionsChanged(IsthmusError):
    """Somebody else subscribed to the group with another number of partitions, or removed it; subscribe anew."""


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
    """Everything up to here has been dealt with, in every partition."""
    lag: int
    """Entries not yet committed."""
    updated_at: float
    partitions: int = 1
    redeliveries: int = 0
    """How often an entry was handed out again because it had failed."""
    beyond: int = 0
    """Entries that it, or one of its partitions, has dealt with behind the end of the stream: the stream was cut short."""


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

    @property
    def warnings(self) -> list[str]:
        """What is wrong with the stream, as `Health` says it."""
        return [f"stream {self.name}: offsets {gap.first}-{gap.last} are lost: {gap.reason}" for gap in self.gaps] + [
            f"stream {self.name}: ends at offset {self.last}, and group {group.name} has read {group.beyond} entries more: "
            "they were there and are gone; put the stream back, or set the group with `isthmus bus seek`"
            for group in self.groups
            if group.beyond
        ]


Durability = Literal["flushed", "replicated", "buffered", "volatile"]
"""What an acknowledged block survives: ``flushed`` a power cut, ``replicated`` the loss of a minority of servers,
``buffered`` a kill of the process but maybe no power cut, ``volatile`` not even the end of the process."""


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
class DeadLetter:
    """An entry that a group could not deal with, kept until somebody requeues or drops it."""

    number: int
    """Unique within the stream; 0 before it is stored."""
    stream: str
    group: str
    offset: int
    key: str
    """Key of the block it came in."""
    entry: bytes
    reason: str
    error: str
    stack: str
    """Hash of the places in the code where the error arose: letters with the same fault have the same one."""
    tries: int
    at: float
    """When it was given up, seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a stream keeps its blocks: ``max_age`` seconds, ``max_bytes`` as stored; ``None`` is without limit."""

    max_age: float | None = None
    max_bytes: int | None = None


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
