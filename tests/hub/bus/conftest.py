"""Every engine has to keep the same promises: a test that takes ``make_bus`` runs once per engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from isthmus_hub.bus import Bus, SqliteBus

MakeBus = Callable[[], Bus]


@pytest.fixture(params=["sqlite"])
def make_bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeBus]:
    """Opens the same bus again and again; whatever is still open at the end is closed."""
    opened: list[Bus] = []

    def open_again() -> Bus:
        opened.append(SqliteBus(tmp_path / "bus", reserve=0, low_water=0))
        return opened[-1]

    yield open_again
    for bus in opened:
        bus.close()


@pytest.fixture
def bus(make_bus: MakeBus) -> Bus:
    return make_bus()
