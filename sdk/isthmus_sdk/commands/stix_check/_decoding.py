"""From the bytes of one object to its value, or to what is wrong with them and where."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

import msgspec

_decode = msgspec.json.Decoder().decode
_SPACED_COLON = re.compile(rb'"\s+:')
_SURROGATE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\)\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_LONGEST_NUMBER: Final = 4_300


class Trouble(NamedTuple):
    """Why bytes are no value: rule, what is wrong, and at which byte."""

    rule: str
    message: str
    at: int


def decoded_value(data: bytes, value: Any = None) -> tuple[Any, Trouble | None]:
    """The value of ``data``, and a `Trouble` where it is no JSON, or JSON that readers understand differently.

    ``value``: what it already was decoded to.
    """
    if value is None:
        try:
            value = _decode(data)
        except RecursionError:
            return None, Trouble("json", "nested too deeply to be read", 0)
        except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
            return None, _explained(data, error)
    if data.count(b'":') != _names(value) or _SPACED_COLON.search(data):
        return value, _repeated(data)
    return value, None


def _names(value: Any) -> int:
    """How many members the objects in ``value`` have together."""
    count, stack = 0, [value]
    while stack:
        item = stack.pop()
        if type(item) is dict:
            count += len(item)
            for child in item.values():
                if type(child) is dict or type(child) is list:
                    stack.append(child)
        elif type(item) is list:
            for child in item:
                if type(child) is dict or type(child) is list:
                    stack.append(child)
    return count


class _Repeated(Exception):
    pass


def _repeated(data: bytes) -> Trouble | None:
    """A name that an object gives twice: readers keep one of the two, and not all the same one (RFC 8259, section 4)."""

    def once(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Repeated(name)
            seen.add(name)

    try:
        json.loads(data, object_pairs_hook=once, parse_int=len, parse_float=len)
    except _Repeated as error:
        name = str(error)
        pattern = re.escape(json.dumps(name, ensure_ascii=False).encode("utf-8", "replace"))
        places = [found.start() for found in re.finditer(pattern + rb"\s*:", data)]
        return Trouble(
            "repeated-name", f"the name {name[:60]!r} is given twice (RFC 8259)", places[-1] if places else 0
        )
    except (ValueError, RecursionError):
        return None
    return None


class _Constant(ValueError):
    pass


def _constant(text: str) -> None:
    raise _Constant(text)


def _explained(data: bytes, error: Exception) -> Trouble:
    """What the standard library says about text that msgspec refuses; it names the place better."""
    try:
        text = data.decode()
    except UnicodeDecodeError as bad:
        return Trouble("encoding", f"not UTF-8: byte 0x{data[bad.start]:02x}", bad.start)
    try:
        json.loads(text, parse_constant=_constant)
    except json.JSONDecodeError as bad:
        return Trouble("json", f"not valid JSON: {bad.msg}", len(text[: bad.pos].encode()))
    except _Constant as bad:
        at = re.search(rf"[:\[,\s]{re.escape(str(bad))}", text)
        return Trouble(
            "json", f"not valid JSON: {bad} is no JSON number", len(text[: at.start() + 1].encode()) if at else 0
        )
    except RecursionError:
        return Trouble("json", "nested too deeply to be read", 0)
    except ValueError:
        return Trouble("json", f"a number of more than {_LONGEST_NUMBER} digits", 0)
    if (found := _SURROGATE.search(text)) is not None:
        return Trouble("json", f"{found[0]} is half of a character", len(text[: found.start()].encode()))
    if "range" in str(error):
        return Trouble("json", "a number that is larger than any JSON reader holds", 0)
    return Trouble("json", f"not readable: {error}", 0)


__all__ = ["Trouble", "decoded_value"]
