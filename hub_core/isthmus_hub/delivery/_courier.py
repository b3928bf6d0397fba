"""Takes parcels to a platform: batches them, reads the verdicts, finds the one that spoils a batch, tries again.

A parcel is one object with the records it became. Every call's verdicts are recorded before the next call. What comes
back undecided (``retry``, or a fault that ends the run) simply stays in the queue.

**A refused batch.** Halving prefixes finds the first culprit; all before it is delivered by the probes themselves, all
after it goes in one more call. One culprit among n costs at most ``ceil(log2 n) + 2`` calls, within ``2 log2 n``.

**When to believe a refusal.** An object that the platform refuses alone is dead once the platform took another object
in the same run, or has refused it in ``STRIKES`` runs. A platform that refuses the first ``SUSPECTS`` objects one by
one and takes none is more likely misconfigured: the run ends with an error and nothing is dead.

**A platform that answers 500 to a poison record** looks like one that is down. After ``STRIKES`` such runs in a row two
scouts go alone; if one passes, the batch is searched as if it were refused, and an object that fails again and again
while others pass is dead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, log2
from time import sleep
from typing import Any

import tenacity

from isthmus_sdk.errors import (
    DeadlineExceeded,
    IsthmusError,
    RecordError,
    ServerFault,
    SourceError,
    TooLarge,
    UnexpectedReply,
)
from isthmus_sdk.faults import fault_point
from isthmus_sdk.platform import Encoded, Profile, Session, Verdict

from ._ledger import Decision, Ledger, Queued

PLATFORM_FAULTS = (ServerFault, UnexpectedReply, DeadlineExceeded)
"""What a record may cause and an outage causes too."""
STRIKES = 3
SUSPECTS = 20
_REASON = 500


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one run tries again what the platform asked to have again; what it leaves waits for the next run."""

    attempts: int = 4
    first: float = 1.0
    """Seconds before the second try; doubled each time, with jitter."""
    longest: float = 30.0
    sleep: Callable[[float], Any] = sleep


@dataclass(slots=True)
class Parcel:
    """One object on its way, as the records it became."""

    row: Queued
    parts: Sequence[Encoded]
    size: int
    """Bytes in a call, separators included."""
    refs: tuple[str, ...] = ()


def batches(parcels: Iterable[Parcel], profile: Profile, cap: Callable[[], int]) -> Iterator[list[Parcel]]:
    """Consecutive parcels within ``max_records`` and ``cap()`` bytes; a parcel above the cap travels alone."""
    batch: list[Parcel] = []
    records = size = 0
    for parcel in parcels:
        if batch and (records + len(parcel.parts) > profile.max_records or size + parcel.size > cap()):
            yield batch
            batch, records, size = [], 0, 0
        batch.append(parcel)
        records += len(parcel.parts)
        size += parcel.size
    if batch:
        yield batch


