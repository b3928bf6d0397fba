"""Which addresses this process connects to, whatever library does it; and none beyond this machine while a connector runs."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Meanwhile no connection leaves this machine: a connector under test must not reach the real vendor."""
        global _guards
        _guards += 1
        try:
            yield
        finally:
            _guards -= 1


_watches: list[Watch] = []
_guards = 0
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
    if not isinstance(address, tuple) or len(address) < 2:
        return
    for watch in _watches:
        watch.connected.append((str(address[0]), int(address[1])))
    if _guards and not _local(str(address[0])):
        raise ConnectionRefusedError(f"the conformance kit lets nothing out: {address[0]}:{address[1]}")


def _local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


__all__ = ["Watch"]
