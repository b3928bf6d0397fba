"""Commands while a daemon holds the state: one JSON line each way over a socket (mode 0600) in the state directory.

Only the operations listed here exist; every one is a method of :class:`~isthmus_hub.hub.Hub` with plain data in and out.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from isthmus_hub.hub import Hub
from isthmus_hub.runtime import is_worker
from isthmus_sdk import errors
from isthmus_sdk.errors import ConfigurationError, IsthmusError

OPERATIONS = frozenset(
    {
        "sync", "deliver", "check", "preview", "status", "assets", "coverage", "gaps", "exposures", "compare_primaries", "quarantine_list", "quarantine_show", "quarantine_retry",
        "quarantine_drop", "dead_list", "dead_show", "dead_retry", "dead_drop", "bus_groups", "bus_seek", "bus_check", "bus_forget",
        "bus_dead_list", "bus_dead_show", "bus_dead_retry", "bus_dead_drop",
        "store_check", "store_rebuild", "confirm_absence", "accept_drift", "asset_show", "assets_why",
        "assets_fit", "assets_merge", "zones", "report", "assets_split", "assets_decisions", "assets_undo", "store_find", "store_paths", "store_search", "store_show",
    }
)  # fmt: skip
LONGEST_REQUEST = 1 << 20
_LONGEST_PATH = 100
"""A socket's path may have about a hundred bytes; longer ones are reached through a relative path."""


class Turns:
    """Any number of commands side by side, or one alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._alone = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Beside others, but not beside one that needs to be alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """When those that run have ended; new ones wait."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._alone = True
            self._changed.wait_for(lambda: not self._running)
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()


class Server:
    """Answers operations from threads, one per connection.

    ``instead``: operations that the daemon does itself, each alone, because they take parts of the hub out of use.
    """

    def __init__(self, hub: Hub, instead: Mapping[str, Callable[..., Any]] | None = None) -> None:
        self._hub = hub
        self._instead = instead or {}
        self._turns = Turns()
        self._path = hub.state.socket
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._closed = threading.Event()

    def start(self) -> None:
        """Listen; a socket left behind by a killed daemon is replaced (the lock says that it is dead)."""
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            _with_short_path(self._path, self._socket.bind)
        finally:
            os.umask(before)
        self._socket.listen(16)
        threading.Thread(target=self._accept, name="commands", daemon=True).start()

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self._closed.set()
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), name="command", daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        if not _welcome(connection):
            connection.close()
            return
        try:
            with connection, connection.makefile("rb") as stream:
                reply = self._reply(stream.readline(LONGEST_REQUEST))
                connection.sendall(json.dumps(self._hub.redactor.data(reply)).encode() + b"\n")
        except OSError:
            pass  # the caller went away

    def _reply(self, line: bytes) -> dict[str, Any]:
        if not line:
            return {}  # somebody looked whether we listen
        try:
            return {"result": self._do(line)}
        except IsthmusError as error:
            return {"error": {"kind": type(error).__name__, "message": str(error)}}
        except Exception as error:
            return {"error": {"kind": "IsthmusError", "message": f"{type(error).__name__}: {error}"}}

    def _do(self, line: bytes) -> Any:
        try:
            request = json.loads(line)
            operation, arguments = str(request["operation"]), dict(request.get("arguments") or {})
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError("the command was not understood") from None
        if operation not in OPERATIONS:
            raise ConfigurationError(f"the running daemon does not know {operation!r}: is it of another version?")
        if operation in self._instead:
            with self._turns.alone():
                return self._instead[operation](**arguments)
        with self._turns.together():
            return getattr(self._hub, operation)(**arguments)


def _welcome(connection: socket.socket) -> bool:
    """Whether a caller may give commands: the hub's own user or root, and no worker, which runs as that user too."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # the mode of the socket is all there is
    pid, user, _ = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    return user in (0, os.geteuid()) and not is_worker(pid)


def reach(path: Path) -> Remote | None:
    """The daemon that listens at a socket, connected; ``None`` where nobody does.

    A daemon takes the lock a moment before it listens, and gives it back a moment after it stopped listening.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _with_short_path(path, connection.connect)
    except OSError:
        connection.close()
        return None
    return Remote(path, connection)


class Remote:
    """Stands in for a :class:`~isthmus_hub.hub.Hub` whose state a daemon holds."""

    def __init__(self, path: Path, connection: socket.socket | None = None) -> None:
        self._path = path
        self._connection = connection
        """Made already, for the first operation."""

    def close(self) -> None:
        """Let go of a connection that no operation used."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in OPERATIONS:
            raise AttributeError(name)
        return lambda **arguments: self._ask(name, arguments)

    def _ask(self, operation: str, arguments: dict[str, Any]) -> Any:
        request = json.dumps({"operation": operation, "arguments": arguments}).encode() + b"\n"
        with self._connected() as connection:
            try:
                connection.sendall(request)
                with connection.makefile("rb") as stream:
                    line = stream.readline()
            except OSError:
                line = b""
        if not line.endswith(b"\n"):
            raise errors.Unreachable(
                f"the daemon stopped before it answered: {operation} may have been done in part; give the command again"
            )
        reply = json.loads(line)
        if problem := reply.get("error"):
            kind = getattr(errors, problem["kind"], IsthmusError)
            raise kind(problem["message"])
        return reply["result"]

    def _connected(self) -> socket.socket:
        connection, self._connection = self._connection, None
        if connection is None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                _with_short_path(self._path, connection.connect)
            except OSError as error:
                connection.close()
                raise errors.Unreachable(
                    f"the daemon does not answer at {self._path}: {error.strerror}; is it starting or stopping?"
                ) from None
        return connection


def _with_short_path(path: Path, use: Callable[[str], None]) -> None:
    text = str(path)
    if len(os.fsencode(text)) <= _LONGEST_PATH:
        use(text)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        use(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
