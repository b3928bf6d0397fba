"""The newest blocks of a stream, as the server stores them, for whoever waits at its end.

Reading by position costs a question and its answer after the news that there is something. Here the question is asked
before: a consumer that lives as long as somebody waits, and one request for messages that is always open, so a block comes
the moment it is stored. Nothing depends on it. What does not come this way, because a message was lost, because the server
keeps no consumer for us, or because a reader is behind, is read by position; looking for the end goes on as without it.
What another hub's retention removed a moment ago may still be handed out.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from isthmus_hub.bus import _codec, _values
from isthmus_hub.bus._jetstream.log import Log
from isthmus_hub.bus._jetstream.message import PLACE, Message, Place, decode
from isthmus_hub.bus._jetstream.reading import Reading
from isthmus_hub.bus._values import StoredBlock
from isthmus_sdk.errors import IsthmusError

if TYPE_CHECKING:
    from nats.aio.msg import Msg

HELD_BYTES: Final = 8 * 1024 * 1024
"""Compressed bytes of the newest blocks that are kept for readers of this process."""
IDLE_SECONDS: Final = 10.0
"""How long after the last reader waited the consumer is kept."""
_AT_ONCE, _AT_ONCE_BYTES = 256, 4 * 1024 * 1024
_OPEN_SECONDS = 5.0
_AGAIN_SECONDS = 1.0
"""Pause after the server ended it: it was restarted, or the stream is gone."""
_REFUSED_SECONDS = 60.0
"""Pause after the server let nobody have it."""


class Feed:
    """Of one stream. `want`, `take` and `forget` are for any thread, the rest runs on the link's loop."""

    def __init__(self, log: Log, reading: Reading) -> None:
        self._log = log
        self._reading = reading
        self._lock = threading.Lock()
        self._held: OrderedDict[int, tuple[Place, Message]] = OrderedDict()
        self._size = 0
        self._wanted = 0.0
        self._not_before = 0.0
        self._running = False
        self._left = 0
        """Messages that the open request may still bring."""
        self._moved = asyncio.Event()
        self._over = False
        """The server, or the way to it, is not the one that the consumer was made on."""

    def want(self) -> None:
        """Somebody waits at the end of the stream."""
        self._wanted = time.monotonic()
        with self._lock:
            if self._running or self._wanted < self._not_before:
                return
            self._running = True
        self._log.link.start(self._run())

    def take(self, offset: int, limit: int) -> list[StoredBlock]:
        """Blocks from ``offset`` on that are here; empty where that one is not, or is not the first of a block."""
        found: list[StoredBlock] = []
        size = 0
        while len(found) < limit and size < _values.READ_BYTES:
            with self._lock:
                held = self._held.get(offset)
            if held is None:
                break
            place, message = held
            try:
                block, length = decode(message, message.data)
            except _codec.DamagedBlockError:
                break  # reading by position says what is wrong
            found.append(block)
            offset, size = place.last + 1, size + length
        return found

    def forget(self) -> None:
        """What was kept may be gone from the stream."""
        with self._lock:
            self._held.clear()
            self._size = 0

    async def _run(self) -> None:
        pause = _AGAIN_SECONDS
        try:
            await self._follow()
        except IsthmusError:
            pause = _REFUSED_SECONDS
        finally:
            self._log.fed = False
            self.forget()
            with self._lock:
                self._not_before, self._running = time.monotonic() + pause, False

    async def _follow(self) -> None:
        link, stream = self._log.link, self._log.name
        consumer = f"{link.access.prefix}-{secrets.token_hex(8)}"
        config = {
            "name": consumer,
            "deliver_policy": "new",
            "ack_policy": "none",
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": int((_OPEN_SECONDS + IDLE_SECONDS) * 1e9),
        }
        inbox = link.nc.new_inbox()
        arrivals = await link.nc.subscribe(inbox, cb=self._arrived)
        self._over, self._left = False, 0
        link.cut.add(self._cut)
        try:
            await link.request(
                f"CONSUMER.CREATE.{stream}.{consumer}", {"stream_name": stream, "config": config}, patience=0.0
            )
            while not self._over and time.monotonic() - self._wanted < IDLE_SECONDS:
                self._moved.clear()
                if not self._left:
                    await self._ask(consumer, inbox)
                self._log.fed = True
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), _OPEN_SECONDS + 1.0)
                    continue
                self._left = 0  # neither messages nor word that none came: ask anew
        finally:
            link.cut.discard(self._cut)
            with suppress(Exception):
                await arrivals.unsubscribe()
                await link.nc.publish(f"$JS.API.CONSUMER.DELETE.{stream}.{consumer}", b"")

    def _cut(self) -> None:
        """A server that comes back may have lost what it sent, and give its offsets to others."""
        self._over = True
        self.forget()
        self._moved.set()

    async def _ask(self, consumer: str, inbox: str) -> None:
        self._left = _AT_ONCE
        wanted = b'{"batch":%d,"max_bytes":%d,"expires":%d}' % (_AT_ONCE, _AT_ONCE_BYTES, int(_OPEN_SECONDS * 1e9))
        await self._log.link.nc.publish(f"$JS.API.CONSUMER.MSG.NEXT.{self._log.name}.{consumer}", wanted, reply=inbox)

    async def _arrived(self, reply: Msg) -> None:
        if self._over:
            return
        headers = reply.headers or {}
        if "Status" in headers and PLACE not in headers:
            # 408: its time is over. 409: no room for the next message, or the consumer is gone; the first after something came.
            came = self._left < _AT_ONCE
            self._over = self._over or not (headers["Status"] == "408" or (headers["Status"] == "409" and came))
            self._left = 0
            self._moved.set()
            return
        self._left = max(self._left - 1, 0)
        if not self._left:
            self._moved.set()
        message = Message(reply.metadata.sequence.stream, reply.subject, headers, reply.data)
        with suppress(_codec.DamagedBlockError):
            place = message.place
            if not message.is_part:
                if place.parts == 1:
                    self._keep(place, message)
                self._reading.hint(place.last + 1, message.seq + 1)
                self._log.hear(place.last)

    def _keep(self, place: Place, message: Message) -> None:
        with self._lock:
            self._held[place.first] = place, message
            self._size += len(message.data)
            while self._size > HELD_BYTES:
                _, (_, oldest) = self._held.popitem(last=False)
                self._size -= len(oldest.data)


__all__ = ["Feed"]
