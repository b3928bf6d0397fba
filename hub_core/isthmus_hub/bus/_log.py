"""One stream in one SQLite file: group commit on the way in, checked blocks on the way out."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
from isthmus_hub.bus._space import Space
from isthmus_hub.bus.api import Ack, Gap, Group, PublishTimeout, Retained

READ_BYTES = 16 * 1024 * 1024
"""One `read` stops after about this many uncompressed bytes."""
CHECKPOINT_PAGES = 4000
_POLL_FIRST, _POLL_LAST = 0.002, 0.1

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
        self._writer.wal_autocheckpoint(self._checkpoint_pages())
        self._positions = connect(path, KIND, flush=False, cache_kib=64, vfs=vfs)
        self._positions.wal_autocheckpoint(0)
        self._readers = Readers(path, KIND, vfs)
        self._commit_lock = threading.Lock()
        self._queue_lock = threading.Lock()
        self._queue: list[Pending] = []
        self._news = threading.Condition()
        self._gaps: dict[tuple[int, int], str] = {}

    def _checkpoint_pages(self) -> int:
        """How long the write-ahead log may get: on a full disk the reserve has to be enough to fold it."""
        affordable = self.space.reserve // (2 * KIND.page_size)
        return min(CHECKPOINT_PAGES, max(affordable, 64)) if affordable else CHECKPOINT_PAGES

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
        """Woken at once by this process; other processes' blocks are noticed by polling, ever more slowly."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = _POLL_FIRST
        while True:
            with self._news:
                if self.head()[1] > after:
                    return True
                left = pause if deadline is None else min(pause, deadline - time.monotonic())
                if left <= 0:
                    return False
                self._news.wait(left)
            pause = min(pause * 1.5, _POLL_LAST)

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

    def groups(self) -> list[Group]:
        """Registered groups by name."""
        with self.reading() as reader:
            rows: list[Any] = reader.execute(
                "SELECT name, position, head.last - position, updated_at FROM cursor, head ORDER BY name"
            ).fetchall()
        return [Group(name, position, max(lag, 0), at) for name, position, lag, at in rows]

    def position(self, group: str) -> int | None:
        """Committed position of a group; ``None`` if it is not registered."""
        with self.reading() as reader:
            found = reader.execute("SELECT position FROM cursor WHERE name = ?", (group,)).get
        return None if found is None else int(found)

    def set_position(self, group: str, position: int, *, back: bool) -> None:
        """Register or move a group; ``back`` allows an earlier position.

        Not flushed: after a power cut a position may be an older one, and its blocks are delivered again.
        """
        self._write_position(
            "INSERT INTO cursor VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE "
            "SET position = excluded.position, updated_at = excluded.updated_at "
            "WHERE ? OR excluded.position > position",
            (group, position, time.time(), back),
        )

    def forget(self, group: str) -> bool:
        """Remove a group."""
        return self._write_position("DELETE FROM cursor WHERE name = ?", (group,)) > 0

    def _write_position(self, sql: str, bindings: tuple[Any, ...]) -> int:
        with self._commit_lock, storage_errors(self.path):
            before = self._positions.total_changes()
            try:
                self._positions.execute(sql, bindings)
            except apsw.FullError:
                # consumers have to get on while the disk is full, or nothing can ever be removed
                self._make_room()
                self._positions.execute(sql, bindings)
            return self._positions.total_changes() - before

    # -- retention and end ---------------------------------------------------------------------------------------

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
                if dropped < at_once:
                    if removed:
                        self._fold()  # only now the file gets smaller
                    return Retained(removed, first)

    def _make_room(self) -> None:
        """On a full disk: give up the reserve, and the space of the write-ahead log."""
        self.space.release_reserve()
        self._fold()

    def _fold(self) -> None:
        try:
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error:
            pass  # a reader elsewhere or a full disk: a later one does it

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        with self._commit_lock:
            self._readers.close()
            self._positions.close()
            self._fold()
            self._writer.close()


__all__ = ["KIND", "Log", "Pending"]
