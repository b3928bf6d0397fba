"""Records of a page as structs, a page at a time: the fast road of streams that are summarised.

JSON records are decoded as one list, once more with numbers that are given as text where they do not decode as they stand. Rows of a table become one JSON text of arrays by replacing separators, and are
decoded as array-like structs whose fields are the table's columns. Where a page as a whole does not decode, its records
are taken one by one, so that each bad one is named with its own error.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin

import msgspec

from isthmus_sdk.errors import ConfigurationError, RecordError
from isthmus_sdk.files import Table
from isthmus_sdk.page import Page
from isthmus_sdk.records import Bad, Records

_END = "row_end"
"""Last field of a row's struct. It takes a list, which no text becomes: rows with a column too many or too few fail."""


class PageDecoder:
    """Decodes the pages of one stream into its model, a msgspec struct."""

    def __init__(self, model: Any, unwrap: Callable[[bytes], bytes] | None = None) -> None:
        if not (isinstance(model, type) and issubclass(model, msgspec.Struct)):
            raise ConfigurationError(f"{model!r}: a stream that is summarised needs a msgspec struct as its model")
        self._model = model
        self._unwrap = unwrap
        self._list: Callable[[bytes], list[Any]] = msgspec.json.Decoder(list[model]).decode
        self._list_of_text: Callable[[bytes], list[Any]] = msgspec.json.Decoder(list[model], strict=False).decode
        self._records = Records(model, of_text=True)
        self._tables: dict[tuple[str, ...], Callable[[bytes], list[Any]] | None] = {}

    def decode(self, page: Page) -> tuple[list[Any], dict[int, Bad]]:
        """One struct for each record, in order, and the bad ones by index (``None`` stands in their place)."""
        records = page.records
        if not records:
            return [], {}
        if not page.unreadable:
            made = self._whole_table(records, page.table) if page.table else self._whole(records)
            if made is not None:
                return made, {}
        return self._one_by_one(page)

    def _whole(self, records: Sequence[bytes]) -> list[Any] | None:
        made = self._try(records, self._list)
        if made is None and self._unwrap is not None:
            # All of a page in envelopes is as usual as none; a mixed page goes record by record.
            try:
                records = [self._unwrap(record) for record in records]
            except Exception:  # the author's function; each record gets its own verdict below
                return None
            made = self._try(records, self._list)
        return made if made is not None else self._try(records, self._list_of_text)

    @staticmethod
    def _try(records: Sequence[bytes], decode: Callable[[bytes], list[Any]]) -> list[Any] | None:
        try:
            # A line break may not stand inside a JSON text, so no record can run over into the next.
            made = decode(b"[" + b",\n".join(records) + b"]")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return made if len(made) == len(records) else None

    def _whole_table(self, rows: Sequence[bytes], table: Table) -> list[Any] | None:
        if table.columns not in self._tables:
            self._tables[table.columns] = self._row_decoder(table)
        decode = self._tables[table.columns]
        if decode is None:
            return None
        text = b"\n".join(rows)
        if b"\\" in text or b'"' in text:
            if b"\\x" in text:
                return None  # Zeek's escapes need the careful road
            text = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        text = text.replace(table.separator, b'","').replace(b"\n", b'",[]],["')
        text = b'[["' + text + b'",[]]]'
        text = text.replace(f'"{table.unset}"'.encode(), b"null")
        if table.empty.encode() in text:
            text = text.replace(f'"{table.empty}"'.encode(), b'""')
        try:
            made = decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return made if len(made) == len(rows) else None

    def _row_decoder(self, table: Table) -> Callable[[bytes], list[Any]] | None:
        """Decoder of rows into a struct with the model's fields at the table's columns; ``None`` where that cannot be."""
        fields = {field.encode_name: field for field in msgspec.structs.fields(self._model)}
        if any(field.required and name not in table.columns for name, field in fields.items()):
            return None
        if any(not field.required and field.default is not None for field in fields.values()):
            return None  # an unset column is null, which is the default only where that is None
        columns: list[tuple[str, Any]] = []
        for number, column in enumerate(table.columns):
            field = fields.pop(column, None)
            columns.append((field.name, _narrowed(field.type)) if field else (f"column_{number}", str | None))
        namespace: dict[str, Any] = {field.name: None for field in fields.values()}
        namespace.update(_methods(self._model))
        row = msgspec.defstruct(
            f"{self._model.__name__}Row", [*columns, (_END, list[int])], array_like=True, gc=False, namespace=namespace
        )
        return msgspec.json.Decoder(list[row], strict=False).decode  # type: ignore[valid-type]

    def _one_by_one(self, page: Page) -> tuple[list[Any], dict[int, Bad]]:
        made: list[Any] = []
        bad: dict[int, Bad] = {}
        for index, raw in enumerate(page.records):
            record: Any = Bad("", page.unreadable[index]) if index in page.unreadable else self._one(raw, page.table)
            if isinstance(record, Bad):
                bad[index] = record
                record = None
            made.append(record)
        return made, bad

    def _one(self, raw: bytes, table: Table | None) -> Any:
        try:
            data = table.to_json(raw) if table else raw
            data = self._unwrap(data) if self._unwrap else data
        except RecordError as error:
            return Bad(error.path, str(error))
        except (Exception, RecursionError) as error:  # an unwrap function is the author's
            return Bad("", f"{type(error).__name__}: {error}")
        return self._records.validate([data])[0]


def _narrowed(annotation: Any) -> Any:
    """``float`` for ``float | str``: a row gives text only, of which the number is to be made."""
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    if str in members and (float in members or int in members):
        return Union[tuple(member for member in members if member is not str)]  # noqa: UP007 - made at run time
    return annotation


def _methods(model: type) -> Mapping[str, Any]:
    """Functions and properties that the author wrote on the model, for its row form."""
    return {
        name: value
        for name, value in vars(model).items()
        if isinstance(value, property) or (callable(value) and not name.startswith("__"))
    }


__all__ = ["PageDecoder"]
