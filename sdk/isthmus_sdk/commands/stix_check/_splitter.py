"""JSON text cut into the objects it holds, in one pass and with the memory of the largest object.

Whatever the text is made of (a bundle of any size, a list, one object, one object a line, several of these one after
another): each object comes out as bytes with the line it begins on. A damaged place becomes a `Fault` and the rest is
still read. Only structure is looked at here; what is inside an object is judged by whoever decodes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

LARGEST: Final = 16 << 20
"""Bytes of the largest object that is held and checked."""
_WHOLE: Final = 4 << 20
"""Bytes of a document that is looked at in one piece before it is walked member by member."""
_LONGEST_NAME: Final = 1 << 16
_SCANS: Final = 16
"""How often a text that seems to go on is followed in vain before each line is taken for itself: keeps time linear."""

_SHOWN: Final = 24
"""Bytes of stray text that a message quotes."""

_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"[ \t\r\n]*+")
_DRIFT = re.compile(rb"[ \t\r\n,\]}]*+")
_SCALAR = re.compile(rb'[^\s,\[\]{}":]*+')
_STRAY = re.compile(rb"[^\[{\n]*+")
# Everything up to the next bracket, strings that end in this text included.
_QUIET = re.compile(rb'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{}]*+)*+', re.DOTALL)
_IN_STRING = re.compile(rb'[^"\\]*+')
_BEGINNING = re.compile(rb'\n[ \t\r]*(?=[\[{])|(?=\{\s*"(?:type|id|spec_version)"\s*:)')
_QUOTE, _ESCAPE, _OPEN = ord('"'), ord("\\"), frozenset(b"[{")
_decode = msgspec.json.Decoder().decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Piece(NamedTuple):
    """The bytes of one object (or of what stands in its place), the line it begins on, and its value where known.

    ``b""``: it was too long to be held. ``inside``: it is in a bundle.
    """

    data: bytes
    line: int
    value: Any = None
    inside: bool = False


class Envelope(NamedTuple):
    """What a bundle says beside its objects; comes after them. ``repeated``: names that it gives more than once."""

    members: dict[str, bytes]
    line: int
    repeated: list[str]


class Fault(NamedTuple):
    """A place that cannot be read. ``is_object``: it stands where an object should be."""

    rule: str
    message: str
    line: int
    is_object: bool


class _Broken(Exception):
    """The structure is damaged at the place the walk has reached."""


class _Unexpected(_Broken):
    """Something else stands here than what must follow; it may be sound itself."""


class Splitter:
    """Cuts what ``read()`` gives (bytes of any length, ``b""`` at the end) into objects."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._text = b""
        self._at = 0
        self.line = 1
        """The line that has been reached."""
        self._ended = False
        self._adrift = False
        self._in_vain = 0
        self._looked_at = 0

    def found(self) -> Iterator[Piece | Envelope | Fault]:
        """Objects, envelopes and faults in the order of the text."""
        self._hold(len(_BOM))
        if self._text.startswith(_BOM):
            self._at = len(_BOM)
        while (byte := self._peek()) != b"":
            if self._adrift and byte in (b",", b"]", b"}"):
                self._skip(_DRIFT)
                continue
            line = self.line
            try:
                if byte == b"{":
                    yield from self._document()
                elif byte == b"[":
                    yield from self._elements(documents=True)
                else:
                    yield self._stray()
            except _Broken as error:
                where = "" if self.line == line else f"; the damaged document begins on line {line}"
                yield Fault("json", f"not valid JSON: {error}{where}", self.line, True)
                self._recover(self._at if isinstance(error, _Unexpected) else self._at + 1)

    # documents

    def _document(self) -> Iterator[Piece | Envelope]:
        """An object at the top: a line of its own, or one that spans lines."""
        # The rest of a line is looked at once: many documents on one long line would make that quadratic.
        looked, self._looked_at = self._looked_at, self.line
        stop = self._line_end() if looked != self.line or self._in_vain >= _SCANS else None
        if stop is not None:
            data = self._text[self._at : stop]
            value = _value_of(data)
            if type(value) is dict and not _is_bundle(value):
                piece = Piece(data, self.line, value)
                self._advance(stop)
                yield piece
                return
            if value is None and not _looks_like_bundle(data) and self._stands_alone(len(data)):
                piece = Piece(data.strip(), self.line)
                self._advance(self._at + len(data))
                yield piece
                return
        yield from self._object()

    def _object(self) -> Iterator[Piece | Envelope]:
        """An object of any length; a bundle is walked."""
        stop = self._end_of_value(_WHOLE)
        if stop is None and self._ended and len(self._text) - self._at <= _WHOLE:
            self._in_vain += 1
            if not _looks_like_bundle(self._text[self._at :]):
                raise _Broken("it ends in the middle of an object (cut off?)")
        if stop is not None and not _looks_like_bundle(data := self._text[self._at : stop]):
            piece = Piece(data, self.line)
            self._advance(stop)
            yield piece
            return
        yield from self._walk()

    def _walk(self) -> Iterator[Piece | Envelope]:
        """A bundle, or an object too long to be looked at as a whole: its members one by one."""
        line, members, repeated = self.line, {}, []
        size, streamed = 0, False
        self._expect(b"{")
        while self._peek() != b"}":
            name = self._name()
            self._expect(b":")
            if name in members:
                repeated.append(name)
            if name == "objects" and self._peek() == b"[":
                streamed, members[name] = True, b"[]"
                for element in self._elements(documents=False):
                    members[name] = b"[{}]"  # there are some, and they are gone by
                    yield element
            else:
                data = self._value(LARGEST)
                size += LARGEST if data is None else len(name) + len(data)
                members[name] = b"" if data is None or size > LARGEST else data
            if self._peek() != b"}":
                self._expect(b",")
        self._at += 1
        if streamed:
            yield Envelope(members, line, repeated)
        elif size > LARGEST:
            yield Piece(b"", line)
        else:
            parts = (msgspec.json.encode(name) + b":" + data for name, data in members.items())
            yield Piece(b"{" + b",".join(parts) + b"}", line)

    def _elements(self, *, documents: bool) -> Iterator[Any]:
        """The elements of a list; ``documents``: each may be a bundle."""
        self._at += 1
        if self._peek() == b"]":
            self._at += 1
            return
        while True:
            byte, line = self._peek(), self.line
            if byte == b"{" and documents:
                yield from self._object()
            else:
                data = self._value(LARGEST)
                yield Piece(b"" if data is None else data, line, None, not documents)
            if self._peek() == b"]":
                self._at += 1
                return
            self._expect(b",")

    # damage

    def _stray(self) -> Fault:
        """Text where an object should be, up to where one could begin."""
        self._hold(_SHOWN)
        line, begun = self.line, self._text[self._at : self._at + _SHOWN]
        last = line
        while self._peek() not in (b"", b"{", b"["):
            last = self.line
            self._skip(_STRAY)
        shown = ascii(begun.partition(b"\n")[0].decode("utf-8", "replace"))
        upto = f" up to line {last}" if last > line else ""
        return Fault("json", f"not JSON: expected an object or a list, found {shown}{upto}", line, False)

    def _recover(self, start: int) -> None:
        """Go on where an object seems to begin again, not before ``start``."""
        self._adrift = True
        while True:
            found = _BEGINNING.search(self._text, start)
            if found is not None:
                self._advance(found.end())
                return
            keep = max(self._at, len(self._text) - 256)
            self._advance(keep)
            if not self._more():
                self._advance(len(self._text))
                return
            start = 0

    def _stands_alone(self, length: int) -> bool:
        """Whether the rest of the line, ``length`` bytes, must be a document: what follows begins another one.

        Inside a document an object is preceded by ``[``, ``,`` or ``:``.
        """
        if self._in_vain >= _SCANS:
            return True
        if self._text[self._at : self._at + length].rstrip()[-1:] in (b"[", b"{", b",", b":"):
            return False
        while (found := _BLANK.match(self._text, self._at + length)) is not None and found.end() == len(self._text):
            if len(self._text) - self._at > _WHOLE or not self._more():
                return length < len(self._text) - self._at
        return found is not None and self._text[found.end()] in _OPEN

    # the text

    def _line_end(self) -> int | None:
        """Where the line ends; ``None`` where it is longer than a document that is looked at as a whole."""
        looked = 0
        while (end := self._text.find(b"\n", self._at + looked)) < 0:
            looked = len(self._text) - self._at
            if looked > _WHOLE:
                return None
            if not self._more():
                return len(self._text)
        return end

    def _end_of_value(self, limit: int) -> int | None:
        """Where the list or object that begins here ends; ``None`` where the text or ``limit`` comes first."""
        nesting, looked = Nesting(), 0
        while (end := nesting.end(self._text, self._at + looked)) is None:
            looked = len(self._text) - self._at
            if looked > limit or not self._more():
                return None
        return end

    def _value(self, limit: int) -> bytes | None:
        """The bytes of the value that begins here; ``None`` where it is longer than ``limit``: it is passed over."""
        byte = self._peek()
        if byte not in (b"{", b"[", b'"'):
            return self._scalar()
        nesting, looked = Nesting(inside=byte == b'"'), int(byte == b'"')
        held = True
        while (end := nesting.end(self._text, self._at + looked)) is None:
            looked = len(self._text) - self._at
            held = held and looked <= limit
            if not held:
                self._advance(len(self._text))
                looked = 0
            if not self._more():
                raise _Broken("it ends in the middle of a value (cut off?)")
        data = self._text[self._at : end] if held and end - self._at <= limit else None
        self._advance(end)
        return data

    def _scalar(self) -> bytes:
        while (found := _SCALAR.match(self._text, self._at)) is not None and found.end() == len(self._text):
            if len(self._text) - self._at > _LONGEST_NAME or not self._more():
                break
        data = found[0] if found else b""
        if not data:
            here = self._text[self._at : self._at + 1].decode("utf-8", "replace")
            raise _Broken(f"a value is expected, found {here!r}" if here else "it ends where a value is expected")
        self._at += len(data)
        return data

    def _name(self) -> str:
        if self._peek() != b'"':
            raise _Broken("a name in quotes is expected")
        data = self._value(_LONGEST_NAME)
        try:
            return str(msgspec.json.decode(data or b"", type=str))
        except (msgspec.MsgspecError, UnicodeError):
            raise _Broken("a name is no text") from None

    def _expect(self, byte: bytes) -> None:
        if (found := self._peek()) != byte:
            shown = f"found {found.decode('ascii', 'replace')!r}" if found else "it ends here (cut off?)"
            raise _Unexpected(f"{byte.decode()!r} is expected, {shown}")
        self._at += 1

    def _peek(self) -> bytes:
        """The next byte that is not blank; ``b""`` at the end."""
        byte = self._text[self._at : self._at + 1]
        if byte > b" ":
            return byte
        self._skip(_BLANK)
        return self._text[self._at : self._at + 1]

    def _skip(self, what: re.Pattern[bytes]) -> None:
        while True:
            found = what.match(self._text, self._at)
            self._advance(found.end() if found else self._at)
            if self._at < len(self._text) or not self._more():
                return

    def _advance(self, to: int) -> None:
        self.line += self._text.count(b"\n", self._at, to)
        self._at = to

    def _hold(self, size: int) -> None:
        """Have at least ``size`` bytes to look at, or all there are."""
        while len(self._text) - self._at < size and self._more():
            pass

    def _more(self) -> bool:
        """Add what follows; as much as is held already, so that a long object is not copied once per piece."""
        held = self._text[self._at :]
        pieces, size = [held], 0
        while not self._ended and size <= len(held):
            data = self._read()
            self._ended = not data
            pieces.append(data)
            size += len(data)
        self._text, self._at = b"".join(pieces), 0
        return size > 0


