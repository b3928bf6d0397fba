"""A Tenable OT Security appliance on loopback: one GraphQL endpoint with filters, sorting and cursors that count rows."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.connectors.conftest import Ran, run_stream
from tests.connectors.scripted import Asked, Says, Server, serve

from isthmus_connectors.tenable_ot.connector import tenable_ot

KEY = "api-key-of-the-test"
Row = dict[str, Any]


@dataclass
class Appliance:
    """What it holds. ``most``: rows in a page, whatever is asked for."""

    assets: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    links: list[Row] = field(default_factory=list)
    most: int = 500
    forbidden: set[str] = field(default_factory=set)
    """Lists that the key's user may not read."""

    def __call__(self, asked: Asked) -> Says:
        if asked.path != "/graphql" or asked.method != "POST":
            return Says(404, {})
        if {name.lower(): value for name, value in asked.headers.items()}.get("x-apikeys") != f"key={KEY}":
            return Says(401, {"error": "unauthorized"})
        body = asked.json()
        named = re.search(r"\{\s*(assets|events|links)\b", body["query"])
        assert named is not None
        name = named[1]
        if name in self.forbidden:
            return Says(200, {"data": None, "errors": [{"message": f"user is not permitted to read {name}"}]})
        variables = body.get("variables") or {}
        if isinstance(variables, str):  # pyTenable writes them so
            variables = json.loads(variables)
        try:
            found = self._connection(getattr(self, name), variables)
        except ValueError as error:
            return Says(200, {"data": None, "errors": [{"message": str(error)}]})
        asked_for = set(re.findall(r"\w+", body["query"]))
        rows = [{field: value for field, value in row.items() if field in asked_for} for row in found["nodes"]]
        return Says(200, {"data": {name: {**found, "nodes": rows}}})

    def _connection(self, rows: list[Row], variables: dict[str, Any]) -> Row:
        chosen = [row for row in rows if _holds(variables.get("filter"), row)]
        for order in reversed(variables.get("sort") or []):
            chosen.sort(key=lambda row: str(row.get(order["field"])), reverse=order["direction"].startswith("Desc"))
        after = variables.get("after", variables.get("startAt"))
        begin = 0 if after is None else int(base64.b64decode(after).decode().partition(":")[2]) + 1
        size = min(variables.get("first", variables.get("limit")) or 1, self.most)
        page = chosen[begin : begin + size]
        # As Relay has it, the last page has a cursor, too; behind it there is an empty page, which has none.
        cursor = base64.b64encode(f"arrayconnection:{begin + len(page) - 1}".encode()).decode() if page else None
        return {"nodes": page, "pageInfo": {"endCursor": cursor, "hasNextPage": begin + len(page) < len(chosen)}}


def _holds(expression: Any, row: Row) -> bool:
    if expression is None:
        return True
    if expression["op"] == "And":
        return all(_holds(each, row) for each in expression["expressions"])
    value, wanted = row.get(expression["field"]), expression["values"]
    if expression["op"] == "GreaterEqual":
        if isinstance(wanted, list):
            raise ValueError("cannot use array or slice with less than or greater than operators")
        return str(value) >= str(wanted)
    assert expression["op"] == "Equal"
    return value in (wanted if isinstance(wanted, list) else [wanted == "true" if value in (True, False) else wanted])


def uid(number: int) -> str:
    """An id as the appliance makes them."""
    return f"5f0e1c00-0000-4000-8000-{number:012x}"


def nodes(*items: Any) -> Row:
    """A connection."""
    return {"nodes": list(items)}


def asset(number: int, **more: Any) -> Row:
    """An asset that is little known."""
    return {
        "id": uid(number), "name": f"Endpoint #{number}", "type": "Unknown", "superType": "Unknown", "ips": nodes(), "macs": nodes(),
        "directIps": nodes(), "directMacs": nodes(), "segments": nodes(), "hidden": False, "purdueLevel": "Level3",
        "firstSeen": "2026-01-25T17:00:14.23377Z", "lastSeen": "2026-05-03T05:00:19.186828Z", **more,
    }  # fmt: skip


def event(number: int, time: str = "2026-05-03T06:00:30.293664Z", **more: Any) -> Row:
    """An unresolved event of a policy."""
    policy = {"id": uid(800), "title": "Asset not seen"}
    return {"id": uid(1000 + number), "time": time, "severity": "Low", "resolved": False, "policy": policy, **more}


def link(number: int, **more: Any) -> Row:
    """Two assets that talk."""
    times = {"firstConv": f"2026-02-01T00:00:{number % 60:02}.5Z", "lastConv": f"2026-05-03T05:00:{number % 60:02}.25Z"}
    return {
        "id": uid(2000 + number),
        "asset1": uid(1),
        "asset2": uid(100 + number),
        "protocols": nodes(),
        **times,
        **more,
    }


def interface(
    number: int, *trail: tuple[str, str | None, str | None, bool], asset_id: int | None = 1, **more: Any
) -> Row:
    """An interface with its history: (address, start, end, active)."""
    names = ("ip", "startTime", "endTime", "isActive")
    history = nodes(*(dict(zip(names, entry, strict=True)) for entry in trail))
    owner = None if asset_id is None else {"id": uid(asset_id)}
    return {"id": uid(500 + number), "mac": "00:00:5e:00:53:01", "directAsset": owner, "ipTrail": history, **more}


@contextmanager
def running(appliance: Appliance) -> Iterator[Server]:
    """The appliance behind a port of its own."""
    with serve(appliance) as server:
        yield server


def run(server: Server, stream: str, *, key: str = KEY, page_size: int = 200, **options: Any) -> Ran:
    """One run of a stream."""
    return run_stream(tenable_ot, stream, {"base_url": server.url, "page_size": page_size}, {"api_key": key}, **options)
