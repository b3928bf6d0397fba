"""To and from others: the ``stix2`` library, and STIX 2.0.

``stix2`` is imported on first use only (extra ``stix2``); nothing else in the core knows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._check import check
from isthmus_sdk.stix._json import Json, decode, encode
from isthmus_sdk.stix._pattern import FOREIGN_LIMIT, read_pattern
from isthmus_sdk.stix._upgrade import upgrade


def from_stix2(obj: Any) -> Json:
    """The plain dict of a ``stix2`` object (or bundle); a mapping is copied as it is."""
    serialize = getattr(obj, "serialize", None)
    if serialize is not None:
        return decode(serialize())
    if isinstance(obj, Mapping):
        return decode(encode(obj))
    raise RecordError(f"a {type(obj).__name__} is neither a stix2 object nor a mapping")


def to_stix2(obj: Mapping[str, Any]) -> Any:
    """The ``stix2`` object of a dict; custom properties are kept, and a type stix2 does not know stays a dict.

    Nothing is ever registered with stix2: its expression for type names takes exponential time on hostile ones. Patterns
    that would exhaust its parser are refused here. Raises `RecordError` where stix2 refuses the object, or is not installed.
    """
    try:
        import stix2
    except ImportError as error:
        raise RecordError("stix2 is not installed: pip install 'isthmus-sdk[stix2]'") from error
    pattern = obj.get("pattern")
    if isinstance(pattern, str) and read_pattern(pattern).comparisons > FOREIGN_LIMIT:
        raise RecordError(f"stix2 cannot read a pattern of more than {FOREIGN_LIMIT} comparisons", path="pattern")
    try:
        return stix2.parse(decode(encode(obj)), allow_custom=True)
    except (stix2.exceptions.STIXError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise RecordError(f"stix2 refuses {obj.get('id', 'the object')}: {error}") from error


def objects_in(document: Any) -> Iterator[Json]:
    """The objects of a bundle, a list or one object (dicts, ``stix2`` objects, or JSON as bytes or text), as STIX 2.1.

    STIX 2.0 is upgraded. Unknown types, custom properties and unknown extensions stay byte for byte what they were in
    canonical JSON; nothing is checked. Raises `RecordError` for what is none of these.
    """
    if isinstance(document, bytes | str):
        text = document.encode() if isinstance(document, str) else document
        document = decode(b'{"objects":' + text.removeprefix(b"\xef\xbb\xbf") + b"}")["objects"]
    if isinstance(document, list | tuple):
        for each in document:
            yield from objects_in(each)
        return
    obj = from_stix2(document)
    if obj.get("type") != "bundle":
        yield from upgrade(obj)
        return
    inner = obj.get("objects", [])
    if not isinstance(inner, list) or not all(isinstance(each, dict) for each in inner):
        raise RecordError("the bundle's objects are no list of objects", path="objects")
    for each in inner:
        yield from upgrade(each)


def checked(obj: Any) -> Json:
    """The plain dict of a mapping or ``stix2`` object that breaks no rule. Raises `InvalidObject` or `RecordError`."""
    made = from_stix2(obj)
    check(made)
    return made


__all__ = ["checked", "from_stix2", "objects_in", "to_stix2", "upgrade"]
