"""Quarantine and dead letters as plain data: the operations behind ``isthmus quarantine`` and ``isthmus dead``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from isthmus_hub.delivery import DeadLetter, Ledger
from isthmus_hub.runtime import Quarantine, Quarantined
from isthmus_sdk.errors import ConfigurationError


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
