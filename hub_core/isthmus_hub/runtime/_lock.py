"""One process at a time writes a state directory.

The lock is ``flock(2)`` on the file ``lock``: the kernel frees it when the process ends, however it ends, so a crash or a
``kill -9`` leaves nothing to clean up. The file stays; what it says about its holder counts only while it is held.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from pathlib import Path
from types import TracebackType

from isthmus_sdk.errors import ConfigurationError, IsthmusError

_LARGEST = 4096


class StateInUse(IsthmusError):
    """Another process holds the state directory."""

    def __init__(self, message: str, *, pid: int | None = None, answers: bool = False) -> None:
        super().__init__(message)
        self.pid = pid
        """The process that holds it, where that is known."""
        self.answers = answers
        """Whether that is a daemon that can be asked instead."""


class StateLock:
    """``with StateLock(path):`` holds the lock; raises ``StateInUse``, with the holder's pid, where another has it.

    Workers do not inherit it. On network file systems without locks ``ConfigurationError`` says so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def __enter__(self) -> StateLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock, at once or not at all."""
        if self._descriptor is not None:
            raise StateInUse(f"state directory {self.path.parent}: is held by this process already", pid=os.getpid())
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(f"{self.path}: cannot be opened: {error.strerror}; check owner and mode") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sign(descriptor)
        except OSError as error:
            os.close(descriptor)
            if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                raise self._in_use() from None
            raise ConfigurationError(
                f"{self.path}: cannot be locked: {error.strerror}; keep the state directory on a local disk"
            ) from None
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; without effect where it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _in_use(self) -> StateInUse:
        pid, since = holder(self.path)
        who = "another process" if pid is None else f"process {pid}"
        when = "" if since is None else f" since {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(since))}"
        return StateInUse(
            f"state directory {self.path.parent}: is in use by {who}{when}; stop it, or choose another with --state-dir",
            pid=pid,
        )


def holder(path: Path) -> tuple[int | None, float | None]:
    """Process id and Unix time that the last holder wrote; ``None`` for what cannot be read."""
    try:
        with path.open("rb") as file:
            written = json.loads(file.read(_LARGEST))
        return int(written["pid"]), float(written["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, None


def _sign(descriptor: int) -> None:
    """Write who holds the lock; not synced, because it means nothing after a power cut."""
    text = json.dumps({"pid": os.getpid(), "since": int(time.time())}) + "\n"
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


__all__ = ["StateInUse", "StateLock", "holder"]
