"""A consumer's view of a stream."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from isthmus_hub.bus.api import StoredBlock

if TYPE_CHECKING:
    from isthmus_hub.bus.api import Bus


class Subscription:
    """Reads on from ``position``; made by `Bus.subscribe`. For one thread, save `close`, which any may call."""

    def __init__(self, bus: Bus, stream: str, group: str | None, position: int, max_blocks: int) -> None:
        self.stream = stream
        self.group = group
        self.position = position
        """Offset of the last entry handed out."""
        self._bus = bus
        self._max_blocks = max_blocks
        self._closed = threading.Event()

    def poll(self, timeout: float | None = 0.0) -> list[StoredBlock]:
        """The next blocks; empty when ``timeout`` seconds passed without any (``None``: wait without end)."""
        if self._closed.is_set() or not self._bus.wait(self.stream, self.position, timeout):
            return []
        blocks = self._bus.read(self.stream, self.position + 1, self._max_blocks)
        if blocks:
            self.position = blocks[-1].last
        return blocks

    def __iter__(self) -> Iterator[list[StoredBlock]]:
        """Batches as they come, until `close`."""
        while not self._closed.is_set():
            batch = self.poll(timeout=0.25)
            if batch:
                yield batch

    def commit(self, offset: int) -> None:
        """Everything up to ``offset`` (inclusive) has been dealt with."""
        if self.group is not None:
            self._bus.commit(self.stream, self.group, offset)

    def close(self) -> None:
        """End a running iteration. The group stays registered."""
        self._closed.set()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


__all__ = ["Subscription"]
