"""A transaction is there as a whole once it returned, whatever happens then; otherwise not at all, whatever happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.hub.disk import Disk
from tests.hub.store.objects import address, asset, incoming, made_id, relation

from isthmus_hub.bus import SqliteBus
from isthmus_hub.store import Store, relay
from isthmus_sdk import stix
from isthmus_sdk.errors import RetriableError

pytestmark = pytest.mark.faults


def effect(store: Store, step: int) -> None:
    """Transaction number ``step``: an asset that changes every time, an address, a relationship, outbox, offset."""
    plc = asset(f"plc-{step % 5}", modified=f"2024-05-01T00:{step // 60:02}:{step % 60:02}.000Z", serial=f"S{step}")
    plc["description"] = random.Random(step).randbytes(2_000).hex()
    ip = address(f"10.0.0.{step % 250}")
    with store.transaction() as tx:
        tx.put([incoming(body, offset=step) for body in (plc, ip, relation(plc, "consists-of", ip))])
        tx.emit_all([plc, ip])
        tx.assign(plc["id"], made_id("infrastructure", f"asset-{step}"))
        tx.set_offset("observed", step)


def assert_holds(store: Store, acknowledged: int) -> int:
    """Everything up to some step, and nothing of the one after it; at least up to ``acknowledged``."""
    assert store.check() == []
    done = store.offset("observed")
    assert done >= acknowledged
    for step in range(max(1, done - 4), done + 1):
        id = asset(f"plc-{step % 5}")["id"]
        stored = store.get(id)
        assert stored is not None
        assert store.by_value("serial", f"S{step}") == [id]
        assert store.asset_of(id) == made_id("infrastructure", f"asset-{step}")
        resolved = store.resolved(id)
        assert resolved is not None
        assert stix.facts(resolved.body, stix.ASSET) == stix.facts(stored.body, stix.ASSET)
    assert store.by_value("serial", f"S{done + 1}") == []
    return done


def told(store: Store) -> list[dict[str, Any]]:
    return [stix.decode(entry) for block in store.outbox(10_000) for entry in block.entries]


@pytest.fixture(autouse=True)
def frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus_hub.store.store.CHECKPOINT_PAGES", 40)


# SQLite swallows what goes wrong in a checkpoint after a commit: it tries again at the next one
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError])
def test_a_disk_that_fails_at_any_one_call_costs_a_retry_and_nothing_else(
    tmp_path: Path, error: type[Exception]
) -> None:
    disk = Disk()
    disk.error = error
    failures = 0
    with Store.open(tmp_path / "store.sqlite", hub="h", vfs=disk.name) as store:
        for step in range(1, 16):
            call = 1
            while True:
                disk.fail_at = disk.calls + call
                try:
                    effect(store, step)
                except RetriableError:
                    failures += 1
                    call += 1
                    # only the checkpoint behind a commit may have failed: then the commit stands, whole
                    if assert_holds(store, step - 1) == step:
                        break
                    continue
                break
        disk.fail_at = None
        assert assert_holds(store, 15) == 15
    assert failures > 100
    with Store.open(tmp_path / "store.sqlite", hub="h") as store:
        assert assert_holds(store, 15) == 15
        assert len([obj for obj in told(store) if obj["type"] == "infrastructure"]) == 15


def test_a_power_cut_before_any_write_or_flush_loses_nothing_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    monkeypatch.setattr("isthmus_hub._sqlite.sync_directory", disk.sync_directory)
    acknowledged = 0
    images: list[tuple[Path, int]] = []

    def cut() -> None:
        image = tmp_path / f"image-{disk.calls}"
        disk.power_cut(image, seed=disk.calls)
        images.append((image, acknowledged))

    with Store.open(tmp_path / "store.sqlite", hub="h", vfs=disk.name) as store:
        disk.before_call = cut
        for step in range(1, 11):
            effect(store, step)
            acknowledged = step
        disk.before_call = None
    assert len(images) > 150
    for image, promised in images:
        with Store.open(image / "store.sqlite", hub="h") as store:
            done = assert_holds(store, promised)
            assert len([obj for obj in told(store) if obj["type"] == "infrastructure"]) == done
            effect(store, done + 1)


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from isthmus_hub.bus import SqliteBus
from isthmus_hub.store import Store, relay
from tests.hub.store.test_crashes import effect
directory = Path(sys.argv[1])
store = Store.open(directory / "store.sqlite", hub="h")
bus = SqliteBus(directory / "bus", reserve=0, low_water=0)
step = store.offset("observed")
while True:
    step += 1
    effect(store, step)
    print(step, flush=True)
    if step % 3 == 0:
        relay(store, bus)
"""


def test_a_writer_killed_again_and_again_loses_nothing_and_tells_everything_once(tmp_path: Path) -> None:
    generator = random.Random(11)
    root = Path(__file__).resolve().parents[3]
    acknowledged = 0
    for _ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(root)], stdout=subprocess.PIPE, cwd=root
        )
        assert writer.stdout is not None
        reported = [writer.stdout.readline() for _ in range(generator.randrange(1, 60))]
        os.kill(writer.pid, signal.SIGKILL)
        reported += writer.stdout.readlines()
        writer.wait()
        acknowledged = max([acknowledged, *(int(line) for line in reported if line.endswith(b"\n"))])
        with Store.open(tmp_path / "store.sqlite", hub="h") as store:
            assert_holds(store, acknowledged)
    with Store.open(tmp_path / "store.sqlite", hub="h") as store, SqliteBus(tmp_path / "bus", low_water=0) as bus:
        done = store.offset("observed")
        relay(store, bus)
        serials = [
            (stix.facts(stix.decode(entry), stix.ASSET) or {})["serial"]
            for block in bus.read("resolved", limit_blocks=100_000)
            for entry in block.entries
            if b'"infrastructure"' in entry
        ]
        assert serials == [f"S{step}" for step in range(1, done + 1)]
