"""What goes wrong before the first byte of HTTP: names, connections, certificates."""

from __future__ import annotations

import importlib.util
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from isthmus_sdk.errors import IsthmusError, OriginRefused, Unreachable
from isthmus_sdk.settings import configure
from isthmus_sdk.testing._bench import Bench
from isthmus_sdk.testing._faults import sound
from isthmus_sdk.testing._report import Level
from isthmus_sdk.testing._rules import Rule, over_the_network
from isthmus_sdk.testing._server import Answer, Exchange, LoopbackServer

if TYPE_CHECKING:
    from isthmus_sdk.http import Http


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachFault:
    """A server that cannot be reached, or must not be trusted: nothing is sent to it, and the error says why."""

    name: str
    title: str
    make: Callable[[Bench], tuple[LoopbackServer | None, str, dict[str, Any]]]
    """Server, base URL and ``tls`` of the instance."""
    errors: tuple[type[IsthmusError], ...] = (Unreachable,)
    needs_certificates: bool = True
    level: Level = "gold"

    def rule(self) -> Rule:
        """The fault as a rule of the kit."""
        return Rule(f"fault.{self.name}", self.level, self.title, self._check, self._applies)

    def _applies(self, bench: Bench) -> bool:
        """Certificates are made by ``trustme``, which the extra ``isthmus-sdk[testing]`` brings."""
        return over_the_network(bench) and (
            not self.needs_certificates or importlib.util.find_spec("trustme") is not None
        )

    def _check(self, bench: Bench) -> Iterator[str]:
        for stream in sound(bench)[:1]:
            strange = len(bench.elsewhere)
            server, url, tls = self.make(bench)
            try:
                ran = bench.run(stream.name, connect=partial(_client, bench, url, tls))
            finally:
                if server is not None:
                    server.__exit__(None, None, None)
            if not isinstance(ran.error, self.errors):
                yield f"stream {stream.name}: expected {self.errors[0].__name__}, got {ran.problem or 'a run without an error'}"
            if any(block.objects for block in ran.blocks):
                yield f"stream {stream.name}: objects were sent although nothing could be read"
            if len(bench.elsewhere) > strange:
                yield "something was sent to a server that must not be trusted"


def _client(bench: Bench, url: str, tls: dict[str, Any]) -> Http:
    from isthmus_sdk.http import Limits, Retry
    from isthmus_sdk.transports import connect

    written = {name: url if value == bench.server.url else value for name, value in bench.written.items()}
    settings = configure(bench.connector.settings, written, bench.secrets, offline=True)
    return connect(
        bench.connector,
        settings,
        instance="kit",
        tls=tls or None,
        timer=bench.timer,
        limits=Limits(connect=2.0, idle=1.0, request=3.0),
        retry=Retry(attempts=2),
    )


def _certified(
    bench: Bench,
    *names: str,
    trusted: bool = True,
    serve: Callable[[Exchange], None] | None = None,
    **options: Any,
) -> tuple[LoopbackServer, str, dict[str, Any]]:
    import trustme

    authority, other = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("localhost", "127.0.0.1")), **options).configure_cert(context)
    server = LoopbackServer(serve or (lambda exchange: _noted(bench, exchange)), tls=context)
    server.__enter__()
    path = bench.folder / f"ca-{server.port}.pem"
    (authority if trusted else other).cert_pem.write_to_path(str(path))
    return server, server.url, {"ca": str(path)}


def _noted(bench: Bench, exchange: Exchange) -> None:
    bench.elsewhere.append(f"{exchange.method} {exchange.target} {exchange.headers}")
    exchange.reply(Answer(200, b"{}"))


def _expired(bench: Bench) -> tuple[LoopbackServer | None, str, dict[str, Any]]:
    now = datetime.now(UTC)
    return _certified(bench, not_before=now - timedelta(days=9), not_after=now - timedelta(days=2))


def _downgraded(bench: Bench) -> tuple[LoopbackServer | None, str, dict[str, Any]]:
    """A trusted server that redirects every request to plain HTTP elsewhere."""

    def serve(exchange: Exchange) -> None:
        if bench.vendor.is_login(exchange):
            bench.vendor.serve(exchange)
        else:
            exchange.reply(Answer(302, b"", {"Location": bench.other.url + "/down"}))

    return _certified(bench, serve=serve)


def _cut(bench: Bench) -> tuple[LoopbackServer | None, str, dict[str, Any]]:
    """Plain HTTP where TLS is expected: the handshake breaks off."""
    server = LoopbackServer(lambda exchange: exchange.close())
    server.__enter__()
    return server, server.url.replace("http://127.0.0.1", "https://localhost"), {}


def _closed(_bench: Bench) -> tuple[LoopbackServer | None, str, dict[str, Any]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return None, f"http://127.0.0.1:{port}", {}


FAULTS = [
    ReachFault(name="tls-expired", title="a certificate that has expired", make=_expired),
    ReachFault(name="tls-wrong-host", title="a certificate for another host", level="silver",
               make=lambda bench: _certified(bench, "other.example")),
    ReachFault(name="tls-unknown-authority", title="a certificate of an authority that nobody named", level="silver",
               make=lambda bench: _certified(bench, trusted=False)),
    ReachFault(name="tls-wrong-pin", title="a certificate that is not the pinned one",
               make=lambda bench: (*_certified(bench)[:2], {"pin": "sha256:" + "0" * 64})),
    ReachFault(name="tls-cut", title="a handshake that breaks off", make=_cut, needs_certificates=False),
    ReachFault(name="tls-downgrade", title="a redirect from https to http", make=_downgraded, errors=(OriginRefused,)),
    ReachFault(name="refused", title="a port where nobody listens", make=_closed, needs_certificates=False),
    ReachFault(name="no-such-host", title="a host name that does not exist", needs_certificates=False,
               make=lambda _bench: (None, "http://isthmus-kit.invalid", {})),
]  # fmt: skip

__all__ = ["FAULTS"]
