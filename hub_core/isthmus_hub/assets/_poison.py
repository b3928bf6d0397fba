"""Taking a batch apart until the entry that spoils it stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from isthmus_hub.bus import StoredBlock


def halves(blocks: Sequence[StoredBlock]) -> list[Sequence[StoredBlock]]:
    """Two parts in order: of the blocks, or of the entries of the only block; one part where nothing can be divided."""
    if len(blocks) > 1:
        middle = len(blocks) // 2
        return [blocks[:middle], blocks[middle:]]
    (block,) = blocks
    count = len(block.entries)
    if count < 2:
        return [blocks]
    middle = count // 2
    return [
        [replace(block, last=block.first + middle - 1, entries=block.entries[:middle])],
        [replace(block, first=block.first + middle, entries=block.entries[middle:])],
    ]
