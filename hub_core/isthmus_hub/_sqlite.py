"""Opening SQLite files the one way the hub opens them, and what their errors mean to a caller.

Every file is WAL with ``synchronous=FULL``: a returned ``COMMIT`` survives a kill and, where the disk honours a flush,
a power cut. The library is the one ``apsw`` carries, because releases before 3.51.3 can corrupt a WAL that two
connections write and checkpoint (sqlite.org/wal.html, "WAL-reset bug").
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import apsw

from isthmus_sdk.errors import ConfigurationError, IsthmusError, RetriableError

OLDEST_SAFE = (3, 51, 3)
BUSY_MILLISECONDS = 10_000


class StorageFull(RetriableError):
    """The disk, or the share of it the hub may use, is full; nothing of the failed call was stored."""


class StorageFault(RetriableError):
    """The disk failed a read, a write or a flush, or another process holds the file; the call had no effect."""


class StorageDamaged(IsthmusError):
    """A state file's structure is broken beyond what reading around the damage allows."""

    def __init__(self, message: str, *, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path
        """The file, where the structure itself is what is broken."""


class StateTooNew(ConfigurationError):
    """A state file was written by a later version of Isthmus."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a state file is: its SQLite application id and, per schema version, the statements that lead to it."""

    name: str
    application_id: int
    migrations: Sequence[str]
    page_size: int = 4096
    auto_vacuum: bool = False

    @property
    def version(self) -> int:
        """Schema version this program writes."""
        return len(self.migrations)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into the hub's own, naming the file and the remedy."""
    try:
        yield
    except apsw.FullError as error:
        raise StorageFull(
            f"{path}: no space left on the disk; free some space, nothing acknowledged was lost"
        ) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise StorageFault(f"{path}: another process holds the file; try again") from error
    except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError) as error:  # the last: its schema is not ours
        raise StorageDamaged(
            f"{path}: the file is damaged ({error}); `isthmus doctor` says what to do", path=path
        ) from error
    except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError, apsw.AuthError) as error:
        raise ConfigurationError(f"{path}: cannot be opened for writing ({error}); check owner and mode") from error
    except apsw.ConnectionClosedError as error:
        raise StorageFault(f"{path}: was closed meanwhile; the call had no effect") from error
    except apsw.IOError as error:
        raise StorageFault(f"{path}: the disk failed ({error}); the call had no effect") from error


def connect(
    path: Path, kind: FileKind, *, write: bool = True, cache_kib: int = 2048, flush: bool = True, vfs: str | None = None
) -> apsw.Connection:
    """Open ``path``, creating or migrating it when ``write`` is set.

    ``flush=False`` lets commits of this connection wait for the next flush of another one: for positions that may be
    repeated, never for data. Raises `StateTooNew`, `ConfigurationError` for a file of another kind, `StorageFault`.
    """
    require_safe_library()
    if write:
        _create_file(path)
    with storage_errors(path):
        flags = apsw.SQLITE_OPEN_READWRITE
        connection = apsw.Connection(str(path), flags=flags, vfs=vfs)
        try:
            connection.set_busy_timeout(BUSY_MILLISECONDS)
            if write:
                _bring_up(connection, path, kind)
            else:
                _require_kind(connection, path, kind)
            connection.execute(f"PRAGMA synchronous = {'FULL' if flush else 'NORMAL'}")
            connection.execute("PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON")
            connection.execute(f"PRAGMA cache_size = -{cache_kib}")
            connection.execute("PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY")
            if not write:
                connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
    return connection


def require_safe_library() -> None:
    """Refuse SQLite libraries that can corrupt a WAL."""
    found = tuple(int(part) for part in apsw.sqlite_lib_version().split(".")[:3])
    if found < OLDEST_SAFE:
        wanted = ".".join(map(str, OLDEST_SAFE))
        raise ConfigurationError(
            f"apsw is linked to SQLite {apsw.sqlite_lib_version()}, which can corrupt its log; "
            f"install an apsw that carries SQLite {wanted} or later (pip install --upgrade apsw)"
        )


