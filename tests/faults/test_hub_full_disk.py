"""The disk of a whole hub runs full and has room again: intake stops with a word, goes on by itself, and nothing is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.mounts import small_disk
from tests.faults.scene import PLATFORMS, Scene, losses, plant, scene, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
KILOBYTES = 64 * 1024
SECRET = "vault-word-8123"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    with scene(tmp_path_factory.mktemp("undisturbed"), plant()) as made:
        assert made.sync().code == 4  # one record is in quarantine
        return made.account()


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[Scene]:
    """A hub with a small disk of its own, and a secret in its vault."""
    with scene(tmp_path / "hub", plant()) as made, small_disk(made.state, KILOBYTES):
        made.environ["VAULT_KEY"] = "of no use anywhere else"
        made.config.write_text(made.config.read_text() + '\n[vault]\nenv = "VAULT_KEY"\n')
        assert made.run("secret", "set", "kept", stdin=SECRET).code == 0
        yield made
        for process in made.running:  # before its disk is taken away
            if process.poll() is None:
                process.kill()
            process.wait()
        until(lambda: not made.workers(), "the workers follow their hub", seconds=10)


def fill(made: Scene, leave: int) -> Path:
    """Something else takes the disk, but for so many bytes."""
    ballast = made.state / "ballast"
    at = os.statvfs(made.state)
    ballast.write_bytes(bytes(max(0, at.f_bavail * at.f_bsize - leave)))
    return ballast


def everything_survived(made: Scene, undisturbed) -> None:
    assert losses(undisturbed, made.account(), again=True) == []
    assert "kept" in made.run("secret", "list").out
    for words in (("bus", "check"), ("store", "check")):
        assert made.run(*words).code == 0


@pytest.mark.parametrize("leave", [0, 400_000])
def test_a_pass_on_a_full_disk_says_so_and_the_next_one_loses_nothing(cramped, undisturbed, leave):
    ballast = fill(cramped, leave)
    done = cramped.run("sync", "--json")
    assert done.code != 0
    assert "space" in done.out + done.err, (done.out, done.err)
    assert "Traceback" not in done.err
    ballast.unlink()
    assert cramped.sync().code == 4
    everything_survived(cramped, undisturbed)


def test_a_daemon_waits_while_the_disk_is_full_and_goes_on_by_itself(cramped, undisturbed):
    ballast = fill(cramped, 700_000)
    process = cramped.daemon()
    until(lambda: "space" in cramped.log(), "the full disk is told")
    status = cramped.run("status", "--json")
    assert "space" in status.out + status.err
    assert process.poll() is None, cramped.log()
    ballast.unlink()

    def served() -> bool:
        rows = cramped.run("status", "--json").json
        return (
            bool(rows)
            and all(not row["pending"] and row["accepted"] for row in rows["platforms"])
            and not any(row["error"] for row in rows["instances"])
        )

    until(served, "it goes on by itself")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0, cramped.log()
    cramped.sync()
    everything_survived(cramped, undisturbed)
    assert all(cramped.received(name).stat().st_size for name in PLATFORMS)
