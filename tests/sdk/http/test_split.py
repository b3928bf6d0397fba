"""A page is split into the bytes of its records, whatever is inside them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus_sdk.http import _split
from isthmus_sdk.http._split import Unsplittable, lookup, split

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(VALUES, max_size=6), st.integers(0, 2))
def test_both_roads_agree_with_a_plain_decoder(records: list[Any], indent: int) -> None:
    body = json.dumps({"meta": {"next": "x"}, "data": {"rows.all": records}}, indent=indent or None).encode()
    fast = _split._split(body, "data.rows.all", _split._fast_members, _split._fast_elements)
    slow = _split._split(body, "data.rows.all", _split._slow_members, _split._slow_elements)
    assert fast == slow
    document, raws = fast
    assert [json.loads(raw) for raw in raws] == records
    assert lookup(document, "meta.next") == "x"


@pytest.mark.parametrize(
    ("reply", "records"),
    [
        (b'{"data": {"results": [1, 2], "next": null}}', [b"1", b"2"]),
        (b'{"data": {"sample": [3], "paging": {}}}', [b"3"]),
        (b'{"data": {"results": null, "sample": [3]}}', []),
    ],
)
def test_of_several_places_the_first_that_is_there_holds_the_records(reply: bytes, records: list[bytes]) -> None:
    assert split(reply, "data.results|data.sample")[1] == records


def test_where_none_of_several_places_is_there_all_are_named() -> None:
    with pytest.raises(Unsplittable, match=r"no 'data\.results\|data\.sample'"):
        split(b'{"data": {"message": "no"}}', "data.results|data.sample")


@given(st.text(alphabet='{}[]",:\\ 1aNn', max_size=40))
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        split(text.encode(), None)
    except Unsplittable:
        return
    assert text.strip()[0] in "[{"


BAD_RECORDS = {
    "NaN": b'{"id": 2, "score": NaN}',
    "deep": b'{"id": 2, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"id": 2, "a": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    "lone surrogate": b'{"id": 2, "name": "\\ud800"}',
    "bad UTF-8": b'{"id": 2, "name": "\xff\xfe"}',
    "bare newline": b'{"id": 2, "name": "a\nb"}',
    "bad number": b'{"id": 2, "n": 007}',
    "python": b"{'id': 2}",
    "single word": b"undefined",
    "brackets in a string": b'{"id": 2, "name": "]}[{\\"]", "score": NaN}',
    "backslashes": b'{"id": 2, "name": "\\\\", "score": Infinity}',
}


@pytest.mark.parametrize("bad", BAD_RECORDS.values(), ids=BAD_RECORDS.keys())
def test_a_broken_record_leaves_its_neighbours_alone(bad: bytes) -> None:
    good = [b'{"id": 1}', b'{"id": 3, "name": "\xc3\xa9"}']
    body = b'{"data" : [ ' + good[0] + b" ,\n" + bad + b", " + good[1] + b' ] , "next_cursor":"abc"}'
    document, records = split(body, "data")
    assert records == [good[0], bad, good[1]]
    assert lookup(document, "next_cursor") == "abc"


@pytest.mark.parametrize(
    ("body", "items", "expected"),
    [
        (b"[]", "", []),
        (b' [1, "a"] ', "", [b"1", b'"a"']),
        (b"[1]", None, [b"1"]),
        (b'{"a": 1}', "", [b'{"a": 1}']),
        (b'{"total": 1, "rows": [{}]}', None, [b"{}"]),
        (b'{"value": null}', "value", []),
        (b'{"value": {"id": 1}}', "value", [b'{"id": 1}']),
        (b'{"data": {"results": [1]}}', "data.results", [b"1"]),
        (b'{"data": null}', "data.results", []),
        (b'{"data": {"results": null}}', "data.results", []),
        (b'{"data.results": [1], "data": {"results": [2]}}', "data.results", [b"1"]),
        (b'{"a": {"b.c": {"d": [1]}}}', "a.b.c.d", [b"1"]),
    ],
)
def test_the_list_is_found_where_vendors_put_it(body: bytes, items: str | None, expected: list[bytes]) -> None:
    assert split(body, items)[1] == expected


@pytest.mark.parametrize(
    ("body", "items", "words"),
    [
        (b"", "data", "neither"),
        (b"null", "data", "neither"),
        (b'"text"', "", "neither"),
        (b"[1]", "data", "a bare list"),
        (b'{"error": {"message": "x"}}', "data", "no 'data' in the reply; it holds 'error'"),
        (b'{"data": "text"}', "data", "is no list"),
        (b'{"data": [1]}', "data.rows", "no object"),
        (b'{"a": [], "b": []}', None, "2 lists"),
        (b'{"a": 1}', None, "0 lists"),
        (b'{"data": [1, 2', "data", "ends inside"),
        (b'{"data": ["abc', "data", "ends inside"),
        (b'{"data": ["abc\\', "data", "ends inside"),
        (b'{"data": [1]} {"data": [2]}', "data", "after the end"),
        (b'{"data": [1,]}', "data", "comma"),
        (b'{"data": [NaN NaN]}', "data", "comma"),
        (b"{data: [1]}", "data", "no name"),
        (b'{"data" [1]}', "data", "no value"),
        (b'{"data": [1], "x": }', "data", "missing"),
    ],
)
def test_a_page_without_borders_is_refused(body: bytes, items: str | None, words: str) -> None:
    with pytest.raises(Unsplittable, match=words):
        split(body, items)


def test_only_a_body_that_ends_early_is_worth_another_try() -> None:
    for body, cut in ((b'{"data": [1, {"a"', True), (b"", True), (b'{"error": 1}', False), (b"<html>", False)):
        with pytest.raises(Unsplittable) as caught:
            split(body, "data")
        assert caught.value.cut is cut


def test_a_broken_member_beside_the_records_hurts_only_who_needs_it() -> None:
    document, records = split(b'{"stats": NaN, "data": [1], "next": "x"}', "data")
    assert records == [b"1"]
    assert lookup(document, "next") == "x"
    with pytest.raises(Unsplittable, match="'stats'"):
        lookup(document, "stats")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "record",
    [
        b"[" * 1_000_000 + b"]" * 1_000_000,
        b"[ " * 300_000 + b"] " * 299_999 + b"]",
        b'{"a":' * 300_000 + b"1" + b"}" * 300_000,
        b'"' + b'\\"' * 2_000_000 + b'"',
    ],
    ids=["brackets", "brackets and spaces", "objects", "escapes"],
)
def test_a_monstrous_record_is_cut_out_in_little_time(record: bytes) -> None:
    assert split(b'{"data": [' + record + b" , NaN]}", "data")[1] == [record, b"NaN"]


@pytest.mark.timeout(20)
def test_a_long_string_that_never_ends_is_given_up_in_little_time() -> None:
    with pytest.raises(Unsplittable) as caught:
        split(b'{"data": ["' + b'\\"' * 2_000_000, "data")
    assert caught.value.cut


def test_names_with_dots_win_over_paths() -> None:
    assert lookup({"@odata.nextLink": "u"}, "@odata.nextLink") == "u"
    assert lookup({"a": {"b": 1}, "a.b": 2}, "a.b") == 2
    assert lookup({"a": [1]}, "a.b") is None
    assert lookup([], "a") is None
    assert lookup(msgspec.json.decode(b'{"a":{"b":{"c":null}}}'), "a.b.c") is None
