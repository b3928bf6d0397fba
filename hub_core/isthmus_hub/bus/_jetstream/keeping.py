"""One stream on JetStream: what is kept. Retention in an order in which it may die anywhere, and `Bus.latest`.

First the ids of the blocks that go and the newest ``meta`` of keys without other blocks are written down, then the floor is
raised, then the server removes the messages. What was written down and not removed changes nothing.
"""

from __future__ import annotations

import time
from typing import Final

from isthmus_hub._sqlite import StorageDamaged
from isthmus_hub.bus import _codec, _retention
from isthmus_hub.bus._jetstream.facts import Floor, LatestOf
from isthmus_hub.bus._jetstream.log import Log, headers_of, last_of_subjects
from isthmus_hub.bus._jetstream.message import Message, assemble, decode, read_meta
from isthmus_hub.bus._jetstream.reading import Reading
from isthmus_hub.bus._values import Retained

_HEADERS_AT_ONCE: Final = 1_000
_OVERHEAD: Final = 30
"""Bytes that the server's file holds of a message beside subject, headers and data; a little less than it really is."""


class Keeping:
    """Coroutines run on the link's loop."""

    def __init__(self, log: Log, reading: Reading) -> None:
        self._log = log
        self._link = log.link
        self._facts = log.facts
        self._reading = reading
        self._blocks = f"{self._link.access.prefix}.{log.stream}.block.*"

    async def latest(self, prefix: str) -> dict[str, tuple[int, bytes]]:
        """See `Bus.latest`."""
        found = {kept.key: (kept.last, kept.meta) for kept in await self._facts.latest(self._log.stream)}
        for message in await last_of_subjects(self._link, self._log.name, self._blocks):
            key, last, meta = read_meta(message) or await self._read_meta(message.seq)
            if last > found.get(key, (0, b""))[0]:
                found[key] = last, meta
        return {key: state for key, state in found.items() if key.startswith(prefix)}

    async def _read_meta(self, seq: int) -> tuple[str, int, bytes]:
        """From the whole block, where the headers do not hold it."""
        batch = await self._link.gather(f"DIRECT.GET.{self._log.name}", {"seq": seq, "batch": 1})
        try:
            before = batch[0].place.parts - 1
            parts = (
                await self._link.gather(f"DIRECT.GET.{self._log.name}", {"seq": seq - before, "batch": before})
                if before
                else []
            )
            ((message, data),) = assemble([*parts, batch[0]])
            block, _ = decode(message, data)
        except (_codec.DamagedBlockError, IndexError) as error:
            raise StorageDamaged(
                f"stream {self._log.name} on {self._link.access.where}: the newest state of a key is damaged "
                f"(message {seq}: {error})"
            ) from None
        return block.key, block.last, block.meta

    async def retain(self, max_age: float | None, max_bytes: int | None) -> Retained:
        """See `Bus.retain`."""
        groups = await self._facts.groups(self._log.stream)
        floor = await self._facts.floor(self._log.stream)
        state = await self._reading.info()
        limit = min((group.floor for group in groups.values()), default=None)
        horizon = None if max_age is None else time.time() - max_age
        going: list[Message] = []
        size, seq, open_parts, done = state["bytes"], max(state["first_seq"], floor.seq + 1), 0, False
        while not done and (max_bytes is None or size > max_bytes or horizon is not None):
            batch = await headers_of(self._link, self._log.name, seq, state["last_seq"], _HEADERS_AT_ONCE)
            for message in batch:
                seq = message.seq + 1
                open_parts += _size(message)
                if message.is_part:
                    continue
                place = message.place
                too_old = horizon is not None and place.stored_at < horizon
                too_much = max_bytes is not None and size > max_bytes
                if not (too_old or too_much) or (limit is not None and place.last > limit):
                    done = True
                    break
                going.append(message)
                size, open_parts = size - open_parts, 0
            if len(batch) < _HEADERS_AT_ONCE:
                break
        if not going:
            return Retained(0, floor.first)
        return Retained(len(going), await self._remove(going, state["messages"] - len(going)))

    async def _remove(self, going: list[Message], left: int) -> int:
        """Remove these oldest blocks, of which ``left`` messages remain; the first offset left."""
        stream, newest = self._log.stream, going[-1].place
        ids = [(message.block_id, message.place.first, message.place.last) for message in going]
        await self._facts.expire(stream, ids, max(_retention.KEEP_IDS - left, 0))
        kept = {item.key: item.last for item in await self._facts.latest(stream)}
        for key, (last, meta) in (await self.latest("")).items():
            if last <= newest.last and kept.get(key, 0) < last:
                await self._facts.keep_latest(stream, LatestOf(key, last, meta))
        floor = await self._facts.raise_floor(stream, Floor(newest.last + 1, going[-1].seq, newest.stored_at))
        await self._link.request(f"STREAM.PURGE.{self._log.name}", {"seq": floor.seq + 1})
        await self._log.forget_ids(floor.first)
        return floor.first


def _size(message: Message) -> int:
    headers = sum(len(name) + len(value) + 4 for name, value in message.headers.items() if name != "Nats-Msg-Size")
    return _OVERHEAD + len(message.subject) + headers + int(message.headers.get("Nats-Msg-Size", "0"))


__all__ = ["Keeping"]
