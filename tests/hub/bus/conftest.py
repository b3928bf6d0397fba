"""Every engine has to keep the same promises: a test that takes ``make_bus`` runs once per engine. None is ever skipped."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.hub.bus.nats import NatsServer

from isthmus_hub.bus import Bus, JetStreamBus, Memory, MemoryBus, NatsAccess, SqliteBus

MakeBus = Callable[[], Bus]
ENGINES = ("memory", "sqlite", "jetstream")
_numbers = itertools.count(1)


@pytest.fixture(params=ENGINES)
def make_bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeBus]:
    """Opens the same bus again and again; whatever is still open at the end is closed."""
    opened: list[Bus] = []
    memory = Memory()
    prefix = f"t{next(_numbers)}"

    def open_again() -> Bus:
        if request.param == "memory":
            opened.append(MemoryBus(memory))
        elif request.param == "sqlite":
            opened.append(SqliteBus(tmp_path / "bus", reserve=0, low_water=0))
        else:
            server: NatsServer = request.getfixturevalue("nats_server")
            opened.append(JetStreamBus(NatsAccess((server.url,), monitors=(server.monitor,), prefix=prefix)))
        return opened[-1]

    yield open_again
    for bus in opened:
        bus.close()


@pytest.fixture
def bus(make_bus: MakeBus) -> Bus:
    return make_bus()