def rollback(connection: apsw.Connection) -> None:
    """End a failed transaction; SQLite may already have done so by itself, and on a closed connection there is none."""
    with suppress(apsw.ConnectionClosedError):
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except apsw.Error:
                if connection.in_transaction:
                    raise


def one_row(connection: apsw.Connection, sql: str) -> Any:
    """The row that has to be there. Raises `StorageDamaged` where it is not."""
    row = connection.execute(sql).get
    if row is None:
        raise StorageDamaged(f"{connection.filename}: a row that is always there is missing; run the check command")
    return row


def sync_directory(path: Path) -> None:
    """Make the names inside ``path`` durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Readers:
    """Connections for reading, lent to one thread at a time; as many as threads read at the same moment."""

    def __init__(self, path: Path, kind: FileKind, vfs: str | None = None, cache_kib: int = 1024) -> None:
        self.path = path
        self._kind = kind
        self._vfs = vfs
        self._cache_kib = cache_kib
        self._idle: list[apsw.Connection] = []  # append and pop are atomic
        self._closed = False

    def one(self) -> Lent:
        """A connection for the time of a ``with`` block, in which errors of SQLite become the hub's own."""
        return Lent(self)

    def take(self) -> apsw.Connection:
        """A connection of one's own; to be given back. Raises `StorageFault` once closed."""
        if self._closed:
            raise StorageFault(f"{self.path}: is closed")
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self.path, self._kind, write=False, cache_kib=self._cache_kib, vfs=self._vfs)

    def give_back(self, connection: apsw.Connection) -> None:
        """The connection may be used by others."""
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """Close the idle connections now, lent ones when they come back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()


class Lent:
    """The ``with`` block of `Readers.one`; a class because it is entered for every lookup."""

    __slots__ = ("_connection", "_readers")

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def __enter__(self) -> apsw.Connection:
        self._connection = self._readers.take()
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._readers.give_back(self._connection)
        if isinstance(error, apsw.Error):
            with storage_errors(self._readers.path):
                raise error


def _create_file(path: Path) -> None:
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(path.parent.parent)
        if not path.exists():
            # SQLite gives the log and its index the mode of the file, so it has to exist, empty, with the right one.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            sync_directory(path.parent)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be created ({error.strerror}); check the state directory") from error


def _bring_up(connection: apsw.Connection, path: Path, kind: FileKind) -> None:
    new = _pragma(connection, "user_version") == 0 and _pragma(connection, "page_count") == 0
    if new:
        connection.execute(f"PRAGMA page_size = {kind.page_size}")
        if kind.auto_vacuum:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.pragma("journal_mode", "wal")
    if new:  # the rollback journal of that change is gone; were it back after a power cut, it would undo everything
        sync_directory(path.parent)
    if _pragma(connection, "user_version") == kind.version:
        _require_kind(connection, path, kind)
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _pragma(connection, "user_version")  # another process may have been faster
        if version or _pragma(connection, "application_id"):
            _require_kind(connection, path, kind)
        for step in kind.migrations[version:]:
            connection.execute(step)
        connection.execute(f"PRAGMA application_id = {kind.application_id}")
        connection.execute(f"PRAGMA user_version = {kind.version}")
        connection.execute("COMMIT")
    except BaseException:
        rollback(connection)
        raise


def _require_kind(connection: apsw.Connection, path: Path, kind: FileKind) -> None:
    found = _pragma(connection, "application_id")
    if found != kind.application_id:
        raise ConfigurationError(f"{path}: is not a {kind.name} file (application id {found}); move it away")
    version = _pragma(connection, "user_version")
    if version > kind.version:
        raise StateTooNew(
            f"{path}: was written by a later Isthmus (format {version}, this one knows {kind.version}); upgrade isthmus"
        )


def _pragma(connection: apsw.Connection, name: str) -> int:
    value = connection.pragma(name)
    return int(value or 0)


__all__ = [
    "FileKind",
    "Lent",
    "Readers",
    "StateTooNew",
    "StorageDamaged",
    "StorageFault",
    "StorageFull",
    "connect",
    "one_row",
    "require_safe_library",
    "rollback",
    "storage_errors",
    "sync_directory",
]
