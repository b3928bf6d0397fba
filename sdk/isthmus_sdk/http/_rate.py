"""The client-side rate limiter: a token bucket that waits and never refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from isthmus_sdk.http._policy import Rate


class Limiter:
    """Shared by all threads that use one credential.

    ``wait(seconds, held)`` is how it sleeps; it raises when the run is stopped or must not wait that long. ``held``:
    not our own rate but the far side asks for it.
    """

    def __init__(self, rate: Rate | None, now: Callable[[], float]) -> None:
        self._rate = rate
        self._now = now
        self._lock = threading.Lock()
        self._allowance = float(rate.burst) if rate else 0.0
        self._counted_at = self._now()
        self._held_until = 0.0
        self._slots = threading.BoundedSemaphore(rate.concurrency) if rate and rate.concurrency else None

    def hold(self, seconds: float) -> None:
        """Nobody starts a request for this long: the far side said so to one of us, so it holds for all."""
        with self._lock:
            self._held_until = max(self._held_until, self._now() + seconds)

    @contextmanager
    def turn(self, wait: Callable[[float, bool], None]) -> Iterator[float]:
        """One request's turn; gives the seconds waited for it."""
        started = self._now()
        if self._slots is not None:
            while not self._slots.acquire(timeout=0.25):
                wait(0.0, False)
        try:
            while (pause := self._reserve()) is not None:
                wait(*pause)
            yield self._now() - started
        finally:
            if self._slots is not None:
                self._slots.release()

    def _reserve(self) -> tuple[float, bool] | None:
        """Take one token and return ``None``, or return how long to wait before asking again, and whether we are
        held.
        """
        with self._lock:
            now = self._now()
            if now < self._held_until:
                return self._held_until - now, True
            if self._rate is None:
                return None
            per_second = self._rate.requests / self._rate.per
            self._allowance = min(self._rate.burst, self._allowance + (now - self._counted_at) * per_second)
            self._counted_at = now
            if self._allowance >= 1.0 - 1e-9:
                self._allowance -= 1.0
                return None
            return (1.0 - self._allowance) / per_second, False


__all__ = ["Limiter"]
