"""The content hash from canonical bytes, where encoding the object again would only repeat work."""

from __future__ import annotations

from hashlib import blake2b

from isthmus_hub.store._types import Json
from isthmus_sdk import stix

_CREATED = b'"created":'
_MODIFIED = b'"modified":'


def content_hash(body: Json, encoded: bytes) -> bytes:
    """`stix.content_hash` of ``body``, whose canonical JSON (sorted keys, no spaces) is ``encoded``.

    Where ``created`` and ``modified`` appear once each they are the object's own and are cut out of the bytes. Inside a
    JSON string every quote is escaped, so these bytes can only be the name of a member. ``created`` is nearly always the
    first member, and then it is the object's own whatever follows.
    """
    if "valid_from" in body:
        return stix.content_hash(body)
    created, modified = body.get("created"), body.get("modified")
    if created is None and modified is None:
        return blake2b(encoded, digest_size=16).digest()
    if created.__class__ is not str or modified.__class__ is not str:
        return stix.content_hash(body)
    first, member = b'{"created":"%b",' % created.encode(), b'"modified":"%b",' % modified.encode()
    where = encoded.find(_MODIFIED)
    rest = where + len(member)
    # another member of that name, or a text that is written with escapes
    if not encoded.startswith(member, where) or encoded.find(_MODIFIED, rest) >= 0:
        return stix.content_hash(body)
    if encoded.startswith(first):
        return blake2b(b"{" + encoded[len(first) : where] + encoded[rest:], digest_size=16).digest()
    if encoded.count(_CREATED) != 1:
        return stix.content_hash(body)
    left = (encoded[:where] + encoded[rest:]).replace(first[1:], b"", 1)
    if len(left) != len(encoded) - len(member) - len(first) + 1:
        return stix.content_hash(body)
    return blake2b(left, digest_size=16).digest()
