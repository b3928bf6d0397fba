"""Pages of a file whose records are lines: NDJSON, tables, CEF, syslog messages. Growing files are read to their last newline."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from isthmus_sdk.errors import RecordError, UnexpectedReply
from isthmus_sdk.files import _cef
from isthmus_sdk.files._position import LinePositions, line_position
from isthmus_sdk.files._sniff import HEAD, MAX_RECORD, Kind
from isthmus_sdk.files._source import CHUNK, Fingerprint, Source
from isthmus_sdk.files._table import Table, fitting, read_header
from isthmus_sdk.page import Page

FIRST_LINES = 50
"""Lines of a table without a header that are compared with the default columns."""
EXCERPT = 4096
"""Bytes kept of a line that is too large."""
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class _Segment:
    """Complete lines as they stand in the file, from decoded offset ``start``."""

    start: int
    data: bytes
    too_large: int = 0
    """Length of the one line that this is, where it is above the cap; ``data`` then holds its beginning."""
    before: dict[str, Any] | None = None
    """Position before a line that is too large."""


class LineReader:
    """Turns what follows ``source.offset`` into pages.

    ``source`` stands at the first byte to read, with the fingerprint of what lies before it. ``take_rest(bytes)``
    decides whether a last line without a newline is complete. ``defaults``: the logs that a table may be, with their
    columns for tables without a header. ``message`` makes a record of a syslog message.
    """

    def __init__(
        self,
        source: Source,
        kind: Kind,
        *,
        header: int,
        table: Table | None,
        defaults: Sequence[Table],
        native: bool,
        max_records: int,
        take_rest: Callable[[bytes], bool],
        message: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._source = source
        self._kind = kind
        self._header = header
        self._table = table
        self._defaults = defaults
        self._native = native
        self._max_records = max_records
        self._take_rest = take_rest
        self._message = message
        self._fingerprint = source.fingerprint.copy()
        source.track = False
        self.left_over = False
        """Whether an unfinished last line was left for a later run."""

    def pages(self, boundary: int | None) -> Iterator[Page]:
        """Pages without number, partition or time. One ends at ``boundary``; those before it are marked ``replayed``."""
        if boundary is not None and boundary > self._source.offset:
            for segment in self._segments(boundary):
                for page in self._of(segment):
                    yield dataclasses.replace(page, replayed=True)
        for segment in self._segments(None):
            yield from self._of(segment)

    # lines

    def _segments(self, limit: int | None) -> Iterator[_Segment]:
        source = self._source
        start, carry = source.offset, b""
        while data := source.read(CHUNK if limit is None else min(CHUNK, limit - source.offset)):
            buffer = carry + data if carry else data
            while len(buffer) > MAX_RECORD and not 0 <= buffer.find(b"\n") <= MAX_RECORD:
                giant, buffer = self._giant(start, buffer, limit)
                if giant is None:
                    self.left_over = True
                    return
                yield giant
                start += giant.too_large
            cut = buffer.rfind(b"\n") + 1
            if cut:
                yield _Segment(start, buffer[:cut])
            start, carry = start + cut, buffer[cut:]
        if carry.strip():
            if limit is not None or self._take_rest(carry):
                yield _Segment(start, carry)
            else:
                self.left_over = True

    def _giant(self, start: int, buffer: bytes, limit: int | None) -> tuple[_Segment | None, bytes]:
        """The line above the cap at the start of ``buffer``, read past without being kept; and what follows it."""
        source = self._source
        before = line_position(source.stat, start, self._fingerprint, self._header)
        excerpt, length = buffer[:EXCERPT], 0
        while (end := buffer.find(b"\n")) < 0:
            length += len(buffer)
            self._fingerprint.update(buffer)
            buffer = source.read(CHUNK if limit is None else min(CHUNK, limit - source.offset))
            if not buffer:
                if limit is None and not self._take_rest(excerpt):
                    return None, b""
                return _Segment(start, excerpt, length, before), b""
        self._fingerprint.update(buffer[: end + 1])
        return _Segment(start, excerpt, length + end + 1, before), buffer[end + 1 :]

    # pages

    def _of(self, segment: _Segment) -> Iterator[Page]:
        if segment.too_large:
            yield self._too_large(segment)
            return
        data, offset = segment.data, segment.start
        lines = data.split(b"\n")
        if data.endswith(b"\n"):
            lines.pop()
        if len(lines) <= self._max_records:
            yield from self._page(offset, lines, data)
            return
        at = 0
        for first in range(0, len(lines), self._max_records):
            part = lines[first : first + self._max_records]
            length = min(sum(map(len, part)) + len(part), len(data) - at)
            yield from self._page(offset + at, part, data[at : at + length])
            at += length

    def _too_large(self, segment: _Segment) -> Page:
        why = f"is a line of {segment.too_large} bytes; the largest record may have {MAX_RECORD}"
        after = line_position(self._source.stat, segment.start + segment.too_large, self._fingerprint, self._header)
        return Page(
            records=[segment.data], observed_at="", after=after, positions=[segment.before], unreadable={0: why}
        )

    def _page(self, offset: int, lines: list[bytes], data: bytes) -> Iterator[Page]:
        """The page of some lines, which are ``data`` in the file; several pages where headers come between."""
        kept: list[int] | None = None
        if self._kind == "table" and (data.startswith(b"#") or b"\n#" in data):
            yield from self._with_comments(offset, lines, data)
            return
        if offset == 0 or b"\r" in data or b"" in lines:
            kept = [index for index, line in enumerate(lines) if line.strip() and line != _BOM]
        records = (
            lines
            if kept is None
            else [lines[index].removeprefix(_BOM if offset == 0 else b"").rstrip(b"\r") for index in kept]
        )
        if self._kind == "table" and self._table is None and records:
            self._table = default_table(self._source.path, records, self._defaults)
        positions = LinePositions(self._source.stat, offset, self._fingerprint.copy(), self._header, lines, kept)
        self._fingerprint.update(data)
        converted, unreadable = self._converted(records)
        yield Page(
            records=converted,
            observed_at="",
            after=line_position(self._source.stat, offset + len(data), self._fingerprint, self._header),
            positions=positions,
            table=self._table if self._native and self._kind == "table" else None,
            unreadable=unreadable,
        )

    def _with_comments(self, offset: int, lines: list[bytes], data: bytes) -> Iterator[Page]:
        """Pages of a part that holds comments: each header inside it begins a new page, with its own columns."""
        group: list[bytes] = []
        at = begin = 0
        for line in lines:
            end = min(at + len(line) + 1, len(data))
            if line.startswith(b"#"):
                if group:
                    yield from self._page(offset + begin, group, data[begin:at])
                    group = []
                self._comment(offset + at, line)
                self._fingerprint.update(data[at:end])
                begin = end
            else:
                group.append(line)
            at = end
        if group:
            yield from self._page(offset + begin, group, data[begin:])
        else:
            # Nothing but comments at the end: an empty page carries the position past them.
            after = line_position(self._source.stat, offset + len(data), self._fingerprint, self._header)
            yield Page(records=[], observed_at="", after=after, positions=[])

    def _comment(self, offset: int, line: bytes) -> None:
        if line.startswith(b"#separator"):
            self._header, self._table = offset, Table(columns=())
        before = self._table
        table = read_header([line], before)
        if table is not None and table is not before:
            if line.startswith(b"#fields") and not (before and before.columns == ()):
                self._header = offset
            self._table = table
            if line.startswith((b"#path", b"#fields")):
                check_table(self._source.path, table, self._defaults)

    def _converted(self, lines: list[bytes]) -> tuple[list[bytes], dict[int, str]]:
        """Records as JSON (or as they stand, if the stream takes tables), and why some are not readable."""
        if self._kind == "lines" or (self._kind == "table" and self._native):
            return lines, {}
        convert: Callable[[bytes], bytes] = self._cef
        if self._kind == "table" and self._table:
            convert = self._table.to_json
        elif self._kind == "messages" and self._message:
            convert = self._message
        records: list[bytes] = []
        unreadable: dict[int, str] = {}
        for index, line in enumerate(lines):
            try:
                records.append(convert(line))
            except RecordError as error:
                records.append(line)
                unreadable[index] = str(error)
        return records, unreadable

    def _cef(self, line: bytes) -> bytes:
        """A line of CEF; a daemon that keeps all in one file may have kept another form of message beside it."""
        return _cef.to_json(line) if self._message is None or b"CEF:" in line else self._message(line)


def default_table(path: str, lines: Sequence[bytes], defaults: Sequence[Table]) -> Table:
    """The columns of a table without a header, told by its first lines. Raises ``UnexpectedReply``."""
    for line in lines[:FIRST_LINES]:
        table = fitting(defaults, line)
        if table is not None:
            return table
    if not defaults:
        raise UnexpectedReply(f"{path}: is a table without a header, and this stream has no default columns")
    counts = " or ".join(str(len(table.columns)) for table in defaults)
    raise UnexpectedReply(
        f"{path}: is a table of {len(lines[0].split(defaults[0].separator))} columns without a header; "
        f"without one this stream reads {defaults[0].name} with {counts} columns"
    )


def check_table(path: str, table: Table, defaults: Sequence[Table]) -> None:
    """Refuse a table that says it is another log than the stream's. Raises ``UnexpectedReply``."""
    names = {default.name for default in defaults if default.name}
    if names and table.name and table.name not in names:
        known = " or ".join(sorted(names))
        raise UnexpectedReply(f"{path}: is the log {table.name!r}; this stream reads {known}")


def header_at(path: str, offset: int, defaults: Sequence[Table]) -> Table | None:
    """The table header that begins at ``offset``; ``None`` where there is none. Raises ``UnexpectedReply``."""
    with Source(path) as source:
        if not source.go_to(offset):
            return None
        data = source.read(HEAD).removeprefix(_BOM)
    table = read_header(data.split(b"\n"))
    if table is not None:
        check_table(path, table, defaults)
    return table


def complete_line(kind: Kind, rest: bytes) -> bool:
    """Whether a last line without a newline is complete beyond doubt: only JSON can tell."""
    if kind != "lines":
        return False
    try:
        msgspec.json.decode(rest, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


__all__ = ["Fingerprint", "LineReader", "check_table", "complete_line", "default_table", "header_at"]
