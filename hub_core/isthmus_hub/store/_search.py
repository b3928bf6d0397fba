"""Full-text search over what the hub publishes: a file of its own, which follows `resolved` with an offset of its own.

It holds nothing that is not elsewhere: removed or broken, it is made again from the store.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from isthmus_hub._sqlite import FileKind, connect, rollback, storage_errors
from isthmus_hub.store._types import Json
from isthmus_sdk import stix
from isthmus_sdk.errors import RecordError

KIND = FileKind(
    name="search",
    application_id=0x49534D46,  # "ISMF"
    migrations=(
        """
        CREATE TABLE document (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, name TEXT NOT NULL);
        CREATE VIRTUAL TABLE word USING fts5(
            text, content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 2 tokenchars '.:'");
        CREATE TABLE position (one INTEGER PRIMARY KEY CHECK (one = 1), offset INTEGER NOT NULL);
        INSERT INTO position VALUES (1, 0);
        """,
    ),
)
_NOT_TEXT = frozenset({"type", "spec_version", "created", "modified", "extension_type", "pattern_type"})
_REFERENCE = re.compile(r"[a-z0-9-]+--[0-9a-f-]{36}")
_LONGEST = 20_000
"""Characters of one object that are searched."""


class Hit(msgspec.Struct, frozen=True, gc=False):
    """An object in which all words occur, best match first."""

    id: str
    type: str
    name: str


class SearchIndex:
    """The file. One thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises `StateTooNew`, `StorageFault`, `StorageDamaged`."""
        self.path = path
        self._connection = connect(path, KIND)

    @property
    def offset(self) -> int:
        """Last offset of `resolved` that can be found."""
        return int(self._connection.execute("SELECT offset FROM position").get)

    def take(self, entries: Iterable[bytes], last: int) -> None:
        """Take in entries of `resolved` up to offset ``last``, durable as a whole; what cannot be read is passed over."""
        with self._whole():
            self._add(entries)
            self._connection.execute("UPDATE position SET offset = max(offset, ?)", (last,))

    def begin_anew(self, objects: Iterable[bytes], last: int) -> None:
        """Forget everything and take in current objects, as they are at offset ``last`` or later."""
        with self._whole():
            self._connection.execute("DELETE FROM document; INSERT INTO word (word) VALUES ('delete-all')")
            self._add(objects)
            self._connection.execute("UPDATE position SET offset = ?", (last,))

    def find(self, words: str, limit: int = 100) -> list[Hit]:
        """Objects in which every word occurs, or begins a word; none where there are no words."""
        wanted = " ".join(f'"{word}"*' for word in words.replace('"', " ").split())
        if not wanted:
            return []
        with storage_errors(self.path):
            rows: Any = self._connection.execute(
                "SELECT d.id, d.type, d.name FROM word AS w JOIN document AS d ON d.no = w.rowid "
                "WHERE word MATCH ? ORDER BY w.rank, d.no LIMIT ?",
                (wanted, limit),
            ).fetchall()
        return [Hit(*row) for row in rows]

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def __enter__(self) -> SearchIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _add(self, entries: Iterable[bytes]) -> None:
        execute = self._connection.execute
        for entry in entries:
            try:
                obj = stix.decode(entry)
                id, type = str(obj["id"]), str(obj["type"])
            except (RecordError, KeyError):
                continue
            if obj.get("revoked"):
                no = execute("DELETE FROM document WHERE id = ? RETURNING no", (id,)).get
                if no is not None:
                    execute("DELETE FROM word WHERE rowid = ?", (no,))
                continue
            name = str(obj.get("name") or obj.get("value") or "")
            no = execute(
                "INSERT INTO document (id, type, name) VALUES (?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING no",
                (id, type, name),
            ).get
            execute("INSERT OR REPLACE INTO word (rowid, text) VALUES (?, ?)", (no, " ".join(texts(obj))[:_LONGEST]))

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """A transaction that is there as a whole or not at all."""
        with storage_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                rollback(self._connection)
                raise


def texts(obj: Json) -> Iterator[str]:
    """What people read in an object, without ids and version times."""
    for name, value in obj.items():
        if name not in _NOT_TEXT:
            yield from _texts_of(value)


def _texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if not _REFERENCE.fullmatch(value):
            yield value
    elif isinstance(value, dict):
        yield from texts(value)
    elif isinstance(value, list):
        for item in value:
            yield from _texts_of(item)
