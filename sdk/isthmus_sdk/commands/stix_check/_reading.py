"""Input opened for checking: a path, a named pipe or standard input; plain, gzip or zstd."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from isthmus_sdk.errors import UnexpectedReply
from isthmus_sdk.files._sniff import refuse_binary
from isthmus_sdk.files._source import CHUNK, compression_of, decoded

_SUFFIXES = (".json", ".ndjson", ".jsonl", ".stix")
_PACKED = ("", ".gz", ".zst")


@contextlib.contextmanager
def opened(name: str, standard_input: BinaryIO) -> Iterator[Callable[[], bytes]]:
    """A function that gives the text of ``name`` (``-``: standard input) piece by piece, decompressed.

    It raises ``UnexpectedReply`` for what is no text or is damaged; opening raises ``OSError``.
    """
    if name == "-":
        yield _reader("standard input", standard_input)
        return
    with Path(name).open("rb") as file:
        yield _reader(name, file)


def _reader(name: str, raw: BinaryIO) -> Callable[[], bytes]:
    peekable = raw if hasattr(raw, "peek") else io.BufferedReader(cast(io.RawIOBase, raw))
    magic = cast(io.BufferedReader, peekable).peek(4)[:4]
    source = decoded(peekable, compression_of(magic))
    plain = getattr(source, "read1", source.read)  # a pipe gives what it has, without waiting for more
    first = True

    def read() -> bytes:
        nonlocal first
        try:
            data = bytes(plain(CHUNK))
        except EOFError as error:
            raise UnexpectedReply("ends in the middle of its compressed data (cut off?)") from error
        except OSError as error:
            if source is peekable:
                raise
            raise UnexpectedReply(f"damaged compressed data: {error}") from error
        except Exception as error:  # zlib and zstandard raise their own
            raise UnexpectedReply(f"damaged compressed data: {error}") from error
        if first:
            first = False
            refuse_binary(name, data)
        return data

    return read


def expanded(names: Sequence[str]) -> list[str]:
    """``names`` with each directory replaced by the JSON files in it, at any depth, sorted."""
    found: list[str] = []
    for name in names:
        if name == "-" or not Path(name).is_dir():
            found.append(name)
            continue
        for path in sorted(Path(name).rglob("*")):
            plain = path.with_suffix("") if path.suffix in _PACKED[1:] else path
            if plain.suffix in _SUFFIXES and path.is_file():
                found.append(str(path))
    return found


__all__ = ["expanded", "opened"]
