"""Tab-separated tables as Zeek writes them, and their rows as the JSON that Zeek would have written.

The header is Zeek's own (``#separator``, ``#fields``, ``#types``, ``#path`` ...; Zeek manual, "Zeek Log Formats"). A
table without one can be read when the stream gives the columns that the vendor writes by default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from isthmus_sdk.errors import RecordError

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WHOLE = re.compile(r"-?(?:0|[1-9]\d*)")
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")
_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a table and how its values are written.

    ``name`` is the log's name (Zeek's ``#path``), ``""`` where it is not known.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...] = ()
    name: str = ""
    separator: bytes = b"\t"
    set_separator: str = ","
    empty: str = "(empty)"
    unset: str = "-"

    @classmethod
    def of(cls, name: str, columns: str) -> Table:
        """From ``"ts:time uid:string id.orig_h:addr"``."""
        pairs = [part.partition(":") for part in columns.split()]
        return cls(columns=tuple(c for c, _, _ in pairs), types=tuple(t or "string" for _, _, t in pairs), name=name)

    def to_json(self, line: bytes) -> bytes:
        """One row as a JSON object; unset values are left out. Raises ``RecordError`` if the row does not fit."""
        try:
            values = line.decode("utf-8").split(self.separator.decode("latin-1"))
        except UnicodeDecodeError as error:
            raise RecordError(f"is not UTF-8 text (byte {error.start})") from error
        if len(values) != len(self.columns):
            raise RecordError(f"has {len(values)} columns where the header names {len(self.columns)}")
        row: dict[str, Any] = {}
        types = self.types or ("string",) * len(self.columns)
        for column, kind, text in zip(self.columns, types, values, strict=True):
            if text != self.unset:
                row[column] = self._value(kind, text)
        return _encode(row)

    def _value(self, kind: str, text: str) -> Any:
        if kind.startswith(("set[", "vector[", "list[")):
            if text == self.empty:
                return []
            element = kind[kind.index("[") + 1 : -1]
            return [None if part == self.unset else _scalar(element, part) for part in text.split(self.set_separator)]
        return "" if text == self.empty else _scalar(kind, text)


def _scalar(kind: str, text: str) -> Any:
    """A value in JSON's terms. Text that is no value of its type stays text, so that validation names the field."""
    if kind in ("time", "interval", "double"):
        return msgspec.Raw(text.encode()) if _NUMBER.fullmatch(text) else text
    if kind in ("count", "int", "port"):
        return msgspec.Raw(text.encode()) if _WHOLE.fullmatch(text) else text
    if kind == "bool":
        return {"T": True, "F": False}.get(text, text)
    return unescaped(text)


def unescaped(text: str) -> str:
    """Zeek's ``\\xNN`` for bytes that are not printable, undone; what is then no UTF-8 stays escaped."""
    if "\\x" not in text:
        return text
    raw = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    try:
        return raw.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text


def read_header(lines: Iterable[bytes], start: Table | None = None) -> Table | None:
    """The table that the comment lines at the start describe; ``None`` without ``#fields``."""
    table = start or Table(columns=())
    found = start is not None
    for line in lines:
        if not line.startswith(b"#"):
            break
        text = line.rstrip(b"\r\n").decode("utf-8", "replace")
        key, separator = _keyed(text, table.separator.decode("latin-1"))
        if key == "separator":
            table = replace(table, separator=_separator(separator))
        elif key == "fields":
            table = replace(table, columns=tuple(separator.split(table.separator.decode("latin-1"))), types=())
            found = True
        elif key == "types":
            types = tuple(separator.split(table.separator.decode("latin-1")))
            if len(types) == len(table.columns):
                table = replace(table, types=types)
        elif key in _PLAIN:
            table = _PLAIN[key](table, separator)
    return table if found else None


_PLAIN: dict[str, Callable[[Table, str], Table]] = {
    "path": lambda table, value: replace(table, name=value),
    "set_separator": lambda table, value: replace(table, set_separator=_separator(value).decode("latin-1")),
    "empty_field": lambda table, value: replace(table, empty=value),
    "unset_field": lambda table, value: replace(table, unset=value),
}


def _keyed(text: str, separator: str) -> tuple[str, str]:
    """``#fields<TAB>ts<TAB>uid`` -> ``("fields", "ts<TAB>uid")``; the ``#separator`` line alone uses a space."""
    head = text[1:]
    if head.startswith("separator "):
        return "separator", head[len("separator ") :]
    key, _, rest = head.partition(separator)
    return key, rest


def _separator(text: str) -> bytes:
    found = _ESCAPE.fullmatch(text)
    return bytes([int(found[1], 16)]) if found else text.encode("utf-8")


def fitting(tables: Sequence[Table], line: bytes) -> Table | None:
    """The default table with as many columns as this row, for a table without a header."""
    return next((table for table in tables if len(line.split(table.separator)) == len(table.columns)), None)


__all__ = ["Table", "fitting", "read_header", "unescaped"]
