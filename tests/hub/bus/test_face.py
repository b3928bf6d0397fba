from __future__ import annotations

from pathlib import Path

import pytest

import isthmus_hub.bus
from isthmus_hub.bus import SqliteBus, open_bus
from isthmus_sdk.errors import ConfigurationError


def test_the_public_names_of_the_bus() -> None:
    assert sorted(isthmus_hub.bus.__all__) == [
        "Ack",
        "Backoff",
        "BlockRefused",
        "Bus",
        "CHECKPOINT_GROUP",
        "CheckReport",
        "DeadLetter",
        "EARLIEST",
        "Earliest",
        "FORWARD_GROUP",
        "Gap",
        "Group",
        "GroupState",
        "Health",
        "JetStreamBus",
        "LATEST",
        "Latest",
        "MAX_BLOCK_BYTES",
        "Memory",
        "MemoryBus",
        "NatsAccess",
        "OBSERVED",
        "Offset",
        "OffsetExpired",
        "PartitionsChanged",
        "PublishTimeout",
        "RESOLVED",
        "RESOLVE_GROUP",
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


def test_the_configuration_names_the_engine(tmp_path: Path) -> None:
    with open_bus("sqlite", tmp_path / "bus") as bus:
        assert isinstance(bus, SqliteBus)
    with pytest.raises(ConfigurationError, match="kafka"):
        open_bus("kafka://host", tmp_path)
