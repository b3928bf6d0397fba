"""What workers print and say, held to a rate: whoever says more is cut short, and whoever floods is made to wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import IO

LINE_LIMIT = 4096
LINES_A_SECOND = 50
BYTES_A_SECOND = 1 << 20
"""Read from a worker's output; beyond it the rest of the second passes before more is read, and the worker waits."""

Say = Callable[[str, str], None]
"""``say(level, line)`` for what the worker prints."""


class Rate:
    """So many lines a second; the others are counted."""

    def __init__(self, most: int = LINES_A_SECOND, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._now = now
        self._began = now()
        self._lines = 0
        self._dropped = 0

    def passes(self) -> bool:
        """Whether one more line may be said."""
        self._lines += 1
        if self._lines > self._most:
            self._dropped += 1
            return False
        return True

    def missed(self, *, at_once: bool = False) -> int:
        """Lines dropped in a second that has passed; zero while it lasts, unless ``at_once``."""
        if not at_once and self._now() - self._began < 1.0:
            return 0
        missed, self._dropped = self._dropped, 0
        self._began, self._lines = self._now(), 0
        return missed


def relay(stream: IO[bytes] | None, level: str, say: Say, sleep: Callable[[float], None] = time.sleep) -> None:
    """Log what a worker prints, line by line, dropping what is too long or too much."""
    assert stream is not None
    rate, window, taken = Rate(), time.monotonic(), 0
    with stream:
        while line := stream.readline(LINE_LIMIT):
            if missed := rate.missed():
                say("warning", told(missed))
            if rate.passes() and (text := line.decode("utf-8", "replace").rstrip()):
                say(level, text)
            taken += len(line)
            left = window + 1.0 - time.monotonic()
            if left <= 0:
                window, taken = time.monotonic(), 0
            elif taken > BYTES_A_SECOND:
                sleep(left)
    if missed := rate.missed(at_once=True):
        say("warning", told(missed))


def told(missed: int) -> str:
    """What is said of lines that were dropped."""
    return f"{missed} further lines of output were dropped"


__all__ = ["Rate", "Say", "relay", "told"]
