"""Vendor times: every usual form becomes one text, "never" becomes nothing, garbage is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import earliest, instant, latest, timestamp
from isthmus_sdk.stix._time import is_timestamp, shortened


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_714_557_600, "2024-05-01T10:00:00.000Z"),
        (1_714_557_600_000, "2024-05-01T10:00:00.000Z"),
        (1_714_557_600_123_456, "2024-05-01T10:00:00.123456Z"),
        (1_714_557_600_123_456_789, "2024-05-01T10:00:00.123456Z"),
        (1_714_557_600.25, "2024-05-01T10:00:00.250Z"),
        ("1714557600", "2024-05-01T10:00:00.000Z"),
        ("1714557600.5", "2024-05-01T10:00:00.500Z"),
        ("2024-05-01T10:00:00Z", "2024-05-01T10:00:00.000Z"),
        ("2024-05-01T10:00:00.1Z", "2024-05-01T10:00:00.100Z"),
        ("2024-05-01T10:00:00.123456789Z", "2024-05-01T10:00:00.123456Z"),
        ("2024-05-01T10:00:00.120000Z", "2024-05-01T10:00:00.120Z"),
        ("2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00.000Z"),
        ("2024-05-01T05:30:00.5-0430", "2024-05-01T10:00:00.500Z"),
        ("2024-05-01 10:00:00", "2024-05-01T10:00:00.000Z"),
        ("2024-05-01 10:00:00 UTC", "2024-05-01T10:00:00.000Z"),
        ("2024-05-01T10:00", "2024-05-01T10:00:00.000Z"),
        ("2024-05-01", "2024-05-01T00:00:00.000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        (datetime(2024, 5, 1, 12, tzinfo=timezone(timedelta(hours=2))), "2024-05-01T10:00:00.000Z"),
    ],
)
def test_usual_forms(value: object, expected: str) -> None:
    assert timestamp(value) == expected


@pytest.mark.parametrize(
    "value",
    [None, 0, 0.0, -1, "0", "", "  ", "-", "never", "N/A", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z",
     "0001-01-01T00:00:00.000+00:00", "1601-01-01T00:00:00Z", -62_135_596_800, "0000-00-00 00:00:00"],
)  # fmt: skip
def test_never_and_unknown_say_nothing(value: object) -> None:
    assert timestamp(value) is None


@pytest.mark.parametrize(
    "value",
    ["XXXXXXXXXX.XXXXXX", "yesterday", "2024-13-01T00:00:00Z", "2024-02-30", "2024-05-01T25:00:00Z", "20240501-1000",
     "2024-05-01T10:00:00 CEST", True, b"2024", [1], float("nan"), float("inf"), 10**30, "2024-W01-1", "9" * 1_000,
     "2024-05-01T10:00:61Z", "2024-05-01T10:00:00+99:99", "\u0662\u0660\u0662\u0664-05-01"],
)  # fmt: skip
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(RecordError):
        timestamp(value)


def test_the_unit_may_be_told() -> None:
    assert timestamp(1_000, unit="ms") == "1970-01-01T00:00:01.000Z"
    assert timestamp("86400", unit="s") == "1970-01-02T00:00:00.000Z"
    assert timestamp(133_590_312_000_000_000, unit="filetime") == "2024-05-01T10:00:00.000Z"
    with pytest.raises(ValueError, match="unit"):
        timestamp(5, unit="days")


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.just(UTC)))
def test_every_instant_has_one_text_and_keeps_it(moment: datetime) -> None:
    text = timestamp(moment)
    assert text is not None
    assert is_timestamp(text)
    assert timestamp(text) == text
    assert timestamp(moment.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat()) == text
    assert datetime.fromisoformat(text) == moment


@given(st.lists(st.datetimes(min_value=datetime(1971, 1, 1), timezones=st.just(UTC)), min_size=2, max_size=5))
def test_order_of_instants_is_order_in_time(moments: list[datetime]) -> None:
    texts = [timestamp(moment) for moment in moments]
    assert sorted(texts, key=instant) == [timestamp(moment) for moment in sorted(moments)]
    assert earliest(*texts, None) == timestamp(min(moments))
    assert latest(None, *texts) == timestamp(max(moments))


def test_mixed_precision_is_compared_by_time_and_not_by_text() -> None:
    assert latest("2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000001Z") == "2024-01-01T00:00:00.000001Z"
    assert instant("2024-01-01T00:00:00.1Z") == instant("2024-01-01T00:00:00.100Z")
    assert earliest(None, None) is None


@pytest.mark.parametrize(
    ("text", "short"),
    [("2024-01-01T00:00:00.000Z", "2024-01-01T00:00:00Z"), ("2024-01-01T00:00:00.120Z", "2024-01-01T00:00:00.12Z"),
     ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z")],
)  # fmt: skip
def test_the_short_form_that_identifiers_use(text: str, short: str) -> None:
    assert shortened(text) == short
