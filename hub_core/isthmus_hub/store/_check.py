"""Verification of a store file, beyond SQLite's own."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import apsw
import zstandard

from isthmus_hub.store import _links, _times
from isthmus_hub.store._bodies import Bodies
from isthmus_hub.store._decision import decode as decode_decision
from isthmus_hub.store._fingerprint import described, fingerprint
from isthmus_hub.store._intern import key, number_array
from isthmus_hub.store._schema import IDENT_SUM, PROVENANCE_SUM
from isthmus_sdk import stix
from isthmus_sdk.errors import RecordError

_LIMIT = 100
_BITS = 64


class Report:
    """What a check found: lines for people, and the numbers of the objects that cannot be believed."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.observed: list[int] = []
        self.resolved: list[int] = []

    def add(self, line: str) -> None:
        """At most a hundred lines are kept."""
        if len(self.problems) < _LIMIT:
            self.problems.append(line)


def examine(connection: apsw.Connection, bodies: Bodies) -> Report:
    """Read and verify the whole file."""
    report = Report()
    try:
        bodies.load(connection)
        for (line,) in connection.execute("PRAGMA integrity_check(20)"):
            if line != "ok":
                report.add(str(line))
        _bodies(connection, bodies, report)
        for line in _unsealed(connection) + _dangling(connection) + _undecided(connection):
            report.add(line)
    except (apsw.CorruptError, apsw.NotADBError, apsw.IOError) as error:
        report.add(f"the file's structure is broken: {error}")
    except (UnicodeDecodeError, TypeError, ValueError) as error:
        report.add(f"a row holds what was never written: {error}")
    return report


def set_aside(connection: apsw.Connection, report: Report) -> None:
    """Take what cannot be believed out of the tables, as it is, into ``damaged``; part of the running transaction.

    An observed object comes back when its source reports it again, or with everything else by a rebuild.
    """
    for side, table, numbers in (("observed", "object", report.observed), ("resolved", "resolved", report.resolved)):
        wanted = number_array(set(numbers))
        connection.execute(
            "INSERT INTO damaged (side, object, dictionary, body) "  # noqa: S608 - one of the two names above
            f"SELECT ?1, no, dictionary, body FROM {table} WHERE no IN (SELECT value FROM carray(?2))",
            (side, wanted),
        )
        connection.execute(f"DELETE FROM {table} WHERE no IN (SELECT value FROM carray(?))", (wanted,))  # noqa: S608
    if report.observed:
        wanted = number_array(set(report.observed))
        for sql in _FORGET:
            connection.execute(sql, (wanted,))


_FORGET = (
    "DELETE FROM provenance WHERE object IN (SELECT value FROM carray(?))",
    "DELETE FROM statement WHERE object IN (SELECT value FROM carray(?))",
    "DELETE FROM value WHERE object IN (SELECT value FROM carray(?))",
    "DELETE FROM absence WHERE object IN (SELECT value FROM carray(?))",
    "DELETE FROM edge WHERE via IN (SELECT value FROM carray(?))",
    "UPDATE ident SET type = NULL, created = NULL, links = NULL WHERE no IN (SELECT value FROM carray(?))",
)


def _undecided(connection: apsw.Connection) -> list[str]:
    """Decisions that are not what was decided; `store rebuild` has them from ``observed``."""
    found = []
    for id, body in connection.execute("SELECT id, body FROM decision"):
        try:
            damaged = decode_decision(body).id != id
        except (RecordError, TypeError):
            damaged = True
        if damaged:
            found.append(f"decision {id}: is not what was decided; run `isthmus store rebuild`")
    return found


