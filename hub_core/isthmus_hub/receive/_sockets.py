"""Sockets that are listened on, and what bounds who connects."""

from __future__ import annotations

import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from isthmus_hub.config import Endpoint, ReceiveConfig
from isthmus_sdk.errors import ConfigurationError

HANDSHAKE = 10.0
"""Seconds for a TLS handshake."""
BUFFER = 4 << 20
"""Bytes that the kernel keeps for a UDP listener, where it may."""
Handler = Callable[[socket.socket, str, threading.Event], None]
Admit = Callable[[str], bool]
Refuse = Callable[[str], None]


def bind(endpoint: Endpoint) -> socket.socket:
    """A bound socket, listening where that applies. Raises ``ConfigurationError`` that names the address and the cause."""
    kind, host, port = endpoint.socket
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    try:
        if kind == "tcp":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
        if kind == "tcp":
            made.listen(128)
    except OSError as error:
        made.close()
        raise ConfigurationError(f"{endpoint}: cannot be listened on: {error.strerror or error}") from None
    return made


def tls_context(config: ReceiveConfig) -> ssl.SSLContext | None:
    """TLS 1.2 or later; with ``ca``, only for senders with a certificate of it. Raises ``ConfigurationError``."""
    if config.cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(config.cert, config.key, password=_no_password)
        if config.ca is not None:
            context.load_verify_locations(config.ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"receive: cert, key or ca cannot be used: {getattr(error, 'reason', None) or error.strerror or 'not PEM'}"
        ) from None
    return context


def _no_password() -> str:
    raise OSError("the key is encrypted; give it without a password, readable by the hub alone")


class Connections:
    """Accepts connections, each served by a thread of its own, within bounds."""

    def __init__(
        self,
        listening: socket.socket,
        handler: Handler,
        *,
        most: int,
        context: ssl.SSLContext | None,
        admit: Admit,
        refuse: Refuse,
        name: str,
    ) -> None:
        self._listening = listening
        self._handler = handler
        self._most = most
        self._context = context
        self._admit = admit
        self._refuse = refuse
        self._lock = threading.Lock()
        self._open: dict[socket.socket, str] = {}
        self._hosts: Counter[str] = Counter()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._accept, name=f"receive {name}", daemon=True)
        self._thread.start()

    def renew(self, context: ssl.SSLContext | None) -> None:
        """Certificates as they are now, for connections from now on."""
        self._context = context

    def close(self) -> None:
        """Stop accepting and end what is open; what was received and not answered is sent again by those who care."""
        self._ended.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(2.0)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, address = self._listening.accept()
            except OSError:
                if self._ended.is_set():
                    return
                self._ended.wait(0.2)  # out of descriptors: some will be free again
                continue
            host = str(address[0])
            if not self._admit(host):
                self._refuse("sender not allowed")
            elif not self._enter(connection, host):
                self._refuse("too many connections")
            else:
                threading.Thread(target=self._serve, args=(connection, host), daemon=True).start()
                continue
            connection.close()

    def _enter(self, connection: socket.socket, host: str) -> bool:
        with self._lock:
            if len(self._open) >= self._most or self._hosts[host] >= max(1, self._most // 2):
                return False
            self._open[connection] = host
            self._hosts[host] += 1
            return True

    def _serve(self, connection: socket.socket, host: str) -> None:
        held = connection
        context = self._context
        try:
            connection.settimeout(HANDSHAKE)
            if context is not None:
                held = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                held.do_handshake()
            self._handler(held, host, self._ended)
            if isinstance(held, ssl.SSLSocket):
                held.settimeout(1.0)
                with suppress(OSError):
                    held.unwrap()  # the sender is told that nothing was cut off
        except ssl.SSLError:
            self._refuse("TLS failed")
        except OSError:
            self._refuse("connection lost")
        finally:
            with self._lock:
                self._open.pop(connection, None)
                self._hosts[host] -= 1
                if not self._hosts[host]:
                    del self._hosts[host]
            with suppress(OSError):
                held.close()


__all__ = ["Connections", "bind", "tls_context"]
