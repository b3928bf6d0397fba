"""The TAXII source against medallion, filled with taxii2-client."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.conftest import run_stream
from tests.interop.conftest import need

from isthmus_connectors.taxii.connector import taxii

pytestmark = pytest.mark.interop


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


def fill(server: Any, *objects: dict[str, Any]) -> None:
    need("taxii2client", "taxii2-client")
    from taxii2client.v21 import Collection

    address = f"{server.url}collections/{server.collection}/"
    Collection(address, user=server.user, password=server.password).add_objects({"objects": list(objects)})


def read(server: Any, cursors: Any = None, **more: Any) -> Any:
    settings = {"url": server.url, "collections": server.collection, "username": server.user, "page_size": 7}
    return run_stream(taxii, "objects", settings, {"password": server.password}, cursors=cursors, **more)


def test_a_collection_is_read_whole_and_then_only_what_was_added(medallion: Any) -> None:
    server = medallion()
    fill(server, *(malware(number, x_note="kept") for number in range(20)))
    first = read(server)
    assert (first.error, first.totals.mapped, first.totals.pages) == (None, 20, 3)
    assert all(obj["x_note"] == "kept" for obj in first.of("malware"))
    assert read(server, first.cursors).objects == []
    fill(server, malware(3, modified="2026-05-01T00:00:00.000Z", revoked=True))
    (changed,) = read(server, first.cursors).of("malware")
    assert (changed["id"], changed["revoked"]) == (malware(3)["id"], True)


def test_a_run_that_was_interrupted_goes_on_with_the_next_page(medallion: Any) -> None:
    server = medallion()
    fill(server, *(malware(number) for number in range(20)))
    first = read(server, pages=1)
    rest = read(server, first.cursors)
    assert {obj["id"] for obj in first.objects + rest.objects} == {malware(number)["id"] for number in range(20)}
    assert rest.totals.records == 13
