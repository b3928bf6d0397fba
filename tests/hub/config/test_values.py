"""Durations, sizes and quiet windows."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus_hub.config import QuietWindow, quiet_until
from isthmus_hub.config._values import duration, size


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10s", 10), ("5m", 300), ("1h30m", 5400), ("500ms", 0.5), ("7d", 604_800), ("1.5h", 5400), (0, 0), (90, 90)],
)
def test_durations_are_seconds(text, expected):
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "5", "5x", "m5", "5m5", "-5m", "5 minutes", "s", True, None, [], -1])
def test_what_is_no_duration_is_refused_without_repeating_it(text):
    with pytest.raises(ValueError, match="must be a duration") as caught:
        duration(text)
    assert "minutes" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("20GB", 20 * 10**9), ("20GiB", 20 * 2**30), ("1.5 KB", 1500), ("7b", 7), ("512mib", 512 * 2**20)],
)
def test_sizes_are_bytes(text, expected):
    assert size(text) == expected


@pytest.mark.parametrize("text", ["20", "20G", "GB", "-1GB", "1iB", 20, None, "20GB!"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="must be a size"):
        size(text)


@pytest.mark.parametrize(
    ("window", "moment", "quiet"),
    [
        ("06:00-06:30", "05:59", False),
        ("06:00-06:30", "06:00", True),
        ("06:00-06:30", "06:29", True),
        ("06:00-06:30", "06:30", False),
        ("22:00-02:00", "21:59", False),
        ("22:00-02:00", "23:59", True),
        ("22:00-02:00", "00:00", True),
        ("22:00-02:00", "01:59", True),
        ("22:00-02:00", "02:00", False),
        ("22:00-24:00", "23:59", True),
        ("22:00-24:00", "00:00", False),
    ],
)
def test_a_window_holds_its_begin_but_not_its_end_also_over_midnight(window, moment, quiet):
    assert QuietWindow.parse(window).contains(time.fromisoformat(moment)) is quiet


@pytest.mark.parametrize("text", ["6:00-6:30", "06:00", "25:00-26:00", "06:60-07:00", "06:00-06:00", "00:00-24:00", ""])
def test_what_is_no_window_is_refused(text):
    with pytest.raises(ValueError, match="must be a"):
        QuietWindow.parse(text)


def test_quiet_time_ends_with_the_last_of_the_windows_that_touch():
    windows = [QuietWindow.parse("06:00-06:30"), QuietWindow.parse("06:30-07:00"), QuietWindow.parse("12:00-13:00")]
    assert quiet_until(windows, datetime(2026, 3, 1, 6, 10, 5)) == datetime(2026, 3, 1, 7, 0)
    assert quiet_until(windows, datetime(2026, 3, 1, 7, 0)) is None
    over = [QuietWindow.parse("22:00-02:00")]
    assert quiet_until(over, datetime(2026, 12, 31, 23, 0)) == datetime(2027, 1, 1, 2, 0)


minutes = st.integers(0, 24 * 60 - 1)


@given(st.lists(st.tuples(minutes, minutes).filter(lambda pair: pair[0] != pair[1]), max_size=4), minutes)
def test_the_end_of_quiet_is_the_first_minute_that_is_not(pairs, minute):
    windows = [QuietWindow(*pair) for pair in pairs]
    now = datetime(2026, 5, 5) + timedelta(minutes=minute)
    end = quiet_until(windows, now)
    if end is None:
        assert not any(window.contains(now) for window in windows)
        return
    step = now
    while step < end:
        assert any(window.contains(step) for window in windows)
        step += timedelta(minutes=1)
    covered = all(any(w.contains(now + timedelta(minutes=m)) for w in windows) for m in range(24 * 60))
    assert covered or not any(window.contains(end) for window in windows)
