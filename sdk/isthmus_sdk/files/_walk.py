"""The walk over a stream's files: which are new, which grew, which are another's copy; and the pages of each.

Two ways to treat a file whose beginning is already known:

* An ordinary stream (``log=False``) reads changed content again, in the partition the file already has.
* A log (``log=True``, streams that are summarised) counts each record once. A file that goes on where a known one ended
  (renamed, copied before it was truncated, compressed by rotation) continues that partition; a copy beside the original
  is left alone; other content is a new partition.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from isthmus_sdk.errors import SourceError, UnexpectedReply
from isthmus_sdk.files._csv import rows_of
from isthmus_sdk.files._documents import Record, records_of
from isthmus_sdk.files._lines import LineReader, complete_line, header_at
from isthmus_sdk.files._listing import listing
from isthmus_sdk.files._position import Position, base_name, partition_name
from isthmus_sdk.files._sniff import MAX_RECORD, Shape, sniff
from isthmus_sdk.files._source import CHUNK, TAIL, Source, Stat, Vanished
from isthmus_sdk.files._table import Table
from isthmus_sdk.page import Page

MAX_RECORDS = 1_000
MAX_BYTES = 4 << 20
REST_SETTLE = 10.0
"""Seconds after which the last line of a table, CEF or syslog file counts as finished without its newline."""


@dataclass(slots=True)
class _File:
    """A file of this run and what is known of it."""

    stat: Stat
    shape: Shape | None = None
    settled: bool = True
    compressed: bool = False
    partition: str = ""
    position: Position | None = None
    done: bool = False

    @property
    def path(self) -> str:
        return self.stat.path


@dataclass(frozen=True, slots=True)
class Walk:
    """One run over the files of one stream. See :func:`isthmus_sdk.files.pages` for the meaning of each field."""

    globs: Sequence[str]
    cursors: Mapping[str, Position]
    items: str | None = None
    log: bool = False
    native: bool = False
    tables: Sequence[Table] = ()
    settle: float = 10.0
    final: bool = False
    now: float = field(default_factory=time.time)
    max_records: int = MAX_RECORDS
    whole: str = ""
    notice: Callable[[str], None] = lambda text: None
    message: Callable[[bytes], bytes] | None = None

    def pages(self) -> Iterator[Page]:
        """Pages of all files; what could not be read is raised together, after everything else was given."""
        files, messages = listing(self.globs)
        problems: list[SourceError] = [UnexpectedReply(message) for message in messages]
        number = 0
        for file in self._planned([_File(stat) for stat in files], problems):
            try:
                for page in self._pages_of(file):
                    number += 1
                    yield dataclasses.replace(page, number=number)
            except Vanished:
                if self.whole == "batch":
                    problems.append(UnexpectedReply(f"{file.path}: went away while its batch was read"))
            except SourceError as error:
                problems.append(error)
            except OSError as error:
                problems.append(UnexpectedReply(f"{file.path}: {error.strerror or error}"))
        if problems:
            raise _together(problems, len(files))

    # which files

    def _planned(self, files: list[_File], problems: list[SourceError]) -> list[_File]:
        """Files to read, each with its partition and position."""
        claimed: dict[str, _File] = {}
        present = {file.stat.inode_key for file in files}
        unknown = [file for file in files if not _attempt(file, problems, lambda f: self._known(f, claimed))]
        # The longest first: of an original and a copy that is not complete yet, the original is the file to read.
        for file in sorted(unknown, key=lambda file: (file.compressed, -file.stat.size)):
            _attempt(file, problems, lambda f: self._place(f, claimed, present))
        waiting = [file.path for file in files if not file.settled]
        if self.whole == "batch" and waiting:
            self.notice(f"{waiting[0]}: is still being written, so its batch waits")
            return []
        return [file for file in files if not file.done]

    def _known(self, file: _File, claimed: dict[str, _File]) -> bool:
        """Find the partition of a file by its inode; true if nothing more is to be found out about it."""
        mine = [
            (name, position)
            for name, position in self.cursors.items()
            if (position.get("dev"), position.get("ino")) == file.stat.inode_key
        ]
        for name, position in mine:
            if position.get("seen") == file.stat.seen:
                claimed[name] = file
                file.partition, file.position, file.done = name, position, True
                return True
        file.settled = self._settled(file.stat)
        with Source(file.path) as source:
            file.stat = source.stat
            file.compressed = bool(source.compression)
            waits = file.compressed and not file.settled
            if not waits:
                file.shape = sniff(
                    source,
                    items=self.items,
                    log=self.log,
                    whole=self._left_alone(source),
                    final=self.final or file.compressed,
                    message=self.message,
                )
        if waits or file.shape is None or file.shape.kind == "empty":
            file.done = True
            return True
        if (self.whole or file.shape.kind == "documents") and not file.settled:
            file.done = True
            return True
        for name, position in sorted(mine, key=lambda pair: -int(pair[1].get("off", 0))):
            if name not in claimed and self._continues(file, position):
                claimed[name] = file
                file.partition, file.position = name, position
                return True
        file.done = not file.shape.head  # a file without a complete record has no partition yet
        return file.done

    def _place(self, file: _File, claimed: dict[str, _File], present: set[tuple[int, int]]) -> bool:
        """Give a file that its inode does not tell a partition: one that it continues, its own old one, or a new one."""
        assert file.shape is not None
        name = partition_name(file.shape.head)
        if self.log:
            for known in self._alike(name):
                if known not in claimed and self._continues(file, self.cursors[known]):
                    claimed[known] = file
                    file.partition, file.position = known, self.cursors[known]
                    return True
            for known, other in claimed.items():
                if base_name(known) == name and other.path != file.path and _is_part_of(file.path, other.path):
                    self.notice(f"{file.path}: holds what {other.path} holds; it is not counted twice")
                    file.done = True
                    return True
        else:
            for known, position in self.cursors.items():
                if known not in claimed and self._was(file, name, known, position, present):
                    claimed[known] = file
                    same = not _renamed(position, file) and self._continues(file, position)
                    file.partition, file.position = known, position if same else None
                    return True
        file.partition = self._new_name(name, claimed)
        claimed[file.partition] = file
        return True

    @staticmethod
    def _was(file: _File, name: str, known: str, position: Position, present: set[tuple[int, int]]) -> bool:
        """Whether a file takes the place of one read before: rewritten, replaced, or gone and alike."""
        inode = (position.get("dev"), position.get("ino"))
        if inode == file.stat.inode_key:
            return True
        return inode not in present and (position.get("path") == file.path or base_name(known) == name)

    def _alike(self, name: str) -> list[str]:
        alike = [known for known in self.cursors if base_name(known) == name]
        return sorted(alike, key=lambda known: -int(self.cursors[known].get("off", 0)))

    def _new_name(self, name: str, claimed: Mapping[str, _File]) -> str:
        ordinal, candidate = 1, name
        while candidate in claimed or candidate in self.cursors:
            ordinal += 1
            candidate = f"{name}-{ordinal}"
        return candidate

    def _continues(self, file: _File, position: Position) -> bool:
        """Whether the content before a position is still what was read."""
        assert file.shape is not None
        if bool(position.get("doc")) != (file.shape.kind == "documents"):
            return False
        if position.get("doc"):
            return _digest(file.path) == position.get("sum")
        with Source(file.path) as source:
            if not source.go_to(int(position["off"])) or source.fingerprint.hex() != position.get("sum"):
                return False
        if "read" not in position:
            return True
        with Source(file.path) as source:
            return source.go_to(int(position["read"])) and source.fingerprint.hex() == position.get("read_sum")

    def _settled(self, stat: Stat) -> bool:
        return _age(stat, self.now) >= self.settle or _age(stat, self.now) < -1

    # pages of one file

    def _pages_of(self, file: _File) -> Iterator[Page]:
        assert file.shape is not None
        make = self._document_pages if file.shape.kind == "documents" else self._line_pages
        begins = not (file.position or {}).get("off")
        for page in make(file):
            observed_at = _written(file.stat.mtime_ns)
            yield dataclasses.replace(
                page, partition=file.partition, observed_at=observed_at, source=file.path, begins=begins
            )
            begins = False

    def _line_pages(self, file: _File) -> Iterator[Page]:
        assert file.shape is not None
        position = file.position or {}
        header = int(position.get("hdr", 0))
        table = header_at(file.path, header, self.tables) if file.shape.kind == "table" else None
        with Source(file.path) as source:
            file.stat = source.stat
            if not source.go_to(int(position.get("off", 0))):
                raise Vanished(file.path)  # truncated since it was looked at: the next run sees its new content
            reader = LineReader(
                source,
                file.shape.kind,
                header=header,
                table=table,
                defaults=self.tables,
                native=self.native,
                max_records=self.max_records,
                take_rest=lambda rest: self._takes(file, source, rest),
                message=self.message,
            )
            last: Page | None = None
            for page in reader.pages(int(position["read"]) if "read" in position else None):
                if last is not None:
                    yield last
                last = page
            if last is not None:
                yield last if reader.left_over else _at_end(last, source.stat)

    def _takes(self, file: _File, source: Source, rest: bytes) -> bool:
        assert file.shape is not None
        return (file.settled and complete_line(file.shape.kind, rest)) or self._left_alone(source)

    def _left_alone(self, source: Source) -> bool:
        """Whether nobody seems to be writing the last line any more."""
        return bool(self.final or source.compression or _age(source.stat, self.now) >= max(self.settle, REST_SETTLE))

    def _document_pages(self, file: _File) -> Iterator[Page]:
        digest = _digest(file.path)
        position = file.position or {}
        skip, boundary = int(position.get("off", 0)), int(position.get("read", 0))
        base: dict[str, Any] = {
            "dev": file.stat.device,
            "ino": file.stat.inode,
            "path": file.path,
            "sum": digest,
            "doc": True,
        }
        with Source(file.path) as source:
            file.stat = source.stat
            source.track = False
            batch: list[Record] = []
            size = count = 0
            for record in self._records_of(file, source):
                count += 1
                if count <= skip:
                    continue
                batch.append(record)
                size += len(record.data)
                if len(batch) >= self.max_records or size >= MAX_BYTES or count == boundary:
                    yield _document_page(base, count, batch, replayed=count <= boundary)
                    batch, size = [], 0
            yield _at_end(_document_page(base, count, batch, replayed=False), source.stat)

    def _records_of(self, file: _File, source: Source) -> Iterator[Record]:
        if file.shape is not None and file.shape.rows:
            return rows_of(source.read, file.path)
        return records_of(source.read, file.path, items=self.items, guess=not self.log)


def _attempt(file: _File, problems: list[SourceError], step: Callable[[_File], bool]) -> bool:
    """Take one step for one file; what goes wrong with it is noted and the file is left out."""
    try:
        return step(file)
    except Vanished:
        pass
    except SourceError as error:
        problems.append(error)
    except OSError as error:
        problems.append(UnexpectedReply(f"{file.path}: {error.strerror or error}"))
    file.done = True
    return True


def _renamed(position: Position, file: _File) -> bool:
    """Another file of the same content: read in full, because its time is news."""
    return (position.get("dev"), position.get("ino")) != file.stat.inode_key and position.get("path") != file.path


def _document_page(base: Mapping[str, Any], count: int, batch: list[Record], *, replayed: bool) -> Page:
    first = count - len(batch)
    return Page(
        records=[record.data for record in batch],
        observed_at="",
        after={**base, "off": count},
        positions=[{**base, "off": first + index} for index in range(len(batch))],
        unreadable={
            index: record.why or f"has {record.too_large} bytes; the largest record may have {MAX_RECORD}"
            for index, record in enumerate(batch)
            if record.too_large or record.why
        },
        replayed=replayed,
    )


def _at_end(page: Page, stat: Stat) -> Page:
    return dataclasses.replace(page, after={**page.after, "seen": stat.seen}, ends=True)


def _digest(path: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with Source(path) as source:
        source.track = False
        while data := source.read(CHUNK):
            digest.update(data)
    return digest.hexdigest()


def _is_part_of(path: str, other: str) -> bool:
    """Whether a file's content is the beginning of another's (both are read; only their ends are compared)."""
    with Source(path) as source:
        while source.read(CHUNK):
            pass
        with Source(other) as longer:
            return longer.go_to(source.offset) and longer.fingerprint.hex() == source.fingerprint.hex()


def _age(stat: Stat, now: float) -> float:
    return now - stat.changed_ns / 1e9


def _written(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC).replace(
        microsecond=nanoseconds // 1_000_000 % 1000 * 1000
    )
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def _together(problems: list[SourceError], files: int) -> SourceError:
    if len(problems) == 1:
        return problems[0]
    shown = "; ".join(str(problem) for problem in problems[:5])
    more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
    return UnexpectedReply(f"{len(problems)} of {files} files could not be read: {shown}{more}")


__all__ = ["MAX_BYTES", "MAX_RECORDS", "TAIL", "Walk"]
