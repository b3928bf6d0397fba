"""Connectors that misbehave: each is stopped with everything it started, and the report names what it did."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from isthmus_hub.bus import Ack
from isthmus_hub.runtime import Plan, Session, StreamRun
from isthmus_hub.runtime import _session as session_module
from isthmus_hub.runtime._process import WorkerProcess
from isthmus_sdk import protocol
from isthmus_sdk.block import Block

WRITE = "int(sys.argv[sys.argv.index('--write') + 1])"
PATIENCE, LITTLE_PATIENCE = 60.0, 2.0


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

    def run(self, body: str, **options: Any) -> StreamRun:
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
        plan = Plan("rogue-north", "rogue", "rogue:rogue", ("rows",), "r", configure, Path(sys.executable))
        [run] = Session(plan, Nothing(), Nothing(), start=self._start, **{"silence": PATIENCE, **options}).run()
        return run

    def _start(self, entry: str, python: Path, **options: Any) -> WorkerProcess:
        self.workers.append(WorkerProcess(entry, python, path=[self.folder], **options))
        return self.workers[-1]

    def nothing_left(self) -> bool:
        """No process of any worker's group runs any more."""
        for worker in self.workers:
            try:
                os.killpg(worker.pid, 0)
            except ProcessLookupError:
                continue
            return _only_zombies(worker.pid)
        return True


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


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_well_behaved_one_passes(scene: Scene) -> None:
    run = scene.run("pass")
    assert (run.finished, run.error) == (True, None)
    assert scene.workers[0].bounded == (sys.platform == "linux")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are Linux's")
def test_one_that_hoards_memory_fails_by_itself_and_says_so(scene: Scene) -> None:
    run = scene.run("hoard = []\nwhile len(hoard) < 64:\n    hoard.append(bytearray(32 << 20))")
    assert run.error is not None
    assert run.error.kind == "MemoryError"
    assert scene.nothing_left()


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are Linux's")
def test_one_that_opens_too_many_files_is_refused(scene: Scene) -> None:
    run = scene.run("kept = [open(os.devnull) for _ in range(2_000)]")
    assert run.error is not None
    assert "Too many open files" in run.error.message


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("time.sleep(600)", "WorkerSilent", "said nothing for"),
        ("while True: pass", "WorkerSilent", "said nothing for"),
        ("os._exit(7)", "WorkerGone", "exit code 7"),
        ("os.kill(os.getpid(), 11)", "WorkerGone", "SIGSEGV"),
        (f"os.write({WRITE}, b'\\xff' * 64); time.sleep(600)", "ProtocolError", "frame of 4294967295 bytes"),
        (f"os.write({WRITE}, b'\\0\\0\\0\\x04junk'); time.sleep(600)", "ProtocolError", ""),
        (f"os.close({WRITE}); time.sleep(600)", "WorkerGone", "closed its pipe"),
        (
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\nos._exit(0)",
            "WorkerGone",
            "exit code 0",
        ),
        ("for _ in range(5):\n    if os.fork() == 0: time.sleep(600)\ntime.sleep(600)", "WorkerSilent", "said nothing"),
    ],
)
def test_it_is_stopped_with_all_it_started_and_named(scene: Scene, body: str, kind: str, message: str) -> None:
    run = scene.run(body, silence=LITTLE_PATIENCE if kind == "WorkerSilent" else PATIENCE)
    assert run.error is not None
    assert run.error.kind == kind
    assert message in run.error.message
    assert scene.nothing_left()


FLOOD = f"writer = protocol.FrameWriter({WRITE})\nwhile True:\n    writer.write(protocol.Metric(name='x', value=1.0))"


def test_one_that_floods_the_hub_is_stopped(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "ASIDES", 2_000)
    run = scene.run(FLOOD)
    assert run.error is not None
    assert "rogue-north: the worker floods the hub" in run.error.message
    assert scene.nothing_left()


def test_one_that_talks_and_gets_nowhere_is_stopped(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "ASIDES", 10**9)
    run = scene.run(FLOOD, stall=0.5)
    assert run.error is not None
    assert "made no progress" in run.error.message


def test_the_wish_to_stop_ends_even_one_that_never_answers(scene: Scene) -> None:
    stop = threading.Event()
    stop.set()
    run = scene.run("time.sleep(600)", stop=stop)
    assert not run.finished
    assert scene.nothing_left()
