"""A store that cannot be read, and one that does not fit its bus: said, and made anew from the bus."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.test_store_rebuild import believed, filled

from isthmus_hub._sqlite import StorageDamaged
from isthmus_hub.hub import Hub
from isthmus_sdk.errors import ConfigurationError


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def noise(path: Path) -> None:
    path.write_bytes(b"no database" * 10_000)


def nothing(path: Path) -> None:
    os.truncate(path, 0)


def inside(path: Path) -> None:
    """It opens, but what would be taken over cannot be read."""
    with path.open("r+b") as file:
        for page in range(2, path.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(os.urandom(64))


@pytest.mark.parametrize("damage", [half, noise, inside])
def test_a_store_that_cannot_be_read_is_named_and_made_anew_from_the_bus(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    before = filled(tmp_path)
    path = tmp_path / "store.sqlite"
    damage(path)
    path.with_name("store.sqlite-wal").write_bytes(b"left by a kill" * 1_000)
    broken = path.read_bytes()
    with Hub.open(tmp_path) as hub:
        (problem,) = hub.store_check()["problems"][-1:]
        assert "store.sqlite" in problem or damage is inside
        done = hub.store_rebuild()
        assert done["damage"]
        after = believed(hub)
        assert (after["digest"], after["assigned"]) == (before["digest"], before["assigned"])
        assert hub.store_check() == {"ok": True, "problems": []}
    if damage is not inside:
        assert Path(done["former"]).read_bytes() == broken


def test_resolving_into_a_store_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    noise(tmp_path / "store.sqlite")
    with Hub.open(tmp_path) as hub, pytest.raises(StorageDamaged, match=r"store\.sqlite"):
        hub.resolve()


def test_a_store_that_lost_its_newest_changes_is_told(tmp_path: Path) -> None:
    before = filled(tmp_path)
    nothing(tmp_path / "store.sqlite")
    with Hub.open(tmp_path) as hub:
        (problem,) = hub.store_check()["problems"]
        assert "lost its newest changes" in problem
        hub.resolve()
        assert hub.store_check()["ok"]
        assert believed(hub)["digest"] == before["digest"]


def test_a_store_ahead_of_its_bus_is_told(tmp_path: Path) -> None:
    filled(tmp_path)
    with Hub.open(tmp_path) as hub:
        with hub.store.transaction() as tx:
            tx.set_offset("observed", hub.bus.end("observed") + 7)
        (problem,) = hub.store_check()["problems"]
        assert "the bus lost its end" in problem


def test_a_group_that_nobody_reads_for_is_forgotten_and_an_unknown_one_is_told(tmp_path: Path) -> None:
    with Hub.open(tmp_path) as hub:
        hub.subscribe("resolved", "platform gone")
        assert hub.bus_forget("resolved", "platform gone")["forgotten"]
        assert [stream["groups"] for stream in hub.bus_groups()["streams"]] == [[]]
        with pytest.raises(ConfigurationError, match="no group 'platform gone'"):
            hub.bus_forget("resolved", "platform gone")
