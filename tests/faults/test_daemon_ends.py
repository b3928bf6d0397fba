"""How a daemon ends while a vendor hangs: asked once, asked twice, killed."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.scene import Answer, Scene, scene, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Scene]:
    """A hub whose daemon waits for a vendor that does not answer; ``made.released`` lets it answer."""
    hangs, released = threading.Event(), threading.Event()

    def hang(_state: Path, answer: Answer) -> Answer:
        def reply(request):
            hangs.set()
            released.wait(60)
            return answer(request)

        return reply

    with scene(tmp_path / "hub", guardian=hang) as made:
        made.process, made.released = made.daemon(), released
        until(hangs.is_set, "the vendor is asked")
        try:
            yield made
        finally:
            released.set()


def test_a_vendor_that_hangs_does_not_hold_the_end_up(hanging):
    hanging.process.send_signal(signal.SIGTERM)
    assert hanging.process.wait(20) == 0, hanging.log()
    until(lambda: not hanging.workers(), "no worker is left", seconds=5)


def test_a_second_sigterm_ends_it_at_once(hanging):
    hanging.process.send_signal(signal.SIGTERM)
    until(lambda: "stopping" in hanging.log(), "the first signal is heard")
    hanging.process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    assert hanging.process.wait(20) == 128 + signal.SIGTERM
    assert time.monotonic() - asked < 6
    until(lambda: not hanging.workers(), "no worker is left", seconds=5)
    assert hanging.run("bus", "check").code == 0


def test_kill_9_frees_the_lock_and_takes_the_workers_along(hanging):
    assert hanging.workers()
    hanging.process.kill()
    hanging.process.wait()
    until(lambda: not hanging.workers(), "the workers follow", seconds=5)
    hanging.released.set()
    assert (hanging.state / "socket").exists()
    assert hanging.run("status", "--json").code == 0, "a socket left behind is no daemon"
    assert hanging.sync().code == 4
    again = hanging.daemon()
    again.send_signal(signal.SIGTERM)
    assert again.wait(30) == 0
