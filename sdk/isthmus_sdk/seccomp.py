"""System calls that a worker gives up: a seccomp filter, made from a table.

Landlock holds files and TCP ports; what it does not see is refused here by number and plain arguments: new processes and
sessions, sockets of other kinds, changes of modes and times, reaching into other processes. A refused call fails with
``EPERM`` as if the system had no permission for it. Source: Documentation/userspace-api/seccomp_filter.rst of the Linux
kernel; numbers from ``asm/unistd.h`` of each architecture. Standard library only: loaded before anything that a
connector brings.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Network = Literal["internet", "none"]
"""Sockets that may be made: TCP and UDP over IP, or none at all."""

_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_ERRNO = 0x00050000
_EPERM, _ENOSYS = 1, 38
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_X32 = 0x40000000
_SET_SECCOMP, _FILTER, _NO_NEW_PRIVILEGES = 22, 2, 38

_UNIX, _IP4, _NETLINK, _IP6 = 1, 2, 16, 10
_STREAM, _DATAGRAM, _KIND = 1, 2, 0xF
_FAST_OPEN = 0x20000000
_THREAD = 0x00010000
_WORD = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class If:
    """A condition on one argument (its low 32 bits)."""

    argument: int
    value: int
    mask: int = _WORD
    equal: bool = True


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that is refused where all conditions hold."""

    call: str
    when: tuple[If, ...] = ()
    errno: int = _EPERM


_AUDIT: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# fmt: off
_NUMBERS: Final[dict[str, dict[str, int]]] = {
    "x86_64": {
        "sendto": 44, "sendmsg": 46, "socket": 41, "socketpair": 53, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62,
        "semget": 64, "msgget": 68, "shmget": 29, "chmod": 90, "fchmod": 91, "chown": 92, "fchown": 93, "lchown": 94,
        "ptrace": 101, "setpgid": 109, "setsid": 112, "rt_sigqueueinfo": 129, "utime": 132, "personality": 135,
        "setpriority": 141, "sched_setparam": 142, "sched_setscheduler": 144, "pivot_root": 155, "adjtimex": 159, "chroot": 161,
        "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169,
        "sethostname": 170, "setdomainname": 171, "init_module": 175, "delete_module": 176, "quotactl": 179,
        "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199,
        "tkill": 200, "sched_setaffinity": 203, "clock_settime": 227, "tgkill": 234, "utimes": 235, "mq_open": 240,
        "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "ioprio_set": 251, "migrate_pages": 256,
        "fchownat": 260, "futimesat": 261, "fchmodat": 268, "unshare": 272, "move_pages": 279, "utimensat": 280,
        "rt_tgsigqueueinfo": 297, "perf_event_open": 298, "fanotify_init": 300, "prlimit64": 302, "name_to_handle_at": 303,
        "open_by_handle_at": 304, "sendmmsg": 307, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
        "finit_module": 313, "sched_setattr": 314, "kexec_file_load": 320, "bpf": 321, "execveat": 322, "userfaultfd": 323, "memfd_create": 319, "truncate": 76,
    },
    "aarch64": {
        "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7, "removexattr": 14, "lremovexattr": 15, "fremovexattr": 16, "ioprio_set": 30,
        "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "fchmod": 52, "fchmodat": 53, "fchownat": 54, "fchown": 55,
        "quotactl": 60, "utimensat": 88, "acct": 89, "personality": 92, "unshare": 97, "kexec_load": 104, "init_module": 105,
        "delete_module": 106, "clock_settime": 112, "ptrace": 117, "sched_setparam": 118, "sched_setscheduler": 119,
        "sched_setaffinity": 122, "kill": 129, "tkill": 130, "tgkill": 131, "rt_sigqueueinfo": 138, "setpriority": 140,
        "reboot": 142, "setpgid": 154, "setsid": 157, "sethostname": 161, "setdomainname": 162, "settimeofday": 170,
        "adjtimex": 171, "mq_open": 180, "msgget": 186, "semget": 190, "shmget": 194, "socket": 198, "socketpair": 199,
        "sendto": 206, "sendmsg": 211, "add_key": 217, "request_key": 218, "keyctl": 219, "clone": 220, "execve": 221,
        "swapon": 224, "swapoff": 225, "migrate_pages": 238, "move_pages": 239, "rt_tgsigqueueinfo": 240, "perf_event_open": 241,
        "prlimit64": 261, "fanotify_init": 262, "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268, "sendmmsg": 269,
        "process_vm_readv": 270, "process_vm_writev": 271, "finit_module": 273, "sched_setattr": 274, "bpf": 280,
        "execveat": 281, "userfaultfd": 282, "kexec_file_load": 294, "memfd_create": 279, "truncate": 45,
    },
}
_SINCE_2019: Final = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "clone3": 435, "pidfd_getfd": 438,
    "process_madvise": 440, "mount_setattr": 442, "memfd_secret": 447, "quotactl_fd": 443, "process_mrelease": 448, "fchmodat2": 452,
    "setxattrat": 463, "removexattrat": 466,
}
"""One number on every architecture."""
_PROCESSES_OF_OTHERS: Final = (
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "process_madvise", "process_mrelease", "migrate_pages", "move_pages",
)
_NEVER: Final = (
    # files that are no memory of anybody, and a way to cut files that older Landlocks do not see
    "memfd_create", "memfd_secret", "truncate",
    # new programs, and ways around what Landlock looks at
    "execve", "execveat", "io_uring_setup", "io_uring_enter", "io_uring_register", "name_to_handle_at", "open_by_handle_at", "unshare", "setns",
    # owners, modes, times and attributes of files, which Landlock leaves alone
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat",
    "removexattr", "lremovexattr", "fremovexattr", "removexattrat", "utime", "utimes", "futimesat", "utimensat",
    # memory, messages and keys shared by all processes of a user
    "shmget", "msgget", "semget", "mq_open", "keyctl", "add_key", "request_key",
    # what only root may, should the hub run as root
    "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "acct",
    "swapon", "swapoff", "reboot", "sethostname", "setdomainname", "init_module", "finit_module", "delete_module", "kexec_load",
    "kexec_file_load", "quotactl", "quotactl_fd", "settimeofday", "clock_settime", "adjtimex", "bpf", "perf_event_open", "userfaultfd",
    "fanotify_init", "personality",
)
# fmt: on


