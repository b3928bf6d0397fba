"""Verification of a store file, beyond SQLite's own."""

from __future__ import annotations

from typing import Any

import apsw
import zstandard

from isthmus_hub.store import _links
from isthmus_hub.store._bodies import Bodies
from isthmus_sdk import stix
from isthmus_sdk.errors import RecordError

_LIMIT = 100


def problems(connection: apsw.Connection, bodies: Bodies) -> list[str]:
    """What is wrong with the file, at most a hundred lines."""
    found: list[str] = []
    bodies.load(connection)
    try:
        found += [line for (line,) in connection.execute("PRAGMA quick_check(20)") if line != "ok"]
        found += _bodies(connection, bodies)
        found += _dangling(connection)
    except apsw.CorruptError as error:
        found.append(f"the file's structure is broken: {error}")
    return found[:_LIMIT]


def _bodies(connection: apsw.Connection, bodies: Bodies) -> list[str]:
    """Every body has to unpack, be the object its id says, and match a claim or its own hash."""
    found: list[str] = []
    for id, no, links, dictionary, body in connection.execute(
        "SELECT i.id, i.no, i.links, o.dictionary, o.body FROM object AS o LEFT JOIN ident AS i ON i.no = o.no"
    ):
        obj = _decoded(found, f"observed {id}", id, bodies, dictionary, body)
        if obj is None:
            continue
        hashes = {row[0] for row in connection.execute("SELECT hash FROM provenance WHERE object = ?", (no,))}
        if stix.content_hash(obj) not in hashes:
            found.append(f"observed {id}: the body is not what any source said")
        elif _links.describe(obj)[2] != links:
            found.append(f"observed {id}: values or edges are out of step")
    for id, hash, dictionary, body in connection.execute(
        "SELECT i.id, r.hash, r.dictionary, r.body FROM resolved AS r LEFT JOIN ident AS i ON i.no = r.no"
    ):
        obj = _decoded(found, f"resolved {id}", id, bodies, dictionary, body)
        if obj is not None and stix.content_hash(obj) != hash:
            found.append(f"resolved {id}: the body does not match its hash")
    return found


def _decoded(found: list[str], what: str, id: Any, bodies: Bodies, dictionary: Any, body: Any) -> dict[str, Any] | None:
    try:
        obj = stix.decode(bodies.unpack(dictionary, body))
    except (zstandard.ZstdError, RecordError, KeyError, TypeError) as error:
        found.append(f"{what}: the body cannot be read: {error}")
        return None
    if obj.get("id") != id:
        found.append(f"{what}: the body belongs to {obj.get('id')}")
        return None
    return obj


def _dangling(connection: apsw.Connection) -> list[str]:
    checks = {
        "edges without their opposite": "SELECT count(*) FROM edge AS e WHERE NOT EXISTS (SELECT 1 FROM edge AS f "
        "WHERE f.a = e.b AND f.inward = 1 - e.inward AND f.kind = e.kind AND f.b = e.a AND f.via = e.via)",
        "objects nobody reported": "SELECT count(*) FROM object WHERE no NOT IN (SELECT object FROM provenance)",
        "reports without an object": "SELECT count(*) FROM provenance WHERE object NOT IN (SELECT no FROM object)",
        "values of unknown objects": "SELECT count(*) FROM value WHERE object NOT IN (SELECT no FROM object)",
    }
    counts = ((text, connection.execute(sql).get) for text, sql in checks.items())
    return [f"{count} {text}" for text, count in counts if count]
