"""One damaged file of the state directory: named with what to do about it, and no reason to hide the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus_hub.doctor import REMEDIES, examine
from isthmus_hub.hub import Hub

CONFIGURATION = """
[hub]
name = "north"

[connector.guardian]
use = "nozomi-guardian"
files = { assets = "drop/*.json" }

[platform.soc]
use = "file"
max_tlp = "amber"
settings = { directory = "out" }
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory in which every file exists."""
    (tmp_path / "isthmus.toml").write_text(CONFIGURATION)
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.json").write_text('{"result": [{"id": "7", "name": "PLC-7", "type": "plc"}, {"id": ""}]}')
    with Hub.open(tmp_path / "state", tmp_path / "isthmus.toml") as hub:
        hub.sync()
        hub.store_search("plc")
    return tmp_path


def break_file(state: Path, name: str) -> None:
    path = state / "state" / name
    path.write_bytes(b"no database at all " * 500)
    for part in ("-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)


def findings(state: Path) -> dict[str, str]:
    found = examine(state / "isthmus.toml", state / "state")
    return {finding.subject: finding.text for finding in found if finding.level == "problem"}


def test_sound_files_are_nothing_to_speak_of(state: Path) -> None:
    assert findings(state) == {}


@pytest.mark.parametrize("name", sorted(REMEDIES))
def test_doctor_names_a_damaged_file_and_its_remedy(state: Path, name: str) -> None:
    break_file(state, name)
    assert REMEDIES[name] in findings(state)[name]


@pytest.mark.parametrize(("name", "side"), [("quarantine.sqlite", "instances"), ("delivery.sqlite", "platforms")])
def test_status_shows_what_can_be_shown(state: Path, name: str, side: str) -> None:
    break_file(state, name)
    with Hub.open(state / "state", state / "isthmus.toml", lock=False) as hub:
        found = hub.status()
    other = "platforms" if side == "instances" else "instances"
    assert name in found[side][0]["error"]
    assert found[other][0]["error"] is None
    assert found["bus"]["streams"]


@pytest.mark.parametrize("stream", ["observed", "resolved"])
def test_a_damaged_stream_is_named_and_the_other_one_checked(state: Path, stream: str) -> None:
    break_file(state, f"bus/{stream}.sqlite")
    with Hub.open(state / "state", lock=False) as hub:
        report = hub.bus_check()
        assert not report["ok"]
        assert [problem for problem in report["problems"] if problem.startswith(f"stream {stream}: ")]
        assert report["blocks"] > 0


def test_without_the_damaged_stream_platforms_are_told_from_the_store(state: Path) -> None:
    break_file(state, "bus/resolved.sqlite")
    (state / "state" / "bus" / "resolved.sqlite").unlink()
    with Hub.open(state / "state", state / "isthmus.toml") as hub:
        told = hub.deliver("soc", "store")["deliveries"][0]
        assert (told["in"], told["pending"], told["error"]) == (told["accepted"] + told["duplicate"], 0, None)
        assert told["in"] > 0
