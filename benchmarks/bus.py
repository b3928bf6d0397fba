"""The embedded bus against the disk it stands on: every block durable before the next one begins."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks._bus_readers import fill, replay
from benchmarks._report import Row
from benchmarks._stix_objects import plant
from isthmus_hub.bus import OBSERVED, SqliteBus
from isthmus_sdk import stix

ENTRIES = 180_000  # long enough for the log to be folded into the file now and then, as in practice
_MEMORY = """
import os, random, sys
from pathlib import Path
from isthmus_hub.bus import SqliteBus
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
generator = random.Random(1)
pool = [generator.randbytes(350).hex().encode() for _ in range(1_000)]
with SqliteBus(Path(sys.argv[1])) as bus:
    for number in range(1_000):
        bus.publish("observed", pool, block_id=number.to_bytes(8), key=f"k{number % 20}", meta=b"cursor")
        bus.read("observed", number * 1_000 + 1, 1)
        if number == 49:
            early = resident()
print(resident() - early, resident())
"""


def run(rounds: int) -> list[Row]:
    """Append in blocks of 1,000 and 100, one thread and four; replay; memory."""
    entries = _entries(ENTRIES)
    rows = [
        _append("durable append, blocks of 1,000", entries, 1_000, 1, rounds, must=0.5, aim=0.9),
        _append("durable append, blocks of 100", entries, 100, 1, rounds),
        _append("durable append, blocks of 100, 4 threads", entries, 100, 4, rounds),
        _append("durable append, blocks of 1,000, 4 threads", entries, 1_000, 4, rounds),
    ]
    rows += _replay(entries, rounds)
    rows.append(_memory())
    return rows


def _entries(count: int) -> list[bytes]:
    return [stix.encode(obj) for obj in plant(count // 6)]


def _append(
    name: str,
    entries: Sequence[bytes],
    size: int,
    threads: int,
    rounds: int,
    must: float | None = None,
    aim: float | None = None,
) -> Row:
    blocks = [entries[start : start + size] for start in range(0, len(entries), size)]
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(_in_directory(lambda directory: _raw(directory, blocks, threads)))
        ours.append(_in_directory(lambda directory: _bus(directory, blocks, threads)))
    value, peer = len(entries) / statistics.median(ours), len(entries) / statistics.median(theirs)
    return Row(name, value, "entries/s", f"raw write + fdatasync {peer:,.0f}", value / peer, must, aim)


def _raw(directory: Path, blocks: Sequence[Sequence[bytes]], threads: int) -> float:
    """The same bytes to a file per thread, flushed after every block."""

    def write(thread: int) -> None:
        descriptor = os.open(directory / f"raw-{thread}", os.O_CREAT | os.O_WRONLY)
        for block in blocks[thread::threads]:
            os.write(descriptor, b"\n".join(block))
            os.fdatasync(descriptor)
        os.close(descriptor)

    return _timed(write, threads)


def _bus(directory: Path, blocks: Sequence[Sequence[bytes]], threads: int) -> float:
    with SqliteBus(directory / "bus", reserve=0) as bus:
        bus.publish(OBSERVED, [], block_id=b"warm")

        def publish(thread: int) -> None:
            for number in range(thread, len(blocks), threads):
                bus.publish(OBSERVED, blocks[number], block_id=b"%d" % number, key="instance/stream", meta=b"cursor")

        spent = _timed(publish, threads)
        assert bus.health().streams[0].blocks == len(blocks) + 1
    return spent


def _replay(entries: Sequence[bytes], rounds: int) -> list[Row]:
    spent = []
    stored = 0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as directory, SqliteBus(Path(directory), reserve=0) as bus:
            fill(bus, entries)
            count, seconds = replay(bus)
            spent.append(seconds)
            assert count == len(entries)
            stored = bus.health().streams[0].stored_bytes
    payload = sum(map(len, entries))
    return [
        Row("replay from the beginning", len(entries) / statistics.median(spent), "entries/s"),
        Row("disk per million entries", stored / len(entries), "MB", must=150, aim=90, smaller_is_better=True,
            note=f"{payload / stored:.1f} times smaller than the entries"),
    ]  # fmt: skip


def _memory() -> Row:
    with tempfile.TemporaryDirectory() as directory:
        out = subprocess.run([sys.executable, "-c", _MEMORY, directory], capture_output=True, check=True, text=True)
    growth, resident = (float(part) for part in out.stdout.split())
    return Row(
        "memory growth, 50 k to 1 M entries", growth, "MB", must=10, aim=2, smaller_is_better=True,
        note=f"{resident:.0f} MB resident at the end",
    )  # fmt: skip


def _timed(work: Callable[[int], None], threads: int) -> float:
    begin = time.perf_counter()
    if threads == 1:
        work(0)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(threads)))
    return time.perf_counter() - begin


def _in_directory(work: Callable[[Path], float]) -> float:
    directory = Path(tempfile.mkdtemp())
    try:
        return work(directory)
    finally:
        shutil.rmtree(directory)
