"""Groups whose reader was taken out of the configuration are named, until they are forgotten."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hub.bus.nats import NatsServer

from isthmus_hub.bus import GroupState
from isthmus_hub.doctor import examine
from isthmus_hub.forward import Roster
from isthmus_hub.hub import Hub

_numbers = itertools.count(1)
DAY = 86_400.0


@pytest.mark.parametrize(
    ("stream", "group", "reader"),
    [("resolved", "deliver-former", "platform former"), ("observed", "forward", "forwarding")],
)
def test_a_group_without_a_reader_is_named_by_status_and_doctor_until_it_is_forgotten(
    tmp_path: Path, stream: str, group: str, reader: str
) -> None:
    config, state = tmp_path / "isthmus.toml", tmp_path / "state"
    config.write_text('[hub]\nname = "works"\n[platform.soc]\nuse = "file"\nsettings = { directory = "delivered" }\n')
    with Hub.open(state, config) as hub:
        for name, reading in (("resolved", "deliver-soc"), ("resolved", "analyst"), (stream, group)):
            hub.subscribe(name, reading)
        hub.bus.publish(stream, [b"{}"], block_id=b"one")
        (warning,) = hub.status()["bus"]["warnings"]
        assert reader in warning
        assert f"isthmus bus forget {stream} {group}" in warning
        assert warning in [finding.text for finding in examine(config, state)]
        hub.bus_forget(stream, group)
        assert hub.status()["bus"]["warnings"] == []
        assert warning not in [finding.text for finding in examine(config, state)]


def test_looking_at_groups_of_a_new_hub_makes_nothing(tmp_path: Path) -> None:
    config, state = tmp_path / "isthmus.toml", tmp_path / "state"
    config.write_text('[hub]\nname = "works"\n')
    examine(config, state)
    assert not state.exists()


def left(hub: Hub, stream: str, group: str, ago: float) -> None:
    """A group that has read nothing for so many seconds, of one entry."""
    hub.bus.publish(stream, [b"{}"], block_id=b"one")
    hub.bus.change_group(stream, group, lambda _: GroupState((0,), time.time() - ago))


@pytest.fixture
def shared(tmp_path: Path, nats_server: NatsServer) -> Iterator[Hub]:
    """A centre whose bus is on a server."""
    config = tmp_path / "isthmus.toml"
    config.write_text(
        f'[hub]\nname = "works"\nbus = "{nats_server.url}"\n[nats]\nprefix = "g{next(_numbers)}"\n'
        f'monitor = "{nats_server.monitor}"\n'
        '[platform.soc]\nuse = "file"\nsettings = { directory = "delivered" }\n'
    )
    with Hub.open(tmp_path / "state", config) as hub:
        yield hub


@pytest.mark.parametrize(
    ("stream", "group", "reader"),
    [("resolved", "deliver-former", "platform former"), ("observed", "forward", "forwarding")],
)
def test_on_a_shared_bus_a_group_is_named_once_it_has_read_nothing_for_a_day(
    shared: Hub, tmp_path: Path, stream: str, group: str, reader: str
) -> None:
    left(shared, "resolved", "deliver-soc", 9 * DAY)
    left(shared, "resolved", "analyst", 9 * DAY)
    left(shared, stream, group, DAY / 2)
    assert shared.status()["bus"]["warnings"] == []
    left(shared, stream, group, 2 * DAY)
    (warning,) = shared.status()["bus"]["warnings"]
    assert reader in warning
    assert f"isthmus bus forget {stream} {group}" in warning
    assert warning in [finding.text for finding in examine(tmp_path / "isthmus.toml", tmp_path / "state")]
    shared.bus_forget(stream, group)
    assert shared.status()["bus"]["warnings"] == []


def test_on_a_shared_bus_a_group_may_be_another_hubs(shared: Hub) -> None:
    left(shared, "resolved", "deliver-former", 2 * DAY)
    other = Roster(shared.bus, hub="annexe", role="centre", origin="annexe-origin", host="annexe")
    other.say()
    assert shared.status()["bus"]["warnings"] == []
    other.leave()
    assert len(shared.status()["bus"]["warnings"]) == 1


def test_a_group_that_read_beyond_the_end_of_its_stream_is_named_by_status_and_doctor(tmp_path: Path) -> None:
    config, state = tmp_path / "isthmus.toml", tmp_path / "state"
    config.write_text('[hub]\nname = "works"\n')
    with Hub.open(state, config) as hub:
        hub.bus.publish("resolved", [b"{}"], block_id=b"one")
        hub.bus.commit("resolved", "analyst", 5)
        (warning,) = hub.status()["bus"]["warnings"]
        assert "group analyst has read 4 entries more" in warning
        assert warning in [finding.text for finding in examine(config, state)]
