"""Two statements become one, whatever the order they come in."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import (
    ASSET,
    COMMUNICATION,
    TLP,
    Builder,
    Interface,
    Service,
    check,
    coalesce,
    encode,
    facts,
)

T = [f"2024-01-0{day}T00:00:00.000Z" for day in range(1, 6)]
Json = dict[str, Any]

_times = st.sampled_from(T)
_words = st.sampled_from(["a", "b", "c", "\u00e9"])
_interface = st.fixed_dictionaries(
    {"scope": _words},
    optional={"mac": _words, "name": _words, "ips": st.lists(_words, min_size=1, max_size=3, unique=True)},
).map(lambda each: {**each, **({"ip_refs": [f"ref-{ip}" for ip in each["ips"]]} if "ips" in each else {})})
_service = st.fixed_dictionaries(
    {"protocol": _words},
    optional={"port": st.integers(1, 3), "function_codes": st.lists(st.integers(1, 4), min_size=1)},
)
_window = st.fixed_dictionaries(
    {"start": _times, "seconds": st.just(3600)},
    optional={"part": _words, "connections": st.integers(0, 5), "late": st.integers(0, 2)},
)
_extension = st.fixed_dictionaries(
    {},
    optional={
        "vendor": _words, "model": _words, "first_seen": _times, "last_seen": _times, "roles": st.lists(_words, min_size=1),
        "interfaces": st.lists(_interface, min_size=1, max_size=3), "services": st.lists(_service, min_size=1, max_size=3),
        "windows": st.lists(_window, min_size=1, max_size=3), "identifiers": st.lists(st.fixed_dictionaries({"kind": _words}), min_size=1),
    },
)  # fmt: skip
_marking = st.fixed_dictionaries({"marking_ref": st.sampled_from(sorted(TLP.values())), "selectors": st.just(["name"])})
_objects = st.fixed_dictionaries(
    {"type": st.just("infrastructure"), "id": st.just("i"), "modified": _times, "created": _times},
    optional={
        "name": _words, "description": _words, "first_seen": _times, "last_seen": _times, "labels": st.lists(_words, min_size=1),
        "external_references": st.lists(st.fixed_dictionaries({"source_name": _words}), min_size=1),
        "object_marking_refs": st.lists(st.sampled_from(sorted(TLP.values())), min_size=1),
        "granular_markings": st.lists(_marking, min_size=1, max_size=2),
        "extensions": st.dictionaries(st.sampled_from([ASSET, COMMUNICATION, "extension-definition--other"]), _extension, min_size=1),
    },
)  # fmt: skip


def _fold(objects: list[Json]) -> bytes:
    merged = objects[0]
    for each in objects[1:]:
        merged = coalesce(merged, each)
    return encode(merged)


@settings(max_examples=200, deadline=None)
@given(st.lists(_objects, min_size=3, max_size=3))
def test_any_order_and_any_grouping_give_the_same_bytes(objects: list[Json]) -> None:
    a, b, c = objects
    whole = {_fold(list(order)) for order in itertools.permutations(objects)}
    whole.add(encode(coalesce(a, coalesce(b, c))))
    assert len(whole) == 1


@settings(max_examples=100, deadline=None)
@given(_objects, _objects)
def test_saying_it_twice_changes_nothing(a: Json, b: Json) -> None:
    merged = coalesce(a, b)
    assert encode(coalesce(merged, a)) == encode(merged)
    assert encode(coalesce(merged, merged)) == encode(merged)


def _asset(builder: Builder, **facts: Any) -> Json:
    return builder.asset("a1", name=facts.pop("name", "PLC"), **facts).object


def test_four_rows_of_one_machine_with_different_addresses_are_one_machine_with_four_interfaces() -> None:
    builder = Builder(observed_at=T[0])
    rows = [_asset(builder, interfaces=[Interface(ips=[f"10.0.0.{n}"])]) for n in (1, 2, 3, 2, 4)]
    merged = rows[0]
    for row in rows[1:]:
        merged = coalesce(merged, row)
    cards = (facts(merged, ASSET) or {})["interfaces"]
    assert [card["ips"] for card in cards] == [["10.0.0.1"], ["10.0.0.2"], ["10.0.0.3"], ["10.0.0.4"]]
    check(merged)


def test_one_card_with_more_addresses_stays_one_card_and_keeps_each_reference_beside_its_address() -> None:
    builder = Builder(observed_at=T[0])
    one = _asset(builder, interfaces=[Interface("00:1b:1b:00:00:01", ["10.0.0.9"])])
    two = _asset(builder, interfaces=[Interface("00:1b:1b:00:00:01", ["10.0.0.10"])])
    (card,) = (facts(coalesce(one, two), ASSET) or {})["interfaces"]
    assert card["ips"] == ["10.0.0.10", "10.0.0.9"]
    assert card["ip_refs"] == [builder.ip(ip).id for ip in card["ips"]]


def test_the_newer_version_decides_single_values_even_by_leaving_them_out() -> None:
    builder = Builder(observed_at=T[4])
    old = _asset(builder, name="old", vendor="Acme", serial="1", modified=T[1], labels=["x"], last_seen=T[3])
    new = _asset(builder, name="new", vendor="Apex", modified=T[2], last_seen=T[2])
    merged = coalesce(old, new)
    known = facts(merged, ASSET) or {}
    assert (merged["name"], known["vendor"], "serial" in known) == ("new", "Apex", False)
    assert "x" in merged["labels"]
    assert (merged["created"], merged["modified"], known["last_seen"]) == (T[1], T[2], T[3])


def test_a_sparse_statement_of_the_same_time_hides_nothing() -> None:
    builder = Builder(observed_at=T[0])
    full, stub = _asset(builder, vendor="Acme", serial="1"), _asset(builder)
    assert (facts(coalesce(stub, full), ASSET) or {})["serial"] == "1"


def test_windows_of_one_pair_are_all_kept_and_a_window_stated_again_keeps_what_has_counted_more() -> None:
    builder = Builder(observed_at=T[0])

    def edge(start: str, connections: int, part: str = "f") -> Json:
        return builder.communication(
            builder.asset_id("a"), builder.asset_id("b"), services=[Service("modbus", "tcp", 502, [connections])],
            first_seen=start, last_seen=start, window={"start": start, "seconds": 3600, "part": part, "connections": connections},
        ).object  # fmt: skip

    merged = coalesce(coalesce(edge(T[1], 3), edge(T[0], 1)), coalesce(edge(T[1], 5), edge(T[1], 2, "g")))
    known = facts(merged, COMMUNICATION) or {}
    assert [(window["start"], window["part"], window["connections"]) for window in known["windows"]] == [
        (T[0], "f", 1), (T[1], "f", 5), (T[1], "g", 2),
    ]  # fmt: skip
    assert known["services"] == [
        {"protocol": "modbus", "transport": "tcp", "port": 502, "function_codes": [1, 2, 3, 5]}
    ]
    assert (merged["start_time"], merged["stop_time"]) == (T[0], T[1])
    check(merged)


def test_a_marking_is_never_lost() -> None:
    base = {"type": "tool", "id": "t", "created": T[0], "name": "n"}
    old = {**base, "modified": T[0], "granular_markings": [{"marking_ref": TLP["red"], "selectors": ["name"]}]}
    new = {**base, "modified": T[1], "object_marking_refs": [TLP["green"]]}
    assert set(coalesce(old, new)["object_marking_refs"]) == {TLP["red"], TLP["green"]}


def test_observables_unite_what_either_says() -> None:
    base = {"type": "file", "id": "f", "name": "n"}
    assert coalesce({**base, "size": 3}, {**base, "mime_type": "a/b"}) == {**base, "size": 3, "mime_type": "a/b"}


def test_different_objects_are_not_mixed() -> None:
    with pytest.raises(RecordError, match="different objects"):
        coalesce({"type": "tool", "id": "a"}, {"type": "tool", "id": "b"})
