"""Windows of event time: which cohort a record belongs to, and that nothing but the records before it decides."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus_sdk.summarise import MAX_SERVICES
from isthmus_sdk.summarise._windows import LEAP, OTHER, Cohort, Mark, Windows

TIMES = st.lists(st.floats(1, 4e5).map(lambda t: round(t, 3)), max_size=60)


def test_a_record_in_an_open_window_belongs_to_it() -> None:
    windows = Windows(3600, 300)
    assert windows.assign(7200.0) == (2, 2)
    assert windows.assign(7000.0) == (1, 1)  # within the lateness: window 1 is still open
    assert windows.assign(7499.0) == (2, 2)
    assert windows.horizon == 1
    assert windows.assign(7500.0) == (2, 2)
    assert windows.horizon == 2


def test_a_late_record_keeps_its_window_and_closes_with_the_newest() -> None:
    windows = Windows(3600, 300)
    windows.assign(7600.0)
    assert windows.assign(100.0) == (0, 2)


def test_one_record_far_ahead_closes_nothing_and_two_are_believed() -> None:
    windows = Windows(3600, 300)
    windows.assign(1000.0)
    ahead = 1000.0 + 100 * LEAP
    assert windows.assign(ahead) == (math.floor(ahead / 3600), 0)
    assert windows.assign(1001.0) == (0, 0)
    assert windows.assign(ahead) == (math.floor(ahead / 3600), 0)
    assert windows.assign(ahead) == (math.floor(ahead / 3600),) * 2
    assert windows.assign(1002.0) == (0, math.floor(ahead / 3600))


def test_the_first_record_is_believed() -> None:
    assert Windows(3600, 300).assign(1.7e9) == (472222, 472222)


@given(times=TIMES, cut=st.integers(0, 60))
def test_going_on_from_a_mark_assigns_as_before(times: list[float], cut: int) -> None:
    whole = Windows(3600, 300)
    assigned, marks = [], []
    for at in times:
        marks.append(Mark(whole.mark.high, whole.mark.leapt))
        assigned.append(whole.assign(at))
    cut = min(cut, len(times))
    mark = marks[cut] if cut < len(marks) else whole.mark
    resumed = Windows(3600, 300, mark=Mark(mark.high, mark.leapt))
    assert [resumed.assign(at) for at in times[cut:]] == assigned[cut:]


@given(times=TIMES)
def test_the_short_cut_agrees_with_the_long_way(times: list[float]) -> None:
    long, short = Windows(3600, 300), Windows(3600, 300)
    for at in times:
        expected = long.assign(at)
        low, up = short.calm()
        if low <= at < up:
            short.raise_to(at)
            found = (short.newest, short.newest)
        else:
            found = short.assign(at)
        assert found == expected
        assert (short.mark.high, short.horizon) == (long.mark.high, long.horizon)


@given(times=TIMES)
def test_no_record_joins_a_closed_cohort(times: list[float]) -> None:
    windows = Windows(3600, 300)
    for at in times:
        _, cohort = windows.assign(at)
        assert windows.horizon <= cohort <= windows.newest or cohort > windows.newest - 1


def test_services_beyond_the_bound_are_counted_together() -> None:
    cohort = Cohort(0, None, Mark())
    edge = ("10.0.0.1", "10.0.0.2", None, None)
    rows = [cohort.row(0, (*edge, None, "tcp", port, None), max_edges=10) for port in range(MAX_SERVICES + 50)]
    assert len({id(row) for row in rows}) == MAX_SERVICES + 1
    assert rows[-1] is cohort.windows[0][edge + OTHER]


def test_a_window_needs_a_length() -> None:
    with pytest.raises(ValueError, match="length above 0"):
        Windows(0, 0)
