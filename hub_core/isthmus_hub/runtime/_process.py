"""A worker process, seen from the hub: started clean, read with a deadline, stopped with everything it started.

It gets its own process group, no inherited descriptors but its two pipes, an environment without anything of ours, and
its secrets only through the first frame. What it prints is captured, bounded, redacted and logged.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import isthmus_sdk
from isthmus_hub.runtime._bounds import Bounds
from isthmus_hub.runtime._printed import Say, relay
from isthmus_hub.runtime._watch import Watch
from isthmus_sdk import faults, protocol
from isthmus_sdk.confine import Confinement, Level, Reach
from isthmus_sdk.errors import ProtocolError

LAUNCHER = Path(isthmus_sdk.__file__).parent / "launch.py"
AT_LARGE = Reach(level="process")
"""A worker that gives up nothing but its way out of its process group."""
DEAF_SECONDS = 60.0
"""How long a worker may leave what it was sent unread."""
LOOK_SECONDS = 0.5
"""How often somebody who waits for a worker looks whether the hub is to stop."""
_HEAD = 4
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT", *faults.ENVIRONMENT)

_running: set[int] = set()


def is_worker(pid: int) -> bool:
    """Whether a process belongs to a worker of this hub: workers, and all they start, stay in the worker's session."""
    try:
        return os.getsid(pid) in _running
    except OSError:
        return True  # gone, or not ours to ask about


class WorkerGone(ProtocolError):
    """The worker ended without saying why."""


class WorkerSilent(ProtocolError):
    """The worker said nothing for too long and was stopped."""


def launch_line(
    python: Path,
    module: str,
    arguments: Sequence[str],
    *,
    said_on: int,
    path: Sequence[Path],
    reach: Reach,
    bare: bool,
) -> list[str]:
    """The command that starts a confined ``module.main``; see `isthmus_sdk.launch`."""
    folders = json.dumps([str(folder) for folder in path])
    switches = ("-I", "-S") if bare else ("-I",)
    return [str(python), *switches, str(LAUNCHER), reach.as_text(), folders, str(said_on), module, *arguments]


def heard(descriptor: int) -> Confinement:
    """What a launcher says first. Raises :class:`ProtocolError` where it says nothing."""
    body = protocol.read_frame(descriptor)
    frame = protocol.decode_worker(body) if body else None
    if not isinstance(frame, protocol.Confined):
        raise ProtocolError("the process did not say what holds it")
    return Confinement(frame.level, frame.network, frame.reason)


def try_level(level: Level) -> Confinement:
    """What a worker that asks for ``level`` gets on this machine; tried in a process that ends at once."""
    reading, writing = os.pipe()
    try:
        subprocess.run(
            launch_line(
                Path(sys.executable),
                "this",
                (),
                said_on=writing,
                path=(),
                reach=Reach(ports=(443,), level=level),
                bare=True,
            ),
            pass_fds=(writing,),
            capture_output=True,
            timeout=30.0,
            check=False,
        )
        os.close(writing)
        writing = -1
        return heard(reading)
    except (OSError, subprocess.SubprocessError, ProtocolError) as error:
        return Confinement("process", "open", f"a worker could not be started ({type(error).__name__})")
    finally:
        _close(reading)
        _close(writing)