class Nesting:
    """How deep inside a value the text is; goes on where the last piece of text ended."""

    __slots__ = ("_depth", "_escaped", "_inside")

    def __init__(self, *, inside: bool = False) -> None:
        self._depth = 0
        self._inside = inside
        self._escaped = False

    def end(self, text: bytes, at: int) -> int | None:
        """Offset just after the value, ``None`` if the text comes first."""
        size = len(text)
        if self._escaped and at < size:
            self._escaped = False
            at += 1
        while at < size:
            found = (_IN_STRING if self._inside else _QUIET).match(text, at)
            at = found.end() if found else at
            if at >= size:
                return None
            byte = text[at]
            at += 1
            if byte == _QUOTE:
                self._inside = not self._inside
                if not self._inside and not self._depth:
                    return at
            elif byte == _ESCAPE:
                self._escaped = at >= size
                at += 1
            elif byte in _OPEN:
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth <= 0:
                    return at
        return None


def _value_of(data: bytes) -> Any:
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _is_bundle(value: dict[str, Any]) -> bool:
    return value.get("type") == "bundle" and isinstance(value.get("objects"), list)


def _looks_like_bundle(data: bytes) -> bool:
    """Whether an object is a bundle with a list of objects, damaged ones included."""
    if b'"bundle"' not in data or b'"objects"' not in data:
        return False
    try:
        members = _members(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return re.match(rb'[^\[]*?"objects"\s*:\s*\[', data) is not None
    return (
        bytes(members.get("type", msgspec.Raw(b""))).strip() == b'"bundle"'
        and bytes(members.get("objects", msgspec.Raw(b""))).lstrip()[:1] == b"["
    )


__all__ = ["LARGEST", "Envelope", "Fault", "Nesting", "Piece", "Splitter"]
