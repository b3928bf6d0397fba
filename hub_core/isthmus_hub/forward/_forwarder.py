"""The collector's side of the link: ``observed`` goes to the centre's bus, block by block, in order, as it is.

The embedded bus stays the truth. A block is forwarded under its own id, with its own key and meta, and only then the group
``forward`` commits; so retention never removes what the centre has not acknowledged, and a block whose outcome is unknown
(a cut link, a time-out) is sent again under the same id. Cursors travel along as data. They are read by the hub that wrote
them and by no other: the hub's name is part of a block's key.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import structlog
import tenacity

from isthmus_hub.bus import EARLIEST, FORWARD_GROUP, OBSERVED, Bus, OffsetExpired, StoredBlock
from isthmus_hub.forward._roster import HUBS, Claim, NameTaken, Roster, conflicts
from isthmus_sdk.errors import IsthmusError

log = structlog.get_logger("isthmus.forward")
PUBLISH_SECONDS = 8.0
"""Time for one block: below what a daemon has for its end, and a time-out costs nothing but a repetition."""
SAY_SECONDS = 60.0
"""Time between two words on the centre's roster."""
LOOK_SECONDS = 1.0
"""How long a look for new blocks waits, and with it how late the end is noticed."""
LEAVE_SECONDS = 2.0
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0

Link = Literal["new", "up", "down", "refused"]


@dataclass(frozen=True, slots=True)
class LinkState:
    """How the link does, as this process saw it."""

    link: Link = "new"
    error: str = ""
    """Why it is down or refused."""
    durability: str = ""
    """Durability in force at the centre."""
    warnings: tuple[str, ...] = ()
    """What the centre's bus and its roster have to say."""
    blocks: int = 0
    duplicates: int = 0
    """Blocks that the centre had already."""
    failures: int = 0
    """Failures in a row."""


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Where forwarding stands, from the collector's bus alone."""

    position: int
    end: int
    oldest_pending: float | None
    """When the oldest block that waits was stored, in seconds since 1970."""

    @property
    def pending(self) -> int:
        """Entries that wait."""
        return self.end - self.position


@dataclass
class Who:
    """How a collector introduces itself."""

    hub: str
    origin: str
    host: str
    claims: Callable[[], Sequence[Claim]] = tuple
    redact: Callable[[str], str] = field(default=str)


