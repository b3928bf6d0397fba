"""One stream on JetStream: the way in.

Offsets count entries and have no holes, while the server's sequence counts messages. So every message is published on top
of the last one this process has seen (``Nats-Expected-Last-Sequence``): the server takes it only if nobody came between,
and then its place is right and its id new, because everything before it has been seen. Where somebody did come between,
the headers of what is new are read and the block is placed again. Several blocks may be on their way at once: each is
placed on top of the one before it, and when one fails those behind it fail too and are placed again.

That gives guarantee 2 without a time limit; the server's own ``Nats-Msg-Id`` window is a second line.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from isthmus_hub._sqlite import StorageDamaged, StorageFault, StorageFull
from isthmus_hub.bus import _codec
from isthmus_hub.bus._jetstream.facts import Facts, create
from isthmus_hub.bus._jetstream.link import NO_ROOM, WRONG_SEQUENCE, Link, Refused
from isthmus_hub.bus._jetstream.message import HEADER_ROOM, PLACE, Block, Message, Place, token
from isthmus_hub.bus._values import Ack, BlockRefused, PublishTimeout

if TYPE_CHECKING:
    from nats.aio.msg import Msg

PATIENCE_SECONDS: Final = 60.0
"""How long `publish` without a time-out tries."""
ACK_SECONDS: Final = 5.0
"""Without an answer for so long the outcome of a message is looked up."""
HEADERS_AT_ONCE: Final = 2_000
_PAUSE = 0.05
_FED_SECONDS = 0.02


class LostError(Exception):
    """Whether the message was stored is not known."""


class RepeatedError(Exception):
    """The server remembers the id of the message."""


class Head:
    """What this process knows of a stream: everything up to message ``seq``."""

    __slots__ = ("ids", "last", "seq", "stored_at")

    def __init__(self) -> None:
        self.seq = 0
        self.last = 0
        self.stored_at = 0.0
        self.ids: dict[bytes, tuple[int, int]] = {}


class Flight:
    """A block that was sent and not yet acknowledged."""

    __slots__ = ("answer", "block_id", "epoch", "place", "seq")

    def __init__(self, block_id: bytes, place: Place, epoch: int) -> None:
        self.block_id = block_id
        self.place = place
        self.epoch = epoch
        self.seq = 0
        self.answer: asyncio.Future[int] | None = None


class Log:
    """Coroutines run on the link's loop; ``news`` and ``newest`` are for any thread."""

    def __init__(self, link: Link, facts: Facts, stream: str, *, settle: float) -> None:
        self.link = link
        self.facts = facts
        self.stream = stream
        self.name = f"{link.access.prefix}_{stream}"
        self.news = threading.Condition()
        self.newest = 0
        """Largest offset this process has heard of."""
        self.heard_at = float("-inf")
        """When that was, in seconds of the monotonic clock."""
        self.fed = False
        """Whether new blocks come by themselves: then word of them waits a moment, so that they are there first."""
        self._subjects = f"{link.access.prefix}.{stream}"
        self.part_subject = f"{self._subjects}.part"
        self._tidings = f"{link.access.prefix}._news.{stream}"
        self._settle = settle
        self._settled_at = 0.0
        self._turn = asyncio.Lock()
        self._head = Head()
        self._epoch = 0
        self._placed: tuple[int, int, float] | None = None
        """Sequence, last offset and time behind everything that is on its way; ``None``: look first."""
        self._flights: list[Flight] = []
        self._busy: dict[bytes, asyncio.Event] = {}
        self._answers: dict[str, asyncio.Future[int]] = {}
        self._inbox = ""
        self._count = 0

    async def open(self) -> None:
        """Make the stream where it is missing, and listen for news of other processes."""
        info = await create(self.link, self.name, f"{self._subjects}.>")
        self._settled_at = time.monotonic() + self._settle - _age(info)
        self._inbox = self.link.nc.new_inbox()
        await self.link.nc.subscribe(f"{self._inbox}.*", cb=self._answered)
        await self.link.nc.subscribe(self._tidings, cb=self._heard)

    # -- publishing ----------------------------------------------------------------------------------------------

    async def publish(self, block: Block, timeout: float | None) -> Ack:
        """Store a block; see `Bus.publish`."""
        patience = PATIENCE_SECONDS if timeout is None else timeout
        try:
            async with asyncio.timeout(max(patience, 0.0)):
                ack = await self._until_stored(block)
                await asyncio.sleep(self._settled_at - time.monotonic() if self._settle else 0)
        except TimeoutError:
            raise PublishTimeout(
                f"stream {self.stream}: no acknowledgement from {self.link.access.where} within {patience} s, "
                "the outcome is open; repeat the same block id"
            ) from None
        except Refused as error:
            if error.code not in NO_ROOM:
                raise StorageFault(f"stream {self.stream} on {self.link.access.where}: {error}") from None
            raise StorageFull(
                f"stream {self.stream} on {self.link.access.where}: {error}; "
                "raise its limit or free some space, nothing acknowledged was lost"
            ) from None
        return ack

    async def _until_stored(self, block: Block) -> Ack:
        ours = False  # an earlier try may have been stored without our knowing
        again = False
        while True:
            if (other := self._busy.get(block.block_id)) is not None:
                await other.wait()  # the same block, published by another thread
                continue
            done = self._busy[block.block_id] = asyncio.Event()
            try:
                async with self._turn:
                    if self._placed is None:
                        await self._catch_up()
                    if known := self._head.ids.get(block.block_id):
                        return Ack(*known, duplicate=not ours)
                    flight = await self._send(block, again=again)
                return await self._stored(flight)
            except Refused as error:
                self._look_again()
                if error.code not in WRONG_SEQUENCE:
                    raise
            except RepeatedError:
                self._look_again()
                again = True
            except (LostError, StorageFault):
                self._look_again()
                ours = True
                await asyncio.sleep(_PAUSE)
            except BaseException:
                self._look_again()
                raise
            finally:
                del self._busy[block.block_id]
                done.set()

    async def _send(self, block: Block, *, again: bool) -> Flight:
        """Place a block behind everything that is known and on its way, and send it; parts before its end are awaited."""
        assert self._placed is not None
        seq, last, before = self._placed
        limit = self.link.nc.max_payload - HEADER_ROOM
        place, parts = block.wire(last + 1, max(time.time(), before), limit)
        flight = Flight(block.block_id, place, self._epoch)
        headers = block.headers(place, again=again)
        if sum(map(len, headers.values())) > HEADER_ROOM - 1_024:
            raise BlockRefused(f"stream {self.stream}: the key is too long")
        for part in parts[:-1]:
            answer = await self._send_one(self.part_subject, part, {PLACE: str(place)}, seq)
            seq = await self._arrived(answer)
        subject = f"{self._subjects}.block.{token(block.key)}"
        flight.answer = await self._send_one(subject, parts[-1], headers, seq)
        flight.seq = seq + 1
        self._flights.append(flight)
        self._placed = flight.seq, place.last, place.stored_at
        return flight

    async def _send_one(self, subject: str, data: bytes, headers: dict[str, str], after: int) -> asyncio.Future[int]:
        self._count += 1
        reply = f"{self._inbox}.{self._count}"
        answer = self._answers[reply] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda _: self._answers.pop(reply, None))
        try:
            await self.link.nc.publish(
                subject, data, reply=reply, headers={**headers, "Nats-Expected-Last-Sequence": str(after)}
            )
        except Exception as error:
            answer.cancel()
            raise LostError(str(error)) from error
        return answer

    async def _answered(self, reply: Msg) -> None:
        answer = self._answers.get(reply.subject)
        if answer is None or answer.done():
            return
        if not reply.data:
            answer.set_exception(LostError("JetStream is not there"))
            return
        told: dict[str, Any] = msgspec.json.decode(reply.data)
        if error := told.get("error"):
            answer.set_exception(Refused(error.get("err_code", 0), error.get("description", "refused")))
        elif told.get("duplicate"):
            answer.set_exception(RepeatedError)
        else:
            answer.set_result(told["seq"])

    async def _arrived(self, answer: asyncio.Future[int]) -> int:
        try:
            return await asyncio.wait_for(answer, ACK_SECONDS)
        except TimeoutError:
            raise LostError("no answer") from None

    async def _stored(self, flight: Flight) -> Ack:
        assert flight.answer is not None
        seq = await self._arrived(flight.answer)
        if flight.epoch == self._epoch:
            # What it stands on was stored too, even where that acknowledgement was lost.
            while self._flights and self._flights[0].seq <= seq:
                landed = self._flights.pop(0)
                self._know(landed.seq, landed.block_id, landed.place)
        await self._tell(flight.place.last)
        return Ack(flight.place.first, flight.place.last)

    def _know(self, seq: int, block_id: bytes, place: Place) -> None:
        head = self._head
        head.ids[block_id] = place.first, place.last
        head.seq, head.last, head.stored_at = seq, place.last, place.stored_at

    def _look_again(self) -> None:
        """What was placed may stand on something that is not there."""
        self._placed = None

    async def _catch_up(self) -> None:
        """Learn what is new on the server, from headers alone."""
        self._epoch += 1
        self._flights.clear()
        head = self._head
        info = await self.link.request(f"STREAM.INFO.{self.name}", None)
        state = info["state"]
        if head.seq == 0 or state["first_seq"] > head.seq + 1:
            floor = await self.facts.floor(self.stream)
            head.ids |= await self.facts.expired(self.stream)
            if floor.first - 1 > head.last:
                head.last, head.stored_at = floor.first - 1, max(head.stored_at, floor.stored_at)
            head.seq = max(head.seq, floor.seq)
        for message in await headers_of(self.link, self.name, head.seq + 1, state["last_seq"]):
            try:
                place = message.place
                block_id = b"" if message.is_part else message.block_id
            except _codec.DamagedBlockError:
                raise StorageDamaged(
                    f"stream {self.name} on {self.link.access.where}: message {message.seq} is not the hub's; "
                    "remove it, and let nobody else publish there"
                ) from None
            if block_id:
                self._know(message.seq, block_id, place)
        head.seq = max(head.seq, state["last_seq"])
        self._placed = head.seq, head.last, head.stored_at

    async def forget_ids(self, first: int) -> None:
        """After retention: of the ids of removed blocks only those that are kept are known."""
        expired = await self.facts.expired(self.stream)
        async with self._turn:
            self._head.ids = expired | {id: place for id, place in self._head.ids.items() if place[0] >= first}

    # -- news ----------------------------------------------------------------------------------------------------

    async def _tell(self, last: int) -> None:
        self._hear_soon(last)
        try:
            await self.link.nc.publish(self._tidings, str(last).encode())
        except Exception:  # noqa: S110 - whoever waits looks by himself now and then
            pass

    async def _heard(self, message: Msg) -> None:
        if message.data.isdigit():
            self._hear_soon(int(message.data))

    def _hear_soon(self, last: int) -> None:
        if self.fed:
            asyncio.get_running_loop().call_later(_FED_SECONDS, self.hear, last)
        else:
            self.hear(last)

    def hear(self, last: int) -> None:
        """There are entries up to ``last``."""
        with self.news:
            if last > self.newest:
                self.newest = last
                self.heard_at = time.monotonic()
                self.news.notify_all()


