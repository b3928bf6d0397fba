"""Form of a stored block: entries packed as MessagePack, compressed as one zstd frame, covered by one CRC-32.

The checksum covers everything a reader is given, offsets and metadata included, so that a changed bit anywhere in the
row is found before the row is believed.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Sequence

import msgspec
import zstandard

_FAST = zstandard.ZstdCompressionParameters(
    window_log=18,
    chain_log=6,
    hash_log=12,
    search_log=1,
    min_match=7,
    target_length=0,
    strategy=zstandard.STRATEGY_FAST,
)
"""Level 1 with a table that leaves room in the processor's first cache: as small for STIX objects, in three quarters of the time.
Higher levels cost more than they save in writing; lower ones make blocks twice as large."""
_PLACE = struct.Struct(">qqd")
_decoder = msgspec.msgpack.Decoder(list[bytes])
_encoder = msgspec.msgpack.Encoder()


class DamagedBlockError(Exception):
    """The stored bytes of a block are not the ones that were written."""


class _Contexts(threading.local):
    """zstd contexts must not be shared between threads."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(compression_params=_FAST)
        self.decompressor = zstandard.ZstdDecompressor()


_contexts = _Contexts()


def pack(entries: Sequence[bytes]) -> bytes:
    """Compressed body of a block; empty for no entries."""
    if not entries:
        return b""
    return _contexts.compressor.compress(_encoder.encode(entries))


def unpack(body: bytes, count: int) -> tuple[bytes, ...]:
    """Entries of a body. Raises `DamagedBlockError` if they are not ``count`` entries."""
    if not body:
        entries: tuple[bytes, ...] = ()
    else:
        try:
            entries = tuple(_decoder.decode(_contexts.decompressor.decompress(body)))
        except (zstandard.ZstdError, msgspec.DecodeError, MemoryError) as error:
            raise DamagedBlockError(f"cannot be unpacked: {error}") from error
    if len(entries) != count:
        raise DamagedBlockError(f"holds {len(entries)} entries, {count} were written")
    return entries


def content_checksum(block_id: bytes, key: str, meta: bytes, body: bytes) -> int:
    """Part of the checksum that is known before the block has its place."""
    head = struct.pack(">III", len(block_id), len(key), len(meta)) + block_id + key.encode() + meta
    return zlib.crc32(body, zlib.crc32(head))


def checksum(content: int, first: int, last: int, stored_at: float) -> int:
    """Checksum of the whole row."""
    return zlib.crc32(_PLACE.pack(first, last, stored_at), content)


def latest_checksum(key: str, last: int, meta: bytes) -> int:
    """Checksum of a row of the table behind `Bus.latest`."""
    return zlib.crc32(meta, zlib.crc32(f"{last} {key}".encode()))
