"""Blocks for tests of the bus."""

from __future__ import annotations

from isthmus_hub.bus import Ack, Bus

STREAM = "observed"


def fill(bus: Bus, blocks: int, *, size: int = 2, key: str = "edr/alerts", tag: str = "block") -> list[Ack]:
    """Publish ``blocks`` blocks of ``size`` entries each."""
    return [
        bus.publish(
            STREAM,
            [f"{tag} {number} entry {entry}".encode() for entry in range(size)],
            block_id=f"{tag}-{number}".encode(),
            key=key,
            meta=f"cursor {number}".encode(),
        )
        for number in range(blocks)
    ]
