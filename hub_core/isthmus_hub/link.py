"""A hub's place among several: the link of a collector to its centre, and what a centre sees of its collectors.

Like `views`, this is plain data computed from a hub's parts. Everything a centre says of its collectors comes from the bus.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from isthmus_hub import views
from isthmus_hub.bus import CHECKPOINT_GROUP, OBSERVED, RESOLVE_GROUP, OffsetExpired
from isthmus_hub.forward import (
    HUBS,
    Claim,
    Forwarder,
    NameTaken,
    Presence,
    Roster,
    Who,
    conflicts,
    forwarding,
    presences,
)
from isthmus_sdk.errors import ConfigurationError, IsthmusError

if TYPE_CHECKING:
    from isthmus_hub.hub import Hub

log = structlog.get_logger("isthmus.link")
SAY_SECONDS = 60.0


def forwarder(hub: Hub) -> Forwarder:
    """The forwarder of a collector; registers its group, so that retention waits for it from now on."""
    if not hub.resolves:
        for group in (RESOLVE_GROUP, CHECKPOINT_GROUP):
            # of a time when this hub did resolve: it would hold retention back for ever
            hub.bus.forget(OBSERVED, group)
    who = Who(hub.name, hub.state.origin, socket.gethostname(), lambda: claims(hub), hub.redactor.text)
    return Forwarder(hub.bus, lambda: hub.open_bus(centre_of(hub)), who)


def centre_of(hub: Hub) -> str:
    """Address of the centre's bus. Raises :class:`ConfigurationError` where this hub forwards to nobody."""
    if hub.config.hub.forward is None:
        raise ConfigurationError(f"{hub.config.file}: [hub] has no `forward`: this hub is not a collector")
    return hub.config.hub.forward


def claims(hub: Hub) -> list[Claim]:
    """What this hub reads, and how each instance does."""
    out = []
    for name, settings in hub.config.connectors.items():
        if settings.enabled:
            row = views.instance_status(hub, name)
            source = hub.config.source_id(name)
            out.append(Claim(name, source, row["state"], row["last_success"], row["quarantined"]))
    return out


def is_shared(hub: Hub) -> bool:
    """Whether other hubs may be on this hub's bus."""
    return hub.config.hub.bus != "sqlite" or HUBS in hub.bus.streams()


def keep_place(hub: Hub, stop: threading.Event) -> None:
    """The centre's place on the roster of its own bus, until ``stop`` is set; what hubs claim twice is logged once."""
    roster: Roster | None = None
    told: set[str] = set()
    while not stop.is_set():
        try:
            if is_shared(hub):
                roster = roster or Roster(
                    hub.bus, hub=hub.name, role="centre", origin=hub.state.origin, host=socket.gethostname()
                )
                told = _tell(conflicts(roster.say(claims=tuple(claims(hub))), _now(hub)), told)
                roster.tidy()
        except NameTaken as error:
            told = _tell([str(error)], told)
        except IsthmusError as error:
            log.warning("roster waits", error=str(error))
        stop.wait(SAY_SECONDS)
    if roster is not None:
        with suppress(IsthmusError):  # the lease runs out by itself
            roster.leave(2.0, claims=tuple(claims(hub)))


def _tell(problems: list[str], told: set[str]) -> set[str]:
    for problem in problems:
        if problem not in told:
            log.error("hubs contradict each other", problem=problem)
    return set(problems)


def _now(hub: Hub) -> float:
    """The bus's clock, from whoever spoke last."""
    return max((presence.stored_at or 0.0 for presence in presences(hub.bus)), default=0.0)


def status(hub: Hub) -> dict[str, Any]:
    """What several hubs add to ``status --json``."""
    shared = is_shared(hub)
    found = presences(hub.bus) if shared else []
    return {
        "hub": {
            "name": hub.name,
            "role": "collector" if hub.config.hub.forward else "centre",
            "resolves": hub.resolves,
        },
        "forward": forward_status(hub) if hub.config.hub.forward else None,
        "hubs": _hubs(hub, found),
        "conflicts": conflicts(found, time.time()),
    }


def forward_status(hub: Hub) -> dict[str, Any]:
    """The link of a collector, and what waits for it."""
    where, state = forwarding(hub.bus), hub.forwarder.state
    waits = where.oldest_pending
    return {
        "to": hub.config.hub.forward,
        "link": state.link,
        "error": state.error or None,
        "durability": state.durability or None,
        "position": where.position,
        "pending": where.pending,
        "lag_seconds": 0.0 if waits is None else round(max(0.0, time.time() - waits), 1),
        "blocks": state.blocks,
        "duplicates": state.duplicates,
        "warnings": list(state.warnings),
    }


def _hubs(hub: Hub, found: list[Presence]) -> list[dict[str, Any]]:
    """Every other hub that was ever heard on the bus."""
    if not found:
        return []
    newest: dict[str, int] = {}
    for offset, meta in hub.bus.latest(OBSERVED).values():
        author = msgspec.msgpack.decode(meta).get("hub", "") if meta else ""
        newest[author] = max(newest.get(author, 0), offset)
    now = time.time()
    return [
        _hub(presence, _stored_at(hub, newest.get(presence.word.hub, 0)), now)
        for presence in found
        if presence.word.origin != hub.state.origin
    ]


def _hub(presence: Presence, block_at: float | None, now: float) -> dict[str, Any]:
    word = presence.word
    heard = max(presence.stored_at or 0.0, block_at or 0.0)
    return {
        "name": word.hub,
        "role": word.role,
        "host": word.host,
        "state": "left" if word.released else "alive" if presence.lives(now) else "silent",
        "last_heard": _iso(heard or None),
        "last_block": _iso(block_at),
        "lag_seconds": round(max(0.0, now - heard), 1) if heard else None,
        "pending": word.pending,
        "gaps": word.gaps,
        "instances": [msgspec.to_builtins(claim) for claim in word.claims],
    }


def _stored_at(hub: Hub, offset: int) -> float | None:
    if not offset:
        return None
    try:
        blocks = hub.bus.read(OBSERVED, offset, 1)
    except OffsetExpired:
        return None
    return blocks[0].stored_at if blocks and not blocks[0].damage else None


def _iso(moment: float | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check(hub: Hub) -> list[str]:
    """Reach the centre and look at it, changing nothing; returns findings. Raises what is wrong with the link."""
    address = centre_of(hub)
    with closing(hub.open_bus(address)) as centre:
        health = centre.health((OBSERVED, HUBS))
        found = presences(centre)
    where = forwarding(hub.bus)
    others = [
        presence for presence in found if presence.word.hub == hub.name and presence.word.origin != hub.state.origin
    ]
    now = time.time()
    for other in others:
        if other.lives(now):
            raise NameTaken(
                f"hub {hub.name!r} is on the bus at {address} already, run on {other.word.host}: give this one another [hub] name"
            )
    return [
        f"reached {address}: {health.engine}, durability {health.durability}",
        *(f"warning: {warning}" for warning in (*health.warnings, *conflicts(found, now))),
        f"{where.pending} entries wait to be forwarded",
    ]


__all__ = ["centre_of", "check", "claims", "forward_status", "forwarder", "is_shared", "keep_place", "status"]
