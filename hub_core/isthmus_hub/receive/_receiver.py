"""One stream's receiver: who may send, what is counted, and where messages become durable."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any

from isthmus_hub.config import ReceiveConfig
from isthmus_hub.receive._spool import Spool, SpoolFull, delivery_digest
from isthmus_sdk.push import Message, Push, Webhook

WEBHOOK_BYTES = 1_000_000
SYSLOG_BYTES = 64_000


class Receiver:
    """Takes messages for one stream of one instance. Safe for several threads."""

    def __init__(
        self,
        instance: str,
        stream: str,
        config: ReceiveConfig,
        push: Push,
        spool: Spool,
        *,
        secrets: Sequence[str] = (),
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.instance = instance
        self.stream = stream
        self.config = config
        self.push = push
        self.spool = spool
        self.secrets = tuple(secret.encode() for secret in secrets)
        self.clock = clock
        self.max_bytes = config.max_bytes or (WEBHOOK_BYTES if isinstance(push, Webhook) else SYSLOG_BYTES)
        self._wake = wake
        self._lock = threading.Lock()
        self._received = 0
        self._bytes = 0
        self._last: float | None = None
        self._refused: Counter[str] = Counter()

    def allows(self, host: str) -> bool:
        """Whether this address may send."""
        if not self.config.senders:
            return True
        address = ip_address(host.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self.config.senders)

    def message(self, body: bytes, peer: str, *, delivery: str = "", whole: int | None = None) -> Message:
        """A message as it came in now; ``whole``: bytes it had where that is too many, -1 where it broke off."""
        return Message(
            body=body[: self.max_bytes],
            at=int(self.clock() * 1000),
            peer=peer,
            delivery=delivery_digest(delivery) if delivery else b"",
            cut=whole or 0,
        )

    def take(self, messages: Sequence[Message]) -> int:
        """Make messages durable; returns how many were known deliveries. Raises ``SpoolFull``, which is not counted here."""
        duplicates = self.spool.append(messages)
        with self._lock:
            self._received += len(messages) - duplicates
            self._bytes += sum(len(message.body) for message in messages)
            self._last = self.clock()
            for reason, count in (
                ("known delivery", duplicates),
                ("too large, beginning kept", sum(message.cut > 0 for message in messages)),
                ("broke off, beginning kept", sum(message.cut < 0 for message in messages)),
            ):
                if count:
                    self._refused[reason] += count
        self._wake()
        return duplicates

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count what was not taken."""
        with self._lock:
            self._refused[reason] += count

    def status(self) -> dict[str, Any]:
        """Counts since the receiver was started, and the spool."""
        with self._lock:
            counted: Mapping[str, int] = dict(sorted(self._refused.items()))
            return {
                "received": self._received,
                "received_bytes": self._bytes,
                "last_received": self._last,
                "refused": counted,
                "spool_bytes": self.spool.bytes,
            }


__all__ = ["Receiver", "SpoolFull"]
