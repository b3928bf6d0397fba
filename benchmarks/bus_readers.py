"""Readers of the embedded bus, in processes of their own: latency, three groups at once, a million entries, a restart."""

from __future__ import annotations

import signal
import statistics
import tempfile
import time

from benchmarks._bus_readers import Place, child, fill, latency, open_place, replay, three_groups
from benchmarks._report import Row
from benchmarks._stix_objects import plant
from isthmus_hub.bus import OBSERVED
from isthmus_sdk import stix

ENTRIES = 120_000
MILLION = 1_000_000


def run(rounds: int) -> list[Row]:
    """Wall clock throughout: this is what somebody waits for."""
    with tempfile.TemporaryDirectory() as folder:
        rows = latency(("sqlite", folder))
    return [*rows, _groups(rounds), *_million(rounds)]


def _groups(rounds: int) -> Row:
    entries = [stix.encode(obj) for obj in plant(ENTRIES // 6)]
    rates = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            rates.append(three_groups(("sqlite", folder), entries))
    return Row("three groups, deliveries with commits", statistics.median(rates), "entries/s", must=300_000)


def _million(rounds: int) -> list[Row]:
    """Replay of a million STIX objects, and how soon the stream is there again after a ``kill -9`` of its writer."""
    replays, restarts = [], []
    with tempfile.TemporaryDirectory() as folder:
        place = ("sqlite", folder)
        with open_place(place) as bus:
            fill(bus, [stix.encode(obj) for obj in plant(MILLION // 6 + 1)][:MILLION])
        for _ in range(rounds):
            _kill_a_writer(place)
            begin = time.perf_counter()
            with open_place(place) as bus:
                bus.publish(OBSERVED, [b"first again"], block_id=b"again-%f" % time.time())
                restarts.append(1000 * (time.perf_counter() - begin))
                count, spent = replay(bus)
                replays.append(spent * MILLION / count)
    return [
        Row("replay of a million entries", statistics.median(replays), "s", must=1.5, aim=0.7, smaller_is_better=True),
        Row("restart after kill -9, a million retained, to the first publish", statistics.median(restarts), "ms",
            must=1_000, aim=100, smaller_is_better=True),
    ]  # fmt: skip


def _kill_a_writer(place: Place) -> None:
    writer = child("write", place)
    for _ in range(5):
        assert writer.stdout is not None
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
