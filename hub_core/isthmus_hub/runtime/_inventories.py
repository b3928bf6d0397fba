"""What a run's complete snapshots come to: one durable mark on ``observed``, or a question to the operator.

The mark is made from the one before it, which the bus has (or the store, where retention took it from the bus). It goes
out after the last block of its run, so a kill in between leaves the former mark in force. Three ordered sequences per
stream stand beside the stream's own: marks in force, marks that wait for a confirmation, and ends of file batches that
proved nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec
import structlog

from isthmus_hub.bus import OBSERVED, Bus, OffsetExpired
from isthmus_hub.runtime._ingest import PUBLISH_SECONDS, key
from isthmus_hub.runtime._plan import Plan
from isthmus_hub.store import SNAPSHOT, Mark, Verdict, decode_mark, encode_mark, judge
from isthmus_sdk import protocol
from isthmus_sdk.errors import ConfigurationError, IsthmusError, RecordError
from isthmus_sdk.faults import fault_point
from isthmus_sdk.snapshot import Snapshot

log = structlog.get_logger("isthmus.inventories")
IN_FORCE, HELD, ENDED = "\x1esnapshot", "\x1esnapshot-held", "\x1esnapshot-end"
OUT_OF_STEP = "files were read by a run that did not end, so this batch may be a part of one"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the snapshots of one run of one stream came to."""

    present: int = 0
    absent: int = 0
    vanished: int = 0
    held: str = ""
    """Why it waits for a confirmation."""
    unproven: str = ""
    """Why nothing follows from the run."""

    def as_json(self) -> dict[str, Any]:
        """The part of a row of ``sync --json``."""
        return {
            "complete": not self.unproven,
            "present": self.present,
            "absent": self.absent,
            "vanished": self.vanished,
            "held": self.held or None,
            "reason": self.unproven or None,
        }


