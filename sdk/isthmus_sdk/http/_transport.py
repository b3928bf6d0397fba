"""The one module that imports httpx: it turns our requests into exchanges on guarded connections.

httpx brings the transport interface (so a test may put ``httpx.MockTransport`` in our place), httpcore the connection
pool and HTTP/1.1. Not used are httpx's client, with its redirects, cookies, ``trust_env`` and its log lines that hold
whole URLs.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import h11
import httpcore
import httpx

from isthmus_sdk.errors import ConfigurationError, OriginRefused
from isthmus_sdk.http._addresses import refusal
from isthmus_sdk.http._clock import Clock
from isthmus_sdk.http._message import Headers, Request
from isthmus_sdk.http._policy import Limits, Tls
from isthmus_sdk.http._sockets import HandshakeRefused, TcpStream, TlsStream, connect
from isthmus_sdk.http._tls import check_pin, looking_context, other_context, own_context
from isthmus_sdk.url import InvalidUrl, Origin, Url

_under_way: ContextVar[bool] = ContextVar("exchange under way", default=False)
_KEEPALIVE = (
    15.0  # seconds; shorter than the idle time-out of common servers, so that a reused connection is seldom a dead one
)


class WireFault(Exception):
    """The exchange failed below HTTP."""

    def __init__(
        self,
        detail: str,
        *,
        sent: bool = True,
        lasting: bool = False,
        proxy_status: int = 0,
        presented: bytes | None = None,
    ) -> None:
        super().__init__(detail)
        self.presented = presented
        """SHA-256 of the certificate that was not trusted."""
        self.detail = detail
        self.sent = sent
        """The server may have seen the request."""
        self.lasting = lasting
        """Another try would fail the same way (a certificate that is not trusted, headers above the cap)."""
        self.proxy_status = proxy_status


@dataclass(frozen=True, slots=True)
class Incoming:
    """A reply whose body is still on the wire, exactly as sent (chunks joined, encodings untouched)."""

    status: int
    headers: Headers
    field_count: int
    body: Iterator[bytes]


@dataclass(frozen=True, slots=True, repr=False)
class Proxy:
    """An explicitly configured HTTP proxy."""

    url: Url
    auth: tuple[bytes, bytes] | None

    @classmethod
    def parse(cls, text: str) -> Proxy:
        """``http://user:password@host:port``; errors never repeat the text."""
        scheme, _, rest = text.partition("://")
        userinfo, at, address = rest.rpartition("@")
        try:
            url = Url(f"{scheme}://{address}")
        except InvalidUrl as error:
            raise ConfigurationError(f"proxy: {error}; write it as http://user:password@host:port") from None
        if not at:
            return cls(url, None)
        user, _, password = userinfo.partition(":")
        return cls(url, (unquote(user).encode(), unquote(password).encode()))

    @property
    def secrets(self) -> tuple[str, ...]:
        return () if self.auth is None else (self.auth[1].decode(),)


class _Backend(httpcore.NetworkBackend):
    """Opens connections to checked addresses and holds the pin against the certificate."""

    def __init__(
        self,
        configured: frozenset[tuple[str, int]],
        digests: frozenset[bytes],
        context: ssl.SSLContext,
        looks: bool,
    ) -> None:
        self._configured = configured
        self._looks = looks
        self._digests = digests
        self._context = context

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        assert isinstance(timeout, Clock)

        def dial() -> TcpStream:
            return connect(host, port, timeout, configured=(host, port) in self._configured)

        return _PinnedStream(dial(), self, dial if self._looks else None)

    def verify(self, stream: TlsStream, context: ssl.SSLContext) -> None:
        if self._digests and self.is_end(context):
            check_pin(stream.peer_certificate(), self._digests)

    def is_end(self, context: ssl.SSLContext) -> bool:
        """Whether it is TLS with the server itself, not with a proxy before it."""
        return context is self._context