def stay_together() -> list[Refusal]:
    """At every level: what a worker starts stays in its group, so that it ends with it; other processes are not touched."""
    return [Refusal(call) for call in ("setsid", "setpgid", *_PROCESSES_OF_OTHERS)]


def confined(network: Network, *, pid: int, signals: bool = False) -> list[Refusal]:
    """What a confined worker gives up. ``pid``: its own; ``signals``: it may signal others (under test it kills its hub)."""
    return [
        *stay_together(),
        *(Refusal(call) for call in _NEVER),
        *_processes(),
        *_sockets(network),
        *_others(pid, signals=signals),
    ]


def _processes() -> list[Refusal]:
    return [
        Refusal("fork"),
        Refusal("vfork"),
        Refusal("clone", (If(0, 0, _THREAD),)),
        # Its flags lie in memory; without it the C library takes clone.
        Refusal("clone3", errno=_ENOSYS),
    ]


def _sockets(network: Network) -> list[Refusal]:
    # A pair is connected to itself; of datagrams either end could be sent elsewhere.
    pairs = [Refusal("socketpair", (If(1, _STREAM, _KIND, equal=False),))]
    if network == "none":
        return [Refusal("socket"), *pairs]
    families = tuple(If(0, family, equal=False) for family in (_IP4, _IP6, _NETLINK))
    kinds = [
        Refusal("socket", (If(0, family), If(1, _STREAM, _KIND, equal=False), If(1, _DATAGRAM, _KIND, equal=False)))
        for family in (_IP4, _IP6)
    ]
    protocols = [
        # Landlock's ports are TCP's: not those of SCTP or MPTCP. Of datagrams UDP alone.
        Refusal("socket", (If(0, family), If(1, kind, _KIND), If(2, 0, equal=False), If(2, own, equal=False)))
        for family in (_IP4, _IP6)
        for kind, own in ((_STREAM, 6), (_DATAGRAM, 17))
    ]
    routes = [Refusal("socket", (If(0, _NETLINK), If(2, 0, equal=False)))]
    # TCP fast open connects without the call that Landlock looks at.
    fast = [
        Refusal(call, (If(at, _FAST_OPEN, _FAST_OPEN),))
        for call, at in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3))
    ]
    return [Refusal("socket", families), *kinds, *protocols, *routes, *pairs, *fast]


