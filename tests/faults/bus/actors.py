"""Publishers, a consumer and a relay on one bus, each in a process that may be killed at any moment.

Run as a program it is a fork server: everything is imported once, so a killed actor is back within milliseconds. It reads
lines of JSON (``{"start": role, ...}`` or ``{"wait": pid}``) and answers each with one line.

What an actor does is what the hub does: a publisher goes on from the cursor that `Bus.latest` holds, a consumer keeps its
effect, its position and its outbox in one transaction of its own file, a relay publishes that outbox.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from isthmus_hub.bus import Bus, JetStreamBus, NatsAccess, Offset, SqliteBus
from isthmus_hub.store import OutboxBlock, relay
from isthmus_sdk.errors import RetriableError

STREAM, RESOLVED = "observed", "resolved"
_EFFECT = """
    CREATE TABLE IF NOT EXISTS chain (key TEXT PRIMARY KEY, count INTEGER NOT NULL, digest BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY CHECK (one = 1), offset INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
    INSERT OR IGNORE INTO position VALUES (1, 0);
"""


def entries(key: str, number: int) -> list[bytes]:
    """What block ``number`` of ``key`` holds; the same in every process."""
    generator = random.Random(f"{key} {number}")
    return [
        b"%s %d %d " % (key.encode(), number, index)
        + generator.randbytes(generator.choice((8, 300, 3_000))).hex().encode()
        for index in range(number % 5)
    ]


@dataclass(frozen=True)
class Scene:
    """Where everything lies, and what the bus is."""

    folder: Path
    server: str = ""
    """Address of a NATS server; empty: the embedded bus."""
    monitor: str = ""

    def open(self) -> Bus:
        """The bus, waiting for a server that is being started."""
        if not self.server:
            return SqliteBus(self.folder / "bus", reserve=0, low_water=0)
        while True:
            try:
                return JetStreamBus(NatsAccess((self.server,), monitors=(self.monitor,)))
            except RetriableError:
                time.sleep(0.02)  # between two attempts

    def acks(self, key: str) -> Path:
        """Where the publisher of ``key`` writes what was acknowledged to it."""
        return self.folder / f"{key}.acks"

    @property
    def goals(self) -> Path:
        """Where it says how many blocks of each key there shall be in the end."""
        return self.folder / "goals.json"


class Effect:
    """What the consumer made of the entries: per key their number and a digest over them in order."""

    def __init__(self, folder: Path) -> None:
        self.connection = apsw.Connection(str(folder / "effect.sqlite"))
        self.connection.set_busy_timeout(60_000)
        self.connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
        self.connection.execute(_EFFECT)

    @contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """All or nothing."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    @property
    def position(self) -> int:
        """Offset of the last entry that has had its effect."""
        return int(self.connection.execute("SELECT offset FROM position").get)

    def chains(self) -> dict[str, tuple[int, str]]:
        """Of every key the number of entries and their digest."""
        return {key: (n, digest.hex()) for key, n, digest in self.connection.execute("SELECT * FROM chain")}

    def outbox(self, limit: int = 16) -> list[OutboxBlock]:
        """What has to be relayed."""
        rows: Any = self.connection.execute("SELECT seq, body FROM outbox ORDER BY seq LIMIT ?", (limit,)).fetchall()
        return [OutboxBlock(seq, b"outbox %d" % seq, tuple(body.split(b"\n"))) for seq, body in rows]

    def outbox_done(self, up_to: int) -> None:
        """It has been relayed."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM outbox WHERE seq <= ?", (up_to,))


def advance(connection: apsw.Connection, key: str, found: Sequence[bytes]) -> None:
    """Add entries to the chain of ``key``."""
    row: Any = connection.execute("SELECT count, digest FROM chain WHERE key = ?", (key,)).fetchone()
    count, digest = row or (0, b"")
    for entry in found:
        digest = hashlib.blake2b(digest + entry, digest_size=16).digest()
    connection.execute("INSERT OR REPLACE INTO chain VALUES (?, ?, ?)", (key, count + len(found), digest))


def goal(scene: Scene, key: str) -> int | None:
    """How many blocks ``key`` shall have; ``None``: go on."""
    try:
        return int(json.loads(scene.goals.read_text())[key])
    except FileNotFoundError:
        return None


def publisher(scene: Scene, key: str) -> None:
    """Publish block after block, from the newest one on, which is repeated: nobody knows whether it was acknowledged."""
    bus = scene.open()
    log = os.open(scene.acks(key), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    number = max(_repeat(lambda: int(bus.latest(STREAM, key).get(key, (0, b"0"))[1])), 0)
    while (last := goal(scene, key)) is None or number < last:
        ack = _repeat(_publish, bus, key, number)
        os.write(log, b"%d %d %d %d\n" % (number, ack.first, ack.last, ack.duplicate))
        number += 1
    bus.close()


def _publish(bus: Bus, key: str, number: int) -> Any:
    return bus.publish(STREAM, entries(key, number), block_id=f"{key} {number}".encode(), key=key, meta=b"%d" % number)


def consumer(scene: Scene, die_between: int) -> None:
    """Take entries into the effect; dies by itself between effect and commit after ``die_between`` batches, if not 0."""
    bus, effect = scene.open(), Effect(scene.folder)
    _repeat(lambda: bus.seek(STREAM, "consumer", Offset(effect.position + 1)))
    subscription = _repeat(lambda: bus.subscribe(STREAM, "consumer", from_=Offset(effect.position + 1), max_blocks=64))
    batches = 0
    while True:
        batch = _repeat(lambda: subscription.poll(0.05))
        if not batch:
            if (
                scene.goals.exists()
                and effect.position >= _repeat(lambda: bus.end(STREAM))
                and _all_published(scene, bus)
            ):
                break
            continue
        with effect.transaction() as connection:
            for block in batch:
                assert not block.damage, block
                advance(connection, block.key, block.entries)
            told = "\n".join(f"{block.key} {block.first}" for block in batch)
            connection.execute("INSERT INTO outbox (body) VALUES (?)", (told.encode(),))
            connection.execute("UPDATE position SET offset = ?", (batch[-1].last,))
        batches += 1
        if batches == die_between:
            os.kill(os.getpid(), signal.SIGKILL)
        _repeat(subscription.commit, batch[-1].last)
    bus.close()


def relaying(scene: Scene) -> None:
    """Relay until the consumer has ended and nothing is left."""
    bus, effect = scene.open(), Effect(scene.folder)
    while True:
        handed = _repeat(lambda: relay(effect, bus))  # type: ignore[arg-type]
        if not handed and (scene.folder / "consumed").exists() and not effect.outbox():
            break
        if not handed:
            time.sleep(0.002)  # the outbox has nobody to wake us
    bus.close()


def _all_published(scene: Scene, bus: Bus) -> bool:
    goals = json.loads(scene.goals.read_text())
    newest = _repeat(lambda: bus.latest(STREAM))
    return all(key in newest and int(newest[key][1]) == last - 1 for key, last in goals.items())


def _repeat(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call until it works: what can be retried is."""
    while True:
        try:
            return call(*arguments)
        except RetriableError:
            time.sleep(0.01)  # between two attempts


def play(role: dict[str, Any]) -> None:
    """Be the actor that ``role`` describes."""
    scene = Scene(Path(role["folder"]), role.get("server", ""), role.get("monitor", ""))
    name = role["start"]
    if name == "publisher":
        publisher(scene, role["key"])
    elif name == "consumer":
        consumer(scene, role.get("die_between", 0))
        (scene.folder / "consumed").touch()
    else:
        relaying(scene)


def main() -> None:
    """Serve forks until standard input ends."""
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                code = 1
                try:
                    play(order)
                    code = 0
                except BaseException:
                    import traceback

                    traceback.print_exc()
                finally:
                    os._exit(code)
        print(answer, flush=True)


if __name__ == "__main__":
    main()
