"""Repair: quarantine and dead letters as plain data, and a store made anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isthmus_hub._sqlite import StorageDamaged, sync_directory
from isthmus_hub.assets import Beliefs, Resolver
from isthmus_hub.bus import OBSERVED, RESOLVE_GROUP, Bus, StreamCutShort
from isthmus_hub.delivery import DeadLetter, Ledger
from isthmus_hub.runtime import Quarantine, Quarantined, StateDirectory
from isthmus_hub.store import Store
from isthmus_sdk.errors import ConfigurationError, RetriableError


def quarantine_list(quarantine: Quarantine, instance: str | None, limit: int) -> dict[str, Any]:
    """Waiting records, oldest first, without their raw text; and the counts of everything."""
    records = [
        {name: value for name, value in _record(record).items() if name != "raw"}
        for record in quarantine.list(instance=instance, limit=limit)
    ]
    return {"records": records, "counts": [asdict(count) for count in quarantine.counts()]}


def quarantine_show(quarantine: Quarantine, id: str) -> dict[str, Any]:
    """One record with its raw text."""
    return _record(_found(quarantine, id))


def chosen(quarantine: Quarantine, ids: Sequence[str] | None) -> list[Quarantined]:
    """The named records, or all that wait."""
    if ids is not None:
        return [_found(quarantine, id) for id in ids]
    records: list[Quarantined] = []
    while page := quarantine.list(after=records[-1].id if records else None, limit=1_000):
        records += page
    return records


def quarantine_drop(quarantine: Quarantine, ids: Sequence[str] | None) -> dict[str, Any]:
    """Remove records for good; they stay counted."""
    return {"dropped": quarantine.drop([record.id for record in chosen(quarantine, ids)])}


def dead_list(ledger: Ledger, platform: str | None) -> dict[str, Any]:
    """Dead letters, oldest first."""
    return {"letters": [_letter(letter) for letter in ledger.dead(platform)]}


def dead_show(ledger: Ledger, number: int) -> dict[str, Any]:
    """One dead letter."""
    letter = ledger.dead_letter(number)
    if letter is None:
        raise ConfigurationError(f"there is no dead letter {number}; see `isthmus dead list`")
    return _letter(letter)


def build_store(
    path: Path,
    former: Store | None,
    bus: Bus,
    hub: str,
    base: Path | None = None,
    *,
    by_object: bool | None = None,
    beliefs: Beliefs | None = None,
) -> int:
    """Resolve ``observed`` into a new file beside ``path``, which begins empty or as a copy of ``base``.

    Without a ``former`` store nothing is taken over: what platforms were told is told again where it differs. Returns
    the number of entries that were resolved. Raises ``StorageDamaged`` where ``former`` cannot be read to its end.
    """
    fresh = _fresh(path)
    for leftover in path.parent.glob(f"{fresh.name}*"):
        leftover.unlink()
    if base is not None:
        shutil.copyfile(base, fresh)
        fresh.chmod(0o600)
    with Store.open(fresh, hub=hub, by_object=by_object) as store:
        if former is None:
            return Resolver(store, bus, hub=hub, beliefs=beliefs or Beliefs()).run()
        with store.transaction() as tx:
            tx.adopt(former)
        entries = Resolver(store, bus, hub=hub, beliefs=beliefs or Beliefs()).run()
        with store.transaction() as tx:
            tx.settle(former)
        return entries


def unfit(store: Store, bus: Bus) -> list[str]:
    """What the store says of its place in ``observed`` that the bus denies; empty while a hub resolves."""
    read = bus.group_state(OBSERVED, RESOLVE_GROUP)  # before the store's own: that one only grows
    position = store.offset(OBSERVED)
    end = bus.end(OBSERVED)
    if position > end:
        return [
            f"{store.path.name}: holds the effect of observed up to {position}, but the stream ends at {end}: the bus lost "
            "its end; see `isthmus bus check`, then `isthmus store rebuild`"
        ]
    if read is not None and read.floor > position:
        return [
            f"{store.path.name}: holds the effect of observed up to {position}, although up to {read.floor} was resolved: "
            "the store lost its newest changes; the next sync resolves them again"
        ]
    return []


def unreadable(error: StorageDamaged) -> str:
    """What to do about a store that cannot be read at all."""
    return f"{error}; make the store anew with `isthmus store rebuild`"


def is_the_stores(error: StorageDamaged, state: StateDirectory) -> bool:
    """Whether the store is what is damaged, and not the bus, without which nothing can go on."""
    return not isinstance(error, StreamCutShort) and (error.path is None or error.path == state.store)


def replace_store(path: Path, *, damaged: bool = False) -> Path:
    """Put the new file in the place of the closed store at ``path``; returns where the former one is kept.

    There is a whole store at ``path`` at every instant. Raises :class:`RetriableError` where another process reads it.
    The log of a ``damaged`` one could not be folded into it: it is kept beside it, for it must not meet the new file.
    """
    log = path.with_name(f"{path.name}-wal")
    if not damaged and log.exists() and log.stat().st_size:
        raise RetriableError(f"{path}: another process reads the store; try again when it is done")
    kept = path.with_name(f"store-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.sqlite")
    os.link(path, kept)
    if damaged:
        if log.exists():
            log.replace(kept.with_name(f"{kept.name}-wal"))
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        sync_directory(path.parent)  # before the new file has the name
    _fresh(path).replace(path)
    return kept


def _fresh(path: Path) -> Path:
    return path.with_name("store-rebuilding.sqlite")


def _found(quarantine: Quarantine, id: str) -> Quarantined:
    record = quarantine.show(id)
    if record is None:
        raise ConfigurationError(f"the quarantine holds no record {id!r}; see `isthmus quarantine list`")
    return record


def _record(record: Quarantined) -> dict[str, Any]:
    return {**asdict(record), "raw": record.raw.decode("utf-8", "replace")}


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for name, value in asdict(letter).items()
    }
