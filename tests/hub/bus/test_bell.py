"""Readers in other processes are woken when something was stored; where that cannot be, they look by themselves."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.hub.bus.filling import STREAM, fill

from isthmus_hub.bus import SqliteBus, _log
from isthmus_hub.bus._bell import Bell


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bus"


def sockets(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.wake"))


def until_it_listens(folder: Path) -> None:
    for _ in range(2_000):
        if sockets(folder):
            return
        threading.Event().wait(0.005)
    raise AssertionError("nobody listens")


@pytest.mark.parametrize("depth", [0, 12], ids=["short path", "path longer than a socket's address"])
def test_a_reader_is_woken_that_would_not_look_for_an_hour(
    folder: Path, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    for name in ("_POLL_FIRST", "_POLL_RUNG", "_POLL_LAST"):
        monkeypatch.setattr(_log, name, 3_600.0)
    folder = folder.joinpath(*["directory"] * depth)
    with SqliteBus(folder) as writer, SqliteBus(folder) as reader, ThreadPoolExecutor(2) as pool:
        fill(writer, 1)
        for turn in (1, 2, 3):
            waiting = [pool.submit(reader.wait, STREAM, 2 * turn, 60) for _ in range(2)]
            until_it_listens(folder)

            fill(writer, 1, tag=f"turn-{turn}")
            assert [one.result(30) for one in waiting] == [True, True]
    assert sockets(folder) == []


def test_others_may_only_ring_for_their_own_user(folder: Path) -> None:
    with SqliteBus(folder) as bus:
        assert not bus.wait(STREAM, 0, timeout=0.01)
        assert [path.stat().st_mode & 0o777 for path in sockets(folder)] == [0o600]


def test_who_only_looks_or_publishes_makes_no_socket(folder: Path) -> None:
    with SqliteBus(folder) as bus:
        fill(bus, 1)
        assert not bus.wait(STREAM, 2, timeout=0)
        assert bus.wait(STREAM, 1, timeout=5)
        assert sockets(folder) == []


def test_the_socket_of_a_killed_reader_is_removed_by_the_next_who_publishes(folder: Path) -> None:
    with SqliteBus(folder) as bus:
        fill(bus, 1)
        left = folder / f"{STREAM}.1-dead.wake"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
            dead.bind(str(left))
        other = folder / "resolved.1-dead.wake"
        other.hardlink_to(left)
        fill(bus, 1, tag="new")
        assert sockets(folder) == [other]


def test_a_bus_whose_socket_was_deleted_is_closed_all_the_same(folder: Path) -> None:
    before = threading.active_count()
    with SqliteBus(folder) as bus:
        assert not bus.wait(STREAM, 0, timeout=0.01)
        for path in sockets(folder):
            path.unlink()
    assert threading.active_count() == before


def test_a_reader_that_never_wakes_up_holds_nobody_back(folder: Path) -> None:
    with SqliteBus(folder) as bus, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asleep:
        fill(bus, 1)
        asleep.bind(str(folder / f"{STREAM}.1-asleep.wake"))
        asleep.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        fill(bus, 1_000, tag="many")
        assert bus.end(STREAM) == 2_002


def test_where_no_socket_can_be_made_readers_look_by_themselves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bell, "_address", lambda self, name: str(folder / "missing" / name))
    with SqliteBus(folder) as writer, SqliteBus(folder) as reader, ThreadPoolExecutor(1) as pool:
        fill(writer, 1)
        waiting = pool.submit(reader.wait, STREAM, 2, 60)
        fill(writer, 1, tag="new")
        assert waiting.result(30)
        assert sockets(folder) == []


@pytest.mark.parametrize("kind", ["directory", "file", "dangling link"])
def test_what_somebody_put_in_the_place_of_a_socket_keeps_nobody_from_publishing(folder: Path, kind: str) -> None:
    with SqliteBus(folder, reserve=0, low_water=0) as bus:
        fill(bus, 1)
        place = folder / f"{STREAM}.somebody.wake"
        if kind == "directory":
            (place / "inside").mkdir(parents=True)
        elif kind == "file":
            place.write_text("not a socket")
        else:
            place.symlink_to(folder / "nowhere")
        fill(bus, 3)
        assert bus.end(STREAM) == 6
