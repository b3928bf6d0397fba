"""Blocks as NATS messages: subjects, headers, parts. Pure.

A block is one message on ``<prefix>.<stream>.block.<key>``; one that is larger than the server takes is preceded, without
anything between, by messages on ``<prefix>.<stream>.part``. The last message makes it a block: parts that no block follows
(their publisher died, or somebody else came between) are no entries, and nobody reads them.

Header ``Isthmus-Block`` says the place: ``first last parts stored_at``. Every message has it, parts too, and ``first``
never decreases with the sequence number; that is what seeking bisects.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from isthmus_hub.bus import _codec
from isthmus_hub.bus._values import StoredBlock

PLACE: Final = "Isthmus-Block"
META: Final = "Isthmus-Meta"
MESSAGE_ID: Final = "Nats-Msg-Id"
_LONGEST_TOKEN = 200
_META_IN_HEADER = 16 * 1024
HEADER_ROOM: Final = 32 * 1024
"""What headers of one message may take."""


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """What the messages of a block carry together."""

    checksum: int
    count: int
    size: int
    block_id: bytes
    key: str
    meta: bytes
    body: bytes


_decoder = msgspec.msgpack.Decoder(Envelope)
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block stands."""

    first: int
    last: int
    parts: int
    stored_at: float

    def __str__(self) -> str:
        return f"{self.first} {self.last} {self.parts} {self.stored_at!r}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Raises `DamagedBlockError`."""
        try:
            first, last, parts, stored_at = text.split(" ")
            return cls(int(first), int(last), int(parts), float(stored_at))
        except ValueError as error:
            raise _codec.DamagedBlockError("the place of the message cannot be read") from error


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a stream, as it was read."""

    seq: int
    subject: str
    headers: Mapping[str, str]
    data: bytes

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a block and not its end."""
        return self.subject.endswith(".part")

    @property
    def place(self) -> Place:
        """Raises `DamagedBlockError`."""
        return Place.parse(self.headers.get(PLACE, ""))

    @property
    def block_id(self) -> bytes:
        """Of the block it ends. Raises `DamagedBlockError`."""
        try:
            return bytes.fromhex(self.headers[MESSAGE_ID].partition(".")[0])
        except (KeyError, ValueError) as error:
            raise _codec.DamagedBlockError("the id of the message cannot be read") from error


class Block:
    """A block on its way to the server: packed once, placed as often as it takes."""

    def __init__(self, entries: Sequence[bytes], block_id: bytes, key: str, meta: bytes, size: int) -> None:
        self.block_id = block_id
        self.key = key
        self.meta = meta
        self.span = max(len(entries), 1)
        self._count = len(entries)
        self._size = size
        self._body = _codec.pack(entries)
        self._content = _codec.content_checksum(block_id, key, meta, self._body)

    def wire(self, first: int, stored_at: float, limit: int) -> tuple[Place, list[bytes]]:
        """Its place and the data of its messages, each of at most ``limit`` bytes."""
        last = first + self.span - 1
        checksum = _codec.checksum(self._content, first, last, stored_at)
        data = _encode(Envelope(checksum, self._count, self._size, self.block_id, self.key, self.meta, self._body))
        parts = [data[start : start + limit] for start in range(0, len(data), limit)]
        return Place(first, last, len(parts), stored_at), parts

    def headers(self, place: Place, *, again: bool) -> dict[str, str]:
        """Of the message that ends it. A small ``meta`` is repeated there, so that it is found without the data.

        ``again``: the server remembers the id of a message that retention has removed since, so it is told another.
        """
        written = self.block_id.hex()
        headers = {PLACE: str(place), MESSAGE_ID: f"{written}.{place.first}" if again else written}
        if len(self.meta) <= _META_IN_HEADER:
            check = _codec.latest_checksum(self.key, place.last, self.meta)
            headers[META] = f"{check} {text(self.key.encode())} {text(self.meta)}"
        return headers


def read_meta(message: Message) -> tuple[str, int, bytes] | None:
    """Key, last offset and meta out of the headers; ``None`` where the whole block has to be read for them."""
    try:
        check, key, meta = message.headers[META].split(" ")
        found = untext(key).decode(), message.place.last, untext(meta)
        return found if int(check) == _codec.latest_checksum(*found) else None
    except (KeyError, ValueError, _codec.DamagedBlockError):
        return None


def assemble(messages: Iterable[Message]) -> Iterator[tuple[Message, bytes | None]]:
    """Ends of blocks with the whole data; ``None`` where a part is missing. Parts without an end are passed over.

    Parts of different blocks cannot be told apart here where some are missing: the checksum does that.
    """
    parts: list[Message] = []
    for message in messages:
        if message.is_part:
            parts.append(message)
            continue
        try:
            before = message.place.parts - 1
        except _codec.DamagedBlockError:
            before = len(parts) + 1
        whole = len(parts) >= before
        yield message, b"".join(part.data for part in parts[len(parts) - before :]) + message.data if whole else None
        parts = []


def decode(message: Message, data: bytes | None) -> tuple[StoredBlock, int]:
    """The block and the size of its entries, verified. Raises `DamagedBlockError`."""
    place = message.place
    if data is None:
        raise _codec.DamagedBlockError("a part of the block is missing")
    try:
        held = _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise _codec.DamagedBlockError(f"cannot be read: {error}") from error
    content = _codec.content_checksum(held.block_id, held.key, held.meta, held.body)
    if held.checksum != _codec.checksum(content, place.first, place.last, place.stored_at):
        raise _codec.DamagedBlockError("the checksum does not match")
    entries = _codec.unpack(held.body, held.count)
    return (
        StoredBlock(place.first, place.last, held.block_id, held.key, held.meta, place.stored_at, entries),
        held.size,
    )


def cut(block: StoredBlock, offset: int) -> StoredBlock:
    """The block from ``offset`` on."""
    entries = block.entries[offset - block.first :]
    return StoredBlock(offset, block.last, block.block_id, block.key, block.meta, block.stored_at, entries)


def token(name: str) -> str:
    """A key or group as one token of a subject; different names have different tokens."""
    written = text(name.encode())
    return f"k{written}" if len(written) <= _LONGEST_TOKEN else f"h{hashlib.sha256(name.encode()).hexdigest()}"


def text(value: bytes) -> str:
    """Bytes as letters that fit into headers and subjects."""
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def untext(value: str) -> bytes:
    """The bytes of a `text`. Raises ``ValueError``."""
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from error


__all__ = [
    "HEADER_ROOM",
    "MESSAGE_ID",
    "META",
    "PLACE",
    "Block",
    "Envelope",
    "Message",
    "Place",
    "assemble",
    "cut",
    "decode",
    "read_meta",
    "text",
    "token",
    "untext",
]
