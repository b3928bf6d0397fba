"""Raw records and the models that validate them: page by page as bytes, exact raw bytes kept for the bad ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec
from pydantic import ConfigDict, TypeAdapter, ValidationError

from isthmus_sdk.errors import ManifestError, RecordError

_RAWS: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
FAULTS = 50
"""Most misfits that are told of one record."""
_ROUNDS = 5
Place = tuple[int | str, ...]
ERROR_CHARS = 500
"""An error text is cut to this length before it is stored or sent."""


FaultKind = Literal["missing", "changed", "value", "dropped"]


class Fault(NamedTuple):
    """A field that does not fit the model: ``missing``, of a ``changed`` kind, with a ``value`` out of bounds, or ``dropped``."""

    what: FaultKind
    path: str
    """Dotted; ``[]`` for any position in a list."""


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that could not be used: where in it, and why."""

    path: str
    error: str
    faults: tuple[Fault, ...] = ()
    """Every field that does not fit the model, as far as validation tells."""


class Records:
    """Validates the raw records of one stream against its model.

    With ``of_text`` a struct takes numbers that are given as text, as rows of a table and many exports give them.
    """

    def __init__(self, model: Any, key: str | Sequence[str] | None = None, *, of_text: bool = False) -> None:
        self.model = model
        self._struct = isinstance(model, type) and issubclass(model, msgspec.Struct)
        if self._struct:
            self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(model, strict=not of_text).decode
        else:
            try:
                # Values of different records seldom repeat: remembering them costs more than it saves.
                self._page = TypeAdapter(list[model], config=ConfigDict(cache_strings="keys")).validate_json
                self._decode = TypeAdapter(model).validate_json
            except Exception as error:
                raise ManifestError(
                    f"model {model!r}: is neither a pydantic model nor a msgspec struct: {error}"
                ) from None
        self.keys = _keys(model, key)
        self._key_getters = [(path, getter(path)) for path in self.keys]

    def validate(self, raws: Sequence[bytes]) -> list[Any]:
        """One entry per raw record, in order: the validated record or a :class:`Bad`."""
        if not raws:
            return []
        if self._struct:
            return [self._one_struct(raw) for raw in raws]
        joined = b"[" + b",".join(raws) + b"]"
        # Splitting the page again proves that each raw record is one complete JSON value (so that results and raw bytes
        # stay aligned) and refuses NaN, bare control characters and depth bombs, which pydantic lets through.
        try:
            aligned = [len(raw) for raw in _RAWS.decode(joined)] == [len(raw) for raw in raws]
            if aligned and not _may_hold_nul(joined):
                return self._page(joined)
        except (ValidationError, msgspec.DecodeError, ValueError, RecursionError):
            pass
        return [self._one_model(raw) for raw in raws]

    def keyless(self, record: Any) -> Bad | None:
        """A :class:`Bad` where the record's own id is null or empty."""
        for path, get in self._key_getters:
            value = get(record)
            if value is None or (isinstance(value, str) and (not value or value.isspace())):
                return Bad(path, "the record's own id is empty")
        return None

    def without_misfits(self, raw: bytes, keep: Collection[str]) -> tuple[Any, list[Fault]] | None:
        """The record without the values that do not fit the model, and what was dropped; ``None`` where that is no way.

        Nothing of what the model requires is dropped, nor the fields in ``keep`` (raw names at the top of the record).
        """
        dropped: list[Fault] = []
        try:
            document = _ANY.decode(raw)
            for _ in range(_ROUNDS):
                record, places = self._tried(msgspec.json.encode(document))
                if not isinstance(record, Bad):
                    return record, dropped
                cut_out = _cut_out(document, places, keep)
                if not cut_out:
                    return None
                dropped += [Fault("dropped", _dotted([_any(part) for part in place])) for place in cut_out]
        except (msgspec.DecodeError, ValueError, RecursionError):
            pass
        return None

    def _tried(self, raw: bytes) -> tuple[Any, list[Place]]:
        """A record or :class:`Bad`, and the places of the values that do not fit."""
        try:
            screen(raw)
            return self._decode(raw), []
        except ValidationError as error:
            items = error.errors(include_url=False, include_input=False, include_context=False)
            return _model_error(error), [tuple(item["loc"]) for item in items]
        except msgspec.ValidationError as error:
            bad = _struct_error(error)
            # Of a list a struct does not tell the position: all of it goes.
            return bad, [tuple(bad.path.split("[", 1)[0].split("."))]
        except Exception as error:
            return Bad("", cut(str(error))), []

    def native_id(self, raw: bytes) -> str:
        """The vendor's own id of a raw record, as far as it can be read; ``""`` otherwise. Never raises."""
        return "/".join(self._key_values(raw))[:256]

    def whole_key(self, raw: bytes) -> str:
        """All parts of a raw record's key; ``""`` where one cannot be read. Never raises."""
        found = self._key_values(raw)
        return "/".join(found) if len(found) == len(self.keys) and all(found) else ""

    def _key_values(self, raw: bytes) -> list[str]:
        if not self.keys:
            return []
        try:
            document = _ANY.decode(raw)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return []
        found = [_raw_value(document, path) for path in raw_paths(self.model, self.keys)]
        return [str(value) for value in found if isinstance(value, str | int | float)]

    def _one_struct(self, raw: bytes) -> Any:
        try:
            if _may_hold_nul(raw) or not raw.isascii():
                # msgspec skips what the struct does not name: read the record once to refuse NUL and broken UTF-8.
                screen(raw)
            return self._decode(raw)
        except msgspec.ValidationError as error:
            return _struct_error(error)
        except RecordError as error:
            return Bad(error.path, str(error))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            return Bad("", cut(f"not valid JSON: {error}"))
        except RecursionError:
            return Bad("", "nested too deeply")

    def _one_model(self, raw: bytes) -> Any:
        try:
            screen(raw)
            return self._decode(raw)
        except RecordError as error:
            return Bad(error.path, str(error))
        except ValidationError as error:
            return _model_error(error)
        except RecursionError:
            return Bad("", "nested too deeply")
        except Exception as error:  # a validator written by the connector's author may raise anything
            return Bad("", cut(f"{type(error).__name__}: {error}"))


