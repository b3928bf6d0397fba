"""``isthmus check``: what the instance may not read is named and is no success; what it never asks for is only named."""

from __future__ import annotations

import pytest
from tests.faults.scene import Scene, scene

from isthmus_connectors.simulation import Reply


def refused(source: str):
    """An appliance whose group may not read one source."""

    def hook(_state, answer):
        return lambda asked: (
            Reply(403, {"error": "Forbidden"}) if asked.query.get("query", "").startswith(source) else answer(asked)
        )

    return hook


@pytest.fixture
def made(tmp_path, request) -> Scene:
    with scene(tmp_path / "hub", guardian=refused(request.param)) as made:
        yield made


@pytest.mark.parametrize("made", ["alerts"], indirect=True)
def test_a_list_that_a_stream_of_the_instance_may_not_read_is_marked_and_is_no_success(made) -> None:
    done = made.run("check", "guardian")
    assert done.code == 3
    first, *lines = done.out.splitlines()
    assert "ok" not in first
    assert [line for line in lines if line.startswith("!")] == [
        "! alerts: the group of hub lacks read permission on alerts"
    ]
    assert "  assets: readable" in lines

    found = made.run("check", "guardian", "--json").json
    assert not found["ok"]
    assert found["lacking"] == ["alerts: the group of hub lacks read permission on alerts"]
    assert set(found["lacking"]) < set(found["findings"])


@pytest.mark.parametrize("made", ["sessions"], indirect=True)
def test_a_list_that_no_stream_of_the_instance_reads_may_be_refused(made) -> None:
    done = made.run("check", "guardian")
    assert done.code == 0, done.out
    assert done.out.startswith("guardian: ok\n")
    assert "  sessions: the group of hub lacks read permission on sessions" in done.out


@pytest.mark.parametrize("made", ["sessions"], indirect=True)
def test_the_same_list_stands_in_the_way_of_an_instance_that_reads_it(made) -> None:
    text = made.config.read_text()
    assert "[connector.guardian]\n" in text
    made.config.write_text(
        text.replace("[connector.guardian]\n", '[connector.guardian]\nstreams = ["assets", "sessions"]\n', 1)
    )
    done = made.run("check", "guardian")
    assert (done.code, done.out.count("\n!")) == (3, 1)
