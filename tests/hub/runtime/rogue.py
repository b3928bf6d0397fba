"""A connector that runs any code, and one session of the hub with it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isthmus_hub.bus import Ack
from isthmus_hub.runtime import Plan, Session, StreamRun
from isthmus_hub.runtime._process import AT_LARGE, WorkerProcess
from isthmus_sdk import protocol
from isthmus_sdk.block import Block
from isthmus_sdk.confine import Reach

PATIENCE = 60.0


class Nothing:
    """Takes everything, keeps nothing."""

    def cursors(self, instance: str, stream: str) -> dict[str, bytes]:
        return {}

    def block(self, instance: str, source_id: str, block: Block) -> Ack:
        return Ack(1, 1)

    def bad_record(self, instance: str, frame: protocol.Quarantine) -> None:
        pass

    def log(self, instance: str, level: str, event: str, fields: Mapping[str, Any]) -> None:
        pass

    def progress(self, run: StreamRun) -> None:
        pass


class Scene:
    """A connector whose one stream runs ``body``, and one session with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers: list[WorkerProcess] = []

    def run(self, body: str, *, reach: Reach = AT_LARGE, observer: Any = None, **options: Any) -> StreamRun:
        package = self.folder / "rogue"
        package.mkdir()
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        (package / "__init__.py").write_text(
            "import os, subprocess, sys, time\n"
            "from isthmus_sdk import Connector, Settings, protocol\n"
            "rogue = Connector(__name__, settings=Settings)\n"
            "@rogue.stream('rows', model=dict)\n"
            f"def rows(ctx):\n{lines}    return []\n"
            "rows.maps(lambda record, stix: None)\n"
        )
        (package / "connector.toml").write_text('[connector]\nname = "rogue"\nversion = "1"\nsdk_api = ">=1"\n')
        configure = protocol.Configure(
            protocol=protocol.VERSION, hub="h", instance="rogue-north", source_id="r", files={"rows": []}
        )
        plan = Plan("rogue-north", "rogue", "rogue:rogue", ("rows",), "r", configure, reach=reach)
        [run] = Session(
            plan, Nothing(), observer or Nothing(), start=self._start, **{"silence": PATIENCE, **options}
        ).run()
        return run

    def _start(self, entry: str, python: Path, **options: Any) -> WorkerProcess:
        self.workers.append(WorkerProcess(entry, python, **{**options, "path": [self.folder]}))
        return self.workers[-1]

    def nothing_left(self) -> bool:
        """No process of any worker's group runs any more; one that was killed may need a moment to be gone."""
        until = time.monotonic() + PATIENCE
        while not (gone := all(map(_gone, (worker.pid for worker in self.workers)))) and time.monotonic() < until:
            threading.Event().wait(0.05)
        return gone


def _gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return _only_zombies(group)


def _only_zombies(group: int) -> bool:
    """Orphans are reaped by the system's first process, sooner or later."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            return False
    return True
