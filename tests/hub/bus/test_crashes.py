"""Nothing acknowledged is lost: killed at any moment, without power at any write, with a disk that fails or is full."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from tests.faults.mounts import small_disk
from tests.hub.disk import Disk

from isthmus_hub.bus import Ack, SqliteBus, StorageFault, StorageFull
from isthmus_sdk.errors import RetriableError

pytestmark = pytest.mark.faults

STREAM = "observed"


def block(number: int) -> list[bytes]:
    """Entries that hardly compress, so that blocks of several pages are written."""
    generator = random.Random(number)
    return [generator.randbytes(generator.choice((10, 700, 5_000))) for _ in range(number % 4)]


def publish(bus: SqliteBus, number: int) -> Ack:
    return bus.publish(
        STREAM, block(number), block_id=b"block-%d" % number, key=f"k{number % 3}", meta=b"cursor %d" % number
    )


def assert_holds(bus: SqliteBus, acknowledged: dict[int, Ack]) -> None:
    """Every acknowledged block is there, once, whole, under its offsets; the state derived from the log matches."""
    stored = {found.block_id: found for found in bus.read(STREAM, limit_blocks=10_000)}
    for number, ack in acknowledged.items():
        found = stored[b"block-%d" % number]
        assert (found.first, found.last) == (ack.first, ack.last)
        assert found.entries == tuple(block(number))
    newest: dict[str, tuple[int, bytes]] = {}
    for found in stored.values():
        newest[found.key] = (found.last, found.meta)
    assert bus.latest(STREAM) == newest
    report = bus.check()
    assert report.ok, report
    assert bus.end(STREAM) == max((found.last for found in stored.values()), default=0)


# SQLite swallows what goes wrong in a checkpoint after a commit: it tries again at the next one
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError])
def test_a_disk_that_fails_at_any_one_call_costs_a_retry_and_nothing_else(
    tmp_path: Path, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus_hub.bus._log.CHECKPOINT_PAGES", 12)
    disk = Disk()
    disk.error = error
    acknowledged: dict[int, Ack] = {}
    failures = 0
    with SqliteBus(tmp_path / "bus", reserve=0, low_water=0, vfs=disk.name) as bus:
        for number in range(40):
            step = 1
            while True:
                disk.fail_at = disk.calls + step
                try:
                    acknowledged[number] = publish(bus, number)
                except RetriableError as failure:
                    assert isinstance(failure, StorageFull if error is apsw.FullError else StorageFault)
                    failures += 1
                    step += 1  # every call of this block fails once, then the next one
                    continue
                break
        disk.fail_at = None
        assert_holds(bus, acknowledged)
    assert failures > 100
    with SqliteBus(tmp_path / "bus", reserve=0, low_water=0) as bus:
        assert_holds(bus, acknowledged)
        assert publish(bus, 7) == Ack(acknowledged[7].first, acknowledged[7].last, duplicate=True)


def test_a_power_cut_before_any_write_or_flush_loses_nothing_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus_hub.bus._log.CHECKPOINT_PAGES", 12)
    disk = Disk()
    monkeypatch.setattr("isthmus_hub._sqlite.sync_directory", disk.sync_directory)
    acknowledged: dict[int, Ack] = {}
    images: list[tuple[Path, dict[int, Ack]]] = []

    def cut() -> None:
        image = tmp_path / f"image-{disk.calls}"
        disk.power_cut(image, seed=disk.calls)
        images.append((image, dict(acknowledged)))

    with SqliteBus(tmp_path / "bus", reserve=0, low_water=0, vfs=disk.name) as bus:
        bus.subscribe(STREAM, "resolve")
        disk.before_call = cut
        for number in range(30):
            acknowledged[number] = publish(bus, number)
    disk.before_call = None  # closing, which folds and removes the log, is part of it
    assert len(images) > 200
    for image, promised in images:
        with SqliteBus(image, reserve=0, low_water=0) as bus:
            assert_holds(bus, promised)
            assert publish(bus, 1_000).first == bus.end(STREAM)


WRITER = """
import sys
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, sys.argv[2])
from isthmus_hub.bus import SqliteBus
from tests.hub.bus.test_crashes import publish
bus = SqliteBus(Path(sys.argv[1]), reserve=0, low_water=0)
def work(thread):
    for number in range(thread, 1_000_000, 4):
        ack = publish(bus, number)
        sys.stdout.write(f"{number} {ack.first} {ack.last}\\n")
        sys.stdout.flush()
