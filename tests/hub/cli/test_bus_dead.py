"""What a consumer group of the bus gave up: shown, handed out again, and dropped, by command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from isthmus_hub.bus import SqliteBus
from isthmus_hub.cli import main

STREAM, GROUP = "observed", "analyst"


class Done(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Four entries, of which a group gave up the first two."""
    with SqliteBus(tmp_path / "bus") as bus:
        bus.publish(STREAM, [b'{"n":%d}' % n for n in range(4)], block_id=b"one", key="edr\x1falerts")
        subscription = bus.subscribe(STREAM, GROUP)
        for offset, reason in ((1, "no such type"), (2, "too\ndeep")):
            subscription.poll()
            try:
                raise ValueError(f"entry {offset}")
            except ValueError as error:
                subscription.dead_letter(offset, reason, error)
    return tmp_path


@pytest.fixture
def run(state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(state)

    def command(*words: str) -> Done:
        code = main(["--state-dir", str(state), "bus", *words])
        return Done(code, *capsys.readouterr())

    return command


def letters(run: Run, *words: str) -> list[dict[str, Any]]:
    return list(run("dead", "list", *words, "--json").json["letters"])


def numbers(run: Run) -> list[str]:
    return [str(letter["number"]) for letter in letters(run)]


def test_letters_are_listed_oldest_first_without_their_entries(run: Run) -> None:
    first, second = letters(run)
    assert (first["stream"], first["group"], first["offset"], first["state"]) == (STREAM, GROUP, 1, "dead")
    assert (first["reason"], first["error"]) == ("no such type", "ValueError: entry 1")
    assert first["stack"] == second["stack"]
    assert "entry" not in first


def test_a_table_is_one_line_a_letter_whatever_a_reason_holds(run: Run) -> None:
    head, *rows = run("dead", "list").out.splitlines()
    assert head.split()[:4] == ["STREAM", "NUMBER", "GROUP", "OFFSET"]
    assert len(rows) == 2
    assert "too\\x0adeep" in rows[1]


def test_a_stream_or_a_group_can_be_chosen(run: Run) -> None:
    assert len(letters(run, STREAM)) == len(letters(run, "--group", GROUP)) == 2
    assert letters(run, "resolved") == letters(run, "--group", "another") == []
    assert run("dead", "list", "resolved").out == "No group gave up an entry.\n"


def test_one_is_shown_with_its_entry(run: Run) -> None:
    number = numbers(run)[1]
    assert run("dead", "show", STREAM, number, "--json").json["entry"] == '{"n":1}'
    assert '\nentry: {"n":1}\n' in run("dead", "show", STREAM, number).out
    assert "\x1f" not in run("dead", "show", STREAM, number).out


def test_one_that_is_retried_comes_to_its_group_again(run: Run, state: Path) -> None:
    second = numbers(run)[1]
    assert run("dead", "retry", STREAM, second, "--json").json == {"stream": STREAM, "requeued": 1}
    assert [letter["state"] for letter in letters(run)] == ["dead", "requeued"]
    with SqliteBus(state / "bus") as bus:
        subscription = bus.subscribe(STREAM, GROUP)
        (block,) = subscription.poll()
        assert (block.first, block.entries) == (2, (b'{"n":1}',))
        subscription.commit(2)
    assert [letter["offset"] for letter in letters(run)] == [1]


def test_all_are_retried_or_dropped_only_where_that_is_said(run: Run) -> None:
    assert run("dead", "retry", STREAM).code == run("dead", "drop", STREAM).code == 2
    assert run("dead", "retry", STREAM, "--all").out == "2 will be read again\n"
    assert run("dead", "drop", STREAM, "--all", "--group", "another").out == "0 dropped\n"
    assert run("dead", "drop", STREAM, "--all", "--group", GROUP).out == "2 dropped\n"
    assert letters(run) == []


@pytest.mark.parametrize("command", ["retry", "drop"])
def test_where_one_number_is_wrong_nothing_is_done(run: Run, command: str) -> None:
    done = run("dead", command, STREAM, numbers(run)[0], "77")
    assert done.code == 2
    assert "there is no dead letter 77" in done.err
    assert "isthmus bus dead list observed" in done.err
    assert [letter["state"] for letter in letters(run)] == ["dead", "dead"]


def test_a_letter_of_a_group_that_is_gone_is_not_retried_for_nobody_would_read_it(run: Run, state: Path) -> None:
    with SqliteBus(state / "bus") as bus:
        bus.forget(STREAM, GROUP)
    assert {letter["state"] for letter in letters(run)} == {"orphaned"}
    done = run("dead", "retry", STREAM, "--all")
    assert done.code == 2
    assert "group analyst" in done.err
    assert run("dead", "drop", STREAM, "--all").out == "2 dropped\n"


@pytest.mark.parametrize("words", [("list", "obsreved"), ("show", "obsreved", "1"), ("drop", "../bus", "--all")])
def test_a_stream_that_is_not_there_is_named_and_not_made(run: Run, state: Path, words: tuple[str, ...]) -> None:
    done = run("dead", *words)
    assert done.code == 2
    assert f"no stream '{words[1]}'; it has: observed" in done.err
    assert sorted(path.name for path in state.glob("**/*.sqlite")) == ["observed.sqlite"]


@pytest.mark.parametrize(
    ("to", "told"),
    [("99", "ends at offset 4"), (str(10**30), "ends at offset 4"), ("²", "is no offset"), ("-1", "is no offset")],
)
def test_a_group_is_not_set_to_where_nothing_can_come(run: Run, state: Path, to: str, told: str) -> None:
    done = run("seek", STREAM, GROUP, "--", to)
    assert done.code == 2
    assert told in done.err
    with SqliteBus(state / "bus") as bus:
        assert bus.groups(STREAM)[0].position == 2


@pytest.mark.parametrize("words", [("seek", "obsreved", GROUP, "latest"), ("forget", "obsreved", GROUP)])
def test_a_typing_error_in_the_name_of_a_stream_makes_no_stream(run: Run, state: Path, words: tuple[str, ...]) -> None:
    assert run(*words).code == 2
    with SqliteBus(state / "bus") as bus:
        assert bus.streams() == [STREAM]
