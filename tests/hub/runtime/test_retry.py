"""Records that are read again as of when they were first observed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from isthmus_hub.runtime._retry import _as_file
from isthmus_sdk.files._walk import _written


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)))
def test_the_time_of_a_retry_is_the_time_of_the_first_reading_to_the_millisecond(moment: datetime) -> None:
    observed_at = moment.isoformat(timespec="milliseconds") + "Z"
    with _as_file([], observed_at) as path:
        assert _written(Path(path).stat().st_mtime_ns) == observed_at
