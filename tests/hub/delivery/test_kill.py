"""``kill -9`` while delivering: nothing is lost, the counts add up, and only what was not recorded arrives twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from tests.hub.delivery.doubles import asset, encoded

from isthmus_hub.bus import SqliteBus
from isthmus_hub.delivery import Ledger

ROOT = Path(__file__).resolve().parents[3]
OBJECTS = 120
BATCH = 10


@pytest.fixture
def state(tmp_path):
    bus = SqliteBus(tmp_path / "bus")
    for start in range(0, OBJECTS, 15):
        bus.publish("resolved", [encoded(asset(n)) for n in range(start, start + 15)], block_id=start.to_bytes(4))
    bus.close()
    return tmp_path


def start(state: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.hub.delivery.child", str(state), str(state / "log")],
        cwd=ROOT,
        env={**os.environ, "ISTHMUS_FAULT_DIR": str(state), **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def run(state: Path, **environment: str) -> int:
    child = start(state, **environment)
    child.communicate(timeout=60)
    return child.returncode


def arrived(state: Path) -> Counter[str]:
    return Counter((state / "log").read_text().splitlines())


def totals(state: Path):
    ledger = Ledger.open(state / "delivery.sqlite")
    try:
        return ledger.totals("toy")
    finally:
        ledger.close()


@pytest.mark.faults
@pytest.mark.parametrize("passage", [1, 2, 7, 12])
def test_killed_between_acceptance_and_record(state, passage):
    killed = run(state, ISTHMUS_TESTING="1", ISTHMUS_FAULT=f"deliver:{passage}")
    assert killed == -signal.SIGKILL
    assert totals(state).balanced
    assert run(state, ISTHMUS_TESTING="1", ISTHMUS_FAULT=f"deliver:{passage}") == 0
    seen = arrived(state)
    assert len(seen) == OBJECTS
    assert sum(seen.values()) - OBJECTS <= BATCH
    assert max(seen.values()) == 2
    after = totals(state)
    assert (after.incoming, after.accepted, after.pending) == (OBJECTS, OBJECTS, 0)


@pytest.mark.faults
@pytest.mark.parametrize("passage", [1, 2])
def test_killed_before_the_position_is_saved_sends_nothing_twice(state, passage):
    killed = run(state, ISTHMUS_TESTING="1", ISTHMUS_FAULT=f"acknowledge:{passage}")
    assert killed == -signal.SIGKILL
    assert totals(state).balanced
    assert run(state) == 0
    assert arrived(state) == Counter({f"{asset(n)['id']} {asset(n)['modified']}": 1 for n in range(OBJECTS)})
    assert totals(state).accepted == OBJECTS


@pytest.mark.faults
def test_killed_at_random_again_and_again(state):
    random = Random(20260301)
    kills = 0
    for _ in range(8):
        child = start(state)
        assert child.stdout is not None
        for _ in range(random.randint(1, 3)):
            if child.stdout.readline().startswith("done"):
                break
        child.kill()
        child.communicate(timeout=60)
        kills += child.returncode == -signal.SIGKILL
        assert totals(state).balanced
    assert run(state) == 0
    seen = arrived(state)
    assert len(seen) == OBJECTS
    assert sum(seen.values()) - OBJECTS <= kills * BATCH
    after = totals(state)
    assert (after.incoming, after.accepted + after.duplicate, after.pending) == (OBJECTS, OBJECTS, 0)
