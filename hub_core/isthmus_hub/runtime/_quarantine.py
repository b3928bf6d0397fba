"""Quarantine: vendor records that could not be used, kept as they came until somebody decides.

``add`` returns when the records are on disk (SQLite in WAL mode with ``synchronous=FULL``), so the worker may go on. A
record's id is a hash of instance, stream and raw bytes: the same page read again after a crash adds nothing. Registered
secrets are masked in everything that is written.

Each instance may fill its own share of space and no more, so that one broken feed cannot crowd out the others. What
does not fit is counted as overflow. Always: ``seen = waiting + retried + dropped + overflow`` (a record that comes
again after it was counted as overflow is counted again: it is not known any more).
"""

from __future__ import annotations

import builtins
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from isthmus_hub._sqlite import FileKind, connect, rollback, storage_errors
from isthmus_hub.telemetry import Redactor
from isthmus_sdk.errors import ConfigurationError

SHARE = 256 * 2**20
"""Bytes of raw records that one instance may keep."""
LONGEST_TEXT = 4096

_SCHEMA = """
CREATE TABLE record (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE,
    instance TEXT NOT NULL, stream TEXT NOT NULL, state TEXT NOT NULL, position INTEGER NOT NULL,
    native_id TEXT, path TEXT NOT NULL, error TEXT NOT NULL, stage TEXT NOT NULL,
    connector TEXT NOT NULL, connector_version TEXT NOT NULL, observed_at TEXT NOT NULL,
    first_at REAL NOT NULL, last_at REAL NOT NULL, times INTEGER NOT NULL, retries INTEGER NOT NULL,
    masked INTEGER NOT NULL, raw BLOB NOT NULL
);
CREATE INDEX record_place ON record (instance, stream, state);
CREATE TABLE overflow (
    instance TEXT NOT NULL, stream TEXT NOT NULL, records INTEGER NOT NULL, PRIMARY KEY (instance, stream)
) WITHOUT ROWID;
CREATE TABLE share (instance TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
"""
_KIND = FileKind("quarantine", 0x49735175, (_SCHEMA,))  # "IsQu"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record as a worker hands it over."""

    instance: str
    stream: str
    raw: bytes
    error: str
    path: str = ""
    """Where in the record the error is, as ``a.b[2].c``."""
    stage: str = ""
    """What failed: ``validate``, ``map``, ``check``…"""
    native_id: str | None = None
    """The vendor's id of the record, where it could be read."""
    index: int = 0
    """Number of the record in its page."""
    connector: str = ""
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
    """``waiting``; ``retried`` once a retry succeeded; ``dropped``. The last two have no ``raw`` any more."""
    index: int
    native_id: str | None
    path: str
    error: str
    stage: str
    connector: str
    connector_version: str
    observed_at: str
    first_at: float
    """Unix time of the first arrival."""
    last_at: float
    times: int
    """How often it came."""
    retries: int
    masked: bool
    """A registered secret was taken out of ``raw``: it is no longer exactly what the vendor sent."""
    raw: bytes


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
        self,
        path: Path,
        redactor: Redactor,
        *,
        share: int = SHARE,
        clock: Callable[[], float] = time.time,
        vfs: str | None = None,
    ) -> None:
        """Open or create ``path``. Raises what ``isthmus_hub._sqlite.connect`` raises."""
        self.path = path
        self._redactor = redactor
        self._share = share
        self._clock = clock
        self._lock = threading.Lock()
        self._db = connect(path, _KIND, vfs=vfs)
        # A dropped record leaves no bytes behind.
        self._db.pragma("secure_delete", "on")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def __enter__(self) -> Quarantine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- writing -----------------------------------------------------------------------------------------------------

    def add(self, batch: Iterable[Rejected]) -> Added:
        """Keep the records; durable on return. Raises ``StorageFull`` or ``StorageFault`` where nothing was kept."""
        prepared = [(record_id(entry.instance, entry.stream, entry.raw), entry) for entry in batch]
        if not prepared:
            return Added(0, 0, 0)
        stored = duplicate = overflow = 0
        now = self._clock()
        with self._lock, self._transaction():
            for identity, entry in prepared:
                if self._again(identity, entry, now):
                    duplicate += 1
                elif self._store(identity, entry, now):
                    stored += 1
                else:
                    overflow += 1
        return Added(stored, duplicate, overflow)

    def _again(self, identity: bytes, entry: Rejected, now: float) -> bool:
        """Note a record that is known already. Dropped ones stay dropped, however often the vendor sends them."""
        rows = self._rows("SELECT state FROM record WHERE id = ?", (identity,))
        if not rows:
            return False
        self._db.execute("UPDATE record SET times = times + 1, last_at = ? WHERE id = ?", (now, identity))
        if rows[0][0] == "retried":
            # It had mapped after all, and now it does not again.
            raw = self._redactor.bytes(entry.raw)
            self._use(entry.instance, len(raw))
            self._db.execute(
                "UPDATE record SET state = 'waiting', raw = ?, error = ? WHERE id = ?",
                (raw, self._text(entry.error), identity),
            )
        return True

    def _store(self, identity: bytes, entry: Rejected, now: float) -> bool:
        raw = self._redactor.bytes(entry.raw)
        used = self._rows("SELECT bytes FROM share WHERE instance = ?", (entry.instance,))
        if (used[0][0] if used else 0) + len(raw) > self._share:
            self._db.execute(
                "INSERT INTO overflow VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET records = records + 1",
                (entry.instance, entry.stream),
            )
            return False
        self._use(entry.instance, len(raw))
        self._db.execute(
            "INSERT INTO record VALUES (NULL, ?, ?, ?, 'waiting', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, ?, ?)",
            (
                identity,
                entry.instance,
                entry.stream,
                entry.index,
                None if entry.native_id is None else self._text(entry.native_id),
                self._text(entry.path),
                self._text(entry.error),
                entry.stage,
                entry.connector,
                entry.connector_version,
                entry.observed_at,
                now,
                now,
                raw != entry.raw,
                raw,
            ),
        )
        return True

    def mark_retried(self, ids: Sequence[str], *, succeeded: bool = True) -> int:
        """Note a retry of waiting records; those that succeeded wait no longer. Returns how many there were."""
        if succeeded:
            return self._settle(ids, "retried")
        with self._lock, self._transaction():
            count = 0
            for identity in _binary(ids):
                self._db.execute(
                    "UPDATE record SET retries = retries + 1 WHERE id = ? AND state = 'waiting'", (identity,)
                )
                count += self._db.changes()
        return count

    def drop(self, ids: Sequence[str]) -> int:
        """Give these waiting records up: their bytes go, and they are counted. Returns how many there were."""
        return self._settle(ids, "dropped")

    def _settle(self, ids: Sequence[str], state: str) -> int:
        """Records leave the queue; what stays is that they were here, so that they do not come back as new."""
        count = 0
        with self._lock, self._transaction():
            for identity in _binary(ids):
                # RETURNING gives the row as it is after the update, so the size is asked for first.
                for instance, size in self._rows(
                    "SELECT instance, length(raw) FROM record WHERE id = ? AND state = 'waiting'", (identity,)
                ):
                    self._use(instance, -size)
                    self._db.execute(
                        "UPDATE record SET state = ?, raw = x'', retries = retries + ? WHERE id = ?",
                        (state, int(state == "retried"), identity),
                    )
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
        with self._lock, storage_errors(self.path):
            return [
                _record(row) for row in self._db.execute(f"{_SELECT} {where} ORDER BY number LIMIT ?", (*values, limit))
            ]

    def show(self, id: str) -> Quarantined | None:
        """One record, by its id or by the first digits of it where no other begins so; ``None`` where there is none.

        Raises ``ConfigurationError`` where several records begin so.
        """
        text = id.strip().lower()
        if not text or len(text) > 32 or any(digit not in "0123456789abcdef" for digit in text):
            return None
        first, last = bytes.fromhex(text.ljust(32, "0")), bytes.fromhex(text.ljust(32, "f"))
        with self._lock, storage_errors(self.path):
            rows = self._db.execute(f"{_SELECT} WHERE id BETWEEN ? AND ? LIMIT 2", (first, last)).fetchall()
        if len(rows) > 1:
            raise ConfigurationError(f"quarantine: several records begin with {text}; give more digits")
        return _record(rows[0]) if rows else None

    def counts(self) -> builtins.list[Count]:
        """Numbers by instance and stream, sorted."""
        with self._lock, storage_errors(self.path):
            rows = self._rows(
                """SELECT instance, stream, sum(waiting), sum(retried), sum(dropped), sum(overflow) FROM (
                     SELECT instance, stream, state = 'waiting' AS waiting, state = 'retried' AS retried,
                            state = 'dropped' AS dropped, 0 AS overflow FROM record
                     UNION ALL SELECT instance, stream, 0, 0, 0, records FROM overflow)
                   GROUP BY instance, stream ORDER BY instance, stream"""
            )
        return [Count(*row) for row in rows]

    # -- inside ------------------------------------------------------------------------------------------------------

    def _text(self, text: str) -> str:
        return self._redactor.text(text)[:LONGEST_TEXT]

    def _rows(self, statement: str, values: tuple[Any, ...] = ()) -> builtins.list[tuple[Any, ...]]:
        return self._db.execute(statement, values).fetchall()

    def _use(self, instance: str, size: int) -> None:
        self._db.execute(
            "INSERT INTO share VALUES (?1, ?2) ON CONFLICT (instance) DO UPDATE SET bytes = bytes + ?2",
            (instance, size),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with storage_errors(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                rollback(self._db)
                raise


_SELECT = """SELECT id, instance, stream, state, position, native_id, path, error, stage, connector, connector_version,
    observed_at, first_at, last_at, times, retries, masked, raw FROM record"""


def _record(row: tuple[Any, ...]) -> Quarantined:
    identity, *values, masked, raw = row
    return Quarantined(*(identity.hex(), *values, bool(masked), raw))


def _binary(ids: Sequence[str]) -> list[bytes]:
    out = []
    for text in ids:
        try:
            out.append(bytes.fromhex(text))
        except ValueError:
            raise ConfigurationError("quarantine: an id is 32 hexadecimal digits") from None
    return out


__all__ = ["Added", "Count", "Quarantine", "Quarantined", "Rejected", "record_id"]
