"""Byte streams for the transport: TCP, and TLS over any stream.

Why not httpcore's own: every wait here is cut into slices that ask the request's ``Clock``, so a server that drips
bytes cannot outlast the total deadline and a stop request is noticed at once; the address that is checked is the
address that is used; and the pin is compared right after the handshake, before any byte of a request.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import queue
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import httpcore

from isthmus_sdk.errors import OriginRefused
from isthmus_sdk.http._addresses import IPAddress, refusal
from isthmus_sdk.http._clock import Clock

_RECEIVE = 64 * 1024
_FALLBACK = 30.0  # seconds, for waits without a Clock (closing an idle connection)


class HandshakeRefused(httpcore.ConnectError):
    """No TLS with this server: its certificate, its protocol. Another try will not change that."""

    unverified = False
    """It is the certificate that is not trusted."""
    presented: bytes | None = None
    """SHA-256 of that certificate, where somebody looked."""


class TcpStream(httpcore.NetworkStream):
    """A connected TCP socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._ready(timeout, writing=False)
        try:
            return self._sock.recv(max_bytes)
        except OSError as error:
            raise httpcore.ReadError(_reason(error)) from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        view = memoryview(buffer)
        while view:
            self._ready(timeout, writing=True)
            try:
                view = view[self._sock.send(view) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise httpcore.WriteError(_reason(error)) from None

    def _ready(self, timeout: float | None, *, writing: bool) -> None:
        """Wait until the socket can be used; silence for too long is a timeout, the Clock's end is the end."""
        idle = timeout.idle if isinstance(timeout, Clock) else (_FALLBACK if timeout is None else float(timeout))
        silent_until = time.monotonic() + idle
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT if writing else select.POLLIN)
        while True:
            left = silent_until - time.monotonic()
            pause = timeout.slice(max(left, 0.0)) if isinstance(timeout, Clock) else max(left, 0.0)
            if poll.poll(pause * 1000):
                return
            if left <= 0:
                raise (httpcore.WriteTimeout if writing else httpcore.ReadTimeout)(f"silent for {idle:g} s")

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return TlsStream(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        if info == "socket":
            return self._sock
        if info == "server_addr":
            return self._sock.getpeername()
        if info == "client_addr":
            return self._sock.getsockname()
        if info == "is_readable":  # httpcore's way of noticing that an idle connection was closed
            poll = select.poll()
            poll.register(self._sock, select.POLLIN)
            return self._sock.fileno() < 0 or bool(poll.poll(0))
        return None


class TlsStream(httpcore.NetworkStream):
    """TLS over another stream, which does all the waiting; so TLS through a TLS proxy needs nothing of its own."""

    def __init__(
        self, inner: httpcore.NetworkStream, context: ssl.SSLContext, server_hostname: str | None, timeout: float | None
    ) -> None:
        self._inner = inner
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        try:
            self._drive(self._tls.do_handshake, timeout)
        except ssl.SSLError as error:
            inner.close()
            if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):  # it broke off
                raise httpcore.ConnectError(_reason(error)) from error
            refused = HandshakeRefused(_reason(error))
            refused.unverified = isinstance(error, ssl.SSLCertVerificationError)
            raise refused from error
        except (httpcore.ReadError, httpcore.WriteError) as error:
            inner.close()
            raise httpcore.ConnectError(str(error)) from error
        except (httpcore.ReadTimeout, httpcore.WriteTimeout) as error:
            inner.close()
            raise httpcore.ConnectTimeout(str(error)) from error
        except BaseException:
            inner.close()
            raise

    def peer_certificate(self) -> bytes | None:
        """The leaf certificate (DER)."""
        return self._tls.getpeercert(binary_form=True)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return bytes(self._drive(lambda: self._tls.read(max_bytes), timeout))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # Some servers never say goodbye. HTTP framing notices a body that is cut short.
            return b""
        except ssl.SSLError as error:
            raise httpcore.ReadError(_reason(error)) from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        view = memoryview(buffer)
        try:
            while view:
                part = view[:_RECEIVE]
                view = view[self._drive(lambda part=part: self._tls.write(part), timeout) :]  # type: ignore[misc]
        except ssl.SSLError as error:
            raise httpcore.WriteError(_reason(error)) from None

    def _drive(self, step: Callable[[], Any], timeout: float | None) -> Any:
        """Repeat ``step`` while TLS asks for bytes from the other side, sending what it wants to say in between."""
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush(timeout)
                data = self._inner.read(_RECEIVE, timeout)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError:
                self._say_goodbye(timeout)
                raise
            else:
                self._flush(timeout)
                return result

    def _flush(self, timeout: float | None) -> None:
        if self._outgoing.pending:
            self._inner.write(self._outgoing.read(), timeout)

    def _say_goodbye(self, timeout: float | None) -> None:
        try:
            self._flush(timeout)  # the alert that tells the server why
        except Exception:  # noqa: S110 - the connection is being given up for a reason that is reported
            pass

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return TlsStream(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        return self._tls if info == "ssl_object" else self._inner.get_extra_info(info)


def connect(host: str, port: int, clock: Clock, *, configured: bool) -> TcpStream:
    """Resolve, check every address, connect to the first allowed one that answers.

    Raises ``OriginRefused`` when no address may be contacted, ``httpcore.ConnectError`` or ``ConnectTimeout``
    otherwise.
    """
    until = time.monotonic() + clock.connect
    addresses = _resolve(host, port, clock, until)
    allowed, reasons = [], []
    for address in addresses:
        reason = refusal(address, configured=configured)
        if reason is None:
            allowed.append(address)
        else:
            reasons.append(f"{address} is {reason}")
    if not allowed:
        hint = "; configure it as this instance's own URL if it is meant" if not configured else ""
        raise OriginRefused(f"{host}:{port} is not contacted: {reasons[0]}{hint}")
    failure: Exception = httpcore.ConnectError("no address")
    for position, address in enumerate(allowed):
        # A dead IPv6 route must not use up the time of the IPv4 address behind it.
        share = max((until - time.monotonic()) / (len(allowed) - position), 0.0)
        try:
            return TcpStream(_open(address, port, clock, time.monotonic() + share))
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            failure = error
    raise failure


def _open(address: IPAddress, port: int, clock: Clock, until: float) -> socket.socket:
    sock = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        problem = sock.connect_ex((str(address), port))
        if problem == errno.EINPROGRESS:
            problem = _outcome(sock, clock, until)
    except OSError as error:
        sock.close()
        raise httpcore.ConnectError(_reason(error)) from None
    except BaseException:
        sock.close()
        raise
    if problem:
        sock.close()
        raise httpcore.ConnectError(os.strerror(problem))
    return sock


def _outcome(sock: socket.socket, clock: Clock, until: float) -> int:
    """Error number of a connection attempt under way, 0 once it stands."""
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    while not poll.poll(clock.slice(max(until - time.monotonic(), 0.0)) * 1000):
        if time.monotonic() >= until:
            raise httpcore.ConnectTimeout(f"no connection within {clock.connect:g} s")
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _resolve(host: str, port: int, clock: Clock, until: float) -> list[IPAddress]:
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass
    # getaddrinfo knows no timeout; the thread is left behind if the resolver hangs.
    answers: queue.SimpleQueue[list[IPAddress] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(
                list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
            )
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    while True:
        try:
            answer = answers.get(timeout=clock.slice(max(until - time.monotonic(), 0.0)))
        except queue.Empty:
            if time.monotonic() >= until:
                raise httpcore.ConnectTimeout(f"the name {host} was not resolved within {clock.connect:g} s") from None
            continue
        if isinstance(answer, OSError):
            raise httpcore.ConnectError(f"the name {host} cannot be resolved ({_reason(answer)})")
        if not answer:
            raise httpcore.ConnectError(f"the name {host} has no address")
        return answer


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return (error.reason or type(error).__name__).replace("_", " ").lower()
    return (
        os.strerror(error.errno)
        if error.errno and error.errno > 0
        else (error.strerror or str(error) or type(error).__name__)
    )


__all__ = ["HandshakeRefused", "TcpStream", "TlsStream", "connect"]
