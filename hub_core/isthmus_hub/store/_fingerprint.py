"""64 bits that tell whether what can be looked up about an object changed, at a fraction of the cost of looking.

Most versions of an object differ in counters, times and texts, and in none of its values and edges. Of the two types that
make up nearly everything, what values and edges follow from is taken out of the encoded bytes as it stands there; of the
others they are worked out. Equal fingerprints mean equal values and edges; different ones mean that they have to be
compared.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from isthmus_hub.store import _links
from isthmus_hub.store._types import Json
from isthmus_sdk import stix

_ABSENT = msgspec.Raw()
_REF = b"ref"
_REF_ELSEWHERE = ("created_by_ref", "external_references", "object_marking_refs")
"""Top-level properties whose name alone contains `_REF`, and in which no edge is looked for."""
_NOTHING = b"\n\n\n\n"


class _Facts(msgspec.Struct, gc=False):
    """What values and edges of an asset follow from, as it was written."""

    native_id: msgspec.Raw = _ABSENT
    hostname: msgspec.Raw = _ABSENT
    serial: msgspec.Raw = _ABSENT
    interfaces: msgspec.Raw = _ABSENT
    identifiers: msgspec.Raw = _ABSENT


class _Extensions(msgspec.Struct, gc=False):
    asset: _Facts | None = msgspec.field(name=stix.ASSET, default=None)
    alert: msgspec.Raw = msgspec.field(name=stix.ALERT, default=_ABSENT)


class _Infrastructure(msgspec.Struct, gc=False):
    extensions: _Extensions | None = None


_facts_in = msgspec.json.Decoder(_Infrastructure).decode
_pack = msgspec.msgpack.Encoder().encode


def fingerprint(obj: Json, encoded: bytes) -> int:
    """Of an object and its canonical JSON. 0: nothing can be looked up, or very nearly nothing.

    Values and edges are functions of what is hashed, so they are equal where fingerprints are.
    """
    type = obj["type"]
    found: bytes | None = None
    if type == "relationship":
        found = _relationship(obj)
    elif type == "infrastructure":
        found = _infrastructure(obj, encoded)
    if found is None:
        return described(obj)
    return _number(found) if found else 0


def described(obj: Json) -> int:
    """Of any object, from its values and edges themselves. Files of schema version 4 and before hold these alone."""
    values, links = _links.values_of(obj), _links.links_of(obj)
    return _number(_pack((values, links))) if values or links else 0


def _relationship(obj: Json) -> bytes | None:
    """``None`` where it is not plain."""
    extensions = obj.get("extensions")
    if extensions is not None and (
        extensions.__class__ is not dict or stix.ASSET in extensions or stix.ALERT in extensions
    ):
        return None
    ends = obj.get("source_ref"), obj.get("relationship_type"), obj.get("target_ref")
    source, kind, target = ends
    if source.__class__ is str and kind.__class__ is str and target.__class__ is str:
        return _pack(ends)
    return None


def _infrastructure(obj: Json, encoded: bytes) -> bytes | None:
    """``None`` where it is not plain: above all where anything outside its interfaces may be a reference."""
    try:
        extensions = _facts_in(encoded).extensions
    except (msgspec.MsgspecError, UnicodeError):
        return None
    facts = None
    if extensions is not None:
        if extensions.alert:
            return None
        facts = extensions.asset
    found = _NOTHING
    if facts is not None:
        found = b"%b\n%b\n%b\n%b\n%b" % (
            facts.native_id, facts.hostname, facts.serial, facts.interfaces, facts.identifiers
        )  # fmt: skip
    expected = found.count(_REF)
    for name in _REF_ELSEWHERE:
        if name in obj:
            expected += 1
    if encoded.count(_REF) != expected:
        return None
    return b"" if found == _NOTHING else found


def _number(found: bytes) -> int:
    return int.from_bytes(blake2b(found, digest_size=8).digest(), signed=True)
