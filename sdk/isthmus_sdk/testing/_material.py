"""Recorded records, and as many more like them as a test needs: own ids, own times, otherwise the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from isthmus_sdk.errors import RecordError
from isthmus_sdk.marks import Mark, convert, kind_of
from isthmus_sdk.records import Bad, Records, getter, raw_paths

if TYPE_CHECKING:
    from isthmus_sdk.connector import Stream

Path = tuple[str | int, ...]
"""Names and positions on the way to a value of decoded JSON."""
_ID_NAME = re.compile(r"(?:^|[_.\-])(?:id|uuid|uid|guid)$|[a-z](?:Id|ID|Uuid|Guid)$", re.ASCII)
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)([T ])(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?")
_LONGEST_SHIFT = timedelta(days=3650)


class Copies:
    """Makes records from recorded ones. Records that it gives are accepted by the stream's model and mapping."""

    def __init__(
        self,
        stream: Stream[Any, Any],
        good: Sequence[bytes],
        accepts: Callable[[bytes], bool],
        cursor_fields: Sequence[str],
    ) -> None:
        self._stream = stream
        self._good = good
        self._accepts = accepts
        self._cursor_fields = [tuple(field.split(".")) for field in cursor_fields]
        self._model = Records(stream.model, stream.key)
        self._keys: list[Path] = [tuple(path.split("\x1f")) for path in raw_paths(stream.model, self._model.keys)]

    def mark(self, raw: bytes) -> Mark | None:
        """The value of the stream's cursor in a record."""
        if self._stream.cursor is None:
            return None
        (record,) = self._model.validate([raw])
        value = None if isinstance(record, Bad) else getter(self._stream.cursor)(record)
        if value is None:
            return None
        unit = self._stream.cursor_unit
        try:
            return convert(value, kind_of(value, unit), unit)
        except (ValueError, OverflowError, RecordError):
            return None

    def many(self, count: int) -> list[bytes]:
        """``count`` records with ids of their own; by the cursor's value each second one equals the one before it."""
        made = [self.copy(number) for number in range(count)]
        first = self.first_mark()
        if first is None:
            return made
        moved = [self.at(raw, later(first, (number + 1) // 2)) or raw for number, raw in enumerate(made)]
        order = [(self.mark(raw), number) for number, raw in enumerate(moved)]
        if all(mark is not None for mark, _ in order):
            return [moved[number] for _, number in sorted(order, key=lambda entry: entry)]
        return moved

    def copy(self, number: int) -> bytes:
        """The ``number``-th record: a recorded one, or one like it with ids that no other has."""
        raw = self._good[number % len(self._good)]
        generation = number // len(self._good)
        if generation == 0:
            return raw
        document = msgspec.json.decode(raw)
        ids = {path for path, value in walk(document) if _ID_NAME.search(str(path[-1])) and _plain(value)}
        for chosen in (ids | set(self._keys), set(self._keys)):
            changed = msgspec.json.decode(raw)
            for path in chosen:
                value = found(changed, path)
                if _plain(value):
                    put(changed, path, renumbered(value, generation))
            encoded = msgspec.json.encode(changed)
            if self._accepts(encoded):
                return encoded
        return raw

    def first_mark(self) -> Mark | None:
        """The smallest cursor value of the recorded records."""
        marks: list[Any] = [mark for mark in map(self.mark, self._good) if mark is not None]
        try:
            return min(marks, default=None)
        except TypeError:
            return None

    def at(self, raw: bytes, mark: Mark) -> bytes | None:
        """The record with this value of the cursor; ``None`` where it cannot be given one."""
        before = self.mark(raw)
        if before is None:
            return None
        if before == mark:
            return raw
        for paths in self._places(raw, before):
            document = msgspec.json.decode(raw)
            try:
                for path in paths:
                    put(document, path, _shifted(found(document, path), before, mark, self._stream.cursor_unit))
            except (ValueError, OverflowError, TypeError, RecordError, KeyError):
                continue
            encoded = msgspec.json.encode(document)
            if self.mark(encoded) == mark and self._accepts(encoded):
                return encoded
        return None

    def _places(self, raw: bytes, mark: Mark) -> Iterator[list[Path]]:
        """Where the cursor's value may stand in the raw record: as the author says, by equal value, any time."""
        document = msgspec.json.decode(raw)
        if self._cursor_fields:
            yield list(self._cursor_fields)
        values = [(path, self._value(value)) for path, value in walk(document)]
        yield [path for path, value in values if value == mark]
        if isinstance(mark, datetime):
            yield [p for p, v in values if isinstance(v, datetime) and abs(v - mark) < _LONGEST_SHIFT]

    def _value(self, value: Any) -> Any:
        if not _plain(value) or self._stream.cursor is None:
            return None
        unit = self._stream.cursor_unit
        try:
            return convert(value, kind_of(value, unit), unit)
        except (ValueError, OverflowError, RecordError):
            return None


def later(mark: Mark, steps: int) -> Mark:
    """A greater mark, by so many whole seconds or numbers."""
    if isinstance(mark, datetime):
        return mark + timedelta(seconds=steps)
    if isinstance(mark, str):
        return f"{mark}{steps:06d}" if steps else mark
    return mark + steps


def earlier(mark: Mark, seconds: float) -> Mark:
    """A smaller mark, by so many seconds; of a cursor that is no time, the mark itself."""
    return mark - timedelta(seconds=seconds) if isinstance(mark, datetime) else mark


def walk(document: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every scalar with its path."""
    stack: list[tuple[Path, Any]] = [(path, document)]
    while stack:
        at, value = stack.pop()
        if isinstance(value, dict):
            stack.extend(((*at, name), inner) for name, inner in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend(((*at, n), value[n]) for n in range(len(value) - 1, -1, -1))
        elif at:
            yield at, value


def found(document: Any, path: Path) -> Any:
    """The value at a path; ``None`` where there is none."""
    for name in path:
        try:
            document = document[name]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def put(document: Any, path: Path, value: Any) -> None:
    """Set the value at a path; missing objects on the way are made."""
    for name in path[:-1]:
        if isinstance(document, dict) and not isinstance(document.get(name), dict | list):
            document[name] = {}
        document = document[name]
    document[path[-1]] = value


def renumbered(value: Any, number: int) -> Any:
    """An id of the same form that differs."""
    if isinstance(value, int):
        return value + number * 1000
    text = str(value)
    try:
        UUID(text)
    except ValueError:
        pass
    else:
        return str(uuid5(NAMESPACE_URL, f"{text}/{number}"))
    return str(int(text) + number * 1000) if text.isascii() and text.isdigit() else f"{text}-{number}"


def _shifted(value: Any, before: Mark, after: Mark, unit: str) -> Any:
    """``value`` moved as far as ``after`` is from ``before``, written in the form that it had."""
    if isinstance(before, datetime) and isinstance(after, datetime):
        mark = convert(value, "time", unit)
        assert isinstance(mark, datetime)
        return _written(value, mark, mark + (after - before))
    if isinstance(value, str):
        return str(after)
    return after


def _written(value: Any, before: datetime, moment: datetime) -> Any:
    """``moment`` in the form that ``value``, which says ``before``, has."""
    text = str(value).strip()
    if text.lstrip("-").isdigit() or isinstance(value, float):
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        size = float(text) / max((before - epoch).total_seconds(), 1.0)
        per = min((1, 1000, 1_000_000, 1_000_000_000), key=lambda unit: abs(size / unit - 1))
        number = (moment - epoch) // timedelta(microseconds=1) * per // 1_000_000
        return number if isinstance(value, int) else float(number) if isinstance(value, float) else str(number)
    match = _ISO.fullmatch(text)
    if match is None:
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    _, between, _, fraction, zone = match.groups()
    digits = 0 if fraction is None else len(fraction) - 1
    out = moment.strftime(f"%Y-%m-%d{between}%H:%M:%S")
    if digits:
        out += "." + f"{moment.microsecond:06d}".ljust(digits, "0")[:digits]
    return out + ("" if zone is None else "Z" if zone == "Z" else "+00:00")


def _plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


__all__ = ["Copies", "Path", "earlier", "found", "later", "put", "renumbered", "walk"]
