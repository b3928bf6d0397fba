"""Objects cut out of JSON text: whatever the text is made of, however it is damaged, in whatever pieces it arrives."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus_sdk.commands.stix_check import _splitter
from isthmus_sdk.commands.stix_check._splitter import LARGEST, Envelope, Fault, Piece, Splitter

BUNDLE = b'{"type":"bundle","id":"bundle--1","objects":['
CHUNKS = (1, 2, 7, 64, 1 << 18)


def split(data: bytes, chunk: int = 1 << 18) -> list[Piece | Envelope | Fault]:
    file = io.BytesIO(data)
    return list(Splitter(lambda: file.read(chunk)).found())


def values(data: bytes, chunk: int = 1 << 18) -> list[object]:
    return [json.loads(found.data) for found in split(data, chunk) if isinstance(found, Piece)]


def as_bundle(objects: list[object], indent: int | None) -> bytes:
    return json.dumps({"type": "bundle", "id": "bundle--1", "objects": objects, "x_after": "}"}, indent=indent).encode()


def as_lines(objects: list[object], _indent: int | None) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in objects)


def as_list(objects: list[object], indent: int | None) -> bytes:
    return json.dumps(objects, indent=indent).encode()


def one_after_another(objects: list[object], indent: int | None) -> bytes:
    return b" ".join(json.dumps(each, indent=indent).encode() for each in objects)


TEXT = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ['"', "\\", '\\"', "}", "[{", '"objects":[', "\n"]
)
PLAIN = st.recursive(
    TEXT | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(
    st.dictionaries(TEXT.filter(lambda name: name != "objects"), PLAIN, max_size=4), min_size=1, max_size=5
)


@settings(max_examples=200)
@given(
    objects=OBJECTS,
    form=st.sampled_from([as_bundle, as_lines, as_list, one_after_another]),
    indent=st.sampled_from([None, 2]),
    chunk=st.sampled_from(CHUNKS),
)
def test_the_same_objects_come_out_of_every_form_in_pieces_of_any_length(objects, form, indent, chunk) -> None:
    assert values(form(objects, indent), chunk) == objects


@settings(max_examples=300)
@given(data=st.binary(max_size=60) | TEXT.map(str.encode), chunk=st.sampled_from(CHUNKS))
def test_any_bytes_at_all_are_cut_the_same_way_in_pieces_of_any_length(data: bytes, chunk: int) -> None:
    found = split(data, chunk)
    assert found == split(data)
    if data.strip(b" \t\r\n").removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n"):
        assert found


GOOD = b'{"type":"tool","id":"a"}'


@pytest.mark.parametrize(
    ("data", "good", "faults"),
    [
        (GOOD + b"\n" + GOOD[:-3] + b"\n" + GOOD + b"\n", 2, 0),  # a line cut off is a piece of its own
        (GOOD[:-3] + b"\n" + GOOD + b"\n", 1, 0),
        (GOOD + b"\n" + GOOD[:-4] + b"\n" + GOOD + b"\n", 2, 1),  # cut off where an object could follow
        (BUNDLE + GOOD + b",{bad}," + GOOD + b"]}", 2, 0),
        (BUNDLE + GOOD + b"," + GOOD[:9], 1, 1),
        (BUNDLE + b"\n" + GOOD[:-2] + b"},\n" + GOOD + b",\n" + GOOD + b"\n]}\n", 2, 1),  # a quote is missing
        (BUNDLE + GOOD + b" " + GOOD + b"," + GOOD + b"]}", 3, 1),  # a comma is missing
        (b"time,host\n1,2\n" + GOOD, 1, 1),
        (GOOD + b",\n" + GOOD, 2, 1),
        (b"[" + GOOD + b"," + GOOD, 2, 1),
        (b'{"type":"bundle" "objects":[' + GOOD + b"]}", 1, 1),
    ],
)
@pytest.mark.parametrize("chunk", CHUNKS)
def test_damage_costs_what_it_hits_and_the_rest_is_still_read(data: bytes, good: int, faults: int, chunk: int) -> None:
    found = split(data, chunk)
    assert sum(isinstance(each, Piece) and each.data.strip() == GOOD for each in found) == good
    assert sum(isinstance(each, Fault) for each in found) == faults


def test_lines_are_counted() -> None:
    pretty = json.dumps({"type": "bundle", "id": "b", "objects": [{"a": 1}, {"b": 2}]}, indent=1).encode()
    assert [found.line for found in split(b"\n" + pretty + b"\n\n" + GOOD)] == [6, 9, 2, 15]


def test_what_a_bundle_says_after_its_objects_is_kept() -> None:
    (_, envelope) = split(b'{"objects":[{}],"id":"b","type":"bundle","id":"c"}')
    assert isinstance(envelope, Envelope)
    assert envelope.members["id"] == b'"c"'
    assert envelope.repeated == ["id"]


def test_depth_is_no_danger() -> None:
    assert [type(each) for each in split(b"[" * 200_000)] == [Fault]
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    assert [each.data for each in split(deep + GOOD) if isinstance(each, Piece)] == [deep, GOOD]


def _endless(head: bytes, block: bytes, times: int, tail: bytes) -> Iterator[bytes]:
    yield head + block
    for _ in range(times):
        yield block
    yield tail
    while True:
        yield b""


@pytest.mark.parametrize(
    ("head", "between", "tail"), [(BUNDLE, b",", GOOD + b"]}"), (b"", b"\n", GOOD), (b"[", b",", GOOD + b"]")]
)
def test_memory_does_not_grow_with_the_text(
    head: bytes, between: bytes, tail: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_splitter, "_WHOLE", 1 << 16)
    block = (GOOD + between) * 200
    peaks = []
    for times in (20, 80):
        pieces = _endless(head, block, times, tail)
        tracemalloc.start()
        count = sum(isinstance(found, Piece) for found in Splitter(lambda pieces=pieces: next(pieces)).found())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == 200 * (times + 1) + 1
    assert peaks[1] < 1.5 * peaks[0] + 100_000


def test_an_object_larger_than_the_largest_is_passed_over_and_the_rest_is_read() -> None:
    huge = (b'{"type":"x-y","data":"', b"A" * (1 << 20), LARGEST // (1 << 20) + 2, b'"}')
    pieces = _endless(*huge[:3], huge[3] + b"\n" + GOOD)
    assert [each.data for each in Splitter(lambda: next(pieces)).found() if isinstance(each, Piece)] == [b"", GOOD]
    pieces = _endless(BUNDLE + huge[0], huge[1], huge[2], huge[3] + b"," + GOOD + b"]}")
    assert [each.data for each in Splitter(lambda: next(pieces)).found() if isinstance(each, Piece)] == [b"", GOOD]


def test_an_object_longer_than_a_document_looked_at_as_a_whole_is_still_one_object() -> None:
    long = b'{"type": "artifact",\n"payload_bin": "' + b"A" * (5 << 20) + b'"}'
    (piece,) = split(long)
    assert isinstance(piece, Piece)
    assert json.loads(piece.data) == json.loads(long)


@pytest.mark.parametrize("text", [b"{bad}", b'{"a":1}', b'{"type":', b'{"x '])
def test_a_long_line_of_many_documents_is_not_looked_at_once_for_each(
    text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    real = _splitter._value_of
    monkeypatch.setattr(_splitter, "_value_of", lambda data: looked.append(len(data)) or real(data))
    data = text * 1_000
    split(data)
    assert sum(looked) <= 2 * len(data)
