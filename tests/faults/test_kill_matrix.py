"""Killed at every named point, then started again: nothing acknowledged is lost, nothing is delivered twice without need."""

from __future__ import annotations

import json
import signal

import pytest
from tests.faults.scene import PLATFORMS, Scene, losses, resolved_before_more, scene, until

from isthmus_sdk.faults import POINTS

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
DELIVERING = ("deliver", "acknowledge")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    with scene(tmp_path_factory.mktemp("undisturbed")) as made:
        assert made.sync().code == 4  # one record is in quarantine
        found = made.account()
        assert losses(found, found) == []
        assert len(found.observed) > 300
        assert len(found.assets) == 30
        assert all(sum(seen.values()) > 300 for seen in found.received.values())
        return found


def killed(made: Scene, fault: str, **how) -> None:
    """A run that dies at the point, alone: killed, with its marker, and no worker left."""
    done = made.sync(fault, **how)
    assert done.code == -signal.SIGKILL, (fault, done.err)
    point, _, passage = fault.partition(":")
    assert (made.state / f"fault-{point}-{passage}").is_file()
    until(lambda: not made.workers(), "the workers follow their hub", seconds=5)


@pytest.mark.parametrize("passage", [1, 7])
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_loses_nothing(tmp_path, undisturbed, point, passage):
    fault = f"{point}:{passage}"
    # Seven transactions need seven batches: the vendor gives a page once the store has the one before.
    pace = {"guardian": resolved_before_more} if fault == "resolve:7" else {}
    with scene(tmp_path / "hub", **pace) as made:
        killed(made, fault)
        before = made.account()
        assert not before.problems, "what the kill left needs no repair"
        again = made.sync(fault)  # the same environment: a point fires once per state directory
        assert again.code == 4, again.err
        for row in again.json["runs"]:
            assert row["records"] == row["mapped"] + sum(row["ignored"].values()) + row["quarantined"], row
        found = made.account()
        assert losses(undisturbed, found, again=point in DELIVERING) == []
        assert before.observed.keys() <= found.observed.keys()
        if point == "deliver":
            # A batch that was taken and not written down comes again: that one, and those in the hands of the others.
            assert 1 <= sum(found.duplicates().values()) <= 25 * len(PLATFORMS)
        third = made.run("sync", "--json")
        assert [row["in"] for row in third.json["deliveries"]] == [0] * len(PLATFORMS), "nothing new is left to deliver"


def test_the_checks_of_the_command_line_agree(tmp_path):
    with scene(tmp_path / "hub") as made:
        killed(made, "resolve:1")
        for words in (("bus", "check"), ("store", "check")):
            done = made.run(*words, "--json")
            assert (done.code, done.json["ok"]) == (0, True), done.err
        assert made.sync().code == 4
        for words in (("bus", "check"), ("store", "check")):
            assert made.run(*words).code == 0
        assert json.loads(made.run("quarantine", "list", "--json").out)["records"][0]["native_id"] == "ffffffff-poison"


def test_a_kill_at_every_point_one_after_another_loses_nothing(tmp_path, undisturbed):
    with scene(tmp_path / "hub") as made:
        for point in POINTS:
            if point not in DELIVERING:
                killed(made, f"{point}:2" if point != "resolve" else "resolve:1")
        for point in DELIVERING:
            killed(made, f"{point}:1")
        assert made.sync().code == 4
        assert losses(undisturbed, made.account(), again=True) == []
