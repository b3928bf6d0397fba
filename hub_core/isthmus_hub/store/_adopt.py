"""What a rebuilt store takes over from the one it replaces: everything that does not follow from ``observed``.

Assignments and aliases, because resolved ids are minted once; resolved objects with their versions, because ``modified``
never goes back and nothing revoked returns; what still waits in the outbox, because nobody else would tell it.
"""

from __future__ import annotations

from typing import Any

import apsw

from isthmus_hub.store._bodies import Bodies
from isthmus_hub.store._intern import Idents, Words, key_array
from isthmus_hub.store._reads import Reads

_PAGE = 1_000
_RESOLVED = """
    SELECT r.no, i.id, w.text, r.created, r.modified, r.revoked, r.hash, r.dictionary, r.body FROM resolved AS r
    JOIN ident AS i ON i.no = r.no JOIN word AS w ON w.no = r.type WHERE r.no > ? ORDER BY r.no LIMIT ?
"""


def adopt(connection: apsw.Connection, words: Words, idents: Idents, bodies: Bodies, former: Reads) -> None:
    """Copy it from ``former`` into the store of the running transaction."""
    for table, pairs in (("assignment", list(former.assignments())), ("alias", list(former.aliases()))):
        numbers = idents.all(dict.fromkeys(id for pair in pairs for id in pair))
        connection.executemany(
            f"INSERT OR REPLACE INTO {table} VALUES (?, ?)",  # noqa: S608 - one of the two names above
            [(numbers[first], numbers[second]) for first, second in pairs],
        )
    with former._reading() as source:
        former._bodies.load(source)
        _copy_resolved(source, former._bodies, connection, words, idents, bodies)
        outbox: Any = source.execute("SELECT entries, body, key FROM outbox ORDER BY seq").fetchall()
    connection.executemany("INSERT INTO outbox (entries, body, key) VALUES (?, ?, ?)", outbox)


def settle(connection: apsw.Connection, bodies: Bodies, now: Reads, former: Reads) -> list[tuple[str, bytes]]:
    """After the replay: give objects that say what they said before their former version back, as if never told anew.

    A replay passes through everything that was ever believed; platforms have heard it. Returns id and encoded form of
    those that do differ; what waited in the former outbox waits again. Where an asset has other members than before, nothing is
    taken back, because references to it have to be told again.
    """
    same_members = dict(now.assignments()) == dict(former.assignments()) and set(now.aliases()) == set(former.aliases())
    differing: list[tuple[str, bytes]] = []
    last = 0
    with former._reading() as source:
        while rows := connection.execute(_RESOLVED, (last, _PAGE)).fetchall():
            page: Any = rows
            last = page[-1][0]
            before = _former_versions(source, [row[1] for row in page])
            restored = []
            for no, id, _, _, modified, _, hash, dictionary, body in page:
                known = before.get(id)
                if known is not None and known[3] == hash and known[1] == modified:
                    continue
                if known is not None and known[3] == hash and same_members:
                    (packed,) = bodies.pack([former._bodies.unpack(known[4], known[5])])
                    restored.append((known[0], known[1], known[2], bodies.current, packed, no))
                else:
                    differing.append((id, bodies.unpack(dictionary, body)))
            connection.executemany(
                "UPDATE resolved SET created = ?, modified = ?, revoked = ?, dictionary = ?, body = ? WHERE no = ?",
                restored,
            )
        outbox: Any = source.execute("SELECT entries, body, key FROM outbox ORDER BY seq").fetchall()
    connection.execute("DELETE FROM outbox")
    connection.executemany("INSERT INTO outbox (entries, body, key) VALUES (?, ?, ?)", outbox)
    return differing


def _former_versions(source: apsw.Connection, ids: list[str]) -> dict[str, Any]:
    rows: Any = source.execute(
        "SELECT i.id, r.created, r.modified, r.revoked, r.hash, r.dictionary, r.body FROM carray(?) AS c "
        "CROSS JOIN ident AS i ON i.key = c.value JOIN resolved AS r ON r.no = i.no",
        (key_array(ids),),
    )
    return {row[0]: row[1:] for row in rows}


def _copy_resolved(
    source: apsw.Connection,
    theirs: Bodies,
    connection: apsw.Connection,
    words: Words,
    idents: Idents,
    bodies: Bodies,
) -> None:
    last = 0
    while True:
        rows: Any = source.execute(_RESOLVED, (last, _PAGE)).fetchall()
        if not rows:
            return
        last = rows[-1][0]
        numbers = idents.all([row[1] for row in rows])
        packed = bodies.pack([theirs.unpack(row[7], row[8]) for row in rows])
        connection.executemany(
            "INSERT OR REPLACE INTO resolved VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (numbers[row[1]], words.number(connection, row[2]), *row[3:7], bodies.current, body)
                for row, body in zip(rows, packed, strict=True)
            ],
        )
