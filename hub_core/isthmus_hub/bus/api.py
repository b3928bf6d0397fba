"""The bus: what it promises, whatever engine is behind it.

The unit on the wire is the **block** (entries of one source, in order); the unit of the API is the **entry**. Entries
of a stream are numbered from 1; a block without entries takes one offset as well, so that a cursor can advance.

A **position** is the offset of the last entry that has been dealt with; 0 is before the first.

Guarantees. Each has tests that every engine must pass:

1.  `publish` returned means: the block survives a kill of the process. With durability ``flushed`` it survives a power
    cut too, where the disk honours a flush. `Health.durability` states what is in force. (The memory engine, for tests
    and for hubs that live for one run, is ``volatile`` and says so.)
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
11. Order per key, also with parallel consumers: of ``subscribe(..., partition=(i, n))`` each gets only the blocks whose
    key belongs to partition i of n, in order, and commits for itself.
12. An entry that fails is tried again with growing pauses, in its place; after the last try it becomes a dead letter
    (offset, entry, reason, error, hash of the stack) and the partition moves on. A dead letter is stored before the
    position passes it. Requeued, it is delivered again, to its group alone.
13. Where `ensure` bounds a stream by bytes, `publish` waits rather than dropping what a registered group has not
    committed, and raises `StorageFull` when its time is over; whoever removes the laggard with `forget` frees it.
14. An offset that was given is never waited for in vain: where a stream ends before a position that its consumer holds, it
    was lost or replaced, and `read`, `wait`, `subscribe` and `seek` raise `StreamCutShort`. `Health` names groups that hold one.

A consumer whose effect must happen once keeps its own position: it stores the offset in the transaction that holds the
effect, subscribes with ``Offset(position + 1)`` and uses `Bus.commit` afterwards only to let retention go on. The bus and
the consumer's database never commit together, so nothing else is exact.

Why a partition is a property of the subscription and not of the log: one log per stream keeps one order of offsets, so
that replay, seek, retention and repair stay simple; the number of partitions can change at any time, without copying;
and a consumer that wants everything in order just subscribes without one. What it costs is that each partition reads
past the blocks of the others, which is a fraction of what dealing with an entry costs.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final

from isthmus_hub.bus import _groups
from isthmus_hub.bus._groups import Backoff, Change, GroupState
from isthmus_hub.bus._intake import Intake, wait_for_room
from isthmus_hub.bus._subscription import Subscription, check_stream
from isthmus_hub.bus._values import (
    EARLIEST,
    MAX_BLOCK_BYTES,
    Ack,
    BlockRefused,
    CheckReport,
    DeadLetter,
    Earliest,
    Group,
    Health,
    Latest,
    Offset,
    OffsetExpired,
    PartitionsChanged,
    Retained,
    Retention,
    Start,
    StoredBlock,
    StreamCutShort,
)

MAX_PARTITIONS: Final = 1_024


class Bus(ABC):
    """A set of durable, ordered streams. Every method may be called from any thread.

    Engines provide the abstract methods; what can be said once for all of them is said here.
    """

    def __init__(self) -> None:
        self._intake = Intake()

    # -- in ------------------------------------------------------------------------------------------------------

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
        check_stream(stream)
        size = sum(map(len, entries))
        if size > MAX_BLOCK_BYTES:
            raise BlockRefused(f"stream {stream}: a block of {size} bytes exceeds {MAX_BLOCK_BYTES}; split it")
        if not block_id:
            raise BlockRefused(f"stream {stream}: the block id is empty")
        with self._intake.running():
            left = wait_for_room(self, self._intake, stream, timeout)
            return self.append(stream, entries, bytes(block_id), key, bytes(meta), size, left)

    @abstractmethod
    def append(
        self,
        stream: str,
        entries: Sequence[bytes],
        block_id: bytes,
        key: str,
        meta: bytes,
        size: int,
        timeout: float | None,
    ) -> Ack:
        """The engine's part of `publish`; ``size`` is the sum of the entries' bytes."""

    # -- out -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def read(self, stream: str, offset: int = 0, limit_blocks: int = 64) -> list[StoredBlock]:
        """Blocks from ``offset`` (inclusive) on, at most ``limit_blocks`` of them, fewer when they are large.

        0 stands for the oldest retained entry. Empty when there is nothing from there on. Raises `OffsetExpired` and
        `StreamCutShort`.
        """

    @abstractmethod
    def wait(self, stream: str, after_offset: int, timeout: float | None = None) -> bool:
        """Block until there is an entry beyond ``after_offset``; false when ``timeout`` seconds passed first.

        Raises `StreamCutShort` where the stream ends before ``after_offset``, also when it comes to that meanwhile.
        """

    @abstractmethod
    def ends(self, stream: str) -> tuple[int, int]:
        """First retained offset and offset of the newest entry; ``(1, 0)`` for a stream that never had one."""

    def end(self, stream: str) -> int:
        """Offset of the newest entry; 0 for a stream that never had one."""
        return self.ends(stream)[1]

    @abstractmethod
    def offset_at(self, stream: str, moment: float) -> int:
        """Offset of the first block stored at or after ``moment``; the next offset to be given if there is none."""

    @abstractmethod
    def latest(self, stream: str, key_prefix: str = "") -> dict[str, tuple[int, bytes]]:
        """Last offset and ``meta`` of the newest block of each key that starts with ``key_prefix``."""

    def subscribe(
        self,
        stream: str,
        group: str | None,
        *,
        from_: Start = EARLIEST,
        max_blocks: int = 64,
        partition: tuple[int, int] | None = None,
        backoff: Backoff | None = None,
    ) -> Subscription:
        """Read a stream in order and remember how far.

        ``Offset`` always starts there: for consumers that keep their own position. Otherwise a known group goes on
        after its position and ``from_`` says where a new one begins. ``group=None`` reads without being remembered, and
        without holding back retention.

        ``partition=(i, n)``, i from 0: only the blocks whose key belongs to partition i of n. All n are registered at
        once, so that retention waits for those that have not started yet; a group that had another number of
        partitions goes on where its slowest one was, and its former subscriptions get `PartitionsChanged`.

        ``backoff`` is for `Subscription.retry`.
        """
        part, parts = _partition(partition)
        if group is None:
            position, state = self._position(stream, from_), None
        else:
            known = self.group_state(stream, group)
            start = self._position(stream, from_) if known is None or isinstance(from_, Offset) else 0
            state = known
            if known is None or len(known.positions) != parts:
                state = self.change_group(stream, group, _groups.begin(parts, start, time.time()))
            assert state is not None
            position = start if isinstance(from_, Offset) else state.positions[part]
        if position > (last := self.end(stream)):
            raise StreamCutShort(stream, position + 1, last)
        return Subscription(
            self,
            stream,
            group,
            position,
            max_blocks,
            part=part,
            parts=parts,
            backoff=backoff or Backoff(),
            state=None if isinstance(from_, Offset) else state,
        )

    # -- groups --------------------------------------------------------------------------------------------------

    @abstractmethod
    def group_state(self, stream: str, group: str) -> GroupState | None:
        """What is stored of a group; ``None`` if it is not registered."""

    @abstractmethod
    def group_states(self, stream: str) -> dict[str, GroupState]:
        """All registered groups."""

    @abstractmethod
    def change_group(self, stream: str, group: str, change: Change) -> GroupState | None:
        """Apply ``change`` to what is stored, as one step that no other process can come between; returns the result.

        Creates the stream where it is missing. ``change`` may be called several times. Survives a kill of the process;
        after a power cut an older state may be found, and its entries are delivered again.
        """

    def commit(self, stream: str, group: str, offset: int) -> None:
        """The group has dealt with everything up to ``offset`` (inclusive). Never moves back; `seek` does.

        For groups without partitions. Raises `PartitionsChanged` where the group has them: commit on the subscription.
        """
        self.commit_part(stream, group, 0, 1, offset)

    def commit_part(
        self, stream: str, group: str, part: int, parts: int, offset: int, seeks: int | None = None
    ) -> GroupState:
        """`commit` for one partition; what `Subscription.commit` calls.

        With ``seeks``, nothing is committed where the group was set to another place since: see the returned state.
        """
        state = self.change_group(stream, group, _groups.commit(part, parts, offset, time.time(), seeks))
        if state is None or len(state.positions) != parts:
            raise PartitionsChanged(f"stream {stream}: group {group} no longer has {parts} partitions; subscribe anew")
        return state

    def groups(self, stream: str) -> list[Group]:
        """Registered groups of the stream, by name."""
        states = self.group_states(stream)
        last = self.end(stream) if states else 0
        return [
            Group(
                name,
                state.floor,
                max(last - state.floor, 0),
                state.updated_at,
                len(state.positions),
                state.redeliveries,
                max(max(state.positions) - last, 0),
            )
            for name, state in sorted(states.items())
        ]

    def seek(self, stream: str, group: str, to: Start) -> int:
        """Set the position of a group (of all its partitions), registering it if need be, and return the position.

        A running consumer of the group goes on there after what it is dealing with, which it can no longer commit; one
        that keeps its own position stays where it is. Raises `OffsetExpired` and `StreamCutShort` for an `Offset` that
        is not there and is not the next to be given.
        """
        position = self._position(stream, to)
        self.change_group(stream, group, _groups.seek(position, time.time()))
        return position

    def forget(self, stream: str, group: str) -> bool:
        """Remove a group, so that it no longer holds back retention; false if there was none.

        A running consumer of it gets `PartitionsChanged`, unless it keeps its own position: that one registers anew.
        """
        if self.group_state(stream, group) is None:
            return False
        self.change_group(stream, group, lambda _: None)
        return True

    # -- dead letters --------------------------------------------------------------------------------------------

    @abstractmethod
    def bury(self, letter: DeadLetter) -> DeadLetter:
        """Keep a dead letter, durably; the same group and offset once. Returns it with its number."""

    @abstractmethod
    def dead_letters(self, stream: str, group: str | None = None) -> list[DeadLetter]:
        """Dead letters of a stream, or of one of its groups, oldest first."""

    def drop_dead(self, stream: str, numbers: Iterable[int]) -> int:
        """Remove dead letters for good, also those that were requeued; how many there were."""
        wanted = tuple(numbers)
        for group, state in self.group_states(stream).items():
            if set(wanted) & set(state.requeued):
                self.change_group(stream, group, _groups.requeue(wanted, done=True))
        return self.remove_dead(stream, wanted)

    @abstractmethod
    def remove_dead(self, stream: str, numbers: Sequence[int]) -> int:
        """The engine's part of `drop_dead`."""

    def requeue_dead(self, stream: str, numbers: Iterable[int] | None = None) -> int:
        """Deliver dead letters (all of them without ``numbers``) to their group again; how many will be.

        A letter is removed when its group commits it, and stays dead when it fails again.
        """
        wanted = None if numbers is None else set(numbers)
        chosen: dict[str, list[int]] = {}
        for letter in self.dead_letters(stream):
            if wanted is None or letter.number in wanted:
                chosen.setdefault(letter.group, []).append(letter.number)
        count = 0
        for group, some in chosen.items():
            if self.change_group(stream, group, _groups.requeue(tuple(some))) is not None:
                count += len(some)
        return count

    # -- keeping -------------------------------------------------------------------------------------------------

    @abstractmethod
    def streams(self) -> list[str]:
        """Names of the streams that exist."""

    @abstractmethod
    def ensure(self, stream: str, retention: Retention | None = None) -> None:
        """Create a stream if need be and set how long it keeps its blocks (``None``: leave that as it is).

        The policy is stored with the stream and holds for every process. `publish` applies it.
        """

    @abstractmethod
    def filling(self, stream: str) -> tuple[int, Retention]:
        """Bytes stored (may be 0 where nothing bounds them) and the policy in force; asked before every publish."""

    @abstractmethod
    def retain(self, stream: str, *, max_age: float | None = None, max_bytes: int | None = None) -> Retained:
        """Remove the oldest blocks that are older than ``max_age`` seconds or exceed ``max_bytes`` as stored.

        Keeps what a registered group has not committed, and what `latest` reports.
        """

    @abstractmethod
    def health(self, streams: Sequence[str] | None = None) -> Health:
        """State of the bus, cheap enough to ask every few seconds.

        With ``streams`` only of these, where they exist: for whoever may not look at the others.
        """

    @abstractmethod
    def check(self) -> CheckReport:
        """Read every stored byte and verify it."""

    def drain(self, timeout: float | None = None) -> bool:
        """Let no further block in and wait for those on their way; false where ``timeout`` seconds passed first.

        Reading and committing go on until `close`.
        """
        return self._intake.drain(timeout)

    def close(self) -> None:
        """Finish running calls and release everything; may be called twice."""
        self._intake.end()
        self.release()

    @abstractmethod
    def release(self) -> None:
        """The engine's part of `close`; may be called twice."""

    def __enter__(self) -> Bus:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _position(self, stream: str, start: Start) -> int:
        first, last = self.ends(stream)
        if isinstance(start, Earliest):
            return first - 1
        if isinstance(start, Latest):
            return last
        if isinstance(start, Offset):
            if 0 < start.value < first:
                raise OffsetExpired(stream, start.value, first)
            if start.value > last + 1:
                raise StreamCutShort(stream, start.value, last)
            return max(start.value, first) - 1
        return self.offset_at(stream, start.value) - 1


def _partition(wanted: tuple[int, int] | None) -> tuple[int, int]:
    if wanted is None:
        return 0, 1
    part, parts = wanted
    if not 0 <= part < parts <= MAX_PARTITIONS:
        raise ValueError(f"partition {part} of {parts}: count from 0, and at most {MAX_PARTITIONS} of them")
    return part, parts


__all__ = ["MAX_PARTITIONS", "Bus"]
