"""Memory of the store from 50 thousand to a million objects; a run of its own because a million take their time."""

from __future__ import annotations

import subprocess
import sys
import tempfile

from benchmarks._report import Row

_MEMORY = """
import os, sys
from pathlib import Path
from benchmarks.store import BATCH, batches, incoming
from benchmarks._stix_objects import plant
from isthmus_hub.store import Store
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
with Store.open(Path(sys.argv[1]) / "store.sqlite", hub="bench") as store:
    count, early = 0, 0.0
    batch = []
    for obj in plant(166_667, forget=True):
        batch.append(obj)
        if len(batch) == BATCH:
            with store.transaction() as tx:
                tx.put(incoming(batch, "2024-06-01T00:00:00.000Z", count))
            count += len(batch)
            batch = []
            if count == 50_000:
                early = resident()
print(resident() - early, resident())
"""


def run(rounds: int) -> list[Row]:
    """Growth of the resident set of a process that stores a million new objects."""
    del rounds
    return [_memory()]


def _memory() -> Row:
    with tempfile.TemporaryDirectory() as directory:
        out = subprocess.run([sys.executable, "-c", _MEMORY, directory], capture_output=True, check=True, text=True)
    growth, resident = (float(part) for part in out.stdout.split())
    return Row(
        "memory growth, 50 k to 1 M objects", growth, "MB", must=10, aim=2, smaller_is_better=True,
        note=f"{resident:.0f} MB resident at the end",
    )  # fmt: skip
