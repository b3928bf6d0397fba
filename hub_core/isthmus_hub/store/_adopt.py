"""What a rebuilt store takes over from the one it replaces: everything that does not follow from ``observed``.

Assignments and aliases, because resolved ids are minted once; resolved objects with their versions, because ``modified``
never goes back and nothing revoked returns; what still waits in the outbox, because nobody else would tell it.
"""

from __future__ import annotations

from typing import Any

import apsw

from isthmus_hub.store._bodies import Bodies
from isthmus_hub.store._intern import Idents, Words
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
        outbox: Any = source.execute("SELECT entries, body FROM outbox ORDER BY seq").fetchall()
    connection.executemany("INSERT INTO outbox (entries, body) VALUES (?, ?)", outbox)


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
