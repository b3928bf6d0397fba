"""The published JSON Schemas against what the builder really says:

No fact without a description, none of another kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import stix2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stix2validator import ValidationOptions, validate_instance
from tests.sdk.stix.builder_calls import call
from tests.sdk.stix.test_builder import SHAPES, builder

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import (
    ALERT,
    ASSET,
    COMMUNICATION,
    COVERAGE,
    EXPOSURE,
    Builder,
    decode,
    encode,
    extension_objects,
    extension_schema,
    facts,
)
from isthmus_sdk.stix._extension_page import page
from isthmus_sdk.stix._extensions import VERSIONS

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


PINNED = {
    ASSET: ("1.3.0", "58be3bf519150a0d"),
    COMMUNICATION: ("1.0.0", "6e91f611e412efa4"),
    EXPOSURE: ("1.1.0", "533de86698088745"),
    ALERT: ("1.0.0", "8ee1ae710ddd8dfb"),
    COVERAGE: ("1.0.0", "cd9ec436d7fc57d0"),
}


def test_a_schema_that_changes_gets_a_new_version() -> None:
    found = {extension: (VERSIONS[extension][0], _digest(extension)) for extension in OURS}
    assert found == PINNED, "raise the version and its time in VERSIONS, then pin both here"


def _digest(extension: str) -> str:
    return sha256(encode(extension_schema(extension))).hexdigest()[:16]


def test_the_schema_names_the_first_number_of_its_version() -> None:
    for extension, (version, _) in VERSIONS.items():
        assert extension_schema(extension)["$id"].rpartition(":")[2] == version.partition(".")[0]


def _fields(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in schema.get("properties", {}).items():
        yield name, field
        yield from _fields(field.get("items", {}))


@pytest.mark.parametrize("extension", sorted(OURS))
def test_every_field_says_what_it_means(extension: str) -> None:
    assert not [name for name, field in _fields(extension_schema(extension)) if not field.get("description")]


def test_the_page_about_extensions_is_that_of_the_schemas() -> None:
    published = Path(__file__).parents[3] / "docs" / "extensions.md"
    assert published.read_text(encoding="utf-8") == page(), (
        "run `python -m isthmus_sdk.stix._extension_page` and commit what it changed"
    )


def test_definitions_are_accepted_by_the_validator_and_by_stix2_and_carry_their_schema() -> None:
    for obj in extension_objects():
        assert validate_instance(obj, ValidationOptions(version="2.1", disabled="103")).is_valid
        assert stix2.parse(obj)["id"] == obj["id"]
        if obj["type"] == "extension-definition":
            assert decode(obj["schema"]) == extension_schema(obj["id"])


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_facts_fit_their_schema_whatever_the_builder_is_given(data: st.DataObject) -> None:
    name = data.draw(
        st.sampled_from(
            ["asset", "endpoint", "communication", "alert", "exposure", "vulnerability", "coverage", "site", "zone"]
        )
    )
    made = data.draw(call(name))
    try:
        shape = made(builder())
    except RecordError:
        return
    for obj in shape:
        for extension in OURS:
            if (found := facts(obj, extension)) is not None:
                JUDGES[extension].validate(found)


JUDGES = {extension: jsonschema.Draft202012Validator(_closed(extension_schema(extension))) for extension in OURS}


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
