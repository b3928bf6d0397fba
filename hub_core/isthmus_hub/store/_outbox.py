"""The outbox: how resolved objects of a transaction are put into blocks, and a block's identity on the bus.

A block belongs to one partition of the bus as a whole. For `resolved` to be shared out by object, an object's versions must
always lie in blocks of one key, so the objects of a transaction are then dealt into buckets by their ids. That makes up to
`BUCKETS` blocks, each with a flush of its own, out of what would be one; it is done only where it is asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from hashlib import blake2b

import apsw
import msgspec
import zstandard

from isthmus_hub.store._types import OutboxBlock

BUCKETS = 16
_BLOCK_ENTRIES = 1_000
_BLOCK_BYTES = 4 * 1024 * 1024
Entry = tuple[str, bytes]
"""Id and encoded object."""
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[bytes]).decode


def bucket_key(id: str) -> str:
    """Key of the blocks that an object's versions lie in: the same in every process, whatever else is told with it.

    Up to eight partitions, none is left without a key.
    """
    return f"resolved/{zlib.crc32(id.encode()) % BUCKETS}"


def write(connection: apsw.Connection, entries: Iterable[Entry], *, by_object: bool) -> None:
    """Queue these objects, in order: of all, or of each bucket where they are dealt out ``by_object``."""
    buckets: dict[str, list[bytes]] = {}
    for id, encoded in entries:
        buckets.setdefault(bucket_key(id) if by_object else "", []).append(encoded)
    compressor = zstandard.ZstdCompressor(level=1, write_checksum=True)
    connection.executemany(
        "INSERT INTO outbox (entries, body, key) VALUES (?, ?, ?)",
        [
            (len(block), compressor.compress(_pack(block)), key)
            for key, bucket in buckets.items()
            for block in _blocks(bucket)
        ],
    )


def block(store_id: bytes, seq: int, body: bytes, key: str) -> OutboxBlock:
    """An outbox row as a block of the bus. Its id follows from the store, the row's number and its content alone."""
    block_id = blake2b(b"resolved" + store_id + seq.to_bytes(8) + body, digest_size=16).digest()
    return OutboxBlock(seq, block_id, tuple(_unpack(zstandard.ZstdDecompressor().decompress(body))), key)


def _blocks(entries: list[bytes]) -> Iterator[list[bytes]]:
    found: list[bytes] = []
    size = 0
    for entry in entries:
        if found and (len(found) >= _BLOCK_ENTRIES or size + len(entry) > _BLOCK_BYTES):
            yield found
            found, size = [], 0
        found.append(entry)
        size += len(entry)
    if found:
        yield found
