"""A collector's bus, a centre's bus, and a link between them that can be cut at any call, in simulated time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isthmus_hub.bus import Ack, Bus, SqliteBus
from isthmus_hub.forward import Forwarder, Who
from isthmus_hub.runtime import Ingest
from isthmus_sdk.block import Block, block_id
from isthmus_sdk.errors import Unreachable

OBSERVED = "observed"


def open_bus(folder: Path) -> SqliteBus:
    """An embedded bus without a reserve."""
    return SqliteBus(folder, reserve=0, low_water=0)


class Link:
    """Stands between forwarder and centre: every call over it first asks ``trouble``, and again after it took effect."""

    def __init__(self, centre: Bus) -> None:
        self.centre = centre
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda name: None
        self.after: Callable[[str], None] = lambda name: None

    def connect(self) -> Bus:
        """A new connection."""
        self.calls.append("connect")
        self.before("connect")
        return _Over(self)  # type: ignore[return-value]


class _Over:
    """The centre's bus as the far end of a link has it."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def close(self) -> None:
        """Only the connection ends."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._link.calls.append(name)
            self._link.before(name)
            result = getattr(self._link.centre, name)(*args, **kwargs)
            self._link.after(name)
            return result

        return call


def cut(name: str = "") -> None:
    """What a cut link raises."""
    raise Unreachable("the link is cut")


@dataclass
class Clock:
    """Simulated time: a pause passes at once; ``each`` is told how much time it was."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)
    each: Callable[[float], None] = lambda seconds: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.pauses.append(seconds)
        self.each(seconds)


def observe(bus: Bus, number: int, *, hub: str = "collector-a", instance: str = "guardian", size: int = 3) -> Ack:
    """Publish a block as the hub's own intake does; the cursor is the number."""
    objects = [f"{hub} {instance} block {number} entry {entry}".encode() for entry in range(size)]
    before, after = f"{number - 1}".encode(), f"{number}".encode()
    block = Block(
        block_id=block_id(hub, instance, "assets", "", before, objects),
        stream="assets",
        cursor_before=before,
        cursor_after=after,
        observed_at="2026-05-04T05:00:00.000Z",
        objects=objects,
        records=size,
    )
    return Ingest(bus, None, hub=hub).block(instance, f"{instance}-{hub}", block)  # type: ignore[arg-type]


def forwarder(
    source: Bus, link: Link, clock: Clock | None = None, *, hub: str = "collector-a", **who: Any
) -> Forwarder:
    """A forwarder that lives in simulated time."""
    clock = clock or Clock()
    return Forwarder(
        source,
        link.connect,
        Who(hub, who.pop("origin", f"origin-{hub}"), "host", **who),
        sleep=clock.sleep,
        clock=clock,
    )


def stored(bus: Bus) -> list[tuple[bytes, str, bytes, tuple[bytes, ...]]]:
    """Everything on ``observed`` that a block carries, in order."""
    out: list[tuple[bytes, str, bytes, tuple[bytes, ...]]] = []
    offset = 1
    while blocks := bus.read(OBSERVED, offset):
        out += [(block.block_id, block.key, block.meta, block.entries) for block in blocks]
        offset = blocks[-1].last + 1
    return out


def run_until(made: Forwarder, done: Callable[[], bool], clock: Clock) -> None:
    """Run a forwarder until something is so; looked at whenever it pauses or waits."""
    stop = threading.Event()
    wait = made._source.wait

    def look(stream: str, after: int, timeout: float | None = None) -> bool:
        clock.now += timeout or 0.0
        if done():
            stop.set()
        return wait(stream, after, 0.0)

    made._source.wait = look  # type: ignore[method-assign]
    made.run(stop)