@dataclass(slots=True)
class Courier:
    """The calls of one run to one platform."""

    session: Session
    ledger: Ledger
    patience: Patience
    failures: int = 0
    """Runs in a row that a fault of the platform ended; from ``STRIKES`` on a fault is searched like a refusal."""
    stop: Callable[[], bool] = lambda: False
    alive: bool = field(default=False, init=False)
    """Whether the platform took anything in this run."""
    struck: bool = field(default=False, init=False)
    """Whether an object was left behind under suspicion of causing faults."""
    not_before: float | None = field(default=None, init=False)
    _cap: int = field(default=0, init=False)
    _faults: int = field(default=0, init=False)
    _suspects: list[tuple[Parcel, str]] = field(default_factory=list, init=False)

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        """Send parcels in their order. Raises what ends the run: a fault of the platform, or an error to act on."""
        profile = self.session.profile
        self._cap = self._cap or profile.room()
        for batch in batches(parcels, profile, lambda: self._cap):
            if self.stop():
                return
            self._patiently(batch)

    def finish(self) -> None:
        """End of a run that no fault ended: what was refused alone, with nothing else to compare, is believed."""
        if not self.stop():
            self._bury()

    def _patiently(self, batch: list[Parcel]) -> None:
        waiting = batch

        def once() -> bool:
            nonlocal waiting
            self.not_before = None
            waiting = self._call(waiting)
            return bool(waiting) and (self.not_before or 0) <= self.patience.longest

        def pause(state: tenacity.RetryCallState) -> float:
            drawn = tenacity.wait_random_exponential(multiplier=self.patience.first, max=self.patience.longest)(state)
            return max(drawn, self.not_before or 0)

        tenacity.Retrying(
            retry=tenacity.retry_if_result(bool),
            stop=tenacity.stop_after_attempt(self.patience.attempts),
            wait=pause,
            sleep=self.patience.sleep,
            retry_error_callback=lambda state: None,
        )(once)

    def _call(self, parcels: list[Parcel]) -> list[Parcel]:
        """One batch, whatever it takes; returns what the platform wants again later."""
        refusal, again = self._probe(parcels)
        if refusal is None:
            return again
        if not self.alive and not isinstance(refusal, RecordError):
            scout, again = self._scout(parcels, refusal)
            parcels = [parcel for parcel in parcels if parcel is not scout]
        return again + self._isolate(parcels, refusal)

    def _scout(self, parcels: list[Parcel], refusal: IsthmusError) -> tuple[Parcel | None, list[Parcel]]:
        """Find out with two objects, other ones in each run, whether the platform works at all; raises if not.

        Returns the object that the platform took, if it did, and what it wants again.
        """
        for turn in range(2):
            parcel = parcels[(2 * self.failures + turn) % len(parcels)]
            found, again = self._probe([parcel])
            if found is None:
                return parcel, again
            if isinstance(found, RecordError):
                return None, []
        raise refusal

    def _probe(self, parcels: list[Parcel]) -> tuple[IsthmusError | None, list[Parcel]]:
        """One call: the refusal of the whole, or what the platform wants again."""
        try:
            return None, self._send(parcels)
        except TooLarge as error:
            return None, self._split(parcels, error)
        except RecordError as error:
            return error, []
        except PLATFORM_FAULTS as error:
            self._faults += 1
            if self.failures < STRIKES or self._faults > ceil(log2(self.session.profile.max_records + 1)) + 2:
                raise
            return error, []

    def _send(self, parcels: list[Parcel]) -> list[Parcel]:
        records = [part for parcel in parcels for part in parcel.parts]
        try:
            verdicts = self.session.send(records)
        except IsthmusError:
            raise
        except Exception as error:
            what = f"platform {self.session.name!r}: its code failed with {type(error).__name__}"
            raise UnexpectedReply(what) from error
        if len(verdicts) != len(records):
            raise UnexpectedReply(
                f"platform {self.session.name!r} gave {len(verdicts)} verdicts for {len(records)} records"
            )
        fault_point("deliver")
        return self._record(parcels, verdicts)

    def _record(self, parcels: list[Parcel], verdicts: Sequence[Verdict]) -> list[Parcel]:
        self._faults = 0
        again: list[Parcel] = []
        decisions: list[Decision] = []
        start = 0
        for parcel in parcels:
            verdict = worst(verdicts[start : start + len(parcel.parts)])
            start += len(parcel.parts)
            if verdict.outcome == "retry":
                again.append(parcel)
                if verdict.not_before is not None:
                    self.not_before = max(self.not_before or 0, verdict.not_before)
            else:
                decisions.append(Decision(parcel.row, verdict.outcome, verdict.reason[:_REASON]))
        self.ledger.record(self.session.name, decisions)
        if any(decision.outcome in ("accepted", "duplicate") for decision in decisions):
            self.alive = True
            self._bury()
        return again

    def _split(self, parcels: list[Parcel], error: TooLarge) -> list[Parcel]:
        if len(parcels) == 1:
            self._reject(parcels[0], f"too large for the platform: {error}")
            return []
        total = sum(parcel.size for parcel in parcels)
        half = sum(parcel.size for parcel in parcels[: len(parcels) // 2])
        # A little above the larger half, so that neighbours of nearly its size fit as well; never the whole again.
        self._cap = min(max(half, total - half) * 21 // 20, total - 1)
        again: list[Parcel] = []
        for batch in batches(parcels, self.session.profile, lambda: self._cap):
            again += self._call(batch)
        return again

    def _isolate(self, parcels: list[Parcel], refusal: IsthmusError) -> list[Parcel]:
        """Deliver all but the culprits of a refused batch, in order; returns what the platform wants again."""
        again: list[Parcel] = []
        while parcels:
            low, high, alone = 0, len(parcels), len(parcels) == 1
            while high - low > 1:
                middle = (low + high) // 2
                found, retry = self._probe(parcels[low:middle])
                again += retry
                if found is None:
                    low, alone = middle, False
                else:
                    high, alone, refusal = middle, middle - low == 1, found
            if not alone:
                found, retry = self._probe(parcels[low:high])
                again += retry
                alone, refusal = found is not None, found or refusal
            if alone:
                self._blame(parcels[low], refusal)
            parcels = parcels[low + 1 :]
            if parcels:
                found, retry = self._probe(parcels)
                if found is None:
                    return again + retry
                refusal = found
        return again

    def _blame(self, parcel: Parcel, refusal: IsthmusError) -> None:
        if not isinstance(refusal, RecordError):
            self.struck = True
            if self.alive and parcel.row.strikes + 1 >= STRIKES:
                self._reject(parcel, f"fails alone while others pass: {refusal}")
            elif self.alive:
                self.ledger.strike(self.session.name, [parcel.row])
        elif self.alive or parcel.row.strikes + 1 >= STRIKES:
            self._reject(parcel, str(refusal))
        else:
            self._suspects.append((parcel, str(refusal)))
            if len(self._suspects) >= SUSPECTS:
                self.ledger.strike(self.session.name, [suspect.row for suspect, _ in self._suspects])
                raise SourceError(
                    f"platform {self.session.name!r} refused {SUSPECTS} objects one by one and took none "
                    f"(last: {str(refusal)[:_REASON]}): check its configuration; everything stays pending"
                )

    def _bury(self) -> None:
        suspects, self._suspects = self._suspects, []
        for parcel, reason in suspects:
            self._reject(parcel, reason)

    def _reject(self, parcel: Parcel, reason: str) -> None:
        self.ledger.record(self.session.name, [Decision(parcel.row, "rejected", reason[:_REASON])])


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Verdict of an object from those of its records: a retry before a rejection before what was taken."""
    for outcome in ("retry", "rejected", "accepted"):
        for verdict in verdicts:
            if verdict.outcome == outcome:
                return verdict
    return verdicts[0]