with ThreadPoolExecutor(4) as pool:
    list(pool.map(work, range(4)))
"""


def test_a_writer_killed_again_and_again_loses_nothing_acknowledged(tmp_path: Path) -> None:
    generator = random.Random(5)
    acknowledged: dict[int, Ack] = {}
    root = Path(__file__).resolve().parents[3]
    for _ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "bus"), str(root)], stdout=subprocess.PIPE, cwd=root
        )
        assert writer.stdout is not None
        reported = []
        for _ in range(generator.randrange(1, 400)):
            reported.append(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        reported += writer.stdout.readlines()
        writer.wait()
        for line in reported:
            if line.endswith(b"\n"):
                number, first, last = (int(part) for part in line.split())
                assert acknowledged.setdefault(number, Ack(first, last)) == Ack(first, last), "a block moved"
        with SqliteBus(tmp_path / "bus", reserve=0, low_water=0) as bus:
            assert_holds(bus, acknowledged)
    assert len(acknowledged) > 100


# -- full disk -------------------------------------------------------------------------------------------------------------


def fill_up(bus: SqliteBus, start: int = 0) -> dict[int, Ack]:
    """Publish until the disk is full; what was acknowledged until then."""
    acknowledged: dict[int, Ack] = {}
    with pytest.raises(StorageFull, match="free some space"):
        for number in range(start, start + 100_000):
            acknowledged[number] = publish(bus, number)
    return acknowledged


def test_a_full_disk_stops_publishing_and_reading_goes_on(tmp_path: Path) -> None:
    disk = Disk()
    with SqliteBus(tmp_path / "bus", reserve=0, low_water=0, vfs=disk.name) as bus:
        disk.capacity = 400_000
        acknowledged = fill_up(bus)
        assert_holds(bus, acknowledged)
        disk.capacity = 800_000
        number = max(acknowledged) + 1
        acknowledged[number] = publish(bus, number)
        assert_holds(bus, acknowledged)


def test_a_small_full_disk_is_cleaned_up_with_the_help_of_the_reserve(tmp_path: Path) -> None:
    room = tmp_path / "small"
    with small_disk(room, 8 * 1024), SqliteBus(room / "bus", reserve=512 * 1024, low_water=0) as bus:
        assert (room / "bus" / "reserve").stat().st_size == 512 * 1024
        bus.subscribe(STREAM, "resolve")
        acknowledged = fill_up(bus)
        assert len(acknowledged) > 100
        assert_holds(bus, acknowledged)
        assert bus.retain(STREAM, max_bytes=0).blocks == 0, "nothing may go that the group has not had"
        bus.commit(STREAM, "resolve", bus.end(STREAM))
        assert bus.retain(STREAM, max_bytes=100_000).blocks > 0
        publish(bus, -1)
        assert bus.check().ok


def test_intake_stops_at_the_low_water_mark_while_positions_can_still_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 10_000_000
    monkeypatch.setattr("isthmus_hub.bus._space.Space.free", lambda self: free)
    with SqliteBus(tmp_path / "bus", reserve=0, low_water=1_000_000) as bus:
        bus.subscribe(STREAM, "resolve")
        acknowledged = {0: publish(bus, 0), 1: publish(bus, 1)}
        free = 999_999
        with pytest.raises(StorageFull, match="intake stops below 1000000"):
            publish(bus, 2)
        health = bus.health()
        assert not health.accepting
        assert "intake stops" in health.warnings[0]
        bus.commit(STREAM, "resolve", 2)
        free = 10_000_000
        acknowledged[2] = publish(bus, 2)
        assert_holds(bus, acknowledged)
