"""The spool's writing side: messages are durable when :meth:`Spool.append` returns, and go once they are on the bus."""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

from isthmus_sdk.errors import RetriableError
from isthmus_sdk.faults import fault_point
from isthmus_sdk.push._spool import SUFFIX, Message, frame, read, segments, torn

SEGMENT = 8 << 20
"""Bytes after which a segment is followed by another."""
REMEMBERED = 100_000
"""Delivery ids that are remembered; older ones are forgotten."""
ID_BYTES = 16


class SpoolFull(RetriableError):
    """There is no room for what was received: the quota is reached, or the disk cannot take it."""


def folder_of(spools: Path, instance: str, stream: str) -> Path:
    """Directory of one stream's spool; names that others chose never become paths."""
    return spools / blake2b(f"{instance}\0{stream}".encode(), digest_size=8).hexdigest()


def delivery_digest(text: str) -> bytes:
    """What is remembered of a delivery id."""
    return blake2b(text.encode(), digest_size=ID_BYTES).digest()


class _Waiting:
    """Messages of one caller, until they are durable."""

    __slots__ = ("done", "duplicates", "error", "messages")

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self.done = False
        self.duplicates = 0
        self.error: Exception | None = None


class Spool:
    """One stream's spool. One process writes; its threads share flushes: who waits is written with whoever else waits."""

    def __init__(self, directory: Path, *, quota: int, instance: str = "", stream: str = "") -> None:
        """Open or make it; what a crash left half written at the end is cut off. Raises ``SpoolFull``."""
        self.directory = directory
        self.quota = quota
        self._changed = threading.Condition()
        self._queue: deque[_Waiting] = deque()
        self._busy = False
        self._files = threading.Lock()
        self._file: int | None = None
        self._base = self._end = self.bytes = 0
        self._failed = False
        self._closed = False
        self._deliveries: dict[bytes, None] = {}
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.id = self._identity(instance, stream)
            self._open()
        except OSError as error:
            raise SpoolFull(f"{directory}: the spool cannot be opened: {error.strerror or error}") from None

    # -- writing -------------------------------------------------------------------------------------------------------

    def append(self, messages: Sequence[Message]) -> int:
        """Make messages durable and return how many were not stored because their delivery is known.

        Raises ``SpoolFull``; then none of them is stored.
        """
        mine = _Waiting(messages)
        with self._changed:
            self._queue.append(mine)
            while self._busy and not mine.done:
                self._changed.wait()
            if not mine.done:
                self._busy = True
                batch = list(self._queue)
                self._queue.clear()
        if not mine.done:
            try:
                self._write(batch)
            except Exception as error:
                for waiting in batch:
                    waiting.error = error
            finally:
                with self._changed:
                    self._busy = False
                    for waiting in batch:
                        waiting.done = True
                    self._changed.notify_all()
        if mine.error is not None:
            raise mine.error
        return mine.duplicates

    def _write(self, batch: list[_Waiting]) -> None:
        fault_point("receive")
        with self._files:
            if self._closed:
                raise SpoolFull("the hub stops and takes nothing more")
            fresh: dict[bytes, None] = {}
            parts: list[bytes] = []
            size = self.bytes
            for waiting in batch:
                made, ids, duplicates = self._frames(waiting.messages, fresh)
                long = sum(map(len, made))
                if size + long > self.quota:
                    waiting.error = SpoolFull(f"the spool holds {self.bytes} bytes, its quota is {self.quota}")
                    continue
                waiting.duplicates = duplicates
                size += long
                parts += made
                fresh.update(ids)
            try:
                self._store(parts)
            except OSError as error:
                problem = SpoolFull(f"{self.directory}: {error.strerror or error}")
                for waiting in batch:
                    waiting.error = problem
                return
            self._remember(fresh)
        fault_point("received")

    def _frames(
        self, messages: Sequence[Message], fresh: dict[bytes, None]
    ) -> tuple[list[bytes], dict[bytes, None], int]:
        made: list[bytes] = []
        ids: dict[bytes, None] = {}
        for message in messages:
            known = message.delivery
            if known and (known in self._deliveries or known in fresh or known in ids):
                continue
            if known:
                ids[known] = None
            made.append(frame(message))
        return made, ids, len(messages) - len(made)

    def _store(self, parts: list[bytes]) -> None:
        """Write and flush; on failure the file is as before."""
        if not parts:
            return
        if self._file is None or self._failed or self._end - self._base >= SEGMENT:
            self._begin(self._end)
        assert self._file is not None
        data = memoryview(b"".join(parts))
        start = self._end - self._base
        try:
            at = 0
            while at < len(data):
                at += os.pwrite(self._file, data[at:], start + at)
            os.fdatasync(self._file)
        except OSError:
            # After a failed flush nobody knows what is on the disk: cut it off, and go on in another segment.
            self._failed = True
            os.ftruncate(self._file, start)
            raise
        self._end += len(data)
        self.bytes += len(data)

    def _begin(self, base: int) -> None:
        """A new segment at the end."""
        path = self.directory / f"{base:020d}{SUFFIX}"
        fresh = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _flush_folder(self.directory)
        except OSError:
            os.close(fresh)
            raise
        if self._file is not None:
            os.close(self._file)
        self._file, self._base, self._failed = fresh, base, False

    # -- reading and letting go ----------------------------------------------------------------------------------------

    @property
    def end(self) -> int:
        """Everything before this offset is durable."""
        return self._end

    def trim(self, offset: int) -> None:
        """Let go of what is before ``offset``: it is on the bus."""
        with self._files:
            try:
                if self._base < offset and offset >= self._end:
                    self._begin(self._end)
                found = segments(self.directory)
                gone = [
                    path
                    for (base, path), (following, _) in pairwise(found)
                    if following <= offset and base < self._base
                ]
                if gone:
                    self._keep_deliveries()
                for path in gone:
                    size = path.stat().st_size
                    path.unlink()
                    self.bytes -= size
            except OSError:
                return  # the next run tries again; what is read again has no further effect

    def skip_to(self, offset: int) -> None:
        """Go on at ``offset`` where the bus knows more than the disk has: the file system lost what it said was durable."""
        with self._files:
            if offset > self._end:
                self._end = offset
                self._begin(offset)

    def close(self) -> None:
        """Release the file."""
        with self._files:
            self._closed = True
            if self._file is not None:
                os.close(self._file)
                self._file = None

    # -- at the start --------------------------------------------------------------------------------------------------

    def _identity(self, instance: str, stream: str) -> str:
        path = self.directory / "spool.json"
        try:
            return str(json.loads(path.read_bytes())["id"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            made = {"id": os.urandom(8).hex(), "instance": instance, "stream": stream}
            _replace(path, json.dumps(made).encode())
            return str(made["id"])

    def _open(self) -> None:
        found = segments(self.directory)
        self._base, path = found[-1] if found else (0, None)
        self._end = self._base
        damaged = False
        for one in read(self.directory, self._base):
            damaged = one.message is None and not torn(one)
            if one.message is not None or damaged:
                self._end = one.end
        if path is not None:
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            if os.fstat(self._file).st_size != self._end - self._base:
                os.ftruncate(self._file, self._end - self._base)
                os.fdatasync(self._file)
            self._failed = damaged  # what is damaged stays for the quarantine; what comes goes elsewhere
        self.bytes = sum(file.stat().st_size for _, file in segments(self.directory))
        self._deliveries = dict.fromkeys(self._stored_deliveries())
        for one in read(self.directory, 0):
            if one.message is not None and one.message.delivery:
                self._remember([one.message.delivery])

    # -- delivery ids --------------------------------------------------------------------------------------------------

    def _remember(self, ids: Iterable[bytes]) -> None:
        for one in ids:
            self._deliveries[one] = None
        while len(self._deliveries) > REMEMBERED:
            del self._deliveries[next(iter(self._deliveries))]

    def _stored_deliveries(self) -> list[bytes]:
        try:
            data = (self.directory / "deliveries").read_bytes()
        except FileNotFoundError:
            return []
        return [data[at : at + ID_BYTES] for at in range(0, len(data) - ID_BYTES + 1, ID_BYTES)]

    def _keep_deliveries(self) -> None:
        """Before messages go: the ids of their deliveries stay."""
        if self._deliveries:
            _replace(self.directory / "deliveries", b"".join(self._deliveries))


def _replace(path: Path, data: bytes) -> None:
    """Write a file whole and durably."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["Spool", "SpoolFull", "delivery_digest", "folder_of"]
