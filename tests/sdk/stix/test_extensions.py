"""The published JSON Schemas against what the builder really says:

No fact without a description, none of another kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from tests.sdk.stix.test_builder import SHAPES, builder

from isthmus_sdk.stix import (
    ALERT,
    ASSET,
    COMMUNICATION,
    COVERAGE,
    EXPOSURE,
    Builder,
    extension_objects,
    extension_schema,
    facts,
)

OURS = {ASSET, COMMUNICATION, EXPOSURE, ALERT, COVERAGE}


def _closed(schema: Any) -> Any:
    """The schema with every structure closed: in the tests, an undescribed fact is an error."""
    if isinstance(schema, dict):
        made = {name: _closed(value) for name, value in schema.items()}
        if isinstance(made.get("properties"), dict) and made.get("type") == "object":
            made["additionalProperties"] = False
        return made
    return [_closed(value) for value in schema] if isinstance(schema, list) else schema


def _said() -> Iterator[tuple[str, dict[str, Any]]]:
    for make in SHAPES.values():
        for obj in make(builder()):
            for extension in OURS:
                if (found := facts(obj, extension)) is not None:
                    yield extension, found


def test_everything_the_builder_says_is_described() -> None:
    seen = set()
    for extension, found in _said():
        jsonschema.Draft202012Validator(_closed(extension_schema(extension))).validate(found)
        seen.add(extension)
    assert seen == OURS - {COVERAGE}


@pytest.mark.parametrize("extension", sorted(OURS))
def test_schemas_are_sound_and_named_as_the_standard_wants(extension: str) -> None:
    schema = extension_schema(extension)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert all(len(name) >= 3 for name in schema["properties"])
    assert schema["description"]


def test_wrong_facts_do_not_fit() -> None:
    judge = jsonschema.Draft202012Validator(extension_schema(EXPOSURE))
    good = {"extension_type": "property-extension", "state": "open", "cvss": 9.8}
    assert judge.is_valid(good)
    assert not judge.is_valid({**good, "state": "bad"})
    assert not judge.is_valid({**good, "cvss": 11})


def test_the_ids_never_change() -> None:
    assert {obj["name"]: obj["id"] for obj in extension_objects()} == {
        "Isthmus": "identity--93c6e525-aaaa-5abe-bc1b-e549e62adbd5",
        "Isthmus asset facts": "extension-definition--1ae8c477-b1d2-51da-95d7-a9eed750c560",
        "Isthmus communication facts": "extension-definition--508b883c-123c-5e38-9b35-73dfeb711df2",
        "Isthmus exposure facts": "extension-definition--b81aa5c7-6e00-54bf-a93b-19fe262e7e69",
        "Isthmus alert facts": "extension-definition--bc912338-3778-5b18-91a9-a45028433607",
        "Isthmus coverage facts": "extension-definition--244ad8cb-2a95-5f6a-b4cc-74508a31bf49",
    }


def test_facts_are_found_only_where_they_are() -> None:
    asset = Builder(observed_at=5).asset("a", name="n").object
    assert facts(asset, ASSET) is not None
    assert facts(asset, ALERT) is None
    assert facts({"extensions": 5}, ASSET) is None
    assert facts({}, ASSET) is None
