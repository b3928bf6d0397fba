"""Times as vendors write them: any instant in any form is one text; what says "never" is nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from isthmus_sdk.errors import RecordError, SettingsError
from isthmus_sdk.stix import Builder, time_zone, timestamp
from isthmus_sdk.stix._time import is_timestamp

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EAST = timezone(timedelta(hours=5, minutes=30))


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def months(pattern: str) -> Callable[[datetime], str]:
    names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return lambda moment: moment.strftime(pattern.replace("%b", names[moment.month - 1]))


TO_THE_MICROSECOND: dict[str, Callable[[datetime], Any]] = {
    "ISO": lambda moment: moment.isoformat(),
    "ISO with Z": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    "ISO in lower case": lambda moment: moment.strftime("%Y-%m-%dt%H:%M:%S.%fz"),
    "ISO without zone": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.%f"),
    "ISO with a comma": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S,%fZ"),
    "seven digits": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.%f7Z"),
    "nine digits": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.%f999Z"),
    "a space": lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S.%f"),
    "a space and UTC": lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S.%f UTC"),
    "slashes": lambda moment: moment.strftime("%Y/%m/%d %H:%M:%S.%f"),
    "basic": lambda moment: moment.strftime("%Y%m%dT%H%M%S.%fZ"),
    "east": lambda moment: moment.astimezone(EAST).isoformat(),
    "east without colon": lambda moment: moment.astimezone(EAST).strftime("%Y-%m-%dT%H:%M:%S.%f%z"),
    "Go": lambda moment: moment.astimezone(EAST).strftime("%Y-%m-%d %H:%M:%S.%f000 +0530 IST"),
    "Java": lambda moment: f"{moment.astimezone(EAST).isoformat()}[Asia/Kolkata]",
    "CEF": months("%b %d %Y %H:%M:%S.%f UTC"),
    "Kibana": months("%b %d, %Y @ %H:%M:%S.%f"),
    "microseconds": micros,
    "microseconds as text": lambda moment: str(micros(moment)),
    "nanoseconds": lambda moment: micros(moment) * 1000 + 999,
    "nanoseconds as text": lambda moment: f" {micros(moment) * 1000} ",
    "seconds with a fraction, as text": lambda moment: f"{micros(moment) // 10**6}.{micros(moment) % 10**6:06}",
    "nine digits of a second": lambda moment: f"{micros(moment) // 10**6}.{micros(moment) % 10**6:06}321",
    "milliseconds with a fraction, as text": lambda moment: f"{micros(moment) // 1000}.{micros(moment) % 1000:03}",
    "datetime": lambda moment: moment,
    "datetime elsewhere": lambda moment: moment.astimezone(EAST),
}  # fmt: skip
TO_THE_MILLISECOND: dict[str, Callable[[datetime], Any]] = {
    "milliseconds": lambda moment: micros(moment) // 1000,
    "milliseconds as text": lambda moment: str(micros(moment) // 1000),
    "milliseconds as a float": lambda moment: float(micros(moment) // 1000),
    ".NET": lambda moment: f"/Date({micros(moment) // 1000})/",
    ".NET, escaped, with an offset": lambda moment: f"\\/Date({micros(moment) // 1000}+0530)\\/",
}  # fmt: skip
TO_THE_SECOND: dict[str, Callable[[datetime], Any]] = {
    "seconds": lambda moment: micros(moment) // 10**6,
    "seconds as text": lambda moment: str(micros(moment) // 10**6),
    "seconds as a float": lambda moment: float(micros(moment) // 10**6),
    "seconds with an exponent": lambda moment: f"{micros(moment) / 10**15:.9f}E9",
    "mail": format_datetime,
    "mail without the day": lambda moment: format_datetime(moment).partition(", ")[2],
    "mail with a remark": lambda moment: f"{format_datetime(moment)} (UTC)",
    "HTTP": lambda moment: format_datetime(moment, usegmt=True),
    "web server": months("%d/%b/%Y:%H:%M:%S +0000"),
    "ctime": months("%b %d %H:%M:%S %Y"),
    "twelve hours": months("%b %d, %Y %I:%M:%S %p"),
}  # fmt: skip
instants = st.datetimes(datetime(1973, 3, 4), datetime(5138, 1, 1), timezones=st.just(UTC))


def _one_text(forms: dict[str, Callable[[datetime], Any]], name: str, moment: datetime) -> None:
    expected = timestamp(moment)
    assume(expected is not None and micros(moment) // 10**6 not in (2**31 - 1, 2**32 - 1))
    assert expected is not None
    assert is_timestamp(expected)
    assert timestamp(forms[name](moment)) == expected
    assert timestamp(expected) == expected


@pytest.mark.parametrize("name", TO_THE_MICROSECOND)
@given(moment=instants)
@example(moment=datetime(2024, 5, 1, 10, 0, 0, 123456, UTC))
def test_an_instant_to_the_microsecond(name: str, moment: datetime) -> None:
    _one_text(TO_THE_MICROSECOND, name, moment)


@pytest.mark.parametrize("name", TO_THE_MILLISECOND)
@given(moment=instants)
def test_an_instant_to_the_millisecond(name: str, moment: datetime) -> None:
    _one_text(TO_THE_MILLISECOND, name, moment.replace(microsecond=moment.microsecond // 1000 * 1000))


@pytest.mark.parametrize("name", TO_THE_SECOND)
@given(moment=instants)
def test_an_instant_to_the_second(name: str, moment: datetime) -> None:
    _one_text(TO_THE_SECOND, name, moment.replace(microsecond=0))


@pytest.mark.parametrize(
    "value",
    [None, 0, 0.0, -0.0, -1, -1.0, "0", "-1", "0.0", "0.000", "", " ", "-", "--", "never", "NEVER", "N/A", "none", "null", "unknown",
     "0001-01-01", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00-05:00", "0000-00-00 00:00:00",
     "1601-01-01T00:00:00Z", "1900-01-01", "1899-12-30T00:00:00Z", "1970-01-01", "1970-01-01T00:00:00.000000Z", "1970-01-01T01:00:00.000+01:00",
     "Thu, 01 Jan 1970 00:00:00 GMT", "/Date(0)/", "/Date(-62135596800000)/", "9999-12-31", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999Z",
     253402300799, 253402300799999, "253402300799999", 2**31 - 1, 2**32 - 1, 2**63 - 1, -(2**63), str(2**63 - 1), datetime.min, datetime(1970, 1, 1), date(1970, 1, 1)],
)  # fmt: skip
def test_never_and_unknown_say_nothing(value: Any) -> None:
    assert timestamp(value) is None


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("05/01/2024", "two ways|day or month"), ("1.5.2024 10:00", "day or month"), ("01-05-24", "day or month"), ("May  1 10:00:00", "no year"),
        ("Wed May  1 10:00:00", "no year"), ("2024-05-01T10:00:00 CEST", "not a time"), ("2024-02-30", "day is out of range"), ("2024-13-01", "month"),
        ("2024-05-01T10:00:61Z", "second"), ("2024-05-01T10:00:00+99:99", "not a time"), ("May 1 2024 13:00 PM", "hour 13"), ("10:00:00", "not a time"),
        ("XXXXXXXXXX.XXXXXX", "not a time"), ("1e99", "outside the years"), (10**30, "digits"), (10**4000, "digits"), (1e300, "digits"),
        (float("nan"), "not a time"), (float("-inf"), "not a time"), (True, "not a time"), (b"2024", "bytes"), ([], "list"), ("9" * 100_000, "characters"),
        ("-" * 70, "not a time"), ("1714557600.5.5", "not a time"), ("\u0661\u0662", "not a time"), ("2024", None), ("/Date()/", "not a time"),
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_and_says_why(value: Any, why: str | None) -> None:
    if why is None:
        return
    with pytest.raises(RecordError, match=why) as refused:
        timestamp(value)
    assert len(str(refused.value)) < 250


@given(st.one_of(st.text(max_size=70), st.integers(), st.floats(), st.datetimes(timezones=st.timezones()), st.dates(), st.binary(max_size=3), st.lists(st.integers(), max_size=1)))  # fmt: skip
@example("0" * 80)
@example("00000000000000000000e-9")
@example(datetime(1, 1, 1, 3, tzinfo=EAST))
@example(datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-9))))
def test_any_value_is_a_time_or_nothing_or_refused(value: Any) -> None:
    try:
        found = timestamp(value)
    except RecordError:
        return
    if found is not None:
        assert is_timestamp(found)
        assert timestamp(found) == found


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("Europe/Berlin", "2024-07-01T08:00:00.000Z"), ("+02:00", "2024-07-01T08:00:00.000Z"), ("UTC-3", "2024-07-01T13:00:00.000Z"),
     ("UTC", "2024-07-01T10:00:00.000Z"), (None, "2024-07-01T10:00:00.000Z"), (EAST, "2024-07-01T04:30:00.000Z")],
)  # fmt: skip
def test_a_time_without_zone_is_in_that_of_the_source(zone: Any, expected: str) -> None:
    stix = Builder(observed_at=5, zone=zone)
    for text in ("2024-07-01 10:00:00", "2024/07/01 10:00", "Jul 1 2024 10:00:00", "20240701T100000"):
        assert stix.time(text) == expected
        assert timestamp(text, zone=time_zone(zone)) == expected
    assert stix.time(datetime(2024, 7, 1, 10)) == expected
    assert stix.time("2024-07-01 10:00:00 UTC") == stix.time("2024-07-01T10:00:00Z") == "2024-07-01T10:00:00.000Z"
    assert stix.asset("a", name="n", first_seen="2024-07-01 10:00:00").object["first_seen"] == expected


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../etc/passwd", "+99:00", "x" * 10_000, "Europe"])
def test_a_zone_that_does_not_exist_is_a_fault_of_the_settings(zone: str) -> None:
    with pytest.raises(SettingsError, match="time zone"):
        time_zone(zone)
