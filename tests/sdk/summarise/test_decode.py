"""The fast road of pages gives what record by record gives; bad records are named one by one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from isthmus_sdk.errors import ConfigurationError, RecordError
from isthmus_sdk.files import Table
from isthmus_sdk.page import Page
from isthmus_sdk.summarise._decode import PageDecoder


class Row(msgspec.Struct, rename={"host": "id.orig_h"}):
    ts: float | str
    host: str
    port: int
    note: str | None = None
    size: int | None = None
    absent: str | None = None


TABLE = Table.of("conn", "ts:time uid:string id.orig_h:addr port:port note:string tags:set[string] size:count")
WORDS = st.sampled_from(
    [
        "-",
        "(empty)",
        "plain",
        'qu"ote',
        "back\\slash",
        "\\x09tab",
        "ünï",
        "a,b",
        "null",
        "true",
        "[]",
        "{",
        "'",
        " ",
        "1_0",
        "0.0",
        "1e3",
        "Null",
    ]
)
CELL = WORDS | st.integers(0, 2**40).map(str) | st.floats(0, 1e9).map(repr)


def page(*records: bytes, **options: Any) -> Page:
    return Page(records=records, observed_at="2026-01-01T00:00:00.000Z", **options)


def plain(record: Any) -> dict[str, Any]:
    """Fields of a record, whichever struct holds them; a time given as text is the number it shows."""
    fields = {name: getattr(record, name) for name in Row.__struct_fields__}
    if isinstance(fields["ts"], str):
        try:
            fields["ts"] = float(fields["ts"])
        except ValueError:
            pass
    return fields


@given(st.lists(st.lists(CELL, min_size=5, max_size=9), min_size=1, max_size=6))
@example([["0", "-", "-", "-", "-", "0.0"]])
@example([["0", "-", "-", "-", "-", "null"]])
def test_rows_on_the_fast_road_equal_rows_one_by_one(rows: list[list[str]]) -> None:
    lines = [
        "\t".join([*cells[:2], "10.0.0.1", cells[2] if cells[2].isdigit() else "502", *cells[3:]]).encode()
        for cells in rows
    ]
    together, bad = PageDecoder(Row).decode(page(*lines, table=TABLE))
    for index, line in enumerate(lines):
        (alone,), bad_alone = PageDecoder(Row)._one_by_one(page(line, table=TABLE))
        assert (index in bad) == bool(bad_alone)
        if alone is not None:
            assert plain(together[index]) == plain(alone)


def test_good_rows_do_take_the_fast_road() -> None:
    (record,), bad = PageDecoder(Row).decode(page(b'1.5\tC1\t10.0.0.1\t502\tsay "hi" \\o/\t-\t-', table=TABLE))
    assert type(record) is not Row
    assert not bad
    assert plain(record) == {
        "ts": 1.5, "host": "10.0.0.1", "port": 502, "note": 'say "hi" \\o/', "size": None, "absent": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "path", "error"),
    [
        (b"1.5\tC1\t10.0.0.1\t502\t-\t-", "", "has 6 columns where the header names 7"),
        (b"1.5\tC1\t10.0.0.1\t502\t-\t-\t7\textra", "", "has 8 columns"),
        (b"1.5\tC1\t10.0.0.1\tmany\t-\t-\t7", "port", "Expected `int`"),
        (b"1.5\tC1\t-\t502\t-\t-\t7", "id.orig_h", "missing required field"),
        (b"1.5\tC1\t10.0.0.1\t502\t\xff\t-\t7", "", "not UTF-8"),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_decoded(line: bytes, path: str, error: str) -> None:
    good = b"1.5\tC1\t10.0.0.1\t502\t-\t-\t7"
    records, bad = PageDecoder(Row).decode(page(good, line, good, table=TABLE))
    assert list(bad) == [1]
    assert bad[1].path == path
    assert error in bad[1].error
    assert [record is None for record in records] == [False, True, False]


def json_row(**change: Any) -> bytes:
    return msgspec.json.encode({"ts": 1.5, "id.orig_h": "10.0.0.1", "port": 502, **change})


def test_a_bad_json_record_is_named_and_the_others_are_decoded() -> None:
    records, bad = PageDecoder(Row).decode(page(json_row(), json_row(port="x"), b"{", json_row(note="a\nb")))
    assert sorted(bad) == [1, 2]
    assert bad[1].path == "port"
    assert plain(records[3])["note"] == "a\nb"


@pytest.mark.parametrize(
    "torn", [(b'{"ts":1.5,"id.orig_h":"10.0', b'0.1","port":502}'), (b'{"ts":1.5', b',"port":502}')]
)
def test_a_torn_record_never_runs_over_into_the_next(torn: tuple[bytes, bytes]) -> None:
    two = json_row() + b"," + json_row()
    records, bad = PageDecoder(Row).decode(page(*torn, two, json_row()))
    assert sorted(bad) == [0, 1, 2]
    assert records[3] is not None


def test_envelopes_are_taken_off_whole_pages_and_single_records() -> None:
    def unwrap(raw: bytes) -> bytes:
        if raw == b"bad":
            raise RecordError("no envelope", path="x")
        return raw.removeprefix(b"<").removesuffix(b">")

    decoder = PageDecoder(Row, unwrap)
    wrapped = b"<" + json_row() + b">"
    assert decoder.decode(page(wrapped, wrapped))[1] == {}
    records, bad = decoder.decode(page(wrapped, b"bad", json_row()))
    assert (bad[1].path, bad[1].error) == ("x", "no envelope")
    assert plain(records[0]) == plain(records[2])


def test_what_the_transport_could_not_read_stays_unreadable() -> None:
    records, bad = PageDecoder(Row).decode(page(json_row(), b"{...", unreadable={1: "is a line of 9 bytes"}))
    assert bad[1].error == "is a line of 9 bytes"
    assert records[0] is not None


def test_a_model_with_other_defaults_gets_them_for_unset_columns() -> None:
    class Sized(msgspec.Struct):
        size: int = 7

    (record,), _ = PageDecoder(Sized).decode(page(b"1.5\tC1\t10.0.0.1\t502\t-\t-\t-", table=TABLE))
    assert record.size == 7


def test_only_structs_are_summarised() -> None:
    with pytest.raises(ConfigurationError, match="msgspec struct"):
        PageDecoder(dict)
