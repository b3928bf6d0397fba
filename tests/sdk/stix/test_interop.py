"""The stix2 library at the edge: its objects come in, ours go out, nothing is lost on the way."""

from __future__ import annotations

import subprocess
import sys

import pytest
import stix2
from tests.sdk.stix.examples import ALL_TYPES, example

from isthmus_sdk.errors import InvalidObject, RecordError
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


def container(**objects: dict[str, object]) -> dict[str, object]:
    return {
        "type": "observed-data", "id": "observed-data--0c4be5c0-58e8-4a6d-9c4b-8f1f0b8f0c11", "created": "2019-01-01T00:00:00.000Z",
        "modified": "2019-01-01T00:00:00.000Z", "first_observed": "2019-01-01T00:00:00Z", "last_observed": "2019-01-01T00:00:00Z",
        "number_observed": 1, "objects": objects,
    }  # fmt: skip


def test_circles_that_name_nothing_are_followed() -> None:
    """A directory contains a file whose parent it is; processes are parent and child: their ids need no reference back."""
    *found, data = interop.upgrade(
        container(
            a={"type": "directory", "path": "/x", "contains_refs": ["b"]},
            b={"type": "file", "name": "f", "parent_directory_ref": "a"},
            c={"type": "process", "pid": 1, "child_refs": ["d"]},
            d={"type": "process", "pid": 1, "parent_ref": "c"},
        )
    )
    for obj in [*found, data]:
        check(obj)
    by_type = {obj["type"]: obj for obj in found}
    assert by_type["directory"]["contains_refs"] == [by_type["file"]["id"]]
    assert by_type["file"]["id"] == sco_id("file", by_type["file"])
    assert len(data["object_refs"]) == 4


def test_what_version_2_1_renamed_is_renamed_and_the_rest_kept() -> None:
    *found, _ = interop.upgrade(
        container(
            a={"type": "file", "name": "f", "created": "2019-01-01T00:00:00Z", "x_own": [1, {"b": 2}]},
            b={"type": "process", "created": "2019-01-01T00:00:00Z", "binary_ref": "a"},
            c={"type": "windows-registry-key", "key": "k", "modified": "2019-01-01T00:00:00Z"},
            d={"type": "user-account", "user_id": "u", "password_last_changed": "2019-01-01T00:00:00Z"},
            e={"type": "x-foreign", "any": "thing", "file_ref": "a"},
        )
    )
    by_type = {obj["type"]: obj for obj in found}
    for obj in found:
        check(obj)
    assert by_type["file"]["ctime"] == by_type["process"]["created_time"] == "2019-01-01T00:00:00Z"
    assert by_type["process"]["image_ref"] == by_type["x-foreign"]["file_ref"] == by_type["file"]["id"]
    assert by_type["file"]["x_own"] == [1, {"b": 2}]
    assert "modified_time" in by_type["windows-registry-key"]
    assert "credential_last_changed" in by_type["user-account"]


@pytest.mark.parametrize(
    ("type", "own", "made"),
    [
        ("indicator", {"labels": ["malicious-activity"], "pattern": "[a:b = 1]", "valid_from": "2019-01-01T00:00:00Z"}, "indicator_types"),
        ("malware", {"labels": ["worm"], "name": "n"}, "malware_types"),
        ("report", {"labels": ["campaign"], "name": "n", "published": "2019-01-01T00:00:00Z", "object_refs": [example("tool")["id"]]}, "report_types"),
        ("threat-actor", {"labels": ["spy"], "name": "n"}, "threat_actor_types"),
        ("tool", {"labels": ["exploitation"], "name": "n"}, "tool_types"),
    ],
)  # fmt: skip
def test_labels_of_version_2_0_become_types(type: str, own: dict[str, object], made: str) -> None:
    head = {name: example(type)[name] for name in ("type", "id", "created", "modified")}
    (new,) = interop.upgrade({**head, **own})
    check(new)
    assert new[made] == own["labels"]
    assert "labels" not in new


@pytest.mark.parametrize("name", ["white", "green", "amber", "red"])
def test_markings_of_version_2_0_are_those_of_2_1(name: str) -> None:
    old = stix2.v20.common.TLP_WHITE if name == "white" else getattr(stix2.v20.common, f"TLP_{name.upper()}")
    (new,) = interop.upgrade(interop.from_stix2(old))
    check(new)


