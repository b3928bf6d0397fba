"""What tests of several rooms of the hub start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.hub.bus.nats import NatsServer


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """One real server for all tests, which syncs before it acknowledges; each test uses a prefix of its own."""
    server = NatsServer(tmp_path_factory.mktemp("nats")).start()
    yield server
    server.stop()
