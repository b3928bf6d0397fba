"""The engine for more than one machine: streams on NATS JetStream.

Any number of hubs on any number of hosts publish and read. A block is a message (see `_jetstream.message`), its place is
decided by the publisher on top of the last message (`_jetstream.log`), reading is by position (`_jetstream.reading`), and
groups, policies and dead letters are versioned facts beside it (`_jetstream.facts`). Who waits at the end of a stream is sent
what is stored there (`_jetstream.feed`). The server keeps a consumer for as long as somebody waits and no position for anybody,
so a hub that is gone leaves nothing behind but its groups.

What an acknowledgement survives is the server's doing: see `_jetstream.durability`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

from isthmus_hub._sqlite import StorageFault
from isthmus_hub.bus._groups import Change, GroupState
from isthmus_hub.bus._jetstream.access import NatsAccess
from isthmus_hub.bus._jetstream.durability import Durable
from isthmus_hub.bus._jetstream.facts import Facts
from isthmus_hub.bus._jetstream.feed import Feed
from isthmus_hub.bus._jetstream.keeping import Keeping
from isthmus_hub.bus._jetstream.link import STREAM_NOT_FOUND, Link, Refused
from isthmus_hub.bus._jetstream.log import Log
from isthmus_hub.bus._jetstream.message import Block
from isthmus_hub.bus._jetstream.reading import Reading
from isthmus_hub.bus._subscription import check_stream
from isthmus_hub.bus._values import (
    MAX_BLOCK_BYTES,
    Ack,
    CheckReport,
    DeadLetter,
    Gap,
    Health,
    Retained,
    Retention,
    StoredBlock,
    StreamCutShort,
    StreamHealth,
)
from isthmus_hub.bus.api import Bus

SETTLE_SECONDS: Final = 30.0
"""A server that does not sync may lose a whole stream in a power cut until the operating system has written the stream's
own files, about this long after it was made. Until then nothing on it is acknowledged."""
_POLL_FIRST, _POLL_LAST = 0.05, 1.0
_POLICY_SECONDS = 5.0


class _Stream:
    """What this process has of one stream."""

    __slots__ = ("asked", "feed", "keeping", "log", "reading")

    def __init__(self, log: Log) -> None:
        self.log = log
        self.reading = Reading(log)
        self.feed = Feed(log, self.reading)
        self.keeping = Keeping(log, self.reading)
        self.asked = float("-inf")
        """When the server was last asked for the end of the stream; between, publishers tell it."""


class JetStreamBus(Bus):
    """Streams ``<prefix>_<stream>`` on the servers of ``access``.

    Raises `ConfigurationError`, `AuthenticationError` or `StorageFault` where there is no connection. ``settle``: see
    `SETTLE_SECONDS`; ``None`` waits only where the servers are not known to sync.
    """

    def __init__(self, access: NatsAccess, *, settle: float | None = None) -> None:
        super().__init__()
        self.access = access
        self._link = Link(access)
        self._facts = Facts(self._link)
        self._durable = Durable(access, self._server)
        self._settle = settle
        self._streams: dict[str, _Stream] = {}
        self._policies: dict[str, tuple[float, Retention]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()

    # -- in ----------------------------------------------------------------------------------------------------------

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
        block = Block(entries, block_id, key, meta, size)
        return self._link.call(self._writable(stream).log.publish(block, timeout))

    # -- out ---------------------------------------------------------------------------------------------------------

    def read(self, stream: str, offset: int = 0, limit_blocks: int = 64) -> list[StoredBlock]:
        there = self._existing(stream)
        if there is None:
            if offset > 1:
                raise StreamCutShort(stream, offset, 0)
            return []
        limit = max(limit_blocks, 1)
        return there.feed.take(offset, limit) or self._link.call(there.reading.read(offset, limit))

    def wait(self, stream: str, after_offset: int, timeout: float | None = None) -> bool:
        there = self._writable(stream)
        deadline = None if timeout is None else time.monotonic() + timeout
        log, pause, asked = there.log, _POLL_FIRST, there.asked
        while log.newest <= after_offset:
            left = pause if deadline is None else min(pause, max(deadline - time.monotonic(), 0))
            if not left or time.monotonic() - max(asked, log.heard_at) > _POLL_LAST:
                asked = there.asked = time.monotonic()
                end = self._link.call(there.reading.end())
                if end < after_offset:
                    raise StreamCutShort(stream, after_offset + 1, end)
                if end > after_offset:
                    return True
                if not left:
                    return False
            there.feed.want()
            with log.news:
                log.news.wait_for(lambda: log.newest > after_offset or self._closed.is_set(), left)
            if self._closed.is_set():
                raise StorageFault(f"{self.access.where}: the bus is closed")
            pause = min(pause * 1.5, _POLL_LAST)
        return True

    def ends(self, stream: str) -> tuple[int, int]:
        there = self._existing(stream)
        return (1, 0) if there is None else self._link.call(there.reading.ends())

    def end(self, stream: str) -> int:
        there = self._existing(stream)
        return 0 if there is None else self._link.call(there.reading.end())

    def offset_at(self, stream: str, moment: float) -> int:
        there = self._existing(stream)
        return 1 if there is None else self._link.call(there.reading.offset_at(moment))

    def latest(self, stream: str, key_prefix: str = "") -> dict[str, tuple[int, bytes]]:
        there = self._existing(stream)
        return {} if there is None else self._link.call(there.keeping.latest(key_prefix))

    # -- groups and dead letters -------------------------------------------------------------------------------------

    def group_state(self, stream: str, group: str) -> GroupState | None:
        return self._link.call(self._facts.group(check_stream(stream), group))

    def group_states(self, stream: str) -> dict[str, GroupState]:
        return self._link.call(self._facts.groups(check_stream(stream)))

    def change_group(self, stream: str, group: str, change: Change) -> GroupState | None:
        self._writable(stream)
        return self._link.call(self._facts.change_group(stream, group, change))

    def bury(self, letter: DeadLetter) -> DeadLetter:
        return self._link.call(self._facts.bury(letter))

    def dead_letters(self, stream: str, group: str | None = None) -> list[DeadLetter]:
        return self._link.call(self._facts.dead(check_stream(stream), group))

    def remove_dead(self, stream: str, numbers: Sequence[int]) -> int:
        return self._link.call(self._facts.drop_dead(check_stream(stream), numbers))

    # -- keeping -----------------------------------------------------------------------------------------------------

    def streams(self) -> list[str]:
        start = f"{self.access.prefix}_"
        found: list[str] = []
        while True:
            wanted = {"subject": f"{self.access.prefix}.>", "offset": len(found)}
            answer = self._link.call(self._link.request("STREAM.NAMES", wanted))
            found += answer.get("streams") or []
            if not answer.get("streams") or len(found) >= answer["total"]:
                break
        names = (name.removeprefix(start) for name in found if name.startswith(start))
        return sorted(name for name in names if not name.startswith("_"))

    def ensure(self, stream: str, retention: Retention | None = None) -> None:
        self._writable(stream)
        if retention is not None:
            self._link.call(self._facts.set_retention(stream, retention))
            self._link.call(self._wall(stream, retention.max_bytes))
            self._policies[stream] = time.monotonic(), retention

    async def _wall(self, stream: str, max_bytes: int | None) -> None:
        """A bound at the server as well, a little above ours: whatever publishes there is stopped, nothing is dropped."""
        name = f"{self.access.prefix}_{stream}"
        config = (await self._link.request(f"STREAM.INFO.{name}", None))["config"]
        wall = -1 if max_bytes is None else max_bytes + 2 * MAX_BLOCK_BYTES
        if config.get("max_bytes", -1) != wall:
            await self._link.request(f"STREAM.UPDATE.{name}", {**config, "max_bytes": wall, "discard": "new"})

    def filling(self, stream: str) -> tuple[int, Retention]:
        read_at, policy = self._policies.get(stream, (float("-inf"), Retention()))
        if time.monotonic() - read_at > _POLICY_SECONDS:
            policy = self._link.call(self._facts.retention(stream))
            self._policies[stream] = time.monotonic(), policy
        if policy.max_bytes is None:
            return 0, policy
        return int(self._link.call(self._writable(stream).reading.info())["bytes"]), policy

    def retain(self, stream: str, *, max_age: float | None = None, max_bytes: int | None = None) -> Retained:
        there = self._existing(stream)
        if there is None:
            return Retained(0, 1)
        try:
            return self._link.call(there.keeping.retain(max_age, max_bytes))
        finally:
            there.feed.forget()

    # -- state -------------------------------------------------------------------------------------------------------

    def health(self, streams: Sequence[str] | None = None) -> Health:
        listed, replicas = [], self.access.replicas
        for name in self.streams():
            if streams is not None and name not in streams:
                continue
            there = self._writable(name)
            info = self._link.call(
                self._link.request(f"STREAM.INFO.{there.log.name}", {"subjects_filter": there.log.part_subject})
            )
            replicas = min(replicas, info["config"].get("num_replicas", 1))
            state = info["state"]
            blocks = state["messages"] - sum((state.get("subjects") or {}).values())
            groups = tuple(self.groups(name))
            first, last = self.ends(name)
            listed.append(StreamHealth(name, first, last, blocks, state["bytes"], groups, there.reading.gaps()))
        found = self._durable.finding(replicas)
        warnings = [*found.warnings, *(warning for stream in listed for warning in stream.warnings)]
        return Health("jetstream", found.durability, None, self._link.nc.is_connected, tuple(listed), tuple(warnings))

    def check(self) -> CheckReport:
        blocks = entries = 0
        gaps: list[Gap] = []
        for name in self.streams():
            position, end = self.ends(name)
            while position <= end:
                for block in self.read(name, position):
                    if block.damage:
                        gaps.append(Gap(name, block.first, block.last, block.damage))
                    else:
                        blocks += 1
                        entries += len(block.entries)
                    position = block.last + 1
        return CheckReport(blocks, entries, tuple(gaps))

    def release(self) -> None:
        self._closed.set()
        with self._lock:
            streams, self._streams = list(self._streams.values()), {}
        for there in streams:
            with there.log.news:
                there.log.news.notify_all()
        self._link.close()

    # -- parts -------------------------------------------------------------------------------------------------------

    def _existing(self, stream: str) -> _Stream | None:
        """The stream, without making it."""
        there = self._streams.get(stream)
        if there is not None:
            return there
        try:
            self._link.call(self._link.request(f"STREAM.INFO.{self.access.prefix}_{check_stream(stream)}", None))
        except Refused as error:
            if error.code == STREAM_NOT_FOUND:
                return None
            raise StorageFault(f"{self.access.where}: {error}") from None
        return self._writable(stream)

    def _writable(self, stream: str) -> _Stream:
        there = self._streams.get(stream)
        if there is not None:
            return there
        check_stream(stream)
        with self._lock:
            if self._closed.is_set():
                raise StorageFault(f"{self.access.where}: the bus is closed")
            there = self._streams.get(stream)
            if there is None:
                settle = self._settle
                if settle is None:
                    settle = (
                        0.0 if self._durable.finding(self.access.replicas).durability != "buffered" else SETTLE_SECONDS
                    )
                log = Log(self._link, self._facts, stream, settle=settle)
                self._link.call(log.open())
                there = self._streams[stream] = _Stream(log)
            return there

    def _server(self) -> str:
        """Id of the connected server; empty while there is none."""
        return str(self._link.nc._server_info.get("server_id", ""))


__all__ = ["JetStreamBus"]
