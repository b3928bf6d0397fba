"""The engine that keeps nothing: for tests, and for hubs that live for one run.

It makes the same promises as the others but for the first: what was acknowledged lives as long as its `Memory`.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from isthmus_hub._sqlite import StorageFault
from isthmus_hub.bus import _retention, _values
from isthmus_hub.bus._groups import Change, GroupState
from isthmus_hub.bus._subscription import check_stream
from isthmus_hub.bus._values import (
    Ack,
    CheckReport,
    DeadLetter,
    Health,
    OffsetExpired,
    Retained,
    Retention,
    StoredBlock,
    StreamCutShort,
    StreamHealth,
)
from isthmus_hub.bus.api import Bus

_POLL_SECONDS = 0.25


@dataclass
class _Stream:
    """Everything of one stream."""

    blocks: list[StoredBlock] = field(default_factory=list)
    first: int = 1
    last: int = 0
    stored_bytes: int = 0
    stored_at: float = 0.0
    ids: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    latest: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    groups: dict[str, GroupState] = field(default_factory=dict)
    letters: dict[int, DeadLetter] = field(default_factory=dict)
    buried: int = 0
    retention: Retention = field(default_factory=Retention)


class Memory:
    """What several buses of one process may share, as several connections share a file."""

    def __init__(self) -> None:
        self.streams: dict[str, _Stream] = {}
        self.changed = threading.Condition()


class MemoryBus(Bus):
    """Streams in ``memory``, or in a new one."""

    def __init__(self, memory: Memory | None = None) -> None:
        super().__init__()
        self._memory = memory or Memory()
        self._changed = self._memory.changed
        self._closed = False

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
        with self._changed:
            log = self._writable(stream)
            if known := log.ids.get(block_id):
                return Ack(*known, duplicate=True)
            first, last = log.last + 1, log.last + max(len(entries), 1)
            log.stored_at = max(time.time(), log.stored_at)
            log.blocks.append(StoredBlock(first, last, block_id, key, meta, log.stored_at, tuple(entries)))
            log.last = last
            log.stored_bytes += size
            log.ids[block_id] = first, last
            log.latest[key] = last, meta
            self._changed.notify_all()
            return Ack(first, last)

    def read(self, stream: str, offset: int = 0, limit_blocks: int = 64) -> list[StoredBlock]:
        with self._changed:
            log = self._existing(stream)
            if offset <= 0:
                offset = log.first
            elif offset < log.first:
                raise OffsetExpired(stream, offset, log.first)
            elif offset > log.last + 1:
                raise StreamCutShort(stream, offset, log.last)
            found: list[StoredBlock] = []
            size = 0
            start = bisect_left(log.blocks, offset, key=lambda block: block.last)
            for block in log.blocks[start : start + max(limit_blocks, 1)]:
                size += _size(block)
                if block.first < offset:
                    block = replace(block, first=offset, entries=block.entries[offset - block.first :])  # noqa: PLW2901
                found.append(block)
                if size >= _values.READ_BYTES:
                    break
            return found

    def wait(self, stream: str, after_offset: int, timeout: float | None = None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while (last := self._writable(stream).last) <= after_offset:
                if last < after_offset:
                    raise StreamCutShort(stream, after_offset + 1, last)
                left = _POLL_SECONDS if deadline is None else min(_POLL_SECONDS, deadline - time.monotonic())
                if left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def ends(self, stream: str) -> tuple[int, int]:
        with self._changed:
            log = self._existing(stream)
            return log.first, log.last

    def offset_at(self, stream: str, moment: float) -> int:
        with self._changed:
            log = self._existing(stream)
            at = bisect_left(log.blocks, moment, key=lambda block: block.stored_at)
            return log.blocks[at].first if at < len(log.blocks) else log.last + 1

    def latest(self, stream: str, key_prefix: str = "") -> dict[str, tuple[int, bytes]]:
        with self._changed:
            return {key: at for key, at in self._existing(stream).latest.items() if key.startswith(key_prefix)}

    def group_state(self, stream: str, group: str) -> GroupState | None:
        with self._changed:
            return self._existing(stream).groups.get(group)

    def group_states(self, stream: str) -> dict[str, GroupState]:
        with self._changed:
            return dict(self._existing(stream).groups)

    def change_group(self, stream: str, group: str, change: Change) -> GroupState | None:
        with self._changed:
            groups = self._writable(stream).groups
            after = change(groups.pop(group, None))
            if after is not None:
                groups[group] = after
            return after

    def bury(self, letter: DeadLetter) -> DeadLetter:
        with self._changed:
            log = self._writable(letter.stream)
            for known in log.letters.values():
                if (known.group, known.offset) == (letter.group, letter.offset):
                    return known
            log.buried += 1
            kept = log.letters[log.buried] = replace(letter, number=log.buried)
            return kept

    def dead_letters(self, stream: str, group: str | None = None) -> list[DeadLetter]:
        with self._changed:
            return [letter for letter in self._existing(stream).letters.values() if group in (None, letter.group)]

    def remove_dead(self, stream: str, numbers: Sequence[int]) -> int:
        with self._changed:
            letters = self._existing(stream).letters
            return sum(letters.pop(number, None) is not None for number in set(numbers))

    def streams(self) -> list[str]:
        with self._changed:
            return sorted(self._memory.streams)

    def ensure(self, stream: str, retention: Retention | None = None) -> None:
        with self._changed:
            log = self._writable(stream)
            log.retention = retention or log.retention

    def filling(self, stream: str) -> tuple[int, Retention]:
        with self._changed:
            log = self._existing(stream)
            return log.stored_bytes, log.retention

    def retain(self, stream: str, *, max_age: float | None = None, max_bytes: int | None = None) -> Retained:
        with self._changed:
            log = self._existing(stream)
            floor = min((state.floor for state in log.groups.values()), default=log.last)
            horizon = None if max_age is None else time.time() - max_age
            going = bisect_right(log.blocks, floor, key=lambda block: block.last)
            dropped = 0
            for block in log.blocks[:going]:
                too_old = horizon is not None and block.stored_at < horizon
                if not too_old and (max_bytes is None or log.stored_bytes <= max_bytes):
                    break
                dropped += 1
                log.stored_bytes -= _size(block)
                log.first = block.last + 1
            del log.blocks[:dropped]
            surplus = min(len(log.ids) - _retention.KEEP_IDS, len(log.ids) - len(log.blocks))
            for block_id in list(log.ids)[: max(surplus, 0)]:
                del log.ids[block_id]
            return Retained(dropped, log.first)

    def health(self, streams: Sequence[str] | None = None) -> Health:
        with self._changed:
            found = tuple(
                StreamHealth(name, log.first, log.last, len(log.blocks), log.stored_bytes, tuple(self.groups(name)))
                for name, log in sorted(self._memory.streams.items())
                if streams is None or name in streams
            )
        warnings = tuple(warning for stream in found for warning in stream.warnings)
        return Health("memory", "volatile", None, True, found, warnings)

    def check(self) -> CheckReport:
        with self._changed:
            blocks = [block for log in self._memory.streams.values() for block in log.blocks]
        return CheckReport(len(blocks), sum(len(block.entries) for block in blocks))

    def release(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _existing(self, stream: str) -> _Stream:
        """The stream, or an empty one that nobody keeps."""
        self._open()
        return self._memory.streams.get(check_stream(stream)) or _Stream()

    def _writable(self, stream: str) -> _Stream:
        self._open()
        return self._memory.streams.setdefault(check_stream(stream), _Stream())

    def _open(self) -> None:
        if self._closed:
            raise StorageFault("the bus is closed")


def _size(block: StoredBlock) -> int:
    return sum(map(len, block.entries))


__all__ = ["Memory", "MemoryBus"]
