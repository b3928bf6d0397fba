"""The daemon as its operator sees it: signals, a second one, commands while it runs, and what is left when it dies."""

from __future__ import annotations

import os
import signal
import time

import pytest
from tests.faults.scene import scene, until

from isthmus_hub.runtime import StateDirectory, StateLock

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One hub with a daemon that has delivered what there was."""
    with scene(tmp_path_factory.mktemp("daemon"), every="1h") as scene_:
        scene_.process = scene_.daemon()
        until(lambda: '"state": "ok"' in scene_.run("status", "--json").out, "an instance ran")
        yield scene_


def test_a_second_daemon_is_refused_and_told_who_holds_the_state(made):
    done = made.run("run")
    assert done.code == 1
    assert f"process {made.process.pid}" in done.err
    assert "--state-dir" in done.err
    assert made.process.poll() is None


QUICK = [("status",), ("assets",), ("sync", "guardian"), ("check", "guardian"), ("bus", "check"), ("export",)]
OTHERS = [
    ("coverage",), ("gaps",), ("compare-primaries",), ("deliver", "soc"), ("check", "soc"), ("preview", "guardian", "assets", "--limit", "1"),
    ("quarantine", "list"), ("quarantine", "retry", "--all"), ("dead", "list"), ("dead", "retry", "--all"),
    ("bus", "groups"), ("bus", "tail", "--limit", "3"), ("store", "check"), ("secret", "list"),
]  # fmt: skip


@pytest.mark.parametrize(
    "words", [*QUICK, *(pytest.param(words, marks=pytest.mark.faults) for words in OTHERS)], ids=lambda words: " ".join(words[:2])
)  # fmt: skip
def test_commands_work_while_the_daemon_holds_the_state(made, words):
    done = made.run(*words, "--json")
    assert done.code in ((0, 4) if words[0] in ("sync", "quarantine") else (0,)), (done.err, done.out)
    if words[0] == "bus" and words[1] == "tail":
        assert len(done.out.splitlines()) == 3
    else:
        assert done.json


def test_a_bad_configuration_is_refused_whole_and_a_good_one_taken(made):
    good = made.config.read_text()
    made.config.write_text(good.replace('use = "nozomi-guardian"', 'use = "nozomi-guardien"'))
    made.process.send_signal(signal.SIGHUP)
    until(lambda: "configuration refused" in made.log(), "the bad configuration is refused")
    assert 'did you mean \\"nozomi-guardian\\"' in made.log()
    assert made.process.poll() is None

    made.config.write_text(good.replace("[connector.defender]", "[connector.defender-corp]"))
    made.process.send_signal(signal.SIGHUP)
    until(lambda: "configuration read again" in made.log(), "the good configuration is taken")
    until(
        lambda: (
            {"guardian", "defender-corp"} == {row["name"] for row in made.run("status", "--json").json["instances"]}
        ),
        "the daemon has the new instance",
    )
    assert made.process.poll() is None


def test_sigterm_drains(tmp_path):
    with scene(tmp_path / "hub", every="1s") as made:
        process = made.daemon()
        until(lambda: made.guardian.requests, "pages are being read")
        process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        assert process.wait(30) == 0, made.log()
        assert time.monotonic() - asked < 15
        assert '"stopped"' in made.log()
        assert not made.listening()
        until(lambda: not made.workers(), "no worker is left", seconds=5)
        assert made.account().problems == []
        assert made.sync().code == 4


def test_a_daemon_waits_for_a_command_that_holds_the_state_as_it_starts(tmp_path):
    with scene(tmp_path / "hub", every="1h") as made:
        with StateLock(StateDirectory.open(made.state).lock):
            process = made.daemon(ready=False)
            until(
                lambda: f"waits up to 15 s for process {os.getpid()}" in made.log(),
                "the daemon waits and says for whom",
            )
        until(lambda: '"started"' in made.log(), "the daemon runs")
        assert process.poll() is None


def test_a_command_waits_for_another_that_holds_the_state_for_a_moment(tmp_path):
    with scene(tmp_path / "hub") as made:
        with StateLock(StateDirectory.open(made.state).lock):
            process = made.begin("assets", "--json")
            until(lambda: "waits up to 15 s" in made.log(), "the command waits")
        assert process.wait(60) == 0, made.log()
