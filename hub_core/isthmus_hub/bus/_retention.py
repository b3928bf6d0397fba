"""Which blocks go, and how: the oldest first, never one that a group has yet to commit."""

from __future__ import annotations

import time
from typing import Any

import apsw

from isthmus_hub._sqlite import one_row, rollback

AT_ONCE = 500
"""Blocks per transaction, so that publishers hardly notice."""
AT_ONCE_WHEN_FULL = 10
KEEP_IDS = 1_000_000
"""Block ids outlive their blocks, up to this many of them."""


def drop_oldest(writer: apsw.Connection, max_age: float | None, max_bytes: int | None, at_once: int) -> tuple[int, int]:
    """Remove up to ``at_once`` blocks in one transaction; how many went, and the first offset left."""
    try:
        writer.execute("BEGIN IMMEDIATE")
        first, last, blocks, size = one_row(writer, "SELECT first, last, blocks, bytes FROM head WHERE one = 1")
        floor: Any = writer.execute("SELECT min(position) FROM cursor").get
        limit = last if floor is None else floor
        horizon = None if max_age is None else time.time() - max_age
        dropped = freed = 0
        rows: Any = writer.execute(
            "SELECT last, stored_at, length(body) FROM block WHERE last <= ? ORDER BY first LIMIT ?", (limit, at_once)
        )
        for end, stored_at, length in rows:
            too_old = horizon is not None and stored_at < horizon
            too_much = max_bytes is not None and size - freed > max_bytes
            if not (too_old or too_much):
                break
            dropped += 1
            freed += length
            first = end + 1
        if dropped:
            writer.execute("DELETE FROM block WHERE first < ?", (first,))
            writer.execute(
                "UPDATE head SET first = ?, blocks = ?, bytes = ? WHERE one = 1",
                (first, blocks - dropped, size - freed),
            )
            _drop_old_ids(writer, first)
        writer.execute("COMMIT")
    except BaseException:
        rollback(writer)
        raise
    return dropped, first


def shrink(writer: apsw.Connection) -> None:
    """Give freed pages back to the disk; where that fails they are used again by later blocks."""
    try:
        writer.execute("PRAGMA incremental_vacuum(2000)").fetchall()
    except apsw.Error:
        rollback(writer)


def _drop_old_ids(writer: apsw.Connection, first: int) -> None:
    surplus = int(writer.execute("SELECT count(*) FROM block_id").get) - KEEP_IDS
    if surplus > 0:
        writer.execute(
            "DELETE FROM block_id WHERE id IN (SELECT id FROM block_id WHERE first < ? ORDER BY first LIMIT ?)",
            (first, surplus),
        )
