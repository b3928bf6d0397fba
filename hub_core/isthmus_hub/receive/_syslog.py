"""Syslog over UDP, TCP and TLS."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress

from isthmus_hub.receive._framing import Framed, Frames
from isthmus_hub.receive._pace import Pace
from isthmus_hub.receive._receiver import Receiver, SpoolFull
from isthmus_sdk.push import Message

BATCH = 500
"""Datagrams that are made durable together."""
IDLE = 3600.0
"""Seconds after which a silent connection is closed."""
STALL = 30.0
"""Seconds in which a message that has begun must be complete."""
FULL_WAIT = 1.0
"""Seconds between two looks for room in a full spool."""
PIECE = 1 << 16
_SO_RXQ_OVFL = 40
_COUNT = struct.Struct("=I")


class UdpListener:
    """Takes datagrams. Nobody is told that one was dropped, so every one that was is counted, those of the kernel too."""

    def __init__(self, bound: socket.socket, receiver: Receiver, name: str) -> None:
        self._socket = bound
        self._receiver = receiver
        self._ended = threading.Event()
        self._overflow = 0
        with suppress(OSError):
            bound.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        bound.settimeout(0.5)
        self._thread = threading.Thread(target=self._run, name=f"receive {name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; what the kernel still holds is taken first."""
        self._ended.set()
        self._thread.join(5.0)
        self._socket.close()

    def _run(self) -> None:
        pace = Pace(self._receiver.config.rate)
        while True:
            batch, seen = self._batch()
            if batch:
                try:
                    self._receiver.take(batch)
                except SpoolFull:
                    self._receiver.refuse("spool full", len(batch))
            if not seen and self._ended.is_set():
                return
            # Above the rate nothing is read: the kernel drops what does not fit its buffer, and says how many.
            self._ended.wait(pace.spend(seen))

    def _batch(self) -> tuple[list[Message], int]:
        """Datagrams that are there, after waiting for the first; and how many were read."""
        batch: list[Message] = []
        seen = 0
        flags = 0
        while seen < BATCH:
            try:
                body, extra, _, address = self._socket.recvmsg(PIECE, 64, flags)
            except (TimeoutError, BlockingIOError):
                break
            except OSError:
                self._receiver.refuse("connection lost")
                break
            flags = socket.MSG_DONTWAIT
            seen += 1
            self._dropped(extra)
            host = str(address[0])
            if not self._receiver.allows(host):
                self._receiver.refuse("sender not allowed")
            elif body.strip(b"\r\n\0 "):
                whole = len(body) if len(body) > self._receiver.max_bytes else None
                batch.append(self._receiver.message(body, host, whole=whole))
        return batch, seen

    def _dropped(self, extra: list[tuple[int, int, bytes]]) -> None:
        for level, kind, data in extra:
            if (level, kind) == (socket.SOL_SOCKET, _SO_RXQ_OVFL) and len(data) >= _COUNT.size:
                (total,) = _COUNT.unpack_from(data)
                if total != self._overflow:
                    self._receiver.refuse("above the rate", (total - self._overflow) & 0xFFFFFFFF)
                    self._overflow = total


def serve_stream(connection: socket.socket, host: str, ended: threading.Event, receiver: Receiver) -> None:
    """One TCP or TLS connection. It is read on only when what came is durable, so a full spool holds the sender back."""
    frames = Frames(receiver.max_bytes)
    pace = Pace(receiver.config.rate)
    begun = time.monotonic()
    while not ended.is_set():
        connection.settimeout(STALL if frames.partial else IDLE)
        try:
            data = connection.recv(PIECE)
        except TimeoutError:
            receiver.refuse("fell silent in a message" if frames.partial else "silent connection closed")
            break
        except OSError:
            _store(frames.close(), host, ended, receiver)
            raise
        if not data:
            break
        before = frames.partial
        found = frames.feed(data)
        if found or not before:
            begun = time.monotonic()
        if found:
            _store(found, host, ended, receiver)
            ended.wait(pace.spend(len(found)))
        elif frames.partial and time.monotonic() - begun > STALL:
            receiver.refuse("too slow")
            break
    _store(frames.close(), host, ended, receiver)


def _store(found: list[Framed], host: str, ended: threading.Event, receiver: Receiver) -> None:
    messages = [receiver.message(one.body, host, whole=one.whole) for one in found if one.body.strip()]
    waited = False
    share = len(messages)
    while messages:
        try:
            receiver.take(messages[:share])
            messages = messages[share:]
        except SpoolFull:
            if share > 1:
                share = 1  # what fits goes in
                continue
            if not waited:
                receiver.refuse("waited for room in the spool", len(messages))
            waited = True
            if ended.wait(FULL_WAIT):
                receiver.refuse("spool full", len(messages))
                return


__all__ = ["UdpListener", "serve_stream"]
