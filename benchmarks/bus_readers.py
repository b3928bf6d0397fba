"""Readers of the embedded bus, in processes of their own: latency, three groups at once, a million entries, a restart."""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._report import Row
from benchmarks._stix_objects import plant
from isthmus_hub.bus import SqliteBus
from isthmus_sdk import stix

STREAM = "observed"
RATE, SECONDS = 2_000, 5.0
ENTRIES = 120_000
MILLION = 1_000_000
_LISTENER = """
import sys, time
from pathlib import Path
from isthmus_hub.bus import EARLIEST, SqliteBus
late, count = [], int(sys.argv[2])
with SqliteBus(Path(sys.argv[1])) as bus:
    subscription = bus.subscribe("observed", "listen", from_=EARLIEST)
    print("ready", flush=True)
    while len(late) < count:
        for block in subscription.poll(timeout=30):
            now = time.time()
            late += [1000 * (now - float(entry.partition(b" ")[0])) for entry in block.entries]
late.sort()
print(late[len(late) // 2], late[len(late) * 99 // 100], flush=True)
"""
_READER = """
import sys, time
from pathlib import Path
from isthmus_hub.bus import EARLIEST, SqliteBus
count = int(sys.argv[3])
with SqliteBus(Path(sys.argv[1])) as bus:
    subscription = bus.subscribe("observed", sys.argv[2], from_=EARLIEST)
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
_WRITER = """
import sys
from pathlib import Path
from isthmus_hub.bus import SqliteBus
with SqliteBus(Path(sys.argv[1])) as bus:
    number = 0
    while True:
        bus.publish("observed", [b"x" * 700] * 100, block_id=b"late-%d" % number)
        number += 1
        print(number, flush=True)
"""


def run(rounds: int) -> list[Row]:
    """Wall clock throughout: this is what somebody waits for."""
    return [*_latency(), _groups(rounds), *_million(rounds)]


def _latency() -> list[Row]:
    """From `publish` called to the entry in another process's hands, blocks of 10 ms."""
    count, size = int(RATE * SECONDS), RATE // 100
    body = b" " + b"x" * 700
    with tempfile.TemporaryDirectory() as folder, SqliteBus(Path(folder)) as bus:
        bus.publish(STREAM, [], block_id=b"warm")
        listener = _child(_LISTENER, folder, str(count))
        begin = time.perf_counter()
        for number in range(count // size):
            pause = begin + number * size / RATE - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
            bus.publish(STREAM, [b"%f" % time.time() + body] * size, block_id=b"%d" % number)
        half, most = (float(part) for part in listener.communicate()[0].split())
    name = f"publish to consumer at {RATE:,} entries/s"
    return [
        Row(f"{name}, p50", half, "ms", must=2, aim=0.5, smaller_is_better=True),
        Row(f"{name}, p99", most, "ms", must=10, aim=3, smaller_is_better=True),
    ]


def _groups(rounds: int) -> Row:
    """Three groups in three processes read and commit everything."""
    entries = [stix.encode(obj) for obj in plant(ENTRIES // 6)]
    rates = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder, SqliteBus(Path(folder)) as bus:
            for start in range(0, len(entries), 1_000):
                bus.publish(STREAM, entries[start : start + 1_000], block_id=b"%d" % start)
            readers = [_child(_READER, folder, f"group-{which}", str(len(entries))) for which in range(3)]
            begin = time.time()
            for reader in readers:
                assert reader.stdin is not None
                reader.stdin.write("go\n")
                reader.stdin.flush()
            end = max(float(reader.communicate()[0]) for reader in readers)
            assert all(group.lag == 0 for group in bus.groups(STREAM))
            rates.append(3 * len(entries) / (end - begin))
    return Row("three groups, deliveries with commits", statistics.median(rates), "entries/s", must=300_000)


def _million(rounds: int) -> list[Row]:
    """Replay of a million STIX objects, and how soon the stream is there again after a ``kill -9`` of its writer."""
    entries = [stix.encode(obj) for obj in plant(MILLION // 6 + 1)][:MILLION]
    replays, restarts = [], []
    with tempfile.TemporaryDirectory() as folder:
        with SqliteBus(Path(folder)) as bus:
            for start in range(0, MILLION, 1_000):
                bus.publish(STREAM, entries[start : start + 1_000], block_id=b"%d" % start)
        del entries
        for _ in range(rounds):
            writer = _child(_WRITER, folder)
            for _ in range(5):
                assert writer.stdout is not None
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            begin = time.perf_counter()
            with SqliteBus(Path(folder)) as bus:
                bus.publish(STREAM, [b"first again"], block_id=b"again-%f" % time.time())
                restarts.append(1000 * (time.perf_counter() - begin))
                begin, count = time.perf_counter(), 0
                subscription = bus.subscribe(STREAM, None)
                while batch := subscription.poll():
                    count += sum(len(block.entries) for block in batch)
                replays.append((time.perf_counter() - begin) * MILLION / count)
    return [
        Row("replay of a million entries", statistics.median(replays), "s", must=1.5, aim=0.7, smaller_is_better=True),
        Row("restart after kill -9, a million retained, to the first publish", statistics.median(restarts), "ms",
            must=1_000, aim=100, smaller_is_better=True),
    ]  # fmt: skip


def _child(program: str, *words: str) -> subprocess.Popen[str]:
    """A process that has said its first line."""
    child = subprocess.Popen(
        [sys.executable, "-c", program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    return child
