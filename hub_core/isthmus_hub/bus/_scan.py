"""Reading blocks so that damage costs only what it hit.

Offsets have no holes, so whatever cannot be read or verified shows up as the distance between two good rows: a gap.
Even where SQLite refuses to walk a broken page, reading goes on at the next row it can reach.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from isthmus_hub._sqlite import StorageDamaged, rollback
from isthmus_hub.bus import _codec, _values
from isthmus_hub.bus._log import Log
from isthmus_hub.bus._values import CheckReport, Gap, OffsetExpired, StoredBlock, StreamCutShort

_COLUMNS = "first, last, count, stored_at, size, checksum, id, key, meta, body"
_UNREADABLE = (apsw.CorruptError, UnicodeDecodeError)
_FROM = f"SELECT {_COLUMNS} FROM block WHERE first >= ? ORDER BY first"  # noqa: S608


def read(log: Log, offset: int, limit: int) -> list[StoredBlock]:
    """Blocks from ``offset`` on; see `Bus.read`."""
    with log.reading() as reader, _snapshot(reader):
        first, last = _ends(reader)
        if offset <= 0:
            offset = first
        elif offset < first:
            raise OffsetExpired(log.name, offset, first)
        elif offset > last + 1:
            raise StreamCutShort(log.name, offset, last)
        found: list[StoredBlock] = []
        size = 0
        for block, length in _walk(reader, log, offset, last):
            found.append(block)
            size += length
            if len(found) >= limit or size >= _values.READ_BYTES:
                break
        return found


def check(log: Log) -> CheckReport:
    """Read and verify every block of the stream, and the structure of its file."""
    blocks = entries = 0
    with log.reading() as reader, _snapshot(reader):
        try:
            lines = [str(line) for (line,) in reader.execute("PRAGMA quick_check(20)")]
        except _UNREADABLE as error:
            lines = [str(error)]
        problems = [f"{log.path.name}: {line}" for line in lines if line != "ok"]
        problems += [f"{log.path.name}: {problem}" for problem in log.groups.problems(reader)]
        first, last = _ends(reader)
        gaps = []
        for block, _ in _walk(reader, log, first, last):
            if block.damage:
                gaps.append(Gap(log.name, block.first, block.last, block.damage))
            else:
                blocks += 1
                entries += len(block.entries)
        counted = reader.execute("SELECT blocks FROM head WHERE one = 1").get
        if blocks != counted and not gaps:
            problems.append(f"{log.path.name}: {blocks} blocks found, {counted} counted")
    return CheckReport(blocks, entries, tuple(gaps), tuple(problems))


@contextmanager
def _snapshot(reader: apsw.Connection) -> Iterator[None]:
    """One state of the file for several statements."""
    reader.execute("BEGIN")
    try:
        yield
    finally:
        try:
            rollback(reader)
        except apsw.Error:
            pass  # the statement that hit a broken page reports it a second time; its transaction is over


def _ends(reader: apsw.Connection) -> tuple[int, int]:
    """First retained and last offset."""
    row: Any = reader.execute("SELECT first, last FROM head WHERE one = 1").get
    if row is None or not isinstance(row[0], int) or not isinstance(row[1], int):
        raise StorageDamaged("the head of the stream is damaged")
    return row[0], row[1]


def _walk(reader: apsw.Connection, log: Log, offset: int, last: int) -> Iterator[tuple[StoredBlock, int]]:
    """Good blocks and gaps from ``offset`` to ``last``, in order, with their uncompressed sizes."""
    expected, reason = offset, ""
    for row in _rows(reader, offset, last):
        if isinstance(row, str):
            reason = reason or row
            continue
        try:
            block = _verified(row)
        except _codec.DamagedBlockError as error:
            reason = reason or str(error)
            continue
        if block.last < expected or block.first > last:
            continue
        if block.first > expected:
            yield _gap(log, expected, block.first - 1, reason), 0
        elif block.first < expected:
            block = _cut(block, expected)
        yield block, row[4]
        expected, reason = block.last + 1, ""
    if expected <= last:
        yield _gap(log, expected, last, reason), 0


def _rows(reader: apsw.Connection, offset: int, last: int) -> Iterator[Any]:
    """Raw rows; a text where SQLite could not go on."""
    try:
        start = reader.execute("SELECT max(first) FROM block WHERE first <= ?", (offset,)).get
    except apsw.CorruptError:
        start = None
    position = offset if start is None else start
    while True:
        try:
            for row in reader.execute(_FROM, (position,)):
                yield row
                position = max(position, row[0]) + 1
            return
        except _UNREADABLE as error:
            yield f"the file's structure is broken ({error})"
            readable = _next_readable(reader, position, last)
            if readable is None:
                return
            position = readable


def _next_readable(reader: apsw.Connection, position: int, last: int) -> int | None:
    """Smallest offset beyond ``position`` from which SQLite finds a row again."""
    step = 1
    while not _readable(reader, position + step):
        if position + step > last:
            return None
        step *= 2
    low, high = step // 2, step
    while low + 1 < high:
        middle = (low + high) // 2
        if _readable(reader, position + middle):
            high = middle
        else:
            low = middle
    return position + high


def _readable(reader: apsw.Connection, position: int) -> bool:
    try:
        return bool(reader.execute(f"{_FROM} LIMIT 1", (position,)).fetchall())
    except _UNREADABLE:
        return False


def _verified(row: Any) -> StoredBlock:
    first, last, count, stored_at, _, checksum, block_id, key, meta, body = row
    try:
        content = _codec.content_checksum(block_id, key, meta, body)
        good = checksum == _codec.checksum(content, first, last, stored_at)
    except (TypeError, AttributeError, ValueError, struct.error) as error:
        raise _codec.DamagedBlockError("a column is damaged") from error
    if not good:
        raise _codec.DamagedBlockError("the checksum does not match")
    return StoredBlock(first, last, block_id, key, meta, stored_at, _codec.unpack(body, count))


def _cut(block: StoredBlock, offset: int) -> StoredBlock:
    entries = block.entries[offset - block.first :]
    return StoredBlock(offset, block.last, block.block_id, block.key, block.meta, block.stored_at, entries)


def _gap(log: Log, first: int, last: int, reason: str) -> StoredBlock:
    damage = reason or "the block is missing"
    log.note_gap(Gap(log.name, first, last, damage))
    return StoredBlock(first, last, b"", "", b"", 0.0, (), damage)
