"""Compression of object bodies. One object is too small to compress well alone, so they share a dictionary.

A new store begins with a general one. As soon as it has seen enough objects it learns its own from them, once: that halves
both the space and the time. Dictionaries are rows of the file, and each body names the one it was packed with.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import apsw
import zstandard

from isthmus_hub.store._seed import SEED

LEVEL = 1
LEARN_FROM = 2_000
"""Bodies after which a store learns its own dictionary."""
LEARNED_BYTES = 32 * 1024


class Bodies:
    """Packs and unpacks bodies with the dictionaries of one store file. Any thread may call it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._contents: dict[int, zstandard.ZstdCompressionDict] = {}
        self._local = threading.local()
        self._samples: list[bytes] = []
        self._void: int | None = None
        self.current = 0
        self.load(connection)

    def load(self, connection: apsw.Connection) -> None:
        """Read the dictionaries that are new; the newest is used for packing."""
        if connection.execute("SELECT max(no) FROM dictionary").get == self.current:
            return
        rows: Any = connection.execute("SELECT no, content FROM dictionary WHERE no > ?", (self.current,)).fetchall()
        self._contents |= {no: _dictionary(content) for no, content in rows}
        self.current = max(self._contents)

    def pack(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Compress with the current dictionary."""
        compressor = self._compressor()
        if self.current == _GENERAL and len(self._samples) < LEARN_FROM:
            self._samples += bodies[: LEARN_FROM - len(self._samples)]
        return [compressor.compress(body) for body in bodies]

    def learn(self, connection: apsw.Connection) -> None:
        """Make a dictionary from what was packed, as soon as that is enough; part of the running transaction."""
        if self.current != _GENERAL or len(self._samples) < LEARN_FROM:
            return
        samples, self._samples = self._samples, []
        try:
            content = zstandard.train_dictionary(LEARNED_BYTES, list(samples), level=LEVEL).as_bytes()
        except zstandard.ZstdError:
            return  # too uniform to learn from; the general one does
        connection.execute("INSERT INTO dictionary (content) VALUES (?)", (content,))
        self.load(connection)
        self._void = self.current

    def committed(self) -> None:
        """What was learned in the transaction is in the file."""
        self._void = None

    def rolled_back(self) -> None:
        """What was learned in the transaction is not in the file."""
        if self._void is not None:
            self._contents.pop(self._void)
            self.current, self._void = max(self._contents), None

    def unpack(self, dictionary: int, body: bytes) -> bytes:
        """Raises `zstandard.ZstdError` for damaged bytes, `KeyError` for an unknown dictionary."""
        decompressors: dict[int, Any] = self._local.__dict__.setdefault("decompressors", {})
        content = self._contents[dictionary]
        known = decompressors.get(dictionary)
        if known is None or known[0] is not content:
            known = decompressors[dictionary] = (content, zstandard.ZstdDecompressor(dict_data=content))
        unpacked: bytes = known[1].decompress(body)
        return unpacked

    def _compressor(self) -> zstandard.ZstdCompressor:
        made = self._local.__dict__.get("compressor")
        content = self._contents[self.current]
        if made is None or made[0] is not content:
            # the checksum lets `Store.check` find changed bits
            compressor = zstandard.ZstdCompressor(
                level=LEVEL, dict_data=content, write_checksum=True, write_dict_id=False
            )
            made = self._local.compressor = (content, compressor)
        return made[1]


_GENERAL = 1


def first_dictionary() -> bytes:
    """Content of the dictionary every store begins with."""
    return SEED


def _dictionary(content: bytes) -> zstandard.ZstdCompressionDict:
    dictionary = zstandard.ZstdCompressionDict(content)
    dictionary.precompute_compress(level=LEVEL)
    return dictionary
