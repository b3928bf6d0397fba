"""The way in: who is publishing, whether anybody still may, and how long a publisher waits for laggards."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from isthmus_hub._sqlite import StorageFault, StorageFull

if TYPE_CHECKING:
    from isthmus_hub.bus.api import Bus

TIDY_SECONDS: Final = 60.0
"""How often publishing looks for blocks that are too old."""
LEFT_AFTER_RETENTION: Final = 0.9
"""Retention by size makes more room than is needed, so that not every publish has to."""
_POLL_SECONDS: Final = 0.05


class Intake:
    """Publishers of one bus in this process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._refusal = ""
        self._tidied: dict[str, float] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count a publisher in. Raises `StorageFault` once the bus is drained or closed."""
        with self._changed:
            self._refuse()
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait; ends at once, with `StorageFault`, when the bus is drained or closed meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._refusal), seconds)
            self._refuse()

    def drain(self, timeout: float | None) -> bool:
        """Refuse whoever comes, wait for whoever is here."""
        with self._changed:
            self._refusal = self._refusal or "the bus is being drained"
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._running, timeout)

    def end(self) -> None:
        """The bus is closed."""
        with self._changed:
            self._refusal = "the bus is closed"
            self._changed.notify_all()

    def is_time_to_tidy(self, stream: str) -> bool:
        """Once per stream and minute."""
        now = time.monotonic()
        if now - self._tidied.get(stream, -TIDY_SECONDS) < TIDY_SECONDS:
            return False
        self._tidied[stream] = now
        return True

    def _refuse(self) -> None:
        if self._refusal:
            raise StorageFault(f"{self._refusal}: nothing more can be published")


def wait_for_room(bus: Bus, intake: Intake, stream: str, timeout: float | None) -> float | None:
    """Apply the stream's retention before a block comes in; what is left of ``timeout``.

    Blocks on their way are not counted, so a stream may exceed its bound by those. Raises `StorageFull`.
    """
    stored, policy = bus.filling(stream)
    if policy.max_bytes is None and policy.max_age is None:
        return timeout
    if policy.max_age is not None and intake.is_time_to_tidy(stream):
        bus.retain(stream, max_age=policy.max_age)
    if policy.max_bytes is None or stored < policy.max_bytes:
        return timeout
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        bus.retain(stream, max_age=policy.max_age, max_bytes=int(policy.max_bytes * LEFT_AFTER_RETENTION))
        stored, policy = bus.filling(stream)
        if policy.max_bytes is None or stored < policy.max_bytes:
            return None if deadline is None else max(deadline - time.monotonic(), 0.0)
        left = _POLL_SECONDS if deadline is None else min(_POLL_SECONDS, deadline - time.monotonic())
        if left <= 0:
            raise StorageFull(_laggards(bus, stream, stored, policy.max_bytes))
        intake.pause(left)


def _laggards(bus: Bus, stream: str, stored: int, allowed: int) -> str:
    groups = bus.groups(stream)
    floor = min((group.position for group in groups), default=0)
    slowest = ", ".join(f"{group.name} ({group.lag} entries behind)" for group in groups if group.position == floor)
    return (
        f"stream {stream}: {stored} bytes are stored, {allowed} are allowed, and nothing may be removed before it was "
        f"read by: {slowest or 'nobody'}; start that consumer, or remove its group if it is gone"
    )


__all__ = ["Intake", "wait_for_room"]
