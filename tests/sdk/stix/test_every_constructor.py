"""Every constructor, whatever it is given: `RecordError`, or objects that three judges accept."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import stix2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stix2validator import ValidationOptions, validate_instance
from tests.sdk.stix.builder_calls import builder, call, constructors

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import Shape, check, encode

OPTIONS = ValidationOptions(version="2.1", disabled="103,272")
"""103 asks for random ids of domain objects: ours are UUIDv5 on purpose, so that a second run changes nothing.

272 knows no protocols of industrial networks (``s7comm``).
"""
CUSTOM = ("x-custom--",)


@pytest.mark.parametrize("name", constructors())
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_constructor_refuses_or_makes_what_all_three_judges_accept(name: str, data: st.DataObject) -> None:
    made = data.draw(call(name))
    try:
        shape = made(builder())
    except RecordError:
        return
    _judge(shape)
    assert [encode(obj) for obj in made(builder())] == [encode(obj) for obj in shape], "another call, other bytes"


def _judge(shape: Shape) -> None:
    assert shape.object in list(shape)
    for obj in shape:
        check(obj)
        plain: dict[str, Any] = json.loads(encode(obj))
        stix2.parse(copy.deepcopy(plain), allow_custom=any(kind in str(plain) for kind in CUSTOM))
        result = validate_instance(plain, OPTIONS)
        assert result.is_valid, [str(error) for error in result.errors]


def test_there_are_constructors_for_all_shapes() -> None:
    assert set(constructors()) >= {
        "asset", "endpoint", "zone", "site", "location", "communication", "alert", "rule", "exposure", "vulnerability", "system",
        "identity", "member", "coverage", "user_account", "note", "observed", "sighting", "relationship", "indicator", "malware",
        "tool", "technique", "campaign", "intrusion_set", "threat_actor", "course_of_action", "report", "ip", "mac", "domain", "url",
        "email_address", "email_message", "software", "file", "directory", "process", "traffic", "registry_key", "certificate",
        "mutex", "autonomous_system", "marked",
    }  # fmt: skip
