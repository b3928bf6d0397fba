"""The durable, ordered log between fetching, resolving and delivering. `Bus` says what it promises."""

from __future__ import annotations

from pathlib import Path

from isthmus_hub._sqlite import StateTooNew, StorageDamaged, StorageFault, StorageFull
from isthmus_hub._streams import (
    CHECKPOINT_GROUP,
    FORWARD_GROUP,
    OBSERVED,
    RESOLVE_GROUP,
    RESOLVED,
    delivery_group,
    platform_of,
)
from isthmus_hub.bus._groups import Backoff, GroupState
from isthmus_hub.bus._jetstream.access import NatsAccess
from isthmus_hub.bus._subscription import Subscription
from isthmus_hub.bus._values import (
    EARLIEST,
    LATEST,
    MAX_BLOCK_BYTES,
    Ack,
    BlockRefused,
    CheckReport,
    DeadLetter,
    Earliest,
    Gap,
    Group,
    Health,
    Latest,
    Offset,
    OffsetExpired,
    PartitionsChanged,
    PublishTimeout,
    Retained,
    Retention,
    Start,
    StoredBlock,
    StreamCutShort,
    StreamHealth,
    Time,
)
from isthmus_hub.bus.api import Bus
from isthmus_hub.bus.jetstream import JetStreamBus
from isthmus_hub.bus.memory import Memory, MemoryBus
from isthmus_hub.bus.sqlite import SqliteBus
from isthmus_sdk.errors import ConfigurationError


def open_bus(engine: str, directory: Path, *, nats: NatsAccess | None = None) -> Bus:
    """The bus that ``[hub] bus`` names.

    ``directory`` is where an embedded engine keeps its files, ``nats`` how to reach the servers that ``engine`` names.
    """
    if engine == "sqlite":
        return SqliteBus(directory)
    if engine.startswith(("nats:", "tls:")):
        return JetStreamBus(nats or NatsAccess(tuple(server.strip() for server in engine.split(","))))
    raise ConfigurationError(f'[hub] bus = "{engine}" is not known; use "sqlite" or "nats://host:4222"')


__all__ = [
    "CHECKPOINT_GROUP",
    "EARLIEST",
    "FORWARD_GROUP",
    "LATEST",
    "MAX_BLOCK_BYTES",
    "OBSERVED",
    "RESOLVED",
    "RESOLVE_GROUP",
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
    "JetStreamBus",
    "Latest",
    "Memory",
    "MemoryBus",
    "NatsAccess",
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
    "StreamCutShort",
    "StreamHealth",
    "Subscription",
    "Time",
    "delivery_group",
    "open_bus",
    "platform_of",
]
