"""Connectors that misbehave: each is stopped with everything it started, and the report names what it did."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from tests.hub.runtime.rogue import PATIENCE, Scene

from isthmus_hub.runtime import _session as session_module

WRITE = "int(sys.argv[sys.argv.index('--write') + 1])"
LITTLE_PATIENCE = 2.0


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
