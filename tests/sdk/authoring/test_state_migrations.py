"""Where a stream goes on after its connector changed: pure functions of its author say it, and can only go back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from isthmus_sdk import Connector, Settings
from isthmus_sdk.context import Position
from isthmus_sdk.cursor import Cursor, asked, fingerprint
from isthmus_sdk.errors import IsthmusError, ManifestError
from isthmus_sdk.migrations import migrate_state

from .hub import PACKAGES, Log, WorkerProcess
from .vendor import SECRET, Vendor

AT = "2026-05-01T12:00:00.000Z"
MARK, LATER, EARLIER = "2026-05-01T10:00:00.000000Z", "2026-05-01T10:00:00.000001Z", "2026-05-01T09:00:00Z"
RESTING = {"kind": "time", "high": MARK, "position": None}
WALKING = {"kind": "time", "high": MARK, "position": [0, {"cursor": "x"}]}
NORTH = asked({"site": "north"}, 1)
Step = Callable[[dict[str, Any]], dict[str, Any] | None]


class Row(BaseModel):
    id: str
    at: datetime


class Wider(Row):
    colour: str = ""


def stream(*steps: Step, model: type[Any] = Row) -> Any:
    """A stream whose version is one more than the steps that lead to it."""
    declare = Connector("made.up", settings=Settings).stream("rows", model=model, cursor="at", version=len(steps) + 1)
    made = declare(lambda ctx: ctx.pages())
    for number, step in enumerate(steps, 1):
        made.migrates_state(from_version=number)(step)
    return made


def cursor(stored: bytes | None, made: Any, *, by: str = NORTH, said: list[str] | None = None) -> Cursor:
    notes = [] if said is None else said
    return Cursor(
        stored, stream=made, fingerprint=fingerprint(made, None), asked=by, warn=lambda event, **_: notes.append(event)
    )


def stored(*, last: bool = True, made: Any = None, by: str = NORTH) -> bytes:
    """What version 1 left after one page with a record of 10:00."""
    position = Position(1, None) if last else Position(0, {"cursor": "x"})
    tracker = cursor(None, made or stream(), by=by)
    return tracker.after_page([datetime(2026, 5, 1, 10, tzinfo=UTC)], [b"a"], position, AT, last=last)


def same(state: dict[str, Any]) -> dict[str, Any]:
    return state


def changed(**values: Any) -> Step:
    return lambda state: {**state, **values}


def test_a_stream_of_a_new_version_goes_on_where_the_old_one_was_and_knows_what_is_stored() -> None:
    said: list[str] = []
    went_on = cursor(stored(), stream(same, model=Wider), said=said)
    assert went_on.since == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert went_on.skip(datetime(2026, 5, 1, 10, tzinfo=UTC), b"a")
    assert went_on.walk == 2
    assert said == ["state migrated from version 1 of the stream to 2: it goes on"]


def test_it_is_migrated_once() -> None:
    made, said = stream(same), list[str]()
    after = cursor(stored(), made).after_page([], [], Position(1, None), AT, last=True)
    assert cursor(after, made, said=said).high == MARK
    assert said == []
    assert json.loads(after)["version"] == 2


def test_the_same_stored_state_gives_the_same_bytes_after_a_crash() -> None:
    before = stored(last=False)
    assert cursor(before, stream(same)).bytes == cursor(before, stream(same)).bytes != before


def test_an_interrupted_walk_goes_on_where_the_position_is_kept_and_at_the_mark_where_it_is_not() -> None:
    assert cursor(stored(last=False), stream(same)).position == Position(0, {"cursor": "x"})
    dropped = cursor(stored(last=False), stream(changed(position=None)))
    assert (dropped.position, dropped.high) == (None, MARK)
    assert dropped.since == datetime(2026, 5, 1, 10, tzinfo=UTC)


def test_an_earlier_mark_is_gone_back_to_without_the_position_that_was_beside_the_later_one() -> None:
    back = cursor(stored(last=False), stream(changed(high=EARLIER)))
    assert (back.since, back.position) == (datetime(2026, 5, 1, 9, tzinfo=UTC), None)


@pytest.mark.parametrize(
    ("made", "by"),
    [
        pytest.param(stream(lambda state: None), NORTH, id="the function says so"),
        pytest.param(stream(same), asked({"site": "south"}, 1), id="another setting"),
        pytest.param(stream(same), asked({"site": "north"}, 2), id="settings of another version"),
        pytest.param(stream(same), asked({"site": "north"}, 1, since=EARLIER), id="another since"),
        pytest.param(stream(same), "", id="nothing is known of what was asked"),
        pytest.param(stream(model=Wider), NORTH, id="no version was raised"),
    ],
)
def test_a_stream_starts_anew(made: Any, by: str) -> None:
    said: list[str] = []
    anew = cursor(stored(), made, by=by, said=said)
    assert (anew.since, anew.position, anew.skip(None, b"a")) == (None, None, False)
    assert "query changed (stream, model or settings): the stream starts anew" in said


def test_what_an_sdk_without_versions_of_state_stored_is_not_migrated() -> None:
    assert cursor(stored(by=""), stream(same), by="").since is None


def test_an_older_version_of_the_connector_does_not_take_the_state_of_a_newer_one() -> None:
    newer = stored(made=stream(same, same))
    assert cursor(newer, stream(same)).since is None


def test_what_the_operator_changed_later_does_not_matter_once_it_was_migrated() -> None:
    """Settings are written anew in the form of the new version: their values, and so the query, are the same."""
    made = stream(same)
    migrated = cursor(stored(), made).after_page([], [], Position(1, None), AT, last=True)
    rewritten = cursor(migrated, made, by=asked({"region": "north"}, 2))
    assert rewritten.high == MARK
    assert rewritten.bytes == migrated


def test_steps_follow_one_another_and_what_was_given_stays() -> None:
    before = json.loads(json.dumps(WALKING))

    def drops(state: dict[str, Any]) -> dict[str, Any]:
        state["position"] = None
        return state

    steps = {1: drops, 2: changed(high=EARLIER)}
    assert migrate_state(steps, before, 1, 3) == {
        "kind": "time",
        "high": "2026-05-01T09:00:00.000000Z",
        "position": None,
    }
    assert before == WALKING


@pytest.mark.parametrize(("version", "to"), [(1, 3), (3, 3), (4, 3), (0, 3)])
def test_nothing_leads_there(version: int, to: int) -> None:
    assert migrate_state({2: same}, RESTING, version, to) is None


@pytest.mark.parametrize(
    ("before", "step", "words"),
    [
        (RESTING, changed(high=LATER), "not earlier"),
        (RESTING, changed(high="plant.internal"), "not earlier"),
        (RESTING, changed(high=7), "not earlier"),
        ({"kind": "number", "high": 7, "position": None}, changed(high=float("nan")), "not earlier"),
        ({"kind": "number", "high": 7, "position": None}, changed(high="6"), "not earlier"),
        ({"kind": "time", "high": None, "position": [0, 1]}, changed(high=MARK), "not earlier"),
        (RESTING, changed(kind="number"), "another kind"),
        (WALKING, changed(position=[0, {"cursor": "y"}]), "another position"),
        (RESTING, changed(position=[0, 0]), "another position"),
        (RESTING, changed(hihg=None), "no dict with kind, high, position"),
        (RESTING, lambda state: {"high": state["high"]}, "no dict with"),
        (RESTING, lambda state: [state], "no dict with"),
        (RESTING, lambda state: state["plant.internal"], "failed with KeyError"),
    ],
)
def test_what_could_pass_records_by_is_refused_with_what_to_do_and_no_value(
    before: dict[str, Any], step: Step, words: str
) -> None:
    with pytest.raises(IsthmusError, match=words) as refused:
        migrate_state({1: step}, before, 1, 2)
    assert "state from version 1 to 2" in str(refused.value)
    assert "the stream waits where it was" in str(refused.value)
    assert "plant.internal" not in str(refused.value)


@pytest.mark.parametrize(("version", "words"), [(0, "whole numbers"), ("1", "whole numbers"), (2, "leads beyond")])
def test_a_step_that_leads_nowhere_is_refused(version: Any, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        stream(same).migrates_state(from_version=version)(same)


def test_two_functions_for_one_step_are_refused() -> None:
    with pytest.raises(ManifestError, match="two migrations"):
        stream(same).migrates_state(from_version=1)(same)


def alerts(count: int) -> list[dict[str, Any]]:
    """What the vendor holds."""
    return [
        {
            "id": f"a{n}",
            "updated_at": f"2026-05-01T00:00:{n:02d}Z",
            "severity": 5,
            "displayTitle": f"alert {n}",
            "device": {"uid": "d1"},
        }
        for n in range(count)
    ]


NEXT = """
@alerts.migrates_state(from_version=1)
def went_on(state):
    {body}


