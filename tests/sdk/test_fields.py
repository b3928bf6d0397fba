"""Field types for vendor payloads: what is accepted, what says nothing, what is refused."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from isthmus_sdk.fields import Flag, Listed, Many, Moment, NativeId, Number, Port, Text, TextByKey, Texts, Whole

REFUSED = object()


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (NativeId, " a-1 ", "a-1"), (NativeId, 7, "7"), (NativeId, "", REFUSED), (NativeId, None, REFUSED),
        (NativeId, "null", REFUSED), (NativeId, True, REFUSED), (NativeId, "a\x01", REFUSED), (NativeId, "x" * 2000, REFUSED),
        (Text, "unknown", None), (Text, "", None), (Text, 5, "5"), (Text, {"a": 1}, REFUSED),
        (Texts, None, ()), (Texts, "one", ("one",)), (Texts, ["a", None, "", "a", "b"], ("a", "b")), (Texts, [{}], REFUSED),
        (Listed, "consumer, engineering_station", ("consumer", "engineering_station")), (Listed, ["a", "b"], ("a", "b")),
        (TextByKey, None, {}), (TextByKey, {"a": "b", "c": None}, {"a": "b"}), (TextByKey, "a", REFUSED),
        (Number, "9.0", 9.0), (Number, "", None), (Number, "high", REFUSED), (Number, "inf", REFUSED), (Number, True, REFUSED),
        (Whole, "502", 502), (Whole, "1.5", REFUSED), (Whole, "9" * 50, REFUSED), (Whole, None, None),
        (Port, "44818", 44818), (Port, 0, None), (Port, 70000, REFUSED),
        (Flag, "true", True), (Flag, 0, False), (Flag, None, None), (Flag, "perhaps", REFUSED),
        (Moment, "1745957044874", "2025-04-29T20:04:04.874Z"), (Moment, 1747994353, "2025-05-23T09:59:13.000Z"),
        (Moment, "2018-08-02T14:55:03.7791856Z", "2018-08-02T14:55:03.779185Z"), (Moment, 0, None),
        (Moment, "0001-01-01T00:00:00Z", None), (Moment, "XXXXXXXXXX.XXXXXX", REFUSED),
    ],
)  # fmt: skip
def test_a_value_is_read_left_out_or_refused(kind: Any, value: Any, read: Any) -> None:
    adapter = TypeAdapter(kind)
    if read is REFUSED:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)
    else:
        assert adapter.validate_python(value) == read


@pytest.mark.parametrize(
    ("value", "read"), [(None, []), ({"a": "1"}, [{"a": "1"}]), ([{"a": "1"}, None], [{"a": "1"}])]
)
def test_one_object_or_null_is_a_list(value: Any, read: Any) -> None:
    assert TypeAdapter(Annotated[list[dict[str, str]], Many]).validate_python(value) == read
