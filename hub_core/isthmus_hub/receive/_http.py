"""HTTP/1.1 for webhooks: h11 reads and writes it, within bounds of size and time that no sender can stretch."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

import h11

from isthmus_hub.receive._receiver import Receiver
from isthmus_hub.receive._webhook import Answer, before_body, posted, too_large

HEAD_BYTES = 16_384
REQUEST_SECONDS = 30.0
"""For one whole request, head and body."""
IDLE_SECONDS = 15.0
"""Between two requests of a connection."""
REQUESTS = 1000
"""Requests of one connection."""
PIECE = 1 << 16


class _Slow(Exception):
    """The sender did not bring its request in time."""


class _Gone(Exception):
    """The sender closed the connection."""


class Routes:
    """Receivers by path, behind one address."""

    def __init__(self, receivers: Mapping[str, Receiver]) -> None:
        self.receivers = dict(receivers)

    def admits(self, host: str) -> bool:
        """Whether this address may send anywhere here."""
        return any(receiver.allows(host) for receiver in self.receivers.values())

    def refuse(self, reason: str) -> None:
        """Count what happened before a path was known, with the first receiver."""
        next(iter(self.receivers.values())).refuse(reason)

    def serve(self, connection: socket.socket, host: str, ended: threading.Event) -> None:
        """The requests of one connection, one after the other."""
        wire = _Wire(connection)
        try:
            for _ in range(REQUESTS):
                if ended.is_set() or not self._request(wire, host):
                    return
        except _Gone:
            return
        except _Slow:
            self.refuse("too slow")
        except h11.RemoteProtocolError as error:
            self.refuse("not HTTP, or broken off" if error.error_status_hint == 400 else "head too large")
            wire.answer(Answer(error.error_status_hint, close=True))
        except h11.LocalProtocolError:
            self.refuse("not HTTP")

    def _request(self, wire: _Wire, host: str) -> bool:
        """One request; false where it was the last."""
        head = wire.head()
        target = head.target.decode("ascii", "replace")
        receiver = self.receivers.get(urlsplit(target).path if target.startswith("/") else "")
        headers = _headers(head)
        if receiver is None:
            self.refuse("unknown path")
            return wire.answer(Answer(404, close=True))
        answer = before_body(receiver, head.method.decode("ascii"), target, headers, host)
        if answer is None:
            body = wire.body(receiver.max_bytes)
            answer = too_large(receiver) if body is None else posted(receiver, headers, body, host)
        return wire.answer(answer)


def _headers(head: h11.Request) -> dict[str, str]:
    """Headers by lower-case name; one that is given several times holds all, with commas between, and so matches nothing."""
    found: dict[str, str] = {}
    for name, value in head.headers:
        key = name.decode("ascii").lower()
        text = value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


class _Wire:
    """h11 on a socket, with a deadline for each request."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self._deadline = 0.0

    def head(self) -> h11.Request:
        """The next request's head. Raises ``_Gone``, ``_Slow`` and what h11 raises for what is no HTTP."""
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        self._deadline = time.monotonic() + IDLE_SECONDS
        event = self._next()
        if not isinstance(event, h11.Request):
            raise _Gone
        self._deadline = time.monotonic() + REQUEST_SECONDS
        return event

    def body(self, most: int) -> bytes | None:
        """The whole body; ``None`` where it is longer than ``most``."""
        if self._http.they_are_waiting_for_100_continue:
            self._send(self._http.send(h11.InformationalResponse(status_code=100, headers=[])))
        parts = bytearray()
        while isinstance(event := self._next(), h11.Data):
            if len(parts) + len(event.data) > most:
                return None
            parts += event.data
        if not isinstance(event, h11.EndOfMessage):
            raise _Gone
        return bytes(parts)

    def answer(self, answer: Answer) -> bool:
        """Send an answer; false where the connection ends with it."""
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return False
        if self._http.their_state is not h11.DONE:
            answer = replace(answer, close=True)
        headers = {**answer.headers, "content-length": str(len(answer.body))}
        if answer.close:
            headers["connection"] = "close"
        response = h11.Response(status_code=answer.status, headers=list(headers.items()))
        data = b"".join(
            part or b"" for part in (
                self._http.send(response), self._http.send(h11.Data(data=answer.body)), self._http.send(h11.EndOfMessage())
            )
        )  # fmt: skip
        self._deadline = time.monotonic() + REQUEST_SECONDS
        self._send(data)
        return not answer.close and self._http.states[h11.SERVER] is h11.DONE

    def _next(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise _Slow
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(PIECE)
            except TimeoutError:
                if self._http.their_state is h11.IDLE and not self._http.trailing_data[0]:
                    raise _Gone from None
                raise _Slow from None
            if not data and self._http.their_state is h11.IDLE and not self._http.trailing_data[0]:
                raise _Gone
            self._http.receive_data(data)
        return event  # type: ignore[return-value]

    def _send(self, data: bytes | None) -> None:
        if data:
            self._socket.settimeout(max(0.1, self._deadline - time.monotonic()))
            self._socket.sendall(data)


__all__ = ["Routes"]