class _PinnedStream(httpcore.NetworkStream):
    """A stream whose TLS upgrade is followed by the pin check, whether it runs over TCP or through a proxy's tunnel."""

    def __init__(
        self, inner: TcpStream | TlsStream, backend: _Backend, dial: Callable[[], TcpStream] | None = None
    ) -> None:
        self._inner = inner
        self._backend = backend
        self._dial = dial
        """Opens another connection to the same place."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            stream = TlsStream(self._inner, ssl_context, server_hostname, timeout)
        except HandshakeRefused as refused:
            if refused.unverified and self._dial is not None and self._backend.is_end(ssl_context):
                refused.presented = _presented(self._dial, server_hostname, timeout)
            raise
        try:
            self._backend.verify(stream, ssl_context)
        except BaseException:
            stream.close()
            raise
        return _PinnedStream(stream, self._backend)


def _presented(dial: Callable[[], TcpStream], server_hostname: str | None, timeout: float | None) -> bytes | None:
    """SHA-256 of the certificate that a server shows, for people to compare; ``None`` where it shows none now."""
    try:
        stream = TlsStream(dial(), looking_context(), server_hostname, timeout)
    except (httpcore.NetworkError, httpcore.TimeoutException, OriginRefused):
        return None
    certificate = stream.peer_certificate()
    stream.close()
    return hashlib.sha256(certificate).digest() if certificate else None


class GuardedTransport(httpx.BaseTransport):
    """A connection pool over guarded connections."""

    def __init__(
        self,
        *,
        context: ssl.SSLContext,
        digests: frozenset[bytes],
        configured: frozenset[Origin],
        proxy: Proxy | None,
        proxy_context: ssl.SSLContext | None,
        limits: Limits,
        own: bool,
    ) -> None:
        reachable = {(origin.host, origin.port) for origin in configured}
        proxy_settings = None
        if proxy is not None:
            origin = proxy.url.origin
            reachable = {(origin.host, origin.port)}
            proxy_settings = httpcore.Proxy(
                httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target="/"),
                auth=proxy.auth,
                ssl_context=proxy_context,
            )
        backend = _Backend(frozenset(reachable), digests, context, looks=own and proxy is None)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            proxy=proxy_settings,
            max_connections=limits.connections,
            max_keepalive_connections=limits.connections,
            keepalive_expiry=_KEEPALIVE,
            network_backend=backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        reply = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.extensions["target"],
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions={"timeout": request.extensions["timeout"]},
            )
        )
        return httpx.Response(reply.status, headers=reply.headers, stream=_Stream(reply.stream))

    def close(self) -> None:
        self._pool.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        yield from self._inner

    def close(self) -> None:
        self._inner.close()


class Wire:
    """Exchanges of one client. The base URL's origin has a pool of its own: pin and client certificate are for it
    alone.
    """

    def __init__(
        self,
        *,
        own: Origin,
        configured: frozenset[Origin],
        tls: Tls | None,
        proxy: Proxy | None,
        limits: Limits,
        transport: Any = None,
    ) -> None:
        _silence_libraries()
        self._own_origin = own
        self._configured = configured
        self._tls = tls
        self._proxy = proxy
        self._limits = limits
        self._substitute: httpx.BaseTransport | None = transport
        self._lock = threading.Lock()
        self._own: GuardedTransport | None = None
        self._other: GuardedTransport | None = None
        if tls is not None and tls.digests and own.scheme != "https":
            raise ConfigurationError("tls.pin is set, but the base URL is plain http; write it with https")
        if transport is None:
            self._own = self._pool(own_context(tls), tls.digests if tls else frozenset(), own=True)

    def _pool(self, context: ssl.SSLContext, digests: frozenset[bytes], *, own: bool) -> GuardedTransport:
        to_proxy = self._proxy is not None and self._proxy.url.origin.scheme == "https"
        return GuardedTransport(
            context=context,
            digests=digests,
            configured=self._configured,
            proxy=self._proxy,
            proxy_context=other_context(self._tls) if to_proxy else None,
            limits=self._limits,
            own=own,
        )

    def _transport_for(self, origin: Origin) -> httpx.BaseTransport:
        if self._substitute is not None:
            return self._substitute
        if origin == self._own_origin and self._own is not None:
            return self._own
        with self._lock:
            if self._other is None:
                self._other = self._pool(other_context(self._tls), frozenset(), own=False)
            return self._other

    @contextmanager
    def exchange(self, request: Request, clock: Clock) -> Iterator[Incoming]:
        """Send and yield the reply with its body unread; the connection is freed or closed at the end. Raises
        ``WireFault``.
        """
        if self._proxy is not None:
            self._check_literal(request.url)
        with _quiet(), ExitStack() as closing:
            with _faults():
                reply = self._transport_for(request.url.origin).handle_request(_httpx_request(request, clock))
            closing.callback(reply.close)
            pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in reply.headers.raw]
            assert isinstance(reply.stream, httpx.SyncByteStream)
            yield Incoming(reply.status_code, Headers(pairs), len(pairs), _chunks(reply.stream))

    def _check_literal(self, url: Url) -> None:
        """Names are resolved by the proxy, out of our sight; an address written out can be judged here."""
        try:
            address = ipaddress.ip_address(url.host)
        except ValueError:
            return
        reason = refusal(address, configured=url.origin in self._configured)
        if reason is not None:
            raise OriginRefused(f"{url.host} is not contacted: it is {reason}")

    def close(self) -> None:
        with _quiet():
            for transport in (self._own, self._other):
                if transport is not None:
                    transport.close()


def _httpx_request(request: Request, clock: Clock) -> httpx.Request:
    origin = request.url.origin
    target = request.url.target.encode("ascii")
    return httpx.Request(
        request.method,
        # Built from the parts that were checked, so that no second parser can read another host out of the text.
        httpx.URL(scheme=origin.scheme, host=origin.host, port=origin.port, raw_path=target),
        headers=[("Host", origin.authority), *request.headers.pairs()],
        content=request.content,
        extensions={
            "target": target,
            "timeout": {"connect": clock, "read": clock, "write": clock, "pool": clock.left()},
        },
    )


def _chunks(stream: httpx.SyncByteStream) -> Iterator[bytes]:
    with _faults():
        yield from stream


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (httpcore.ConnectError, httpx.ConnectError) as error:
        refused = error if isinstance(error, HandshakeRefused) else None
        raise WireFault(
            str(error) or "cannot connect",
            sent=False,
            lasting=refused is not None,
            presented=refused.presented if refused else None,
        ) from None
    except (httpcore.ConnectTimeout, httpcore.PoolTimeout, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise WireFault(str(error) or "no connection in time", sent=False) from None
    except (httpcore.TimeoutException, httpx.TimeoutException) as error:
        raise WireFault(f"the server fell silent ({error})") from None
    except (httpcore.ProxyError, httpx.ProxyError) as error:
        # httpcore keeps the status in the text alone.
        status = str(error)[:3]
        raise WireFault(
            "the proxy refuses the connection", sent=False, proxy_status=int(status) if status.isdigit() else 0
        ) from None
    except (httpcore.RemoteProtocolError, httpx.RemoteProtocolError) as error:
        cause = error.__context__  # the pool drops __cause__
        if isinstance(cause, h11.RemoteProtocolError) and cause.error_status_hint == 431:
            raise WireFault("the reply's headers are larger than 100 kB", lasting=True) from None
        raise WireFault("the reply breaks off or is not HTTP") from None
    except (httpcore.NetworkError, httpx.NetworkError) as error:
        raise WireFault(f"the connection broke ({error})") from None
    except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol, httpx.TransportError) as error:
        raise WireFault(f"the request cannot be sent ({type(error).__name__})", lasting=True) from None


def _silence_libraries() -> None:
    """httpcore logs headers and httpx whole URLs; the client reports what matters itself, without secrets.

    A filter rather than a level, because levels are changed by whoever wants to see more; and only while an exchange
    of ours is under way, because a program that embeds us may use the same libraries for itself.
    """
    names = ("httpx", "httpcore", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))
    for name in names:
        logger = logging.getLogger(name)
        if _not_ours not in logger.filters:
            logger.addFilter(_not_ours)


def _not_ours(record: logging.LogRecord) -> bool:
    return not _under_way.get()


@contextmanager
def _quiet() -> Iterator[None]:
    token = _under_way.set(True)
    try:
        yield
    finally:
        _under_way.reset(token)


__all__ = ["GuardedTransport", "Incoming", "Proxy", "Wire", "WireFault"]
