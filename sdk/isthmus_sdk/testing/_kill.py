"""A real worker and its hub, killed together at named points and started again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from isthmus_sdk.testing._bench import SOURCE, Bench, Ran
from isthmus_sdk.testing._case import import_root
from isthmus_sdk.testing._faults import sound
from isthmus_sdk.testing._files import whole
from isthmus_sdk.testing._hub import Log
from isthmus_sdk.testing._rules import Book

if TYPE_CHECKING:
    from isthmus_sdk.connector import Stream

book = Book()
POINTS = ("validate:3", "publish:2", "commit:2")
FILE_POINTS = ("validate:1", "publish:1", "commit:1")
"""A recorded log is short: it may be one page."""
_STARTS = 3
_PATIENCE = 60


@book.rule("kill", "silver", "a worker killed at any point, with its hub, loses nothing")
def kill(bench: Bench) -> Iterator[str]:
    """The first stream, in processes of their own: killed while a page is read, before and after its block is durable."""
    streams: list[tuple[Stream[Any, Any], Ran, list[str] | None]]
    if bench.over_files:
        streams = [(s, whole(bench, s), [str(path) for path in bench.case.pages(s.name)]) for s in bench.streams[:1]]
    else:
        streams = [(stream, bench.clean(stream.name), None) for stream in sound(bench)[:1]]
    if not bench.over_files and not bench.network_streams:
        return  # the rule reads says why
    if not streams:
        yield "no stream runs without a fault; see the rule reads"
        return
    for stream, clean, files in streams:
        if files is None:
            bench.renew(stream.name)
            bench.vendor.announce(stream.name, [])
        at = partial(_killed_at, bench, stream, set(clean.objects), files)
        points = POINTS if files is None else FILE_POINTS
        with ThreadPoolExecutor(2) as pool:
            yield from (f"stream {stream.name}: {finding}" for finding in pool.map(at, points) if finding)


def _killed_at(
    bench: Bench, stream: Stream[Any, Any], wanted: set[str], files: Sequence[str] | None, point: str
) -> str:
    folder = bench.folder / f"kill-{stream.name}-{point.replace(':', '-')}"
    folder.mkdir(exist_ok=True)
    configure: dict[str, Any] = {"settings": bench.written, "secrets": bench.secrets}
    if files is not None:
        configure |= {"files": {stream.name: list(files)}, "settle": 0.0}
    job = {
        "connector": bench.kept["value"],
        "roots": [str(import_root(bench.connector)), *(p for p in sys.path if p.endswith("-packages"))],
        "stream": stream.name,
        "source": SOURCE,
        "configure": configure,
        "log": str(folder / "log"),
    }
    (folder / "job.json").write_text(json.dumps(job, default=str))
    environment = {
        **os.environ,
        "ISTHMUS_TESTING": "1",
        "ISTHMUS_FAULT": point,
        "ISTHMUS_FAULT_DIR": str(folder),
    }
    killed = 0
    for _ in range(_STARTS):
        done = subprocess.run(
            [sys.executable, "-m", "isthmus_sdk.testing._hub", str(folder / "job.json")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        if done.returncode == 0:
            ended = json.loads(done.stdout.splitlines()[-1])
            if not ended["complete"]:
                return f"{point}: after the kill the run ends in {ended['error']}"
            break
        killed += 1
    else:
        return f"{point}: the run does not come to its end after {_STARTS} starts: {done.stderr[-300:]}"
    if not killed:
        return f"{point}: the run ended before it was killed: record more pages"
    log = Log(folder / "log")
    stored = {json.loads(encoded)["id"] for block in log.blocks for encoded in block.objects}
    lost = wanted - stored
    if lost:
        return f"{point}: {len(lost)} objects were lost, as {sorted(lost)[0]}"
    return ""


__all__ = ["POINTS", "book"]
