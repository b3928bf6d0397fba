"""What is known of one account at a vendor: when its next request is due, how long the vendor wants none, what is open.

An account is used by the threads of one process, and often by several instances, each of which is a process of its own.
:class:`Account` is the first; :class:`SharedAccount` keeps the same in a small file under a lock of the kernel, which is free
the moment its holder ends. So a rate holds for all of them together, and what the vendor asked for outlives a restart.
"""

from __future__ import annotations

import fcntl
import math
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from isthmus_sdk.http._clock import Timer
from isthmus_sdk.http._retry import LONGEST_NOT_BEFORE

T = TypeVar("T")

_RECORD: Final = struct.Struct("<8s4d")
_MAGIC: Final = b"account1"
_STEP: Final = 60.0
"""Seconds by which the clocks may differ from how they stood: beyond, the machine was started anew, or its clock set."""
_PATIENCE: Final = 2.0
"""Seconds that anybody waits for the lock: it is held for microseconds, unless somebody means harm."""


class AccountUnusable(Exception):
    """The file cannot be used; ``str`` says why."""


@dataclass(slots=True)
class Standing:
    """Instants on the monotonic clock."""

    due: float = 0.0
    """When a request is due that follows all before it at the rate: a burst may be that much early."""
    held_until: float = 0.0
    """The vendor wants no request before."""


class Account:
    """Standing of an account that one process uses."""

    def __init__(self, timer: Timer) -> None:
        self._timer = timer
        self._lock = threading.Lock()
        self._standing = Standing()
        self._open = 0
        self._freed = threading.Condition()

    def change(self, act: Callable[[Standing, float], T]) -> T:
        """Give standing and time to ``act``, which may change the standing; nobody else does meanwhile."""
        with self._lock:
            return act(self._standing, self._timer.now())

    def enter(self, most: int, patience: float) -> Callable[[], None] | None:
        """Be one of at most ``most`` open requests; gives what ends it, ``None`` if none ended within ``patience`` seconds."""
        with self._freed:
            if not self._freed.wait_for(lambda: self._open < most, patience):
                return None
            self._open += 1
        return self._leave

    def _leave(self) -> None:
        with self._freed:
            self._open -= 1
            self._freed.notify()


class SharedAccount(Account):
    """Standing in ``folder``, shared by all processes that are given the same one. Raises :class:`AccountUnusable`."""

    def __init__(self, timer: Timer, folder: Path) -> None:
        super().__init__(timer)
        self._folder = folder
        with _unusable():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self._open_file("standing")

    def change(self, act: Callable[[Standing, float], T]) -> T:
        """As :meth:`Account.change`, for all processes."""
        with self._lock, _unusable():
            until = time.monotonic() + _PATIENCE
            while not _locked(self._file):
                if time.monotonic() > until:
                    raise AccountUnusable(f"{self._folder} is locked by another process")
                time.sleep(0.005)
            try:
                now, wall = self._timer.now(), self._timer.wall()
                standing = _decode(os.pread(self._file, _RECORD.size, 0), now, wall)
                result = act(standing, now)
                os.pwrite(self._file, _encode(standing, now, wall), 0)
                return result
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def enter(self, most: int, patience: float) -> Callable[[], None] | None:
        """As :meth:`Account.enter`: each open request holds the lock of one of ``most`` files."""
        with _unusable():
            for place in range(most):
                slot = self._open_file(f"open-{place}")
                if _locked(slot):
                    return lambda slot=slot: os.close(slot)  # type: ignore[misc]
                os.close(slot)
        time.sleep(min(patience, 0.05))
        return None

    def _open_file(self, name: str) -> int:
        return os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def __del__(self) -> None:
        with suppress(OSError, AttributeError):
            os.close(self._file)


def _decode(data: bytes, now: float, wall: float) -> Standing:
    """What a file says, in the time of this process. A file that says nothing sensible is a new one."""
    if len(data) != _RECORD.size:
        return Standing()
    magic, offset, due, held, held_wall = _RECORD.unpack(data)
    if magic != _MAGIC or not all(map(math.isfinite, (offset, due, held, held_wall))):
        return Standing()
    if abs(wall - now - offset) > _STEP:  # another boot, or the clock was set
        due, held = 0.0, held_wall - wall + now
    latest = now + LONGEST_NOT_BEFORE
    return Standing(min(due, latest), min(held, latest))


def _encode(standing: Standing, now: float, wall: float) -> bytes:
    offset = wall - now
    return _RECORD.pack(_MAGIC, offset, standing.due, standing.held_until, standing.held_until + offset)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _unusable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AccountUnusable(error.strerror or type(error).__name__) from None


__all__ = ["Account", "AccountUnusable", "SharedAccount", "Standing"]
