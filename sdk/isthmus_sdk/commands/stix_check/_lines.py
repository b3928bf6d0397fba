"""On which line of an object's text a path is, so that a message can point at it."""

from __future__ import annotations

import re

import msgspec

from isthmus_sdk.commands.stix_check._splitter import Nesting

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_BLANK = re.compile(rb"[\s,]*")
_SCALAR = re.compile(rb"[^\s,\]}]*")


def line_of(data: bytes, path: str) -> int:
    """How many lines into ``data`` (one JSON value) ``path`` (``a.b[2].c``) is; as far as the path exists."""
    at = 0
    for index, name in _STEP.findall(path):
        inner = _member(data, at, name) if name else _item(data, at, int(index))
        if inner is None:
            break
        at = inner
    return data.count(b"\n", 0, at)


def _member(data: bytes, at: int, name: str) -> int | None:
    """Where the member ``name`` of the object at ``at`` has its value."""
    if data[at : at + 1] != b"{":
        return None
    at = _skip(data, at + 1)
    while data[at : at + 1] == b'"':
        end = _end(data, at)
        try:
            found = msgspec.json.decode(data[at:end])
        except (msgspec.MsgspecError, UnicodeError):
            return None
        value = _skip(data, _skip(data, end) + 1)
        if found == name:
            return value
        at = _skip(data, _end(data, value))
    return None


def _item(data: bytes, at: int, index: int) -> int | None:
    """Where item ``index`` of the list at ``at`` is."""
    if data[at : at + 1] != b"[":
        return None
    at = _skip(data, at + 1)
    for _ in range(index):
        if data[at : at + 1] in (b"]", b""):
            return None
        at = _skip(data, _end(data, at))
    return at


def _skip(data: bytes, at: int) -> int:
    found = _BLANK.match(data, at)
    return found.end() if found else at


def _end(data: bytes, at: int) -> int:
    """Where the value at ``at`` ends."""
    byte = data[at : at + 1]
    if byte in (b"{", b"[", b'"'):
        end = Nesting(inside=byte == b'"').end(data, at + (byte == b'"'))
        return len(data) if end is None else end
    found = _SCALAR.match(data, at)
    return found.end() if found and found.end() > at else at + 1


__all__ = ["line_of"]
