from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from isthmus_hub.store import Store

OpenStore = Callable[[], Store]


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[OpenStore]:
    """Opens the same store again and again; whatever is still open at the end is closed."""
    opened: list[Store] = []

    def open_again() -> Store:
        opened.append(Store.open(tmp_path / "store.sqlite", hub="north-works"))
        return opened[-1]

    yield open_again
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    return open_store()
