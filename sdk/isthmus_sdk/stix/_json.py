"""JSON on the way out and in: canonical bytes, digests of content.

Canonical means the same object gives the same bytes everywhere: keys sorted, no spaces, strings escaped as RFC 8785
(JCS) does. msgspec writes all of that; only floating point numbers need a second look, because ``1.0`` is ``1`` in
RFC 8785. Objects without floats therefore never leave the fast road.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from isthmus_sdk.errors import RecordError

Json = dict[str, Any]

SAFE_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly (STIX 2.1 section 2.10)."""

_sorted = msgspec.json.Encoder(order="sorted").encode
json_of_one = msgspec.json.Encoder().encode
"""Canonical JSON of an object with one text: nothing to be sorted, which costs even where there is nothing to sort."""
_lines = msgspec.json.Encoder(order="sorted").encode_lines
_packed = msgspec.msgpack.Encoder().encode
_decode = msgspec.json.Decoder().decode
_ALONE = 16
_UNWRITABLE = (UnicodeError, TypeError, OverflowError, ValueError, RecursionError, msgspec.MsgspecError)


def encode(obj: Mapping[str, Any]) -> bytes:
    """Canonical JSON of ``obj`` in UTF-8.

    Integers are written exactly, however large: the wire loses nothing. Raises `RecordError` for what JSON cannot hold
    (lone surrogates, NaN, infinities, foreign types).
    """
    try:
        # MessagePack marks floats with one byte: where it is missing there are none, and writing it costs less than looking
        return _sorted(obj if b"\xcb" not in _packed(obj) else _written_numbers(obj))
    except OverflowError:  # an integer beyond 64 bits
        return _with_large_integers(obj)
    except _UNWRITABLE as error:
        raise RecordError(f"{_name(obj)} cannot be written as JSON: {error}") from error


def _with_large_integers(obj: Mapping[str, Any]) -> bytes:
    try:
        return _sorted(_written_numbers(obj))
    except _UNWRITABLE as error:
        raise RecordError(f"{_name(obj)} cannot be written as JSON: {error}") from error


def encode_all(objects: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """`encode` of each object; one call for all of them where none holds a float. Raises `RecordError` as it does."""
    found = list(objects)
    if not found:
        return []
    try:
        if b"\xcb" not in _packed(found):  # see encode
            return _lines(found)[:-1].split(b"\n")
    except _UNWRITABLE:
        pass
    if len(found) <= _ALONE:
        return [encode(obj) for obj in found]
    # The byte is also found in texts and numbers by chance: then only its neighbours are looked at one by one.
    return [line for at in range(0, len(found), _ALONE) for line in encode_all(found[at : at + _ALONE])]


def decode(data: bytes | str) -> Json:
    """The object in ``data``. Raises `RecordError` where it is not one JSON object."""
    try:
        value = _decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise RecordError(f"not a JSON object: {error}") from error
    if not isinstance(value, dict):
        raise RecordError(f"not a JSON object but {_kind(value)}")
    return value


def hashed_form(value: Mapping[str, Any]) -> bytes:
    """RFC 8785 bytes of ``value``, for identifiers.

    Numbers are doubles there, so integers beyond 2^53 are rounded as JCS does.
    """
    try:
        for child in value.values():
            if child.__class__ is not str:
                return _sorted(value) if _exact(value, SAFE_INTEGER + 1) else _jcs(value).encode()
        return _sorted(value)
    except _UNWRITABLE as error:
        raise RecordError(f"no identifier can be made from {_names(value)}: {error}") from error


def json_text(value: str) -> bytes:
    """A string as canonical JSON. Raises `RecordError` for lone surrogates."""
    try:
        return _sorted(value)
    except UnicodeError as error:
        raise RecordError(f"no identifier can be made from a text: {error}") from error


def content_hash(obj: Mapping[str, Any]) -> bytes:
    """16 bytes that change only when something was really said anew.

    ``created`` and ``modified`` do not count, nor does ``valid_from`` where it merely repeats ``created``.
    """
    content = dict(obj)
    created = content.pop("created", None)
    content.pop("modified", None)
    if created is not None and content.get("valid_from") == created:
        del content["valid_from"]
    return digest(content)


def digest(value: Mapping[str, Any]) -> bytes:
    """16 bytes over the canonical JSON of ``value``."""
    return blake2b(encode(value), digest_size=16).digest()


def _exact(value: Any, largest: int | None = None) -> bool:
    """Whether msgspec's bytes already are the canonical ones: no float, and no integer beyond ``largest``."""
    for child in value.values() if value.__class__ is dict else value:
        kind = child.__class__
        if kind is str or kind is bool:
            continue
        if kind is dict or kind is list:
            if not _exact(child, largest):
                return False
        elif kind is not int or (largest is not None and not -largest <= child <= largest):
            return False
    return True


def _written_numbers(value: Any) -> Any:
    """``value`` with every float as RFC 8785 writes it and every integer exactly, where msgspec would not."""
    if isinstance(value, float):
        return msgspec.Raw(_number(value).encode())
    if value.__class__ is int and not -(2**63) <= value < 2**64:
        return msgspec.Raw(str(value).encode())
    if isinstance(value, Mapping):
        return {key: _written_numbers(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written_numbers(child) for child in value]
    return value


def _jcs(value: Any) -> str:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return _sorted(value).decode()
    if isinstance(value, (int, float)):
        return _number(float(value))
    if isinstance(value, Mapping):
        members = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be"))
        return "{" + ",".join(f"{_sorted(key).decode()}:{_jcs(child)}" for key, child in members) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_jcs, value)) + "]"
    raise TypeError(f"{_kind(value)} is not JSON")


def _number(value: float) -> str:
    """ECMAScript's text of a double (RFC 8785 section 3.2.2.3)."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a JSON number")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + ("" if fraction == "0" else fraction)).lstrip("0")
    point = len(whole) + int(exponent or 0) if whole != "0" else int(exponent or 0) - (len(fraction) - len(digits))
    digits = digits.rstrip("0") or "0"
    count = len(digits)
    if count <= point <= 21:
        text = digits + "0" * (point - count)
    elif 0 < point <= 21:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        power = point - 1
        text = f"{digits[0]}{'.' + digits[1:] if count > 1 else ''}e{'+' if power > 0 else '-'}{abs(power)}"
    return sign + text


def _kind(value: Any) -> str:
    return type(value).__name__


def _names(value: Mapping[str, Any]) -> str:
    """What a key is made of, never what it says: values may be secret, and long."""
    return ascii(", ".join(map(str, value))[:200])


def _name(obj: Any) -> str:
    found = obj.get("id") if isinstance(obj, Mapping) else None
    return found if isinstance(found, str) and found.isascii() else "the object"
