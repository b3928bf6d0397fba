"""Landlock: a worker gives up what its connector has no business with, before the connector's code is loaded.

After :func:`confine` the process and all it starts can read only what Python needs and what the hub named, write only
where the hub said, start no programs, and open TCP connections only to the ports of its origins (Linux 6.7 and later).
The kernel holds it to that; nothing in the process can take it back. Source: Documentation/userspace-api/landlock.rst of
the Linux kernel.

What it does not do: tell hosts apart (a port is open to every address), hold back UDP, or hide that files exist.
"""

from __future__ import annotations

import ctypes
import json
import os
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_NO_NEW_PRIVILEGES: Final = 38
_RULE_PATH, _RULE_PORT = 1, 2
_QUERY_VERSION = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEVICE, _REFER = 1 << 14, 1 << 15, 1 << 13
_FIRST_VERSION = (1 << 13) - 1
"""All file system rights of the first version: from execute to making symbolic links."""
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
_READ = _READ_FILE | _READ_DIR
_CONNECT_TCP, _BIND_TCP = 1 << 1, 1 << 0
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1

NETWORK_SINCE = 4
SCOPES_SINCE = 6
_SYSTEM: Final = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/usr/share/ca-certificates",
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf",
    "/etc/gai.conf", "/etc/localtime", "/etc/ld.so.cache", "/etc/services", "/etc/mime.types", "/etc/crypto-policies",
    "/run/systemd/resolve", "/dev/urandom", "/dev/random", "/dev/zero",
)  # fmt: skip
"""What Python, TLS and name resolution read; none of it is anybody's secret."""
_SINKS: Final = ("/dev/null",)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a worker keeps, beside Python itself."""

    read: tuple[str, ...] = ()
    """Files, and directories with all that is below them."""
    write: tuple[str, ...] = ()
    """Directories in which it may read, make and change files."""
    ports: tuple[int, ...] | None = None
    """TCP ports it may connect to; ``None``: any."""

    def as_text(self) -> str:
        """For the worker's command line: paths and ports, nothing secret."""
        return json.dumps([self.read, self.write, self.ports], separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Reach:
        """What `as_text` wrote."""
        read, write, ports = json.loads(text)
        return cls(tuple(read), tuple(write), None if ports is None else tuple(ports))


@dataclass(frozen=True, slots=True)
class Confinement:
    """What is in force."""

    level: str
    """``confined`` or ``process``, as `status` names it."""
    network: str
    """``none``, ``ports`` or ``open``: what the kernel holds TCP connections to. Hosts are never told apart."""
    reason: str = ""
    """Why it is not more."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _PortRule(ctypes.Structure):
    _fields_ = (("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64))


def landlock_version() -> int:
    """Version of the kernel's Landlock interface; 0 where there is none or it is switched off."""
    if sys.platform != "linux":
        return 0
    try:
        return max(_call(_CREATE, None, 0, _QUERY_VERSION), 0)
    except OSError:
        return 0


def confine(reach: Reach) -> Confinement:
    """Give up everything outside ``reach``, in this thread and all that follow; call it before any other is started.

    Never raises: where the kernel cannot, the answer says so, and the caller shows it.
    """
    version = landlock_version()
    if version == 0:
        return Confinement("process", "open", "the kernel has no Landlock")
    try:
        _restrict(reach, version)
    except OSError as error:
        return Confinement("process", "open", f"Landlock refused: {error.strerror}")
    if version < NETWORK_SINCE or reach.ports is None:
        return Confinement("confined", "open", "" if reach.ports is None else "the kernel's Landlock knows no ports")
    return Confinement("confined", "ports" if reach.ports else "none")


def _restrict(reach: Reach, version: int) -> None:
    handled = _FIRST_VERSION
    handled |= _REFER if version >= 2 else 0
    handled |= _TRUNCATE if version >= 3 else 0
    handled |= _IOCTL_DEVICE if version >= 5 else 0
    ruleset = _Ruleset(files=handled)
    size = 8
    if version >= NETWORK_SINCE:
        size = 16
        ruleset.network = _BIND_TCP | (0 if reach.ports is None else _CONNECT_TCP)
    if version >= SCOPES_SINCE:
        size = 24
        # Under test a worker kills itself together with its hub, see isthmus_sdk.faults.
        ruleset.scoped = _ABSTRACT_SOCKETS | (0 if os.environ.get("ISTHMUS_TESTING") == "1" else _SIGNALS)
    descriptor = _call(_CREATE, ctypes.byref(ruleset), size, 0)
    try:
        for path in _readable(reach):
            _allow(descriptor, path, _READ & handled)
        for path in (*reach.write, *_SINKS):
            _allow(descriptor, path, handled & ~_EXECUTE)
        for port in reach.ports or () if version >= NETWORK_SINCE else ():
            rule = _PortRule(_CONNECT_TCP, port)
            _call(_ADD, descriptor, _RULE_PORT, ctypes.byref(rule), 0)
        if _libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        _call(_RESTRICT, descriptor, 0)
    finally:
        os.close(descriptor)


def _readable(reach: Reach) -> Iterable[str]:
    """Python's own homes, the system's, and what was named; each once."""
    own = (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path)
    return dict.fromkeys(os.path.realpath(path) for path in (*own, *_SYSTEM, *reach.read) if path and path != "/")


def _allow(ruleset: int, path: str, rights: int) -> None:
    """Allow ``rights`` on a path; one that does not exist needs none."""
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            rights &= _ON_FILES
        _call(_ADD, ruleset, _RULE_PATH, ctypes.byref(_PathRule(rights, parent)), 0)
    finally:
        os.close(parent)


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: Any) -> int:
    """A system call that the C library has no name for. Raises ``OSError``."""
    result = int(_libc().syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


__all__ = ["Confinement", "Reach", "confine", "landlock_version"]
