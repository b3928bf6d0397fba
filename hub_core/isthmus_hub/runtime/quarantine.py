"""Quarantine: vendor records that could not be used, kept as they came until somebody decides.

``add`` returns when the records are on disk (SQLite in WAL mode with ``synchronous=FULL``), so the worker may go on. A
record's id is a hash of instance, stream and raw bytes: the same page read again after a crash adds nothing. Registered
secrets are masked in everything that is written.

Each instance may fill its own share of space and no more, so that one broken feed cannot crowd out the others. What does
not fit is counted as overflow. Always: ``seen = waiting + retried + dropped + overflow`` (a record that comes again after it
was counted as overflow is counted again: it is not known any more).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import apsw

from isthmus_hub.telemetry import Redactor
from isthmus_sdk.errors import ConfigurationError, IsthmusError, RetriableError

VERSION = 1
SHARE = 256 * 2**20
"""Bytes of raw records that one instance may keep."""
LONGEST_TEXT = 4096

_SCHEMA = """
CREATE TABLE record (
    id BLOB PRIMARY KEY, instance TEXT NOT NULL, stream TEXT NOT NULL, state TEXT NOT NULL, position INTEGER NOT NULL,
    native_id TEXT, path TEXT NOT NULL, error TEXT NOT NULL, stage TEXT NOT NULL, raw BLOB NOT NULL, masked INTEGER NOT NULL,
    connector_version TEXT NOT NULL, observed_at TEXT NOT NULL, first_at REAL NOT NULL, last_at REAL NOT NULL,
    times INTEGER NOT NULL, retries INTEGER NOT NULL, number INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX record_number ON record (number);
CREATE INDEX record_place ON record (instance, stream, state);
CREATE TABLE tally (
    instance TEXT NOT NULL, stream TEXT NOT NULL, dropped INTEGER NOT NULL DEFAULT 0, overflow INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (instance, stream)
) WITHOUT ROWID;
CREATE TABLE share (instance TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sequence (number INTEGER NOT NULL);
INSERT INTO sequence VALUES (0);
"""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record as a worker hands it over."""

    instance: str
    stream: str
    raw: bytes
    error: str
    path: str = ""
    """Where in the record the error is, as ``a.b[2].c``."""
    stage: str = "validate"
    """What failed: ``validate``, ``map``, ``check``…"""
    native_id: str | None = None
    index: int = 0
    """Number of the record in its page."""
    connector_version: str = ""
    observed_at: str = ""
    """When the page was fetched; a retry publishes with this time."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record in quarantine."""

    id: str
    """32 hexadecimal digits."""
    instance: str
    stream: str
    state: str
    """``waiting``, or ``retried`` once a retry succeeded."""
    index: int
    native_id: str | None
    path: str
    error: str
    stage: str
    raw: bytes
    masked: bool
    """A registered secret was taken out of ``raw``: it is no longer exactly what the vendor sent."""
    connector_version: str
    observed_at: str
    first_at: float
    """Unix time of the first arrival."""
    last_at: float
    times: int
    """How often it came."""
    retries: int


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a batch."""

    stored: int
    duplicate: int
    overflow: int


@dataclass(frozen=True, slots=True)
class Count:
    """Records of one stream of one instance."""

    instance: str
    stream: str
    waiting: int
    retried: int
    dropped: int
    overflow: int


def record_id(instance: str, stream: str, raw: bytes) -> bytes:
    """16 bytes that name a record: the same bytes from the same stream are the same record."""
    digest = blake2b(digest_size=16, person=b"isthmus-quarant")
    for part in (instance.encode(), stream.encode(), raw):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


class Quarantine:
    """The quarantine of one state directory. Safe for threads; other processes may read while a daemon writes."""

    def __init__(
        self, path: Path, redactor: Redactor, *, share: int = SHARE, clock: Callable[[], float] = time.time
    ) -> None:
        """Open or create ``path``. Raises ``ConfigurationError`` for a file of a newer Isthmus or of something else."""
        self.path = path
        self._redactor = redactor
        self._share = share
        self._clock = clock
        self._lock = threading.Lock()
        new = not path.exists()
        if new:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite gives its journal the mode of the database.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        try:
            self._db = apsw.Connection(str(path))
            self._prepare()
        except apsw.NotADBError:
            raise ConfigurationError(f"quarantine {path}: is not a database; move it away") from None
        except apsw.Error as error:
            raise _told(path, error) from None
        if new:
            _sync_folder(path.parent)

    def _prepare(self) -> None:
        db = self._db
        db.set_busy_timeout(30_000)
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "full")
        db.pragma("secure_delete", "on")  # a dropped record leaves no bytes behind
        with self._transaction():
            version = db.pragma("user_version")
            if version > VERSION:
                raise ConfigurationError(
                    f"quarantine {self.path}: was written by a newer Isthmus (version {version}, this one reads up to {VERSION})"
                )
            if version == 0:
                db.execute(_SCHEMA)
                db.pragma("user_version", VERSION)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def __enter__(self) -> Quarantine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- writing -----------------------------------------------------------------------------------------------------

    def add(self, batch: Iterable[Rejected]) -> Added:
        """Keep the records; durable on return. Raises ``RetriableError`` where the disk is full: nothing was kept then."""
        prepared = [(record_id(entry.instance, entry.stream, entry.raw), entry) for entry in batch]
        if not prepared:
            return Added(0, 0, 0)
        stored = duplicate = overflow = 0
        now = self._clock()
        with self._lock, self._transaction():
            for identity, entry in prepared:
                if self._again(identity, now):
                    duplicate += 1
                elif self._store(identity, entry, now):
                    stored += 1
                else:
                    overflow += 1
        return Added(stored, duplicate, overflow)

    def _again(self, identity: bytes, now: float) -> bool:
        """A record that is known already; one whose retry had succeeded waits again."""
        self._db.execute(
            "UPDATE record SET times = times + 1, last_at = ?, state = 'waiting' WHERE id = ?", (now, identity)
        )
        return self._db.changes() == 1

    def _store(self, identity: bytes, entry: Rejected, now: float) -> bool:
        raw = self._redactor.bytes(entry.raw)
        used = self._value("SELECT bytes FROM share WHERE instance = ?", (entry.instance,)) or 0
        if used + len(raw) > self._share:
            self._tally(entry.instance, entry.stream, "overflow", 1)
            return False
        self._use(entry.instance, len(raw))
        number = self._value("UPDATE sequence SET number = number + 1 RETURNING number")
        self._db.execute(
            "INSERT INTO record VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, ?)",
            (
                identity,
                entry.instance,
                entry.stream,
                entry.index,
                None if entry.native_id is None else self._text(entry.native_id),
                self._text(entry.path),
                self._text(entry.error),
                entry.stage,
                raw,
                raw != entry.raw,
                entry.connector_version,
                entry.observed_at,
                now,
                now,
                number,
            ),
        )
        return True

    def mark_retried(self, ids: Sequence[str], *, succeeded: bool = True) -> int:
        """Note a retry of these records; those that succeeded wait no longer. Returns how many there were."""
        state = "retried" if succeeded else "waiting"
        with self._lock, self._transaction():
            count = 0
            for identity in _binary(ids):
                self._db.execute("UPDATE record SET retries = retries + 1, state = ? WHERE id = ?", (state, identity))
                count += self._db.changes()
        return count

    def drop(self, ids: Sequence[str]) -> int:
        """Remove these records for good; counted, so that the numbers still add up. Returns how many there were."""
        count = 0
        with self._lock, self._transaction():
            for identity in _binary(ids):
                for instance, stream, size in self._db.execute(
                    "DELETE FROM record WHERE id = ? RETURNING instance, stream, length(raw)", (identity,)
                ).fetchall():
                    self._use(instance, -size)
                    self._tally(instance, stream, "dropped", 1)
                    count += 1
        return count

    # -- reading -----------------------------------------------------------------------------------------------------

    def list(
        self,
        *,
        instance: str | None = None,
        stream: str | None = None,
        state: str | None = "waiting",
        after: str | None = None,
        limit: int = 100,
    ) -> list[Quarantined]:
        """Records in the order they came, from the one behind ``after`` (an id); ``state=None`` for every state."""
        wanted = [("instance", instance), ("stream", stream), ("state", state)]
        conditions = [f"{column} = ?" for column, value in wanted if value is not None]
        values: list[Any] = [value for _, value in wanted if value is not None]
        if after is not None:
            conditions.append("number > (SELECT number FROM record WHERE id = ?)")
            values += _binary([after])
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        with self._lock, self._errors():
            return [
                _record(row)
                for row in self._db.execute(f"{_SELECT} {where} ORDER BY number LIMIT ?", (*values, limit))  # noqa: S608
            ]

    def show(self, id: str) -> Quarantined | None:
        """One record, by its id or by the first digits of it where no other begins so; ``None`` where there is none.

        Raises ``ConfigurationError`` where several records begin so.
        """
        text = id.strip().lower()
        if not text or len(text) > 32 or any(digit not in "0123456789abcdef" for digit in text):
            return None
        first, last = bytes.fromhex(text.ljust(32, "0")), bytes.fromhex(text.ljust(32, "f"))
        with self._lock, self._errors():
            rows = self._db.execute(f"{_SELECT} WHERE id BETWEEN ? AND ? LIMIT 2", (first, last)).fetchall()
        if len(rows) > 1:
            raise ConfigurationError(f"quarantine: several records begin with {text}; give more digits")
        return _record(rows[0]) if rows else None

    def counts(self) -> list[Count]:
        """Numbers by instance and stream, sorted."""
        with self._lock, self._errors():
            rows = self._db.execute(
                """SELECT instance, stream, sum(waiting), sum(retried), sum(dropped), sum(overflow) FROM (
                     SELECT instance, stream, state = 'waiting' AS waiting, state = 'retried' AS retried,
                            0 AS dropped, 0 AS overflow FROM record
                     UNION ALL SELECT instance, stream, 0, 0, dropped, overflow FROM tally)
                   GROUP BY instance, stream ORDER BY instance, stream"""
            ).fetchall()
        return [Count(*row) for row in rows]

    # -- inside ------------------------------------------------------------------------------------------------------

    def _text(self, text: str) -> str:
        return self._redactor.text(text)[:LONGEST_TEXT]

    def _value(self, statement: str, values: tuple[Any, ...] = ()) -> Any:
        row = self._db.execute(statement, values).fetchone()
        return row[0] if row else None

    def _use(self, instance: str, size: int) -> None:
        self._db.execute(
            "INSERT INTO share VALUES (?1, ?2) ON CONFLICT (instance) DO UPDATE SET bytes = bytes + ?2",
            (instance, size),
        )

    def _tally(self, instance: str, stream: str, column: str, number: int) -> None:
        self._db.execute(
            f"INSERT INTO tally (instance, stream, {column}) VALUES (?1, ?2, ?3) "  # noqa: S608 - our own two words
            f"ON CONFLICT (instance, stream) DO UPDATE SET {column} = {column} + ?3",
            (instance, stream, number),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # A full disk may have rolled back already.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise _told(self.path, error) from None


_SELECT = """SELECT id, instance, stream, state, position, native_id, path, error, stage, raw, masked, connector_version,
    observed_at, first_at, last_at, times, retries FROM record"""


def _record(row: tuple[Any, ...]) -> Quarantined:
    values = list(row)
    values[0] = values[0].hex()
    values[10] = bool(values[10])
    return Quarantined(*values)


def _binary(ids: Sequence[str]) -> list[bytes]:
    out = []
    for text in ids:
        try:
            out.append(bytes.fromhex(text))
        except ValueError:
            raise ConfigurationError("quarantine: an id is 32 hexadecimal digits") from None
    return out


def _told(path: Path, error: apsw.Error) -> IsthmusError:
    """SQLite's error in ours."""
    if isinstance(error, apsw.FullError | apsw.BusyError | apsw.IOError):
        return RetriableError(
            f"quarantine {path}: cannot be written now ({error}); nothing was lost, the page is kept back"
        )
    return IsthmusError(f"quarantine {path}: {error}")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["Added", "Count", "Quarantine", "Quarantined", "Rejected", "record_id"]
