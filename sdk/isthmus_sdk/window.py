"""The blocks that are on their way: sent, and not yet acknowledged by the hub."""

from __future__ import annotations

import threading
from collections.abc import Callable

from isthmus_sdk import protocol
from isthmus_sdk.errors import Interrupted, ProtocolError


class Window:
    """The blocks that are sent and not yet acknowledged: at most four at a time, over all streams."""

    def __init__(self, size: int = protocol.WINDOW) -> None:
        self._size = size
        self._waiting: list[tuple[bytes, str]] = []
        self._changed = threading.Condition()

    def enter(self, block_id: bytes, stream: str, stopped: Callable[[], bool]) -> None:
        """Wait for room and take it. Raises ``Interrupted`` where the run is cancelled meanwhile."""
        with self._changed:
            while len(self._waiting) >= self._size:
                if stopped():
                    raise Interrupted("cancelled while blocks wait for their acknowledgement")
                self._changed.wait(0.5)
            self._waiting.append((block_id, stream))

    def ack(self, block_id: bytes) -> None:
        """A block is durable."""
        with self._changed:
            for index, (waiting, _) in enumerate(self._waiting):
                if waiting == block_id:
                    del self._waiting[index]
                    self._changed.notify_all()
                    return
        raise ProtocolError("the hub acknowledged a block that is not waiting")

    def wait_empty(self, stream: str, stopped: Callable[[], bool]) -> bool:
        """Wait until every block of a stream is acknowledged; false where the run is cancelled before."""
        with self._changed:
            while any(waiting == stream for _, waiting in self._waiting):
                if stopped():
                    return False
                self._changed.wait(0.5)
        return True

    def leave(self, stream: str) -> None:
        """Forget what a cancelled stream still waits for."""
        with self._changed:
            self._waiting = [entry for entry in self._waiting if entry[1] != stream]
            self._changed.notify_all()


__all__ = ["Window"]
