"""Groups and dead letters of one stream, in its SQLite file."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import apsw
import msgspec

from isthmus_hub._sqlite import Readers, StorageDamaged, rollback
from isthmus_hub.bus._groups import Change, GroupState
from isthmus_hub.bus._values import DeadLetter

_states = msgspec.msgpack.Decoder(GroupState)
_letters = msgspec.msgpack.Decoder(DeadLetter)
_encode = msgspec.msgpack.Encoder().encode
_COLUMNS = "CAST(name AS BLOB), position, updated_at, state"


class Consumers:
    """Reads with lent connections; writes with the one it is given, whose turn the caller has taken.

    Column ``position`` is the floor of the group, for retention; column ``state`` holds all of it behind a checksum. It is
    empty in rows of the first format, until their group commits again.
    """

    def __init__(self, stream: str, readers: Readers) -> None:
        self._stream = stream
        self._readers = readers

    def one(self, group: str) -> GroupState | None:
        """A registered group."""
        with self._readers.one() as reader:
            return _stored(reader, group)

    def all(self) -> dict[str, GroupState]:
        """Registered groups."""
        with self._readers.one() as reader:
            rows: Any = reader.execute(f"SELECT {_COLUMNS} FROM cursor").fetchall()  # noqa: S608
        states = [(row[0], _state(*row)) for row in rows]
        return {name.decode(): state for name, state in states}

    def problems(self, reader: apsw.Connection) -> list[str]:
        """Groups whose rows are not what was written."""
        found = []
        try:
            rows: Any = reader.execute(f"SELECT {_COLUMNS} FROM cursor").fetchall()  # noqa: S608
        except apsw.Error as error:
            return [f"groups cannot be read: {error}"]
        for row in rows:
            try:
                _state(*row)
            except StorageDamaged as error:
                found.append(str(error))
        return found

    def change(self, writer: apsw.Connection, group: str, change: Change) -> GroupState | None:
        """See `Bus.change_group`."""
        try:
            writer.execute("BEGIN IMMEDIATE")
            try:
                after = change(before := _stored(writer, group))
            except StorageDamaged:
                before, after = None, change(None)  # a seek sets it anew
                if after is None:
                    raise
            if after is None:
                writer.execute("DELETE FROM cursor WHERE name = ?", (group,))
            elif after != before:
                writer.execute(
                    "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?)",
                    (group, after.floor, after.updated_at, _sealed(group.encode(), _encode(after))),
                )
            writer.execute("COMMIT")
        except BaseException:
            rollback(writer)
            raise
        return after

    def dead(self, group: str | None) -> list[DeadLetter]:
        """Dead letters, oldest first."""
        with self._readers.one() as reader:
            rows: list[Any] = reader.execute(
                "SELECT number, letter FROM dead WHERE ? IS NULL OR name = ? ORDER BY number", (group, group)
            ).fetchall()
        return [replace(_letters.decode(letter), number=number, stream=self._stream) for number, letter in rows]

    def bury(self, writer: apsw.Connection, letter: DeadLetter) -> DeadLetter:
        """See `Bus.bury`."""
        writer.execute(
            "INSERT OR IGNORE INTO dead (name, offset, letter) VALUES (?, ?, ?)",
            (letter.group, letter.offset, _encode(letter)),
        )
        number: Any = writer.execute(
            "SELECT number FROM dead WHERE name = ? AND offset = ?", (letter.group, letter.offset)
        ).get
        return replace(letter, number=number)

    @staticmethod
    def drop_dead(writer: apsw.Connection, numbers: Sequence[int]) -> int:
        """Remove dead letters."""
        before = writer.total_changes()
        writer.execute("DELETE FROM dead WHERE number IN (SELECT value FROM json_each(?))", (str(list(numbers)),))
        return writer.total_changes() - before


def _stored(connection: apsw.Connection, group: str) -> GroupState | None:
    row: Any = connection.execute(f"SELECT {_COLUMNS} FROM cursor WHERE name = ?", (group,)).get  # noqa: S608
    return None if row is None else _state(*row)


def _sealed(name: bytes, packed: bytes) -> bytes:
    return zlib.crc32(packed, zlib.crc32(name)).to_bytes(4) + packed


def _state(name: Any, position: Any, updated_at: Any, sealed: Any) -> GroupState:
    """Of one row. Raises `StorageDamaged` where it is not what was written: nobody is sent to a wrong place."""
    if sealed is None and isinstance(position, int) and isinstance(updated_at, float):
        return GroupState((position,), updated_at)
    if isinstance(name, bytes) and isinstance(sealed, bytes) and _sealed(name, sealed[4:]) == sealed:
        state = _states.decode(sealed[4:])
        if state.floor == position:
            return state
    shown = name.decode(errors="replace") if isinstance(name, bytes) else ""
    raise StorageDamaged(f"group {shown!r}: its position is damaged; set it with `isthmus bus seek`")


__all__ = ["Consumers"]
