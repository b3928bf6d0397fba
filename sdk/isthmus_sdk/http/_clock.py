"""Deadlines and interruption: one object that everything which waits asks for permission to go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self

Cancel = Callable[[], bool] | threading.Event
_SLICE = 0.25  # how soon a stop request is noticed inside a wait for the network, seconds


class DeadlinePassed(Exception):
    """The total time is used up."""


class Stopped(Exception):
    """The run was asked to stop."""


def as_callable(cancel: Cancel | None) -> Callable[[], bool]:
    if cancel is None:
        return lambda: False
    return cancel.is_set if isinstance(cancel, threading.Event) else cancel


class Clock(float):
    """Time left for one exchange.

    It is a float because it travels to the network backend in the place of httpcore's timeouts, which are floats: so
    every wait of the connection, whatever asks for it, is bounded by the total and not only by the time since the
    last byte.
    """

    until: float
    connect: float
    idle: float
    cancelled: Callable[[], bool]

    def __new__(cls, *, until: float, connect: float, idle: float, cancelled: Callable[[], bool]) -> Self:
        self = super().__new__(cls, max(until - time.monotonic(), 0.0))
        self.until, self.connect, self.idle, self.cancelled = until, connect, idle, cancelled
        return self

    def left(self) -> float:
        """Seconds left, always above zero; raises ``DeadlinePassed`` or ``Stopped``."""
        if self.cancelled():
            raise Stopped
        left = self.until - time.monotonic()
        if left <= 0:
            raise DeadlinePassed
        return left

    def slice(self, at_most: float) -> float:
        """How long to wait before asking again."""
        return max(min(self.left(), at_most, _SLICE), 0.001)


class Timer:
    """The client's own waits: for a retry, for the rate. A test may put one in its place whose time passes at once."""

    def now(self) -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970, on the clock that may be set."""
        return time.time()

    def sleep(self, seconds: float, cancel: Cancel | None) -> None:
        """Wait; raises ``Stopped`` as soon as the run is asked to stop."""
        if isinstance(cancel, threading.Event):
            if cancel.wait(seconds):
                raise Stopped
            return
        stopped, until = as_callable(cancel), self.now() + seconds
        while True:
            if stopped():
                raise Stopped
            left = until - self.now()
            if left <= 0:
                return
            time.sleep(min(left, _SLICE))


__all__ = ["Cancel", "Clock", "DeadlinePassed", "Stopped", "Timer", "as_callable"]
