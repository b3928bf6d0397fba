"""One stream on JetStream: the way out. Stateless: any position can be read at any time, nothing is held on the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from isthmus_hub.bus import _codec, _values
from isthmus_hub.bus._jetstream.facts import Floor
from isthmus_hub.bus._jetstream.link import STREAM_NOT_FOUND, Refused
from isthmus_hub.bus._jetstream.log import Log
from isthmus_hub.bus._jetstream.message import Message, Place, assemble, cut, decode
from isthmus_hub.bus._values import Gap, OffsetExpired, StoredBlock, StreamCutShort

FETCH_BYTES: Final = 8 * 1024 * 1024
"""Compressed bytes asked for at once."""
_HINTS = 256
_BEHIND_TRIES, _BEHIND_SECONDS = 20, 0.05
"""A replica that answers a direct get may be a moment behind the one that told the end."""


class Reading:
    """Reads of one stream. Coroutines run on the link's loop."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._link = log.link
        self._hints: dict[int, int] = {}
        """Offset to the sequence number from which on its block is found."""
        self._tail: tuple[tuple[str, int], int] = (("", 0), 0)
        """When the stream was made and the sequence number of its last message; the last offset up to it."""
        self._gaps: dict[tuple[int, int], str] = {}

    # -- where -----------------------------------------------------------------------------------------------------

    async def info(self) -> dict[str, Any]:
        """The server's own account of the stream, and when it was made; of one that is gone, that it holds nothing."""
        try:
            answer = await self._link.request(f"STREAM.INFO.{self._log.name}", None)
        except Refused as error:
            if error.code != STREAM_NOT_FOUND:
                raise
            return {"messages": 0, "bytes": 0, "first_seq": 1, "last_seq": 0, "created": ""}
        return {**answer["state"], "created": answer["created"]}

    async def ends(self) -> tuple[int, int]:
        """First retained and last offset."""
        floor = await self._log.facts.floor(self._log.stream)
        return floor.first, await self._last(await self.info(), floor)

    async def end(self) -> int:
        """Last offset; one question where nothing is new."""
        return await self._last(await self.info(), None)

    async def _last(self, state: dict[str, Any], floor: Floor | None) -> int:
        known = state["created"], state["last_seq"]
        if known == self._tail[0]:
            return self._tail[1]
        last = 0
        if state["messages"]:
            message = await self._one(state["last_seq"])
            for _ in range(_BEHIND_TRIES):
                if message is not None:
                    break
                await asyncio.sleep(_BEHIND_SECONDS)
                message = await self._one(state["last_seq"])
            if message is not None:
                place = message.place
                last = place.first - 1 if message.is_part else place.last
        if not last:
            last = (floor or await self._log.facts.floor(self._log.stream)).first - 1
        self._tail = known, last
        self._log.hear(last)
        return last

    async def _one(self, seq: int) -> Message | None:
        """The first message at or behind a sequence number."""
        found = await self._link.gather(f"DIRECT.GET.{self._log.name}", {"seq": seq, "batch": 1})
        return found[0] if found else None

    async def _bisect(self, beyond: Callable[[Place], bool]) -> tuple[Message | None, Message | None]:
        """The last message that is not ``beyond`` and the first that is."""
        state = await self.info()
        low, high = state["first_seq"], state["last_seq"]
        before = behind = None
        while low <= high:
            middle = (low + high) // 2
            message = await self._one(middle)
            if message is None or message.seq > high:
                high = middle - 1
            elif beyond(message.place):
                behind, high = message, middle - 1
            else:
                before, low = message, message.seq + 1
        return before, behind

    async def _find(self, offset: int) -> int:
        """Sequence number from which on the block that holds ``offset`` is found."""
        before, behind = await self._bisect(lambda place: place.first > offset)
        if before is None:
            return behind.seq if behind else 1
        return before.seq if before.is_part else before.seq - before.place.parts + 1

    async def offset_at(self, moment: float) -> int:
        """Offset of the first block stored at or after ``moment``; the next offset if there is none."""
        first, last = await self.ends()
        _, behind = await self._bisect(lambda place: place.stored_at >= moment)
        return max(min(behind.place.first, last + 1), first) if behind else last + 1

    # -- reading -----------------------------------------------------------------------------------------------------

    async def read(self, offset: int, limit: int) -> list[StoredBlock]:
        """See `Bus.read`."""
        if offset <= 0:
            offset = (await self._log.facts.floor(self._log.stream)).first
        start = self._hints.get(offset)
        blocks = await self._from(offset, limit, start) if start is not None else []
        if not blocks:
            first, last = await self.ends()
            if offset < first:
                raise OffsetExpired(self._log.stream, offset, first)
            if offset > last + 1:
                raise StreamCutShort(self._log.stream, offset, last)
            if offset > last:
                return []
            blocks = await self._from(offset, limit, await self._find(offset), last)
        elif blocks[0].damage:
            first, _ = await self.ends()
            if offset < first:
                raise OffsetExpired(self._log.stream, offset, first)
        return blocks

    async def _from(self, offset: int, limit: int, seq: int, last: int | None = None) -> list[StoredBlock]:
        """Good blocks and gaps from ``offset`` on, beginning to look at message ``seq``.

        ``last``, where it is known, is the offset up to which something has to be there.
        """
        found: list[StoredBlock] = []
        expected, size, reason = offset, 0, ""
        parts: list[Message] = []
        while not found:
            batch = await self._link.gather(
                f"DIRECT.GET.{self._log.name}", {"seq": seq, "batch": limit, "max_bytes": FETCH_BYTES}
            )
            if not batch:
                return [self._gap(expected, last, reason)] if last is not None and expected <= last else []
            seq = batch[-1].seq + 1
            whole = parts + batch
            parts = _open_parts(whole)
            for message, data in assemble(whole):
                try:
                    if message.place.last < expected:
                        continue
                    block, length = decode(message, data)
                except _codec.DamagedBlockError as error:
                    reason = reason or str(error)
                    continue
                if block.first > expected:
                    found.append(self._gap(expected, block.first - 1, reason))
                found.append(cut(block, expected) if block.first < expected else block)
                expected, size, reason = block.last + 1, size + length, ""
                self.hint(expected, message.seq + 1)
                if len(found) >= limit or size >= _values.READ_BYTES:
                    break
        return found[:limit]

    def hint(self, offset: int, seq: int) -> None:
        """The block that holds ``offset`` is found from message ``seq`` on."""
        self._hints[offset] = seq
        if len(self._hints) > _HINTS:
            del self._hints[next(iter(self._hints))]

    def _gap(self, first: int, last: int, reason: str) -> StoredBlock:
        damage = reason or "the block is missing"
        self._gaps[first, last] = damage
        return StoredBlock(first, last, b"", "", b"", 0.0, (), damage)

    def gaps(self) -> tuple[Gap, ...]:
        """Damage met so far by this process."""
        return tuple(Gap(self._log.stream, first, last, why) for (first, last), why in sorted(self._gaps.items()))


def _open_parts(messages: Sequence[Message]) -> list[Message]:
    """Parts at the end, whose block is still to come."""
    start = len(messages)
    while start and messages[start - 1].is_part:
        start -= 1
    return list(messages[start:])


__all__ = ["Reading"]
