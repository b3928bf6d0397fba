"""A loopback HTTP server that may answer well, answer badly, or break the connection at any byte."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

_HEAD = 1 << 16


@dataclass(slots=True)
class Answer:
    """A well-formed reply."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


@dataclass(slots=True)
class Exchange:
    """One request as it arrived, and the connection to answer on."""

    server: LoopbackServer
    connection: socket.socket
    method: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    closed: bool = False

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        """Names and values, decoded, in order."""
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.connection.sendall(data)

    def reply(self, answer: Answer, *, length: int | None = None) -> None:
        """A reply with its length, or with another one on purpose."""
        self.send(head(answer, len(answer.body) if length is None else length) + answer.body)

    def reset(self) -> None:
        """Break the connection off; what was sent may not arrive."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.close()

    def close(self) -> None:
        """End the connection."""
        self.closed = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self.connection.close()


def head(answer: Answer, length: int | None) -> bytes:
    """Status line and header fields."""
    fields = dict(answer.headers)
    if length is not None:
        fields["Content-Length"] = str(length)
    lines = [f"HTTP/1.1 {answer.status} Kit", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


class LoopbackServer:
    """Calls ``serve(exchange)`` for each request, on 127.0.0.1, one thread a connection; use as a context manager."""

    def __init__(self, serve: Callable[[Exchange], None], *, tls: ssl.SSLContext | None = None) -> None:
        self._serve_one = serve
        self._tls = tls
        self.stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.port = int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"{'https' if self._tls else 'http'}://{'localhost' if self._tls else '127.0.0.1'}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # The far side may leave at any byte: nothing that happens on one connection matters to the others.
        with contextlib.suppress(OSError, ValueError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection.settimeout(5)
                connection = self._tls.wrap_socket(connection, server_side=True)
                connection.settimeout(None)
            self._open.add(connection)
            try:
                reader = connection.makefile("rb")
                while (exchange := self._read(connection, reader)) is not None:
                    self._serve_one(exchange)
                    if exchange.closed:
                        break
            finally:
                self._open.discard(connection)
                connection.close()

    def _read(self, connection: socket.socket, reader: Any) -> Exchange | None:
        line = reader.readline(_HEAD)
        if not line.strip():
            return None
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (line := reader.readline(_HEAD)).strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = reader.read(int(headers.get("content-length") or 0))
        return Exchange(self, connection, method, target, headers, body)


__all__ = ["Answer", "Exchange", "LoopbackServer", "head"]
