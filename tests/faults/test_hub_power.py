"""The power of a whole hub goes while it works: what a copied file system image holds is mounted and run to its end."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults.mounts import at_rest, fresh_image, mounted
from tests.faults.scene import PLATFORMS, Answer, Scene, losses, plant, scene, until

from isthmus_hub.hub import Hub

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
MEGABYTES = 40
CUTS = 3


@pytest.fixture(scope="module")
def described():
    return plant(30, alerts=40, cves=30, links=30)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, described):
    with scene(tmp_path_factory.mktemp("undisturbed"), described) as made:
        assert made.sync().code == 4  # one record is in quarantine
        return made.account()


@dataclass
class Cut:
    """What is left of a moment: the image, and what was promised before it."""

    image: Path
    received: dict[str, bytes]
    ends: dict[str, int]
    """Entries that could be read from each stream, which is when they are durable."""


def slowly(_state: Path, answer: Answer) -> Answer:
    """A vendor that takes its time, so that there are many moments to cut in."""

    def reply(request):
        time.sleep(0.03)
        return answer(request)

    return reply


def ends(made: Scene) -> dict[str, int]:
    with Hub.open(made.state, lock=False) as hub:
        return {stream: hub.bus.end(stream) for stream in ("observed", "resolved")}


def cut(made: Scene, image: Path, process: subprocess.Popen[str], copy: Path) -> Cut:
    """Copy the image at one moment: the hub rests meanwhile, and what it did not flush is not in the copy."""
    promised = ends(made)
    with at_rest([process.pid, *made.workers()]):
        received = {name: path.read_bytes() for name in PLATFORMS if (path := made.received(name)).exists()}
        shutil.copyfile(image, copy)
    return Cut(copy, received, promised)


@pytest.mark.parametrize("words", [("sync", "--json"), ("run",)], ids=["sync", "daemon"])
def test_a_power_cut_of_a_whole_hub_costs_nothing(tmp_path, undisturbed, described, words):
    seed = int(os.environ.get("ISTHMUS_SEED", "0")) or random.randrange(1, 10**9)
    print(f"ISTHMUS_SEED={seed}")  # shown where the test fails
    chance = random.Random(seed)
    image = tmp_path / "image"
    fresh_image(image, MEGABYTES)
    cuts: list[Cut] = []
    with scene(tmp_path / "hub", described, guardian=slowly) as made:
        with mounted(image, made.state):
            process = made.begin(*words)
            try:
                until(
                    lambda: (made.state / "bus" / "observed.sqlite").exists() and ends(made)["observed"], "it observes"
                )
                for number in range(CUTS):
                    lives = time.monotonic() + chance.uniform(0.02, 0.6)
                    while time.monotonic() < lives and process.poll() is None:
                        time.sleep(0.005)  # the power goes at a random moment; nothing is waited for
                    cuts.append(cut(made, image, process, tmp_path / f"copy-{number}"))
            finally:
                process.kill()
                process.wait()
                until(lambda: not made.workers(), "the workers follow their hub", seconds=10)
        assert len({tuple(found.ends.values()) for found in cuts}) > 1, "the cuts came at different moments"
        for found in cuts:
            for name in PLATFORMS:
                made.received(name).write_bytes(found.received.get(name, b""))
            with mounted(found.image, made.state):
                kept = ends(made)
                assert {name: end for name, end in kept.items() if end < found.ends[name]} == {}, (
                    "acknowledged and lost"
                )
                before = made.account()
                assert not before.problems, "what a power cut left needs no repair"
                assert made.sync().code == 4
                after = made.account()
                assert losses(undisturbed, after, again=True) == []
                assert before.observed.keys() <= after.observed.keys()
                assert made.run("sync", "--json").json["deliveries"][0]["in"] == 0, "nothing new is left to deliver"
            found.image.unlink()
