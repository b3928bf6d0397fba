"""A hostile vendor on loopback, and clients that do not wait longer than a test should."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
from tests.sdk.http.server import HostileServer

from isthmus_sdk.http import Http, Limits, Retry
from isthmus_sdk.http._clock import Cancel, Timer

QUICK = Retry(first=0.001, most=0.002)


@pytest.fixture
def vendor() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


@pytest.fixture
def other() -> Iterator[HostileServer]:
    """A second origin."""
    with HostileServer() as server:
        yield server


@pytest.fixture
def client() -> Iterator[Callable[..., Http]]:
    """Makes clients that are closed at the end; retries are quick and nothing waits longer than a few seconds."""
    made: list[Http] = []

    def make(base_url: str, **options: Any) -> Http:
        options = {"retry": QUICK, "limits": Limits(connect=5, idle=5, request=20), **options}
        made.append(Http(base_url=base_url, **options))
        return made[-1]

    yield make
    for http in made:
        http.close()


class QuickTimer(Timer):
    """Time that passes without waiting; remembers how long would have been waited."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def now(self) -> float:
        return super().now() + sum(self.waits)

    def wall(self) -> float:
        return super().wall() + sum(self.waits)

    def sleep(self, seconds: float, cancel: Cancel | None) -> None:
        self.waits.append(seconds)


@pytest.fixture
def timer() -> QuickTimer:
    return QuickTimer()


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def authority(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """File of the authority that signs the test servers."""
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def tls_vendor(ca: trustme.CA) -> Iterator[HostileServer]:
    """A vendor with a certificate for 127.0.0.1."""
    with HostileServer(tls=server_context(ca.issue_cert("127.0.0.1"))) as server:
        yield server


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