@alerts.maps"""


@pytest.fixture
def upgraded(log: Log, vendor: Vendor, tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts a worker with the next version of the connector: another field in the model, and a migration of state."""
    workers: list[WorkerProcess] = []

    def start(body: str, **settings: Any) -> WorkerProcess:
        shutil.copytree(PACKAGES, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        path = tmp_path / "acme_connector" / "connector.py"
        text = path.read_text(encoding="utf-8").replace(
            "    device: Device\n", '    device: Device\n    note: str = ""\n'
        )
        text = text.replace('lookback="10s")', 'lookback="10s", version=2)', 1)
        path.write_text(text.replace("\n@alerts.maps", NEXT.format(body=body), 1), encoding="utf-8")
        worker = WorkerProcess(log, packages=tmp_path)
        workers.append(worker)
        worker.configure(
            settings={"base_url": vendor.url, "client_id": "hub", **settings}, secrets={"client_secret": SECRET}
        )
        return worker

    yield start
    for worker in workers:
        worker.close()


def test_a_worker_with_the_next_version_reads_on(
    start: Callable[..., WorkerProcess], upgraded: Callable[..., WorkerProcess], vendor: Vendor
) -> None:
    vendor.alerts = alerts(5)
    first = start().run()
    second = upgraded("return state").run()
    assert first.mapped == 5
    assert (second.mapped, second.complete, second.cursor) == (0, True, first.cursor)


def test_a_setting_that_changed_with_the_version_starts_the_stream_anew(
    start: Callable[..., WorkerProcess], upgraded: Callable[..., WorkerProcess], vendor: Vendor
) -> None:
    vendor.alerts = alerts(5)
    first = start().run()
    assert upgraded("return state", page_size=2).run().mapped == first.mapped == 5


def test_a_migration_that_goes_forward_stops_the_stream_and_leaves_its_cursor(
    start: Callable[..., WorkerProcess], upgraded: Callable[..., WorkerProcess], log: Log, vendor: Vendor
) -> None:
    vendor.alerts = alerts(5)
    start().run()
    before = log.cursors("alerts")
    worker = upgraded('return {**state, "high": "2099-01-01T00:00:00Z"}')
    done = worker.run()
    assert not done.complete
    assert "not earlier than the one before" in str(done.error)
    assert log.cursors("alerts") == before
