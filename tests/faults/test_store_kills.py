"""A consumer killed at random instants, between effect and commit too, ends where an undisturbed one ends."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from tests.hub.store.test_convergence import months, told

from isthmus_hub.store import Store

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
KILLS = 40
CONSUMER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from isthmus_hub.store import Store
from tests.hub.store.test_convergence import months
items = months(4)
with Store.open(Path(sys.argv[1]), hub="h") as store:
    print("open", flush=True)
    while (start := store.offset("observed")) < len(items):
        with store.transaction() as tx:
            tx.put(items[start:start + 7])
            tx.emit_all([item.body for item in items[start:start + 7] if item.body["type"] == "ipv4-addr"])
            tx.set_offset("observed", min(start + 7, len(items)))
        print(store.offset("observed"), flush=True)
"""


def test_a_consumer_killed_again_and_again_ends_where_an_undisturbed_one_ends(tmp_path: Path) -> None:
    seed = int(os.environ.get("ISTHMUS_SEED", "0")) or random.randrange(1, 10**9)
    print(f"ISTHMUS_SEED={seed}")  # shown where the test fails
    chance = random.Random(seed)
    path = tmp_path / "store.sqlite"
    acknowledged = kills = 0
    while True:
        consumer = subprocess.Popen(
            [sys.executable, "-c", CONSUMER, str(path), str(ROOT)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert consumer.stdout is not None
        lines = []
        if kills < KILLS:
            # from the report of a commit some bytes of the next ones pass, so the kill comes anywhere in a transaction
            lines = [consumer.stdout.readline() for _ in range(chance.randrange(1, 9))]
            kills += 1
            consumer.kill()
        lines += consumer.stdout.readlines()
        code = consumer.wait()
        acknowledged = max(
            [acknowledged, *(int(line) for line in lines if line.strip().isdigit() and line.endswith("\n"))]
        )
        with Store.open(path, hub="h") as store:
            assert store.offset("observed") >= acknowledged
            if code == 0:
                break
    with Store.open(path, hub="h") as store:
        assert store.check() == []
        assert store.digest() == told(months(4), [500])
    assert kills >= KILLS // 2
