"""A whole made-up site: how well records are divided into devices, and that nothing but the records decides it."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from tests.hub.assets.site import Measured, build, measure, observed

from isthmus_hub.assets import IdentityIndex, Observation, observation, partition

UNSEEN = range(7_001, 7_021)
"""Seeds that nothing was tuned on."""
ROOT = Path(__file__).resolve().parents[3]


@cache
def records(seed: int, devices: int = 226) -> tuple[Observation, ...]:
    """Everything that products say of a site."""
    return tuple(observation(record.id, record.facts) for record in observed(build(seed, devices)))


@cache
def measured(seed: int) -> Measured:
    """How well it is divided."""
    site = build(seed)
    said = observed(site)
    index = IdentityIndex()
    index.update(observation(record.id, record.facts) for record in said)
    return measure(site, said, index.clusters(index.observations))


def test_devices_are_told_apart_on_unseen_sites() -> None:
    found = [measured(seed) for seed in UNSEEN]
    assert statistics.median(each.f1 for each in found) >= 0.92
    assert statistics.median(each.b_cubed for each in found) >= 0.94
    assert min(each.f1 for each in found) >= 0.90
    assert min(each.precision for each in found) >= 0.97, "two devices taken for one are worse than one taken for two"


def test_blind_spots_of_the_endpoint_agent_are_neither_invented_nor_hidden() -> None:
    found = [measured(seed) for seed in UNSEEN]
    assert statistics.median(len(each.false_gaps) for each in found) == 0
    assert statistics.median(len(each.missed_gaps) for each in found) == 0
    worst = max(len(each.false_gaps) + len(each.missed_gaps) for each in found)
    assert worst <= 0.01 * 226, [(each.false_gaps, each.missed_gaps) for each in found]


@pytest.mark.parametrize("seed", [11, 12, 13, 14])
def test_taking_records_in_any_order_and_batch_size_gives_what_a_full_run_gives(seed: int) -> None:
    rng = random.Random(seed)
    final = records(seed, rng.choice((40, 90, 226)))
    index = IdentityIndex()
    for batch in _batches(_with_former_versions(final, rng), rng):
        before = {id: index.cluster_of(id) for id in index.observations}
        affected = index.update(batch)
        assert all(set(index.cluster_of(id)) <= affected for id in affected), "whole devices are reported"
        unreported = [id for id, cluster in before.items() if id not in affected and index.cluster_of(id) != cluster]
        assert not unreported
        if rng.random() < 0.1:
            whole = partition(index.observations.values())
            assert tuple(index.clusters(index.observations)) == whole.clusters
            assert index.poisoned == whole.poisoned
    assert tuple(index.clusters(index.observations)) == partition(final).clusters


def _with_former_versions(final: Iterable[Observation], rng: random.Random) -> list[Observation]:
    """The records in any order, before them a third of them as if they had been somebody else."""
    ordered = list(final)
    strangers = [
        replace(rng.choice(ordered), identifiers=(other := rng.choice(ordered)).identifiers, traits=other.traits)
        for _ in range(len(ordered) // 3)
    ]
    rng.shuffle(ordered)
    return strangers + ordered


def _batches(stream: list[Observation], rng: random.Random) -> Iterable[list[Observation]]:
    while stream:
        size = rng.choice((1, 1, 2, 5, 30, 100))
        batch, stream = stream[:size], stream[size:]
        yield list({item.id: item for item in batch}.values())


def test_the_partition_does_not_depend_on_how_python_hashes() -> None:
    code = (
        "from tests.hub.assets.test_site import records; from isthmus_hub.assets import partition;"
        "import hashlib; print(hashlib.sha256(repr(partition(records(3)).clusters).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("0", "1", "2")
    }  # fmt: skip
    assert len(digests) == 1
