"""Groups and dead letters of one stream, in its SQLite file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import apsw
import msgspec

from isthmus_hub._sqlite import Readers, rollback
from isthmus_hub.bus._groups import Change, GroupState
from isthmus_hub.bus._values import DeadLetter

_states = msgspec.msgpack.Decoder(GroupState)
_letters = msgspec.msgpack.Decoder(DeadLetter)
_encode = msgspec.msgpack.Encoder().encode


class Consumers:
    """Reads with lent connections; writes with the one it is given, whose turn the caller has taken.

    Column ``position`` is the floor of the group, for retention; column ``state`` is empty while that says it all.
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
            rows: list[Any] = reader.execute("SELECT name, position, updated_at, state FROM cursor").fetchall()
        return {name: _state(position, at, state) for name, position, at, state in rows}

    def change(self, writer: apsw.Connection, group: str, change: Change) -> GroupState | None:
        """See `Bus.change_group`."""
        try:
            writer.execute("BEGIN IMMEDIATE")
            before = _stored(writer, group)
            after = change(before)
            if after is None:
                writer.execute("DELETE FROM cursor WHERE name = ?", (group,))
            elif after != before:
                plain = len(after.positions) == 1 and not (after.redeliveries or after.waiting or after.requeued)
                writer.execute(
                    "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?)",
                    (group, after.floor, after.updated_at, None if plain else _encode(after)),
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
    row: Any = connection.execute("SELECT position, updated_at, state FROM cursor WHERE name = ?", (group,)).get
    return None if row is None else _state(*row)


def _state(position: int, updated_at: float, state: bytes | None) -> GroupState:
    return GroupState((position,), updated_at) if state is None else _states.decode(state)


__all__ = ["Consumers"]
