"""A daemon that is killed again and again while its vendors' data changes ends where an undisturbed one ends."""

from __future__ import annotations

import os
import random
import time

import pytest
from tests.faults.scene import losses, plant, scene, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
SECONDS = 20.0


def test_random_kills(tmp_path):
    seed = int(os.environ.get("ISTHMUS_SEED", "0")) or random.randrange(1, 10**9)
    print(f"ISTHMUS_SEED={seed}")  # shown where the test fails
    chance = random.Random(seed)
    size, kills = 12, 0
    with scene(tmp_path / "disturbed", plant(size)) as made:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            process = made.daemon(ready=False)
            lives = time.monotonic() + chance.uniform(0.3, 4.0)
            while time.monotonic() < lives:
                assert process.poll() is None, made.log()
                time.sleep(0.02)  # the kill comes at a random moment; nothing is waited for
            process.kill()
            process.wait()
            kills += 1
            size += chance.randrange(4)
            made.grow(plant(size, alerts=size * 2, cves=size, links=size, version=kills))
            until(lambda: not made.workers(), "the workers follow their hub", seconds=5)
        # The first pass ends the walk that a kill interrupted; what came in behind its position is the second one's.
        assert made.sync().code == 4
        assert made.sync().code == 4
        found, last = made.account(), plant(size, alerts=size * 2, cves=size, links=size, version=kills)
    with scene(tmp_path / "undisturbed", last) as made:
        assert made.sync().code == 4
        right = made.account()
    assert kills >= 4
    # Software that a device no longer has, and versions of pages read twice, stay: compare what is there now.
    gone = found.observed.keys() - right.observed.keys()
    found.observed = {id: hash for id, hash in found.observed.items() if id not in gone}
    found.minted |= gone
    assert losses(right, found, again=True) == []
    assert sum(found.duplicates().values()) <= kills * 25 * len(found.received)
