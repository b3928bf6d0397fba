"""Connectors that misbehave: each is stopped with everything it started, and the report names what it did."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.hub.runtime.rogue import PATIENCE, Nothing, Scene

from isthmus_hub.runtime import _process as process_module
from isthmus_hub.runtime import _session as session_module
from isthmus_hub.runtime import _watch as watch_module
from isthmus_hub.runtime._printed import LINES_A_SECOND, relay

WRITE = "int(sys.argv[sys.argv.index('--write') + 1])"
LITTLE_PATIENCE = 2.0
linux = pytest.mark.skipif(sys.platform != "linux", reason="NOT RUN: /proc and limits of another process are Linux's")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_well_behaved_one_passes(scene: Scene) -> None:
    run = scene.run("pass")
    assert (run.finished, run.error) == (True, None)
    assert scene.workers[0].bounded == (sys.platform == "linux")


@linux
def test_one_that_hoards_memory_fails_by_itself_and_says_so(scene: Scene) -> None:
    run = scene.run("hoard = []\nwhile len(hoard) < 64:\n    hoard.append(bytearray(32 << 20))")
    assert run.error is not None
    assert run.error.kind == "MemoryError"
    assert scene.nothing_left()


@linux
def test_one_that_opens_too_many_files_is_refused(scene: Scene) -> None:
    run = scene.run("kept = [open(os.devnull) for _ in range(2_000)]")
    assert run.error is not None
    assert "Too many open files" in run.error.message


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("time.sleep(600)", "WorkerSilent", "said nothing"),
        ("while True: pass", "WorkerSilent", "said nothing"),
        ("os._exit(7)", "WorkerGone", "exit code 7"),
        ("os.kill(os.getpid(), 11); time.sleep(600)", "WorkerGone", "SIGSEGV"),
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


def test_one_that_drips_a_frame_byte_by_byte_is_stopped(scene: Scene) -> None:
    body = f"os.write({WRITE}, b'\\0\\1\\0\\0')\nwhile True:\n    os.write({WRITE}, b'x'); time.sleep(0.01)"
    run = scene.run(body, silence=LITTLE_PATIENCE)
    assert run.error is not None
    assert run.error.kind == "WorkerSilent"
    assert scene.nothing_left()


def test_one_that_reads_nothing_does_not_hold_the_hub_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "DEAF_SECONDS", 1.0)
    run = scene.run(
        f"writer = protocol.FrameWriter({WRITE})\n"
        "import isthmus_sdk.worker\n"
        "isthmus_sdk.worker.select.select = lambda *_: time.sleep(600)\n"
        "time.sleep(2.5)\n"
        "frame = protocol.BlockFrame(block_id=b'x' * 60000, stream='rows', objects=[], cursor_before=b'', cursor_after=b'', observed_at='2026-01-01T00:00:00Z')\n"
        "while True:\n    writer.write(frame)"
    )
    assert run.error is not None
    assert run.error.kind == "WorkerSilent"
    assert "read nothing" in run.error.message
    assert scene.nothing_left()


@linux
def test_a_fork_bomb_is_stopped_with_all_its_processes(scene: Scene) -> None:
    run = scene.run("while True:\n    os.fork(); time.sleep(0.05)")
    assert run.error is not None
    assert run.error.kind == "WorkerGreedy"
    assert "processes; it may have 31" in run.error.message
    assert scene.nothing_left()


@linux
def test_orphans_count_and_end_as_well(scene: Scene) -> None:
    body = (
        "for _ in range(40):\n    if os.fork() == 0:\n        if os.fork() == 0: time.sleep(600)\n        os._exit(0)\n"
        "time.sleep(600)"
    )
    run = scene.run(body)
    assert run.error is not None
    assert run.error.kind == "WorkerGreedy"
    assert scene.nothing_left()


@linux
def test_memory_that_is_nobodys_own_counts_too(scene: Scene) -> None:
    """Shared mappings are not part of what the kernel's limit counts."""
    body = (
        "import mmap\nhoard = []\nfor _ in range(64):\n    hoard.append(mmap.mmap(-1, 32 << 20))\n"
        "    hoard[-1].write(b'x' * (32 << 20))\n    time.sleep(0.05)\ntime.sleep(600)"
    )
    run = scene.run(body)
    assert run.error is not None
    assert run.error.kind == "WorkerGreedy"
    assert "MiB of memory; it may have 1024 MiB" in run.error.message
    assert scene.nothing_left()


@linux
def test_one_that_burns_time_without_a_page_gets_what_others_leave(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "BACKGROUND_SECONDS", 0.3)
    seen: list[int] = []

    class Looking(Nothing):
        def log(self, instance: str, level: str, event: str, fields: Mapping[str, Any]) -> None:
            if "others leave" in str(fields.get("line")):
                tasks = Path(f"/proc/{scene.workers[0].pid}/task").iterdir()
                seen.extend(os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks)

    run = scene.run("while True: pass", silence=4.0, observer=Looking())
    assert run.error is not None
    assert "s of processor time)" in run.error.message
    assert seen
    assert set(seen) == {watch_module.NICE}


def test_one_that_floods_its_output_is_made_to_wait() -> None:
    said: list[str] = []
    waits: list[float] = []
    printed = io.BytesIO((b"x" * 1023 + b"\n") * 5000)
    relay(printed, "info", lambda level, line: said.append(line), sleep=waits.append)
    assert len(said) <= 2 * LINES_A_SECOND + 2
    assert "further lines of output were dropped" in said[-1]
    assert waits, "nothing more is read before the second is over"


def test_log_frames_are_held_to_the_same_rate(scene: Scene) -> None:
    class Counting(Nothing):
        lines = 0

        def log(self, instance: str, level: str, event: str, fields: Mapping[str, Any]) -> None:
            self.lines += 1

    counting = Counting()
    body = f"writer = protocol.FrameWriter({WRITE})\nfor _ in range(5_000):\n    writer.write(protocol.Log(level='info', event='x'))"
    run = scene.run(body, observer=counting)
    assert run.error is None
    assert 0 < counting.lines < 1_000
