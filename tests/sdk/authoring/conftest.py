from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .hub import PACKAGES, Log, WorkerProcess
from .vendor import SECRET, Vendor


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """The vendor's API, running."""
    server = Vendor()
    yield server
    server.close()


@pytest.fixture
def log() -> Log:
    """An empty hub log."""
    return Log()


@pytest.fixture
def start(log: Log, vendor: Vendor) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts workers, configured for the vendor unless ``configure=False``; all are gone after the test."""
    workers: list[WorkerProcess] = []

    def make(*, configure: bool = True, environment: dict[str, str] | None = None, **fields: Any) -> WorkerProcess:
        worker = WorkerProcess(log, environment=environment)
        workers.append(worker)
        if configure:
            fields.setdefault("settings", {"base_url": vendor.url, "client_id": "hub"})
            fields.setdefault("secrets", {"client_secret": SECRET})
            worker.configure(**fields)
        return worker

    yield make
    for worker in workers:
        worker.close()


@pytest.fixture
def acme() -> Iterator[Any]:
    """The connector of the third party's package, imported here."""
    sys.path.insert(0, str(PACKAGES))
    try:
        from acme_connector.connector import acme as connector

        yield connector
    finally:
        sys.path.remove(str(PACKAGES))
