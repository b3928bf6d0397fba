"""How long the embedded bus keeps what everybody has read: until its share of ``[hub] quota`` is used.

``observed`` is what ``isthmus store rebuild`` replays, so a block leaves it only when a checkpoint of the store stands for
it: the group ``checkpoint`` holds retention back like any consumer. Nothing leaves a stream that a registered group has
not committed. Where a group stays behind until a stream has used its share, the stream before it stops: ``resolved`` full
stops resolving, ``observed`` full stops intake; both go on by themselves.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from isthmus_hub.assets import Resolver
from isthmus_hub.bus import (
    CHECKPOINT_GROUP,
    EARLIEST,
    OBSERVED,
    RESOLVE_GROUP,
    RESOLVED,
    Bus,
    OffsetExpired,
    Retention,
)
from isthmus_hub.config import Config
from isthmus_hub.store import Store, relay, save_checkpoint
from isthmus_sdk.errors import ConfigurationError, IsthmusError

log = structlog.get_logger("isthmus.keeping")
SHARE_OBSERVED, SHARE_RESOLVED = 0.4, 0.2
"""Of the quota; the rest is for the store, its checkpoint, ledger and quarantine."""
CHECKPOINT_AT = 0.7
"""Of its share that ``observed`` has used when a new checkpoint is due."""


class Keeping:
    """Retention of one hub. ``checkpoint`` is the checkpoint's file; ``None`` for a hub without a store."""

    def __init__(self, bus: Bus, quota: int, checkpoint: Path | None) -> None:
        self._bus = bus
        self._checkpoint = checkpoint
        self.waits = ""
        """Why resolving waits, as last looked."""
        self._observed = max(int(quota * SHARE_OBSERVED), 1)
        self._resolved = max(int(quota * SHARE_RESOLVED), 1)

    @classmethod
    def begun(cls, bus: Bus, config: Config | None, store: Path) -> Keeping | None:
        """In force, as the configuration has it; ``None`` without one, and for a bus on servers."""
        if config is None or config.hub.bus != "sqlite":
            return None
        keeping = cls(bus, config.hub.quota, checkpoint_of(store) if config.resolves else None)
        keeping.begin()
        return keeping

    def begin(self) -> None:
        """Put the bounds in force."""
        if self._checkpoint is not None and self._bus.group_state(OBSERVED, CHECKPOINT_GROUP) is None:
            self._bus.subscribe(OBSERVED, CHECKPOINT_GROUP, from_=EARLIEST)
        self._bus.ensure(OBSERVED, Retention(max_bytes=self._observed))

    def tidy(self, store: Store) -> None:
        """Make a checkpoint where one is due. To be called when the outbox is empty, by whoever resolves."""
        if self._checkpoint is None:
            return
        stored, _ = self._bus.filling(OBSERVED)
        if stored < CHECKPOINT_AT * self._observed:
            return
        state = self._bus.group_state(OBSERVED, CHECKPOINT_GROUP)
        position = store.offset(OBSERVED)
        if state is None or position <= state.floor:
            return
        try:
            self._bus.commit(OBSERVED, CHECKPOINT_GROUP, save_checkpoint(store, self._checkpoint, OBSERVED))
        except IsthmusError as error:  # nothing is lost but room: blocks stay until a checkpoint succeeds
            log.error("no checkpoint", error=str(error))
            return
        self._bus.retain(OBSERVED, max_bytes=int(CHECKPOINT_AT * self._observed / 2))

    def held_up(self) -> str:
        """Why nothing may be added to ``resolved`` now; empty: something may."""
        before, self.waits = self.waits, self._held_up()
        if self.waits and not before:
            log.warning("resolving waits", reason=self.waits)
        return self.waits

    def _held_up(self) -> str:
        stored, _ = self._bus.filling(RESOLVED)
        if stored < self._resolved:
            return ""
        self._bus.retain(RESOLVED, max_bytes=int(CHECKPOINT_AT * self._resolved))
        stored, _ = self._bus.filling(RESOLVED)
        if stored < self._resolved:
            return ""
        behind = ", ".join(f"{group.name} ({group.lag} entries)" for group in self._bus.groups(RESOLVED) if group.lag)
        return (
            f"stream {RESOLVED}: its share of [hub] quota is used, and nothing may be removed before it was read by "
            f"{behind}; resolving waits"
        )


def checkpoint_of(store: Path) -> Path:
    """Where the checkpoint of the store at ``store`` lies."""
    return store.with_name("checkpoint.sqlite")


def resolve_all(resolver: Resolver, store: Store, bus: Bus, keeping: Keeping | None) -> int:
    """Resolve and relay all there is, as long as ``resolved`` takes it; returns how many offsets were taken."""
    count = 0
    while keeping is None or not keeping.held_up():
        taken = resolver.step()
        relay(store, bus)
        if not taken:
            break
        bus.commit(OBSERVED, RESOLVE_GROUP, resolver.position())
        count += taken
    if keeping is not None and not keeping.waits:
        keeping.tidy(store)
    return count


def base_of_rebuild(bus: Bus, checkpoint: Path) -> Path | None:
    """What a rebuilt store begins with: nothing where ``observed`` is whole, else the checkpoint.

    Raises :class:`ConfigurationError` where neither is there.
    """
    try:
        bus.read(OBSERVED, 1, 1)
        return None
    except OffsetExpired as error:
        state = bus.group_state(OBSERVED, CHECKPOINT_GROUP)
        if not checkpoint.exists() or state is None or state.floor + 1 < error.first:
            raise ConfigurationError(
                f"{checkpoint}: there is no checkpoint, and {error}; the store cannot be made anew from what is left"
            ) from error
        return checkpoint


__all__ = ["Keeping", "base_of_rebuild", "checkpoint_of", "resolve_all"]
