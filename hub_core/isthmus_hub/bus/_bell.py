"""Waking the readers of other processes when something was stored, so that they need not look every millisecond.

Every process that waits has a datagram socket beside the stream's file; whoever stored a block sends a byte to each of
them. It is a hint and no more: nothing is read from it, and waiting looks by itself now and then. So it may be lost, and
where sockets cannot be made there are none. A socket whose process was killed is removed by the next who rings.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

_SUFFIX: Final = ".wake"
_END_SECONDS: Final = 2.0
_LONGEST_PATH: Final = 100
"""A socket's path may have about a hundred bytes; longer ones are reached through the directory's descriptor."""


class Bell:
    """Of one stream in one process. ``heard`` is called, on a thread of its own, when another process rings."""

    def __init__(self, directory: Path, stream: str, heard: Callable[[], None]) -> None:
        self._directory = directory
        self._prefix = f"{stream}."
        self._heard = heard
        self._own = f"{stream}.{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
        self._folder: int | None = None
        self._sender: socket.socket | None = None
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._tried = False
        self._closed = False

    @property
    def listening(self) -> bool:
        """Whether others can wake us."""
        return self._thread is not None

    def listen(self) -> None:
        """Let others wake us from now on. Does nothing where that is so already, or cannot be."""
        if self._tried:
            return
        with self._lock:
            if self._tried or self._closed:
                return
            self._tried = True
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                listener.bind(self._address(self._own))
                (self._directory / self._own).chmod(0o600)
            except OSError:
                listener.close()
                return
            self._listener = listener
            self._thread = threading.Thread(target=self._listen, args=(listener,), name="bell", daemon=True)
            self._thread.start()

    def ring(self) -> None:
        """Wake everybody who listens."""
        try:
            names = os.listdir(self._directory)  # noqa: PTH208 - before every acknowledgement: no objects
        except OSError:
            return
        for name in names:
            if name.endswith(_SUFFIX) and name.startswith(self._prefix) and name != self._own:
                self._wake(name)

    def close(self) -> None:
        """Remove the socket and end the thread; may be called twice."""
        with self._lock:
            self._closed = self._tried = True
            thread, self._thread = self._thread, None
            if self._listener is not None:
                with suppress(OSError):
                    self._listener.shutdown(socket.SHUT_RDWR)  # ends the thread, also where the file is gone
            if self._sender is not None:
                self._sender.close()
                self._sender = None
        if thread is not None:
            thread.join(_END_SECONDS)
            with suppress(OSError):
                (self._directory / self._own).unlink()
        if self._listener is not None:
            self._listener.close()
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None

    def _listen(self, listener: socket.socket) -> None:
        while True:
            try:
                listener.recv(1)
            except OSError:
                return
            if self._closed:
                return
            self._heard()

    def _wake(self, name: str) -> None:
        try:
            if self._sender is None:
                self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._sender.setblocking(False)
            self._sender.sendto(b"\0", self._address(name))
        except ConnectionRefusedError:  # its process is gone
            with suppress(OSError):  # what was put there by somebody else may not be ours to remove
                (self._directory / name).unlink()
        except OSError:
            pass  # it has enough to wake up from, or is just going

    def _address(self, name: str) -> str:
        path = str(self._directory / name)
        if len(os.fsencode(path)) <= _LONGEST_PATH:
            return path
        if self._folder is None:
            self._folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._folder}/{name}"


__all__ = ["Bell"]
