"""To and from the ``stix2`` library, for those who use it. It is imported on first use only (extra ``stix2``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._json import Json, decode, encode


def from_stix2(obj: Any) -> Json:
    """The plain dict of a ``stix2`` object (or bundle); a mapping is copied as it is."""
    serialize = getattr(obj, "serialize", None)
    if serialize is not None:
        return decode(serialize())
    if isinstance(obj, Mapping):
        return decode(encode(obj))
    raise RecordError(f"a {type(obj).__name__} is neither a stix2 object nor a mapping")


def to_stix2(obj: Mapping[str, Any]) -> Any:
    """The ``stix2`` object of a dict;

    Custom types and properties are kept. Raises `RecordError` where stix2 refuses it.
    """
    try:
        import stix2
    except ImportError as error:
        raise RecordError("stix2 is not installed: pip install 'isthmus-sdk[stix2]'") from error
    try:
        return stix2.parse(dict(obj), allow_custom=True)
    except (stix2.exceptions.STIXError, ValueError, TypeError) as error:
        raise RecordError(f"stix2 refuses {obj.get('id', 'the object')}: {error}") from error