class Inventories:
    """Marks of one hub. ``known`` gives the newest mark that the store believes of a source."""

    def __init__(self, bus: Bus, hub: str, known: Callable[[tuple[str, str, str]], Mark | None]) -> None:
        self._bus = bus
        self._hub = hub
        self._known = known

    def in_step(self, instance: str, stream: str) -> bool:
        """Whether every block of the stream belongs to a run that came to its end. Asked before a run."""
        return self._newest(instance, stream) <= max(
            self._newest(instance, stream + lane) for lane in (IN_FORCE, HELD, ENDED)
        )

    def ended(self, plan: Plan, done: protocol.Done, *, in_step: bool) -> Outcome | None:
        """A run read its stream to the end: make its marks durable. ``None`` where it has nothing to do with snapshots.

        What keeps a mark from being stored is in the outcome: the run itself succeeded.
        """
        batch = plan.configure.files is not None and plan.configure.snapshot == "batch"
        if not done.snapshots and not done.unproven:
            return None
        try:
            if batch and (done.unproven or not in_step):
                self._publish_end(plan, done)
                return Outcome(unproven=done.unproven or OUT_OF_STEP)
            found = Outcome(unproven=done.unproven)
            for snapshot in done.snapshots:
                found = self._take(plan, done.stream, snapshot, files=plan.configure.files is not None)
            return found
        except IsthmusError as error:
            return Outcome(unproven=f"it could not be stored: {error}")

    def confirm(self, instance: str, stream: str, source_id: str) -> Mark:
        """Put in force what waits. Raises :class:`ConfigurationError` where nothing does."""
        waiting = self.waiting(instance, stream)
        mark = self._read(instance, stream + HELD) if waiting else None
        if waiting is None or mark is None:
            raise ConfigurationError(f"{instance}/{stream}: nothing waits for a confirmation; see `isthmus status`")
        if mark.source_id != source_id:
            raise ConfigurationError(f"{instance}/{stream}: source_id changed since; run the instance again")
        self._publish(mark, IN_FORCE, waiting["vanished"])
        return mark

    def waiting(self, instance: str, stream: str) -> dict[str, Any] | None:
        """The newest mark that waits for a confirmation, unless a later one is in force: its counts and why it waits."""
        name = key(self._hub, instance, stream + HELD)
        held = self._bus.latest(OBSERVED, name).get(name)
        if held is None:
            return None
        force = key(self._hub, instance, stream + IN_FORCE)
        accepted = self._bus.latest(OBSERVED, force).get(force)
        if accepted is not None and accepted[0] > held[0]:
            return None
        meta = msgspec.msgpack.decode(held[1])
        return {name: meta[name] for name in ("observed_at", "present", "absent", "vanished", "held")}

    def _take(self, plan: Plan, stream: str, snapshot: Snapshot, *, files: bool) -> Outcome:
        source = (plan.instance, stream, plan.source_id)
        before = self._before(source)
        if before is not None and snapshot.observed_at < before.observed_at:
            if files:
                return Outcome(unproven="it is older than the last snapshot")
            snapshot = msgspec.structs.replace(snapshot, observed_at=before.observed_at)  # the clock went back
        try:
            verdict = judge(source, self._hub, snapshot, before, floor=plan.absence_floor)
        except RecordError as error:
            return Outcome(unproven=str(error))
        present, absent = verdict.mark.counts
        if verdict.held:
            return self._hold(verdict, before, present)
        self._publish(verdict.mark, IN_FORCE, verdict.vanished)
        return Outcome(present, absent, verdict.vanished)

    def _hold(self, verdict: Verdict, before: Mark | None, present: int) -> Outcome:
        mark = verdict.mark
        self._publish(mark, HELD, verdict.vanished, held=verdict.held)
        log.warning(
            "snapshot held: nothing was marked absent",
            instance=mark.instance,
            stream=mark.stream,
            reason=verdict.held,
            vanished=verdict.vanished,
            of=0 if before is None else before.counts[0],
            confirm=f"isthmus assets confirm-absence {mark.instance} {mark.stream}",
        )
        return Outcome(present, 0 if before is None else before.counts[1], verdict.vanished, verdict.held)

    def _before(self, source: tuple[str, str, str]) -> Mark | None:
        """The last mark in force, if it is of the same tenant."""
        mark = self._read(source[0], source[1] + IN_FORCE) or self._known(source)
        return mark if mark is not None and mark.source == source else None

    def _read(self, instance: str, lane: str) -> Mark | None:
        name = key(self._hub, instance, lane)
        found = self._bus.latest(OBSERVED, name).get(name)
        if found is None:
            return None
        try:
            blocks = self._bus.read(OBSERVED, found[0], 1)
            if not blocks or blocks[0].damage or not blocks[0].entries:
                return None
            return decode_mark(blocks[0].entries[0])
        except (OffsetExpired, RecordError):
            return None

    def _newest(self, instance: str, stream: str) -> int:
        return max(
            (offset for offset, _ in self._bus.latest(OBSERVED, key(self._hub, instance, stream)).values()), default=0
        )

    def _publish(self, mark: Mark, lane: str, vanished: int, *, held: str = "") -> None:
        body = encode_mark(mark)
        present, absent = mark.counts
        counts = {"present": present, "absent": absent, "vanished": vanished, "held": held}
        self._append(mark.instance, mark.stream, mark.source_id, lane, [body], mark.observed_at, counts)

    def _publish_end(self, plan: Plan, done: protocol.Done) -> None:
        at = done.snapshots[-1].observed_at if done.snapshots else ""
        # No content: the number of the newest block makes it another block each time.
        counts = {"after": self._newest(plan.instance, done.stream)}
        self._append(plan.instance, done.stream, plan.source_id, ENDED, [], at, counts)

    def _append(
        self, instance: str, stream: str, source_id: str, lane: str, entries: list[bytes], at: str, more: dict[str, Any]
    ) -> None:
        meta = msgspec.msgpack.encode(
            {
                "hub": self._hub,
                "kind": SNAPSHOT,
                "instance": instance,
                "stream": stream,
                "source_id": source_id,
                "partition": "",
                "cursor": b"",
                "observed_at": at,
                "records": 0,
                "quarantined": 0,
                "in_force": lane == IN_FORCE,
                **more,
            }
        )
        name = key(self._hub, instance, stream + lane)
        block_id = blake2b(b"\0".join((name.encode(), *(entries or [meta]))), digest_size=16).digest()
        fault_point("publish")
        self._bus.publish(OBSERVED, entries, block_id=block_id, key=name, meta=meta, timeout=PUBLISH_SECONDS)
        fault_point("commit")


__all__ = ["Inventories", "Outcome"]
