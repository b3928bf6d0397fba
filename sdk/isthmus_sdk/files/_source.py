"""One input file, opened for reading: plain, gzip or zstd, with its fingerprint kept while it is read.

Compression is told by the first bytes, not by the name. Every offset in this package counts *decoded* bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from isthmus_sdk.errors import TooLarge, UnexpectedReply

Compression = Literal["", "gzip", "zstd"]

CHUNK = 1 << 18
"""Decoded bytes read at once."""
FULL = 16 << 20
"""A fingerprint covers this many bytes from the beginning of a file ..."""
TAIL = 4096
"""... and this many before the offset, so that checking it stays cheap on a large file."""
MAX_DECODED = 64 << 30
"""Decoded bytes one compressed file may hold."""
MAX_RATIO = 1000
"""Decoded bytes for each compressed byte, judged above ``RATIO_FROM``: what unpacks further is a bomb, not a log."""
RATIO_FROM = 256 << 20
ZSTD_WINDOW = 1 << 27
ZSTD_PIECE = 256
"""Compressed bytes given to zstd at once. A block of four bytes may hold 128 KiB, so one piece gives 8 MiB at most."""

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class Vanished(Exception):
    """Rotation took the file away between listing and opening; the next run sees what became of it."""


@dataclass(frozen=True, slots=True)
class Stat:
    """What the file system says about one file."""

    path: str
    device: int
    inode: int
    size: int
    mtime_ns: int
    changed_ns: int
    """The later of content and inode change: a copy that keeps the original's time still shows here."""

    @property
    def inode_key(self) -> tuple[int, int]:
        """Device and inode: one file under whatever name."""
        return (self.device, self.inode)

    @property
    def seen(self) -> list[int]:
        """Size and time, as a position remembers them: unchanged means nothing new to read."""
        return [self.size, self.mtime_ns]


def file_stat(path: str, result: os.stat_result) -> Stat:
    """The parts of a stat result that identify a file and its state."""
    return Stat(
        path=path,
        device=result.st_dev,
        inode=result.st_ino,
        size=result.st_size,
        mtime_ns=result.st_mtime_ns,
        changed_ns=max(result.st_mtime_ns, result.st_ctime_ns),
    )


class Fingerprint:
    """Digest of what has been read so far: the first ``FULL`` bytes and the last ``TAIL`` bytes."""

    __slots__ = ("_hash", "_length", "_tail")

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._length = 0
        self._tail = b""

    def update(self, data: bytes | memoryview) -> None:
        """Take the bytes that follow."""
        if self._length < FULL:
            self._hash.update(data[: FULL - self._length])
        self._length += len(data)
        last = bytes(data[-TAIL:])
        self._tail = last if len(last) == TAIL else (self._tail + last)[-TAIL:]

    def copy(self) -> Fingerprint:
        """An independent fingerprint in the same state."""
        twin = Fingerprint.__new__(Fingerprint)
        twin._hash, twin._length, twin._tail = self._hash.copy(), self._length, self._tail
        return twin

    def skip_to(self, length: int, tail: bytes) -> None:
        """Go on at ``length`` (not below ``FULL``) with the bytes that precede it."""
        self._length, self._tail = length, tail[-TAIL:]

    def hex(self) -> str:
        """32 hexadecimal digits."""
        both = self._hash.copy()
        both.update(self._tail)
        return both.hexdigest()


