"""References: every one is found, in extensions too; rewriting copies only what changes."""

from __future__ import annotations

import copy
import json
from pathlib import Path

from isthmus_sdk.stix import ALERT, ASSET, Builder, Interface, Subject, refs, rewrite_refs, sdo_id

A, B, C = (sdo_id("tool", {"name": name}) for name in "abc")


def test_references_are_found_wherever_they_are() -> None:
    obj = {
        "id": A,
        "created_by_ref": A,
        "object_refs": [A, B],
        "granular_markings": [{"marking_ref": C, "selectors": ["name"]}],
        "extensions": {
            "x": {"subjects": [{"ref": B, "role": "victim"}], "deep": {"some_refs": [C]}, "x_mitre_modified_by_ref": A}
        },
        "objects": {"0": {"src_ref": "1", "contains_refs": ["2"]}},
        "name": A,
        "values": [A],
    }
    assert list(refs(obj)) == [
        ("created_by_ref", A),
        ("object_refs[0]", A),
        ("object_refs[1]", B),
        ("granular_markings[0].marking_ref", C),
        ("extensions.x.subjects[0].ref", B),
        ("extensions.x.deep.some_refs[0]", C),
        ("extensions.x.x_mitre_modified_by_ref", A),
    ]


def test_rewriting_reaches_extensions_and_leaves_the_original_alone() -> None:
    builder = Builder(observed_at="2024-01-01T00:00:00.000Z")
    asset = builder.asset("a", name="a", interfaces=[Interface("00:1b:1b:00:00:01", ["10.0.0.1"])])
    alert = builder.alert("x", title="t", first_seen=5, subjects=[Subject(asset, "victim")])
    before = copy.deepcopy(alert.object)
    after = rewrite_refs(alert.object, lambda ref: A if ref == asset.id else ref)
    assert after["extensions"][ALERT]["subjects"][0]["ref"] == A
    assert alert.object == before
    assert {id for _, id in refs(asset.object)} == {builder.mac("00:1b:1b:00:00:01").id, builder.ip("10.0.0.1").id}
    assert asset.object["extensions"][ASSET]["interfaces"][0]["mac_ref"] in {id for _, id in refs(asset.object)}


def test_nothing_is_copied_where_nothing_changes() -> None:
    obj = {"id": A, "object_refs": [A, B]}
    assert rewrite_refs(obj, lambda ref: ref) is obj
    assert rewrite_refs(obj, lambda ref: C if ref == "unknown" else ref) is obj


def test_two_references_that_become_one_are_listed_once() -> None:
    obj = {"id": A, "object_refs": [A, B, C], "labels": [A, A]}
    assert rewrite_refs(obj, lambda ref: A if ref == C else ref)["object_refs"] == [A, B]
    assert rewrite_refs(obj, lambda ref: C if ref in (A, B) else ref)["object_refs"] == [C]
    assert rewrite_refs(obj, lambda ref: C)["labels"] == [A, A]


def test_the_objects_own_id_stays() -> None:
    assert rewrite_refs({"id": A, "source_ref": A}, lambda ref: B) == {"id": A, "source_ref": B}


def test_depth_is_no_danger() -> None:
    deep: dict[str, object] = {"a_ref": A}
    for _ in range(50_000):
        deep = {"a": deep}
    assert [id for _, id in refs(deep)] == [A]


def test_every_reference_of_the_attack_catalogue_is_found(samples: Path) -> None:
    text = (samples / "attack/ics_attack_18.1.json").read_text()
    expected = 0
    for obj in json.loads(text)["objects"]:
        found = dict(refs(obj))
        flat = json.dumps({name: value for name, value in obj.items() if name.endswith(("_ref", "_refs"))})
        assert all(id in flat or "." in path or "[" in path for path, id in found.items())
        expected += "source_ref" in found
    assert expected == text.count('"source_ref"')
