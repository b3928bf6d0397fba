"""Room on the disk: a low-water mark that stops intake early, and a reserve that lets a full disk be cleaned up.

Below the mark the bus refuses new blocks while everything behind it (store, ledger, positions) can still write. Should
the disk fill up all the same, even removing old blocks needs a little room: the reserve is given up for that, and taken
again when there is room.
"""

from __future__ import annotations

import os
from pathlib import Path

MEBIBYTE = 1024 * 1024
LOW_WATER = 256 * MEBIBYTE
RESERVE = 32 * MEBIBYTE
_SMALL_DISK_SHARE = 50  # on small disks mark and reserve shrink to this fraction of the whole


class Space:
    """Watches the file system of one directory."""

    def __init__(self, directory: Path, *, low_water: int | None = None, reserve: int | None = None) -> None:
        self.directory = directory
        self.file = directory / "reserve"
        status = os.statvfs(directory)
        share = status.f_blocks * status.f_frsize // _SMALL_DISK_SHARE
        self.low_water = min(LOW_WATER, share) if low_water is None else low_water
        self.reserve = min(RESERVE, share) if reserve is None else reserve

    def free(self) -> int:
        """Bytes this process may still write."""
        status = os.statvfs(self.directory)
        return status.f_bavail * status.f_frsize

    def admits(self, size: int) -> bool:
        """Whether ``size`` more bytes leave the low-water mark untouched."""
        return self.free() - size >= self.low_water

    def take_reserve(self) -> bool:
        """Allocate the reserve where there is ample room; true if it exists afterwards."""
        if not self.reserve:
            return False
        try:
            if self.file.stat().st_size >= self.reserve:
                return True
        except FileNotFoundError:
            pass
        if self.free() < self.low_water + 2 * self.reserve:
            return False
        descriptor = os.open(self.file, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self.reserve)
        except OSError:
            self.file.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)
        return True

    def release_reserve(self) -> bool:
        """Give the reserve up; true if there was one."""
        try:
            self.file.unlink()
        except FileNotFoundError:
            return False
        return True
