"""The durable, ordered log between fetching, resolving and delivering. `Bus` says what it promises."""

from __future__ import annotations

from pathlib import Path

from isthmus_hub.bus._subscription import Subscription
from isthmus_hub.bus.api import (
    EARLIEST,
    LATEST,
    MAX_BLOCK_BYTES,
    Ack,
    Backoff,
    BlockRefused,
    Bus,
    CheckReport,
    DeadLetter,
    Earliest,
    Gap,
    Group,
    GroupState,
    Health,
    Latest,
    Offset,
    OffsetExpired,
    PartitionsChanged,
    PublishTimeout,
    Retained,
    Retention,
    Start,
    StateTooNew,
    StorageDamaged,
    StorageFault,
    StorageFull,
    StoredBlock,
    StreamHealth,
    Time,
)
from isthmus_hub.bus.sqlite import SqliteBus
from isthmus_sdk.errors import ConfigurationError


def open_bus(engine: str, directory: Path) -> Bus:
    """The bus that ``[hub] bus`` names; ``directory`` is where an embedded engine keeps its files."""
    if engine == "sqlite":
        return SqliteBus(directory)
    raise ConfigurationError(f'[hub] bus = "{engine}" is not known; use "sqlite"')


__all__ = [
    "EARLIEST",
    "LATEST",
    "MAX_BLOCK_BYTES",
    "Ack",
    "Backoff",
    "BlockRefused",
    "Bus",
    "CheckReport",
    "DeadLetter",
    "Earliest",
    "Gap",
    "Group",
    "GroupState",
    "Health",
    "Latest",
    "Offset",
    "OffsetExpired",
    "PartitionsChanged",
    "PublishTimeout",
    "Retained",
    "Retention",
    "SqliteBus",
    "Start",
    "StateTooNew",
    "StorageDamaged",
    "StorageFault",
    "StorageFull",
    "StoredBlock",
    "StreamHealth",
    "Subscription",
    "Time",
    "open_bus",
]
