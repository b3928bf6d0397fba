"""Compression of object bodies. One object is too small to compress well alone, so they share a dictionary.

The dictionary is part of the file; another one may be added later without touching what is already there.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import apsw
import zstandard

from isthmus_hub.store._seed import SEED

LEVEL = 1
_THREADS_FROM = 512


class Bodies:
    """Packs and unpacks bodies with the dictionaries of one store file. Any thread may call it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._contents: dict[int, zstandard.ZstdCompressionDict] = {}
        self._local = threading.local()
        self.load(connection)

    def load(self, connection: apsw.Connection) -> None:
        """Read the dictionaries; the newest is used for packing."""
        rows: list[Any] = connection.execute("SELECT no, content FROM dictionary ORDER BY no").fetchall()
        for no, content in rows:
            if no not in self._contents:
                self._contents[no] = _dictionary(content)
        self.current = max(self._contents, default=0)

    def pack(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Compress with the current dictionary."""
        compressor = self._compressor()
        return [compressor.compress(body) for body in bodies]

    def unpack(self, dictionary: int, body: bytes) -> bytes:
        """Raises `zstandard.ZstdError` for damaged bytes, `KeyError` for an unknown dictionary."""
        decompressors = self._local.__dict__.setdefault("decompressors", {})
        decompressor = decompressors.get(dictionary)
        if decompressor is None:
            decompressor = zstandard.ZstdDecompressor(dict_data=self._contents[dictionary])
            decompressors[dictionary] = decompressor
        content: bytes = decompressor.decompress(body)
        return content

    def _compressor(self) -> zstandard.ZstdCompressor:
        made = self._local.__dict__.get("compressor")
        if made is None or made[0] != self.current:
            # the checksum lets `Store.check` find changed bits
            compressor = zstandard.ZstdCompressor(
                level=LEVEL, dict_data=self._contents[self.current], write_checksum=True, write_dict_id=False
            )
            made = self._local.compressor = (self.current, compressor)
        return made[1]


def first_dictionary() -> bytes:
    """Content of the dictionary every store begins with."""
    return SEED


def _dictionary(content: bytes) -> zstandard.ZstdCompressionDict:
    kind = zstandard.DICT_TYPE_AUTO
    dictionary = zstandard.ZstdCompressionDict(content, dict_type=kind)
    dictionary.precompute_compress(level=LEVEL)
    return dictionary
