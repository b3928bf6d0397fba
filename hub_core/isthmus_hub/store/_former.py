"""Statements that a newer one of the same source replaced: what a source said before.

Kept as the hub heard them, for a month and a million at most; a statement that arrives late, behind a newer one, replaces
nothing and is not kept.
"""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from isthmus_hub.store import _times
from isthmus_hub.store._intern import number_array

DAYS = 30
MOST = 1_000_000
_PRUNE = 20_000
"""Rows removed by one call at most, so that no transaction becomes long."""
_KEEP = """
    INSERT INTO former (object, source, modified, observed, until, dictionary, body)
    SELECT p.object, p.source, p.modified, p.observed, ?1, o.dictionary, o.body FROM carray(?3) AS c
    CROSS JOIN provenance AS p ON p.object = c.value AND p.source = ?2 CROSS JOIN {} WHERE true
"""
KEEP = _KEEP.format("object AS o ON o.no = c.value")
"""Until (microseconds), source, objects: where the source is the only one."""
KEEP_OF_SEVERAL = _KEEP.format("statement AS o ON o.object = c.value AND o.source = ?2")


def keep(connection: apsw.Connection, source: int, until: int, objects: Iterable[int], sql: str = KEEP) -> None:
    """Keep what ``source`` said about ``objects``, which is about to be replaced by what was observed at ``until``."""
    connection.execute(sql, (until, source, number_array(objects)))


def prune(connection: apsw.Connection) -> None:
    """Remove the oldest beyond what is kept; time is that of the newest one."""
    newest = connection.execute("SELECT no, until FROM former ORDER BY no DESC LIMIT 1").get
    if newest is None:
        return
    last, until = newest
    first, oldest = connection.execute("SELECT no, until FROM former ORDER BY no LIMIT 1").get
    if last - first < MOST and oldest >= until - DAYS * _times.DAY:
        return
    connection.execute(
        "DELETE FROM former WHERE no IN (SELECT no FROM former WHERE no < ?1 + ?2 AND (no <= ?3 OR until < ?4))",
        (first, _PRUNE, last - MOST, until - DAYS * _times.DAY),
    )
