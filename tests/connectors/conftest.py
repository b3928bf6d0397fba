"""Running a connector's streams: offline over raw records, and what the standard says of the result."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from isthmus_sdk import Connector
from isthmus_sdk.engine import Outcome, PageMapper
from isthmus_sdk.page import Page
from isthmus_sdk.stix import Builder

OBSERVED = "2026-11-22T10:00:00.000Z"
Objects = list[dict[str, Any]]


def map_records(
    connector: Connector[Any],
    stream: str,
    records: Iterable[Any],
    *,
    observed_at: str = OBSERVED,
    scope: Callable[..., str] | None = None,
) -> Outcome:
    """One page of records (bytes, or anything that JSON can hold) through model and mapping."""
    raws = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    mapper = PageMapper(
        connector.streams[stream],
        lambda at: Builder(source_id="tenant-1", connector=connector.name, observed_at=at, scope=scope),
        tlp="amber",
    )
    outcome = mapper.map(Page(records=raws, observed_at=observed_at))
    assert outcome.records == outcome.mapped + sum(outcome.ignored.values()) + len(outcome.quarantined)
    return outcome


def objects_of(outcome: Outcome, *types: str) -> Objects:
    """Objects of an outcome, of these types if any are given."""
    return [obj for obj, _ in outcome.objects.values() if not types or obj["type"] in types]


def edges(objects: Objects, kind: str) -> Objects:
    """Relationships of one kind."""
    return [obj for obj in objects if obj.get("relationship_type") == kind]


@pytest.fixture(scope="session")
def valid() -> Callable[[Objects], None]:
    """Assert that objects are valid STIX 2.1 by ``stix2`` and by the OASIS validator.

    103 (UUIDv5 for domain objects) and 272 (protocol names outside IANA's list, as ``s7comm``) are advice that does not
    fit here.
    """
    import stix2
    from stix2validator import ValidationOptions, validate_instance

    options = ValidationOptions(version="2.1", disabled="103,272")

    def check(objects: Objects) -> None:
        assert objects
        for obj in objects:
            stix2.parse(json.dumps(obj), allow_custom=False)
            result = validate_instance(json.loads(json.dumps(obj)), options)
            assert result.is_valid, (obj["id"], [str(error) for error in result.errors])

    return check
