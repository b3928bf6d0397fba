"""All receivers of a hub: opened and closed as the configuration says, untouched where it says the same as before."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import structlog

from isthmus_hub.config import Config, Endpoint, ReceiveConfig
from isthmus_hub.receive._http import Routes
from isthmus_hub.receive._receiver import Receiver
from isthmus_hub.receive._sockets import Connections, bind, tls_context
from isthmus_hub.receive._spool import Spool
from isthmus_hub.receive._syslog import UdpListener, serve_stream
from isthmus_sdk.errors import ConfigurationError, IsthmusError
from isthmus_sdk.push import Push, Webhook

log = structlog.get_logger("isthmus.receive")
Key = tuple[str, str]
"""Instance and stream."""


class Parts(Protocol):
    """What receivers need of a hub."""

    @property
    def config(self) -> Config: ...

    def spool(self, instance: str, stream: str) -> Spool:
        """The spool of a stream."""
        ...

    def push_of(self, instance: str) -> Mapping[str, Push]:
        """What the instance's connector declares, by stream."""
        ...

    def receive_secrets(self, instance: str, stream: str) -> list[str]:
        """Secrets of a receiver, resolved now."""
        ...


class Listening(Protocol):
    """An open socket that is served."""

    def close(self) -> None:
        """Stop."""


@dataclass(slots=True)
class _Socket:
    """One address: who is behind it, and how it does."""

    endpoint: Endpoint
    receivers: dict[str, Receiver]
    """By path; of syslog the one, by ``""``."""
    listening: Listening | None = None
    port: int = 0
    error: str | None = None
    tried: float = field(default_factory=time.monotonic)


