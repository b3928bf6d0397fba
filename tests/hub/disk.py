"""A disk for tests: it can fail at a chosen moment, run full, and lose its power.

It sits below SQLite as a VFS. Besides the real files it keeps, per file, the image that a power cut would leave: what was
written up to the last flush, and of the rest whatever a seeded generator picks, sector by sector.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512
_names = itertools.count()


class Disk(apsw.VFS):
    """Use ``disk.name`` as the VFS of a connection."""

    def __init__(self) -> None:
        self.name = f"test-disk-{next(_names)}"
        self.calls = 0
        """Writes, truncations and flushes so far."""
        self.fail_at: int | None = None
        self.error: type[Exception] = apsw.IOError
        self.before_call: Callable[[], None] | None = None
        self.capacity: int | None = None
        self.files: dict[Path, _Image] = {}
        self.ghosts: dict[Path, _Image] = {}
        """Files that were removed, and may be back after a power cut."""
        self.moment = threading.RLock()
        """Held for one call: several threads may use the disk, and a power cut takes all files at the same moment."""
        super().__init__(self.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> _File:
        return _File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        with self.moment:
            self.turn()
            gone = self.files.pop(Path(filename), None)
            super().xDelete(filename, syncdir)
            if gone is not None and not syncdir:
                self.ghosts[Path(filename)] = gone  # its name is still in the directory on the disk

    def turn(self) -> None:
        """Called before everything that reaches the disk."""
        self.calls += 1
        if self.before_call is not None:
            self.before_call()
        if self.calls == self.fail_at:
            raise self.error(f"the test disk fails at call {self.calls}")

    def room_for(self, path: Path, end: int) -> None:
        """Fail like a full disk where ``end`` bytes of ``path`` exceed the capacity."""
        if self.capacity is None:
            return
        used = sum(len(image.now) for other, image in self.files.items() if other != path)
        if used + max(end, len(self.files[path].now)) > self.capacity:
            raise apsw.FullError("the test disk is full")

    def sync_directory(self, path: Path) -> None:
        """To stand in for the function of that name: removed files are gone for good."""
        with self.moment:
            self.turn()
            self.ghosts = {ghost: image for ghost, image in self.ghosts.items() if ghost.parent != path}

    def power_cut(self, target: Path, seed: int) -> None:
        """Write into ``target`` what would be found after a power cut at this moment."""
        generator = random.Random(seed)
        target.mkdir(parents=True)
        back = {
            path: image for path, image in self.ghosts.items() if path not in self.files and generator.random() < 0.5
        }
        for path, image in (back | self.files).items():
            (target / path.name).write_bytes(image.after_power_cut(generator))


class _Image:
    """Content of one file: as the program sees it, as flushed, and the writes in between."""

    def __init__(self, content: bytes) -> None:
        self.now = bytearray(content)
        self.flushed = bytearray(content)
        self.pending: list[tuple[int, bytes]] = []

    def write(self, data: bytes, offset: int) -> None:
        _put(self.now, data, offset)
        self.pending.append((offset, data))

    def truncate(self, size: int) -> None:
        del self.now[size:]
        self.pending.append((size, b""))

    def flush(self) -> None:
        self.flushed = bytearray(self.now)
        self.pending = []

    def after_power_cut(self, generator: random.Random) -> bytes:
        content = bytearray(self.flushed)
        for offset, data in self.pending:
            if not data:
                if generator.random() < 0.5:
                    del content[offset:]
                continue
            for start in range(0, len(data), SECTOR):
                if generator.random() < 0.5:
                    _put(content, data[start : start + SECTOR], offset + start)
        return bytes(content)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self.disk = disk
        self.path = Path(name if isinstance(name, str) else name.filename())
        if self.path not in disk.files:
            disk.files[self.path] = _Image(self.path.read_bytes() if self.path.exists() else b"")
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        with self.disk.moment:
            self.disk.turn()
            self.disk.room_for(self.path, offset + len(data))
            super().xWrite(data, offset)
            self.disk.files[self.path].write(bytes(data), offset)

    def xTruncate(self, size: int) -> None:
        with self.disk.moment:
            self.disk.turn()
            super().xTruncate(size)
            self.disk.files[self.path].truncate(size)

    def xSync(self, flags: int) -> None:
        with self.disk.moment:
            self.disk.turn()
            super().xSync(flags)
            self.disk.files[self.path].flush()


def _put(content: bytearray, data: bytes, offset: int) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data
