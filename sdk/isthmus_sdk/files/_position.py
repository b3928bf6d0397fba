"""Where reading stands in one input file, as plain JSON data.

A position is a dict::

    dev, ino   device and inode of the file
    path       its name when it was read
    off        decoded bytes read (documents: records given)
    sum        fingerprint of what lies before ``off`` (documents: of the whole content)
    hdr        offset of the table header in force, where it is not the first
    doc        true for documents
    seen       [size, mtime_ns] of the file when everything in it had been read
    read       held positions only: how far records were counted, above ``off`` (see ``hold``)
    read_sum   fingerprint of what lies before ``read``

The *partition* is the name of an input file: a digest of its beginning up to the first record, so that it is the same
on every machine and under every name the file gets, with an ordinal (``…-2``) where two files begin alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, overload

from isthmus_sdk.files._source import Fingerprint, Stat

Position = Mapping[str, Any]


def partition_name(head: bytes) -> str:
    """Name for a file that begins with ``head``: 16 hexadecimal digits."""
    return hashlib.blake2b(head.rstrip(b"\r\n"), digest_size=8).hexdigest()


def base_name(partition: str) -> str:
    """The name without its ordinal."""
    return partition.partition("-")[0]


def line_position(file: Stat, offset: int, fingerprint: Fingerprint, header: int) -> dict[str, Any]:
    """Position at a line boundary."""
    position: dict[str, Any] = {
        "dev": file.device,
        "ino": file.inode,
        "path": file.path,
        "off": offset,
        "sum": fingerprint.hex(),
    }
    if header:
        position["hdr"] = header
    return position


def hold(first_open: Position, after: Position) -> dict[str, Any]:
    """A cursor for summaries: resume at ``first_open``, knowing that records up to ``after`` have been counted.

    Reading resumes at ``first_open``; pages up to ``after`` are marked ``replayed``.
    """
    held = {key: value for key, value in first_open.items() if key not in ("seen", "read", "read_sum")}
    if after["off"] > first_open["off"]:
        held["read"], held["read_sum"] = after["off"], after["sum"]
    if "seen" in after:
        held["seen"] = after["seen"]
    return held


class LinePositions(Sequence[dict[str, Any]]):
    """The position before each record of a page of lines, worked out only when asked for."""

    __slots__ = ("_file", "_fingerprint", "_header", "_kept", "_lines", "_offset")

    def __init__(
        self, file: Stat, offset: int, fingerprint: Fingerprint, header: int, lines: list[bytes], kept: list[int] | None
    ) -> None:
        self._file = file
        self._offset = offset
        self._fingerprint = fingerprint
        self._header = header
        self._lines = lines
        self._kept = kept

    def __len__(self) -> int:
        return len(self._lines if self._kept is None else self._kept)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        line = range(len(self._lines))[index] if self._kept is None else self._kept[index]
        before = b"".join(part + b"\n" for part in self._lines[:line])
        fingerprint = self._fingerprint.copy()
        fingerprint.update(before)
        return line_position(self._file, self._offset + len(before), fingerprint, self._header)


__all__ = ["LinePositions", "Position", "base_name", "hold", "line_position", "partition_name"]
