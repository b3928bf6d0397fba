"""How fast a sender may be."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """At most ``rate`` messages per second, with a burst of one second's worth. For one thread."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._left = max(1.0, rate)
        self._at = clock()

    def spend(self, count: int) -> float:
        """Account for ``count`` messages; seconds to wait before the next."""
        now = self._clock()
        self._left = min(max(1.0, self._rate), self._left + (now - self._at) * self._rate) - count
        self._at = now
        return max(0.0, -self._left / self._rate)


__all__ = ["Pace"]
