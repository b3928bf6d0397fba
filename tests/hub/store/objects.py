"""Small STIX objects for the store's tests, and a store's whole content in a form that can be compared."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from isthmus_hub.store import Incoming, Store
from isthmus_sdk import stix

Json = dict[str, Any]
JUNE_1 = "2024-06-01T00:00:00.000Z"
JUNE_2 = "2024-06-02T00:00:00.000Z"
JUNE_3 = "2024-06-03T00:00:00.000Z"
MAY_1 = "2024-05-01T00:00:00.000Z"


def made_id(type: str, name: str) -> str:
    return f"{type}--{uuid5(NAMESPACE_URL, f'{type}/{name}')}"


def asset(
    name: str, *, modified: str = MAY_1, created: str = MAY_1, markings: tuple[str, ...] = (), **facts: Any
) -> Json:
    body: Json = {
        "type": "infrastructure",
        "spec_version": "2.1",
        "id": made_id("infrastructure", name),
        "created": created,
        "modified": modified,
        "name": name,
    }
    if markings:
        body["object_marking_refs"] = [stix.TLP[marking] for marking in markings]
    if facts:
        body["extensions"] = {stix.ASSET: {"extension_type": "property-extension", **facts}}
    return body


def address(value: str) -> Json:
    type = "ipv6-addr" if ":" in value else "ipv4-addr"
    return {"type": type, "spec_version": "2.1", "id": stix.sco_id(type, {"value": value}), "value": value}


def relation(source: Json, kind: str, target: Json, *, modified: str = MAY_1, **more: Any) -> Json:
    return {
        "type": "relationship",
        "spec_version": "2.1",
        "id": made_id("relationship", f"{source['id']} {kind} {target['id']}"),
        "created": MAY_1,
        "modified": modified,
        "relationship_type": kind,
        "source_ref": source["id"],
        "target_ref": target["id"],
        **more,
    }


def incoming(
    body: Json, *, instance: str = "guardian", stream: str = "assets", observed_at: str = JUNE_1, offset: int = 1
) -> Incoming:
    return Incoming(body["id"], body, stix.encode(body), instance, stream, f"{instance}-tenant", observed_at, offset)


def put(store: Store, *items: Incoming) -> list[str]:
    """Kinds of change."""
    with store.transaction() as tx:
        return [change.kind for change in tx.put(items)]


def content(store: Store) -> Json:
    """Everything observed that can be read from the store, without any order."""
    objects = {stored.id: stored for stored in store.iterate()}
    ids = {edge.target for id in objects for edge in store.edges(id)} | set(objects)
    return {
        "objects": {id: (stored.body, stored.provenance) for id, stored in objects.items()},
        "edges": {id: sorted((e.source, e.kind, e.target, e.via) for e in store.edges(id)) for id in ids},
        "values": {
            value: sorted(store.by_value("ipv4", value) + store.by_value("hostname", value))
            for value in ("10.0.0.1", "10.0.0.2", "plc-1", "plc-2")
        },
    }
