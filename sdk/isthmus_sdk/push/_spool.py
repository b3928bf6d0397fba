"""The spool: messages that were received, on disk and in order, until what they became is durable on the bus.

A directory of segments, each named by the offset at which it begins (``00000000000000000000.spool``); an offset counts
bytes over the whole life of the spool. A message is a frame: length, CRC-32 of the body, CRC-32 of these
two (each 4 bytes, big-endian), and the body as MessagePack.
The hub writes and trims, a run reads up to the offset that was durable when it began.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from isthmus_sdk.errors import SourceError

SUFFIX = ".spool"
_SUMS = struct.Struct(">II")
HEAD = struct.Struct(">III")
LARGEST = 16 << 20
"""Bytes of the largest frame; a length above it is damage."""
EXCERPT = 1 << 16
"""Bytes of what is damaged that are kept."""


class Message(msgspec.Struct, frozen=True, array_like=True):
    """One message as it was received."""

    body: bytes
    at: int
    """When, in milliseconds since 1970."""
    peer: str = ""
    """From which address."""
    delivery: bytes = b""
    """Digest of the sender's delivery id."""
    cut: int = 0
    """Bytes it had, where it was above the cap and ``body`` is its beginning; -1: it broke off."""


class Read(NamedTuple):
    """A frame in its place; ``message`` is ``None`` where the bytes from there to the end of the segment are damaged."""

    start: int
    end: int
    message: Message | None
    excerpt: bytes = b""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Message)


def frame(message: Message) -> bytes:
    """A message as it stands in a segment."""
    body = _ENCODER.encode(message)
    length, crc = len(body), zlib.crc32(body)
    return HEAD.pack(length, crc, zlib.crc32(_SUMS.pack(length, crc))) + body


def _announced(head: bytes) -> tuple[int, int] | None:
    """Length and sum of the body that follows; ``None`` where the head itself is damaged."""
    if len(head) < HEAD.size:
        return None
    length, crc, check = HEAD.unpack_from(head)
    return (length, crc) if check == zlib.crc32(_SUMS.pack(length, crc)) and length <= LARGEST else None


def segments(directory: Path) -> list[tuple[int, Path]]:
    """Beginning and file of each segment, in order."""
    names = [path for path in directory.glob("*" + SUFFIX) if path.stem.isdigit()]
    return sorted((int(path.stem), path) for path in names)


def read(directory: Path, offset: int, until: int | None = None) -> Iterator[Read]:
    """Frames from ``offset`` on, up to ``until``. Raises ``SourceError`` where a segment cannot be read."""
    for base, path in segments(directory):
        if until is not None and base >= until:
            return
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                end = size if until is None else min(size, until - base)
                start = max(0, offset - base)
                if start < end:
                    file.seek(start)
                    yield from _frames(file, base, start, end)
        except FileNotFoundError:
            continue  # trimmed since it was listed: everything in it is on the bus
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror or error}") from None


def _frames(file: BinaryIO, base: int, at: int, end: int) -> Iterator[Read]:
    while at < end:
        length, crc = _announced(file.read(HEAD.size)) or (0, 0)
        body = file.read(length) if length <= end - at - HEAD.size else b""
        message = _message(body, length, crc)
        if message is None:
            file.seek(at)
            yield Read(base + at, base + end, None, file.read(min(EXCERPT, end - at)))
            return
        after = at + HEAD.size + length
        yield Read(base + at, base + after, message)
        at = after


def torn(found: Read) -> bool:
    """Whether unreadable bytes at the very end are a write that was cut short, so that nobody was told of it."""
    head = found.excerpt[: HEAD.size]
    if len(head) < HEAD.size or not any(head):
        return True
    announced = _announced(head)
    return announced is not None and announced[0] > found.end - found.start - HEAD.size


def _message(body: bytes, length: int, crc: int) -> Message | None:
    if len(body) != length or not length or zlib.crc32(body) != crc:
        return None
    try:
        return _DECODER.decode(body)
    except msgspec.MsgspecError:
        return None


__all__ = ["SUFFIX", "Message", "Read", "frame", "read", "segments", "torn"]
