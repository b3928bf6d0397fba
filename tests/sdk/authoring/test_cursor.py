"""The cursor: nothing at the border is lost, nothing that is not stored is passed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from isthmus_sdk import Connector, Settings
from isthmus_sdk.context import Position, format_time
from isthmus_sdk.cursor import SEEN, Cursor, fingerprint

AT = "2026-05-01T12:00:00.000Z"
T0 = datetime(2026, 5, 1, 10, 0, 0, tzinfo=UTC)
REST = Position(1, None)


class Row(BaseModel):
    id: str
    at: Any = None


class Other(BaseModel):
    id: str
    at: Any = None
    more: int = 0


class ColumnSettings(Settings):
    site: str = "north"


def stream(model: type[Any] = Row, **options: Any) -> Any:
    options.setdefault("cursor", "at")
    return Connector("made.up", settings=ColumnSettings).stream("rows", model=model, **options)(lambda ctx: ctx.pages())


def cursor(stored: bytes | None = None, **options: Any) -> Cursor:
    made = options.pop("stream", None) or stream(**options)
    return Cursor(stored, stream=made, fingerprint=fingerprint(made, None))


def feed(tracker: Cursor, *rows: tuple[Any, bytes], last: bool = True, position: Any = REST, at: str = AT) -> bytes:
    """One page: (value, raw) of each row that is not skipped."""
    fresh = [(value, raw) for value, raw in rows if not tracker.skip(value, raw)]
    kept = [(value, raw) for value, raw in rows]
    after = tracker.after_page([v for v, _ in kept], [r for _, r in kept], position, at, last=last)
    tracker.stored(after)
    tracker.fresh = [raw for _, raw in fresh]  # type: ignore[attr-defined]
    return after


def seconds(n: float) -> datetime:
    return T0 + timedelta(seconds=n)


def test_the_next_run_starts_at_the_greatest_stored_value_inclusively() -> None:
    after = feed(cursor(), (seconds(1), b"a"), (seconds(2), b"b"))
    assert cursor(after).since == seconds(2)


def test_rows_with_equal_times_are_neither_lost_nor_repeated() -> None:
    after = feed(cursor(), (seconds(1), b"a"), (seconds(2), b"b"))
    later = cursor(after)
    feed(later, (seconds(2), b"b"), (seconds(2), b"late, same time"), (seconds(3), b"c"))
    assert later.fresh == [b"late, same time", b"c"]  # type: ignore[attr-defined]


def test_an_update_with_the_same_time_is_not_taken_for_the_stored_record() -> None:
    after = feed(cursor(), (seconds(2), b'{"id":1,"state":"open"}'))
    later = cursor(after)
    feed(later, (seconds(2), b'{"id":1,"state":"closed"}'))
    assert later.fresh == [b'{"id":1,"state":"closed"}']  # type: ignore[attr-defined]


def test_with_a_lookback_everything_inside_it_is_recognised() -> None:
    rows = [(seconds(n), b"%d" % n) for n in range(100)]
    after = feed(cursor(lookback="30s"), *rows)
    later = cursor(after, lookback="30s")
    feed(later, *rows[69:], (seconds(80), b"indexed late"))
    assert later.fresh == [b"indexed late"]  # type: ignore[attr-defined]
    # ... and what a later run can no longer be given is forgotten.
    assert len(json.loads(after)["seen"]) == 31


def test_a_time_in_the_vendors_future_does_not_move_the_cursor_past_now() -> None:
    after = feed(cursor(), (seconds(1), b"a"), (datetime(2099, 1, 1, tzinfo=UTC), b"clock gone wrong"))
    later = cursor(after)
    assert later.since == datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
    feed(
        later,
        (datetime(2026, 5, 1, 12, 0, 5, tzinfo=UTC), b"next"),
        (datetime(2099, 1, 1, tzinfo=UTC), b"clock gone wrong"),
    )
    assert later.fresh == [b"next"]  # type: ignore[attr-defined]


def test_in_the_middle_of_an_ordered_walk_the_safe_mark_is_that_of_the_stored_page() -> None:
    after = feed(cursor(), (seconds(1), b"a"), (seconds(2), b"b"), last=False, position=Position(0, {"cursor": "x"}))
    resumed = cursor(after)
    assert resumed.position == Position(0, {"cursor": "x"})
    assert resumed.since is None  # the walk goes on with the filter it began with
    resumed.restart()  # ... unless the vendor forgot the token
    assert resumed.since == seconds(2)
    assert resumed.position is None


def test_an_unordered_walk_moves_the_mark_only_at_its_end() -> None:
    first = cursor(ordered=False)
    after = feed(first, (seconds(9), b"newest"), last=False, position=Position(0, 1))
    lost = cursor(after, ordered=False)
    lost.restart()
    assert lost.since is None
    done = feed(cursor(after, ordered=False), (seconds(1), b"oldest"))
    assert cursor(done, ordered=False).since == seconds(9)


def test_an_unordered_walk_does_not_move_the_mark_past_its_beginning() -> None:
    """A walk stops in its middle and goes on a day later: what came in behind its position meanwhile was not met."""
    begun, resumed = "2026-05-01T10:00:05.000Z", "2026-05-02T10:00:00.000Z"
    half = feed(cursor(ordered=False), (seconds(1), b"a"), last=False, position=Position(0, "b"), at=begun)
    done = feed(cursor(half, ordered=False), (seconds(80_000), b"came in ahead of the position"), at=resumed)
    assert cursor(done, ordered=False).since == seconds(5)
    rows = (seconds(40_000), b"came in behind it"), (seconds(80_000), b"came in ahead of the position")
    tracker = cursor(done, ordered=False)
    next_walk = feed(tracker, *rows, at="2026-05-02T10:05:00.000Z")
    assert tracker.fresh == [b"came in behind it"]  # type: ignore[attr-defined]
    assert cursor(next_walk, ordered=False).since == seconds(80_000)


def test_a_stream_that_turns_out_to_be_unordered_is_treated_as_such() -> None:
    notes: list[str] = []
    made = stream()
    tracker = Cursor(None, stream=made, fingerprint=fingerprint(made, None), warn=lambda text, **_: notes.append(text))
    feed(tracker, (seconds(5), b"page 1"), last=False, position=Position(0, 1))
    after = feed(tracker, (seconds(1), b"page 2, older"), last=False, position=Position(0, 2))
    assert "ascending" in notes[0]
    broken_off = cursor(after)
    broken_off.restart()
    assert broken_off.since is None  # nothing below the first page's time may be skipped


def test_a_changed_model_setting_or_version_starts_the_stream_anew() -> None:
    after = feed(cursor(), (seconds(5), b"a"))
    assert cursor(after, model=Other).since is None
    assert cursor(after, version=2).since is None
    made = stream()
    north, south = fingerprint(made, ColumnSettings()), fingerprint(made, ColumnSettings(site="south"))
    assert north != south
    assert fingerprint(made, ColumnSettings(), files=True) == fingerprint(
        made, ColumnSettings(site="south"), files=True
    )


@pytest.mark.parametrize("garbage", [b"\x00\xff", b"{}[]", b'{"walk":"x"}', b"[]"])
def test_a_cursor_that_cannot_be_read_starts_the_stream_anew(garbage: bytes) -> None:
    fresh = cursor(garbage)
    assert fresh.since is None
    assert fresh.bytes != garbage


def test_two_walks_over_unchanged_data_never_share_a_cursor() -> None:
    first = feed(cursor(), (seconds(1), b"a"), last=False, position=Position(0, 1))
    end = feed(cursor(first), (seconds(2), b"b"))
    again = feed(cursor(end), (seconds(1), b"a"), last=False, position=Position(0, 1))
    assert again != first


def test_two_snapshots_of_the_same_things_never_share_a_cursor() -> None:
    options: dict[str, Any] = {"cursor": None, "snapshot": True}
    first = feed(cursor(**options), (None, b"a"), last=False, position=Position(0, 1))
    end = feed(cursor(first, **options), (None, b"b"))
    again = feed(cursor(end, **options), (None, b"a"), last=False, position=Position(0, 1))
    assert (
        again != first
    )  # else a page that did not change would be taken for the stored one, and the walk would not move


def test_a_cursor_at_rest_that_learns_nothing_stays_the_same_but_for_the_number_of_the_walk() -> None:
    after = feed(cursor(), (seconds(1), b"a"))
    idle = cursor(after)
    assert idle.same_rest(idle.after_page([seconds(1)], [b"a"], REST, AT, last=True))
    moved = cursor(after)
    assert not moved.same_rest(moved.after_page([seconds(2)], [b"b"], REST, AT, last=True))


@pytest.mark.parametrize(
    ("values", "unit", "since", "milliseconds"),
    [
        ([1777629600, 1777629601], "auto", datetime(2026, 5, 1, 10, 0, 1, tzinfo=UTC), 1777629601000),
        ([1777629600123], "auto", datetime(2026, 5, 1, 10, 0, 0, 123000, tzinfo=UTC), 1777629600123),
        (["1777629600123"], "ms", datetime(2026, 5, 1, 10, 0, 0, 123000, tzinfo=UTC), 1777629600123),
        (["2026-05-01T10:00:00.1234567Z"], "auto", datetime(2026, 5, 1, 10, 0, 0, 123456, tzinfo=UTC), 1777629600123),
        (["2026-05-01 10:00:00"], "auto", T0, 1777629600000),
        ([41, 42], "auto", 42, None),
        ([1777629600], "sequence", 1777629600, None),
        (["01HZX", "01HZY"], "auto", "01HZY", None),
    ],
)
def test_marks_are_times_numbers_or_texts(values: list[Any], unit: Any, since: Any, milliseconds: int | None) -> None:
    after = feed(cursor(cursor_unit=unit), *((value, str(value).encode()) for value in values))
    found = cursor(after, cursor_unit=unit).since
    assert found == since
    if milliseconds is not None:
        assert isinstance(found, datetime)
        assert format_time(found, "ms") == milliseconds


def test_a_value_of_another_kind_does_not_move_the_cursor() -> None:
    after = feed(cursor(), (seconds(1), b"a"), ("what is this", b"b"), (None, b"c"))
    later = cursor(after)
    assert later.since == seconds(1)
    feed(later, ("what is this", b"b"), (None, b"c"))
    assert later.fresh == []  # type: ignore[attr-defined]


def test_more_rows_at_one_time_than_the_cursor_remembers_are_sent_again_rather_than_lost() -> None:
    rows = [(seconds(1), b"%d" % n) for n in range(SEEN + 500)]
    after = feed(cursor(), *rows)
    assert len(json.loads(after)["seen"]) == SEEN
    later = cursor(after)
    feed(later, *rows, (seconds(1), b"new"))
    assert b"new" in later.fresh  # type: ignore[attr-defined]


def test_times_given_to_a_vendor_are_rounded_down() -> None:
    value = datetime(2026, 5, 1, 10, 0, 0, 999999, tzinfo=UTC)
    assert format_time(value, "iso") == "2026-05-01T10:00:00.999Z"
    assert format_time(value, "s") == 1777629600
    assert format_time(value, lambda moment: moment.date().isoformat()) == "2026-05-01"
    assert format_time(datetime(1, 1, 1, tzinfo=UTC), "iso") == "0001-01-01T00:00:00.000Z"


class Source:
    """A vendor with an inclusive filter, a stable order and pages; rows keep arriving, also late and with equal times."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int]] = []

    def since(self, start: Any) -> list[tuple[int, int]]:
        least = -1 if start is None else int((start - T0).total_seconds())
        return sorted(row for row in self.rows if row[0] >= least)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 6), max_size=6), min_size=1, max_size=6),
    st.lists(st.booleans(), min_size=40, max_size=40),
    st.integers(1, 3),
)
def test_no_row_is_ever_lost_whatever_arrives_and_whenever_the_worker_dies(
    arrivals: list[list[int]], deaths: list[bool], size: int
) -> None:
    """Rows arrive with times up to 6 s behind the newest (the lookback); at each page the worker may die before or after."""
    source, stored, kept, number = Source(), None, set(), 0
    fate = iter(deaths)
    for clock, batch in enumerate(arrivals):
        for late in batch:
            number += 1
            source.rows.append((max(0, clock * 3 - late), number))
        tracker = cursor(stored, lookback="20s")
        begun = tracker.since
        rows = source.since(None if begun is None else begun - timedelta(seconds=20))
        start = tracker.position.token if tracker.position else 0
        for offset in range(start, max(len(rows), 1), size):
            chunk = [(seconds(at), b"%d" % n) for at, n in rows[offset : offset + size]]
            fresh = [raw for value, raw in chunk if not tracker.skip(value, raw)]
            last = offset + size >= len(rows)
            after = tracker.after_page(
                [v for v, _ in chunk], [r for _, r in chunk], Position(0, offset + size), AT, last=last
            )
            if next(fate, False):
                break  # died before the block was durable: neither objects nor cursor exist
            kept.update(fresh)
            stored = after
            tracker.stored(after)
    # One more undisturbed run, from wherever the log stands, twice so that a resumed walk is followed by a fresh one.
    for _ in range(2):
        tracker = cursor(stored, lookback="20s")
        tracker.restart()
        rows = source.since(None if tracker.since is None else tracker.since - timedelta(seconds=20))
        chunk = [(seconds(at), b"%d" % n) for at, n in rows]
        kept.update(raw for value, raw in chunk if not tracker.skip(value, raw))
        stored = tracker.after_page([v for v, _ in chunk], [r for _, r in chunk], REST, AT, last=True)
    assert kept == {b"%d" % n for _, n in source.rows}
