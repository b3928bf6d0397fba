"""A page checked as a table:

It says yes only to what the explainer finds sound, and hides no bad object among good ones.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.sdk.stix.examples import ALL_TYPES, example
from tests.sdk.stix.test_check import BROKEN, mutants

from isthmus_sdk.stix import (
    Builder,
    Interface,
    Reference,
    Rule,
    Service,
    Subject,
    accepts_all,
    check,
    encode,
    encode_all,
)
from isthmus_sdk.stix._explain import explain
from isthmus_sdk.stix._table import TYPES

Json = dict[str, Any]


def a_page_of_shapes() -> list[Json]:
    builder = Builder(source_id="s", connector="c", observed_at="2024-01-01T00:00:00.000Z")
    made: list[Json] = []
    for number in range(40):
        asset = builder.asset(
            f"a{number}",
            name="PLC",
            vendor="ACME",
            firmware="1.2",
            zone="cell",
            interfaces=[Interface("02:00:00:00:00:01", [f"10.0.0.{number}"])],
        )
        made += asset
        made += builder.communication(
            asset, builder.endpoint("10.9.9.9"), services=[Service("modbus", "tcp", 502, [3])]
        )
        made += builder.alert(
            f"n{number}", title="T", first_seen=1_700_000_000 + number, severity=number, rule=Rule("r", "R") if number % 2 else None,
            subjects=[Subject(asset, "target")], observables=[builder.ip("10.0.0.1")], references=[Reference("x", url="https://a.example/b")],
        )  # fmt: skip
        made += builder.exposure(asset, f"CVE-2024-{1000 + number}", state="open", cvss=9.8)
    return made


def test_what_the_builder_makes_is_accepted_as_a_table() -> None:
    page = a_page_of_shapes()
    assert accepts_all(page)
    for obj in page:
        check(obj)


@pytest.mark.parametrize(
    ("what", "type", "broken"), [(what, type, how) for what, type, how, _path in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_one_broken_object_is_found_in_a_table_of_sound_ones(what: str, type: str, broken: Any) -> None:
    page = [example(type) for _ in range(20)]
    page[13] = broken(page[13])
    assert not accepts_all(page)
    assert not accepts_all([broken(obj) for obj in page[:12]])


def test_a_table_of_mutants_is_accepted_only_where_each_is_sound() -> None:
    contradictions = []
    for obj in mutants(seed=21, count=8_000):
        table = [obj] * 5
        if accepts_all(table) and explain(obj)[0]:
            contradictions.append(obj)
    assert contradictions == []


def test_most_sound_mutants_are_accepted() -> None:
    sound = [
        obj for obj in mutants(seed=22, count=4_000) if not explain(obj)[0] and TYPES[obj["type"]].family != "META"
    ]
    assert len(sound) > 200
    assert sum(accepts_all([obj] * 5) for obj in sound) > 0.9 * len(sound)


def test_values_that_are_equal_but_of_another_kind_do_not_pass_for_each_other() -> None:
    counts = [example("observed-data") | {"number_observed": 1} for _ in range(9)]
    assert accepts_all(counts)
    assert not accepts_all([*counts, counts[0] | {"number_observed": True}])
    assert not accepts_all([*counts, counts[0] | {"number_observed": 1.0}])
    flags = [example("tool") | {"revoked": True} for _ in range(9)]
    assert not accepts_all([*flags, flags[0] | {"revoked": 1}])


@pytest.mark.parametrize(
    "value", [None, [], [[None]], {"a b": 1}, {"a": {"b": [None]}}, float("nan"), 2**60, b"x", "\udc00", (1,)]
)
def test_a_foreign_fact_that_is_no_json_is_found_among_others(value: Any) -> None:
    extension = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
    sound = [
        example("tool") | {"extensions": {extension: {"extension_type": "property-extension", "fact": fact}}}
        for fact in (1, "a", [1, {"b": []}], {"c": True}, 0.5)
    ]
    assert accepts_all(sound * 3)
    bad = example("tool") | {"extensions": {extension: {"extension_type": "property-extension", "fact": value}}}
    assert not accepts_all([*sound, *sound, bad])
    assert not accepts_all([bad] * 9)


def test_encoding_together_gives_the_bytes_of_encoding_alone() -> None:
    source = random.Random(7)
    values: list[Any] = [1, 203, 51_968, 1.0, 1e21, 0.5, "\u02cb", "a\nb", "é", True, [1.0, {"z": 1, "a": 2.0}]]
    page = [example(source.choice(ALL_TYPES)) | {"x_value": source.choice(values)} for _ in range(300)]
    assert encode_all(page) == [encode(obj) for obj in page]
    assert encode_all(iter(page[:1])) == [encode(page[0])]
    assert encode_all([]) == []