def _bodies(connection: apsw.Connection, bodies: Bodies, report: Report) -> None:
    """Every body has to unpack, be the object its id says, match a claim or its own hash, and be found as it says."""
    sums = [0, 0]
    for id, no, links, dictionary, body, given in connection.execute(
        "SELECT i.id, o.no, i.links, o.dictionary, o.body, i.type FROM object AS o LEFT JOIN ident AS i ON i.no = o.no"
    ):
        unpacked = _unpacked(report, f"observed {id}", id, bodies, dictionary, body)
        if unpacked is None:
            report.observed.append(int(no))
            continue
        obj, encoded = unpacked
        hashes = {row[0] for row in connection.execute("SELECT hash FROM provenance WHERE object = ?", (no,))}
        values, edges = _links.values_of(obj), _links.links_of(obj)
        if stix.content_hash(obj) not in hashes:
            report.add(f"observed {id}: the body is not what any source said")
            report.observed.append(int(no))
        elif given is None or links not in (fingerprint(obj, encoded), described(obj)):
            report.add(f"observed {id}: values or edges are out of step")
        sums[0] += sum(_hash(id, *value) for value in values)
        sums[1] += sum(_hash(id, *edge) for edge in edges)
    if not report.observed:
        for name, sql, expected in (("values", _VALUES, sums[0]), ("edges", _EDGES, sums[1])):
            if sum(_hash(*row) for row in connection.execute(sql)) != expected:
                report.add(f"the index of {name} does not say what the objects say: rebuild the store")
    for id, no, hash, modified, dictionary, body in connection.execute(
        "SELECT i.id, r.no, r.hash, r.modified, r.dictionary, r.body FROM resolved AS r LEFT JOIN ident AS i ON i.no = r.no"
    ):
        unpacked = _unpacked(report, f"resolved {id}", id, bodies, dictionary, body)
        if unpacked is None or stix.content_hash(unpacked[0]) != hash or _version(unpacked[0]) != modified:
            report.resolved.append(int(no))
            if unpacked is not None:
                report.add(f"resolved {id}: the body does not match its hash or its version")
    for id, dictionary, body in connection.execute(
        "SELECT i.id, s.dictionary, s.body FROM statement AS s LEFT JOIN ident AS i ON i.no = s.object"
    ):
        _unpacked(report, f"a statement about {id}", id, bodies, dictionary, body)


_VALUES = (
    "SELECT i.id, w.text, v.value FROM value AS v JOIN word AS w ON w.no = v.kind JOIN ident AS i ON i.no = v.object"
)
_EDGES = """
    SELECT via.id, a.id, w.text, b.id FROM edge AS e JOIN ident AS a ON a.no = e.a JOIN word AS w ON w.no = e.kind
    JOIN ident AS b ON b.no = e.b JOIN ident AS via ON via.no = e.via WHERE e.inward = 0
"""


def _hash(*texts: Any) -> int:
    return int.from_bytes(blake2b("\0".join(texts).encode(), digest_size=_BITS // 8).digest())


def _version(obj: dict[str, Any]) -> int:
    return _times.micros(obj["modified"]) if "modified" in obj else 0


def _unpacked(
    report: Report, what: str, id: Any, bodies: Bodies, dictionary: Any, body: Any
) -> tuple[dict[str, Any], bytes] | None:
    """The object and its bytes, where they can be read and belong to ``id``."""
    try:
        encoded = bodies.unpack(dictionary, body)
        obj = stix.decode(encoded)
    except (zstandard.ZstdError, RecordError, KeyError, TypeError) as error:
        report.add(f"{what}: the body cannot be read: {error}")
        return None
    if obj.get("id") != id:
        report.add(f"{what}: the body belongs to {obj.get('id')}")
        return None
    return obj, encoded


def _unsealed(connection: apsw.Connection) -> list[str]:
    """Times and numbers that nothing else can be compared with carry their sum."""
    found = [
        f"observed {id}: what is noted about its source {source} was altered"
        for id, source in connection.execute(
            "SELECT i.id, p.source FROM provenance AS p LEFT JOIN ident AS i ON i.no = p.object "  # noqa: S608 - constant
            f"WHERE p.seal <> {PROVENANCE_SUM}"
        )
    ]
    found += [
        f"observed {id}: what is noted about it was altered"
        for (id,) in connection.execute(f"SELECT id FROM ident WHERE type NOTNULL AND seal <> {IDENT_SUM}")  # noqa: S608
    ]
    found += [
        f"{id}: is filed under the key of another id"
        for id, number in connection.execute("SELECT id, key FROM ident")
        if key(str(id)) != number
    ]
    return found


def _dangling(connection: apsw.Connection) -> list[str]:
    checks = {
        "edges without their opposite": "SELECT count(*) FROM edge AS e WHERE NOT EXISTS (SELECT 1 FROM edge AS f "
        "WHERE f.a = e.b AND f.inward = 1 - e.inward AND f.kind = e.kind AND f.b = e.a AND f.via = e.via)",
        "objects nobody reported": "SELECT count(*) FROM object WHERE no NOT IN (SELECT object FROM provenance)",
        "reports without an object": "SELECT count(*) FROM provenance WHERE object NOT IN (SELECT no FROM object)",
        "absences of what nobody reported": "SELECT count(*) FROM absence AS a WHERE NOT EXISTS "
        "(SELECT 1 FROM provenance AS p WHERE p.object = a.object AND p.source = a.source)",
        "values of unknown objects": "SELECT count(*) FROM value WHERE object NOT IN (SELECT no FROM object)",
    }
    counts = ((text, connection.execute(sql).get) for text, sql in checks.items())
    return [f"{count} {text}" for text, count in counts if count]