def _others(pid: int, *, signals: bool) -> list[Refusal]:
    """Limits, priorities and signals of other processes; ``0`` means the caller itself."""
    own = (If(0, 0, equal=False), If(0, pid, equal=False))
    who = (If(1, 0, equal=False), If(1, pid, equal=False))
    limits = [
        Refusal(call, own)
        for call in ("prlimit64", "sched_setparam", "sched_setscheduler", "sched_setattr", "sched_setaffinity")
    ]
    limits += [Refusal(call, who) for call in ("setpriority", "ioprio_set")]
    if signals:
        return limits
    killing = [
        Refusal(call, (If(0, pid, equal=False),)) for call in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
    ]
    return [*limits, *killing, Refusal("tkill"), Refusal("pidfd_send_signal")]


def program(refusals: Iterable[Refusal], machine: str) -> bytes:
    """The filter as classic BPF for ``machine`` (``x86_64``, ``aarch64``). Raises ``KeyError`` for another.

    A call of another architecture (32-bit calls of a 64-bit machine) ends the process: its numbers mean something else.
    """
    numbers = {**_NUMBERS[machine], **_SINCE_2019}
    out = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, _AUDIT[machine], 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        out += [_step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _ERRNO | _EPERM)]
    for refusal in refusals:
        if refusal.call in numbers:
            out += _refuse(refusal, numbers[refusal.call])
    out.append(_step(_RETURN, _ALLOW))
    return b"".join(out)


def _refuse(refusal: Refusal, number: int) -> list[bytes]:
    """Steps for one refusal: the call's number is loaded before them and again after them."""
    tests: list[list[bytes]] = []
    for condition in refusal.when:
        test = [_step(_LOAD, _ARGUMENTS + 8 * condition.argument)]
        if condition.mask != _WORD:
            test.append(_step(_AND, condition.mask))
        tests.append(test)
    size = sum(len(test) + 1 for test in tests) + 2
    out = [_step(_EQUAL, number, 0, size if refusal.when else 1)]
    done = 0
    for test, condition in zip(tests, refusal.when, strict=True):
        done += len(test) + 1
        onward = size - 1 - done  # to the step that loads the number again
        yes, no = (0, onward) if condition.equal else (onward, 0)
        out += [*test, _step(_EQUAL, condition.value, yes, no)]
    out.append(_step(_RETURN, _ERRNO | refusal.errno))
    if refusal.when:
        out.append(_step(_LOAD, _NUMBER))
    return out


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def known() -> bool:
    """Whether there is a table for this machine."""
    return sys.platform == "linux" and platform.machine() in _NUMBERS


def give_up(refusals: Sequence[Refusal]) -> None:
    """Put the filter in force for this thread and all that follow, for good. Raises ``OSError`` where the kernel has none."""
    if not known():
        raise OSError(_ENOSYS, f"there is no table of system calls for {platform.machine()}")
    steps = program(refusals, platform.machine())
    libc = ctypes.CDLL(None, use_errno=True)
    filter_ = _Program(len(steps) // 8, steps)
    for call in ((_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (_SET_SECCOMP, _FILTER, ctypes.byref(filter_), 0, 0)):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


__all__ = ["If", "Network", "Refusal", "confined", "give_up", "known", "program", "stay_together"]
