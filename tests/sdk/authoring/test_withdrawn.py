"""Public lists that take entries back without a word: what is gone is told once, and never because a reply was broken."""

from __future__ import annotations

import json

import pytest

from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.withdrawn import HELD, MOST, compare


def rows(*ids):
    return [json.dumps({"id": each}).encode() for each in ids]


def test_the_first_reply_withdraws_nothing():
    assert compare(rows("a", "b"), "id", None) == ([], "a b", "")


def test_what_is_gone_is_told_once():
    gone, held, why = compare(rows("a", "c"), "id", {HELD: "a b"})
    assert ([json.loads(raw) for raw in gone], held, why) == ([{"id": "b", "withdrawn": True}], "a c", "")
    assert compare(rows("a", "c"), "id", {HELD: held})[0] == []


def test_a_list_that_shrinks_at_once_withdraws_nothing_and_forgets_nothing():
    before = " ".join(f"CVE-2021-{number:04}" for number in range(100))
    gone, held, why = compare([], "id", {HELD: before})
    assert (gone, held) == ([], before)
    assert "100 of 100" in why


def test_a_record_whose_id_cannot_be_read_could_be_any_of_the_missing():
    gone, held, why = compare([*rows("a"), b'{"id": 5}'], "id", {HELD: "a b"})
    assert (gone, held) == ([], "a b")
    assert "no readable id" in why


def test_a_list_too_long_to_be_remembered_is_refused():
    with pytest.raises(ConfigurationError, match="at most"):
        compare(rows(*range(0)) + rows(*(f"x{number}" for number in range(MOST + 1))), "id", None)