class Receivers:
    """Use :meth:`apply` at the start and after each change of the configuration; :meth:`close` at the end."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = threading.RLock()
        self._receivers: dict[Key, Receiver] = {}
        self._problems: dict[Key, str] = {}
        self._sockets: dict[tuple[str, str, int], _Socket] = {}
        self._woken: dict[str, threading.Event] = {}
        self._since = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

    def apply(self) -> None:
        """Open what the configuration has and close what it no longer has. What cannot be opened is named and tried again."""
        with self._lock:
            self._receivers = self._wanted()
            wanted: dict[tuple[str, str, int], _Socket] = {}
            for key, receiver in self._receivers.items():
                for endpoint in receiver.config.listen:
                    at = endpoint.socket if endpoint.port else (*endpoint.socket[:2], -1 - len(wanted))
                    found = wanted.setdefault(at, _Socket(endpoint, {}))
                    found.receivers[endpoint.path] = receiver
                self._event(key[0])
            for at, former in list(self._sockets.items()):
                fresh = wanted.get(at)
                if fresh is None or not _same(former, fresh):
                    _close(former)
                    del self._sockets[at]
            for at, socket in wanted.items():
                if at not in self._sockets:
                    self._sockets[at] = socket
                    self._open(socket)
                else:
                    self._renew(self._sockets[at])

    def tend(self) -> None:
        """Try again what could not be opened."""
        with self._lock:
            if self._problems:
                self.apply()
            for socket in self._sockets.values():
                if socket.listening is None:
                    self._open(socket)

    def close(self) -> None:
        """Close every socket. What was answered is in the spools."""
        with self._lock:
            for socket in self._sockets.values():
                _close(socket)
            self._sockets.clear()
            self._receivers.clear()
        self.wake_all()

    # -- for runs --------------------------------------------------------------------------------------------------------

    def streams(self, instance: str) -> list[str]:
        """Streams of an instance that something is received for."""
        with self._lock:
            return [stream for owner, stream in self._receivers if owner == instance]

    def wait(self, instance: str, seconds: float) -> bool:
        """Wait until something came in for an instance; false where nothing did in time."""
        event = self._event(instance)
        came = event.wait(seconds)
        event.clear()
        return came

    def wake_all(self) -> None:
        """End every :meth:`wait`."""
        for event in list(self._woken.values()):
            event.set()

    # -- for people ------------------------------------------------------------------------------------------------------

    def status(self, instance: str, stream: str) -> dict[str, Any]:
        """Addresses and counts of one receiver."""
        with self._lock:
            receiver = self._receivers.get((instance, stream))
            if receiver is None:
                return self._at_rest(instance, stream)
            listen = [
                {"address": _address(socket, path), "listening": socket.listening is not None, "error": socket.error}
                for socket in self._sockets.values()
                for path, behind in socket.receivers.items()
                if behind is receiver
            ]
        return {"listen": listen, "since": self._since, "error": None, **receiver.status()}

    def _at_rest(self, instance: str, stream: str) -> dict[str, Any]:
        """Of a receiver that is not set up: no daemon runs, or something is wrong."""
        listen = self._parts.config.connectors[instance].receive[stream].listen
        return {
            "listen": [{"address": str(one), "listening": False, "error": None} for one in listen],
            "since": None,
            "error": self._problems.get((instance, stream)),
            "received": 0,
            "received_bytes": 0,
            "last_received": None,
            "refused": {},
            "spool_bytes": self._parts.spool(instance, stream).bytes,
        }

    # -- opening ---------------------------------------------------------------------------------------------------------

    def _wanted(self) -> dict[Key, Receiver]:
        """Receivers as configured now; the same objects where nothing changed."""
        wanted: dict[Key, Receiver] = {}
        self._problems = {}
        for instance, connector in self._parts.config.connectors.items():
            for stream, config in connector.receive.items() if connector.enabled else ():
                try:
                    wanted[instance, stream] = self._receiver(instance, stream, config)
                except IsthmusError as error:
                    self._problems[instance, stream] = str(error)
                    log.error("receiver cannot be set up", instance=instance, stream=stream, error=str(error))
        return wanted

    def _receiver(self, instance: str, stream: str, config: ReceiveConfig) -> Receiver:
        push = self._parts.push_of(instance).get(stream)
        if push is None:
            raise ConfigurationError(f"{instance}: stream {stream!r} cannot be pushed, as its connector says")
        secrets = self._parts.receive_secrets(instance, stream)
        before = self._receivers.get((instance, stream))
        if before is not None and before.config == config and before.push == push:
            before.secrets = tuple(secret.encode() for secret in secrets)
            return before
        return Receiver(
            instance, stream, config, push, self._parts.spool(instance, stream), secrets=secrets,
            wake=self._event(instance).set,
        )  # fmt: skip

    def _event(self, instance: str) -> threading.Event:
        return self._woken.setdefault(instance, threading.Event())

    def _open(self, socket: _Socket) -> None:
        receiver = next(iter(socket.receivers.values()))
        name = str(socket.endpoint)
        before = socket.error
        try:
            context = tls_context(receiver.config) if socket.endpoint.scheme in ("tls", "https") else None
            bound = bind(socket.endpoint)
        except ConfigurationError as error:
            socket.error = str(error)
            if before is None:
                log.error("receiver does not listen", instance=receiver.instance, address=name, error=str(error))
            return
        socket.error, socket.port = None, int(bound.getsockname()[1])
        if socket.endpoint.scheme == "udp":
            socket.listening = UdpListener(bound, receiver, name)
        else:
            routes = Routes(socket.receivers)
            webhook = isinstance(receiver.push, Webhook)
            socket.listening = Connections(
                bound,
                routes.serve if webhook else partial(serve_stream, receiver=receiver),
                most=max(one.config.connections for one in socket.receivers.values()),
                context=context,
                admit=routes.admits,
                refuse=routes.refuse,
                name=name,
            )
        log.info("receiver listens", instance=receiver.instance, address=name, port=socket.port)

    def _renew(self, socket: _Socket) -> None:
        if isinstance(socket.listening, Connections) and socket.endpoint.scheme in ("tls", "https"):
            try:
                socket.listening.renew(tls_context(next(iter(socket.receivers.values())).config))
            except ConfigurationError as error:
                log.error("receiver keeps its former certificate", address=str(socket.endpoint), error=str(error))


def check_addresses(config: ReceiveConfig, *, open_here: Iterable[str] = ()) -> list[str]:
    """Findings about each address: listening already, or whether it can be listened on. Raises ``ConfigurationError``."""
    tls_context(config)
    lines = []
    for endpoint in config.listen:
        if str(endpoint) in open_here:
            lines.append(f"{endpoint}: is listened on")
        else:
            bind(endpoint).close()
            lines.append(f"{endpoint}: can be listened on; `isthmus run` does")
    return lines


def _same(former: _Socket, fresh: _Socket) -> bool:
    return former.endpoint.scheme == fresh.endpoint.scheme and former.receivers == fresh.receivers


def _close(socket: _Socket) -> None:
    if socket.listening is not None:
        socket.listening.close()
        socket.listening = None


def _address(socket: _Socket, path: str) -> str:
    endpoint = socket.endpoint
    return str(Endpoint(endpoint.scheme, endpoint.host, socket.port or endpoint.port, path))


__all__ = ["Receivers", "check_addresses"]
