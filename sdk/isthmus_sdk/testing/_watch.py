"""Which addresses this process connects to, whatever library does it."""

from __future__ import annotations

import sys
from typing import Any, Self


class Watch:
    """Remembers each TCP connection while it is in force."""

    def __init__(self) -> None:
        self.connected: list[tuple[str, int]] = []

    def __enter__(self) -> Self:
        _hook()
        _watches.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _watches.remove(self)


_watches: list[Watch] = []
_installed = False


def _hook() -> None:
    """Install the audit hook: once, for it can never be taken away again."""
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_heard)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect" or not _watches:
        return
    address = arguments[1]
    if isinstance(address, tuple) and len(address) >= 2:
        for watch in _watches:
            watch.connected.append((str(address[0]), int(address[1])))


__all__ = ["Watch"]
