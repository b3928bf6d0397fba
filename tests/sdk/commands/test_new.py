"""``isthmus-sdk new``: what it writes is small, complete and green; what it refuses it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from types import ModuleType

import pytest

from isthmus_sdk import Connector, __version__, scaffold
from isthmus_sdk.cli import main
from isthmus_sdk.errors import ConfigurationError

PATIENCE = 120


def sdk(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of the SDK, given in ``folder``."""
    return subprocess.run(
        [sys.executable, "-m", "isthmus_sdk.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "CI": ""},
        check=False,
    )


def test_a_new_connector_has_at_most_five_files_and_120_lines_whatever_is_chosen() -> None:
    for auth, paging in product(scaffold.AUTH, scaffold.PAGING):
        texts = scaffold.files("bolt", auth=auth, paging=paging, sdk=__version__)
        assert len(texts) <= 5
        assert sum(text.count("\n") for text in texts.values()) <= 120
        assert max(len(line) for text in texts.values() for line in text.splitlines()) <= 120


def test_a_new_connector_reaches_silver_before_anything_is_changed(tmp_path: Path) -> None:
    made = sdk(tmp_path, "new", "bolt")
    assert made.returncode == 0, made.stderr
    tested = sdk(tmp_path / "bolt-connector", "test", "bolt", "--level", "silver")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert " 0 todo" in tested.stdout


# Each kind of authentication and of paging is met once: bronze does not depend on how they are combined.
@pytest.mark.parametrize(
    ("auth", "paging"),
    [("bearer", "page"), ("basic", "offset"), ("oauth2", "link"), ("none", "none"), ("oauth2", "cursor")],
)
def test_every_choice_is_green_at_once(tmp_path: Path, auth: str, paging: str) -> None:
    made = sdk(tmp_path, "new", "press-line-2", "--auth", auth, "--paging", paging)
    assert made.returncode == 0, made.stderr
    project = tmp_path / "press-line-2-connector"
    tested = sdk(project, "test", "press-line-2")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    same = sdk(project, "manifest", "press-line-2", "--check")
    assert same.returncode == 0, same.stderr


def test_every_choice_is_met_by_these_tests() -> None:
    assert set(scaffold.AUTH) == {"api-key", "bearer", "basic", "oauth2", "none"}
    assert set(scaffold.PAGING) == {"cursor", "page", "offset", "link", "none"}


def test_the_code_is_formatted_and_typed_as_strictly_as_the_sdk(tmp_path: Path) -> None:
    for number, (auth, paging) in enumerate(product(scaffold.AUTH, scaffold.PAGING)):
        texts = scaffold.files(f"bolt-{number}", auth=auth, paging=paging, sdk=__version__)
        scaffold.write(tmp_path / f"bolt-{number}", texts)
    # Beside its own project the SDK is a third party; import order is judged as it is there.
    for check in (
        ["ruff", "check", "--isolated", "--line-length", "120", "--select", "E,F,I,B,UP", "--target-version", "py311"],
        ["ruff", "format", "--check", "--isolated", "--line-length", "120", "--target-version", "py311"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *check, "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_next_steps_that_are_printed_work_as_printed(tmp_path: Path) -> None:
    made = sdk(tmp_path, "new", "bolt")
    project = tmp_path / "bolt-connector"
    steps = [line.split("#")[0].split() for line in made.stdout.splitlines() if line.startswith("  isthmus-sdk ")]
    assert [step[1] for step in steps] == ["test", "preview", "map", "manifest"]
    for step in steps:
        arguments = [word for word in step[1:] if not word.startswith(">")]
        done = sdk(project, *arguments)
        assert done.returncode == 0, (step, done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("name", "fitting"),
    [("Bolt", "bolt"), ("bolt_two", "bolt-two"), ("7bolt", "bolt"), ("bolt--x", "bolt-x"), ("../up", "up"), ("-", "")],
)
def test_a_bad_name_is_refused_with_one_that_would_do(name: str, fitting: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        scaffold.check_name(name)
    assert (f"{fitting!r} would do" in str(refused.value)) == bool(fitting)


@pytest.mark.parametrize("name", ["devices", "class", "list", "ctx", "connector", "acme", "none", "rate", "title"])
def test_any_name_gives_code_in_which_it_means_one_thing(name: str) -> None:
    code = scaffold.files(name, sdk=__version__)[f"{name}_connector/connector.py"]
    module = ModuleType(f"{name}_connector")
    module.__package__ = module.__name__
    exec(compile(code, "connector.py", "exec", dont_inherit=True), module.__dict__)
    (made,) = [value for value in vars(module).values() if isinstance(value, Connector)]
    assert list(made.streams) == ["devices"]
    assert made.streams["devices"].mapping is not None


def test_the_name_of_an_installed_connector_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="installed already"):
        scaffold.check_name("bolt", {"bolt"})


def test_what_lies_there_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bolt-connector").mkdir()
    (tmp_path / "bolt-connector" / "mine").write_text("mine")
    assert main(["new", "bolt"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["bolt-connector", "mine"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--auth", "kerberos"], "one of api-key, bearer, basic, oauth2, none"),
        (["--paging", "scroll"], "one of cursor, page, offset, link, none"),
        (["--directory", "nowhere"], "make it first"),
    ],
)
def test_an_unknown_choice_is_refused_and_nothing_is_written(
    arguments: list[str],
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "bolt", *arguments]) == 2
    assert word in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File name too long"):
        scaffold.write(tmp_path / "bolt", {"a": "first", "b" * 300: "second"})
    assert list(tmp_path.iterdir()) == []
