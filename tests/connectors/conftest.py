"""Running a connector's streams: offline over raw records, and what the standard says of the result."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from isthmus_sdk import Connector
from isthmus_sdk.block import Block
from isthmus_sdk.engine import Outcome, PageMapper, Rejected
from isthmus_sdk.errors import IsthmusError
from isthmus_sdk.http import Retry
from isthmus_sdk.page import Page
from isthmus_sdk.run import Instance, StreamRun, Totals
from isthmus_sdk.settings import configure
from isthmus_sdk.stix import Builder
from isthmus_sdk.transports import connect

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


@dataclass
class Ran:
    """What one run of one stream sent."""

    blocks: list[Block] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    error: IsthmusError | None = None

    @property
    def objects(self) -> Objects:
        """Every object sent, in order, repeated ones too."""
        return [json.loads(encoded) for block in self.blocks for encoded in block.objects]

    @property
    def cursors(self) -> dict[str, bytes]:
        """What the hub would give to the next run: the cursor after the last stored block of each partition."""
        return {block.partition: block.cursor_after for block in self.blocks}

    def of(self, *types: str) -> Objects:
        """Objects of these types."""
        return [obj for obj in self.objects if obj["type"] in types]


def run_stream(
    connector: Connector[Any],
    stream: str,
    settings: dict[str, Any],
    secrets: dict[str, str],
    *,
    cursors: dict[str, bytes] | None = None,
    pages: int | None = None,
    scope: Callable[..., str] | None = None,
) -> Ran:
    """Run one stream over HTTP as a worker does; ``pages`` stops it early. An error of the tree is kept, not raised."""
    checked = configure(connector.settings, settings, secrets)
    http = connect(connector, checked, instance="test")
    ran = Ran()
    instance = Instance(
        hub="test-hub",
        name="test",
        settings=checked,
        make_builder=lambda at: Builder(source_id="tenant-1", connector=connector.name, observed_at=at, scope=scope),
        tlp="amber",
        connect=lambda: http,
    )
    run = StreamRun(
        connector.streams[stream],
        instance,
        cursors=cursors or {},
        send=ran.blocks.append,
        reject=lambda bad, _page: ran.rejected.append(bad),
        stopped=lambda: pages is not None and run.totals.pages >= pages,
    )
    ran.totals = run.totals
    try:
        run.run()
    except IsthmusError as error:
        ran.error = error
    finally:
        http.close()
    return ran


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[[Connector[Any]], None]:
    """Let a connector retry without waiting and call without a rate."""

    def prepare(connector: Connector[Any]) -> None:
        monkeypatch.setattr(connector, "http", {"retry": Retry(first=0.001, most=0.01)})

    return prepare
