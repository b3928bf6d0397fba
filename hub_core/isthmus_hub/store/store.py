"""`Store`: everything the hub knows, in one SQLite file.

A `Transaction` holds an effect, the input offset it comes from and the outbox of what it changed: all of it is durable
when the ``with`` block ends, or none of it. One writer at a time; any number of threads and processes read meanwhile.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

import apsw

from isthmus_hub._sqlite import Lent, Readers, connect, rollback, storage_errors
from isthmus_hub.store import _check, _decision, _digest, _outbox
from isthmus_hub.store._absence import Absences
from isthmus_hub.store._adopt import adopt, settle
from isthmus_hub.store._bodies import Bodies, first_dictionary
from isthmus_hub.store._decision import Decision
from isthmus_hub.store._explore import Explores
from isthmus_hub.store._intern import Idents, Sources, Words
from isthmus_hub.store._observe import Observing
from isthmus_hub.store._resolve import Resolving
from isthmus_hub.store._schema import COUNTERS, KIND
from isthmus_hub.store._snapshot import Mark
from isthmus_hub.store._types import Change, Incoming, Json, OutboxBlock, StoreError
from isthmus_sdk import stix
from isthmus_sdk.errors import ConfigurationError

CACHE_KIB = 16 * 1024
CHECKPOINT_PAGES = 20_000
_BY_OBJECT = "by_object"
_AUTHOR_CREATED = "2025-01-01T00:00:00.000Z"  # fixed: the same hub name gives the same object everywhere


class Transaction(Explores):
    """All or nothing. Made by `Store.transaction`; for the thread that made it. Its reads see its own changes."""

    def __init__(self, store: Store, connection: apsw.Connection) -> None:
        self._store = store
        self._connection = connection
        self._idents = Idents(connection)
        store._store_bodies.load(connection)
        self._resolving = Resolving(
            connection,
            store._writer_words,
            self._idents,
            store._store_bodies,
            store.author,
            by_object=bool(store._by_object),
        )
        self._absences = Absences(connection, store._writer_sources)

    def _reading(self) -> AbstractContextManager[apsw.Connection]:
        return nullcontext(self._connection)

    @property
    def _bodies(self) -> Bodies:
        return self._store._store_bodies

    @property
    def _words(self) -> Words:
        return self._store._writer_words

    @property
    def _sources(self) -> Sources:
        return self._store._writer_sources

    # -- observed --------------------------------------------------------------------------------------------------

    def put(self, items: Sequence[Incoming]) -> list[Change]:
        """Merge observed objects; one `Change` each, in their order. A few thousand at a time are fastest.

        Neither order nor repetition matters for the outcome. An object that cannot be used does not stop the others: it
        is recorded as by `reject`, and its change is ``rejected``.
        """
        store = self._store
        observing = Observing(
            self._connection, store._writer_words, store._writer_sources, self._idents, store._store_bodies
        )
        changes, rejected = observing.put(items)
        for item, reason in rejected:
            self.reject(item.offset, 0, item.id, reason)
        self._absences.told(items)
        return changes

    def mark(self, mark: Mark) -> bool:
        """Believe what a complete snapshot says about what is absent; false where something newer is believed."""
        return self._absences.take(mark)

    def decide(self, decision: Decision) -> bool:
        """Keep what a person decided; false if that was so already."""
        row = (decision.id, decision.number, _decision.encode(decision))
        return bool(self._changed("INSERT OR IGNORE INTO decision VALUES (?, ?, ?)", row))

    def absences_changed(self) -> list[str]:
        """Ids of observed objects that vanished or came back in this transaction, since this was last asked."""
        return self._absences.changed()

    def reject(self, offset: int, index: int, id: str, reason: str) -> None:
        """Record that entry ``index`` of the block at ``offset`` could not be used."""
        self._connection.execute("INSERT OR REPLACE INTO rejected VALUES (?, ?, ?, ?)", (offset, index, id, reason))

    def communication(
        self, edge_id: str, window_start: int, seconds: int, part: str, counters: Mapping[str, int]
    ) -> None:
        """Counters of an edge in the window that starts at ``window_start`` (seconds since 1970).

        Counters are cumulative per (edge, window, part): what is told again replaces, what is told late and is smaller
        changes nothing. Raises `StoreError` for an unknown counter.
        """
        unknown = set(counters) - set(COUNTERS)
        if unknown:
            raise StoreError(f"unknown counters {', '.join(sorted(unknown))}; known are {', '.join(COUNTERS)}")
        greater = ", ".join(f"{name} = max({name}, excluded.{name})" for name in COUNTERS)
        marks = ", ".join("?" * (4 + len(COUNTERS)))
        self._connection.execute(
            f"INSERT INTO communication VALUES ({marks}) "  # noqa: S608
            f"ON CONFLICT (edge, start, seconds, part) DO UPDATE SET {greater}",
            (
                self._idents.one(edge_id), window_start, seconds, part,
                *(counters.get(name, 0) for name in COUNTERS),
            ),
        )  # fmt: skip

    def drop_communications(self, before: int) -> int:
        """Remove windows that ended before ``before`` (seconds since 1970); returns how many."""
        return self._changed("DELETE FROM communication WHERE start + seconds < ?", (before,))

    def set_offset(self, stream: str, offset: int) -> None:
        """Everything of ``stream`` up to ``offset`` (inclusive) has had its effect."""
        self._connection.execute("INSERT OR REPLACE INTO position VALUES (?, ?)", (stream, offset))

    # -- identity --------------------------------------------------------------------------------------------------

    def assign(self, observed_id: str, asset_id: str) -> bool:
        """The observed object is (part of) this asset, and of no other; false if that was so already."""
        observed, asset = self._idents.one(observed_id), self._idents.one(asset_id)
        return bool(
            self._changed(
                "INSERT INTO assignment VALUES (?, ?) ON CONFLICT (observed) DO UPDATE SET asset = excluded.asset "
                "WHERE asset <> excluded.asset",
                (observed, asset),
            )
        )

    def unassign(self, observed_id: str) -> bool:
        """The observed object belongs to no asset; false if that was so already."""
        return bool(self._changed("DELETE FROM assignment WHERE observed = ?", (self._idents.one(observed_id),)))

    def alias(self, retired: str, survivor: str) -> None:
        """``retired`` lives on as ``survivor``. Raises `StoreError` where that would lead in a circle."""
        if retired in (survivor, *self._survivors(survivor)):
            raise StoreError(f"{retired} cannot live on as {survivor}: that id was merged into {retired}")
        self._connection.execute(
            "INSERT OR REPLACE INTO alias VALUES (?, ?)", (self._idents.one(retired), self._idents.one(survivor))
        )

    def unalias(self, retired: str) -> bool:
        """Forget a merger; false if there was none."""
        return bool(self._changed("DELETE FROM alias WHERE retired = ?", (self._idents.one(retired),)))

    def adopt(self, former: Store) -> None:
        """Take over from a store that this new one replaces what does not follow from ``observed``.

        Assignments, aliases, resolved objects with their versions, and what waits in the outbox. To be called before
        ``observed`` is replayed: then only what differs is told again.
        """
        adopt(self._connection, self._words, self._idents, self._bodies, former)
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)", (_BY_OBJECT, int(bool(former._by_object)))
        )
        self._store._by_object = self._resolving.by_object = bool(former._by_object)

    def note(self, name: str, value: str) -> None:
        """Keep a word for later, `noted` gives it back."""
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def settle(self, former: Store) -> None:
        """After `adopt` and the replay: only what differs from ``former`` waits to be told, beside what waited there."""
        self._resolving.queue(settle(self._connection, self._bodies, self, former))

    # -- resolved --------------------------------------------------------------------------------------------------

    def emit(self, obj: Json, *, again: bool = False) -> bool:
        """`emit_all` for one object."""
        return self.emit_all([obj], again=again)[0]

    def emit_all(self, objects: Sequence[Json], *, again: bool = False) -> list[bool]:
        """Store resolved objects and queue them for the bus; true where an object said something new.

        ``again`` publishes a new version of unchanged content too: references are rewritten when they are delivered, so
        an edge whose end was merged into another asset has to go out once more.

        The hub becomes the author; ``created`` stays what it was at first; ``modified`` strictly increases. Raises
        `RetiredError` for new content under a revoked id.
        """
        return self._resolving.emit(objects, again=again)

    def retire(self, id: str) -> bool:
        """Publish a revoked version; false if it was never emitted, is revoked, or cannot be (cyber observables)."""
        return self._resolving.retire(id)

    def _changed(self, sql: str, bindings: tuple[Any, ...]) -> int:
        before = self._connection.total_changes()
        self._connection.execute(sql, bindings)
        return self._connection.total_changes() - before


class Store(Explores):
    """The store file. Reading methods answer from the committed state and may be called from any thread."""

    def __init__(self, path: Path, hub: str, *, by_object: bool | None = None, vfs: str | None = None) -> None:
        """Use `open`."""
        self._by_object = by_object
        self.path = path
        self.hub = hub
        self._writer = connect(path, KIND, cache_kib=CACHE_KIB, vfs=vfs)
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._closed = False
        self._writer_words, self._reader_words = Words(), Words()
        self._writer_sources, self._reader_sources = Sources(), Sources()
        try:
            with storage_errors(path):
                self._writer.wal_autocheckpoint(CHECKPOINT_PAGES)
                self._store_id = self._found()
                self._store_bodies = Bodies(self._writer)
        except BaseException:
            self._writer.close()
            raise
        self._readers = Readers(path, KIND, vfs, cache_kib=4 * 1024)

    @classmethod
    def open(cls, path: Path | str, *, hub: str, by_object: bool | None = None, vfs: str | None = None) -> Store:
        """Open or create the store of a hub.

        ``by_object``: tell resolved objects in blocks of `_outbox.BUCKETS` keys, an object's versions always under the
        same, so that partitions of a group of ``resolved`` share the work and keep each object's order. False, as in a new
        file: all blocks have one key, and one partition gets all of them. ``None``: as it is; the file keeps it. To be
        switched when every group has read what there is.

        Raises `StateTooNew` for a file of a later version, `ConfigurationError` for another hub's file.
        """
        return cls(Path(path), hub, by_object=by_object, vfs=vfs)

    @property
    def author(self) -> str:
        """Id of the identity under which the hub publishes resolved objects."""
        return stix.sdo_id("identity", {"identity_class": "system", "name": self.hub, "role": "isthmus-hub"})

    def author_object(self) -> Json:
        """That identity, to be emitted before anything else."""
        return {
            "type": "identity",
            "spec_version": "2.1",
            "id": self.author,
            "created": _AUTHOR_CREATED,
            "modified": _AUTHOR_CREATED,
            "name": self.hub,
            "identity_class": "system",
            "description": f"Isthmus hub {self.hub}: what it resolved from all its sources.",
        }

    def _found(self) -> bytes:
        """Check whose file this is, making it ours if it is new; the file's own random id."""
        writer = self._writer
        writer.execute("BEGIN IMMEDIATE")
        try:
            rows: Any = writer.execute("SELECT name, value FROM meta").fetchall()
            found = dict(rows)
            if not found:
                found = {"hub": self.hub, "id": os.urandom(16)}
                writer.executemany("INSERT INTO meta VALUES (?, ?)", list(found.items()))
                writer.execute("INSERT INTO dictionary (content) VALUES (?)", (first_dictionary(),))
            if self._by_object is None:
                self._by_object = bool(found.get(_BY_OBJECT))
            elif found["hub"] == self.hub and self._by_object != bool(found.get(_BY_OBJECT)):
                writer.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_BY_OBJECT, int(self._by_object)))
            writer.execute("COMMIT")
        except BaseException:
            rollback(writer)
            raise
        if found["hub"] != self.hub:
            raise ConfigurationError(
                f"{self.path}: belongs to hub {found['hub']!r}, the configuration says {self.hub!r}; "
                "set [hub] name back or use another state directory"
            )
        return bytes(found["id"])

    def _reading(self) -> Lent:
        if self._closed:
            raise StoreError(f"{self.path}: the store is closed")
        return self._readers.one()

    @property
    def _bodies(self) -> Bodies:
        return self._store_bodies

    @property
    def _words(self) -> Words:
        return self._reader_words

    @property
    def _sources(self) -> Sources:
        return self._reader_sources

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begin a transaction; it commits durably when the block ends, and leaves no trace when it raises.

        Waits for a running one of another thread. Raises `StorageFull` or `StorageFault` (retriable) from the commit.
        """
        if self._owner == threading.get_ident():
            raise StoreError("a transaction is already open in this thread")
        with self._lock:
            if self._closed:
                raise StoreError(f"{self.path}: the store is closed")
            self._owner = threading.get_ident()
            try:
                with storage_errors(self.path):
                    self._writer.execute("BEGIN IMMEDIATE")
                    try:
                        transaction = Transaction(self, self._writer)
                        yield transaction
                        transaction._resolving.flush_outbox()
                        self._store_bodies.learn(self._writer)
                        self._writer.execute("COMMIT")
                        self._store_bodies.committed()
                    except BaseException as error:
                        # numbers given in this transaction are void now
                        self._writer_words.forget()
                        self._writer_sources.forget()
                        rollback(self._writer)
                        self._store_bodies.rolled_back()
                        if isinstance(error, apsw.FullError):
                            self._fold()
                        raise
            finally:
                self._owner = None

    def outbox(self, limit: int = 16) -> list[OutboxBlock]:
        """The oldest blocks that have yet to reach the bus, in order."""
        with self._reading() as connection:
            rows: Any = connection.execute(
                "SELECT seq, body, key FROM outbox ORDER BY seq LIMIT ?", (limit,)
            ).fetchall()
        return [_outbox.block(self._store_id, *row) for row in rows]

    def outbox_done(self, up_to: int) -> None:
        """The bus has everything up to and including block ``up_to``."""
        with self.transaction() as transaction:
            transaction._connection.execute("DELETE FROM outbox WHERE seq <= ?", (up_to,))

    def check(self, *, quarantine: bool = False) -> list[str]:
        """Read and verify everything; what is wrong, in words. Empty: nothing is.

        ``quarantine`` takes objects that cannot be believed out of the tables (they are kept aside as they are), so that
        nothing is answered from them and the rest goes on. Raises `StorageDamaged` where the file cannot be read at all.
        """
        with self._reading() as connection:
            report = _check.examine(connection, self._store_bodies)
        if quarantine and (report.observed or report.resolved):
            with self.transaction() as transaction:
                _check.set_aside(transaction._connection, report)
            count = len(report.observed) + len(report.resolved)
            report.problems.append(
                f"{count} objects were set aside; sources that report them again bring them back, "
                "and `isthmus store rebuild` brings back all"
            )
        return report.problems

    def digest(self) -> str:
        """One value for everything observed: equal for stores that were told the same, in any order and however often."""
        return _digest.digest(self)

    def close(self) -> None:
        """Wait for a running transaction and release the file; may be called twice."""
        if self._owner == threading.get_ident():
            raise StoreError("the store cannot be closed inside a transaction")
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._readers.close()
            self._fold()
            self._writer.close()

    def _fold(self) -> None:
        """Give the space of the write-ahead log back."""
        try:
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error:
            pass  # a reader elsewhere or a full disk: a later one does it

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


__all__ = ["Store", "Transaction"]
