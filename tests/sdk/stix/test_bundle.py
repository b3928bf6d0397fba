"""A bundle read whole says what reading its objects one by one says, whatever is in it."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from tests.sdk.stix.examples import ALL_TYPES, example
from tests.sdk.stix.test_check import mutants

from isthmus_sdk.errors import InvalidObject, RecordError
from isthmus_sdk.stix import problems, read_bundle
from isthmus_sdk.stix._columns import doubtful

Json = dict[str, Any]
ID = "bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"


def bundle(*objects: Any, **more: Any) -> bytes:
    return msgspec.json.encode({"type": "bundle", "id": ID, "objects": list(objects), **more})


def page(count: int = 200) -> list[Json]:
    source = random.Random(3)
    return [example(source.choice(ALL_TYPES)) for _ in range(count)]


def test_the_objects_of_a_bundle_come_in_their_order_and_unchanged() -> None:
    objects = page()
    assert read_bundle(bundle(*objects)) == objects


def test_a_single_object_is_a_list_of_one() -> None:
    assert read_bundle(msgspec.json.encode(example("tool"))) == [example("tool")]
    with pytest.raises(InvalidObject, match="name"):
        read_bundle(msgspec.json.encode(example("tool") | {"name": 5}))


def test_what_only_the_explainer_understands_does_not_condemn_a_bundle() -> None:
    marked = example("tool") | {"granular_markings": [{"lang": "de", "selectors": ["name"]}], "x_own": {"a": [1, True]}}
    custom = {**example("tool"), "type": "x-own", "id": example("tool")["id"].replace("tool", "x-own")}
    objects = [*page(40), marked, custom, *page(40)]
    assert not problems(marked) and not problems(custom)
    assert read_bundle(bundle(*objects)) == objects


def test_a_broken_object_is_named_with_its_place() -> None:
    objects = page(60)
    objects[37] = example("ipv4-addr") | {"value": "hello"}
    with pytest.raises(InvalidObject, match=r"objects\[37\]\.value"):
        read_bundle(bundle(*objects))


@pytest.mark.parametrize(
    "data",
    [
        bundle(),
        bundle(5),
        bundle(None, example("tool")),
        bundle(read_bundle(bundle(example("tool"))), example("tool")),
        bundle({"type": "bundle", "id": ID, "objects": [example("tool")]}),
        bundle(example("tool"), id="bundle--1"),
        bundle(example("tool"), id="tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"),
        bundle(example("tool"), id=7),
        msgspec.json.encode({"type": "bundle", "id": ID, "objects": {"a": example("tool")}}),
    ],
)
def test_an_envelope_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidObject):
        read_bundle(data)


@pytest.mark.parametrize("data", [b"", b"[]", b"5", b"{", b'{"type": "bundle"', b"\xff"])
def test_what_is_no_json_object_is_a_record_error(data: bytes) -> None:
    with pytest.raises(RecordError):
        read_bundle(data)


def test_exactly_the_objects_that_are_not_certainly_valid_are_doubtful() -> None:
    objects = [*mutants(seed=31, count=3_000), *page(300)]
    named = {id(obj) for obj in doubtful(objects)}
    missed = [obj for obj in objects if id(obj) not in named and problems(obj)]
    assert missed == []
    assert all(id(obj) not in named for obj in objects[3_000:] if obj["type"] in ("tool", "ipv4-addr"))
    assert doubtful([5, None, [], "a"]) == [5, None, [], "a"]
    assert doubtful([]) == []
