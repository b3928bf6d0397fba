"""The consumer of the resolved stream that serves one platform."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec
import structlog
import tenacity

from isthmus_hub.bus import RESOLVED, OffsetExpired, delivery_group
from isthmus_sdk import stix
from isthmus_sdk.errors import (
    IsthmusError,
    RecordError,
    RetriableError,
)
from isthmus_sdk.faults import fault_point
from isthmus_sdk.platform import Dropped, Session

from ._courier import PLATFORM_FAULTS, Courier, Parcel, Patience
from ._entry import Entry, read_entry, referents_first
from ._ledger import Decision, Expired, Ledger, Queued
from ._report import DeliveryReport
from ._sharing import DEFAULT_CEILING, Sharing

if TYPE_CHECKING:
    from isthmus_hub.bus import StoredBlock
    from isthmus_hub.store import Stored

log = structlog.get_logger("isthmus.delivery")
WINDOW = 5_000
"""Most objects of one platform in the queue: what a platform that is down holds of the rest stays on the bus."""


class ResolvedLog(Protocol):
    """What delivery needs of the bus."""

    def read(self, stream: str, offset: int = 0, limit_blocks: int = 64) -> list[StoredBlock]: ...

    def end(self, stream: str) -> int: ...

    def wait(self, stream: str, after_offset: int, timeout: float | None = None) -> bool: ...

    def commit(self, stream: str, group: str, offset: int) -> None: ...


class ResolvedObjects(Protocol):
    """What delivery needs of the store."""

    def resolved(self, id: str) -> Stored | None: ...

    def iterate(self, type: str | None = None, stream: Literal["observed", "resolved"] = ...) -> Iterator[Stored]: ...

    def asset_of(self, observed_id: str) -> str | None: ...

    def alias_of(self, id: str) -> str | None: ...

    def author_object(self) -> dict[str, Any]: ...


class Deliverer:
    """Delivers the resolved stream to one platform; one run at a time, whichever thread asks.

    ``max_tlp`` is the platform's sharing ceiling. TLP markings, our extension definitions and the hub's identity are
    delivered before the first object that refers to them.
    """

    def __init__(
        self,
        session: Session,
        *,
        store: ResolvedObjects,
        bus: ResolvedLog,
        ledger: Ledger,
        max_tlp: str = DEFAULT_CEILING,
        primary: bool = False,
        patience: Patience | None = None,
        window: int = WINDOW,
        turn: threading.Lock | None = None,
    ) -> None:
        self.name = session.name
        self.primary = primary
        self._session = session
        self._store = store
        self._bus = bus
        self._ledger = ledger
        self._patience = patience or Patience()
        self._window = window
        self._cache: dict[str, dict[str, Any] | None] = {}
        self._current: dict[str, str] = {}
        self._sharing = Sharing(max_tlp, self._resolved, self._current_id)
        session.context.lookup = self._sharing.lookup
        self._catalogue = {obj["id"]: obj for obj in (*_published(), store.author_object())}
        self._settled: set[str] = set()
        self._one_run = turn or threading.Lock()  # shared where a command delivers beside the daemon

    @property
    def group(self) -> str:
        """Consumer group on the bus; it serves lag and retention, the position is the ledger's."""
        return delivery_group(self.name)

    def run_once(self, stop: Callable[[], bool] = lambda: False) -> DeliveryReport:
        """Deliver what is there now; ``stop`` is asked between calls.

        No error of the tree is raised: the report says why the run ended early.
        """
        with self._one_run:
            before = self._ledger.totals(self.name)
            fault: IsthmusError | None = None
            courier = Courier(self._session, self._ledger, self._patience, self._ledger.failures(self.name), stop)
            end = 0
            try:
                end = self._bus.end(RESOLVED)
                self._run(courier, end)
            except IsthmusError as error:
                fault = error
            with suppress(RetriableError):  # a full disk: the fault itself is reported, its count can wait
                self._note(fault, courier)
            after = self._ledger.totals(self.name).plus_pending(self._backlog(end))
            return after.since(
                before,
                error=None if fault is None else str(fault),
                group=None if fault is None else fault.group,
                not_before=getattr(fault, "not_before", None) or courier.not_before,
            )

    def totals(self) -> DeliveryReport:
        """Counts over the platform's life; what still lies on the bus counts as in and pending."""
        return self._ledger.totals(self.name).plus_pending(self._backlog(self._bus.end(RESOLVED)))

    def check(self) -> list[str]:
        """Findings of the platform's own check; an error of the tree is raised."""
        return self._session.check()

    def replay(self, start: Literal["store"] | int) -> None:
        """Deliver again: everything the store holds, or the stream from offset ``start`` on.

        Forgets what the platform was sent, so that it is sent again. Counts go on. Raises ``OffsetExpired``.
        """
        with self._one_run:
            self._settled.clear()
            if start == "store":
                self._take_store(anew=True)
            else:
                if start > 1:
                    self._bus.read(RESOLVED, start, 1)
                self._ledger.forget(self.name, intake=max(0, start - 1))

    def run(self, stop: threading.Event, *, idle: float = 5.0, longest: float = 300.0) -> None:
        """Deliver until ``stop`` is set; after a failed run waits longer each time, at most ``longest`` seconds."""

        asked = 0.0

        def again() -> bool:
            nonlocal asked
            report = self.run_once(stop.is_set)
            asked = min(report.not_before or 0.0, 3_600.0)
            return report.error is not None or self._ledger.pending(self.name) > 0

        growing = tenacity.wait_random_exponential(multiplier=1, max=longest)
        while not stop.is_set():
            tenacity.Retrying(
                retry=tenacity.retry_if_result(bool),
                stop=tenacity.stop_when_event_set(stop),
                wait=lambda state: max(growing(state), asked),
                sleep=tenacity.sleep_using_event(stop),
                retry_error_callback=lambda state: None,
            )(again)
            if not stop.is_set():
                try:
                    self._bus.wait(RESOLVED, self._ledger.intake(self.name) or 0, idle)
                except IsthmusError:  # the next run says it in its report
                    stop.wait(idle)

    def close(self) -> None:
        """Release the session."""
        self._session.close()

    # --- one run -----------------------------------------------------------------------------------------------------

    def _run(self, courier: Courier, end: int) -> None:
        done = 0
        while not courier.stop():
            self._fill(end)
            rows = self._ledger.queued(self.name, after=done, limit=self._window)
            if not rows:
                break
            done = rows[-1].seq
            self._cache.clear()
            self._current.clear()
            self._session.prepare()
            courier.deliver(self._parcels(rows))
            self._acknowledge()
        courier.finish()
        self._acknowledge()

    def _fill(self, end: int) -> None:
        """Take entries up from the bus until the queue is full or the stream is read."""
        intake = self._ledger.intake(self.name)
        if intake is None:
            intake = self._begin()
        if intake > end:
            self._bus.read(RESOLVED, intake + 1, 1)  # raises where the stream lost what the platform was told of
        while intake < end and self._ledger.pending(self.name) < self._window:
            try:
                blocks = self._bus.read(RESOLVED, intake + 1, 8)
            except OffsetExpired as error:
                log.warning("delivery goes on from the store", platform=self.name, reason=str(error))
                self._take_store(anew=False, expired=Expired(error.asked, error.first - 1))
                return
            if not blocks:
                break
            for block in blocks:
                intake = block.last
                self._ledger.take(self.name, _entries(block), intake=intake)

    def _begin(self) -> int:
        """First position of a platform: the whole stream, or the store where the stream no longer has its beginning."""
        try:
            self._bus.read(RESOLVED, 1, 1)
        except OffsetExpired:
            return self._take_store(anew=True)
        self._ledger.take(self.name, (), intake=0)
        return 0

    def _take_store(self, *, anew: bool, expired: Expired | None = None) -> int:
        """Everything the store holds stands for the stream up to its end; returns that end.

        ``expired``: what the stream lost unread, where that is why. Not ``anew``: what the platform has already in this version counts as a duplicate and is not sent.
        """
        intake = self._bus.end(RESOLVED)
        if anew:
            self._ledger.forget(self.name, intake=self._ledger.intake(self.name) or 0)
        chunk: list[Entry] = []
        for stored in self._store.iterate(stream=RESOLVED):
            chunk.append(read_entry(stix.encode(stored.body)))
            if len(chunk) >= WINDOW:
                self._ledger.take(self.name, chunk)
                chunk = []
        self._ledger.take(self.name, chunk, intake=intake, expired=expired)
        return intake

    def _acknowledge(self) -> None:
        fault_point("acknowledge")
        intake = self._ledger.intake(self.name)
        if intake:
            self._bus.commit(RESOLVED, self.group, intake)

    def _note(self, fault: IsthmusError | None, courier: Courier) -> None:
        failures = self._ledger.failures(self.name)
        if isinstance(fault, PLATFORM_FAULTS):
            self._ledger.note_failures(self.name, failures + 1)
        elif fault is None and not courier.struck:
            self._ledger.note_failures(self.name, 0)

    # --- from objects to parcels -------------------------------------------------------------------------------------

    def _parcels(self, rows: Sequence[Queued]) -> list[Parcel]:
        """Rows as parcels, referents first; what is withheld, projected away or cannot be encoded is recorded here."""
        parcels: list[Parcel] = []
        decisions: list[Decision] = []
        while rows:
            wanted: dict[str, None] = {}
            for row in rows:
                made = self._parcel(row)
                if isinstance(made, Decision):
                    decisions.append(made)
                else:
                    parcels.append(made)
                    wanted.update(dict.fromkeys(made.refs))
            rows = self._referents(wanted)
        self._ledger.record(self.name, decisions)
        return referents_first(parcels, lambda parcel: parcel.row.id, lambda parcel: parcel.refs)

    def _parcel(self, row: Queued) -> Parcel | Decision:
        profile = self._session.profile
        try:
            obj: dict[str, Any] = msgspec.json.decode(row.body)
            if profile.takes is not None and obj["type"] not in profile.takes:
                return Decision(row, "dropped", f"not taken: {obj['type']}")
            obj, refs = self._sharing.apply(obj)
            parts = self._session.encode(obj)
        except Dropped as dropped:
            return Decision(row, "dropped", dropped.reason)
        except RecordError as error:
            return Decision(row, "rejected", f"cannot be encoded: {error}")
        except IsthmusError:
            raise
        except Exception as error:
            return Decision(row, "rejected", f"cannot be encoded: {type(error).__name__}")
        size = sum(len(part.body) + profile.separator for part in parts)
        if size > profile.room() or len(parts) > profile.max_records:
            return Decision(row, "rejected", f"{size} bytes in {len(parts)} records are above the platform's limit")
        return Parcel(row, parts, size, (*refs, *obj.get("extensions", ())))

    def _referents(self, wanted: Iterable[str]) -> list[Queued]:
        """Rows for what the platform must know first and nobody has queued: markings, definitions, identities."""
        missing: list[Entry] = []
        for id in wanted:
            if id in self._catalogue and id not in self._settled:
                self._settled.add(id)
                if not self._ledger.known(self.name, id) and self._takes(id):
                    missing.append(read_entry(stix.encode(self._catalogue[id])))
        if not missing:
            return []
        self._ledger.take(self.name, missing, referents=True)
        return self._ledger.waiting(self.name, [entry.id for entry in missing])

    def _takes(self, id: str) -> bool:
        takes = self._session.profile.takes
        return takes is None or id.partition("--")[0] in takes

    def _resolved(self, id: str) -> dict[str, Any] | None:
        if id not in self._cache:
            found = self._store.resolved(id)
            self._cache[id] = None if found is None else found.body
        return self._cache[id]

    def _current_id(self, id: str) -> str:
        """The id that now stands for ``id``: the asset of an observed thing, the survivor of a merge, else itself."""
        if id not in self._current:
            asset = self._store.asset_of(id) or id
            self._current[id] = self._store.alias_of(asset) or asset
        return self._current[id]

    def _backlog(self, end: int) -> int:
        """Entries up to ``end`` that still lie on the bus."""
        return max(0, end - (self._ledger.intake(self.name) or 0))


def _entries(block: StoredBlock) -> Iterable[Entry]:
    if block.damage:
        fault = f"damaged on the bus: {block.damage}"
        return [Entry("", "", 0, n, b"", b"", fault=fault) for n in range(block.first, block.last + 1)]
    return [read_entry(body, block.first + n) for n, body in enumerate(block.entries)]


def _published() -> list[dict[str, Any]]:
    """Objects that are the same in every hub: TLP markings and our extension definitions."""
    return [*(stix.tlp_object(name) for name in stix.TLP_ORDER), *stix.extension_objects()]
