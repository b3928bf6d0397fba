"""Records of JSON documents: an envelope, an array, one bare record, or several of these one after another.

A document up to ``WHOLE`` bytes is decoded at once. A larger one is walked token by token, so that memory holds one
record and never the document.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import msgspec

from isthmus_sdk.errors import UnexpectedReply
from isthmus_sdk.files._sniff import MAX_RECORD, find_list, guess_list
from isthmus_sdk.files._source import CHUNK

WHOLE = 16 << 20
"""Decoded bytes of the largest document that is decoded at once."""
EXCERPT = 4096
_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"[ \t\r\n]*")
_OUTSIDE = re.compile(rb'["\[\]{}]')
_INSIDE = re.compile(rb'["\\]')
_SCALAR_END = re.compile(rb"[,\]}\s]")
_MAX_KEY = 1 << 16

Raw = dict[str, msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Record:
    """The bytes of one record; ``too_large`` is its length where it is above the cap and only its beginning is kept."""

    data: bytes
    too_large: int = 0
    why: str = ""
    """Why it cannot be read, where that is known here."""


def records_of(read: Callable[[int], bytes], path: str, *, items: str | None, guess: bool) -> Iterator[Record]:
    """Every record of the documents that ``read(size)`` gives. Raises ``UnexpectedReply`` where the text is no JSON."""
    pieces: list[bytes] = []
    size = 0
    while size <= WHOLE and (piece := read(CHUNK)):
        pieces.append(piece)
        size += len(piece)
    data = b"".join(pieces)
    del pieces
    if len(data) <= WHOLE:
        try:
            yield from _whole(data.removeprefix(_BOM), items=items, guess=guess)
            return
        except msgspec.DecodeError:
            pass  # several documents one after another, or damage: the walk tells which, and where
        except RecursionError as error:
            raise UnexpectedReply(f"{path}: is nested too deeply to be read") from error
    yield from _Walk(data.removeprefix(_BOM), read, path, items=items, guess=guess).records()


def _whole(data: bytes, *, items: str | None, guess: bool) -> Iterator[Record]:
    if data.lstrip()[:1] == b"[":
        found: list[msgspec.Raw] | None = msgspec.json.decode(data, type=list[msgspec.Raw])
    else:
        document = msgspec.json.decode(data, type=Raw)
        found = find_list(document, items) if items else guess_list(document) if items is None and guess else None
    if found is None:
        yield _capped(data.strip())
        return
    for raw in found:
        yield _capped(bytes(raw))


def _capped(data: bytes) -> Record:
    return Record(data) if len(data) <= MAX_RECORD else Record(data[:EXCERPT], len(data))


class _Walk:
    """Pull parser over a window of the text; knows structure only, leaves the inside of records alone."""

    def __init__(
        self, start: bytes, read: Callable[[int], bytes], path: str, *, items: str | None, guess: bool
    ) -> None:
        self._buffer = start
        self._at = 0
        self._dropped = 0
        self._read = read
        self._path = path
        self._items = items
        self._guess = guess and items is None

    def records(self) -> Iterator[Record]:
        """Records of all documents."""
        while (byte := self._peek()) != b"":
            if byte == b"[":
                yield from self._elements()
            elif byte == b"{":
                yield from self._object()
            else:
                raise self._broken("a JSON object or array is expected")

    def _object(self) -> Iterator[Record]:
        while len(self._buffer) - self._at <= MAX_RECORD and self._more(required=False):
            pass
        held = len(self._buffer) - self._at
        end = _Nesting().end(self._buffer, self._at, self._at + MAX_RECORD)
        if end is not None:
            data, self._at = self._buffer[self._at : end], end
            try:
                yield from _whole(data, items=self._items, guess=self._guess)
            except (msgspec.DecodeError, RecursionError):
                yield Record(data)  # judged with its own error, like any bad record
            return
        if held <= MAX_RECORD:
            raise self._cut_off()
        paths = [path.split(".") for path in self._items.split("|")] if self._items else None
        if paths is None and not self._guess:
            raise UnexpectedReply(f"{self._path}: is one object above {MAX_RECORD} bytes, the largest a record may be")
        if not (yield from self._envelope(paths)):
            raise UnexpectedReply(f"{self._path}: holds no list of records at {self._items or 'its top level'}")

    def _envelope(self, paths: list[list[str]] | None) -> Generator[Record, None, bool]:
        """Walk an object; give the records of the first list at one of ``paths``. The generator's value: whether it was there."""
        found = False
        self._expect(b"{")
        if self._peek() == b"}":
            self._at += 1
            return found
        while True:
            key = self._key()
            self._expect(b":")
            byte = self._peek()
            inside = [path[1:] for path in paths or () if len(path) > 1 and path[0] == key]
            if not found and byte == b"[" and (paths is None or any(".".join(path) == key for path in paths)):
                found = yield from self._list_of_objects() if paths is None else self._list()
            elif not found and byte == b"{" and inside:
                found = yield from self._envelope(inside)
            else:
                self._value(0)
            if self._peek() == b"}":
                self._at += 1
                return found
            self._expect(b",")

    def _list(self) -> Generator[Record, None, bool]:
        yield from self._elements()
        return True

    def _list_of_objects(self) -> Generator[Record, None, bool]:
        self._expect(b"[")
        objects = self._peek() == b"{"
        for record in self._elements(opened=True):
            if objects:
                yield record
        return objects

    def _elements(self, *, opened: bool = False) -> Iterator[Record]:
        if not opened:
            self._expect(b"[")
        if self._peek() == b"]":
            self._at += 1
            return
        while True:
            yield self._value(MAX_RECORD)
            if self._peek() == b"]":
                self._at += 1
                return
            self._expect(b",")

    # tokens

    def _value(self, limit: int) -> Record:
        """The next value; of one above ``limit`` bytes only the beginning is kept."""
        if self._peek() not in (b"{", b"[", b'"'):
            return self._scalar()
        state, kept, length = _Nesting(), b"", 0
        while (end := state.end(self._buffer, self._at)) is None:
            passed = self._buffer[self._at :]
            length += len(passed)
            if len(kept) <= limit:
                kept += passed
            self._dropped += len(self._buffer)
            self._buffer, self._at = b"", 0
            self._more()
        passed = self._buffer[self._at : end]
        length += len(passed)
        self._at = end
        return Record(kept + passed) if length <= limit else Record((kept + passed)[:EXCERPT], length)

    def _scalar(self) -> Record:
        while (end := _SCALAR_END.search(self._buffer, self._at)) is None:
            if len(self._buffer) - self._at > _MAX_KEY or not self._more(required=False):
                break
        stop = end.start() if end else len(self._buffer)
        if stop == self._at:
            raise self._broken("a value is expected")
        data, self._at = self._buffer[self._at : stop], stop
        return Record(data)

    def _key(self) -> str:
        if self._peek() != b'"':
            raise self._broken("a name in quotes is expected")
        raw = self._value(_MAX_KEY)
        try:
            return str(msgspec.json.decode(raw.data, type=str))
        except msgspec.DecodeError as error:
            raise self._broken("a name is not valid text") from error

    def _peek(self) -> bytes:
        """The next byte that is not blank, ``b""`` at the end of the text."""
        while True:
            blank = _BLANK.match(self._buffer, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at : self._at + 1]
            if not self._more(required=False):
                return b""

    def _expect(self, byte: bytes) -> None:
        if self._peek() != byte:
            raise self._broken(f"{byte.decode()!r} is expected")
        self._at += 1

    def _more(self, *, required: bool = True) -> bool:
        data = self._read(CHUNK)
        if not data:
            if required:
                raise self._cut_off()
            return False
        self._dropped += self._at
        self._buffer, self._at = self._buffer[self._at :] + data, 0
        return True

    def _broken(self, why: str) -> UnexpectedReply:
        return UnexpectedReply(f"{self._path}: is no valid JSON at byte {self._dropped + self._at}: {why}")

    def _cut_off(self) -> UnexpectedReply:
        return UnexpectedReply(f"{self._path}: ends in the middle of a JSON document (cut off or still written)")


class _Nesting:
    """How deep inside a value the text is; goes on where the last piece of text ended."""

    __slots__ = ("_depth", "_escaped", "_inside")

    def __init__(self) -> None:
        self._depth = 0
        self._inside = False
        self._escaped = False

    def end(self, text: bytes, start: int, stop: int = sys.maxsize) -> int | None:
        """Offset just after the value, ``None`` if the text or ``stop`` comes first."""
        at = start
        if self._escaped and at < len(text):
            self._escaped = False
            at += 1
        while (found := (_INSIDE if self._inside else _OUTSIDE).search(text, at, stop)) is not None:
            at = found.end()
            token = found[0]
            if token == b"\\":
                self._escaped = at == len(text)
                at += 1
            elif token == b'"':
                self._inside = not self._inside
            else:
                self._depth += 1 if token in b"[{" else -1
            if not self._depth and not self._inside:
                return at
        return None


__all__ = ["Record", "records_of"]
