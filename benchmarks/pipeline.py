"""Fetch, validate, map, check, durable bus: a worker process and a hub, against a bare httpx and orjson loop."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson

from benchmarks._report import Row
from isthmus_hub.bus import open_bus
from isthmus_hub.runtime import Ingest, Plan, Quarantine, Session, StreamRun
from isthmus_hub.telemetry import Redactor
from isthmus_sdk import protocol

ROOT = Path(__file__).resolve().parent.parent
RECORDS, MEMORY_RECORDS, MEMORY_BASE = 100_000, 1_000_000, 50_000
ENTRY = "benchmarks.alerts.connector:alerts_connector"


def run(rounds: int) -> list[Row]:
    """Throughput against the bare loop, then memory over a long run."""
    bare, ours = [], []
    with _serving(RECORDS) as url:
        for _ in range(rounds):
            bare.append(RECORDS / _bare(url))
            ours.append(_pipeline(url).rate)
    bare_rate, our_rate = sorted(bare)[len(bare) // 2], sorted(ours)[len(ours) // 2]
    with _serving(MEMORY_RECORDS) as url:
        watched = _pipeline(url)
    return [
        Row(
            "records to durable bus per second",
            our_rate,
            "records/s",
            "bare httpx + orjson loop",
            our_rate / bare_rate,
            0.25,
            0.5,
            note=f"bare: {bare_rate:,.0f} records/s",
        ),
        Row(
            "memory growth from 50 k to 1 M records, worker",
            watched.growth("worker"),
            "MB",
            must=10,
            aim=2,
            smaller_is_better=True,
        ),
        Row(
            "memory growth from 50 k to 1 M records, hub",
            watched.growth("hub"),
            "MB",
            must=10,
            aim=2,
            smaller_is_better=True,
        ),
        Row("memory of the worker", watched.peak("worker"), "MB", must=150, aim=80, smaller_is_better=True),
        Row("memory of the hub (ingest)", watched.peak("hub"), "MB", must=250, aim=150, smaller_is_better=True),
    ]


class _Watched:
    """Seconds of a run, and resident memory as it went on."""

    def __init__(self) -> None:
        self.first: tuple[int, float] | None = None
        """Records of the first page, and when it was durable: the start of the worker is measured by ``startup``."""
        self.last: tuple[int, float] = (0, 0.0)
        self.worker = 0
        self.samples: list[tuple[int, float, float]] = []

    def log(self, instance: str, level: str, event: str, fields: Mapping[str, Any]) -> None:
        """What the worker says matters only when it fails."""

    def progress(self, run: StreamRun) -> None:
        """Note how far the run is; sample memory every ten pages."""
        self.last = (run.records, time.perf_counter())
        self.first = self.first or self.last
        if run.pages % 10 == 0:
            self.samples.append((run.records, _resident(self.worker), _resident("self")))

    @property
    def rate(self) -> float:
        """Records per second from the first durable page to the last."""
        assert self.first is not None
        return (self.last[0] - self.first[0]) / (self.last[1] - self.first[1])

    def growth(self, who: str) -> float:
        """Megabytes between the first samples after 50,000 records and the last ones."""
        figures = [sample[1 if who == "worker" else 2] for sample in self.samples if sample[0] >= MEMORY_BASE]
        return max(0.0, max(figures[-5:]) - min(figures[:5])) if figures else 0.0

    def peak(self, who: str) -> float:
        """Megabytes."""
        return max((sample[1 if who == "worker" else 2] for sample in self.samples), default=0.0)


def _pipeline(url: str) -> _Watched:
    from isthmus_hub.runtime import WorkerProcess

    watched = _Watched()
    configure = protocol.Configure(
        hub="benchmark",
        instance="alerts",
        source_id="bench",
        settings={"base_url": url},
        secrets={"token": "benchmark-token"},
        one_pass=True,
    )
    plan = Plan("alerts", "alerts", ENTRY, ("alerts",), "bench", configure)

    def start(entry: str, python: Path, **more: Any) -> WorkerProcess:
        process = WorkerProcess(entry, python, **{**more, "path": [ROOT]})
        watched.worker = process.pid
        return process

    with (
        tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder,
        open_bus("sqlite", Path(folder, "bus")) as bus,
        Quarantine(Path(folder, "q.sqlite"), Redactor()) as quarantine,
    ):
        (finished,) = Session(plan, Ingest(bus, quarantine, hub="benchmark"), watched, start=start).run()
        if finished.error is not None or finished.quarantined:
            raise RuntimeError(f"the benchmark's own run failed: {finished}")
    return watched


def _bare(url: str) -> float:
    begin = time.perf_counter()
    cursor: str | None = "0"
    count = 0
    with httpx.Client(base_url=url, headers={"Authorization": "Bearer benchmark-token"}) as client:
        while cursor is not None:
            page = orjson.loads(client.get("/v1/alerts", params={"cursor": cursor}).content)
            count += len(page["data"])
            cursor = page["next_cursor"]
    return time.perf_counter() - begin


@contextmanager
def _serving(records: int) -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.alerts.server", str(records)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait()


def _resident(pid: int | str) -> float:
    """Resident memory in megabytes."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * 4096 / 1e6
