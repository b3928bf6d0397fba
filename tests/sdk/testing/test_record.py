"""The level that a connector reached, written into its manifest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from isthmus_sdk.cli import main
from isthmus_sdk.manifest import read


def test_the_level_that_was_reached_is_recorded_and_a_lost_one_is_taken_out(
    heron: Callable[[], tuple[str, Path]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)  # where there are no golden objects yet, they are written
    value, folder = heron()
    manifest = folder.parent / "connector.toml"
    before = manifest.read_text()
    assert main(["test", value, "--record", "--badge"]) == 0
    known = read(manifest).conformance
    assert known is not None
    assert (known.level, known.version, known.exempt) == ("bronze", read(manifest).version, ())
    assert f"{manifest}: bronze written" in capsys.readouterr().err
    (folder / "pages" / "detections.json").unlink()
    assert main(["test", value, "--record", "--badge"]) == 4
    assert manifest.read_text() == before


def test_nothing_is_recorded_of_some_rules(
    heron: Callable[[], tuple[str, Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["test", heron()[0], "--record", "--only", "valid"]) == 2
    assert "--only" in capsys.readouterr().err


def test_a_look_at_a_lower_level_takes_nothing_from_a_higher_one(
    heron: Callable[[], tuple[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    value, folder = heron()
    manifest = folder.parent / "connector.toml"
    version = read(manifest).version
    with manifest.open("a") as file:
        file.write(f'\n[conformance]\nlevel = "gold"\nversion = "{version}"\n')
    assert main(["test", value, "--record", "--badge"]) == 0
    assert read(manifest).conformance_level == "gold"
