"""Actors that are killed and started again at moments a seed decides, and what they left."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.bus.actors import RESOLVED, STREAM, Effect, Scene, advance, entries

from isthmus_hub.bus import Bus

ROOT = Path(__file__).resolve().parents[3]
KEYS = ("edr", "plant")


class Troupe:
    """A fork server and the actors it has started."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        paths = [str(ROOT / part) for part in ("hub_core", "sdk", "connectors", ".")]
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.bus.actors"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        self.running: dict[str, int] = {}

    def start(self, name: str, role: str, **more: Any) -> None:
        """Start an actor."""
        scene = self.scene
        self.running[name] = self._ask(
            {"start": role, "folder": str(scene.folder), "server": scene.server, "monitor": scene.monitor, **more}
        )

    def kill(self, name: str) -> None:
        """``kill -9``, and wait until it is gone."""
        pid = self.running.pop(name)
        os.kill(pid, signal.SIGKILL)  # not yet waited for, so the number is still its own
        self._ask({"wait": pid})

    def ended(self, name: str) -> int:
        """Wait for the actor's own end; its exit code."""
        return self._ask({"wait": self.running.pop(name)})

    def close(self) -> None:
        """Kill whatever still runs."""
        for name in list(self.running):
            self.kill(name)
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()

    def _ask(self, order: dict[str, Any]) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


ROLES: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"publisher {key}": ("publisher", {"key": key}) for key in KEYS},
    "consumer": ("consumer", {}),
    "relay": ("relay", {}),
}


@contextmanager
def troupe(scene: Scene) -> Iterator[Troupe]:
    """All actors, running."""
    scene.folder.mkdir(parents=True, exist_ok=True)
    made = Troupe(scene)
    try:
        for name, (role, more) in ROLES.items():
            made.start(name, role, **more)
        yield made
    finally:
        made.close()


def disturb(
    made: Troupe,
    chance: random.Random,
    kills: int,
    pause: tuple[float, float],
    broker: Callable[[], None] | None = None,
) -> Counter[str]:
    """Kill and restart ``kills`` times, whom and when by chance; how often each was hit."""
    hit: Counter[str] = Counter()
    victims = [*ROLES, *(["broker"] if broker else [])]
    for _ in range(kills):
        time.sleep(chance.uniform(*pause))  # the moment of the kill; nothing is waited for
        name = chance.choice(victims)
        hit[name] += 1
        if name == "broker":
            assert broker is not None
            broker()
            continue
        role, more = ROLES[name]
        if name == "consumer" and chance.random() < 0.5:
            made.kill(name)
            made.start(name, role, die_between=chance.randrange(1, 4))
            made.ended(name)
        else:
            made.kill(name)
        made.start(name, role, **more)
    return hit


def acknowledged(scene: Scene, key: str) -> list[tuple[int, int, int, bool]]:
    """What the publisher of ``key`` was told: number, first and last offset, whether it was there already."""
    lines = scene.acks(key).read_bytes().splitlines(keepends=True) if scene.acks(key).exists() else []
    return [
        (number, first, last, bool(duplicate))
        for number, first, last, duplicate in (map(int, line.split()) for line in lines if line.endswith(b"\n"))
    ]


def finish(made: Troupe) -> dict[str, int]:
    """Let everybody come to an end; how many blocks each key has."""
    scene = made.scene
    publishers = [name for name in made.running if name.startswith("publisher")]
    for name in publishers:  # or they pass the goal while it is set
        made.kill(name)
    goals = {key: max((ack[0] for ack in acknowledged(scene, key)), default=0) + 10 for key in KEYS}
    fresh = scene.folder / "goals.new"
    fresh.write_text(json.dumps(goals))
    fresh.replace(scene.goals)
    for name in publishers:
        made.start(name, ROLES[name][0], **ROLES[name][1])
    for name in list(made.running):
        assert made.ended(name) == 0, name
    return goals


def losses(scene: Scene, bus: Bus, goals: dict[str, int]) -> list[str]:
    """Every way in which what was left differs from an undisturbed run of ``goals``."""
    out: list[str] = []
    stored: dict[bytes, tuple[int, int]] = {}
    order: dict[str, list[int]] = {key: [] for key in goals}
    position = 1
    while blocks := bus.read(STREAM, position, 256):
        for block in blocks:
            out += [f"offsets {position} to {block.first}: a hole"] if block.first != position else []
            out += [f"{block.block_id!r} is stored twice"] if block.block_id in stored else []
            stored[block.block_id] = (block.first, block.last)
            order[block.key].append(int(block.meta))
            right = tuple(entries(block.key, int(block.meta)))
            out += [f"{block.block_id!r} holds something else"] if block.entries != right else []
            position = block.last + 1
    for key, last in goals.items():
        out += [f"{key}: out of order"] if order[key] != sorted(order[key]) else []
        out += [f"{key}: {len(order[key])} blocks of {last}"] if order[key] != list(range(last)) else []
        told: set[int] = set()
        for number, first, end, duplicate in acknowledged(scene, key):
            if stored.get(f"{key} {number}".encode()) != (first, end):
                out.append(f"{key} {number}: acknowledged at {first}, is lost or elsewhere")
            out += [f"{key} {number}: a repetition was not flagged"] if number in told and not duplicate else []
            told.add(number)
    effect = Effect(scene.folder)
    found, expected = effect.chains(), undisturbed(goals)
    out += [
        f"effect of {key}: {found.get(key)} in place of {right}"
        for key, right in expected.items()
        if found.get(key) != right
    ]
    relayed: list[bytes] = []
    position = 1
    while blocks := bus.read(RESOLVED, position, 256):
        relayed += [entry for block in blocks for entry in block.entries]
        position = blocks[-1].last + 1
    told_on = [
        f"{block_id.decode().split()[0]} {first}".encode()
        for block_id, (first, _) in sorted(stored.items(), key=lambda pair: pair[1])
    ]
    out += [f"relay: {len(relayed)} of {len(told_on)}, or out of order"] if relayed != told_on else []
    report = bus.check()
    return out + ([] if report.ok else [str(report)])  # fmt: skip


def undisturbed(goals: dict[str, int]) -> dict[str, tuple[int, str]]:
    """The effect of a run that nothing disturbed."""
    import apsw

    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE chain (key TEXT PRIMARY KEY, count INTEGER NOT NULL, digest BLOB NOT NULL)")
    for key, last in goals.items():
        for number in range(last):
            advance(connection, key, entries(key, number))
    return {key: (count, digest.hex()) for key, count, digest in connection.execute("SELECT * FROM chain")}
