"""Collectors, the centre and the bus between them, killed at random instants while blocks are forwarded.

The three machines of the example, their daemons and the NATS server as processes, fed by files that arrive. Whatever is
killed and when: in the end the centre's store has the digest of one where nothing was killed, and its bus holds every
block of every collector once, in order.
"""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.faults.scene import until
from tests.hub.forward.machines import COLLECTORS, HUBS, Machines, example, machines

from isthmus_hub.hub import Hub

pytestmark = [pytest.mark.faults, pytest.mark.interop, pytest.mark.timeout(300)]
SECONDS = 12.0
FILES = 40
"""For each collector; what arrives while the kills go on, the rest comes at the end."""


def page(hub: str, number: int) -> bytes:
    """A page of an OT visibility product: new devices, and a later word about some of the page before."""
    return json.dumps(
        {
            "result": [
                {
                    "id": f"{hub}-{device}",
                    "name": f"PLC-{device}-{number}",
                    "type": "plc",
                    "ip": [f"10.{1 + HUBS.index(hub)}.0.{device % 250 + 1}"],
                    "mac_address": [f"00:1b:1b:{HUBS.index(hub):02x}:00:{device % 256:02x}"],
                    "serial_number": f"S-{hub}-{device}",
                    "created_at": str(1772431200000 + number * 60_000),
                }
                for device in range(number * 3, number * 3 + 5)
            ]
        }
    ).encode()


def drop(made: Machines, hub: str, number: int) -> None:
    """A file arrives whole; its time is its own, whenever that is."""
    folder = made.home(hub) / "drop"
    folder.mkdir(exist_ok=True)
    fresh = folder / f"{number:03d}.new"
    fresh.write_bytes(page(hub, number))
    moment = 1_777_000_000 + number * 60
    os.utime(fresh, (moment, moment))
    fresh.replace(folder / f"assets-{number:03d}.json")


def fed_by_files(made: Machines) -> None:
    """The collectors read files every second, the centre reads nothing of its own."""
    for hub in HUBS:
        head = re.sub(r"\[connector\..*?(?=\n\[|\Z)", "", example(f"{hub}.toml"), flags=re.DOTALL)
        head = head.replace('covers_by = "defender-corp"\n', "")
        if hub in COLLECTORS:
            head += (
                f'\n[connector.guardian-{hub}]\nuse = "nozomi-guardian"\nsource_id = "guardian-{hub}"\nevery = "1s"\n'
            )
            head += 'files = { assets = "drop/assets-*.json" }\nsettle = "0s"\n'
        made.write(hub, head)


def blocks(hub: Hub) -> list[tuple[bytes, str]]:
    """Ids and keys of what ``observed`` holds, in order."""
    out: list[tuple[bytes, str]] = []
    offset = 1
    while found := hub.bus.read("observed", offset):
        out += [(block.block_id, block.key) for block in found]
        offset = found[-1].last + 1
    return out


def settle(made: Machines) -> str:
    """Everything that is to come has come: one pass of everybody; the digest of the centre's store."""
    for hub in COLLECTORS:
        for number in range(FILES):
            if not (made.home(hub) / "drop" / f"assets-{number:03d}.json").exists():
                drop(made, hub, number)
    for hub in (*COLLECTORS, "centre"):
        code, found, err = made.run(hub, "sync")
        assert code == 0, (hub, found, err)
        if hub in COLLECTORS:
            assert (found["forward"]["link"], found["forward"]["pending"]) == ("up", 0), found["forward"]
    with made.open("centre") as hub:
        assert [*hub.store_check()["problems"], *hub.bus_check()["problems"]] == []
        return hub.store.digest()


def test_random_kills_of_collectors_centre_and_bus_lose_nothing(tmp_path):
    seed = int(os.environ.get("ISTHMUS_SEED", "0")) or random.randrange(1, 10**9)
    print(f"ISTHMUS_SEED={seed}")  # shown where the test fails
    chance = random.Random(seed)
    killed: Counter[str] = Counter()
    with machines(tmp_path / "disturbed") as made:
        fed_by_files(made)
        running = {hub: made.daemon(hub) for hub in HUBS}
        end = time.monotonic() + SECONDS
        arrived = 0
        while time.monotonic() < end:
            for hub in COLLECTORS if arrived < FILES else ():
                drop(made, hub, arrived)
            arrived += 1
            time.sleep(chance.uniform(0.1, 1.2))  # the kill comes at a random moment; nothing is waited for
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
        for process in running.values():
            process.kill()
            process.wait()
        until(lambda: not _workers(made), "the workers follow their hubs", seconds=10)
        found = settle(made)
        with made.open("centre") as hub:
            there = blocks(hub)
        for name in COLLECTORS:
            with made.open(name) as hub:
                own = blocks(hub)
            assert [block for block in there if block[1].startswith(f"{name}\x1f")] == own
    with machines(tmp_path / "undisturbed") as made:
        fed_by_files(made)
        assert found == settle(made)
    assert sum(killed.values()) >= 6, killed


def _workers(made: Machines) -> list[int]:
    """Worker processes of any hub that are still alive."""
    out = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                mine = b"isthmus_sdk.worker" in (entry / "cmdline").read_bytes()
                if mine and f"TMPDIR={made.folder}".encode() in (entry / "environ").read_bytes():
                    out.append(int(entry.name))
            except OSError:
                pass
    return out