class WorkerProcess:
    """One worker. ``send`` may be called from any thread, ``receive`` from one."""

    def __init__(
        self,
        entry: str,
        python: Path,
        *,
        say: Say,
        path: Sequence[Path] = (),
        environ: Mapping[str, str] | None = None,
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
        reach: Reach = AT_LARGE,
        bare: bool = False,
    ) -> None:
        """Start it. ``path``: folders outside of the environment that the connector is imported from; ``reach``: what
        it is confined to; ``bare``: nothing is imported from the environment save from ``path``, and no start-up file
        of it runs.
        """
        given = os.environ if environ is None else environ
        for folder in reach.write:
            Path(folder).mkdir(parents=True, exist_ok=True)  # the kernel allows only what is there
        to_worker, self._write = os.pipe()
        self._read, from_worker = os.pipe()
        try:
            self._process = subprocess.Popen(
                launch_line(
                    python,
                    "isthmus_sdk.worker",
                    (entry, "--read", str(to_worker), "--write", str(from_worker)),
                    said_on=from_worker,
                    path=path,
                    reach=reach,
                    bare=bare,
                ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(to_worker, from_worker),
                env={name: given[name] for name in KEPT if name in given},
                start_new_session=True,
                close_fds=True,
            )
        except BaseException:
            os.close(self._write)
            os.close(self._read)
            raise
        finally:
            os.close(to_worker)
            os.close(from_worker)
        self.bounded = bounds.hold(self._process.pid)
        """Whether the kernel holds the worker to its bounds."""
        self.watch = Watch(self._process.pid, bounds)
        _running.add(self._process.pid)
        self._buffer = bytearray()
        os.set_blocking(self._write, False)
        self._sending = threading.Lock()
        self._over = False
        self._printers = [
            threading.Thread(target=relay, args=(stream, level, say), daemon=True)
            for stream, level in ((self._process.stdout, "info"), (self._process.stderr, "warning"))
        ]
        for printer in self._printers:
            printer.start()

    @property
    def pid(self) -> int:
        """Process id; also the id of the worker's process group."""
        return self._process.pid

    def send(self, frame: protocol.HubFrame) -> None:
        """Send one frame. Raises :class:`WorkerGone` when nobody reads any more, :class:`WorkerSilent` for one that does
        not read for :data:`DEAF_SECONDS`.
        """
        view = memoryview(protocol.encode(frame))
        with self._sending:
            deadline = time.monotonic() + DEAF_SECONDS
            while view:
                if self._over:
                    raise WorkerGone("the worker was stopped")
                try:
                    view = view[os.write(self._write, view) :]
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise WorkerSilent(
                            f"the worker read nothing for {DEAF_SECONDS:.0f} s and was stopped"
                        ) from None
                    select.select([], [self._write], [], LOOK_SECONDS)
                except OSError:
                    raise WorkerGone(self._ending()) from None

    def receive(self, timeout: float, waiting: Callable[[], None] = lambda: None) -> protocol.WorkerFrame:
        """Next frame. Raises :class:`WorkerGone`, :class:`WorkerSilent` after ``timeout`` seconds, or ``ProtocolError``.

        ``waiting`` is called now and then meanwhile, and may raise.
        """
        deadline = time.monotonic() + timeout
        while True:
            if (frame := self._take()) is not None:
                return frame
            left = deadline - time.monotonic()
            if left <= 0:
                raise WorkerSilent(f"the worker said nothing whole for {timeout:.0f} s and was stopped")
            if not select.select([self._read], [], [], min(left, LOOK_SECONDS))[0]:
                waiting()
                continue
            data = os.read(self._read, 1 << 18)
            if not data:
                raise WorkerGone(self._ending())
            self._buffer += data

    def _take(self) -> protocol.WorkerFrame | None:
        if len(self._buffer) < _HEAD:
            return None
        length = int.from_bytes(self._buffer[:_HEAD], "big")
        if length > protocol.FRAME_BYTES:
            raise ProtocolError(f"the worker announced a frame of {length} bytes; the limit is {protocol.FRAME_BYTES}")
        end = _HEAD + length
        if len(self._buffer) < end:
            return None
        frame = protocol.decode_worker(bytes(self._buffer[_HEAD:end]))
        del self._buffer[:end]
        return frame

    def stop(self, grace: float = 5.0) -> None:
        """End the worker and everything it started: closed pipe, SIGTERM, SIGKILL to the group. Safe to call twice."""
        self._over = True
        with self._sending:  # nobody writes to a descriptor that may be somebody else's by then
            _close(self._write)
            self._write = -1
        if not self._waited(grace):
            self._signal(signal.SIGTERM)
            self._waited(1.0)
        self._signal(signal.SIGKILL)
        self._waited(5.0)
        _running.discard(self._process.pid)
        _close(self._read)
        self._read = -1
        for printer in self._printers:
            printer.join(timeout=1.0)

    def _waited(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def _ending(self) -> str:
        if not self._waited(1.0):
            return "the worker closed its pipe"
        code = self._process.returncode
        return (
            f"the worker was killed by {signal.Signals(-code).name}"
            if code < 0
            else f"the worker ended with exit code {code}"
        )


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        try:
            os.close(descriptor)
        except OSError:
            pass
