"""Fields that drifted, followed from run to run."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from isthmus_hub.runtime import RunJournal, StreamRun
from isthmus_hub.runtime._drift import GONE_AFTER, MOST, FollowedDrift, accept, follow, news


def after(*runs: tuple[dict[str, dict[str, int]], int], state: FollowedDrift | None = None) -> FollowedDrift | None:
    for hour, (report, records) in enumerate(runs):
        state = follow(state, report, records=records, now=f"{hour:02}:00")
    return state


def open_fields(state: FollowedDrift | None) -> dict[str, dict[str, str]]:
    assert state is not None
    return {kind: {name: one.since for name, one in fields.items()} for kind, fields in state.open.items()}


AS_EVER = {"new": {"serial": 9}, "missing": {"owner": 9}}


def test_what_the_first_run_finds_new_or_missing_is_left_out_on_purpose_and_no_news() -> None:
    state = after((AS_EVER, 9), (AS_EVER, 9))
    assert open_fields(state) == {}
    assert news(None, state) == []


def test_values_of_another_kind_are_news_from_the_first_run_on() -> None:
    state = after(({"changed": {"floor": 1}, "dropped": {"floor": 1}}, 9))
    assert open_fields(state) == {"changed": {"floor": "00:00"}, "dropped": {"floor": "00:00"}}
    assert news(None, state) == ["changed: floor", "dropped: floor"]


def test_a_field_is_open_since_the_run_that_first_saw_it_and_news_once() -> None:
    drifted = {**AS_EVER, "new": {"serial": 9, "colour": 1}}
    once = after((AS_EVER, 9), (drifted, 9))
    assert open_fields(once) == {"new": {"colour": "01:00"}}
    again = follow(once, drifted, records=9, now="02:00")
    assert open_fields(again) == open_fields(once)
    assert news(once, again) == []


def test_runs_that_read_nothing_prove_nothing() -> None:
    assert after(({}, 0)) is None
    state = after((AS_EVER, 9), ({"new": {"serial": 1, "colour": 1}}, 9), *[({}, 0)] * 1000)
    assert open_fields(state) == {"new": {"colour": "01:00"}}
    assert news(state, follow(state, AS_EVER, records=9, now="x")) == [], "what was known is known still"


def test_a_field_is_gone_once_enough_records_came_without_it() -> None:
    drifted = after((AS_EVER, 9), ({"changed": {"floor": 1}}, 9))
    assert open_fields(follow(drifted, {}, records=GONE_AFTER - 1, now="x"))
    assert open_fields(follow(drifted, {}, records=GONE_AFTER, now="x")) == {}
    assert open_fields(after(*[({}, 10)] * (GONE_AFTER // 10), state=drifted)) == {}
    half = follow(drifted, {}, records=GONE_AFTER - 1, now="x")
    seen = follow(half, {"changed": {"floor": 1}}, records=1, now="x")
    assert open_fields(follow(seen, {}, records=GONE_AFTER - 1, now="x")) == {"changed": {"floor": "01:00"}}


def test_what_was_accepted_is_not_told_again_but_what_comes_then_is() -> None:
    drifted = after((AS_EVER, 9), ({"new": {"colour": 1}}, 9))
    assert drifted is not None
    known = accept(drifted)
    assert open_fields(known) == {}
    assert open_fields(follow(known, {"new": {"colour": 1, "serial": 2, "size": 1}}, records=9, now="x")) == {
        "new": {"size": "x"}
    }


@given(st.lists(st.tuples(st.lists(st.text(max_size=4), max_size=50), st.integers(0, 50)), max_size=12))
def test_a_vendor_that_invents_names_without_end_does_not_fill_the_file(runs: list[tuple[list[str], int]]) -> None:
    state = after(
        (AS_EVER, 1), *[({"new": {f"{name}{n}": 1 for n in range(20) for name in names}}, k) for names, k in runs]
    )
    assert state is not None
    assert all(len(fields) <= MOST for fields in state.open.values())
    assert all(len(names) <= 10 * MOST for names in accept(state).known.values())


def test_the_journal_keeps_it_across_processes_and_streams_do_not_mix(tmp_path: Path) -> None:
    def run(stream: str, drift: dict[str, dict[str, int]]) -> StreamRun:
        return StreamRun("north", stream, records=9, drift=drift)

    RunJournal(tmp_path / "runs.json").note("north", [run("alerts", AS_EVER), run("assets", {})])
    told = RunJournal(tmp_path / "runs.json").note("north", [run("alerts", AS_EVER), run("assets", {"new": {"b": 1}})])
    assert told == {"assets": ["new: b"]}
    RunJournal(tmp_path / "runs.json").note("north", [run("alerts", AS_EVER)])  # a run of some of its streams
    assert set(RunJournal(tmp_path / "runs.json").drift("north")["assets"].open["new"]) == {"b"}


def test_a_file_of_another_shape_costs_the_display_and_no_run(tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    for damaged in ('{"north": {"drift": [1]}}', '{"north": 7}', "[]", "", '{"north": {"drift": {"a": {"open": 1}}}}'):
        path.write_text(damaged)
        RunJournal(path).note("north", [StreamRun("north", "alerts", records=1)])
        assert "alerts" in json.loads(path.read_text())["north"]["drift"]