async def headers_of(link: Link, name: str, start: int, end: int, limit: int | None = None) -> list[Message]:
    """Messages ``start`` to ``end`` of a stream without their data, at most ``limit``."""
    if end < start:
        return []
    return await _consume(link, name, {"deliver_policy": "by_start_sequence", "opt_start_seq": start}, limit)


async def last_of_subjects(link: Link, name: str, subjects: str) -> list[Message]:
    """The newest message of each subject, without data."""
    return await _consume(link, name, {"deliver_policy": "last_per_subject", "filter_subject": subjects}, None)


async def _consume(link: Link, name: str, start: dict[str, object], limit: int | None) -> list[Message]:
    """By a consumer that lives for this call: a direct get has no way to leave the data out."""
    config = {
        **start,
        "ack_policy": "none",
        "headers_only": True,
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": 30_000_000_000,
    }
    consumer = f"{link.access.prefix}-{secrets.token_hex(8)}"
    subject = f"CONSUMER.CREATE.{name}.{consumer}" + (
        f".{start['filter_subject']}" if "filter_subject" in start else ""
    )
    made = await link.request(subject, {"stream_name": name, "config": {**config, "name": consumer}})
    wanted = made["num_pending"] if limit is None else min(limit, made["num_pending"])
    found: list[Message] = []
    try:
        while len(found) < wanted:
            batch = min(HEADERS_AT_ONCE, wanted - len(found))
            more = await link.draw(f"CONSUMER.MSG.NEXT.{name}.{consumer}", {"batch": batch, "no_wait": True}, batch)
            if not more:
                break
            found += more
    finally:
        await link.request(f"CONSUMER.DELETE.{name}.{consumer}", None)
    if len(found) < wanted:
        raise StorageFault(f"stream {name} on {link.access.where}: the server stopped in the middle; try again")
    return found


def _age(info: dict[str, Any]) -> float:
    """Seconds since the stream was made, by the server's clock."""
    made, now = (datetime.fromisoformat(info[name]) for name in ("created", "ts"))
    return (now - made).total_seconds()


__all__ = ["Log", "headers_of", "last_of_subjects"]
