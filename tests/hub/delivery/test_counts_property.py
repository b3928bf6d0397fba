"""The counts add up and nothing is lost, whatever the platform does."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.delivery.doubles import Room, Toy, asset

from isthmus_sdk import stix
from isthmus_sdk.errors import (
    AuthenticationError,
    DeadlineExceeded,
    ServerFault,
    TooLarge,
    UnexpectedReply,
    Unreachable,
)
from isthmus_sdk.platform import BatchRejected, Encoded, Profile, Verdict

FAULTS = (Unreachable, ServerFault, UnexpectedReply, DeadlineExceeded, AuthenticationError)


class Moody(Toy):
    """Fails in every way, seeded: before or after it took the records, for the batch or for a record."""

    def __init__(self, seed: int, poison: set[str], mischief: float) -> None:
        super().__init__(profile=Profile(max_records=8, max_bytes=20_000))
        self.random = Random(seed)
        self.poison = poison
        self.mischief = mischief
        self.per_record = self.random.random() < 0.5
        self.recorded_twice = 0
        self.taken_unsaid: set[tuple[str, str]] = set()

    def send(self, batch: Sequence[Encoded]) -> Sequence[Verdict]:
        luck = self.random.random()
        if luck < self.mischief * 0.3:
            raise self.random.choice(FAULTS)("before")
        if luck < self.mischief * 0.5:
            for record in batch[: self.random.randint(1, len(batch))]:
                if record.id not in self.poison and self.take(record).outcome == "accepted":
                    self.taken_unsaid.add((record.id, record.version))
            raise self.random.choice((DeadlineExceeded, Unreachable, ServerFault))("after the platform took some")
        if luck < self.mischief * 0.6 and len(batch) > 1:
            raise TooLarge("413")
        if not self.per_record and any(record.id in self.poison for record in batch):
            raise BatchRejected("poison")
        return [self.verdict(record) for record in batch]

    def verdict(self, record: Encoded) -> Verdict:
        if record.id in self.poison:
            return Verdict("rejected", "poison")
        if self.random.random() < self.mischief * 0.2:
            return Verdict("retry", "busy")
        return self.take(record)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    rounds=st.lists(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), max_size=12), min_size=1, max_size=6),
    poison=st.sets(st.integers(0, 12), max_size=3),
    red=st.sets(st.integers(0, 12), max_size=3),
    mischief=st.sampled_from([0.0, 0.5, 1.0, 1.6]),
    restarts=st.booleans(),
)
def test_counts_add_up_and_nothing_is_lost(seed, rounds, poison, red, mischief, restarts):
    toy = Moody(seed, {asset(n)["id"] for n in poison}, mischief)
    with tempfile.TemporaryDirectory() as path:
        room = Room(Path(path), toy, window=9)
        newest: dict[int, int] = {}
        published = 0
        for objects in rounds:
            made = [
                asset(n, version, **({"object_marking_refs": [stix.TLP["red"]]} if n in red else {}))
                for n, version in objects
            ]
            if made:
                room.publish(*made)
            published += len(made)
            for n, version in objects:
                newest[n] = max(newest.get(n, 0), version)
            report = room.deliverer.run_once()
            assert report.balanced
            totals = room.deliverer.totals()
            assert totals.balanced
            assert totals.incoming == published
            if restarts:
                room.start()
        toy.mischief = 0.0
        for _ in range(12):
            if not room.deliverer.run_once().pending:
                break
        totals = room.deliverer.totals()
        room.close()
    assert totals.pending == 0
    assert totals.balanced
    assert totals.incoming == published
    for n, version in newest.items():
        held = toy.holds.get(asset(n)["id"], [])
        if n in red:
            assert not held
        elif n not in poison:
            assert held[-1] == asset(n, version)["modified"]
            assert held == sorted(set(held))
    assert totals.accepted + len(toy.taken_unsaid) >= sum(map(len, toy.holds.values())) >= totals.accepted
