"""A room for delivery tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.hub.delivery.doubles import Room, Toy


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Callable[..., Room]]:
    """Make rooms that are closed at the end of the test."""
    made: list[Room] = []

    def make(toy: Toy | None = None, **options: Any) -> Room:
        made.append(Room(tmp_path / str(len(made)), toy, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
