"""Groups whose reader was taken out of the configuration are named, until they are forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus_hub.doctor import examine
from isthmus_hub.hub import Hub


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
