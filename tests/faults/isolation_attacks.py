"""What a hostile connector tries, and what each level of isolation promises about it: the one table that the tests run and
that ``docs/isolation.md`` prints.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LEVELS = ("process", "confined", "networked-off")
PREVENTED, ADVISORY = "prevented", "advisory"


@dataclass(frozen=True)
class Attack:
    """An expression that a connector evaluates; it succeeded where it has a value."""

    name: str
    code: str
    process: str
    confined: str
    off: str = PREVENTED
    says: str = "PermissionError"
    """Part of the error where it is prevented."""

    @property
    def id(self) -> str:
        """Of its test."""
        return re.sub(r"[^a-z]+", "-", self.name.lower())

    def at(self, level: str) -> str:
        """The promise of a level."""
        return {"process": self.process, "confined": self.confined, "networked-off": self.off}[level]


ATTACKS = (
    Attack("read the vault or another file of the hub", "open({vault!r}).read()", ADVISORY, PREVENTED),
    Attack("list the state directory", "os.listdir({state!r})", ADVISORY, PREVENTED),
    Attack("read the environment of the hub", "len(open('/proc/%d/environ' % HUB, 'rb').read())", ADVISORY, PREVENTED),
    Attack("read the memory of the hub", "open('/proc/%d/mem' % HUB, 'rb').readable()", ADVISORY, PREVENTED),
    Attack("read the memory of another worker", "open('/proc/%d/mem' % {sibling}, 'rb').readable()", ADVISORY, PREVENTED),
    Attack("trace another process", "call('ptrace', 16, {sibling}, 0, 0)", PREVENTED, PREVENTED),
    Attack("read another process by a system call", "reads({sibling})", PREVENTED, PREVENTED),
    Attack("write outside of its directory", "open({state!r} + '/new', 'w').write('x')", ADVISORY, PREVENTED),
    Attack("cut a file of the hub", "os.truncate({vault!r}, 0) is None", ADVISORY, PREVENTED),
    Attack("change the mode of a file of the hub", "os.chmod({vault!r}, 0o666) is None", ADVISORY, PREVENTED),
    Attack("change the times of a file", "os.utime({vault!r}) is None", ADVISORY, PREVENTED),
    Attack("start a program", "subprocess.run(['/bin/true']).returncode", ADVISORY, PREVENTED),
    Attack("start a process", "fork()", ADVISORY, PREVENTED),
    Attack("leave its process group", "os.setsid()", PREVENTED, PREVENTED),
    Attack("signal the hub", "os.kill(HUB, 0) is None", ADVISORY, PREVENTED),
    Attack("change the limits of the hub", "resource.prlimit(HUB, resource.RLIMIT_NOFILE)", ADVISORY, PREVENTED),
    Attack("share memory with another process", "shared() >= 0", ADVISORY, PREVENTED),
    Attack("connect to another port", "connect('127.0.0.1', {closed})", ADVISORY, PREVENTED),
    Attack("connect to another host at an allowed port", "connect('127.0.0.2', {port})", ADVISORY, ADVISORY),
    Attack("send over UDP, as name resolution does", "udp(('127.0.0.1', {port}))", ADVISORY, ADVISORY),
    Attack("connect by TCP fast open", "fast(('127.0.0.1', {closed}))", ADVISORY, PREVENTED),
    Attack("listen for connections", "socket.create_server(('127.0.0.1', 0)).fileno() > 0", ADVISORY, PREVENTED),
    Attack("use raw sockets or other protocols", "socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).fileno() > 0", ADVISORY, PREVENTED),
    Attack("connect to a socket in the file system", "unix({socket!r})", ADVISORY, PREVENTED),
    Attack("connect to an abstract socket", "unix({abstract!r})", ADVISORY, PREVENTED),
    Attack("give the daemon commands", "command({daemon!r})", PREVENTED, PREVENTED, says=""),
    Attack("use a descriptor of the hub", "descriptors()", PREVENTED, PREVENTED, says="AssertionError"),
    Attack("read its own secret", "secret(ctx)", ADVISORY, ADVISORY, says="AssertionError"),
)  # fmt: skip

TOOLS = """
import ctypes, os, resource, socket, stat, subprocess, sys, time
from isthmus_sdk import Connector, Secret, Settings, Url
HUB = os.getppid()
def call(name, *arguments):
    number = {'ptrace': {'x86_64': 101, 'aarch64': 117}, 'shmget': {'x86_64': 29, 'aarch64': 194}}[name][os.uname().machine]
    libc = ctypes.CDLL(None, use_errno=True)
    found = libc.syscall(number, *arguments)
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if name == 'ptrace':
        os.waitpid(arguments[1], 0)
    return found
def shared():
    return call('shmget', 0, 4096, 0o1600)
def reads(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.process_vm_readv(pid, None, 0, None, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return 'read'
def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    return os.waitpid(child, 0)[1]
def connect(host, port):
    with socket.create_connection((host, port), 5) as made:
        return made.getpeername()[1]
def fast(address):
    with socket.socket() as made:
        return made.sendto(b'x', 0x20000000, address)
def udp(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        return made.sendto(b'x', address)
def unix(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.connect(path)
        return 'connected'
def command(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.connect(path)
        made.sendall(b'{"operation": "status"}' + bytes([10]))
        answer = made.makefile('rb').readline()
    assert answer, 'no answer'
    return answer
def descriptors():
    mine = {int(sys.argv[sys.argv.index(option) + 1]) for option in ('--read', '--write')}
    found = []
    for descriptor in range(3, 512):
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError:
            continue
        if descriptor not in mine:
            found.append(stat.S_IFMT(mode))
    assert found, 'none'
    return found
def secret(ctx):
    value = ctx.settings.token.reveal()
    assert not value.startswith('stand-in-'), 'a stand-in'
    return len(value)
"""
