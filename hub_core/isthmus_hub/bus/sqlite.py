"""The embedded engine: one SQLite file per stream, in one directory.

Any number of threads and processes may publish and read. Threads of one process share flushes (group commit); processes
take turns. Blocks are zstd-compressed, so a million STIX objects take little more than 100 MB.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from isthmus_hub._sqlite import StorageDamaged, StorageFault, sync_directory
from isthmus_hub.bus import _scan
from isthmus_hub.bus._groups import Change, GroupState
from isthmus_hub.bus._log import Log, Pending
from isthmus_hub.bus._space import Space
from isthmus_hub.bus._subscription import check_stream
from isthmus_hub.bus._values import (
    Ack,
    CheckReport,
    DeadLetter,
    Health,
    Retained,
    Retention,
    StoredBlock,
    StreamCutShort,
    StreamHealth,
)
from isthmus_hub.bus.api import Bus
from isthmus_sdk.errors import ConfigurationError

_UNREADABLE = (StorageDamaged, StorageFault, ConfigurationError)
"""What a stream's file can be that others must not suffer from: broken, on a failing disk, no stream at all, too new."""


class SqliteBus(Bus):
    """Streams as files ``<stream>.sqlite`` in ``directory``, which is created if need be.

    ``low_water``: bytes of the disk that must stay free for publishing to go on; ``reserve``: bytes set aside for
    cleaning up a full disk. Both shrink by themselves on small disks.
    """

    def __init__(
        self, directory: Path, *, low_water: int | None = None, reserve: int | None = None, vfs: str | None = None
    ) -> None:
        super().__init__()
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

    def append(
        self,
        stream: str,
        entries: Sequence[bytes],
        block_id: bytes,
        key: str,
        meta: bytes,
        size: int,
        timeout: float | None,
    ) -> Ack:
        return self._writable(stream).publish(Pending(entries, block_id, key, meta, size), timeout)

    def read(self, stream: str, offset: int = 0, limit_blocks: int = 64) -> list[StoredBlock]:
        log = self._existing(stream)
        if log is None:
            if offset > 1:
                raise StreamCutShort(stream, offset, 0)
            return []
        return _scan.read(log, offset, max(limit_blocks, 1))

    def wait(self, stream: str, after_offset: int, timeout: float | None = None) -> bool:
        return self._writable(stream).wait(after_offset, timeout)

    def ends(self, stream: str) -> tuple[int, int]:
        log = self._existing(stream)
        return (1, 0) if log is None else log.head()[:2]

    def offset_at(self, stream: str, moment: float) -> int:
        log = self._existing(stream)
        return 1 if log is None else log.time_offset(moment)

    def latest(self, stream: str, key_prefix: str = "") -> dict[str, tuple[int, bytes]]:
        log = self._existing(stream)
        return {} if log is None else log.latest(key_prefix)

    def group_state(self, stream: str, group: str) -> GroupState | None:
        log = self._existing(stream)
        return None if log is None else log.groups.one(group)

    def group_states(self, stream: str) -> dict[str, GroupState]:
        log = self._existing(stream)
        return {} if log is None else log.groups.all()

    def change_group(self, stream: str, group: str, change: Change) -> GroupState | None:
        return self._writable(stream).change_group(group, change)

    def bury(self, letter: DeadLetter) -> DeadLetter:
        return self._writable(letter.stream).bury(letter)

    def dead_letters(self, stream: str, group: str | None = None) -> list[DeadLetter]:
        log = self._existing(stream)
        return [] if log is None else log.groups.dead(group)

    def remove_dead(self, stream: str, numbers: Sequence[int]) -> int:
        log = self._existing(stream)
        return 0 if log is None else log.drop_dead(numbers)

    def streams(self) -> list[str]:
        return sorted(file.stem for file in self.directory.glob("*.sqlite"))

    def ensure(self, stream: str, retention: Retention | None = None) -> None:
        log = self._writable(stream)
        if retention is not None:
            log.set_retention(retention)

    def filling(self, stream: str) -> tuple[int, Retention]:
        log = self._existing(stream)
        return (0, Retention()) if log is None else log.filling()

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

    def health(self, streams: Sequence[str] | None = None) -> Health:
        found, warnings = [], []
        for name in self.streams():
            if streams is None or name in streams:
                try:
                    log = self._writable(name)
                    groups = tuple(self.groups(name))
                    found.append(StreamHealth(name, *log.head(), groups, log.gaps()))
                except _UNREADABLE as error:
                    warnings.append(f"stream {name}: {error}")
        free, accepting = self._space.free(), self._space.admits(0)
        if not accepting:
            warnings.append(f"{free} bytes are free on the disk, intake stops below {self._space.low_water}")
        warnings += [warning for stream in found for warning in stream.warnings]
        return Health("sqlite", "flushed", free, accepting, tuple(found), tuple(warnings))

    def check(self) -> CheckReport:
        reports = [self._check(name) for name in self.streams()]
        return CheckReport(
            blocks=sum(report.blocks for report in reports),
            entries=sum(report.entries for report in reports),
            gaps=tuple(gap for report in reports for gap in report.gaps),
            problems=tuple(problem for report in reports for problem in report.problems),
        )

    def _check(self, stream: str) -> CheckReport:
        """A file that cannot be read at all is a problem of its own and hides no other stream."""
        try:
            return _scan.check(self._writable(stream))
        except _UNREADABLE as error:
            return CheckReport(0, 0, problems=(f"stream {stream}: {error}",))

    def release(self) -> None:
        with self._lock:
            self._closed = True
            logs, self._logs = list(self._logs.values()), {}
        for log in logs:
            log.close()

    def _existing(self, stream: str) -> Log | None:
        """The stream's file, without creating it."""
        log = self._logs.get(stream)
        if log is None and (self.directory / f"{check_stream(stream)}.sqlite").exists():
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
                path = self.directory / f"{check_stream(stream)}.sqlite"
                log = self._logs[stream] = Log(path, self._space, vfs=self._vfs)
            return log


__all__ = ["SqliteBus"]
