"""What a hub shows of itself: status, coverage, gaps and the report, as plain data computed from its parts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from isthmus_hub import coverage as covering
from isthmus_hub import report as reporting
from isthmus_hub.bus import FORWARD_GROUP, OBSERVED, RESOLVED, Bus, Group, platform_of
from isthmus_hub.config import Config
from isthmus_hub.delivery import Expired
from isthmus_hub.forward import presences
from isthmus_hub.runtime import copy_notice, required_level
from isthmus_sdk.errors import ConfigurationError, IsthmusError, RetriableError

if TYPE_CHECKING:
    from isthmus_hub.hub import Hub

SILENT_SECONDS = 86_400.0
"""After which a group of a shared bus that has entries to read counts as left behind."""


def status(hub: Hub) -> dict[str, Any]:
    """The shape of ``status --json``."""
    health = hub.bus.health()
    copied = copy_notice(hub.state.path)
    counts = hub.stored()
    waits = [hub.waits] if hub.waits else []
    return {
        "instances": _rows(instance_status, hub, hub.config.connectors, _NO_INSTANCE),
        "platforms": _rows(platform_status, hub, hub.config.platforms, _NO_PLATFORM),
        "bus": {
            "engine": health.engine,
            "durability": health.durability,
            "free_bytes": health.free_bytes,
            "warnings": [*health.warnings, *waits, *([copied] if copied else []), *_abandoned(hub)],
            "streams": [
                {
                    "name": stream.name,
                    "first": stream.first,
                    "last": stream.last,
                    "bytes": stream.stored_bytes,
                    "groups": {group.name: group.lag for group in stream.groups},
                }
                for stream in health.streams
            ],
        },
        "store": counts,
    }


_NO_INSTANCE: dict[str, Any] = {
    "state": "unknown", "last_success": None, "lag_seconds": None, "records": 0, "quarantined": 0, "held": [], "drift": [],
    "receivers": [],
    "isolation": "process", "network": "open", "isolation_reason": "",
}  # fmt: skip
_NO_PLATFORM: dict[str, Any] = {
    "in": 0, "accepted": 0, "duplicate": 0, "rejected": 0, "dropped": {}, "pending": 0, "dead": 0, "expired": None,
}  # fmt: skip


def _rows(
    show: Callable[[Hub, str], dict[str, Any]], hub: Hub, names: Iterable[str], empty: dict[str, Any]
) -> list[dict[str, Any]]:
    """The rows of instances or platforms; where a file of the state directory cannot be read, the row that says so."""
    rows = []
    for name in names:
        try:
            rows.append(show(hub, name))
        except IsthmusError as error:
            rows.append({"name": name, **empty, "error": str(error), "group": error.group})
        except KeyError:
            if name in hub.config.connectors or name in hub.config.platforms:
                raise
            # else a daemon took a configuration without it while it was looked at
    return rows


def _abandoned(hub: Hub) -> list[str]:
    try:
        return abandoned(hub.bus, hub.config)
    except IsthmusError:  # a stream that cannot be read is among the warnings already
        return []


def abandoned(bus: Bus, config: Config) -> list[str]:
    """Groups that the configuration no longer has a reader for; each holds back what it never read.

    On a shared bus they may be another hub's: there only those are named that left entries unread for a day, and only
    where no other hub delivers.
    """
    gone = _unread(bus, config)
    where = ""
    if config.hub.bus != "sqlite" and gone:
        now = time.time()
        gone = [found for found in gone if found[1].lag and now - found[1].updated_at > SILENT_SECONDS]
        if gone and _others_deliver(bus, config.hub.name):
            return []
        where = " here and has read nothing for a day"
    return [
        f"stream {stream}: {group.lag} entries are kept for {reader}, which is not configured{where}: "
        f"`isthmus bus forget {stream} {group.name}` lets them go"
        for stream, group, reader in gone
    ]


def _unread(bus: Bus, config: Config) -> list[tuple[str, Group, str]]:
    """Groups as the hub itself names them that this configuration does not read: stream, group, for whom it read."""
    gone = [
        (RESOLVED, group, f"platform {platform}")
        for group in bus.groups(RESOLVED)
        if (platform := platform_of(group.name)) is not None and platform not in config.platforms
    ]
    if config.hub.forward is None:
        gone += [(OBSERVED, group, "forwarding") for group in bus.groups(OBSERVED) if group.name == FORWARD_GROUP]
    return gone


def _others_deliver(bus: Bus, name: str) -> bool:
    """Whether another hub than ``name`` that may deliver has not left the bus in good order."""
    return any(
        presence.word.hub != name
        and presence.word.role == "centre"
        and not presence.word.released
        and presence.stored_at is not None
        for presence in presences(bus)
    )


def instance_status(hub: Hub, name: str) -> dict[str, Any]:
    """How a connector instance does: the last run, what waits in quarantine, the isolation in force."""
    last = hub.journal.last(name)
    settings = hub.config.connectors[name]
    failed = next((row["error"] for row in last.get("runs", ()) if row["error"]), None)
    state = "disabled" if not settings.enabled else "failed" if failed else "ok" if last else "never ran"
    success = last.get("last_success")
    passed = (datetime.now(UTC) - datetime.fromisoformat(success)).total_seconds() if success else None
    lag = None if passed is None else max(0.0, passed)  # the clock may have been set back since
    return {
        "name": name,
        "use": settings.use,
        "state": state,
        "last_success": success,
        "lag_seconds": None if lag is None else round(lag, 1),
        "records": last.get("records", 0),
        "quarantined": sum(count.waiting for count in hub.quarantine.counts() if count.instance == name),
        "error": failed["message"] if failed else None,
        "held": held_snapshots(hub, name),
        "drift": drifted_fields(hub, name),
        "receivers": [{"stream": stream, **hub.receivers.status(name, stream)} for stream in settings.receive],
        **_isolation(hub, name, last),
    }


def _isolation(hub: Hub, name: str, last: dict[str, Any]) -> dict[str, Any]:
    """The level that held the last run, and why it was no better; never more than was reached."""
    row: dict[str, Any] = next((row for row in last.get("runs", ()) if "isolation" in row), {})
    required, where = required_level(hub.config, name)
    reason = f"lowered by the configuration at {where}" if required == "process" else row.get("isolation_reason", "")
    return {
        "isolation": row.get("isolation", "process"),
        "network": row.get("network", "open"),
        "isolation_reason": reason,
    }


def held_snapshots(hub: Hub, name: str) -> list[dict[str, Any]]:
    """Snapshots of an instance that wait for a confirmation, and the command that gives it."""
    streams = [row["stream"] for row in hub.journal.last(name).get("runs", ()) if row.get("snapshot")]
    found = ((stream, hub.inventories.waiting(name, stream)) for stream in streams)
    return [
        {"stream": stream, **waiting, "confirm": f"isthmus assets confirm-absence {name} {stream}"}
        for stream, waiting in found
        if waiting
    ]


def drifted_fields(hub: Hub, name: str) -> list[dict[str, Any]]:
    """By stream: fields that differ from what the connector expects, each with the time since when; and how to accept."""
    return [
        {
            "stream": stream,
            **{kind: {field: one.since for field, one in fields.items()} for kind, fields in drift.open.items()},
            "accept": f"isthmus drift accept {name} {stream}",
        }
        for stream, drift in sorted(hub.journal.drift(name).items())
        if drift.open
    ]


def accept_drift(hub: Hub, instance: str, stream: str | None = None) -> dict[str, Any]:
    """Take fields that differ as known. Raises :class:`ConfigurationError` for an instance or a stream that is not there."""
    hub.config.connector_named(instance)
    followed = hub.journal.drift(instance)
    if stream is not None and stream not in followed:
        seen = ", ".join(sorted(followed)) or "none"
        raise ConfigurationError(f"{instance}: no run has told of the fields of a stream {stream!r}; of these: {seen}")
    try:
        accepted = hub.journal.accept_drift(instance, stream)
    except OSError as error:
        raise RetriableError(f"{hub.state.runs}: cannot be written ({error.strerror}); nothing was accepted") from None
    rows = {
        name: {kind: sorted(fields) for kind, fields in drift.open.items()} for name, drift in sorted(accepted.items())
    }
    return {"instance": instance, "accepted": rows}


def confirm_absence(hub: Hub, instance: str, stream: str) -> dict[str, Any]:
    """Put a held snapshot in force and resolve what follows. Raises :class:`ConfigurationError` where nothing waits."""
    hub.config.connector_named(instance)
    waiting = hub.inventories.waiting(instance, stream)
    mark = hub.inventories.confirm(instance, stream, hub.config.source_id(instance))
    hub.resolve()
    return {
        "instance": instance,
        "stream": stream,
        "observed_at": mark.observed_at,
        "vanished": waiting["vanished"] if waiting else 0,
        "absent": mark.counts[1],
    }


def platform_status(hub: Hub, name: str) -> dict[str, Any]:
    """What a platform was given over its life, and what still waits for it."""
    taken = hub.ledger.intake(name) or 0
    totals = hub.ledger.totals(name).plus_pending(max(0, hub.bus.end(RESOLVED) - taken))
    settings = hub.config.platforms[name]
    return {
        "name": name,
        "use": settings.use,
        "primary": name == hub.config.primary,
        "max_tlp": settings.max_tlp,
        **totals.to_json(),
        "group": totals.group,
        "expired": expired_entries(hub, name),
    }


def expired_entries(hub: Hub, name: str) -> dict[str, Any] | None:
    """Entries of ``resolved`` that retention removed before a platform was told of them, and what to do; else ``None``."""
    taken = hub.ledger.intake(name)
    oldest, _ = hub.bus.ends(RESOLVED)
    if taken is not None and taken + 1 < oldest:
        lost, remedy = Expired(taken + 1, oldest - 1), "the next delivery goes on from the store"
    elif (served := hub.ledger.expired(name)) is not None:
        lost, remedy = served, "delivery went on from the store, with what is current"
    else:
        return None
    remedy += f"; to tell the platform everything anew: `isthmus deliver {name} --from store`"
    at = None if lost.at is None else datetime.fromtimestamp(lost.at, UTC).isoformat(timespec="seconds")
    return {
        "first": lost.first,
        "last": lost.last,
        "entries": lost.last - lost.first + 1,
        "served": at and at.replace("+00:00", "Z"),
        "remedy": remedy,
    }


def told_of_expired(name: str, expired: Mapping[str, Any]) -> str:
    """One line for people about :func:`expired_entries`."""
    when = f" ({expired['served']})" if expired["served"] else ""
    return (
        f"{name}: {expired['entries']} entries of resolved (offsets {expired['first']} to {expired['last']}) were removed "
        f"before it read them{when}: {expired['remedy']}"
    )


def report(hub: Hub, owner: str | None = None) -> str:
    """One self-contained HTML page: who sees what, zones and conduits, coverage, gaps, the inventory, deliveries."""
    watching, configured = hub.watching(owner), hub.sources()
    everything, mine = watching.asked.everything, watching.asked.chosen
    return reporting.page(
        reporting.Findings(
            hub=hub.name,
            primary=hub.config.primary,
            assets=mine,
            zones=hub.zones_of(everything, watching.communications, None if owner is None else mine),
            coverage=watching.coverage,
            gaps=watching.gaps,
            exposures=watching.exposures,
            unseen=watching.unseen,
            deliveries=[platform_status(hub, name) for name in hub.config.platforms],
            host=_sensing(configured, covering.HOST_COMPONENTS),
            wire=_sensing(configured, covering.WIRE_COMPONENTS),
            as_of=max((str(asset["last_seen"]) for asset in mine if asset["last_seen"]), default="never"),
            owner=owner,
        )
    )


def _sensing(configured: Sequence[covering.Source], components: Sequence[str]) -> frozenset[str]:
    """Instances whose connectors detect with such data components."""
    return frozenset(
        source.instance
        for source in configured
        if source.instance
        and any(item.function == "detect" and item.collects(components) for item in source.capabilities)
    )
