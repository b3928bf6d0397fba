"""From the store's outbox to the bus."""

from __future__ import annotations

from isthmus_hub._streams import RESOLVED
from isthmus_hub.store._types import Publisher
from isthmus_hub.store.store import Store


def relay(store: Store, bus: Publisher, *, limit: int = 16) -> int:
    """Publish what the outbox holds, in order; returns the number of entries that were handed over.

    Dying between the bus's acknowledgement and the removal publishes a block twice under the same id, which the bus
    stores once. Raises the bus's errors; what was not acknowledged stays in the outbox.
    """
    handed = 0
    while blocks := store.outbox(limit):
        for block in blocks:
            bus.publish(RESOLVED, block.entries, block_id=block.block_id, key=block.key)
            handed += len(block.entries)
        store.outbox_done(blocks[-1].seq)
    return handed
