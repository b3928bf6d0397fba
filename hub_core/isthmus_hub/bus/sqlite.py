"""The embedded engine: one SQLite file per stream, in one directory.

Any number of threads and processes may publish and read. Threads of one process share flushes (group commit); processes
take turns. Blocks are zstd-compressed, so a million STIX objects take little more than 100 MB.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path

from isthmus_hub._sqlite import sync_directory
from isthmus_hub.bus import _scan
from isthmus_hub.bus._log import Log, Pending
from isthmus_hub.bus._space import Space
from isthmus_hub.bus._subscription import Subscription
from isthmus_hub.bus.api import (
    EARLIEST,
    MAX_BLOCK_BYTES,
    Ack,
    BlockRefused,
    Bus,
    CheckReport,
    Earliest,
    Group,
    Health,
    Latest,
    Offset,
    OffsetExpired,
    Retained,
    Start,
    StorageFault,
    StoredBlock,
    StreamHealth,
)
from isthmus_sdk.errors import ConfigurationError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class SqliteBus(Bus):
    """Streams as files ``<stream>.sqlite`` in ``directory``, which is created if need be.

    ``low_water``: bytes of the disk that must stay free for publishing to go on; ``reserve``: bytes set aside for
    cleaning up a full disk. Both shrink by themselves on small disks.
    """

    def __init__(
        self, directory: Path, *, low_water: int | None = None, reserve: int | None = None, vfs: str | None = None
    ) -> None:
        self.directory = Path(directory)
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(self.directory.parent)
        except OSError as error:
            raise ConfigurationError(f"{self.directory}: cannot be created ({error.strerror})") from error
        self._space = Space(self.directory, low_water=low_water, reserve=reserve)
        self._space.take_reserve()
        self._vfs = vfs
        self._logs: dict[str, Log] = {}
        self._lock = threading.Lock()
        self._closed = False

    def publish(
        self,
        stream: str,
        entries: Sequence[bytes],
        *,
        block_id: bytes,
        key: str = "",
        meta: bytes = b"",
        timeout: float | None = None,
    ) -> Ack:
        size = sum(map(len, entries))
        if size > MAX_BLOCK_BYTES:
            raise BlockRefused(f"stream {stream}: a block of {size} bytes exceeds {MAX_BLOCK_BYTES}; split it")
        if not block_id:
            raise BlockRefused(f"stream {stream}: the block id is empty")
        item = Pending(entries, bytes(block_id), key, bytes(meta), size)
        return self._writable(stream).publish(item, timeout)

    def read(self, stream: str, offset: int = 0, limit_blocks: int = 64) -> list[StoredBlock]:
        log = self._existing(stream)
        return [] if log is None else _scan.read(log, offset, max(limit_blocks, 1))

    def wait(self, stream: str, after_offset: int, timeout: float | None = None) -> bool:
        return self._writable(stream).wait(after_offset, timeout)

    def end(self, stream: str) -> int:
        log = self._existing(stream)
        return 0 if log is None else log.head()[1]

    def latest(self, stream: str, key_prefix: str = "") -> dict[str, tuple[int, bytes]]:
        log = self._existing(stream)
        return {} if log is None else log.latest(key_prefix)

    def subscribe(
        self, stream: str, group: str | None, *, from_: Start = EARLIEST, max_blocks: int = 64
    ) -> Subscription:
        log = self._writable(stream)
        known = None if group is None else log.position(group)
        if isinstance(from_, Offset) or known is None:
            position = self._position(log, from_)
        else:
            position = known
        if group is not None and known is None:
            log.set_position(group, position, back=True)
        return Subscription(self, stream, group, position, max_blocks)

    def commit(self, stream: str, group: str, offset: int) -> None:
        self._writable(stream).set_position(group, offset, back=False)

    def groups(self, stream: str) -> list[Group]:
        log = self._existing(stream)
        return [] if log is None else log.groups()

    def seek(self, stream: str, group: str, to: Start) -> int:
        log = self._writable(stream)
        position = self._position(log, to)
        log.set_position(group, position, back=True)
        return position

    def forget(self, stream: str, group: str) -> bool:
        log = self._existing(stream)
        return log is not None and log.forget(group)

    def streams(self) -> list[str]:
        return sorted(file.stem for file in self.directory.glob("*.sqlite"))

    def retain(self, stream: str, *, max_age: float | None = None, max_bytes: int | None = None) -> Retained:
        log = self._existing(stream)
        if log is None:
            return Retained(0, 1)
        if not self._space.admits(0):
            self._space.release_reserve()
        try:
            return log.retain(max_age, max_bytes)
        finally:
            self._space.take_reserve()

    def health(self) -> Health:
        streams = []
        for name in self.streams():
            log = self._writable(name)
            first, last, blocks, size = log.head()
            streams.append(StreamHealth(name, first, last, blocks, size, tuple(log.groups()), log.gaps()))
        free, accepting = self._space.free(), self._space.admits(0)
        warnings = []
        if not accepting:
            warnings.append(f"{free} bytes are free on the disk, intake stops below {self._space.low_water}")
        warnings += [
            f"stream {s.name}: offsets {gap.first}-{gap.last} are lost: {gap.reason}" for s in streams for gap in s.gaps
        ]
        return Health("sqlite", "flushed", free, accepting, tuple(streams), tuple(warnings))

    def check(self) -> CheckReport:
        reports = [_scan.check(self._writable(name)) for name in self.streams()]
        return CheckReport(
            blocks=sum(report.blocks for report in reports),
            entries=sum(report.entries for report in reports),
            gaps=tuple(gap for report in reports for gap in report.gaps),
            problems=tuple(problem for report in reports for problem in report.problems),
        )

    def close(self) -> None:
        with self._lock:
            self._closed = True
            logs, self._logs = list(self._logs.values()), {}
        for log in logs:
            log.close()

    def _existing(self, stream: str) -> Log | None:
        """The stream's file, without creating it."""
        log = self._logs.get(stream)
        if log is None and (self.directory / f"{_checked(stream)}.sqlite").exists():
            log = self._writable(stream)
        return log

    def _writable(self, stream: str) -> Log:
        log = self._logs.get(stream)
        if log is not None:
            return log
        with self._lock:
            if self._closed:
                raise StorageFault(f"{self.directory}: the bus is closed")
            log = self._logs.get(stream)
            if log is None:
                path = self.directory / f"{_checked(stream)}.sqlite"
                log = self._logs[stream] = Log(path, self._space, vfs=self._vfs)
            return log

    @staticmethod
    def _position(log: Log, start: Start) -> int:
        first, last, _, _ = log.head()
        if isinstance(start, Earliest):
            return first - 1
        if isinstance(start, Latest):
            return last
        if isinstance(start, Offset):
            if 0 < start.value < first:
                raise OffsetExpired(log.name, start.value, first)
            return max(start.value, first) - 1
        return log.time_offset(start.value) - 1


def _checked(stream: str) -> str:
    if not _NAME.fullmatch(stream):
        raise BlockRefused(f"stream name {stream!r}: use lower-case letters, digits, '-' and '_'")
    return stream


__all__ = ["SqliteBus"]
