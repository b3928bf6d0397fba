"""Rules over several objects: versions agree, end where they are revoked, and what is missing is named."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sdk.stix.changes import UUID_4
from tests.sdk.stix.examples import ALL_TYPES, IDENTITY, MALWARE, T0, T1, example

from isthmus_sdk.stix import problems, set_problems, set_warnings

Json = dict[str, Any]
T2 = "2024-03-01T00:00:00.000Z"
TOOL = example("tool")


def _variant(source_is_family: bool, target_is_family: bool) -> list[Json]:
    source, target = (
        example("malware") | {"id": f"malware--{UUID_4[:-1]}{digit}", "is_family": family}
        for digit, family in ((1, source_is_family), (2, target_is_family))
    )
    ends = {"source_ref": source["id"], "target_ref": target["id"], "relationship_type": "variant-of"}
    return [source, target, example("relationship") | ends]


BROKEN: list[tuple[str, list[Json], str, str]] = [
    ("created changes", [TOOL, TOOL | {"created": "2024-01-02T00:00:00.000Z", "modified": T2}], "version-created", "created"),
    ("author changes", [TOOL, TOOL | {"created_by_ref": IDENTITY, "modified": T2}], "version-author", "created_by_ref"),
    ("a version after the revoked one", [TOOL | {"revoked": True}, TOOL | {"modified": T2}], "version-after-revoked", "modified"),
    ("the revoked one comes last", [TOOL | {"modified": T2}, TOOL | {"revoked": True}], "version-after-revoked", "modified"),
    ("one version says two things", [TOOL, TOOL | {"name": "other"}], "version-content", "modified"),
    ("one version is revoked and is not", [TOOL, TOOL | {"revoked": True}], "version-content", "modified"),
    ("a family is a variant of an instance", _variant(True, False), "family-variant", "relationship_type"),
    ("one UUID for two types", [TOOL | {"created_by_ref": IDENTITY}, example("note") | {"created_by_ref": IDENTITY, "id": "note--" + TOOL["id"][-36:]}], "uuid-reused", "id"),
]  # fmt: skip


@pytest.mark.parametrize(("objects", "rule", "path"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_what_objects_break_together_is_named(objects: list[Json], rule: str, path: str) -> None:
    assert all(problems(obj) == [] for obj in objects)
    found = set_problems(objects)
    assert [(problem.rule, problem.path) for problem in found] == [(rule, path)]
    assert found[0].message.endswith(f"(section {found[0].section})")


SOUND: list[tuple[str, list[Json]]] = [
    ("one of every type", [example(type) for type in ALL_TYPES]),
    ("the same object twice", [TOOL, dict(TOOL)]),
    ("two versions", [TOOL, TOOL | {"modified": T2, "name": "other"}]),
    ("revoked at last", [TOOL, TOOL | {"modified": T2, "revoked": True}]),
    ("revoked, twice the same", [TOOL | {"revoked": True}, TOOL | {"revoked": True}]),
    ("a default that is left out", [TOOL, TOOL | {"revoked": False, "lang": "en"}]),
    ("times with more digits", [TOOL, TOOL | {"created": T0[:-1] + "000Z", "modified": T1[:-1] + "000Z"}]),
    ("an observable told twice", [example("ipv4-addr"), example("ipv4-addr") | {"x_seen": 1}]),
    ("an instance of a family", _variant(False, True)),
    ("a family of a family", _variant(True, True)),
    ("one UUID by two producers", [TOOL, example("note") | {"id": "note--" + TOOL["id"][-36:]}]),
]


@pytest.mark.parametrize("objects", [row[1] for row in SOUND], ids=[row[0] for row in SOUND])
def test_what_agrees_passes(objects: list[Json]) -> None:
    assert set_problems(objects) == []


def test_what_is_referred_to_but_missing_is_advice() -> None:
    note = example("note")
    assert [(warning.rule, warning.path) for warning in set_warnings([note])] == [
        ("unresolved-reference", "object_refs[0]")
    ]
    assert set_warnings([note, example("malware") | {"id": MALWARE, "sample_refs": []}]) == []


def test_a_translation_of_a_version_that_is_not_there_is_advice() -> None:
    malware = {name: value for name, value in example("malware").items() if name != "sample_refs"} | {"id": MALWARE}
    words = example("language-content")
    assert set_warnings([malware, words | {"object_modified": T1}]) == []
    assert [warning.rule for warning in set_warnings([malware, words | {"object_modified": T2}])] == [
        "translated-version"
    ]


def test_broken_objects_are_no_danger() -> None:
    rubbish: list[Json] = [{}, {"id": 5}, {"id": "x", "created": 5}, {"id": "x", "created": [], "created_by_ref": {}}]
    assert {problem.rule for problem in set_problems(rubbish)} <= {
        "version-created",
        "version-author",
        "version-content",
    }
    assert set_warnings(rubbish) == []
