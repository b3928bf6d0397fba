"""What an acknowledgement of this NATS deployment is worth. Nobody is believed: it is looked up, or it counts as buffered.

A server with default settings acknowledges what only the operating system's memory holds, for up to two minutes; a power
cut then takes whole streams. Ordinary clients cannot ask a server for ``sync_interval``; its monitoring address says it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from isthmus_hub.bus._jetstream.access import NatsAccess
from isthmus_hub.bus._values import Durability
from isthmus_sdk.errors import IsthmusError

MONITOR_SECONDS = 3.0
LOOK_AGAIN_SECONDS = 60.0
REPLICAS_THAT_COUNT = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """Durability in force, and what the operator should know."""

    durability: Durability
    warnings: tuple[str, ...] = ()


def judge(access: NatsAccess, server: str, replicas: int, replies: dict[str, dict[str, Any] | str]) -> Finding:
    """From the connected server's id, the fewest copies that a stream really has, and the monitors' answers. Pure.

    A text in ``replies`` says why a monitor did not answer.
    """
    remedy = "set `sync_interval: always` in the server's jetstream section"
    if replicas >= REPLICAS_THAT_COUNT:
        return Finding("replicated")
    if not access.monitors:
        return Finding(
            "buffered",
            (
                f"{access.where}: what the server acknowledges may be lost in a power cut; {remedy} and name its "
                "monitoring address in [nats] monitor, so that it can be verified",
            ),
        )
    synced, warnings = set(), []
    for monitor, reply in replies.items():
        if isinstance(reply, str):
            warnings.append(f"{monitor}: durability cannot be verified: {reply}")
            continue
        config = reply.get("config") or {}
        if config.get("sync_always") is True:
            synced.add(str(reply.get("server_id", "")))
        else:
            warnings.append(f"{monitor}: the server does not sync before it acknowledges; {remedy}")
    if server not in synced and not warnings:
        warnings.append(
            f"{access.where}: no address in [nats] monitor belongs to the connected server; name one for every server"
        )
    return Finding("buffered", tuple(warnings)) if warnings else Finding("flushed")


class Durable:
    """Asks the monitors, at most once a minute."""

    def __init__(self, access: NatsAccess, server: Callable[[], str]) -> None:
        self._access = access
        self._server = server
        self._asked = -LOOK_AGAIN_SECONDS
        self._of = ""
        self._replies: dict[str, dict[str, Any] | str] = {}

    def finding(self, replicas: int) -> Finding:
        """What is in force now, where every stream has so many copies."""
        server = self._server()
        if server != self._of or time.monotonic() - self._asked >= LOOK_AGAIN_SECONDS:
            replies = {monitor: _ask(monitor) for monitor in self._access.monitors}
            self._replies = replies
            self._asked, self._of = time.monotonic(), server
        return judge(self._access, server, replicas, self._replies)


def _ask(monitor: str) -> dict[str, Any] | str:
    """The reply of ``/jsz``, or why there is none."""
    from isthmus_sdk.http import Http, Limits, NoAuth, Retry
    from isthmus_sdk.url import Url

    try:
        url = Url(monitor)
        limits = Limits(connect=MONITOR_SECONDS, request=MONITOR_SECONDS, wire=2**20, decoded=2**20)
        http = Http(base_url=url, auth=NoAuth(), limits=limits, retry=Retry(attempts=1))
        try:
            found = http.get(url / "jsz").json()
        finally:
            http.close()
    except IsthmusError as error:
        return str(error)
    return found if isinstance(found, dict) else "the answer is not that of a NATS server"


__all__ = ["Durable", "Finding", "judge"]
