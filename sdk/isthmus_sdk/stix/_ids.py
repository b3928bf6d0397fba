"""Identifiers: UUIDv5 for whatever can be named, so that the same fact has the same id on every run and machine.

Cyber observables follow the standard (section 2.9): namespace and contributing properties are given, timestamps in the
form stix2 hashes them. Domain and relationship objects use a namespace of our own, over the canonical JSON of a natural
key: the standard keeps its namespace for observables. The tests hold the vectors of the recipe.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from hashlib import blake2b, sha1
from typing import Any, Final

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._json import hashed_form, json_of_one, json_text
from isthmus_sdk.stix._table import TYPES
from isthmus_sdk.stix._time import shortened

OASIS_NAMESPACE: Final = "00abedb4-aa42-466c-9c01-fed23315a9b7"
ISTHMUS_NAMESPACE: Final = "9379cc7b-11fd-47a4-88ec-811ab049188e"

_HASH_PREFERENCE = ("MD5", "SHA-1", "SHA-256", "SHA-512")
_SINGLE_VALUE = frozenset(name for name, entry in TYPES.items() if entry.identity == ("value",))

_OASIS: Any
_ISTHMUS: Any
try:
    from fastuuid import UUID as _Uuid
    from fastuuid import uuid5 as _uuid5

    _OASIS = _Uuid(OASIS_NAMESPACE)
    _ISTHMUS = _Uuid(ISTHMUS_NAMESPACE)

except ImportError:  # the wheel is missing on this platform
    _OASIS = bytes.fromhex(OASIS_NAMESPACE.replace("-", ""))
    _ISTHMUS = bytes.fromhex(ISTHMUS_NAMESPACE.replace("-", ""))

    def _uuid5(namespace: Any, name: bytes) -> Any:  # type: ignore[misc, unused-ignore]
        return _dashed(sha1(namespace + name, usedforsecurity=False).digest(), version=5)


def _mint(type: str, namespace: Any, name: bytes) -> str:
    return f"{type}--{_uuid5(namespace, name)!s}"  # !s: without it the format goes the long way round


def sco_id(type: str, properties: Mapping[str, Any]) -> str:
    """The id of a cyber observable from its properties.

    Without any contributing property the standard asks for a UUIDv4: it is drawn from a digest of all properties, so
    that it too is the same on every run. Raises `RecordError` for a type that is no cyber observable of the standard.
    """
    if type in _SINGLE_VALUE:
        value = properties.get("value")
        if value.__class__ is str and value.isascii():  # `value_id`, without the call: this is the hottest line of all
            return f"{type}--{_uuid5(_OASIS, json_of_one({'value': value}))!s}"
        if isinstance(value, str):
            return value_id(type, value)
    entry = TYPES.get(type)
    if entry is None or entry.family != "SCO":
        raise RecordError(f"{type!r} is not a cyber observable of STIX 2.1: it has no id contributing properties")
    key = {name: _contribution(name, properties[name]) for name in entry.identity if properties.get(name) is not None}
    if key:
        return _mint(type, _OASIS, hashed_form(key))
    return drawn_id(type, {name: value for name, value in properties.items() if name != "id" and value is not None})


def value_id(type: str, value: str) -> str:
    """`sco_id` of the observables whose one contributing property is ``value``: addresses, names, URLs.

    Not cached: what a miss costs is what an id costs, and most values of an inventory do not come again.
    """
    try:
        return f"{type}--{_uuid5(_OASIS, json_of_one({'value': value}))!s}"
    except UnicodeError:
        json_text(value)  # says what is wrong with it
        raise


def sdo_id(type: str, key: Mapping[str, Any]) -> str:
    """The id of a domain, relationship or meta object from its natural key.

    Texts are NFC and stripped, ``None`` is left out. The caller folds case where the source does not care about it.
    """
    name = {"type": type}
    for part, value in key.items():
        if value is not None:
            name[part] = value.strip() if value.__class__ is str and value.isascii() else _folded(value)
    return _mint(type, _ISTHMUS, hashed_form(name))


def edge_id(kind: str, source: str, target: str) -> str:
    """`sdo_id` of a relationship: its type and both ends, no time.

    The ends are identifiers, so no escaping is needed.
    """
    name = f'{{"relationship_type":"{kind}","source_ref":"{source}","target_ref":"{target}{_EDGE_TAIL}'
    return _mint("relationship", _ISTHMUS, name.encode())


def edge_ids(kind: str, source: str, targets: Iterable[str]) -> list[str]:
    """`edge_id` from one source to many targets."""
    head = f'{{"relationship_type":"{kind}","source_ref":"{source}","target_ref":"'
    return [f"relationship--{_uuid5(_ISTHMUS, f'{head}{target}{_EDGE_TAIL}'.encode())!s}" for target in targets]


_EDGE_TAIL = '","type":"relationship"}'


class NativeIds:
    """`sdo_id` of what one source calls by native ids:

    Key (connector, native_id, source_id), its constant parts written once.
    """

    __slots__ = ("_head", "_tail", "_type")

    def __init__(self, type: str, connector: str, source_id: str) -> None:
        self._type = type
        self._head = b'{"connector":' + json_text(_folded(connector)) + b',"native_id":'
        self._tail = b',"source_id":' + json_text(_folded(source_id)) + b',"type":' + json_text(type) + b"}"

    def __call__(self, native_id: str) -> str:
        """The id of the object that the source calls ``native_id``."""
        return _mint(self._type, _ISTHMUS, self._head + json_text(_folded(native_id)) + self._tail)


def drawn_id(type: str, key: Mapping[str, Any]) -> str:
    """An id in the form of UUIDv4 (where the standard demands that version), drawn from a digest of ``key``."""
    name = hashed_form({"key": _folded(dict(key)), "type": type})
    return f"{type}--{_dashed(blake2b(name, digest_size=16, key=ISTHMUS_NAMESPACE.encode()).digest(), version=4)}"


def _folded(value: Any) -> Any:
    try:
        if isinstance(value, str):
            return value.strip() if value.isascii() else unicodedata.normalize("NFC", value).strip()
        if isinstance(value, Mapping):
            return {key: _folded(child) for key, child in value.items()}
        if isinstance(value, (list, tuple)):
            return [_folded(child) for child in value]
    except RecursionError:
        raise RecordError("no identifier can be made from a key that is nested so deeply") from None
    return value


def _contribution(name: str, value: Any) -> Any:
    if name == "hashes" and isinstance(value, Mapping):
        return _one_hash(value)
    if name in ("start", "end") and isinstance(value, str):
        return shortened(value)
    if name == "extensions" and isinstance(value, Mapping):
        return {kind: _extension_contribution(kind, body) for kind, body in value.items()}
    return value


def _one_hash(hashes: Mapping[str, Any]) -> dict[str, Any]:
    """The standard's choice: MD5, SHA-1, SHA-256, SHA-512, else the first by name (stix2: by position)."""
    for algorithm in _HASH_PREFERENCE:
        if algorithm in hashes:
            return {algorithm: hashes[algorithm]}
    first = min(hashes, default=None)
    if first is None:
        raise RecordError("hashes is empty: no identifier can be made from it")
    return {first: hashes[first]}


def _extension_contribution(kind: str, body: Any) -> Any:
    """An extension as stix2 hashes it: the PE time stamp counts whole seconds."""
    if kind == "windows-pebinary-ext" and isinstance(body, Mapping) and isinstance(body.get("time_date_stamp"), str):
        stamp = body["time_date_stamp"]
        return {**body, "time_date_stamp": stamp.partition(".")[0] + "Z" if "." in stamp else stamp}
    return body


def _dashed(digest: bytes, *, version: int) -> str:
    octets = bytearray(digest[:16])
    octets[6] = octets[6] & 0x0F | version << 4
    octets[8] = octets[8] & 0x3F | 0x80
    text = octets.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
