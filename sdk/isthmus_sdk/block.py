"""The unit that leaves a worker and is stored on the bus: the objects of one page, with the cursor before and after."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import msgspec

BLOCK_BYTES = 8 * 1024 * 1024
"""A page whose objects need more than this is sent as several blocks; only the last one advances the cursor."""


class Block(msgspec.Struct, kw_only=True):
    """Encoded objects of one page (or a part of it). ``records = mapped + ignored + quarantined``.

    Of a page in several parts, the last part carries the counts and the new cursor.
    """

    block_id: bytes
    """16 bytes; the same page after a restart gives the same id, so a second append is recognised."""
    stream: str
    partition: str = ""
    fingerprint: str = ""
    """Of the query: stream, model fields, settings. A cursor of another fingerprint is not continued."""
    cursor_before: bytes
    cursor_after: bytes
    observed_at: str
    objects: list[bytes]
    records: int = 0
    mapped: int = 0
    ignored: dict[str, int] = msgspec.field(default_factory=dict)
    quarantined: int = 0
    page: int = 0
    raw_bytes: int = 0
    """Size of the records as they came."""


def block_id(
    hub: str, instance: str, stream: str, fingerprint: str, cursor_before: bytes, objects: Iterable[bytes]
) -> bytes:
    """``blake2b(hub, instance, stream, query fingerprint, cursor before, digest of the payload)``, 16 bytes."""
    # Joined first: one call of the hash for all of them.
    payload = blake2b(
        b"".join([part for encoded in objects for part in (len(encoded).to_bytes(8, "big"), encoded)]), digest_size=32
    )
    whole = blake2b(digest_size=16)
    for part in (
        hub.encode(),
        instance.encode(),
        stream.encode(),
        fingerprint.encode(),
        cursor_before,
        payload.digest(),
    ):
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.digest()


def parts(objects: list[bytes], limit: int = BLOCK_BYTES) -> list[list[bytes]]:
    """Objects cut, in order, into runs of at most ``limit`` bytes; always at least one run, a run never empty but then."""
    cut: list[list[bytes]] = [[]]
    size = 0
    for encoded in objects:
        if cut[-1] and size + len(encoded) > limit:
            cut.append([])
            size = 0
        cut[-1].append(encoded)
        size += len(encoded)
    return cut


__all__ = ["BLOCK_BYTES", "Block", "block_id", "parts"]
