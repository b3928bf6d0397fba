"""What the hub's own streams and consumer groups are called, for everybody who publishes, reads, or shows them.

Beside `bus` and not in it because the store, which does not know the bus, publishes too. `isthmus_hub.bus` has all of it.
"""

from __future__ import annotations

from typing import Final

OBSERVED: Final = "observed"
"""What the sources said, block by block as it was fetched."""
RESOLVED: Final = "resolved"
"""What the hub believes: every object that changed."""

RESOLVE_GROUP: Final = "resolve"
"""Reads `OBSERVED` into the store."""
CHECKPOINT_GROUP: Final = "checkpoint"
"""Holds back what no checkpoint of the store stands for yet on `OBSERVED`."""
FORWARD_GROUP: Final = "forward"
"""Ships `OBSERVED` to the centre's bus."""
_DELIVERY: Final = "deliver-"


def delivery_group(platform: str) -> str:
    """The group that reads `RESOLVED` for a platform."""
    return _DELIVERY + platform


def platform_of(group: str) -> str | None:
    """The platform that a group of `RESOLVED` reads for; ``None`` for a group of somebody else."""
    return group.removeprefix(_DELIVERY) if group.startswith(_DELIVERY) else None


__all__ = [
    "CHECKPOINT_GROUP",
    "FORWARD_GROUP",
    "OBSERVED",
    "RESOLVED",
    "RESOLVE_GROUP",
    "delivery_group",
    "platform_of",
]
