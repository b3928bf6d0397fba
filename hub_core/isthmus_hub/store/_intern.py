"""Numbers for what is written often: ids, types, edge kinds, sources."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import apsw

from isthmus_sdk.snapshot import object_key

key = object_key
"""63-bit key under which an id is filed: the same that workers tell devices by."""
_KEY_BITS = 0x7FFFFFFFFFFFFFFF


def keys(ids: Sequence[str]) -> list[int]:
    """`key` of each id; one call for all of them where all are plain."""
    digits = "".join([id[-17:-13] + id[-12:] for id in ids])
    if len(digits) == 16 * len(ids):
        try:
            packed = bytes.fromhex(digits)
        except ValueError:
            packed = b""
        if len(packed) == 8 * len(ids):  # else there were spaces
            numbers = array("Q", packed)
            if sys.byteorder == "little":
                numbers.byteswap()
            return [number & _KEY_BITS for number in numbers]
    return [key(id) for id in ids]


def key_array(ids: Iterable[str]) -> Any:
    """Sorted keys as a table-valued argument: lookups in key order touch each page once."""
    return apsw.carray(array("q", sorted({key(id) for id in ids}) or [-1]))


def number_array(numbers: Iterable[int]) -> Any:
    """Sorted row numbers as a table-valued argument."""
    return apsw.carray(array("q", sorted(numbers) or [-1]))


class Words:
    """Short texts by number. Only committed numbers may stay cached: `forget` after a rollback."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    def number(self, connection: apsw.Connection, text: str) -> int:
        """Number of ``text``, given now if it has none."""
        number = self._numbers.get(text)
        if number is None:
            connection.execute("INSERT OR IGNORE INTO word (text) VALUES (?)", (text,))
            number = self.known(connection, text)
            assert number is not None
        return number

    def numbers(self, connection: apsw.Connection, texts: Iterable[str]) -> dict[str, int]:
        """Numbers of all ``texts``."""
        return {text: self.number(connection, text) for text in texts}

    def known(self, connection: apsw.Connection, text: str) -> int | None:
        """Number of ``text`` if it has one."""
        number = self._numbers.get(text)
        if number is None:
            number = connection.execute("SELECT no FROM word WHERE text = ?", (text,)).get
            if number is not None:
                self._numbers[text] = number
        return number

    def text(self, connection: apsw.Connection, number: int) -> str:
        """The text with ``number``."""
        text = self._texts.get(number)
        if text is None:
            text = connection.execute("SELECT text FROM word WHERE no = ?", (number,)).get
            assert text is not None
            self._texts[number] = text
        return text

    def forget(self) -> None:
        """Drop what is cached."""
        self._numbers.clear()
        self._texts.clear()


class Sources:
    """Numbers of ``(instance, stream, source_id)``."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str, str], int] = {}
        self._names: dict[int, tuple[str, str, str]] = {}

    def name(self, connection: apsw.Connection, number: int) -> tuple[str, str, str]:
        """``(instance, stream, source_id)`` of a number."""
        name = self._names.get(number)
        if name is None:
            row: Any = connection.execute("SELECT instance, stream, source_id FROM source WHERE no = ?", (number,)).get
            name = self._names[number] = tuple(row)
        return name

    def number(self, connection: apsw.Connection, source: tuple[str, str, str]) -> int:
        """Number of ``source``, given now if it has none."""
        number = self._numbers.get(source)
        if number is None:
            connection.execute("INSERT OR IGNORE INTO source (instance, stream, source_id) VALUES (?, ?, ?)", source)
            number = connection.execute(
                "SELECT no FROM source WHERE instance = ? AND stream = ? AND source_id = ?", source
            ).get
            assert number is not None
            self._numbers[source] = number
        return number

    def forget(self) -> None:
        """Drop what is cached."""
        self._numbers.clear()
        self._names.clear()


class Idents:
    """Numbers of ids inside one transaction of the writer."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._next = int(connection.execute("SELECT coalesce(max(no), 0) + 1 FROM ident").get)

    def find(self, ids: Iterable[str]) -> dict[str, int]:
        """Numbers of those ids that have one."""
        wanted = set(ids)
        rows: Any = self._connection.execute(
            "SELECT i.id, i.no FROM carray(?) AS c CROSS JOIN ident AS i ON i.key = c.value", (key_array(wanted),)
        )
        return {id: no for id, no in rows if id in wanted}

    def next(self) -> int:
        """A number that the caller gives to an id and writes."""
        number = self._next
        self._next += 1
        return number

    def all(self, ids: Collection[str]) -> dict[str, int]:
        """Numbers of all ``ids``; new ones are given in the order of ``ids`` and written at once."""
        found = self.find(ids)
        rows = []
        for id in ids:
            if id not in found:
                found[id] = self.next()
                rows.append((found[id], key(id), id))
        self._connection.executemany("INSERT INTO ident (no, key, id) VALUES (?, ?, ?)", rows)
        return found

    def one(self, id: str) -> int:
        """Number of one id."""
        return self.all((id,))[id]
