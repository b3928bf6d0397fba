"""Commands that change what the daemon itself uses: done by the daemon between two rounds, and none fails because it runs."""

from __future__ import annotations

import ast
import socket
from pathlib import Path

import pytest
from tests.faults.scene import scene, until

import isthmus_hub.cli
from isthmus_hub import remote
from isthmus_hub.bus import EARLIEST, SqliteBus

pytestmark = pytest.mark.timeout(180)
CLI = Path(isthmus_hub.cli.__file__).parent


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One hub with a daemon that has delivered what there was."""
    with scene(tmp_path_factory.mktemp("daemon"), every="1h") as scene_:
        scene_.process = scene_.daemon()
        until(
            lambda: all(row["state"] == "ok" for row in scene_.run("status", "--json").json["instances"]),
            "all instances ran",
        )
        yield scene_


def operations() -> set[str]:
    """Methods that commands call on the hub they hold the state through; those that only read open the files beside it."""
    found = set()
    for file in CLI.glob("*.py"):
        for function in ast.walk(ast.parse(file.read_text())):
            if isinstance(function, ast.FunctionDef):
                calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
                opens = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
                if "open_hub" in opens:
                    found |= {
                        node.func.attr
                        for node in calls
                        if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "access.hub"
                    }
    return found


def test_every_command_that_needs_the_state_is_answered_by_the_daemon():
    assert len(operations()) > 15
    assert operations() - remote.OPERATIONS == set()


def test_the_store_is_made_anew_and_everything_goes_on(made):
    def ids() -> list[str]:
        return sorted(asset["id"] for asset in made.run("assets", "--json").json["assets"])

    before = ids()
    done = made.run("store", "rebuild", "--json")
    assert done.code == 0, (done.err, made.log())
    assert Path(done.json["former"]).exists()
    assert done.json["entries"] > 0
    assert before
    assert ids() == before
    assert made.run("store", "check").code == 0
    assert made.run("sync", "--json").code in (0, 4)
    assert made.run("deliver", "second", "--from", "store", "--json").code == 0
    assert made.process.poll() is None


def test_delivering_anew_beside_the_running_delivery_counts_everything_once(made):
    done = made.run("deliver", "soc", "--from", "store", "--json")
    assert done.code == 0, done.err
    for row in made.run("status", "--json").json["platforms"]:
        ends = row["accepted"] + row["duplicate"] + row["rejected"] + sum(row["dropped"].values())
        assert row["in"] == ends + row["pending"], row


@pytest.mark.parametrize("to", ["earliest", "3", "latest"])
def test_a_group_is_set_while_the_daemon_runs(made, to):
    done = made.run("bus", "seek", "observed", "mine", to, "--json")
    assert done.code == 0, done.err
    groups = {stream["name"]: stream["groups"] for stream in made.run("bus", "groups", "--json").json["streams"]}
    assert {"name": "mine", "position": done.json["position"]}.items() <= next(
        group for group in groups["observed"] if group["name"] == "mine"
    ).items()


def test_what_a_group_gave_up_is_tended_while_the_daemon_runs(made):
    with SqliteBus(made.state / "bus") as bus, bus.subscribe("observed", "picky", from_=EARLIEST) as subscription:
        offset = subscription.poll(10)[0].first
        subscription.dead_letter(offset, "not liked")
        (letter,) = made.run("bus", "dead", "list", "--json").json["letters"]
        number = str(letter["number"])
        assert (letter["group"], letter["offset"], letter["reason"]) == ("picky", offset, "not liked")
        assert "spec_version" in made.run("bus", "dead", "show", "observed", number, "--json").json["entry"]
        assert made.run("bus", "dead", "retry", "observed", number, "--json").json["requeued"] == 1
        assert [block.first for block in bus.subscribe("observed", "picky").poll()] == [offset]
        assert made.run("bus", "dead", "drop", "observed", number, "--json").json["dropped"] == 1
        wrong = made.run("bus", "dead", "show", "observed", number)
        assert wrong.code == 2
        assert "there is no dead letter" in wrong.err
        bus.forget("observed", "picky")


def test_a_secret_set_while_the_daemon_runs_is_used_by_the_next_run(made):
    key = {"ISTHMUS_VAULT_KEY": "0123456789abcdef0123456789abcdef"}
    done = made.run("secret", "set", "guardian/password", "--json", stdin="new-password-1", **key)
    assert done.code == 0, done.err
    assert made.run("secret", "list", "--json", **key).json == {"secrets": ["guardian/password"]}
    assert made.run("secret", "remove", "guardian/password", "--json", **key).code == 0


@pytest.mark.parametrize("stream", ["observed", "resolved"])
def test_export_as_one_document(made, stream):
    found = made.run("export", "--stream", stream, "--json").json
    assert found["stream"] == stream
    assert found["count"] == len(found["objects"]) > 0
    assert {"id", "type"} <= found["objects"][0].keys()
    bundle = made.run("export", "--stream", stream).json
    assert bundle["type"] == "bundle"
    assert bundle["objects"] == found["objects"]


def test_export_of_an_empty_hub_is_a_document_all_the_same(tmp_path):
    with scene(tmp_path / "hub") as made:
        assert made.run("export", "--stream", "observed", "--json").json == {
            "stream": "observed",
            "objects": [],
            "count": 0,
        }
        assert made.run("export", "--stream", "observed").json["objects"] == []


def test_a_socket_left_by_a_killed_daemon_is_no_daemon(tmp_path):
    with scene(tmp_path / "hub") as made:
        made.state.mkdir()
        left = socket.socket(socket.AF_UNIX)
        folder = remote.os.open(made.state, remote.os.O_RDONLY)
        left.bind(f"/proc/self/fd/{folder}/socket")
        remote.os.close(folder)
        left.close()
        assert (made.state / "socket").exists()
        assert made.run("status", "--json").code == 0
        process = made.daemon()
        assert made.run("status", "--json").code == 0
        assert process.poll() is None


def test_one_that_needs_to_be_alone_waits_for_those_that_run_and_new_ones_wait_for_it():
    import threading

    turns, order, inside, leave = remote.Turns(), [], threading.Event(), threading.Event()

    def long() -> None:
        with turns.together():
            inside.set()
            leave.wait(10)
            order.append("together")

    def alone() -> None:
        with turns.alone():
            order.append("alone")

    def late() -> None:
        with turns.together():
            order.append("late")

    first = threading.Thread(target=long)
    first.start()
    inside.wait(10)
    second = threading.Thread(target=alone)
    second.start()
    until(lambda: turns._alone, "one asks to be alone")
    third = threading.Thread(target=late)
    third.start()
    leave.set()
    for thread in (first, second, third):
        thread.join(10)
    assert order == ["together", "alone", "late"]