class Source:
    """A file being read. Context manager; raises ``Vanished``, ``PermissionError`` and other ``OSError``.

    ``offset`` counts decoded bytes; ``fingerprint`` covers exactly the bytes before it.
    """

    def __init__(self, path: str, *, max_decoded: int = MAX_DECODED) -> None:
        self.path = path
        self.name = Path(path).name
        self.offset = 0
        self.fingerprint = Fingerprint()
        self.track = True
        """Whether ``read`` keeps the fingerprint; a reader that keeps its own turns it off."""
        self._max_decoded = max_decoded
        try:
            # Non-blocking, so that a named pipe in the folder cannot hold the stream up.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise Vanished(path) from error
        self._raw: BinaryIO = io.FileIO(descriptor, closefd=True)
        try:
            self.stat = _regular(path, os.fstat(descriptor))
            self.compression = compression_of(os.pread(descriptor, 4, 0))
            self._decoded = decoded(self._raw, self.compression)
        except BaseException:
            self._raw.close()
            raise

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    def read(self, size: int = CHUNK) -> bytes:
        """At most ``size`` decoded bytes, ``b""`` at the end. Raises ``UnexpectedReply`` or ``TooLarge``."""
        data = self._take(size)
        if self.track:
            self.fingerprint.update(data)
        return data

    def go_to(self, offset: int) -> bool:
        """Advance to ``offset`` with the fingerprint of what lies before it; false if the file is shorter."""
        if self.compression or offset <= FULL + TAIL:
            return self._read_through(offset)
        if not self._read_through(FULL):
            return False
        self._raw.seek(offset - TAIL)
        tail = _exactly(self._raw, TAIL)
        self.offset = offset
        self.fingerprint.skip_to(offset, tail)
        return len(tail) == TAIL

    def _read_through(self, offset: int) -> bool:
        while self.offset < offset:
            if not self.read(min(CHUNK, offset - self.offset)):
                return False
        return True

    def _take(self, size: int) -> bytes:
        try:
            data = self._decoded.read(size) or b""
        except EOFError as error:
            raise UnexpectedReply(
                f"{self.path}: ends in the middle of its compressed data (cut off or still written)"
            ) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise UnexpectedReply(f"{self.path}: damaged gzip data after {self.offset} decoded bytes") from error
        except OSError:
            raise
        except Exception as error:  # zstandard raises its own ZstdError, known only once it is imported
            raise UnexpectedReply(
                f"{self.path}: damaged {self.compression} data after {self.offset} decoded bytes"
            ) from error
        self.offset += len(data)
        if self.compression:
            self._guard()
        return data

    def _guard(self) -> None:
        if self.offset > self._max_decoded:
            raise TooLarge(f"{self.path}: unpacks to more than {self._max_decoded} bytes")
        if self.offset > RATIO_FROM and self.offset > MAX_RATIO * max(self.stat.size, 1):
            raise TooLarge(f"{self.path}: unpacks to more than {MAX_RATIO} times its size")


def decoded(raw: BinaryIO, compression: Compression) -> BinaryIO:
    """``raw`` decompressed; read it with ``read(size)``."""
    if compression == "gzip":
        return _GzipReader(raw)  # type: ignore[return-value]
    if compression == "zstd":
        return _ZstdReader(raw)  # type: ignore[return-value]
    return raw


class _GzipReader:
    """The standard library's reader, giving what it has before it finds out that the file is cut off."""

    def __init__(self, raw: BinaryIO) -> None:
        self._file = gzip.GzipFile(fileobj=raw, mode="rb")

    def read(self, size: int) -> bytes:
        return self._file.read1(size)


class _ZstdReader:
    """zstandard's stream reader, made strict: a frame that stops in the middle is an error, not an end."""

    def __init__(self, raw: BinaryIO) -> None:
        import zstandard

        self._raw = raw
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
        self._frame = self._decompressor.decompressobj()
        self._ahead = b""
        self._input = b""
        self._output = b""
        self._inside = False

    def read(self, size: int) -> bytes:
        while not self._output:
            if not self._input:
                self._input, self._ahead = self._ahead[:ZSTD_PIECE], self._ahead[ZSTD_PIECE:]
            if not self._input:
                self._ahead = self._raw.read(8192) or b""
                self._input, self._ahead = self._ahead[:ZSTD_PIECE], self._ahead[ZSTD_PIECE:]
            if not self._input:
                if self._inside:
                    raise EOFError
                return b""
            self._inside = True
            self._output = self._frame.decompress(self._input)
            self._input = b""
            if self._frame.eof:
                self._input = self._frame.unused_data
                self._frame = self._decompressor.decompressobj()
                self._inside = False
        data, self._output = self._output[:size], self._output[size:]
        return data


def _regular(path: str, result: os.stat_result) -> Stat:
    if not stat.S_ISREG(result.st_mode):
        raise UnexpectedReply(f"{path}: is not a regular file")
    return file_stat(path, result)


def compression_of(magic: bytes) -> Compression:
    """How a file with these first four bytes is compressed."""
    if magic[:2] == _GZIP:
        return "gzip"
    return "zstd" if magic == _ZSTD else ""


def _exactly(raw: BinaryIO, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = raw.read(size - len(data))
        if not piece:
            break
        data += piece
    return data


__all__ = [
    "CHUNK",
    "FULL",
    "TAIL",
    "Compression",
    "Fingerprint",
    "Source",
    "Stat",
    "Vanished",
    "compression_of",
    "decoded",
    "file_stat",
]
