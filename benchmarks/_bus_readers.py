"""What readers of a bus in processes of their own see, whichever engine is behind it.

A *place* says where a bus is, in words that a child process is given: ``sqlite DIRECTORY`` or ``jetstream URL PREFIX``.
``python -m benchmarks._bus_readers`` is such a child. Wall clock throughout: this is what somebody waits for.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks._report import Row
from isthmus_hub.bus import EARLIEST, OBSERVED, Bus, JetStreamBus, NatsAccess, SqliteBus

RATE, SECONDS = 2_000, 5.0
Place = Sequence[str]


def open_place(place: Place) -> Bus:
    """The bus there."""
    engine, where, *prefix = place
    if engine == "sqlite":
        return SqliteBus(Path(where))
    return JetStreamBus(NatsAccess((where,), prefix=prefix[0]), settle=0.0)


def latency(place: Place) -> list[Row]:
    """From `publish` called to the entry in another process's hands, blocks of 10 ms."""
    half, most = latencies(place)
    name = f"publish to consumer at {RATE:,} entries/s"
    return [
        Row(f"{name}, p50", half, "ms", must=2, aim=0.5, smaller_is_better=True),
        Row(f"{name}, p99", most, "ms", must=10, aim=3, smaller_is_better=True),
    ]


def latencies(place: Place) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds."""
    count, size = int(RATE * SECONDS), RATE // 100
    body = b" " + b"x" * 700
    with open_place(place) as bus:
        bus.publish(OBSERVED, [], block_id=b"warm")
        listener = child("listen", place, str(count))
        begin = time.perf_counter()
        for number in range(count // size):
            pause = begin + number * size / RATE - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
            bus.publish(OBSERVED, [b"%f" % time.time() + body] * size, block_id=b"%d" % number)
        half, most = (float(part) for part in listener.communicate()[0].split())
    return half, most


def three_groups(place: Place, entries: Sequence[bytes]) -> float:
    """Deliveries a second where three groups in three processes read and commit everything that is stored."""
    with open_place(place) as bus:
        fill(bus, entries)
    readers = [child("read", place, f"group-{which}", str(len(entries))) for which in range(3)]
    begin = time.time()
    for reader in readers:
        assert reader.stdin is not None
        reader.stdin.write("go\n")
        reader.stdin.flush()
    end = max(float(reader.communicate()[0]) for reader in readers)
    with open_place(place) as bus:
        assert all(group.lag == 0 for group in bus.groups(OBSERVED))
    return 3 * len(entries) / (end - begin)


def fill(bus: Bus, entries: Sequence[bytes]) -> None:
    """Publish in blocks of 1,000."""
    for start in range(0, len(entries), 1_000):
        bus.publish(OBSERVED, entries[start : start + 1_000], block_id=b"%d" % start)


def replay(bus: Bus) -> tuple[int, float]:
    """Entries from the first to the last, and the seconds that reading them took."""
    begin, count = time.perf_counter(), 0
    subscription = bus.subscribe(OBSERVED, None)
    while batch := subscription.poll():
        count += sum(len(block.entries) for block in batch)
    return count, time.perf_counter() - begin


def child(role: str, place: Place, *words: str) -> subprocess.Popen[str]:
    """A process that has said its first line."""
    command = [sys.executable, "-m", "benchmarks._bus_readers", role, *words, *place]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    started.stdout.readline()
    return started


def _listen(count: int, place: Place) -> None:
    """Say how late entries came that hold the time of their birth."""
    late: list[float] = []
    with open_place(place) as bus:
        subscription = bus.subscribe(OBSERVED, "listen", from_=EARLIEST)
        print("ready", flush=True)
        while len(late) < count:
            for block in subscription.poll(timeout=30):
                now = time.time()
                late += [1000 * (now - float(entry.partition(b" ")[0])) for entry in block.entries]
    late.sort()
    print(late[len(late) // 2], late[len(late) * 99 // 100], flush=True)


def _read(group: str, count: int, place: Place) -> None:
    """Read and commit, once told to; say when that was done."""
    with open_place(place) as bus:
        subscription = bus.subscribe(OBSERVED, group, from_=EARLIEST)
        print("ready", flush=True)
        sys.stdin.readline()
        seen = 0
        while seen < count:
            batch = subscription.poll(timeout=30)
            assert batch, "nothing came"
            seen += sum(len(block.entries) for block in batch)
            subscription.commit(batch[-1].last)
        print(time.time(), flush=True)


def _write(place: Place) -> None:
    """Publish until killed."""
    number = 0
    with open_place(place) as bus:
        while True:
            bus.publish(OBSERVED, [b"x" * 700] * 100, block_id=b"late-%d" % number)
            number += 1
            print(number, flush=True)


def _main(role: str, *words: str) -> None:
    if role == "listen":
        _listen(int(words[0]), words[1:])
    elif role == "read":
        _read(words[0], int(words[1]), words[2:])
    else:
        _write(words)


if __name__ == "__main__":
    _main(*sys.argv[1:])
