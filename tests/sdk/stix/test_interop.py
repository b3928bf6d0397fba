"""The stix2 library at the edge: its objects come in, ours go out, nothing is lost on the way."""

from __future__ import annotations

import subprocess
import sys

import pytest
import stix2
from tests.sdk.stix.examples import ALL_TYPES, example

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import Builder, check, encode, interop, sco_id


def test_objects_of_the_library_come_in() -> None:
    theirs = stix2.Infrastructure(
        name="n", labels=["a"], created="2024-01-01T00:00:00Z", modified="2024-01-01T00:00:00Z"
    )
    ours = interop.from_stix2(theirs)
    check(ours)
    assert (ours["name"], ours["created"]) == ("n", "2024-01-01T00:00:00.000Z")
    assert interop.from_stix2({"type": "tool"}) == {"type": "tool"}
    with pytest.raises(RecordError):
        interop.from_stix2(5)


@pytest.mark.parametrize("type", ALL_TYPES)
def test_every_type_survives_the_way_out_and_back(type: str) -> None:
    obj = example(type)
    back = interop.from_stix2(interop.to_stix2(obj))
    same = {name: value for name, value in back.items() if name not in ("defanged", "revoked", "pattern_version")}
    times = {name for name, value in obj.items() if isinstance(value, str) and value.endswith("Z")}
    assert {name: value for name, value in same.items() if name not in times} == {
        name: value for name, value in obj.items() if name not in times
    }


def test_custom_content_survives() -> None:
    obj = {**example("tool"), "x_mine": {"a": [1, 2]}}
    assert interop.from_stix2(interop.to_stix2(obj))["x_mine"] == {"a": [1, 2]}


def test_what_the_library_refuses_is_said_with_the_object_named() -> None:
    with pytest.raises(RecordError, match="tool--"):
        interop.to_stix2({**example("tool"), "name": None, "created": "yesterday"})


def test_our_own_facts_go_out() -> None:
    asset = Builder(observed_at=5).asset("a", name="n").object
    assert interop.from_stix2(interop.to_stix2(asset))["extensions"] == asset["extensions"]


def test_version_2_0_becomes_2_1() -> None:
    old = {
        "type": "observed-data", "id": "observed-data--0c4be5c0-58e8-4a6d-9c4b-8f1f0b8f0c11", "created": "2019-01-01T00:00:00.000Z",
        "modified": "2019-01-01T00:00:00.000Z", "first_observed": "2019-01-01T00:00:00Z", "last_observed": "2019-01-01T00:00:00Z",
        "number_observed": 1,
        "objects": {
            "0": {"type": "ipv4-addr", "value": "10.0.0.1", "resolves_to_refs": ["2"]},
            "1": {"type": "network-traffic", "src_ref": "0", "protocols": ["tcp"]},
            "2": {"type": "mac-addr", "value": "00:1b:1b:aa:bb:cc"},
        },
    }  # fmt: skip
    *observables, data = interop.upgrade(old)
    for obj in [*observables, data]:
        check(obj)
    by_type = {obj["type"]: obj for obj in observables}
    assert (
        by_type["network-traffic"]["src_ref"]
        == by_type["ipv4-addr"]["id"]
        == sco_id("ipv4-addr", {"value": "10.0.0.1"})
    )
    assert by_type["ipv4-addr"]["resolves_to_refs"] == [by_type["mac-addr"]["id"]]
    assert data["object_refs"] == sorted(obj["id"] for obj in observables)
    assert "objects" not in data
    indicator = {"type": "indicator", "id": "indicator--0c4be5c0-58e8-4a6d-9c4b-8f1f0b8f0c11", "created": "2019-01-01T00:00:00.000Z",
                 "modified": "2019-01-01T00:00:00.000Z", "labels": ["x"], "pattern": "[a:b = 1]", "valid_from": "2019-01-01T00:00:00Z"}  # fmt: skip
    (made,) = interop.upgrade(indicator)
    check(made)
    assert made["pattern_type"] == "stix"
    new = example("tool")
    assert interop.upgrade(new) == [new]


def test_circles_in_version_2_0_data_are_refused() -> None:
    circle = {"type": "observed-data", "id": "observed-data--0c4be5c0-58e8-4a6d-9c4b-8f1f0b8f0c11", "objects": {
        "0": {"type": "network-traffic", "src_ref": "1", "protocols": ["tcp"]}, "1": {"type": "network-traffic", "src_ref": "0", "protocols": ["tcp"]},
    }}  # fmt: skip
    with pytest.raises(RecordError, match="circle"):
        interop.upgrade(circle)


def test_the_core_never_imports_the_library() -> None:
    code = (
        "import sys; from isthmus_sdk import stix; b = stix.Builder(observed_at=5);"
        "[stix.check(o) or stix.encode(o) for o in b.asset('a', name='n', interfaces=[stix.Interface('001b1b000001', ['10.0.0.1'])])];"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('stix2', 'httpx', 'stix2patterns', 'jsonschema', 'requests')))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_canonical_bytes_are_what_the_library_reads() -> None:
    obj = example("location")
    assert stix2.parse(encode(obj).decode()).latitude == obj["latitude"]
