"""Telling systemd how the daemon fares (``sd_notify(3)``, ``Type=notify``), without a dependency."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping


def notify(*states: str, environ: Mapping[str, str] | None = None) -> bool:
    """Send states such as ``READY=1``; ``False`` where no service manager listens. Never raises: the hub goes on."""
    address = (os.environ if environ is None else environ).get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    # Line breaks separate states; a status text must not smuggle in another one.
    message = "\n".join(" ".join(state.split("\n")) for state in states).encode()
    path = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.sendto(message, path)
    except OSError:
        return False
    return True


def ready(status: str = "", *, environ: Mapping[str, str] | None = None) -> bool:
    """The daemon runs (also after a reload)."""
    return notify("READY=1", *([f"STATUS={status}"] if status else []), environ=environ)


def reloading(*, environ: Mapping[str, str] | None = None) -> bool:
    """The daemon reads its configuration again; ``ready`` must follow."""
    return notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", environ=environ)


def stopping(status: str = "", *, environ: Mapping[str, str] | None = None) -> bool:
    """The daemon drains and will exit."""
    return notify("STOPPING=1", *([f"STATUS={status}"] if status else []), environ=environ)


def watchdog(*, environ: Mapping[str, str] | None = None) -> bool:
    """The daemon is alive; due once per ``watchdog_interval``."""
    return notify("WATCHDOG=1", environ=environ)


def watchdog_interval(environ: Mapping[str, str] | None = None) -> float | None:
    """Seconds between two signs of life (half of what the unit allows), or ``None`` where none are expected."""
    environ = os.environ if environ is None else environ
    allowed = environ.get("WATCHDOG_USEC", "")
    pid = environ.get("WATCHDOG_PID", "")
    if not allowed.isdigit() or int(allowed) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(allowed) / 2_000_000


__all__ = ["notify", "ready", "reloading", "stopping", "watchdog", "watchdog_interval"]
