"""The resolved side of a transaction: what the hub believes, and the outbox that tells the bus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from isthmus_hub.store import _outbox, _times
from isthmus_hub.store._bodies import Bodies
from isthmus_hub.store._content import content_hash
from isthmus_hub.store._intern import Idents, Words, key_array
from isthmus_hub.store._types import Json, RetiredError
from isthmus_sdk import stix
from isthmus_sdk.errors import InvalidObject

_KEEP_AUTHOR = frozenset({"marking-definition", "extension-definition", "language-content"})
_LOOKUP = """
    SELECT i.id, r.no, r.created, r.modified, r.revoked, r.hash
    FROM carray(?) AS c CROSS JOIN ident AS i ON i.key = c.value JOIN resolved AS r ON r.no = i.no
"""


class Resolving:
    """Resolved objects of one transaction."""

    def __init__(
        self,
        connection: apsw.Connection,
        words: Words,
        idents: Idents,
        bodies: Bodies,
        author: str,
        *,
        by_object: bool = False,
    ) -> None:
        self._connection = connection
        self._words = words
        self._idents = idents
        self._bodies = bodies
        self._author = author
        self.by_object = by_object
        self._entries: list[_outbox.Entry] = []

    def emit(self, objects: Sequence[Json], *, again: bool = False) -> list[bool]:
        """Store those that say something new, or all of them ``again``; see `Transaction.emit_all`."""
        known = self._known([obj["id"] for obj in objects])
        emitted: list[bool] = []
        versions: dict[str, tuple[Any, ...]] = {}
        for obj in objects:
            version = self._version(obj, known.get(obj["id"]), again)
            emitted.append(version is not None)
            if version is not None:
                created, modified, revoked, hash, body, encoded = version
                known[obj["id"]] = (obj["id"], None, created, modified, revoked, hash)
                versions[obj["id"]] = (body["type"], created, modified, revoked, hash, encoded)
                self._entries.append((obj["id"], encoded))
        self._write(versions)
        return emitted

    def retire(self, id: str) -> bool:
        """Publish a revoked version; false if there is none to revoke or the type cannot be revoked."""
        row: Any = self._connection.execute(
            "SELECT r.dictionary, r.body, r.revoked FROM ident AS i JOIN resolved AS r ON r.no = i.no "
            "WHERE i.key IN (SELECT value FROM carray(?)) AND i.id = ?",
            (key_array((id,)), id),
        ).get
        if row is None or row[2]:
            return False
        body = stix.decode(self._bodies.unpack(row[0], row[1]))
        if "modified" not in body or body["type"] in _KEEP_AUTHOR:
            return False
        return self.emit([{**body, "revoked": True}])[0]

    def queue(self, entries: Iterable[_outbox.Entry]) -> None:
        """Tell these objects as they are."""
        self._entries += entries

    def flush_outbox(self) -> None:
        """Write the outbox rows of this transaction; called once, before it commits."""
        entries, self._entries = self._entries, []
        _outbox.write(self._connection, entries, by_object=self.by_object)

    def _known(self, ids: Iterable[str]) -> dict[str, Any]:
        rows: Any = self._connection.execute(_LOOKUP, (key_array(ids),))
        return {row[0]: row for row in rows}

    def _version(self, obj: Json, known: Any, again: bool) -> tuple[int | None, int, bool, bytes, Json, bytes] | None:
        """What is to be stored for ``obj``, or ``None`` if it says nothing new."""
        body = obj
        versioned = "modified" in obj
        if "created" in obj and obj["type"] not in _KEEP_AUTHOR and obj.get("created_by_ref") != self._author:
            body = {**obj, "created_by_ref": self._author} if obj["id"] != self._author else obj
        encoded = stix.encode(body)
        hash = content_hash(body, encoded)
        revoked = bool(body.get("revoked"))
        if known is not None:
            if known[5] == hash and (not again or known[4]):
                return None
            if known[4]:
                raise RetiredError(f"{obj['id']} is revoked: STIX knows no way back, give the object a new id")
        modified = 0
        created = _times.micros(obj["created"]) if "created" in obj else None
        if versioned:
            if created is None:
                raise InvalidObject(f"{obj['id']} has modified but no created", id=obj["id"], path="created")
            modified = _times.micros(obj["modified"])
            if known is not None:
                created = known[2] if known[2] is not None else created
                modified = max(modified, known[3] + _times.MILLISECOND)
            modified = max(modified, created)
            stamped = _stamped(body, created, modified)
            if stamped is not body:
                body, encoded = stamped, stix.encode(stamped)
        return created, modified, revoked, hash, body, encoded

    def _write(self, versions: dict[str, tuple[Any, ...]]) -> None:
        if not versions:
            return
        numbers = self._idents.all(versions)
        packed = self._bodies.pack([version[5] for version in versions.values()])
        current = self._bodies.current
        rows = [
            (
                numbers[id],
                self._words.number(self._connection, type),
                created,
                modified,
                int(revoked),
                hash,
                current,
                body,
            )
            for (id, (type, created, modified, revoked, hash, _)), body in zip(versions.items(), packed, strict=True)
        ]
        self._connection.executemany("INSERT OR REPLACE INTO resolved VALUES (?, ?, ?, ?, ?, ?, ?, ?)", sorted(rows))


def _stamped(body: Json, created: int, modified: int) -> Json:
    changes: Json = {}
    pinned, version = _times.text(created), _times.text(modified)
    if body["modified"] != version:
        changes["modified"] = version
    if body["created"] != pinned:
        changes["created"] = pinned
        if body.get("valid_from") == body["created"]:
            changes["valid_from"] = pinned
    return {**body, **changes} if changes else body
