"""``delivery.sqlite``: queue, ledger, counts and dead letters of every platform, in one file.

Every change of the counts and of what they count is one transaction, so that
``in = accepted + duplicate + rejected + dropped + pending`` holds in whatever state a crash leaves the file. The
position in the resolved stream (``intake``) moves in the transaction that stores what was read up to it.

Versions of one object never queue up: a newer one takes the place of the one that waits, which counts as dropped,
``superseded``. So a platform gets the versions of an object in order, and possibly not all of them.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from isthmus_hub._sqlite import FileKind, connect, rollback, storage_errors

from ._entry import Entry, read_entry
from ._report import DeliveryReport

Final = Literal["accepted", "duplicate", "rejected", "dropped"]

_TABLES = """
CREATE TABLE platform (name TEXT PRIMARY KEY, intake INTEGER NOT NULL, failures INTEGER NOT NULL DEFAULT 0);
CREATE TABLE tally (platform TEXT, outcome TEXT, reason TEXT, n INTEGER NOT NULL,
    PRIMARY KEY (platform, outcome, reason)) WITHOUT ROWID;
CREATE TABLE queue (seq INTEGER PRIMARY KEY AUTOINCREMENT, platform TEXT NOT NULL, id TEXT NOT NULL,
    modified TEXT NOT NULL, version INTEGER NOT NULL, stream_offset INTEGER NOT NULL, body BLOB NOT NULL,
    digest BLOB NOT NULL, strikes INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX queue_object ON queue (platform, id);
CREATE TABLE ledger (platform TEXT, id TEXT, version INTEGER NOT NULL, digest BLOB NOT NULL,
    stream_offset INTEGER NOT NULL, PRIMARY KEY (platform, id)) WITHOUT ROWID;
CREATE TABLE dead (number INTEGER PRIMARY KEY AUTOINCREMENT, platform TEXT NOT NULL, id TEXT NOT NULL,
    modified TEXT NOT NULL, stream_offset INTEGER NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL, body BLOB NOT NULL);
CREATE INDEX dead_platform ON dead (platform, number);
"""
_QUEUED = "SELECT seq, id, modified, version, stream_offset, body, digest, strikes FROM queue WHERE"
_EXPIRED = """
CREATE TABLE expired (platform TEXT PRIMARY KEY, times INTEGER NOT NULL, at REAL, first INTEGER, last INTEGER);
"""
KIND = FileKind("delivery ledger", 0x49534D44, (_TABLES, _EXPIRED))


class Queued(NamedTuple):
    """One row that waits for its verdict."""

    seq: int
    id: str
    modified: str
    version: int
    offset: int
    body: bytes
    digest: bytes
    strikes: int


class Decision(NamedTuple):
    """The end of one queued row."""

    row: Queued
    outcome: Final
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An object a platform will not take as it is."""

    number: int
    platform: str
    id: str
    modified: str
    offset: int
    reason: str
    at: float
    """Seconds since 1970 when it was given up."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Expired:
    """Entries of the resolved stream that were removed before a platform was told of them."""

    first: int
    """Offset of the first of them."""
    last: int
    at: float | None = None
    """Seconds since 1970 when the store was taken in their place; ``None`` while they are still missing."""


class Ledger:
    """The file; safe for several threads, one transaction at a time, none of them held while a platform is called."""

    def __init__(self, path: Path, *, redact: Callable[[str], str] = str) -> None:
        self.path = path
        self._redact = redact
        self._lock = threading.RLock()
        self._tally: Counter[tuple[str, str, str]] = Counter()
        self._db = connect(path, KIND)

    @classmethod
    def open(cls, path: str | Path, *, redact: Callable[[str], str] = str) -> Ledger:
        """Open or create the file. Raises ``ConfigurationError`` for one that a newer version wrote.

        ``redact`` takes secrets out of reasons: they are a platform's words, which may repeat what it was sent.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(path, redact=redact)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    # --- what a platform's consumer does -----------------------------------------------------------------------------

    def intake(self, platform: str) -> int | None:
        """Offset up to which the resolved stream was taken up; ``None`` for a platform never seen."""
        row = self._first("SELECT intake FROM platform WHERE name = ?", (platform,))
        return None if row is None else int(row[0])

    def failures(self, platform: str) -> int:
        """Consecutive runs that a fault of the platform ended."""
        row = self._first("SELECT failures FROM platform WHERE name = ?", (platform,))
        return 0 if row is None else int(row[0])

    def note_failures(self, platform: str, failures: int) -> None:
        """Keep the number of consecutive failed runs."""
        if failures != self.failures(platform):
            with self._transaction():
                self._db.execute("UPDATE platform SET failures = ? WHERE name = ?", (failures, platform))

    def take(
        self,
        platform: str,
        entries: Iterable[Entry],
        *,
        intake: int | None = None,
        referents: bool = False,
        expired: Expired | None = None,
    ) -> None:
        """Take entries up as pending and move the position to ``intake``, in one transaction.

        What the ledger already shows as delivered is a duplicate; what is older than a delivered or a waiting version
        is superseded; what is no object at all is a dead letter. ``expired``: what these entries stand for, because the
        stream no longer has it; remembered until the platform is told everything anew.
        """
        with self._transaction():
            if expired is not None:
                self._db.execute(
                    "INSERT INTO expired (platform, times, at, first, last) VALUES (?1, 1, ?2, ?3, ?4) "
                    "ON CONFLICT (platform) DO UPDATE SET times = times + 1, at = ?2, first = ?3, last = ?4",
                    (platform, time.time(), expired.first, expired.last),
                )
            for entry in entries:
                self._count(platform, "in")
                if referents:
                    self._count(platform, "referents")
                if entry.fault:
                    self._bury(platform, entry, entry.fault)
                    self._count(platform, "rejected")
                else:
                    self._enqueue(platform, entry)
            if intake is not None:
                self._db.execute(
                    "INSERT INTO platform (name, intake) VALUES (?, ?) "
                    "ON CONFLICT (name) DO UPDATE SET intake = excluded.intake",
                    (platform, intake),
                )

    def _enqueue(self, platform: str, entry: Entry) -> None:
        key = (platform, entry.id)
        sent = self._first("SELECT version, digest FROM ledger WHERE platform = ? AND id = ?", key)
        if sent is not None and (entry.version, entry.digest) == tuple(sent):
            return self._count(platform, "duplicate")
        if sent is not None and entry.version < sent[0]:
            return self._count(platform, "dropped", "superseded")
        waiting = self._first("SELECT version, digest, seq FROM queue WHERE platform = ? AND id = ?", key)
        if waiting is not None:
            if (entry.version, entry.digest) == waiting[:2]:
                return self._count(platform, "duplicate")
            self._count(platform, "dropped", "superseded")
            if entry.version < waiting[0]:
                return None
            self._db.execute("DELETE FROM queue WHERE seq = ?", (waiting[2],))
        self._db.execute(
            "INSERT INTO queue (platform, id, modified, version, stream_offset, body, digest) VALUES (?,?,?,?,?,?,?)",
            (platform, entry.id, entry.modified, entry.version, entry.offset, entry.body, entry.digest),
        )
        return None

    def queued(
        self, platform: str, *, after: int = 0, limit: int = 5_000, limit_bytes: int = 16_000_000
    ) -> list[Queued]:
        """Pending rows in the order they were taken up, as many as fit into both limits and at least one."""
        rows: list[Queued] = []
        size = 0
        with self._lock, storage_errors(self.path):
            for row in self._db.execute(
                f"{_QUEUED} platform = ? AND seq > ? ORDER BY seq LIMIT ?", (platform, after, limit)
            ):
                rows.append(Queued(*row))
                size += len(rows[-1].body)
                if size >= limit_bytes:
                    break
        return rows

    def waiting(self, platform: str, ids: Iterable[str]) -> list[Queued]:
        """The pending rows of these objects."""
        return [Queued(*row) for id in ids for row in self._all(f"{_QUEUED} platform = ? AND id = ?", (platform, id))]

    def pending(self, platform: str) -> int:
        """How many objects wait for their verdict."""
        return int(self._one("SELECT count(*) FROM queue WHERE platform = ?", (platform,))[0])

    def known(self, platform: str, id: str) -> bool:
        """Whether the platform has the object, waits for it, or refused it for good."""
        for table in ("ledger", "queue", "dead"):
            if self._first(f"SELECT 1 FROM {table} WHERE platform = ? AND id = ?", (platform, id)):  # noqa: S608
                return True
        return False

    def delivered(self, platform: str, id: str) -> int | None:
        """Version (microseconds) of the object that the platform has, if it has one."""
        row = self._first("SELECT version FROM ledger WHERE platform = ? AND id = ?", (platform, id))
        return None if row is None else int(row[0])

    def record(self, platform: str, decisions: Sequence[Decision]) -> None:
        """Write down verdicts: rows leave the queue, counts and ledger follow, in one transaction."""
        if not decisions:
            return
        with self._transaction():
            for row, outcome, told in decisions:
                reason = self._redact(told)
                self._db.execute("DELETE FROM queue WHERE seq = ?", (row.seq,))
                if not self._db.changes():
                    continue
                self._count(platform, outcome, reason if outcome == "dropped" else "")
                if outcome == "rejected":
                    self._bury(platform, row, reason)
                elif outcome != "dropped":
                    self._db.execute(
                        "INSERT OR REPLACE INTO ledger (platform, id, version, digest, stream_offset) "
                        "VALUES (?,?,?,?,?)",
                        (platform, row.id, row.version, row.digest, row.offset),
                    )

    def strike(self, platform: str, rows: Sequence[Queued]) -> None:
        """Count one more run in which these rows were refused alone, or failed alone while others passed."""
        with self._transaction():
            for row in rows:
                self._db.execute(
                    "UPDATE queue SET strikes = strikes + 1 WHERE platform = ? AND seq = ?", (platform, row.seq)
                )

    def forget(self, platform: str, *, intake: int) -> None:
        """Forget what the platform was sent and read the stream from ``intake`` again; counts and queue stay."""
        with self._transaction():
            self._db.execute("DELETE FROM ledger WHERE platform = ?", (platform,))
            self._db.execute("UPDATE expired SET at = NULL WHERE platform = ?", (platform,))
            self._db.execute(
                "INSERT INTO platform (name, intake) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET intake = excluded.intake, failures = 0",
                (platform, intake),
            )

    # --- counts ------------------------------------------------------------------------------------------------------

    def totals(self, platform: str) -> DeliveryReport:
        """Counts over the platform's whole life, read in one transaction."""
        with self._transaction(write=False):
            counts: dict[str, int] = {}
            dropped: dict[str, int] = {}
            for outcome, reason, n in self._all("SELECT outcome, reason, n FROM tally WHERE platform = ?", (platform,)):
                if outcome == "dropped":
                    dropped[reason] = n
                else:
                    counts[outcome] = n
            dead = int(self._one("SELECT count(*) FROM dead WHERE platform = ?", (platform,))[0])
            pending = self.pending(platform)
        return DeliveryReport(
            platform=platform,
            incoming=counts.get("in", 0),
            accepted=counts.get("accepted", 0),
            duplicate=counts.get("duplicate", 0),
            rejected=counts.get("rejected", 0),
            dropped={reason: n for reason, n in dropped.items() if n},
            pending=pending,
            dead=dead,
            referents=counts.get("referents", 0),
        )

    def expired(self, platform: str) -> Expired | None:
        """The newest entries that the store was taken for; ``None`` where none, or everything was told anew since."""
        row = self._first("SELECT first, last, at FROM expired WHERE platform = ? AND at IS NOT NULL", (platform,))
        return None if row is None else Expired(*row)

    def expirations(self, platform: str) -> int:
        """How often the platform's position had expired when it was read on."""
        row = self._first("SELECT times FROM expired WHERE platform = ?", (platform,))
        return 0 if row is None else int(row[0])

    def platforms(self) -> list[str]:
        """Names of the platforms the file knows."""
        return [row[0] for row in self._all("SELECT name FROM platform ORDER BY name")]

    # --- dead letters ------------------------------------------------------------------------------------------------

    def dead(self, platform: str | None = None, *, after: int = 0, limit: int = 1_000) -> list[DeadLetter]:
        """Dead letters in the order of their death."""
        rows = self._all(
            "SELECT number, platform, id, modified, stream_offset, reason, at, body FROM dead "
            "WHERE number > ?1 AND (?2 IS NULL OR platform = ?2) ORDER BY number LIMIT ?3",
            (after, platform, limit),
        )
        return [DeadLetter(*row) for row in rows]

    def dead_letter(self, number: int) -> DeadLetter | None:
        """One dead letter."""
        found = self.dead(after=number - 1, limit=1)
        return found[0] if found and found[0].number == number else None

    def retry_dead(self, numbers: Sequence[int] | None = None, *, platform: str | None = None) -> int:
        """Put dead letters back into the queue (all of ``platform``, or of every one, if no numbers are given).

        They are pending again and no longer rejected. Returns how many were put back; a letter that is no STIX object
        stays where it is.
        """
        moved = 0
        with self._transaction():
            for letter in self._letters(numbers, platform):
                entry = read_entry(letter.body, letter.offset)
                if entry.fault:
                    continue
                self._db.execute("DELETE FROM dead WHERE number = ?", (letter.number,))
                self._count(letter.platform, "rejected", n=-1)
                self._enqueue(letter.platform, entry)
                moved += 1
        return moved

    def drop_dead(self, numbers: Sequence[int] | None = None, *, platform: str | None = None) -> int:
        """Throw dead letters away; they stay counted as rejected. Returns how many there were."""
        with self._transaction():
            letters = list(self._letters(numbers, platform))
            for letter in letters:
                self._db.execute("DELETE FROM dead WHERE number = ?", (letter.number,))
        return len(letters)

    def _letters(self, numbers: Sequence[int] | None, platform: str | None) -> Iterator[DeadLetter]:
        if numbers is not None:
            found = (self.dead_letter(number) for number in numbers)
            yield from (letter for letter in found if letter and platform in (None, letter.platform))
            return
        after = 0
        while page := self.dead(platform, after=after):
            yield from page
            after = page[-1].number

    def _bury(self, platform: str, item: Entry | Queued, reason: str) -> None:
        self._db.execute(
            "INSERT INTO dead (platform, id, modified, stream_offset, reason, at, body) VALUES (?,?,?,?,?,?,?)",
            (platform, item.id, item.modified, item.offset, reason, time.time(), item.body),
        )

    # --- SQL ---------------------------------------------------------------------------------------------------------

    def _count(self, platform: str, outcome: str, reason: str = "", *, n: int = 1) -> None:
        self._tally[platform, outcome, reason] += n

    @contextmanager
    def _transaction(self, *, write: bool = True) -> Iterator[None]:
        """One transaction; what :meth:`_count` gathered in it is written at its end."""
        with self._lock, storage_errors(self.path):
            self._db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield
                self._db.executemany(
                    "INSERT INTO tally (platform, outcome, reason, n) VALUES (?,?,?,?) "
                    "ON CONFLICT (platform, outcome, reason) DO UPDATE SET n = n + excluded.n",
                    [(*key, n) for key, n in self._tally.items() if n],
                )
                self._db.execute("COMMIT")
            except BaseException:
                rollback(self._db)
                raise
            finally:
                self._tally.clear()

    def _all(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock, storage_errors(self.path):
            return list(self._db.execute(sql, tuple(values)))

    def _first(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        rows = self._all(sql, values)
        return rows[0] if rows else None

    def _one(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        return self._all(sql, values)[0]
