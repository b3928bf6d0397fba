"""What a stream remembers of a consumer group, and how each call changes it. Pure: engines store it, nothing more.

A group has one position per partition. Whoever subscribes with another number of partitions changes it for the whole
group: every new partition begins where the slowest old one was, so nothing is missed and some may come again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """An entry that failed and is to be tried again."""

    offset: int
    tries: int
    since: float
    """When it failed last, seconds since 1970."""
    delay: float

    def remaining(self, now: float) -> float:
        """Seconds until the next try; 0 when the clock stepped back, so that it never waits for a day."""
        passed = now - self.since
        return self.delay - passed if 0 <= passed < self.delay else 0.0


class GroupState(msgspec.Struct, frozen=True, array_like=True):
    """A registered group, as engines store it."""

    positions: tuple[int, ...]
    """Per partition, the last offset dealt with."""
    updated_at: float
    redeliveries: int = 0
    waiting: tuple[Waiting | None, ...] = ()
    """Per partition, as long as ``positions`` or empty."""
    requeued: tuple[int, ...] = ()
    """Numbers of dead letters to deliver again."""
    seeks: int = 0
    """How often the group was set to another place: a running consumer goes there instead of committing its old one."""

    @property
    def floor(self) -> int:
        """Everything up to here has been dealt with by every partition: what retention may remove."""
        return min(self.positions)

    def waits(self, part: int) -> Waiting | None:
        """The failed entry at which a partition stands."""
        return self.waiting[part] if self.waiting else None


Change = Callable[[GroupState | None], GroupState | None]
"""From what is stored to what shall be; ``None`` is: not registered."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often a failed entry is tried, and the pauses between: ``first`` seconds, then ``factor`` times the last."""

    tries: int = 5
    first: float = 1.0
    factor: float = 2.0
    longest: float = 300.0

    def pause(self, tries: int) -> float:
        """Seconds to wait after the ``tries``-th failure."""
        return float(min(self.first * self.factor ** min(tries - 1, 64), self.longest))


def begin(parts: int, position: int, now: float) -> Change:
    """Register with ``parts`` partitions; a group that has as many stays as it is."""

    def change(state: GroupState | None) -> GroupState:
        if state is None:
            return GroupState((position,) * parts, now)
        if len(state.positions) == parts:
            return state
        return replace(state, positions=(state.floor,) * parts, updated_at=now, waiting=())

    return change


def commit(part: int, parts: int, offset: int, now: float, seeks: int | None = None) -> Change:
    """Advance a partition; never back. Leaves a group of another number of partitions alone.

    Also one that was forgotten or set to another place since it had ``seeks`` seeks; ``None``: its consumer keeps its
    own position, and what it has dealt with stands.
    """

    def change(state: GroupState | None) -> GroupState | None:
        if state is None:
            return GroupState((offset,), now) if parts == 1 and seeks is None else None
        if len(state.positions) != parts or state.positions[part] >= offset or _elsewhere(state, seeks):
            return state
        waiting = _with(state, part, None) if _passed(state.waits(part), offset) else state.waiting
        return replace(state, positions=_moved(state, part, offset), updated_at=now, waiting=waiting)

    return change


def seek(position: int, now: float) -> Change:
    """Set every partition to one position, back or forth."""

    def change(state: GroupState | None) -> GroupState:
        if state is None:
            return GroupState((position,), now)
        places = (position,) * len(state.positions)
        return replace(state, positions=places, updated_at=now, waiting=(), seeks=state.seeks + 1)

    return change


def fail(
    part: int, parts: int, offset: int, now: float, pause: Callable[[int], float], seeks: int | None = None
) -> Change:
    """The entry at ``offset`` failed: everything before it is done, it is tried again after ``pause(tries)``.

    ``seeks`` as for `commit`.
    """

    def change(state: GroupState | None) -> GroupState | None:
        if (
            state is None
            or len(state.positions) != parts
            or state.positions[part] >= offset
            or _elsewhere(state, seeks)
        ):
            return state
        before = state.waits(part)
        tries = before.tries + 1 if before is not None and before.offset == offset else 1
        waiting = _with(state, part, Waiting(offset, tries, now, pause(tries)))
        places = _moved(state, part, offset - 1)
        return replace(state, positions=places, updated_at=now, redeliveries=state.redeliveries + 1, waiting=waiting)

    return change


def requeue(numbers: tuple[int, ...], *, done: bool = False) -> Change:
    """Dead letters to deliver again; ``done``: they no longer are."""

    def change(state: GroupState | None) -> GroupState | None:
        if state is None:
            return None
        queued = set(state.requeued) - set(numbers) if done else set(state.requeued) | set(numbers)
        return replace(state, requeued=tuple(sorted(queued)))

    return change


def partition_of(key: str, parts: int) -> int:
    """The partition that a key's blocks belong to: the same in every process and on every machine."""
    return zlib.crc32(key.encode()) % parts if parts > 1 else 0


def _elsewhere(state: GroupState, seeks: int | None) -> bool:
    return seeks is not None and state.seeks != seeks


def _moved(state: GroupState, part: int, position: int) -> tuple[int, ...]:
    return (*state.positions[:part], max(position, state.positions[part]), *state.positions[part + 1 :])


def _with(state: GroupState, part: int, waiting: Waiting | None) -> tuple[Waiting | None, ...]:
    whole = list(state.waiting or (None,) * len(state.positions))
    whole[part] = waiting
    return tuple(whole) if any(whole) else ()


def _passed(waiting: Waiting | None, offset: int) -> bool:
    return waiting is not None and waiting.offset <= offset


__all__ = [
    "Backoff",
    "Change",
    "GroupState",
    "Waiting",
    "begin",
    "commit",
    "fail",
    "partition_of",
    "requeue",
    "seek",
]
