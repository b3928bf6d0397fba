"""Publishers, consumers, the relay and the broker are killed at random moments; nothing acknowledged is ever lost."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from tests.faults.bus.actors import Scene
from tests.faults.bus.killing import KEYS, acknowledged, disturb, finish, losses, troupe
from tests.hub.bus.nats import NatsServer

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
KILLS, BROKER_KILLS = 240, 60


def chance() -> random.Random:
    """Shown where the test fails; ``ISTHMUS_SEED`` repeats a run, as far as a scheduler can be repeated."""
    seed = int(os.environ.get("ISTHMUS_SEED", "0")) or random.randrange(1, 10**9)
    print(f"ISTHMUS_SEED={seed}")
    return random.Random(seed)


def test_processes_killed_again_and_again_on_the_embedded_bus_lose_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with troupe(scene) as made:
        hit = disturb(made, chance(), KILLS, (0.005, 0.12))
        goals = finish(made)
    with scene.open() as bus:
        assert losses(scene, bus, goals) == []
    assert hit.total() == KILLS
    assert min(hit.values()) > KILLS // 10, hit
    assert any(ack[3] for key in KEYS for ack in acknowledged(scene, key)), "no block was ever repeated"


def test_a_broker_and_its_clients_killed_again_and_again_lose_nothing(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats").start()

    def strike() -> None:
        server.kill()
        server.start()

    scene = Scene(tmp_path / "actors", server.url, server.monitor)
    try:
        with troupe(scene) as made:
            hit = disturb(made, chance(), BROKER_KILLS, (0.1, 0.5), strike)
            goals = finish(made)
        with scene.open() as bus:
            assert losses(scene, bus, goals) == []
        assert hit["broker"] > BROKER_KILLS // 15, hit
    finally:
        server.stop()
