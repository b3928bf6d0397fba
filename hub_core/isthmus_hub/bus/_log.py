"""One stream in one SQLite file: group commit on the way in, checked blocks on the way out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import apsw

from isthmus_hub._sqlite import (
    FileKind,
    Lent,
    Readers,
    StorageDamaged,
    StorageFull,
    connect,
    one_row,
    rollback,
    storage_errors,
)
from isthmus_hub.bus import _codec, _retention
from isthmus_hub.bus._bell import Bell
from isthmus_hub.bus._consumers import Consumers
from isthmus_hub.bus._folding import STUCK, Folding
from isthmus_hub.bus._groups import Change, GroupState
from isthmus_hub.bus._space import Space
from isthmus_hub.bus._values import Ack, DeadLetter, Gap, PublishTimeout, Retained, Retention, StreamCutShort

CHECKPOINT_PAGES = 1000
_POLL_FIRST, _POLL_RUNG, _POLL_LAST, _SLOWER = 0.001, 0.005, 0.1, 1.1
T = TypeVar("T")

KIND = FileKind(
    name="bus stream",
    application_id=0x49534D42,  # "ISMB"
    auto_vacuum=True,
    migrations=(
        """
        CREATE TABLE block (
            first INTEGER PRIMARY KEY, last INTEGER NOT NULL, count INTEGER NOT NULL, stored_at REAL NOT NULL,
            size INTEGER NOT NULL, checksum INTEGER NOT NULL, id BLOB NOT NULL, key TEXT NOT NULL, meta BLOB NOT NULL,
            body BLOB NOT NULL);
        CREATE TABLE block_id (id BLOB PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE latest (key TEXT PRIMARY KEY, last INTEGER NOT NULL, meta BLOB NOT NULL, checksum INTEGER NOT NULL)
            WITHOUT ROWID;
        CREATE TABLE cursor (name TEXT PRIMARY KEY, position INTEGER NOT NULL, updated_at REAL NOT NULL) WITHOUT ROWID;
        CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), first INTEGER NOT NULL, last INTEGER NOT NULL,
            blocks INTEGER NOT NULL, bytes INTEGER NOT NULL, stored_at REAL NOT NULL);
        INSERT INTO head VALUES (1, 1, 0, 0, 0, 0);
        """,
        """
        ALTER TABLE cursor ADD COLUMN state BLOB;
        CREATE TABLE dead (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, offset INTEGER NOT NULL,
            letter BLOB NOT NULL, UNIQUE (name, offset));
        CREATE TABLE policy (one INTEGER PRIMARY KEY CHECK (one = 1), max_age REAL, max_bytes INTEGER);
        """,
    ),
)


class Pending:
    """A block on its way into the log."""

    __slots__ = ("ack", "block_id", "body", "checksum", "count", "error", "key", "meta", "size")

    def __init__(self, entries: Sequence[bytes], block_id: bytes, key: str, meta: bytes, size: int) -> None:
        self.block_id = block_id
        self.key = key
        self.meta = meta
        self.count = len(entries)
        self.size = size
        self.body = _codec.pack(entries)
        self.checksum = _codec.content_checksum(block_id, key, meta, self.body)
        self.ack: Ack | None = None
        self.error: Exception | None = None

    @property
    def done(self) -> bool:
        """Whether some thread has dealt with it."""
        return self.ack is not None or self.error is not None


class Log:
    """A stream's file. Any thread may call any method."""

    def __init__(self, path: Path, space: Space, *, vfs: str | None = None) -> None:
        self.path = path
        self.name = path.stem
        self.space = space
        self._vfs = vfs
        self._writer = connect(path, KIND, vfs=vfs)
        self._writer.set_busy_timeout(10_000)
        self._positions = connect(path, KIND, flush=False, cache_kib=64, vfs=vfs)
        self._positions.wal_autocheckpoint(0)
        self._readers = Readers(path, KIND, vfs)
        self.groups = Consumers(self.name, self._readers)
        self._commit_lock = threading.Lock()
        self._queue_lock = threading.Lock()
        self._queue: list[Pending] = []
        self._news = threading.Condition()
        self._bell = Bell(path.parent, self.name, self._wake)
        self._gaps: dict[tuple[int, int], str] = {}
        self._folding = Folding(self.name, self._checkpoint_pages(), self._commit_lock, self._folder)
        self._folding.watch(self._writer)

    def _checkpoint_pages(self) -> int:
        """How long the write-ahead log may get: on a full disk the reserve has to be enough to fold it."""
        affordable = self.space.reserve // (4 * KIND.page_size * STUCK)
        return min(CHECKPOINT_PAGES, max(affordable, 16)) if affordable else CHECKPOINT_PAGES

    def _folder(self) -> apsw.Connection:
        return connect(self.path, KIND, cache_kib=64, vfs=self._vfs)

    # -- in ------------------------------------------------------------------------------------------------------

    def publish(self, item: Pending, timeout: float | None) -> Ack:
        """Store ``item``. Whoever gets the lock commits everything queued so far: waiting threads share one flush."""
        with self._queue_lock:
            self._queue.append(item)
        if not self._commit_lock.acquire(timeout=-1 if timeout is None else max(timeout, 0)):
            with self._queue_lock:
                withdrawn = item in self._queue
                if withdrawn:
                    self._queue.remove(item)
            outcome = "it was not stored" if withdrawn else "it is being stored"
            raise PublishTimeout(f"stream {self.name}: no turn within {timeout} s, {outcome}; repeat the same block id")
        try:
            if not item.done:
                with self._queue_lock:
                    batch, self._queue = self._queue, []
                self._commit(batch)
        finally:
            self._commit_lock.release()
        if item.error is not None:
            raise item.error
        assert item.ack is not None
        return item.ack

    def _commit(self, batch: list[Pending]) -> None:
        try:
            acks = self._write(batch)
        except Exception as error:  # every waiting thread has to hear of it
            for item in batch:
                item.error = type(error)(*error.args)
                item.error.__cause__ = error
            return
        except BaseException:
            for item in batch:
                item.error = PublishTimeout(f"stream {self.name}: interrupted; repeat the same block id")
            raise
        for item, ack in zip(batch, acks, strict=True):
            item.ack = ack
        if self._folding.overdue:
            self._fold(apsw.SQLITE_CHECKPOINT_PASSIVE)
        self._wake()
        self._bell.ring()

    def _wake(self) -> None:
        with self._news:
            self._news.notify_all()

    def _write(self, batch: list[Pending]) -> list[Ack]:
        size = sum(len(item.body) + len(item.meta) for item in batch)
        if not self.space.admits(2 * size):
            raise StorageFull(
                f"{self.path}: {self.space.free()} bytes are free, intake stops below {self.space.low_water}; "
                "free some space, nothing acknowledged was lost"
            )
        writer = self._writer
        with storage_errors(self.path):
            try:
                writer.execute("BEGIN IMMEDIATE")
                last, blocks, stored_bytes, newest = one_row(
                    writer, "SELECT last, blocks, bytes, stored_at FROM head WHERE one = 1"
                )
                stored_at = max(time.time(), newest)
                acks = []
                for item in batch:
                    known = writer.execute("SELECT first, last FROM block_id WHERE id = ?", (item.block_id,)).get
                    if known is not None:
                        acks.append(Ack(known[0], known[1], duplicate=True))
                        continue
                    ack = Ack(last + 1, last + max(item.count, 1))
                    self._insert(item, ack, stored_at)
                    last = ack.last
                    blocks += 1
                    stored_bytes += len(item.body)
                    acks.append(ack)
                if any(not ack.duplicate for ack in acks):
                    writer.execute(
                        "UPDATE head SET last = ?, blocks = ?, bytes = ?, stored_at = ? WHERE one = 1",
                        (last, blocks, stored_bytes, stored_at),
                    )
                writer.execute("COMMIT")
            except BaseException as error:
                rollback(writer)
                if isinstance(error, apsw.FullError):
                    self._fold()
                raise
        return acks

    def _insert(self, item: Pending, ack: Ack, stored_at: float) -> None:
        self._writer.execute(
            "INSERT INTO block VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                ack.first,
                ack.last,
                item.count,
                stored_at,
                item.size,
                _codec.checksum(item.checksum, ack.first, ack.last, stored_at),
                item.block_id,
                item.key,
                item.meta,
                item.body,
            ),
        )
        self._writer.execute("INSERT INTO block_id VALUES (?, ?, ?)", (item.block_id, ack.first, ack.last))
        self._writer.execute(
            "INSERT OR REPLACE INTO latest VALUES (?, ?, ?, ?)",
            (item.key, ack.last, item.meta, _codec.latest_checksum(item.key, ack.last, item.meta)),
        )

    # -- out -----------------------------------------------------------------------------------------------------

    def reading(self) -> Lent:
        """A connection for reading, with errors translated."""
        return self._readers.one()

    def head(self) -> tuple[int, int, int, int]:
        """First retained offset, last offset, blocks, compressed bytes."""
        with self.reading() as reader:
            first, last, blocks, size = one_row(reader, "SELECT first, last, blocks, bytes FROM head WHERE one = 1")
        return first, last, blocks, size

    def wait(self, after: int, timeout: float | None) -> bool:
        """Woken at once by this process, and by others where they can ring; looks by itself too, ever more slowly."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = _POLL_RUNG if self._bell.listening else _POLL_FIRST
        while True:
            with self._news:
                if (last := self.head()[1]) > after:
                    return True
                if last < after:
                    raise StreamCutShort(self.name, after + 1, last)
                left = pause if deadline is None else min(pause, deadline - time.monotonic())
                if left <= 0:
                    return False
                self._bell.listen()
                self._news.wait(left)
            pause = min(pause * _SLOWER, _POLL_LAST)

    def note_gap(self, gap: Gap) -> None:
        """Remember damage for the health report."""
        self._gaps[gap.first, gap.last] = gap.reason

    def gaps(self) -> tuple[Gap, ...]:
        """Damage met so far by this process."""
        return tuple(Gap(self.name, first, last, why) for (first, last), why in sorted(self._gaps.items()))

    def latest(self, prefix: str) -> dict[str, tuple[int, bytes]]:
        """Newest block of each key; a damaged row is rebuilt from the blocks."""
        with self.reading() as reader:
            rows: Any = reader.execute(
                "SELECT key, last, meta, checksum FROM latest WHERE key >= ? AND substr(key, 1, ?) = ?",
                (prefix, len(prefix), prefix),
            ).fetchall()
        found: dict[str, tuple[int, bytes]] = {}
        for key, last, meta, check in rows:
            good = isinstance(meta, bytes) and check == _codec.latest_checksum(key, last, meta)
            found[key] = (last, meta) if good else self._newest_of(key)
        return found

    def _newest_of(self, key: str) -> tuple[int, bytes]:
        """Slow road to one row of `latest`, from the blocks themselves."""
        with self.reading() as reader:
            for first, last, stored_at, check, block_id, meta, body in reader.execute(
                "SELECT first, last, stored_at, checksum, id, meta, body FROM block WHERE key = ? ORDER BY first DESC",
                (key,),
            ):
                if check == _codec.checksum(_codec.content_checksum(block_id, key, meta, body), first, last, stored_at):
                    return last, meta
        raise StorageDamaged(f"{self.path}: the newest state of {key!r} is damaged and its block is gone")

    def time_offset(self, moment: float) -> int:
        """Offset of the first block stored at or after ``moment``, by bisection; the next offset if there is none."""
        low, last, _, _ = self.head()
        high = last + 1
        with self.reading() as reader:
            while low < high:
                middle = (low + high) // 2
                row = reader.execute(
                    "SELECT first, last, stored_at FROM block WHERE first >= ? ORDER BY first LIMIT 1", (middle,)
                ).get
                if row is None or row[2] >= moment:
                    high = middle
                else:
                    low = row[1] + 1
        return low

    # -- groups --------------------------------------------------------------------------------------------------

    def change_group(self, group: str, change: Change) -> GroupState | None:
        """Register, move or remove a group.

        Not flushed: after a power cut a position may be an older one, and its blocks are delivered again.
        """
        return self._small(lambda: self.groups.change(self._positions, group, change))

    def bury(self, letter: DeadLetter) -> DeadLetter:
        """Keep a dead letter; flushed."""
        return self._small(lambda: self.groups.bury(self._writer, letter))

    def drop_dead(self, numbers: Sequence[int]) -> int:
        """Remove dead letters."""
        return self._small(lambda: self.groups.drop_dead(self._writer, numbers))

    def _small(self, write: Callable[[], T]) -> T:
        """Consumers have to get on while the disk is full, or nothing can ever be removed."""
        with self._commit_lock, storage_errors(self.path):
            try:
                return write()
            except apsw.FullError:
                self._make_room()
                return write()

    # -- retention and end ---------------------------------------------------------------------------------------

    def set_retention(self, policy: Retention) -> None:
        """How long blocks are kept, for every process."""
        self._small(
            lambda: self._writer.execute(
                "INSERT OR REPLACE INTO policy VALUES (1, ?, ?)", (policy.max_age, policy.max_bytes)
            )
        )

    def filling(self) -> tuple[int, Retention]:
        """Compressed bytes stored, and how many may be."""
        with self.reading() as reader:
            row: Any = reader.execute("SELECT bytes, max_age, max_bytes FROM head LEFT JOIN policy USING (one)").get
        return int(row[0]), Retention(row[1], row[2])

    def retain(self, max_age: float | None, max_bytes: int | None) -> Retained:
        """Remove oldest blocks, a few hundred per transaction so that publishers hardly notice."""
        removed, at_once = 0, _retention.AT_ONCE
        while True:
            with self._commit_lock, storage_errors(self.path):
                try:
                    dropped, first = _retention.drop_oldest(self._writer, max_age, max_bytes, at_once)
                except apsw.FullError:
                    if at_once < _retention.AT_ONCE:
                        raise
                    self._make_room()
                    at_once = _retention.AT_ONCE_WHEN_FULL
                    continue
                removed += dropped
                if dropped:
                    _retention.shrink(self._writer)
                    if at_once < _retention.AT_ONCE:
                        self._fold()  # what was freed is wanted now
                if dropped < at_once:
                    if removed:
                        self._fold()  # only now the file gets smaller
                    return Retained(removed, first)

    def _make_room(self) -> None:
        """On a full disk: give up the reserve, and the space of the write-ahead log."""
        self.space.release_reserve()
        self._fold()

    def _fold(self, mode: int = apsw.SQLITE_CHECKPOINT_TRUNCATE) -> None:
        try:
            self._writer.wal_checkpoint(mode=mode)
        except apsw.Error:
            pass  # a reader elsewhere or a full disk: a later one does it

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        self._folding.close()
        with self._commit_lock:
            self._bell.close()
            self._readers.close()
            self._positions.close()
            self._fold()
            self._writer.close()


__all__ = ["KIND", "Log", "Pending"]