def test_references_into_nothing_are_refused() -> None:
    with pytest.raises(RecordError, match="lead nowhere"):
        interop.upgrade(container(a={"type": "network-traffic", "src_ref": "z", "protocols": ["tcp"]}))


def test_bundles_come_in_with_everything_that_is_foreign_in_them() -> None:
    foreign = {
        "type": "x-thing", "id": "x-thing--9379cc7b-11fd-47a4-88ec-811ab049188e", "spec_version": "2.1", "x_z": [1.5, 2**60, {"b": "\u2028", "a": []}],
        "extensions": {"extension-definition--9379cc7b-11fd-47a4-88ec-811ab049188e": {"extension_type": "new-sdo", "own": {"deep": [True]}}},
    }  # fmt: skip
    tool = {**example("tool"), "x_mine": {"a": [1, 2]}}
    bundle = {"type": "bundle", "id": "bundle--9379cc7b-11fd-47a4-88ec-811ab049188e", "objects": [foreign, tool]}
    for given in (
        bundle,
        encode(bundle),
        encode(bundle).decode(),
        [bundle],
        [foreign, tool],
        stix2.parse(encode(bundle).decode(), allow_custom=True),
    ):
        assert list(map(encode, interop.objects_in(given))) == [encode(foreign), encode(tool)]
    old = {name: value for name, value in tool.items() if name != "spec_version"}
    assert [obj["spec_version"] for obj in interop.objects_in({**bundle, "spec_version": "2.0", "objects": [old]})] == [
        "2.1"
    ]
    for wrong in (5, {**bundle, "objects": 5}, {**bundle, "objects": [5]}, b"{"):
        with pytest.raises(RecordError):
            list(interop.objects_in(wrong))


def test_what_comes_in_can_be_asked_to_be_valid() -> None:
    assert interop.checked(stix2.IPv4Address(value="10.0.0.5"))["id"] == example("ipv4-addr")["id"]
    with pytest.raises(InvalidObject):
        interop.checked({**example("tool"), "name": ""} | {"id": "tool--1"})


HOSTILE = "a" * 30 + "_"


def test_nothing_is_registered_with_the_library_and_no_slow_expression_is_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """stix2's expression for type names backtracks without end on thirty letters and an underscore."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("registration")

    for name in dir(stix2.registration):
        if name.startswith("_register"):
            monkeypatch.setattr(stix2.registration, name, refuse)
    known = {
        version: {kind: set(names) for kind, names in maps.items()}
        for version, maps in stix2.registry.STIX2_OBJ_MAPS.items()
    }
    seen: list[str] = []
    monkeypatch.setattr(stix2.properties, "_validate_type", lambda type, version: seen.append(type))
    tool, uuid = example("tool"), "9379cc7b-11fd-47a4-88ec-811ab049188e"
    for obj in (
        {"type": HOSTILE, "id": f"{HOSTILE}--{uuid}", "spec_version": "2.1"},
        {**tool, "extensions": {f"{HOSTILE}-ext": {"a": 1}}},
        {**tool, "created_by_ref": f"{HOSTILE}--{uuid}"},
        {**tool, "object_marking_refs": [f"{HOSTILE}--{uuid}"]},
        {**tool, HOSTILE + "!": 1},
        {**example("note"), "object_refs": [f"{HOSTILE}--{uuid}"]},
        {**example("marking-definition"), "definition_type": HOSTILE},
        {"type": "bundle", "id": f"bundle--{uuid}", "objects": [{"type": HOSTILE, "id": f"{HOSTILE}--{uuid}"}]},
    ):
        try:
            interop.from_stix2(interop.to_stix2(obj))
        except RecordError:
            pass
    assert not any(HOSTILE in type for type in seen)
    with pytest.raises(RecordError):
        check({**tool, "created_by_ref": f"{HOSTILE}--{uuid}"})
    assert known == {
        version: {kind: set(names) for kind, names in maps.items()}
        for version, maps in stix2.registry.STIX2_OBJ_MAPS.items()
    }


def test_patterns_that_would_exhaust_the_library_are_refused_before_it_sees_them() -> None:
    bomb = {**example("indicator"), "pattern": "[" + " OR ".join(f"a:b = {n}" for n in range(1_000)) + "]"}
    with pytest.raises(RecordError, match="pattern"):
        interop.to_stix2(bomb)


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
