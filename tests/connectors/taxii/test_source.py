"""Collections as a source: what is kept, where a run goes on, and what servers do that medallion does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.conftest import map_records, objects_of, run_stream
from tests.connectors.scripted import Asked, Says, serve

from isthmus_connectors.taxii.connector import TaxiiSource, taxii
from isthmus_sdk import Context
from isthmus_sdk.commands.map import map_files
from isthmus_sdk.errors import ConfigurationError, PermissionDenied, UnexpectedReply
from isthmus_sdk.transports import connect

TAXII = "application/taxii+json;version=2.1"
TLP_1_RED = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"
ADDED = ("2026-11-20T10:00:00.000001Z", "2026-11-20T11:00:00.000001Z", "2026-11-20T12:00:00.000001Z")
X_OBJECT = {
    "type": "x-vendor-score",
    "spec_version": "2.1",
    "id": "x-vendor-score--0f6a1b16-8a4c-4d2b-9f2a-3ad5d4f1c0aa",
    "created": "2026-04-06T20:03:48.000Z",
    "modified": "2026-04-06T20:03:48.000Z",
    "value": 4,
    "nested": {"deep": [1, 2]},
}


def malware(number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "malware",
        "spec_version": "2.1",
        "id": f"malware--00000000-0000-4000-8000-{number:012}",
        "created": "2026-04-06T20:03:48.000Z",
        "modified": "2026-04-06T20:03:48.000Z",
        "is_family": False,
        "name": f"m{number}",
        **more,
    }


class Server:
    """Three objects, one a page, added an hour apart; ``next`` as the test wants it."""

    def __init__(self, *, tells_next: bool = True, headers: bool = True) -> None:
        self.tells_next, self.headers = tells_next, headers
        self.rows = [malware(number) for number in range(3)]
        self.asked: list[dict[str, str]] = []

    def __call__(self, asked: Asked) -> Says:
        query = {name: values[0] for name, values in asked.query.items()}
        self.asked.append(query)
        assert asked.headers.get("Accept", asked.headers.get("accept")) == TAXII
        left = [number for number, added in enumerate(ADDED) if added > query.get("added_after", "")]
        at = int(query.get("next", "0"))
        page, more = left[at : at + 1], at + 1 < len(left)
        body: dict[str, Any] = {"more": more, "objects": [self.rows[number] for number in page]}
        if more and self.tells_next:
            body["next"] = str(at + 1)
        told = {"X-TAXII-Date-Added-Last": ADDED[page[-1]]} if page and self.headers else {}
        return Says(200, body, headers=told, kind=TAXII)


class Room:
    """Runs over one server; the next goes on where the last ended."""

    def __init__(self, script: Any) -> None:
        self.script = script
        self.cursors: Any = None

    def __enter__(self) -> Room:
        self._serving = serve(self.script)
        self.url = self._serving.__enter__().url
        return self

    def __exit__(self, *details: Any) -> None:
        self._serving.__exit__(*details)

    def read(self, **settings: Any) -> Any:
        given = {"url": f"{self.url}/api1/", "collections": "c1", **settings}
        ran = run_stream(taxii, "objects", given, {}, cursors=self.cursors)
        self.cursors = ran.cursors or self.cursors
        return ran


def read(script: Any, **settings: Any) -> Any:
    with Room(script) as room:
        return room.read(**settings)


def test_a_custom_type_and_unknown_properties_are_kept_as_they_are() -> None:
    given = [X_OBJECT, malware(1, x_vendor_note="kept", revoked=True)]
    kept = objects_of(map_records(taxii, "objects", given))
    for obj in kept:
        obj.pop("object_marking_refs")
    assert kept == given


def test_a_marking_of_the_source_stays() -> None:
    red = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
    (kept,) = objects_of(map_records(taxii, "objects", [malware(1, object_marking_refs=[red])]))
    assert kept["object_marking_refs"] == [red]


@pytest.mark.parametrize("version", [{}, {"spec_version": "2.1"}])
def test_what_feeds_write_short_is_written_out(version: dict[str, str]) -> None:
    short = {"type": "marking-definition", "created": "2017-06-01T00:00:00Z", **version}
    statement = {**short, "id": "marking-definition--00000000-0000-4000-8000-000000000001",
                 "definition_type": "statement", "definition": {"statement": "c"}}  # fmt: skip
    tlp = {**short, "id": TLP_1_RED, "definition_type": "tlp", "definition": {"tlp": "red"}}
    made = {obj["id"]: obj for obj in objects_of(map_records(taxii, "objects", [statement, tlp]))}
    assert made[statement["id"]]["created"] == "2017-06-01T00:00:00.000Z"
    assert (made[TLP_1_RED]["name"], made[TLP_1_RED]["created"]) == ("TLP:RED", "2017-01-20T00:00:00.000Z")


def test_a_marking_that_has_anothers_id_is_refused() -> None:
    false = {"type": "marking-definition", "spec_version": "2.1", "id": TLP_1_RED, "created": "2017-01-20T00:00:00.000Z",
             "definition_type": "tlp", "definition": {"tlp": "white"}}  # fmt: skip
    assert len(map_records(taxii, "objects", [false]).quarantined) == 1


@pytest.mark.parametrize("version", [{}, {"spec_version": "2.0"}])
def test_an_object_of_stix_2_0_becomes_one_of_2_1(version: dict[str, str]) -> None:
    old = {
        name: value for name, value in malware(1, labels=["worm"]).items() if name not in ("spec_version", "is_family")
    } | version
    (kept,) = objects_of(map_records(taxii, "objects", [old]))
    assert (kept["spec_version"], kept["malware_types"], kept["is_family"]) == ("2.1", ["worm"], False)


@pytest.mark.parametrize(
    "broken", [{"id": "x--1"}, {"type": "malware", "id": "malware--1"}, {"type": "bundle", "id": "b", "objects": 1}]
)
def test_what_is_no_stix_is_quarantined_with_its_reason(broken: dict[str, Any]) -> None:
    outcome = map_records(taxii, "objects", [broken, malware(2)])
    assert (outcome.mapped, len(outcome.quarantined)) == (1, 1)
    assert outcome.quarantined[0].error


def test_the_next_run_asks_for_what_was_added_since_with_a_minute_of_overlap() -> None:
    server = Server()
    with Room(server) as room:
        first, second = room.read(), room.read()
    assert (first.error, first.totals.mapped) == (None, 3)
    assert "added_after" not in server.asked[0]
    assert server.asked[-1]["added_after"] == "2026-11-20T11:59:00.000Z"
    assert (second.objects, second.totals.records) == ([], 1)


def test_what_is_added_later_is_read_by_the_next_run() -> None:
    server = Server()
    with Room(server) as room:
        room.read()
        server.rows[2] = malware(2, modified="2026-11-20T12:30:00.000Z", revoked=True)
        assert [obj["revoked"] for obj in room.read().objects] == [True]


def test_more_without_next_goes_on_after_the_last_that_was_added() -> None:
    server = Server(tells_next=False)
    ran = read(server)
    assert (ran.error, ran.totals.mapped) == (None, 3)
    assert [query.get("added_after") for query in server.asked] == [None, ADDED[0], ADDED[1]]


def test_more_that_leads_nowhere_is_an_error_and_no_end() -> None:
    ran = read(Server(tells_next=False, headers=False))
    assert isinstance(ran.error, UnexpectedReply)


def test_a_server_without_the_header_is_read_whole_each_time() -> None:
    server = Server(headers=False)
    with Room(server) as room:
        first, second = room.read(), room.read()
    assert (first.totals.mapped, second.totals.records) == (3, 3)
    assert all("added_after" not in query for query in server.asked)


def test_each_collection_is_read_once() -> None:
    paths: list[str] = []

    def script(asked: Asked) -> Says:
        paths.append(asked.path.split("?")[0])
        return Says(200, {"objects": [malware(len(paths))]}, kind=TAXII)

    ran = read(script, collections="c1, c2,c1")
    assert ran.totals.mapped == 2
    assert paths == ["/api1/collections/c1/objects/", "/api1/collections/c2/objects/"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Says(404, {"title": "none"}, kind=TAXII), ConfigurationError),
        (Says(200, {"id": "c1", "can_read": False}, kind=TAXII), PermissionDenied),
        (Says(403, {"title": "no"}, kind=TAXII), PermissionDenied),
    ],
)
def test_check_names_a_collection_that_is_missing_or_may_not_be_read(reply: Says, error: type[Exception]) -> None:
    with serve(lambda _asked: reply) as server:
        settings = TaxiiSource(url=f"{server.url}/api1/", collections="c1")  # type: ignore[arg-type]
        http = connect(taxii, settings)
        assert taxii.checker is not None
        with http, pytest.raises(error):
            taxii.checker(Context(settings, connect=lambda: http))


@pytest.mark.samples
@pytest.mark.parametrize("folder", ["stix/oasis_documentation_examples", "stix/oasis_json_schemas_examples", "attack"])
def test_published_bundles_are_kept_whole(samples: Path, folder: str) -> None:
    for path in sorted((samples / folder).glob("*.json")):
        document = json.loads(path.read_bytes())
        told = document["objects"] if document["type"] == "bundle" else [document]
        made = map_files(taxii, taxii.streams["objects"], [path])
        assert (made.report["mapped"], made.report["quarantined"]) == (len(told), []), path.name
        kept = {obj["id"]: obj for obj in map(json.loads, made.objects)}
        for obj in told:
            if obj.get("spec_version") == "2.1" and [each["id"] for each in told].count(obj["id"]) == 1:
                lost = [name for name, value in obj.items() if not _same(value, kept[obj["id"]].get(name))]
                assert lost == [], (path.name, obj["id"])


def _same(told: Any, kept: Any) -> bool:
    """Times may be written with other digits, and nothing else may differ."""
    return told == kept or (isinstance(told, str) and isinstance(kept, str) and told[:19] == kept[:19])
