"""The lock of the state directory."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys

import pytest

from isthmus_hub.runtime._lock import StateInUse, StateLock, holder
from isthmus_sdk.errors import ConfigurationError

HOLD = """
import sys
from pathlib import Path
from isthmus_hub.runtime._lock import StateLock
lock = StateLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lock"


@pytest.fixture
def other(path):
    """Start processes that hold the lock until they are killed or told to end."""
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_second_holder_is_refused_with_the_pid_of_the_first(path, other):
    process = other()
    with pytest.raises(StateInUse, match=f"in use by process {process.pid} since 20") as caught:
        StateLock(path).acquire()
    assert caught.value.pid == process.pid
    assert str(path.parent) in str(caught.value)
    assert "--state-dir" in str(caught.value)


def test_a_killed_holder_leaves_the_lock_free(path, other):
    process = other()
    process.send_signal(signal.SIGKILL)
    process.wait()
    with StateLock(path) as lock:
        assert lock.held
        assert holder(path)[0] == os.getpid()


def test_a_holder_that_ends_leaves_the_lock_free(path, other):
    process = other()
    process.communicate("")
    with StateLock(path):
        pass


def test_leaving_the_block_frees_the_lock_also_after_an_error(path):
    with pytest.raises(RuntimeError), StateLock(path) as lock:
        raise RuntimeError
    assert not lock.held
    with StateLock(path):
        pass


def test_a_process_does_not_take_the_lock_twice(path):
    with StateLock(path) as lock:
        for again in (lock, StateLock(path)):
            with pytest.raises(StateInUse) as caught:
                again.acquire()
            assert caught.value.pid == os.getpid()
        assert lock.held


def test_a_child_that_outlives_the_holder_does_not_keep_the_lock(path):
    with StateLock(path):
        child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        with StateLock(path):
            pass
    finally:
        child.communicate()


@pytest.mark.parametrize("content", [b"", b"junk", b"[]", b'{"pid": "x", "since": 1}', b"\xff" * 10_000])
def test_an_unreadable_note_about_the_holder_still_refuses_and_is_replaced(path, content):
    with StateLock(path):
        path.write_bytes(content)
        with pytest.raises(StateInUse, match="another process") as caught:
            StateLock(path).acquire()
        assert caught.value.pid is None
    with StateLock(path):
        assert holder(path)[0] == os.getpid()


def test_only_the_owner_can_read_the_lock(path):
    with StateLock(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_place_that_cannot_be_locked_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        StateLock(tmp_path).acquire()
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        StateLock(tmp_path / "none" / "lock").acquire()
