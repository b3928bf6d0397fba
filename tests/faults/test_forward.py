"""Collectors, the centre and the bus between them, killed at random instants while blocks are forwarded.

The three machines of the example, their daemons and the NATS server as processes. Whatever is killed and when: in the end
the centre holds what an undisturbed centre holds.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.faults.scene import plant, until
from tests.hub.forward.machines import COLLECTORS, HUBS, Machines, machines

from isthmus_hub.hub import Hub
from isthmus_sdk import stix

pytestmark = [pytest.mark.faults, pytest.mark.interop, pytest.mark.timeout(300)]
SECONDS = 9.0
FINAL = {"a": 26, "b": 32}


def fast(made: Machines) -> None:
    """Instances that read every second."""
    for hub in HUBS:
        path = made.home(hub) / "isthmus.toml"
        text = path.read_text().replace('every = "10m"', "").replace("source_id", 'every = "1s"\nsource_id')
        path.write_text(text)


def grow(made: Machines, sizes: dict[str, int]) -> None:
    """The plants from now on."""
    for name, size in sizes.items():
        fresh = made.folder / f"plant-{name}.new"
        fresh.write_text(json.dumps(plant(size, alerts=2 * size, cves=size, links=size, version=size)))
        fresh.replace(made.folder / f"plant-{name}.json")


def account(hub: Hub) -> tuple[dict[str, str], set[frozenset[tuple[str, str, str]]], list[str]]:
    """What each source says (its content, without times of ours), the partition into assets, and what is unsound."""
    observed = {body["id"]: stix.content_hash(body).hex() for body in map(json.loads, hub.export("observed"))}
    assets = {
        frozenset((member["instance"], member["stream"], member["native_id"]) for member in asset["members"])
        for asset in hub.assets()["assets"]
    }
    return observed, assets, [*hub.store_check()["problems"], *hub.bus_check()["problems"]]


def blocks(hub: Hub, stream: str = "observed") -> list[tuple[bytes, str]]:
    """Ids and keys of what a bus holds, in order."""
    out: list[tuple[bytes, str]] = []
    offset = 1
    while found := hub.bus.read(stream, offset):
        out += [(block.block_id, block.key) for block in found]
        offset = found[-1].last + 1
    return out


def settle(made: Machines) -> None:
    """One pass of everybody until nothing waits: the first one ends what a kill interrupted."""
    for _ in range(2):
        for hub in (*COLLECTORS, "centre"):
            code, found, err = made.run(hub, "sync")
            assert code in (0, 4), (hub, err)
            assert all(run["error"] is None for run in found["runs"]), (hub, found["runs"])
            if hub in COLLECTORS:
                assert (found["forward"]["link"], found["forward"]["pending"]) == ("up", 0), found["forward"]


def undisturbed(folder: Path) -> tuple[dict[str, str], set[frozenset[tuple[str, str, str]]]]:
    """What the centre holds where nothing was ever killed."""
    with machines(folder) as made:
        fast(made)
        grow(made, FINAL)
        settle(made)
        with made.open("centre") as hub:
            observed, assets, problems = account(hub)
    assert problems == []
    return observed, assets


def test_random_kills_of_collectors_centre_and_bus_lose_nothing(tmp_path):
    seed = int(os.environ.get("ISTHMUS_SEED", "0")) or random.randrange(1, 10**9)
    print(f"ISTHMUS_SEED={seed}")  # shown where the test fails
    chance = random.Random(seed)
    killed: Counter[str] = Counter()
    with machines(tmp_path / "disturbed") as made:
        fast(made)
        running = {hub: made.daemon(hub) for hub in HUBS}
        end = time.monotonic() + SECONDS
        sizes = {"a": 8, "b": 8}
        while time.monotonic() < end:
            time.sleep(chance.uniform(0.2, 1.6))  # the kill comes at a random moment; nothing is waited for
            victim = chance.choice([*HUBS, "bus"])
            killed[victim] += 1
            if victim == "bus":
                made.cut()
                made.serve()
            else:
                assert running[victim].poll() is None, made.log(victim)
                running[victim].kill()
                running[victim].wait()
                running[victim] = made.daemon(victim)
            sizes = {name: min(FINAL[name], size + chance.randrange(4)) for name, size in sizes.items()}
            grow(made, sizes)
        for process in running.values():
            process.kill()
            process.wait()
        grow(made, FINAL)
        until(lambda: not _holders(made), "the workers follow their hubs", seconds=10)
        settle(made)
        with made.open("centre") as hub:
            observed, assets, problems = account(hub)
            arrived = blocks(hub)
        sent = {}
        for name in COLLECTORS:
            with made.open(name) as hub:
                sent[name] = blocks(hub)
    right, partition = undisturbed(tmp_path / "undisturbed")
    assert sum(killed.values()) >= 8, killed
    assert problems == []
    for name, own in sent.items():
        there = [block for block in arrived if block[1].startswith(f"{name}\x1f")]
        assert there == own, f"{name}: {len(own)} blocks, {len(there)} arrived"
    # What a device no longer has stays with what was seen on the way; everything that is there now is as it should be.
    assert {id: observed.get(id) for id in right} == right
    seen = {member for asset in partition for member in asset}
    assert {asset & seen for asset in assets} - {frozenset()} == partition


def _holders(made: Machines) -> list[int]:
    """Workers of any hub that are still alive."""
    out = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"TMPDIR={made.folder}".encode() in (entry / "environ").read_bytes():
                    out.append(int(entry.name))
            except OSError:
                pass
    return [pid for pid in out if made.bus is None or pid != made.bus.pid]
