"""`isthmus report`: one file, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isthmus_hub.cli import main
from isthmus_hub.cli._context import write_whole


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration of nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "isthmus.toml").write_text('[hub]\nname = "north"\n')
    monkeypatch.setenv("ISTHMUS_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


def test_it_writes_one_file_and_says_where(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 0
    assert "isthmus-report.html" in capsys.readouterr().out
    assert "No assets yet" in (empty / "isthmus-report.html").read_text()
    assert main(["report", "--out", "other.html", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"report": str(empty / "other.html"), "bytes": (empty / "other.html").stat().st_size}


def test_standard_output_gets_the_page_alone(empty: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["report", "--out", "-"]) == 0
    out = capfdbinary.readouterr().out
    assert out.startswith(b"<!doctype html>")
    assert out.endswith(b"</html>\n")


def test_a_team_that_owns_nothing_here_is_named(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--owner", "nobody-knows"]) == 2
    assert "no such team" in capsys.readouterr().err
    assert not (empty / "isthmus-report.html").exists()


def test_a_place_that_cannot_be_written_is_named_with_the_fix(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--out", "no/such/folder.html"]) == 2
    assert "--out no/such/folder.html" in capsys.readouterr().err


def test_a_report_that_could_not_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("before")
    with pytest.raises(TypeError):
        write_whole(page, "not bytes")  # type: ignore[arg-type]
    assert page.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
