"""A store made anew from `observed` is the same one, and being killed while it is made is harmless."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.hub.store.objects import JUNE_1, JUNE_2, address, asset, relation

from isthmus_hub.hub import Hub
from isthmus_sdk import stix

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
DYING = """
import os, sys
from pathlib import Path
import apsw
from isthmus_hub.hub import Hub
left = int(sys.argv[2])
def trace(cursor, statement, bindings):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)
    return True
apsw.connection_hooks.append(lambda connection: setattr(connection, "exec_trace", trace))
with Hub.open(Path(sys.argv[1])) as hub:
    hub.store_rebuild()
    print("done")
"""


def publish(hub: Hub, number: int, objects: list[dict[str, Any]], observed_at: str, instance: str = "guardian") -> None:
    meta = {"instance": instance, "stream": "assets", "source_id": instance, "observed_at": observed_at, "cursor": b""}
    hub.bus.publish(
        "observed",
        tuple(map(stix.encode, objects)),
        block_id=f"{instance}-{number}".encode(),
        key=instance,
        meta=msgspec.msgpack.encode(meta),
    )


def filled(state: Path) -> dict[str, Any]:
    """Forty devices of two sources, changed once; what the hub believes of them."""
    with Hub.open(state) as hub:
        for version, time in ((1, JUNE_1), (2, JUNE_2)):
            for number in range(40):
                ip = address(f"10.0.0.{number}")
                facts: dict[str, Any] = {
                    "kind": "asset",
                    "native_id": f"n{number}",
                    "serial": f"SER-{number:06}",
                    "firmware": f"V{version}",
                }
                for instance in ("guardian", "defender"):
                    plc = asset(f"{instance}-{number}", modified=time, source_id=instance, connector=instance, **facts)
                    publish(hub, version * 1_000 + number, [plc, ip, relation(plc, "consists-of", ip)], time, instance)
            hub.resolve()
        return believed(hub)


def believed(hub: Hub) -> dict[str, Any]:
    return {
        "digest": hub.store.digest(),
        "assigned": dict(hub.store.assignments()),
        "resolved": {stored.id: stored.body for stored in hub.store.iterate(None, "resolved")},
    }


def test_a_rebuilt_store_has_the_same_ids_and_says_the_same(tmp_path: Path) -> None:
    before = filled(tmp_path)
    with Hub.open(tmp_path) as hub:
        end = hub.bus.end("resolved")
        done = hub.store_rebuild()
        assert Path(done["former"]).exists()
        assert believed(hub) == before
        assert hub.store.check() == []
        assert hub.bus.end("resolved") == end, "nothing was new, so nothing is told again"


def test_killed_at_any_moment_of_a_rebuild_the_hub_has_a_whole_store(tmp_path: Path) -> None:
    before = filled(tmp_path)
    generator = random.Random(9)
    killed = 0
    for _ in range(15):
        moment = str(generator.randrange(1, 1_500))
        died = subprocess.run(
            [sys.executable, "-c", DYING, str(tmp_path), moment], capture_output=True, text=True, cwd=ROOT
        )
        assert died.returncode == -9 or "done" in died.stdout, died.stderr
        killed += died.returncode == -9
        with Hub.open(tmp_path) as hub:
            hub.resolve()
            assert hub.store.check() == []
            assert believed(hub) == before
    assert killed > 3
