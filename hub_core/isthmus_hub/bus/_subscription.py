"""A consumer's view of a stream."""

from __future__ import annotations

import hashlib
import math
import re
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import PurePath
from types import TracebackType
from typing import TYPE_CHECKING, Final

from isthmus_hub.bus import _groups
from isthmus_hub.bus._groups import Backoff, GroupState, partition_of
from isthmus_hub.bus._values import BlockRefused, DeadLetter, PartitionsChanged, StoredBlock

if TYPE_CHECKING:
    from isthmus_hub.bus.api import Bus

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_LOOK_SECONDS: Final = 0.25
"""How often an idle subscription looks whether its group was set elsewhere or a dead letter requeued."""
_LONGEST_ERROR: Final = 4_000


class Subscription:
    """Reads on from ``position``; made by `Bus.subscribe`. For one thread, save `close`, which any may call."""

    def __init__(
        self,
        bus: Bus,
        stream: str,
        group: str | None,
        position: int,
        max_blocks: int,
        *,
        part: int = 0,
        parts: int = 1,
        backoff: Backoff | None = None,
        state: GroupState | None = None,
    ) -> None:
        self.stream = stream
        self.group = group
        self.position = position
        """Offset of the last entry handed out, or passed because it is another partition's."""
        self._bus = bus
        self._max_blocks = max_blocks
        self._part, self._parts = part, parts
        self._backoff = backoff or Backoff()
        self._state = state
        self._looked = time.monotonic()
        self._handed = position
        """Offset of the last entry handed out."""
        self._letters: dict[int, int] = {}
        """Dead letters handed out again: offset to number."""
        self._closed = threading.Event()

    def poll(self, timeout: float | None = 0.0) -> list[StoredBlock]:
        """The next blocks; empty when ``timeout`` seconds passed without any (``None``: wait without end).

        While a failed entry waits for its next try, this waits with it. A requeued dead letter comes as a block of its
        own, with its old offset.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._closed.is_set():
            if letter := self._requeued():
                return [letter]
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            if pause := self._pause():
                if self._closed.wait(pause if left is None else min(pause, left)) or (
                    left is not None and left < pause
                ):
                    break
                continue
            glance = left if self.group is None else min(_LOOK_SECONDS, math.inf if left is None else left)
            if not self._bus.wait(self.stream, self.position, glance):
                if glance == left:
                    break
                continue  # somebody may have set the group elsewhere, or requeued a dead letter
            if blocks := self._next():
                return blocks
        return []

    def __iter__(self) -> Iterator[list[StoredBlock]]:
        """Batches as they come, until `close`."""
        while not self._closed.is_set():
            batch = self.poll(timeout=0.25)
            if batch:
                yield batch

    def commit(self, offset: int) -> None:
        """Everything up to ``offset`` (inclusive) has been dealt with. Raises `PartitionsChanged`."""
        if self.group is None:
            return
        if offset in self._letters:
            self._forget_letter(offset, drop=True)
        if offset >= self._handed:
            offset = max(offset, self.position)  # what follows belongs to other partitions
        self._commit(self.group, offset)

    def retry(self, offset: int, error: BaseException | str, *, delay: float | None = None) -> DeadLetter | None:
        """The entry at ``offset`` failed; everything before it is committed, and it comes again with the next `poll`.

        ``delay`` seconds later, or as the subscription's `Backoff` says. After the last try it becomes a dead letter,
        which is returned, and the next entry follows. Meant for a group that keeps its position on the bus.
        """
        group = self._named()
        if offset in self._letters:
            self._forget_letter(offset, drop=False)
            return None
        seeks = self._seeks()
        self._check(
            self._bus.change_group(
                self.stream,
                group,
                _groups.fail(
                    self._part,
                    self._parts,
                    offset,
                    time.time(),
                    lambda tries: self._backoff.pause(tries) if delay is None else delay,
                    seeks,
                ),
            )
        )
        if seeks is not None and self._seeks() != seeks:
            return None  # set to another place meanwhile, where it goes on
        waiting = self._state.waits(self._part) if self._state else None
        tries = waiting.tries if waiting is not None and waiting.offset == offset else 0
        if tries >= self._backoff.tries:
            return self.dead_letter(offset, f"failed {tries} times", error)
        self.position = self._handed = min(self.position, offset - 1)
        return None

    def dead_letter(self, offset: int, reason: str, error: BaseException | str = "") -> DeadLetter:
        """Give the entry at ``offset`` up; everything up to and with it is committed and the next entry follows."""
        group = self._named()
        again = offset in self._letters
        if again:  # it is kept as it was; its block may have gone
            number = self._letters[offset]
            self._forget_letter(offset, drop=False)
            if kept := next((one for one in self._bus.dead_letters(self.stream, group) if one.number == number), None):
                return kept
        (block,) = self._bus.read(self.stream, offset, 1)
        waiting = self._state.waits(self._part) if self._state else None
        letter = self._bus.bury(
            DeadLetter(
                number=0,
                stream=self.stream,
                group=group,
                offset=offset,
                key=block.key,
                entry=block.entries[0] if block.entries else b"",
                reason=reason,
                error=_told(error),
                stack=_stack(error),
                tries=waiting.tries if waiting is not None and waiting.offset == offset else 1,
                at=time.time(),
            )
        )
        if not again:
            self.position = self._handed = offset
            self._commit(group, offset)
        return letter

    def close(self) -> None:
        """End a running iteration. The group stays registered."""
        self._closed.set()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next(self) -> list[StoredBlock]:
        """Blocks of this partition; moves past those of others, and commits that when nothing is being dealt with."""
        blocks = self._bus.read(self.stream, self.position + 1, self._max_blocks)
        if not blocks:
            return []
        idle = self._state is not None and self._state.positions[self._part] >= self._handed
        self.position = blocks[-1].last
        if self._parts > 1:
            blocks = [block for block in blocks if partition_of(block.key, self._parts) == self._part]
        if blocks:
            self._handed = blocks[-1].last
        elif idle and self.group is not None:
            self._commit(self.group, self.position)
        return blocks

    def _pause(self) -> float:
        """Seconds until the failed entry at which this partition stands may be tried again."""
        waiting = self._state.waits(self._part) if self._state else None
        return waiting.remaining(time.time()) if waiting is not None and waiting.offset > self.position else 0.0

    def _requeued(self) -> StoredBlock | None:
        """The next dead letter that is to be delivered again."""
        if self._state is None or self.group is None:
            return None
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._check(self._bus.group_state(self.stream, self.group))
        fresh = set(self._state.requeued) - set(self._letters.values())
        if not fresh:
            return None
        for letter in self._bus.dead_letters(self.stream, self.group):
            if letter.number in fresh and partition_of(letter.key, self._parts) == self._part:
                self._letters[letter.offset] = letter.number
                entries = (letter.entry,)
                return StoredBlock(letter.offset, letter.offset, b"", letter.key, b"", letter.at, entries)
        return None

    def _forget_letter(self, offset: int, *, drop: bool) -> None:
        number = self._letters.pop(offset)
        if drop:
            self._bus.drop_dead(self.stream, [number])
        self._check(self._bus.change_group(self.stream, self._named(), _groups.requeue((number,), done=True)))

    def _check(self, state: GroupState | None) -> None:
        if state is None or len(state.positions) != self._parts:
            raise PartitionsChanged(
                f"stream {self.stream}: group {self.group} no longer has {self._parts} partitions; subscribe anew"
            )
        self._follow(state)

    def _commit(self, group: str, offset: int) -> None:
        self._follow(self._bus.commit_part(self.stream, group, self._part, self._parts, offset, self._seeks()))

    def _seeks(self) -> int | None:
        return None if self._state is None else self._state.seeks

    def _follow(self, state: GroupState) -> None:
        """Take the stored state over; go where the group was set to meanwhile."""
        if self._state is not None and state.seeks != self._state.seeks:
            self.position = self._handed = state.positions[self._part]
        self._state = state

    def _named(self) -> str:
        if self.group is None:
            raise ValueError("a subscription without a group cannot retry: nobody would remember it")
        return self.group


def check_stream(stream: str) -> str:
    """The name, if streams may be called so. Raises `BlockRefused`."""
    if not _NAME.fullmatch(stream):
        raise BlockRefused(f"stream name {stream!r}: use lower-case letters, digits, '-' and '_'")
    return stream


def _told(error: BaseException | str) -> str:
    text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return text[:_LONGEST_ERROR]


def _stack(error: BaseException | str) -> str:
    """The same for the same fault: names of files and functions with their lines, nothing that the data decides."""
    if isinstance(error, str):
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    places = [
        type(error).__name__,
        *(f"{PurePath(frame.filename).name}:{frame.name}:{frame.lineno}" for frame in frames),
    ]
    return hashlib.blake2b("\n".join(places).encode(), digest_size=8).hexdigest()


__all__ = ["Subscription", "check_stream"]
