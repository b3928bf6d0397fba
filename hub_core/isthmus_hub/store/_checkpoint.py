"""A verified copy of the store, which stands for everything of ``observed`` up to an offset.

What lies before that offset may leave the bus: a rebuilt store begins with the copy and replays the rest. The copy has an
id of its own, because block ids of the outbox are made of the store's id and a number that the copy will give again.
"""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from isthmus_hub._sqlite import StorageDamaged, storage_errors, sync_directory
from isthmus_hub.store.store import Store


def save_checkpoint(store: Store, target: Path, stream: str) -> int:
    """Copy ``store`` to ``target``, durably and in one step; returns the offset of ``stream`` that the copy stands for.

    To be called when the outbox is empty: it is not copied. Raises `StorageFull`, `StorageFault`, and `StorageDamaged`
    where the copy does not verify; a former checkpoint then stays as it was.
    """
    fresh = target.with_name(f"{target.name}.new")
    try:
        _remove(fresh)
        _copy(store, fresh)
        with Store.open(fresh, hub=store.hub) as copy:
            problems = copy.check()
            offset = copy.offset(stream)
        if problems:
            raise StorageDamaged(f"{store.path}: no checkpoint was made: {problems[0]}; run `isthmus store rebuild`")
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(target)
        sync_directory(target.parent)
    finally:
        _remove(fresh)
    return offset


def _copy(store: Store, fresh: Path) -> None:
    os.close(os.open(fresh, os.O_CREAT | os.O_RDWR, 0o600))
    with storage_errors(fresh), store._reading() as source:
        copy = apsw.Connection(str(fresh))
        try:
            with copy.backup("main", source, "main") as backup:
                backup.step(-1)  # all at once: one state of the store
            copy.execute("DELETE FROM outbox; UPDATE meta SET value = randomblob(16) WHERE name = 'id'")
        finally:
            copy.close()


def _remove(path: Path) -> None:
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal"):
        path.with_name(name).unlink(missing_ok=True)


__all__ = ["save_checkpoint"]
