"""Folding the write-ahead log into the file, on a thread of its own.

Done by the publishing thread, as SQLite does by itself, a fold stops publishing for as long as copying the log takes.
Here nearly all of it happens beside the publishers; only the short rest is done while they wait, because a log that is
folded to its very end is written anew from its beginning. Overwriting costs half of what a growing file does: its flush
need not bring a new size to the disk. So the log is kept short.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import apsw

STUCK = 2
"""Once the log is so many times longer than it should be, publishers fold it themselves."""


class Folding:
    """Keeps the log of one file at about ``pages`` pages. The thread starts when there is something to fold."""

    def __init__(
        self,
        name: str,
        pages: int,
        turn: AbstractContextManager[object],
        open_connection: Callable[[], apsw.Connection],
    ) -> None:
        self.name = name
        self.pages = pages
        self._turn = turn
        self._open = open_connection
        self._length = 0
        self._wanted = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def watch(self, writer: apsw.Connection) -> None:
        """Be told by ``writer`` how long the log has become; ends SQLite's own folding."""
        writer.set_wal_hook(self._committed)

    @property
    def overdue(self) -> bool:
        """Whether the thread does not keep up, for example because it failed on a full disk."""
        return self._length >= STUCK * self.pages

    def close(self) -> None:
        """Wait for a running fold, and begin no other."""
        self._ended = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _committed(self, writer: apsw.Connection, database: str, pages: int) -> int:
        self._length = pages
        if pages >= self.pages and not self._wanted.is_set() and not self._ended:
            self._wanted.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"fold {self.name}", daemon=True)
                self._thread.start()
        return apsw.SQLITE_OK

    def _run(self) -> None:
        try:
            connection = self._open()
        except Exception:  # publishers fold it once it is overdue
            return
        while True:
            self._wanted.wait()
            self._wanted.clear()  # first: a request that comes from now on is for the next round
            if self._ended:
                connection.close()
                return
            try:
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                with self._turn:
                    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            except apsw.Error:
                pass  # another process folds it, or the disk is full: the next commit asks again


__all__ = ["Folding"]
