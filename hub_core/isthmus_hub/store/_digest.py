"""One value for everything the store believes of what was observed.

It does not depend on the order in which things became known: each fact is hashed by its names, and the hashes are added
up. Two stores that were told the same statements, in whatever order and however often, have the same digest; at which
offsets of the stream they were told does not count.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from isthmus_hub.store._reads import Reads

_FACTS = {
    "edge": """
        SELECT a.id, w.text, b.id, via.id FROM edge AS e JOIN ident AS a ON a.no = e.a JOIN word AS w ON w.no = e.kind
        JOIN ident AS b ON b.no = e.b JOIN ident AS via ON via.no = e.via WHERE e.inward = 0
    """,
    "value": """
        SELECT w.text, v.value, i.id FROM value AS v JOIN word AS w ON w.no = v.kind JOIN ident AS i ON i.no = v.object
    """,
    "absence": """
        SELECT i.id, s.instance, s.stream, s.source_id, a.since FROM absence AS a JOIN ident AS i ON i.no = a.object
        JOIN source AS s ON s.no = a.source
    """,
    "snapshot": """
        SELECT s.instance, s.stream, s.source_id, m.observed, m.serial, hex(m.digest) FROM snapshot AS m
        JOIN source AS s ON s.no = m.source
    """,
    "decision": "SELECT hex(body) FROM decision",
    "communication": "SELECT i.id, c.* FROM communication AS c JOIN ident AS i ON i.no = c.edge",
}
_BITS = 128
_encode = msgspec.json.Encoder(order="deterministic").encode


def digest(store: Reads) -> str:
    """32 hexadecimal digits."""
    total = 0
    for stored in store.iterate():
        claims = [msgspec.structs.replace(claim, first_offset=0) for claim in stored.provenance]
        total += _hash("object", (stored.id, stored.body, claims))
    with store._reading() as connection:
        for kind, sql in _FACTS.items():
            for row in connection.execute(sql):
                facts: tuple[Any, ...] = tuple(row)
                total += _hash(kind, (facts[0], *facts[2:]) if kind == "communication" else facts)
    return f"{total % (1 << _BITS):032x}"


def _hash(kind: str, fact: Any) -> int:
    return int.from_bytes(blake2b(_encode((kind, fact)), digest_size=_BITS // 8).digest())
