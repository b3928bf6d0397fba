"""A state directory that was copied: a copy made while the daemon runs is whole, and two of one kind are told apart."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from tests.hub.test_hub_on_nats import CONNECTORS, drop

from isthmus_hub.doctor import examine
from isthmus_hub.forward import NameTaken, Roster
from isthmus_hub.hub import Hub
from isthmus_hub.runtime import settle_origin

CONFIGURATION = f'[hub]\nname = "works"\n{CONNECTORS}'


@pytest.fixture
def works(tmp_path: Path) -> Path:
    """A hub that has read a page."""
    (tmp_path / "isthmus.toml").write_text(CONFIGURATION)
    drop(tmp_path, range(1, 21))
    with Hub.open(tmp_path / "state", tmp_path / "isthmus.toml") as hub:
        assert not [row["error"] for row in hub.sync()["runs"] if row["error"]]
    return tmp_path


def opened(folder: Path, state: str = "state") -> Hub:
    return Hub.open(folder / state, folder / "isthmus.toml")


def told(folder: Path, state: str) -> list[str]:
    return [found.text for found in examine(folder / "isthmus.toml", folder / state) if "copied or moved" in found.text]


def test_a_directory_that_stays_where_it_is_keeps_its_id_and_nothing_is_said(works: Path) -> None:
    with opened(works) as hub:
        before = hub.state.origin
    (works / "state").rename(works / "renamed")
    with opened(works, "renamed") as hub:
        assert hub.state.origin == before
        assert not [text for text in hub.status()["bus"]["warnings"] if "copied" in text]
    assert told(works, "renamed") == []


def test_a_copy_gets_an_id_of_its_own_and_is_named_with_its_origin_and_the_remedy(works: Path) -> None:
    shutil.copytree(works / "state", works / "clone")
    with opened(works) as hub, opened(works, "clone") as copy:
        assert copy.state.origin != hub.state.origin
        (warning,) = [text for text in copy.status()["bus"]["warnings"] if "copied" in text]
        assert str(works / "state") in warning
        assert str(works / "clone" / "copied") in warning
        assert not [text for text in hub.status()["bus"]["warnings"] if "copied" in text]
    assert len(told(works, "clone")) == 1
    assert told(works, "state") == []


def test_it_is_told_until_somebody_says_that_the_other_is_gone(works: Path) -> None:
    shutil.copytree(works / "state", works / "clone")
    for _ in range(2):
        with opened(works, "clone") as copy:
            id = copy.state.origin
    assert len(told(works, "clone")) == 1
    (works / "clone" / "copied").unlink()
    with opened(works, "clone") as copy:
        assert copy.state.origin == id
    assert told(works, "clone") == []


def test_a_kill_between_the_two_files_finds_the_copy_once_more(works: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(works / "state", works / "clone")
    with monkeypatch.context() as patch:
        patch.setattr("isthmus_hub.runtime._origin._write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            settle_origin(works / "clone")
    with opened(works, "clone") as copy, opened(works) as hub:
        assert copy.state.origin != hub.state.origin


def test_an_origin_of_an_earlier_version_is_kept(works: Path) -> None:
    (works / "state" / "origin").write_text("0123456789abcdef")
    for _ in range(2):
        with opened(works) as hub:
            assert hub.state.origin == "0123456789abcdef"
    assert told(works, "state") == []


@pytest.mark.parametrize("rubbish", [b"", b"{", b"\xff\x00", b"[]"])
def test_an_origin_that_a_power_cut_left_short_is_made_anew(works: Path, rubbish: bytes) -> None:
    (works / "state" / "origin").write_bytes(rubbish)
    with opened(works) as hub:
        assert len(hub.state.origin) == 16
        assert hub.state.origin == hub.state.origin


def test_a_copy_is_refused_on_the_bus_where_its_original_lives(works: Path) -> None:
    """Two that forward to one centre under one name would mix their blocks: the later one waits, and says why."""
    shutil.copytree(works / "state", works / "clone")
    with opened(works) as hub, opened(works, "clone") as copy:
        first, second = (
            Roster(hub.bus, hub="works", role="collector", origin=each.state.origin, host="h") for each in (hub, copy)
        )
        first.say()
        with pytest.raises(NameTaken, match="works"):
            second.say()
        first.say()


def test_a_copy_made_while_the_hub_works_holds_what_was_acknowledged_before_it_began(works: Path) -> None:
    """File by file, as a backup does that knows nothing of SQLite: what was durable before is whole or named as damaged."""
    stop = threading.Event()
    with opened(works) as hub:
        before = hub.bus.end("observed")

        def busy() -> None:
            page = 1
            while not stop.is_set():
                drop(works, range(page * 20 + 1, page * 20 + 21))
                hub.sync()
                page += 1

        thread = threading.Thread(target=busy)
        thread.start()
        try:
            hub.bus.wait("observed", before, 30)
            shutil.copytree(works / "state", works / "clone", ignore=shutil.ignore_patterns("*.wake", "socket"))
        finally:
            stop.set()
            thread.join()
        everything = {stored.body["id"] for stored in hub.store.iterate()}
    with opened(works, "clone") as copy:
        problems = [*copy.bus_check()["problems"], *copy.store_check()["problems"]]
        if not problems:
            assert copy.bus.end("observed") >= before
        assert [text for text in copy.status()["bus"]["warnings"] if "copied" in text]
        if problems:
            return
        copy.sync()
        held = {stored.body["id"] for stored in copy.store.iterate()}
        assert everything <= held, "what the copy lacks is read again"
