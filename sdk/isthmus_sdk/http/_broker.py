"""The HTTP client of a connector without a network: it describes its requests, and its hub makes them.

Origins, retries, limits, rate and credential are the hub's; see ``runtime/_broker.py`` there. What is left here is what
needs the connector's own code: looking at a reply, and asking again where it broke off inside.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any

from isthmus_sdk import errors, protocol
from isthmus_sdk.errors import ConfigurationError, Interrupted, IsthmusError
from isthmus_sdk.http._broker_auth import describe
from isthmus_sdk.http._client import Http
from isthmus_sdk.http._clock import as_callable
from isthmus_sdk.http._message import Headers, Request, Response
from isthmus_sdk.http._policy import Limits, Rate, Retry
from isthmus_sdk.http._retry import Again, retrying
from isthmus_sdk.url import Url

_log = logging.getLogger("isthmus.http")
_LOOK_SECONDS = 0.5
CONNECTION = 0
"""The id of the answer to `connect`."""


class Channel:
    """Questions to the hub and their answers, which may come in parts and in any order. Safe for several threads."""

    def __init__(self, send: Callable[[protocol.WorkerFrame], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._next = CONNECTION + 1
        self._waiting: dict[int, queue.Queue[protocol.Reply]] = {}

    def answered(self, frame: protocol.Reply) -> None:
        """Take a part of an answer; one that nobody waits for any more is dropped."""
        with self._lock:
            waiting = self._waiting.get(frame.id)
        if waiting is not None:
            waiting.put(frame)

    def connect(self, frame: protocol.Connect, cancelled: Callable[[], bool]) -> None:
        """Say what this client is. Raises what the hub has against it."""
        self._collect(CONNECTION, lambda: self._send(frame), cancelled)

    def ask(self, make: Callable[[int], protocol.Ask], cancelled: Callable[[], bool]) -> tuple[protocol.Reply, bytes]:
        """Ask, and wait for the whole answer. Raises the error that the hub met, ``Interrupted`` when it is cancelled."""
        with self._lock:
            number = self._next
            self._next += 1
        return self._collect(number, lambda: self._send(make(number)), cancelled)

    def _collect(
        self, number: int, send: Callable[[], None], cancelled: Callable[[], bool]
    ) -> tuple[protocol.Reply, bytes]:
        answers: queue.Queue[protocol.Reply] = queue.Queue()
        with self._lock:
            self._waiting[number] = answers
        parts: list[bytes] = []
        try:
            send()
            while True:
                frame = _next(answers, cancelled)
                if frame.error is not None:
                    raise _error(frame.error)
                parts.append(frame.body)
                if not frame.more:
                    return frame, b"".join(parts)
        finally:
            with self._lock:
                del self._waiting[number]


class BrokeredHttp(Http):
    """Stands in for :class:`Http` where there is no network. Same methods, same errors."""

    def __init__(self, channel: Channel, **options: Any) -> None:
        super().__init__(transport=_NoNetwork(), **options)
        self._channel = channel
        if self._retry.hint is not None:
            _log.warning(
                "retry.hint is code, which a hub never runs: the vendor's own way to ask for patience is not read"
            )
        self._connected = threading.Lock(), [False]
        self._declared = protocol.Connect(
            base_url=str(self.base_url),
            origins=[str(origin) for origin in options.get("origins", ())],
            auth=describe(self.auth),
            rate=_as_data(options.get("rate")),
            rates={path: _as_data(each) or {} for path, each in (options.get("rates") or {}).items()},
            limits=_as_data(options.get("limits")) or {},
            retry=_as_data(options.get("retry")) or {},
            user_agent=str(options.get("user_agent", "")),
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        deadline: float | None = None,
        with_credentials: bool = True,
        accept: Collection[int] = (),
        check: Callable[[Response], None] | None = None,
    ) -> Response:
        """As :meth:`Http.request`; the hub sends it."""
        request = self._request(method, url, params, json, content, headers, idempotent)
        until = min(instant for instant in (deadline, self.run_until, float("inf")) if instant is not None)

        def attempt() -> Response:
            reply = self._ask(request, until, with_credentials, accept)
            if check is not None:
                check(reply)
            return reply

        try:
            return retrying(
                self._retry, now=time.monotonic, until=until, sleep=self._sleep, before=lambda failure, seconds: None
            )(attempt)
        except Again as failure:
            raise failure.error from None

    def _ask(self, request: Request, until: float, with_credentials: bool, accept: Collection[int]) -> Response:
        self._connect()
        left = None if until == float("inf") else until - time.monotonic()
        head, body = self._channel.ask(
            lambda number: protocol.Ask(
                id=number,
                method=request.method,
                url=str(request.url),
                headers=dict(request.headers.pairs()),
                content=request.content,
                idempotent=request.idempotent,
                seconds=left,
                with_credentials=with_credentials,
                accept=sorted(accept),
            ),
            as_callable(self.cancel),
        )
        pairs = [(name, value) for name, value in head.headers]
        return Response(head.status, Headers(pairs), body, Url(head.url), request.method, head.received_at)

    def _connect(self) -> None:
        lock, connected = self._connected
        with lock:
            if not connected[0]:
                self._channel.connect(self._declared, as_callable(self.cancel))
                connected[0] = True


class _NoNetwork:
    """In the place of a transport: nothing of this client is to reach for one."""

    def handle_request(self, request: Any) -> Any:
        raise ConfigurationError("this connector has no network: its hub makes its requests")

    def close(self) -> None:
        """Nothing is open."""


def _as_data(policy: Rate | Limits | Retry | None) -> dict[str, Any] | None:
    """A policy without what is code in it (the reader of a vendor's own wish to wait)."""
    return None if policy is None else {name: value for name, value in asdict(policy).items() if not callable(value)}


def _next(answers: queue.Queue[protocol.Reply], cancelled: Callable[[], bool]) -> protocol.Reply:
    while True:
        try:
            return answers.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            if cancelled():
                raise Interrupted("given up because the run was asked to stop") from None


def _error(frame: protocol.Refused) -> IsthmusError:
    kind = getattr(errors, frame.kind, None)
    if not (isinstance(kind, type) and issubclass(kind, IsthmusError)):
        return IsthmusError(frame.message)
    if issubclass(kind, errors.RetriableError):
        return kind(frame.message, not_before=frame.not_before)
    return kind(frame.message)


__all__ = ["CONNECTION", "BrokeredHttp", "Channel"]
