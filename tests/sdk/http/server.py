"""A vendor API that misbehaves on purpose, on loopback.

A path has a list of behaviours, one per request; the last one stays. A behaviour is a function of the ``Exchange`` that may answer
well, answer badly, or break the connection at any byte::

    with HostileServer() as vendor:
        vendor.on("/v1/alerts", status(429, headers={"Retry-After": "3"}), json_page({"value": []}))
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Exchange:
    """One request as it arrived, and the connection to answer on."""

    server: HostileServer
    connection: socket.socket
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    closed: bool = False

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def reply(self, status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """A well-formed reply; ``headers`` may overrule the length and the type."""
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in fields.items() if value is not None)]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def cut(self) -> None:
        """Reset the connection."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.close()

    def close(self) -> None:
        self.closed = True
        with contextlib.suppress(OSError):
            self.connection.close()


Behaviour = Callable[[Exchange], None]


@dataclass
class HostileServer:
    """Serves behaviours on a free port of ``host``; records every request it sees."""

    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    requests: list[Exchange] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._behaviours: dict[str, list[Behaviour]] = {}
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    def on(self, path: str, *behaviours: Behaviour) -> None:
        self._behaviours[path] = list(behaviours)

    def seen(self, path: str) -> list[Exchange]:
        return [exchange for exchange in self.requests if exchange.path == path]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        with contextlib.suppress(OSError, ValueError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self._open.add(connection)
            reader = connection.makefile("rb")
            while (exchange := self._read(connection, reader)) is not None:
                self._behaviour(exchange)(exchange)
                if exchange.closed:
                    break
            connection.close()

    def _read(self, connection: socket.socket, reader: Any) -> Exchange | None:
        line = reader.readline()
        if not line.strip():
            return None
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (line := reader.readline()).strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", "0")))
        return Exchange(self, connection, method, target, headers, body)

    def _behaviour(self, exchange: Exchange) -> Behaviour:
        with self._lock:
            self.requests.append(exchange)
            behaviours = self._behaviours.get(exchange.path, [status(404)])
            return behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]


def status(code: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Behaviour:
    return lambda exchange: exchange.reply(code, body, headers)


def json_page(document: Any, headers: dict[str, str] | None = None) -> Behaviour:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return lambda exchange: exchange.reply(200, body, headers)


def redirect(location: str, code: int = 302) -> Behaviour:
    return lambda exchange: exchange.reply(code, b"", {"Location": location})


def login_page() -> Behaviour:
    return status(200, b"<!doctype html><title>Sign in</title>", {"Content-Type": "text/html; charset=utf-8"})


def raw(*parts: bytes, then_close: bool = True) -> Behaviour:
    """Exactly these bytes."""

    def behave(exchange: Exchange) -> None:
        for part in parts:
            exchange.send(part)
        if then_close:
            exchange.close()

    return behave


def reset_after(data: bytes = b"") -> Behaviour:
    def behave(exchange: Exchange) -> None:
        exchange.send(data)
        exchange.cut()

    return behave


def drip(head: bytes, one: bytes = b" ", every: float = 0.02) -> Behaviour:
    """``head``, then one piece after another for ever: never silent, never finished."""

    def behave(exchange: Exchange) -> None:
        exchange.send(head)
        while not exchange.server.stopping.wait(every):
            exchange.send(one)

    return behave


def silence(head: bytes = b"") -> Behaviour:
    def behave(exchange: Exchange) -> None:
        exchange.send(head)
        exchange.server.stopping.wait(30)

    return behave


def tunnel(authorization: str | None = None) -> Behaviour:
    """An HTTP proxy's CONNECT; 407 unless the proxy credential is the right one."""

    def behave(exchange: Exchange) -> None:
        if authorization is not None and exchange.headers.get("proxy-authorization") != authorization:
            exchange.reply(407)
            return
        host, _, port = exchange.target.rpartition(":")
        with socket.create_connection((host, int(port))) as onward:
            exchange.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            there = threading.Thread(target=_pump, args=(exchange.connection, onward), daemon=True)
            there.start()
            _pump(onward, exchange.connection)
            there.join(5)
        exchange.close()

    return behave


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def gzip_bomb(megabytes: int, layers: int = 1) -> bytes:
    """Zeros, compressed ``layers`` times."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1 << 20)
    data = b"".join(squeeze.compress(block) for _ in range(megabytes)) + squeeze.flush()
    for _ in range(layers - 1):
        squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
        data = squeeze.compress(data) + squeeze.flush()
    return data


def chunked(pieces: Iterable[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
