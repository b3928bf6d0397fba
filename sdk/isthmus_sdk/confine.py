"""A worker gives up what its connector has no business with, before the connector's code is loaded.

At level `process` it only stays where its hub can end it. At `confined` the process can read only what Python needs and
what the hub named, write only where the hub said, start no programs and no processes, touch no other process, and open
TCP connections only to the ports of its origins. At `networked-off` it also has no network at all, and the hub makes its
requests. The kernel holds it to that; nothing in the process can take it back. Sources:
Documentation/userspace-api/landlock.rst of the Linux kernel, :mod:`isthmus_sdk.seccomp`, namespaces(7), capabilities(7).

What `confined` does not do: tell hosts apart (a port is open to every address), hold back UDP, or hide that files exist.
A level is reached whole or not at all. Standard library only: this runs before anything that a connector brings.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from isthmus_sdk import seccomp

Level = Literal["process", "confined", "networked-off"]
LEVELS: Final[tuple[Level, ...]] = ("process", "confined", "networked-off")
"""From the least to the most."""

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
_NEW_USER, _NEW_NETWORK, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
_CAPABILITIES_VERSION, _DAC_OVERRIDE = 0x20080522, 1 << 1

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
    """TCP ports it may connect to; ``None``: any. Without a port it makes no socket."""
    level: Level = "confined"
    """What is to be given up; more than the kernel has is not reached."""

    def as_text(self) -> str:
        """For the worker's command line: paths and ports, nothing secret."""
        return json.dumps([self.read, self.write, self.ports, self.level], separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Reach:
        """What `as_text` wrote."""
        read, write, ports, level = json.loads(text)
        return cls(tuple(read), tuple(write), None if ports is None else tuple(ports), level)


@dataclass(frozen=True, slots=True)
class Confinement:
    """What is in force."""

    level: Level
    """As `status` and `doctor` name it."""
    network: str
    """``none``, ``ports`` or ``open``: what the kernel holds connections to. Hosts are never told apart."""
    reason: str = ""
    """Why it is not more."""


UNHELD: Final = Confinement("process", "open")
"""What is said where nothing is known."""


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


def reachable(version: int, *, calls: bool, ports: tuple[int, ...] | None = None) -> Confinement:
    """What a kernel gives: ``version`` of its Landlock, ``calls``: whether system calls can be refused here. Pure.

    ``ports``: those that are asked for. Without any, no socket is made, and Landlock needs to know no ports.
    """
    if sys.platform != "linux":
        return Confinement("process", "open", "only Linux has Landlock")
    if version == 0:
        return Confinement("process", "open", "this kernel has no Landlock (Linux 5.13)")
    if not calls:
        return Confinement(
            "process", "open", "system calls cannot be refused on this machine (no seccomp filter for it)"
        )
    if ports == ():
        return Confinement("confined", "none")
    if version < NETWORK_SINCE:
        return Confinement(
            "process", "open", f"files are held, but Landlock {version} of this kernel knows no TCP ports (Linux 6.7)"
        )
    return Confinement("confined", "open" if ports is None else "ports")


def confine(reach: Reach) -> Confinement:
    """Give up everything outside ``reach``, in this thread and all that follow; call it before any other is started.

    Never raises: where the kernel cannot, the answer says so, and the caller shows it.
    """
    try:
        if reach.level == "process":
            seccomp.give_up(seccomp.stay_together())
            return Confinement("process", "open", "no more was asked for")
    except OSError:
        return Confinement("process", "open", "no more was asked for")
    off = reach.level == "networked-off"
    ports = () if off else reach.ports
    version = landlock_version()
    found = reachable(version, calls=seccomp.known(), ports=ports)
    try:
        if off:
            _leave_network()
        if version:
            _restrict(reach, version, ports)
        _drop_capabilities()
        calls = seccomp.confined(
            "none" if ports == () else "internet",
            pid=os.getpid(),
            # Under test a worker kills itself together with its hub, see isthmus_sdk.faults.
            signals=os.environ.get("ISTHMUS_TESTING") == "1",
        )
        seccomp.give_up(calls if version else seccomp.stay_together())
    except OSError as error:
        return Confinement("process", "open", found.reason or f"the kernel refused: {error.strerror}")
    if off and found.level == "confined":
        return Confinement("networked-off", "none")
    return found


def _leave_network() -> None:
    """An empty network of its own where that is allowed. It is the second lock: no socket can be made anyway."""
    libc = _libc()
    if libc.unshare(_NEW_NETWORK | _NEW_IPC) == 0:
        return
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEW_USER | _NEW_NETWORK | _NEW_IPC):
        return
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with contextlib.suppress(OSError):  # else the ids look like nobody's
            Path("/proc/self", name).write_text(text)


def _drop_capabilities() -> None:
    """Root's powers, should the hub have them, save that of reading the files that the hub named whoever owns them."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    held = (ctypes.c_uint32 * 6)()
    libc = _libc()
    if libc.capget(header, held):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    kept = held[0] & _DAC_OVERRIDE
    if not any((held[0] & ~kept, held[1] & ~kept, *held[2:])):
        return  # a service manager may have taken them already, and the right to change them too
    fewer = (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0)
    if libc.capset(header, fewer):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _restrict(reach: Reach, version: int, ports: tuple[int, ...] | None) -> None:
    handled = _FIRST_VERSION
    handled |= _REFER if version >= 2 else 0
    handled |= _TRUNCATE if version >= 3 else 0
    handled |= _IOCTL_DEVICE if version >= 5 else 0
    ruleset = _Ruleset(files=handled)
    size = 8
    if version >= NETWORK_SINCE:
        size = 16
        ruleset.network = _BIND_TCP | (0 if ports is None else _CONNECT_TCP)
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
        for port in ports or () if version >= NETWORK_SINCE else ():
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


__all__ = ["LEVELS", "UNHELD", "Confinement", "Level", "Reach", "confine", "landlock_version", "reachable"]
