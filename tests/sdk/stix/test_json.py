"""Canonical JSON: one object, one text; nothing that was said is lost or rounded."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import content_hash, decode, encode, encode_all
from isthmus_sdk.stix._json import hashed_form

# Appendix B of RFC 8785: bits of a double, and its text.
NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "text"), NUMBERS)
def test_numbers_are_written_as_rfc_8785_prints_them(bits: str, text: str) -> None:
    value = struct.unpack(">d", bytes.fromhex(bits))[0]
    assert encode({"n": value}) == f'{{"n":{text}}}'.encode()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_survives(value: float) -> None:
    again = json.loads(encode({"a": [{"n": value}]}))["a"][0]["n"]
    assert float(again) == value


def test_keys_are_sorted_at_every_depth_and_nothing_is_padded() -> None:
    assert encode({"b": {"z": 1, "a": [True, {"d": "\u2028", "c": "\u00e9/\x01"}]}, "a": "x"}) == (
        '{"a":"x","b":{"a":[true,{"c":"\u00e9/\\u0001","d":"\u2028"}],"z":1}}'.encode()
    )


def test_the_wire_keeps_large_integers_exactly_while_identifiers_round_them_as_the_standard_says() -> None:
    assert encode({"n": 2**60 + 7}) == b'{"n":1152921504606846983}'
    assert hashed_form({"n": 2**60 + 7}) == b'{"n":1152921504606847000}'


@given(st.integers() | st.integers(-(2**70), 2**70) | st.floats(1e18, 1e22))
def test_what_was_written_can_be_written_again(value: float) -> None:
    """An integral double between 2^64 and 1e21 is read back as an integer that no machine word holds."""
    written = encode({"a": [value], "b": 0.5})
    assert encode(decode(written)) == written
    (read,) = json.loads(written)["a"]
    assert (float(read) if isinstance(value, float) else read) == value
    assert encode_all([{"n": value}]) == [encode({"n": value})]


def test_text_that_looks_like_a_float_is_left_alone() -> None:
    assert encode({"a": "1.0", "b": ["10.0.0.0"], "c": {"d": "\u02cb 1e21"}}) == (
        '{"a":"1.0","b":["10.0.0.0"],"c":{"d":"\u02cb 1e21"}}'.encode()
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", object()])
def test_what_json_cannot_hold_is_refused_with_the_object_named(value: object) -> None:
    with pytest.raises(RecordError, match="file--1"):
        encode({"id": "file--1", "x": [value]})


def test_depth_bombs_are_refused() -> None:
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(RecordError):
        encode(deep)
    with pytest.raises(RecordError):
        decode(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


@pytest.mark.parametrize("data", [b"", b"[1]", b"3", b'{"a":1', b'"x"', b'{"a":"\xff"}', b'{"a":"\\ud800"}'])
def test_only_one_json_object_decodes(data: bytes) -> None:
    with pytest.raises(RecordError, match="not a JSON object"):
        decode(data)


def test_content_hash_sees_facts_and_not_their_version() -> None:
    base = {
        "type": "indicator",
        "id": "i",
        "created": "2024-01-01T00:00:00.000Z",
        "valid_from": "2024-01-01T00:00:00.000Z",
    }
    later = {**base, "created": "2025-01-01T00:00:00.000Z", "valid_from": "2025-01-01T00:00:00.000Z", "modified": "x"}
    assert content_hash(base) == content_hash(later)
    assert len(content_hash(base)) == 16
    assert content_hash(base) != content_hash({**base, "valid_from": "2023-01-01T00:00:00.000Z"})
    assert content_hash(base) != content_hash({**base, "name": "n"})
    assert content_hash({"a": 1.0, "b": 2}) == content_hash({"b": 2.0, "a": 1})