class Forwarder:
    """Ships one stream of one hub over one link. Any thread may use it; they take turns, batch by batch."""

    def __init__(
        self,
        source: Bus,
        connect: Callable[[], Bus],
        who: Who,
        *,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: random.Random | None = None,
    ) -> None:
        """``connect`` opens the centre's bus anew: whatever it raises is a link that is down. ``sleep`` stands in
        for waiting (until it is time to stop)."""
        self._source = source
        self._connect = connect
        self._who = who
        self._sleep = sleep
        self._clock = clock
        self._chance = chance or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._turn = threading.RLock()
        self._centre: Bus | None = None
        self._roster: Roster | None = None
        self._say_next = 0.0
        self._told_pending = False
        self._committed: int | None = None
        self._gaps = 0
        self.state = LinkState()
        register(source)

    # -- the three ways to use it ------------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Forward until ``stop`` is set. Never raises for a fault of link or centre: it waits, ever longer, and tries again."""
        try:
            while not stop.is_set():
                self._patiently(stop, self.step)
                if not stop.is_set():
                    self._wait_for_blocks(stop)
        finally:
            self.close()

    def drain(self, attempts: int = 3) -> Forwarding:
        """Forward all there is now, beside `run` too; gives up on the link after so many failures in a row."""
        end = self._source.end(OBSERVED)
        while self._patiently(threading.Event(), self.step, attempts) and forwarding(self._source).position < end:
            pass
        return forwarding(self._source)

    def step(self) -> int:
        """Forward one batch of blocks; returns the number of offsets it advanced.

        Raises what is wrong with the link, unless some blocks got through before: that is progress, and the next step finds
        out whether the link is still down.
        """
        with self._turn:
            return self._step()

    def _step(self) -> int:
        centre = self._opened()
        if self._clock() >= self._say_next:
            self._introduce(centre)
        start = position = self._position()
        for block in self._blocks(position):
            try:
                self._forward(centre, block)
            except Exception as error:
                if position == start:
                    raise
                self._note(error)
                break
            self._source.commit(OBSERVED, FORWARD_GROUP, block.last)
            position = self._committed = block.last
        if self._told_pending and position >= self._source.end(OBSERVED):
            self._say_next = 0.0  # that nothing waits any more is news
        return position - start

    def close(self) -> None:
        """Leave the roster where the link allows it, and hang up."""
        with self._turn:
            if self._roster is not None and self.state.link == "up":
                with suppress(Exception):  # the lease runs out by itself
                    self._roster.leave(LEAVE_SECONDS, **self._facts(forwarding(self._source)))
            self._hang_up()

    # -- patience ----------------------------------------------------------------------------------------------------

    def _patiently(self, stop: threading.Event, call: Callable[[], int], attempts: int = 0) -> int | None:
        """Call until it succeeds, with growing, scattered pauses; ``None`` where that was given up."""
        retrying = tenacity.Retrying(
            sleep=lambda seconds: self._pause(stop, seconds),
            wait=lambda state: min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(state.attempt_number - 1, 20)) * self._chance.uniform(0.5, 1.0),
            stop=tenacity.stop_any(
                tenacity.stop_when_event_set(stop), tenacity.stop_after_attempt(attempts) if attempts else tenacity.stop_never
            ),
            after=lambda state: self._note(state.outcome.exception() if state.outcome else None),
            retry=tenacity.retry_if_exception_type(Exception),
            retry_error_callback=lambda state: None,
        )  # fmt: skip
        return retrying(call)

    def _pause(self, stop: threading.Event, seconds: float) -> None:
        (self._sleep or stop.wait)(seconds)

    def _note(self, error: BaseException | None) -> None:
        """Remember why the link is down, and hang up."""
        with self._turn:
            self._lost(error)

    def _lost(self, error: BaseException | None) -> None:
        text = self._who.redact(str(error) or type(error).__name__)
        text = text if isinstance(error, IsthmusError) else f"{type(error).__name__}: {text}"
        link: Link = "refused" if isinstance(error, NameTaken) else "down"
        if (self.state.link, self.state.error) != (link, text):
            log.warning("link is down" if link == "down" else "link is refused", error=text)
        self.state = replace(self.state, link=link, error=text, failures=self.state.failures + 1)
        self._hang_up()

    def _hang_up(self) -> None:
        """A new attempt begins with a new connection: a client that half works is worse than none."""
        centre, self._centre, self._roster, self._say_next = self._centre, None, None, 0.0
        if centre is not None:
            with suppress(Exception):  # it may be what is broken
                centre.close()

    # -- over the link -----------------------------------------------------------------------------------------------

    def _opened(self) -> Bus:
        if self._centre is None:
            self._centre = self._connect()
        return self._centre

    def _introduce(self, centre: Bus) -> None:
        """Say on the roster who forwards, hear who else does, and look how durable the centre is."""
        who = self._who
        if self._roster is None:
            self._roster = Roster(centre, hub=who.hub, role="collector", origin=who.origin, host=who.host)
        where = forwarding(self._source)
        living = self._roster.say(PUBLISH_SECONDS, **self._facts(where))
        health = centre.health((OBSERVED, HUBS))
        now = max((presence.stored_at or 0.0 for presence in living), default=0.0)
        warnings = (*health.warnings, *conflicts(living, now))
        for warning in set(warnings) - set(self.state.warnings):
            log.warning("the centre warns", warning=warning)
        if self.state.link != "up":
            log.info("link is up", durability=health.durability, pending=where.pending)
        self.state = replace(
            self.state, link="up", error="", failures=0, durability=health.durability, warnings=warnings
        )
        self._say_next = self._clock() + SAY_SECONDS
        self._told_pending = where.pending > 0

    def _facts(self, where: Forwarding) -> dict[str, Any]:
        """What the roster is told."""
        return {"claims": tuple(self._who.claims()), "end": where.end, "pending": where.pending, "gaps": self._gaps}

    def _forward(self, centre: Bus, block: StoredBlock) -> None:
        if block.damage:
            self._gaps += 1
            log.error("block lost before it was forwarded", first=block.first, last=block.last, reason=block.damage)
            return
        ack = centre.publish(
            OBSERVED,
            block.entries,
            block_id=block.block_id,
            key=block.key,
            meta=block.meta,
            timeout=PUBLISH_SECONDS,
        )
        self.state = replace(
            self.state, blocks=self.state.blocks + 1, duplicates=self.state.duplicates + int(ack.duplicate)
        )

    # -- on our own bus ----------------------------------------------------------------------------------------------

    def _position(self) -> int:
        """Where to go on. An operator may have set the group anywhere, also into a block: whole blocks are forwarded."""
        position = forwarding(self._source).position
        if position != self._committed:
            self._committed = whole(self._source, position)
        return self._committed

    def _blocks(self, position: int) -> list[StoredBlock]:
        try:
            return self._source.read(OBSERVED, position + 1)
        except OffsetExpired as expired:  # only after a seek back beyond what is retained
            log.error("blocks expired before they were forwarded", first=expired.asked, retained=expired.first)
            self._gaps += 1
            return self._source.read(OBSERVED)

    def _wait_for_blocks(self, stop: threading.Event) -> None:
        try:
            self._source.wait(OBSERVED, self._committed or 0, LOOK_SECONDS)
        except IsthmusError as error:  # our own disk: the next step says whether it still is so
            self._note(error)
            stop.wait(LOOK_SECONDS)


def register(source: Bus) -> None:
    """From now on retention keeps what has not been forwarded."""
    source.subscribe(OBSERVED, FORWARD_GROUP, from_=EARLIEST)


def forwarding(source: Bus) -> Forwarding:
    """Where forwarding stands, from the collector's bus alone."""
    position = next((group.position for group in source.groups(OBSERVED) if group.name == FORWARD_GROUP), 0)
    end = source.end(OBSERVED)
    oldest = None
    if end > position:
        with suppress(OffsetExpired):
            oldest = next((block.stored_at for block in source.read(OBSERVED, position + 1, 1)), None)
    return Forwarding(position, end, oldest)


def whole(source: Bus, position: int) -> int:
    """The last block's end at or before ``position``, so that the next block to read is a whole one."""
    back = 0
    while position > 0:
        try:
            found = source.read(OBSERVED, max(position - back, 1), 1)
        except OffsetExpired as expired:
            # what is retained begins with a whole block
            return _last_end(source, expired.first - 1, position)
        if not found or position - back < 1:
            break
        if found[0].last < position or (not back and found[0].last == position):
            return _last_end(source, found[0].last, position)
        back = 2 * back or 1
    return _last_end(source, 0, position)


def _last_end(source: Bus, boundary: int, position: int) -> int:
    """Walk from a block's end to the last one at or before ``position``."""
    while boundary < position:
        found = source.read(OBSERVED, boundary + 1, 1)
        if not found or found[0].last > position:
            break
        boundary = found[0].last
    return boundary


__all__ = ["Forwarder", "Forwarding", "LinkState", "Who", "forwarding", "register", "whole"]