def screen(raw: bytes) -> None:
    """Refuse what no valid record holds: broken JSON, NaN, lone surrogates, NUL characters, deep nesting.

    Raises ``RecordError`` with the path of the value where it is known.
    """
    try:
        document = _ANY.decode(raw)
    except RecursionError:
        raise RecordError("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise RecordError(cut(f"not valid JSON: {error}")) from None
    if _may_hold_nul(raw):
        for path, value in leaves(document):
            if "\x00" in path or (isinstance(value, str) and "\x00" in value):
                raise RecordError("holds a NUL character", path=path.replace("\x00", "\\u0000"))


def leaves(document: Any) -> Iterator[tuple[str, Any]]:
    """Every scalar of decoded JSON with its path, ``a.b[2].c``; without recursion, in document order."""
    stack: list[tuple[str, Any]] = [("", document)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            stack.extend((f"{path}.{name}" if path else str(name), inner) for name, inner in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend((f"{path}[{n}]", value[n]) for n in range(len(value) - 1, -1, -1))
        else:
            yield path, value


def getter(path: str) -> Callable[[Any], Any]:
    """A function that takes the dotted ``path`` out of a validated record; ``None`` where something on the way is missing."""
    names = path.split(".")
    if len(names) == 1:
        name = names[0]
        return lambda record: record.get(name) if isinstance(record, dict) else getattr(record, name, None)

    def get(record: Any) -> Any:
        for name in names:
            if record is None:
                return None
            record = record.get(name) if isinstance(record, dict) else getattr(record, name, None)
        return record

    return get


def field_names(model: Any) -> set[str] | None:
    """Attribute names of a model, or ``None`` where they are not known (``dict`` and the like)."""
    fields = getattr(model, "model_fields", None)
    if fields is not None:
        return set(fields)
    names = getattr(model, "__struct_fields__", None)
    return set(names) if names is not None else None


def raw_paths(model: Any, paths: Sequence[str]) -> list[str]:
    """Attribute paths of a model as paths of the raw record (aliases), dotted."""
    return [_raw_path(model, path.split(".")) for path in paths]


def _raw_path(model: Any, names: list[str]) -> str:
    head, *rest = names
    fields = getattr(model, "model_fields", None)
    if fields is not None and head in fields:
        alias = fields[head].validation_alias or fields[head].alias
        raw = alias if isinstance(alias, str) else head
        inner = fields[head].annotation
    elif hasattr(model, "__struct_encode_fields__") and head in model.__struct_fields__:
        raw = model.__struct_encode_fields__[model.__struct_fields__.index(head)]
        inner = None
    else:
        raw, inner = head, None
    return "\x1f".join([raw, *(_raw_path(inner, rest).split("\x1f") if rest else [])])


def _raw_value(document: Any, path: str) -> Any:
    for name in path.split("\x1f"):
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def _keys(model: Any, key: str | Sequence[str] | None) -> list[str]:
    if key is None:
        return []
    known = field_names(model)
    if isinstance(key, str):
        if known is not None and key == "id" and "id" not in known:
            return []  # the default, and the model has no such field
        paths = [key]
    else:
        paths = list(key)
    for path in paths:
        if known is not None and path.split(".", 1)[0] not in known:
            raise ManifestError(f"key {path!r} is not a field of {getattr(model, '__name__', model)}")
    return paths


def _may_hold_nul(raw: bytes) -> bool:
    # The first test is nearly free and almost always decides.
    return b"\\" in raw and b"\\u0000" in raw


def _model_error(error: ValidationError) -> Bad:
    items = error.errors(include_url=False, include_input=False, include_context=False)
    first = items[0]
    more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
    faults = tuple(Fault(_what(item["type"]), _dotted([_any(part) for part in item["loc"]])) for item in items[:FAULTS])
    return Bad(_dotted(first["loc"]), cut(f"{first['msg']}{more}"), faults)


def _what(kind: str) -> FaultKind:
    """What an error of pydantic says of a field."""
    if kind == "missing":
        return "missing"
    return "changed" if kind.endswith(("_type", "_parsing", "_parsing_size", "_attributes_type")) else "value"


def _any(part: int | str) -> int | str:
    """A position in a list as any position."""
    return "[]" if isinstance(part, int) else part


def _cut_out(document: Any, places: Iterable[Place], keep: Collection[str]) -> list[Place]:
    """Take the values at these places out of decoded JSON; returns the places that there were and that did not have to stay."""
    found = {_reached(document, place) for place in places}
    # The last in a list first, so that positions hold; what lies in a value that goes, goes with it.
    chosen = sorted(found, key=lambda place: [(isinstance(part, str), part) for part in place], reverse=True)
    chosen = [place for place in chosen if place and place[0] not in keep]
    chosen = [place for place in chosen if not any(place[:n] in found for n in range(1, len(place)))]
    for place in chosen:
        value = document
        for part in place[:-1]:
            value = value[part]
        del value[place[-1]]
    return chosen


def _reached(document: Any, place: Place) -> Place:
    """As much of a place as is in the document: places of pydantic go on with the names of union members."""
    value = document
    for depth, part in enumerate(place):
        if not isinstance(value, dict | list) or (isinstance(value, list) != isinstance(part, int)):
            return place[:depth]
        try:
            value = value[part]  # type: ignore[index]
        except LookupError:
            return place[:depth]
    return place


def _dotted(location: Sequence[int | str]) -> str:
    text = ""
    for part in location:
        if part == "[]":
            text += "[]"
        else:
            text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text


def _struct_error(error: msgspec.ValidationError) -> Bad:
    message, _, where = str(error).partition(" - at `$")
    path = where.rstrip("`").lstrip(".")
    missing = re.fullmatch(r"Object missing required field `(.*)`", message)
    if missing is not None:
        path = f"{path}.{missing[1]}" if path else missing[1]
    what: FaultKind = "missing" if missing else "changed" if message.startswith("Expected") else "value"
    return Bad(path, cut(message), (Fault(what, path.replace("[...]", "[]")),))


def cut(text: str) -> str:
    """An error text at a length that may be stored and sent."""
    return text if len(text) <= ERROR_CHARS else text[: ERROR_CHARS - 1] + "…"


__all__ = ["Bad", "Fault", "FaultKind", "Records", "cut", "field_names", "getter", "leaves", "raw_paths", "screen"]
