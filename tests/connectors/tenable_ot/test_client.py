"""The vendor's own client, pyTenable, on the same appliance and the same payloads: what it asks for and what it can read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.tenable_ot.appliance import KEY, Appliance, asset, run, running, uid

import isthmus_connectors.tenable_ot
from isthmus_connectors.tenable_ot import queries

graphql = pytest.importorskip("graphql", reason="the vendor's client (pytenable) is not installed")
ot = pytest.importorskip("tenable.ot", reason="the vendor's client (pytenable) is not installed")

PAGES = Path(isthmus_connectors.tenable_ot.__file__).parent / "conformance" / "pages"
BEYOND = {
    # docs.tenable.com/OT-security/api: Asset, NetworkInterface, IpTrail; PageInfo is Relay's.
    "assets": {"directIps", "directIps.nodes", "directMacs", "directMacs.nodes"},
    "events": {
        f"{end}Interface.ipTrail{rest}"
        for end in ("src", "dst")
        for rest in ("", ".nodes", ".nodes.ip", ".nodes.startTime", ".nodes.endTime", ".nodes.isActive")
    },
}
"""Fields of ours that pyTenable does not ask for; the schema's documentation has them."""
ABSENT = {"Missing data for required field.", "Unknown field.", "Field may not be null."}
"""What the client says of a field that only one side asks for, and of nulls, which real payloads have; any other complaint is
about a value of the wrong kind.
"""


def fields(query: str, name: str) -> set[str]:
    """Dotted names of everything that a query asks of the rows of a list."""
    (operation,) = graphql.parse(query).definitions
    (connection,) = [each for each in operation.selection_set.selections if each.name.value == name]
    (rows,) = [each for each in connection.selection_set.selections if each.name.value == "nodes"]
    return set(_below(rows, ""))


def _below(node: Any, above: str) -> Iterator[str]:
    for each in node.selection_set.selections if node.selection_set else ():
        path = f"{above}{each.name.value}"
        yield path
        yield from _below(each, f"{path}.")


def arguments(query: str) -> dict[str, str]:
    """Types of a query's variables, by the argument of the list that takes them."""
    (operation,) = graphql.parse(query).definitions
    types = {each.variable.name.value: graphql.print_ast(each.type) for each in operation.variable_definitions}
    (connection,) = operation.selection_set.selections
    return {each.name.value: types[each.value.name.value] for each in connection.arguments}


@pytest.mark.parametrize(("name", "ours"), [("assets", queries.ASSETS), ("events", queries.EVENTS)])
def test_every_field_that_is_asked_for_exists(name: str, ours: str) -> None:
    from tenable.ot.graphql.query import ASSETS_QUERY, EVENTS_QUERY

    theirs = fields({"assets": ASSETS_QUERY, "events": EVENTS_QUERY}[name], name)
    assert fields(ours, name) - theirs - BEYOND[name] == set()


@pytest.mark.parametrize(("name", "ours"), [("assets", queries.ASSETS), ("events", queries.EVENTS)])
def test_variables_have_the_types_of_the_schema(name: str, ours: str) -> None:
    from tenable.ot.graphql.query import ASSETS_QUERY, EVENTS_QUERY

    theirs = arguments({"assets": ASSETS_QUERY, "events": EVENTS_QUERY}[name])
    assert {argument: kind for argument, kind in arguments(ours).items() if theirs.get(argument) != kind} == {}


def test_the_links_query_is_well_formed() -> None:
    assert fields(queries.LINKS, "links") >= {"id", "asset1", "asset2", "firstConv", "lastConv", "protocols.nodes.name"}


@pytest.mark.parametrize(("name", "kind"), [("assets", "AssetsSchema"), ("events", "EventsSchema")])
def test_recorded_pages_hold_values_of_the_kinds_that_the_client_reads(name: str, kind: str) -> None:
    from marshmallow import ValidationError
    from tenable.ot.graphql.schema import assets, events

    schema = getattr(assets if name == "assets" else events, kind)()
    connection = json.loads((PAGES / f"{name}.json").read_bytes())["data"][name]
    try:
        schema.load(connection, unknown="exclude")
    except ValidationError as error:
        kinds = set(_messages(error.messages)) - ABSENT
        assert kinds == set()


def _messages(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        for each in found.values():
            yield from _messages(each)
    elif isinstance(found, list):
        for each in found:
            yield from _messages(each)
    else:
        yield str(found)


def test_the_client_and_the_connector_meet_the_same_assets_at_the_same_door() -> None:
    whole = {
        "category": "NetworkAssetsCategory", "criticality": "LowCriticality", "details": {}, "risk": {"unresolvedEvents": 0, "totalRisk": "1"},
        "runStatus": "Unknown", "runStatusTime": "0001-01-01T00:00:00Z", "lastUpdate": "2026-01-25T17:07:00.687828Z", "plugins": {"nodes": []},
        "revisions": {"nodes": []}, "backplane": None, "osDetails": None, "slot": None,
    }  # fmt: skip
    with running(Appliance(assets=[asset(number, **whole) for number in range(25)])) as server:
        client = ot.TenableOT(api_key=KEY, url=server.url)
        theirs = {str(each.id) for each in client.assets.list(limit=10)}
        ran = run(server, "assets", page_size=10)
    assert theirs == {uid(number) for number in range(25)}
    assert ran.totals.records == 25
    (first, *_), (*_, last) = server.asked, server.asked
    headers = [{name.lower(): value for name, value in each.headers.items()} for each in (first, last)]
    assert headers[0]["x-apikeys"] == headers[1]["x-apikeys"] == f"key={KEY}"
    assert (first.method, first.path) == (last.method, last.path) == ("POST", "/graphql")
