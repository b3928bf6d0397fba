"""What belongs to a stream beside its blocks, in two streams of all: groups, floor, policy and expired ids; dead letters.

Each fact has a subject of its own, of which only the newest message counts. A fact is changed only on top of the version
that was read (``Nats-Expected-Last-Subject-Sequence``), so no change of another process is ever lost.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, TypeVar

import msgspec

from isthmus_hub._sqlite import StorageFault, StorageFull
from isthmus_hub.bus._groups import Change, GroupState
from isthmus_hub.bus._jetstream.link import (
    MESSAGE_NOT_FOUND,
    NO_ROOM,
    REQUEST_SECONDS,
    STREAM_EXISTS,
    STREAM_NOT_FOUND,
    WRONG_SEQUENCE,
    Link,
    Refused,
)
from isthmus_hub.bus._jetstream.message import Message, token
from isthmus_hub.bus._values import DeadLetter, Retention

_AT_ONCE: Final = 256
_encode = msgspec.msgpack.Encoder().encode
T = TypeVar("T")


class Floor(msgspec.Struct, frozen=True, array_like=True):
    """Where what retention left begins."""

    first: int = 1
    """Oldest retained offset."""
    seq: int = 0
    """Messages up to here are removed, or about to be."""
    stored_at: float = 0.0
    """Of the newest removed block: stored times never decrease."""


class NamedGroup(msgspec.Struct, frozen=True, array_like=True):
    """A group, or what is left of a forgotten one."""

    name: str
    state: GroupState | None


class Expired(msgspec.Struct, frozen=True, array_like=True):
    """Ids of removed blocks: id, first and last offset."""

    ids: tuple[tuple[bytes, int, int], ...]


class LatestOf(msgspec.Struct, frozen=True, array_like=True):
    """What `Bus.latest` says of a key whose blocks are removed."""

    key: str
    last: int
    meta: bytes


class Facts:
    """The two streams of a bus. Coroutines run on the link's loop."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._prefix = link.access.prefix
        self.stream = f"{self._prefix}__state"
        self._graves = f"{self._prefix}__dead"
        self._ready: set[str] = set()
        self._groups: dict[str, tuple[int, GroupState | None]] = {}

    # -- groups ---------------------------------------------------------------------------------------------------

    async def group(self, stream: str, group: str) -> GroupState | None:
        """What is stored now."""
        subject = self._subject(stream, "group", group)
        revision, held = await self._get(subject, NamedGroup)
        self._groups[subject] = revision, held.state if held else None
        return held.state if held else None

    async def groups(self, stream: str) -> dict[str, GroupState]:
        """All that are registered."""
        held = await self._all(self._subject(stream, "group", "*"), NamedGroup)
        return {group.name: group.state for group in held if group.state is not None}

    async def change_group(self, stream: str, group: str, change: Change) -> GroupState | None:
        """See `Bus.change_group`. Begins with the version this process knows: mostly nobody else writes."""
        subject = self._subject(stream, "group", group)
        known = self._groups.pop(subject, None)
        while True:
            if known is None:
                await self.group(stream, group)
                known = self._groups.pop(subject)
            revision, before = known
            after = change(before)
            if after == before:
                self._groups[subject] = known
                return after
            written = await self._put(self.stream, subject, NamedGroup(group, after), revision)
            if written is not None:
                self._groups[subject] = written, after
                return after
            known = None

    # -- keeping --------------------------------------------------------------------------------------------------

    async def floor(self, stream: str) -> Floor:
        """Where what is retained begins."""
        _, held = await self._get(self._subject(stream, "floor"), Floor)
        return held or Floor()

    async def raise_floor(self, stream: str, floor: Floor) -> Floor:
        """Move it up, never down; the one in force."""
        subject = self._subject(stream, "floor")
        while True:
            revision, held = await self._get(subject, Floor)
            if held is not None and held.first >= floor.first:
                return held
            if await self._put(self.stream, subject, floor, revision) is not None:
                return floor

    async def retention(self, stream: str) -> Retention:
        """The policy in force."""
        _, held = await self._get(self._subject(stream, "policy"), Retention)
        return held or Retention()

    async def set_retention(self, stream: str, policy: Retention) -> None:
        """Set the policy."""
        await self._put(self.stream, self._subject(stream, "policy"), policy, None)

    async def expire(self, stream: str, ids: Iterable[tuple[bytes, int, int]], keep: int) -> None:
        """Remember the ids of blocks that are about to be removed; of all, the newest ``keep``."""
        ids = tuple(ids)
        for start in range(0, len(ids), 1_000):
            some = ids[start : start + 1_000]
            await self._put(self.stream, self._subject(stream, "ids", str(some[0][1])), Expired(some), None)
        chunks = await self._messages(self.stream, self._subject(stream, "ids", "*"))
        surplus = sum(len(msgspec.msgpack.decode(chunk.data, type=Expired).ids) for chunk in chunks) - keep
        for chunk in chunks:
            held = msgspec.msgpack.decode(chunk.data, type=Expired).ids
            if surplus <= 0:
                break
            if surplus >= len(held):
                await self._delete(self.stream, chunk.seq)
            else:
                await self._put(self.stream, chunk.subject, Expired(held[surplus:]), None)
            surplus -= len(held)

    async def expired(self, stream: str) -> dict[bytes, tuple[int, int]]:
        """Ids of removed blocks, with their offsets."""
        chunks = await self._all(self._subject(stream, "ids", "*"), Expired)
        return {block_id: (first, last) for chunk in chunks for block_id, first, last in chunk.ids}

    async def keep_latest(self, stream: str, latest: LatestOf) -> None:
        """What `Bus.latest` shall go on saying."""
        await self._put(self.stream, self._subject(stream, "latest", latest.key), latest, None)

    async def latest(self, stream: str) -> list[LatestOf]:
        """What was kept of keys whose blocks are removed."""
        return await self._all(self._subject(stream, "latest", "*"), LatestOf)

    # -- dead letters ---------------------------------------------------------------------------------------------

    async def bury(self, letter: DeadLetter) -> DeadLetter:
        """Keep it; the same group and offset once."""
        subject = f"{self._prefix}._dead.{letter.stream}.{token(letter.group)}.{letter.offset}"
        revision, held = await self._get(subject, DeadLetter, stream=self._graves)
        if held is None:
            revision = await self._put(self._graves, subject, letter, 0) or 0
            if not revision:
                return await self.bury(letter)
            held = letter
        return replace(held, number=revision)

    async def dead(self, stream: str, group: str | None) -> list[DeadLetter]:
        """Oldest first."""
        named = "*" if group is None else token(group)
        found = await self._messages(self._graves, f"{self._prefix}._dead.{stream}.{named}.*")
        return [replace(msgspec.msgpack.decode(item.data, type=DeadLetter), number=item.seq) for item in found]

    async def drop_dead(self, stream: str, numbers: Iterable[int]) -> int:
        """Remove letters of the stream."""
        there = {letter.number for letter in await self.dead(stream, None)}
        dropped = sorted(there & set(numbers))
        for number in dropped:
            await self._delete(self._graves, number)
        return len(dropped)

    # -- subjects and versions ------------------------------------------------------------------------------------

    def _subject(self, stream: str, *names: str) -> str:
        kind, *rest = names
        return ".".join(
            [self._prefix, "_state", stream, kind, *(name if name == "*" else token(name) for name in rest)]
        )

    async def _get(self, subject: str, kind: type[T], *, stream: str | None = None) -> tuple[int, T | None]:
        """Version and value; version 0 where there is none. Asks the leader, so it is never an older one."""
        try:
            answer = await self._link.request(f"STREAM.MSG.GET.{stream or self.stream}", {"last_by_subj": subject})
        except Refused as error:
            if error.code in (STREAM_NOT_FOUND, MESSAGE_NOT_FOUND):
                return 0, None
            raise
        message = answer["message"]
        return message["seq"], msgspec.msgpack.decode(base64.b64decode(message.get("data", "")), type=kind)

    async def _all(self, subjects: str, kind: type[T]) -> list[T]:
        found = await self._messages(self.stream, subjects)
        return [msgspec.msgpack.decode(message.data, type=kind) for message in found]

    async def _messages(self, stream: str, subjects: str) -> list[Message]:
        found: list[Message] = []
        while True:
            seq = found[-1].seq + 1 if found else 1
            try:
                await self._exists(stream)
                batch = await self._link.gather(
                    f"DIRECT.GET.{stream}", {"seq": seq, "next_by_subj": subjects, "batch": _AT_ONCE}
                )
            except Refused as error:
                if error.code == STREAM_NOT_FOUND:
                    return []
                raise
            found += batch
            if len(batch) < _AT_ONCE:
                return found

    async def _exists(self, stream: str) -> None:
        """Raises `Refused` where it does not: a direct get of a stream that is not there would never be answered."""
        if stream not in self._ready:
            await self._link.request(f"STREAM.INFO.{stream}", None)
            self._ready.add(stream)

    async def _put(self, stream: str, subject: str, value: object, revision: int | None) -> int | None:
        """Write on top of ``revision`` (``None``: whatever is there); ``None`` where another was faster."""
        await self.create(stream)
        headers = None if revision is None else {"Nats-Expected-Last-Subject-Sequence": str(revision)}
        data = _encode(value)
        return await self._publish(stream, subject, data, headers)

    async def _publish(self, stream: str, subject: str, data: bytes, headers: dict[str, str] | None) -> int | None:
        """A write whose answer was lost is repeated: on top of a version it then finds its own."""
        unknown = False

        async def ask() -> int:
            nonlocal unknown
            try:
                reply = await self._link.nc.request(subject, data, timeout=REQUEST_SECONDS, headers=headers)
            except Exception:
                unknown = True
                raise
            answer: dict[str, Any] = msgspec.json.decode(reply.data)
            if error := answer.get("error"):
                raise Refused(error.get("err_code", 0), error.get("description", "refused"))
            return int(answer["seq"])

        try:
            return await self._link.patiently(ask)
        except Refused as error:
            if error.code in NO_ROOM:
                raise StorageFull(f"stream {stream} on {self._link.access.where}: {error}; free some space") from None
            if error.code not in WRONG_SEQUENCE:
                raise StorageFault(f"stream {stream} on {self._link.access.where}: {error}") from None
        if unknown:
            answer = await self._link.request(f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject})
            message = answer["message"]
            if base64.b64decode(message.get("data", "")) == data:
                return int(message["seq"])
        return None

    async def _delete(self, stream: str, seq: int) -> None:
        try:
            await self._link.request(f"STREAM.MSG.DELETE.{stream}", {"seq": seq, "no_erase": True})
        except Refused:
            return  # somebody else was faster

    async def create(self, stream: str) -> None:
        """Make one of the two streams where it is missing."""
        if stream in self._ready:
            return
        kind = "_state" if stream == self.stream else "_dead"
        await create(self._link, stream, f"{self._prefix}.{kind}.>", max_msgs_per_subject=1, discard="old")
        self._ready.add(stream)


async def create(link: Link, name: str, subject: str, **settings: object) -> dict[str, Any]:
    """Make a stream where it is missing; its info. Raises `StorageFault` where the server refuses."""
    config = {
        "name": name,
        "subjects": [subject],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "num_replicas": link.access.replicas,
        "allow_direct": True,
        "duplicate_window": 120_000_000_000,
        **settings,
    }
    try:
        return await link.request(f"STREAM.INFO.{name}", None)
    except Refused as error:
        if error.code != STREAM_NOT_FOUND:
            raise StorageFault(f"stream {name} on {link.access.where}: {error}") from None
    try:
        return await link.request(f"STREAM.CREATE.{name}", config)
    except Refused as error:
        if error.code == STREAM_EXISTS:
            await asyncio.sleep(0)
            return await link.request(f"STREAM.INFO.{name}", None)
        raise StorageFault(f"stream {name} on {link.access.where} cannot be made: {error}") from None


__all__ = ["Expired", "Facts", "Floor", "LatestOf", "create"]
