"""A page split into the raw bytes of its records, and what stands around them.

The fast road lets msgspec find the borders. Where that fails, the slow road finds them by brackets and strings alone,
without recursion: a record that holds ``NaN``, a broken string or a million brackets must reach quarantine by itself
and not take its page along. Only where the borders themselves cannot be found (the body is cut short) is the page
unusable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()
_SPACE = b" \t\r\n"

# Possessive, so that a string of any length is matched without backtracking; an unclosed one matches up to the end of the
# body, with an empty last group.
_STRING = rb'"(?:[^"\\]++|\\.)*+("|\\?\Z)'
_STRING_ALONE = re.compile(_STRING, re.DOTALL)
_TOKEN = re.compile(_STRING + rb"|([\[{][\[{ \t\r\n]*+)|([\]}][\]} \t\r\n]*+)", re.DOTALL)
_OPENING, _CLOSING = 2, 3  # groups of _TOKEN
_SCALAR = re.compile(rb"[^\[\]{},:\"\s]++")
_SPACES = re.compile(rb"[ \t\r\n]*+")
_MOST_TOKENS = 6_000_000  # a few seconds of the slow road
_HONEST_DEPTH = 10_000
"""Levels that no vendor nests: what ends deeper was not cut short on its way, and is not asked for again."""


class Unsplittable(Exception):
    """The body is no JSON document whose records can be told apart. ``cut``: it ends too early, so another try may
    bring the rest.
    """

    def __init__(self, message: str, *, cut: bool = False) -> None:
        super().__init__(message)
        self.cut = cut


class _Broken:
    """Stands for a member around the records that could not be decoded; a pager that needs it is told so."""

    def __repr__(self) -> str:
        return "<broken>"


BROKEN: Final = _Broken()


def split(body: bytes, items: str | None) -> tuple[Any, list[bytes]]:
    """The document without its records, and the records.

    ``items`` is the dotted path of the list (``""``: the document itself; ``None``: the document itself or its only
    list; ``"data.results|data.sample"``: the first of these that is there). Names that contain dots are understood.
    ``null`` is an empty list and a single object is a list of one: some vendors write them so. Raises ``Unsplittable``.
    """
    start = body.lstrip(_SPACE)[:1]
    if start not in (b"[", b"{"):
        raise Unsplittable("neither a JSON object nor a list", cut=not start)
    try:
        return _split(body, items, _fast_members, _fast_elements)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    return _split(body, items, _slow_members, _slow_elements)


def split_lines(body: bytes) -> list[bytes]:
    """The records of JSON lines (also with the record separators of RFC 7464); empty lines are none."""
    return [record for line in body.split(b"\n") if (record := line.strip(_SPACE + b"\x1e"))]


def lookup(document: Any, path: str) -> Any:
    """The value at a dotted path, ``None`` where there is none. A name that itself holds dots is found before a path
    is.
    """
    value = document
    rest = path
    while rest:
        if not isinstance(value, Mapping):
            return None
        name, rest = _first_name(value, rest)
        value = value.get(name)
    if value is BROKEN:
        raise Unsplittable(f"{path!r} in the reply cannot be decoded")
    return value


def _first_name(members: Mapping[str, Any], path: str) -> tuple[str, str]:
    parts = path.split(".")
    for count in range(len(parts), 0, -1):
        name = ".".join(parts[:count])
        if name in members:
            return name, ".".join(parts[count:])
    return parts[0], ".".join(parts[1:])


def _split(body: bytes, items: str | None, members_of: Any, elements_of: Any) -> tuple[Any, list[bytes]]:
    is_list = body.lstrip(_SPACE)[:1] == b"["
    if is_list:
        if items:
            raise Unsplittable(f"a bare list where an object with {items!r} was expected")
        return [], elements_of(body)
    if items == "":
        return _document(members_of(body)), [body.strip(_SPACE)]
    members = members_of(body)
    *others, path = [_only_list(members)] if items is None else items.split("|")
    for other in others:
        try:
            return _descend(dict(members), other, other, members_of, elements_of)
        except Unsplittable:
            continue
    return _descend(members, path, items or path, members_of, elements_of)


def _descend(
    members: dict[str, bytes], path: str, whole: str, members_of: Any, elements_of: Any
) -> tuple[dict[str, Any], list[bytes]]:
    name, rest = _first_name(members, path)
    if name not in members:
        raise Unsplittable(f"no {whole!r} in the reply; it holds {_names(members)}")
    value = members.pop(name)
    kind = value.lstrip(_SPACE)[:1]
    inner: Any = None
    records: list[bytes] = []
    if kind == b"n":
        pass
    elif rest:
        if kind != b"{":
            raise Unsplittable(f"{whole!r} leads through something that is no object")
        inner, records = _descend(members_of(value), rest, whole, members_of, elements_of)
    elif kind == b"[":
        records = elements_of(value)
    elif kind == b"{":
        records = [value.strip(_SPACE)]
    else:
        raise Unsplittable(f"{whole!r} in the reply is no list")
    return {**_document(members), name: inner}, records


def _only_list(members: dict[str, bytes]) -> str:
    lists = [name for name, value in members.items() if value.lstrip(_SPACE)[:1] == b"["]
    if len(lists) != 1:
        raise Unsplittable(f"the reply holds {len(lists)} lists, so 'items' must name one; it holds {_names(members)}")
    return lists[0]


def _names(members: dict[str, bytes]) -> str:
    shown = ", ".join(repr(name[:40]) for name in list(members)[:8])
    return (shown + (", …" if len(members) > 8 else "")) or "nothing"


def _document(members: dict[str, bytes]) -> dict[str, Any]:
    return {name: _value(value) for name, value in members.items()}


def _value(raw: bytes) -> Any:
    try:
        return _ANY.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return BROKEN


def _fast_members(body: bytes) -> dict[str, bytes]:
    return {name: bytes(raw) for name, raw in _MEMBERS.decode(body).items()}


def _fast_elements(body: bytes) -> list[bytes]:
    return [bytes(raw) for raw in _ELEMENTS.decode(body)]


def _slow_members(body: bytes) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    position = _spaces(body, body.index(b"{") + 1)
    while body[position : position + 1] != b"}":
        end = _end_of_value(body, position)
        if body[position : position + 1] != b'"':
            raise Unsplittable("an object with something that is no name")
        name = _value(body[position:end])
        position = _spaces(body, end)
        if body[position : position + 1] != b":":
            raise Unsplittable("an object with a name and no value", cut=position == len(body))
        start = _spaces(body, position + 1)
        end = _end_of_value(body, start)
        members[name if isinstance(name, str) else repr(name)] = body[start:end]
        position = _comma(body, end, b"}")
    _require_end(body, position + 1)
    return members


def _slow_elements(body: bytes) -> list[bytes]:
    elements: list[bytes] = []
    position = _spaces(body, body.index(b"[") + 1)
    while body[position : position + 1] != b"]":
        end = _end_of_value(body, position)
        elements.append(body[position:end])
        position = _comma(body, end, b"]")
    _require_end(body, position + 1)
    return elements


def _comma(body: bytes, position: int, closing: bytes) -> int:
    position = _spaces(body, position)
    sign = body[position : position + 1]
    if sign == b",":
        position = _spaces(body, position + 1)
        if body[position : position + 1] == closing:
            raise Unsplittable("a comma with nothing after it")
    elif not sign:
        raise _ends_inside()
    elif sign != closing:
        raise Unsplittable("values without a comma between them")
    return position


def _end_of_value(body: bytes, start: int) -> int:
    first = body[start : start + 1]
    if first in (b"{", b"["):
        return _end_of_container(body, start)
    if not first:
        raise _ends_inside()
    match = (_STRING_ALONE if first == b'"' else _SCALAR).match(body, start)
    if match is None:
        raise Unsplittable("a value is missing")
    if first == b'"' and match[1] != b'"':
        raise _ends_inside()
    return match.end()


def _end_of_container(body: bytes, start: int) -> int:
    depth = 0
    for count, match in enumerate(_TOKEN.finditer(body, start)):
        kind = match.lastindex
        if kind == _OPENING:
            depth += _brackets(match[0])
        elif kind == _CLOSING:
            closed = _brackets(match[0])
            if closed >= depth:
                return match.start() + _length_of_brackets(match[0], depth)
            depth -= closed
        if count > _MOST_TOKENS:
            raise Unsplittable("too large to be read by its borders alone")
    if depth > _HONEST_DEPTH:
        raise Unsplittable(f"the body ends inside a value, {depth} levels deep: it is nested too deeply")
    raise _ends_inside()


def _brackets(token: bytes) -> int:
    return 1 if len(token) == 1 else len(token.translate(None, _SPACE))


def _length_of_brackets(token: bytes, count: int) -> int:
    """Bytes up to and with the ``count``-th bracket of a run of brackets and spaces."""
    if not token[:count].translate(None, b"]}"):
        return count
    position = -1
    for _ in range(count):
        position += 1
        while token[position] not in b"]}":
            position += 1
    return position + 1


def _require_end(body: bytes, position: int) -> None:
    if _spaces(body, position) != len(body):
        raise Unsplittable("data after the end of the document")


def _ends_inside() -> Unsplittable:
    return Unsplittable("the body ends inside a value", cut=True)


def _spaces(body: bytes, position: int) -> int:
    match = _SPACES.match(body, position)
    assert match is not None
    return match.end()


def keys_backwards(records: Sequence[bytes], names: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Values of ``names`` from the last record backwards, skipping records that lack one or cannot be decoded."""
    for raw in reversed(records):
        try:
            record = _ANY.decode(raw)
            values = tuple(lookup(record, name) for name in names)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, Unsplittable):
            continue
        if all(isinstance(value, str | int | float | list) for value in values):
            yield values


__all__ = ["BROKEN", "Unsplittable", "keys_backwards", "lookup", "split", "split_lines"]
