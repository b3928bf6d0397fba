"""Which records are one device: how well, what each rule adds, and what it costs as a site grows.

The sites are made up, with known truth (``tests/hub/assets/site``): figures rank methods, they promise nothing for a real one.
"""

from __future__ import annotations

import gc
import random
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from unittest import mock

import msgspec
from tests.hub.assets.site import Measured, Record, Site, build, measure, observed

from benchmarks._report import Row
from isthmus_hub.assets import Identifier, IdentityIndex, Observation, fit, observation
from isthmus_hub.assets._weights import DEFAULT, Weights

SEEDS = range(9_001, 9_021)
SIZES = (1_000, 10_000, 100_000)
PAGE = 1_000
Change = Callable[[Sequence[Observation]], list[Observation]]


def run(rounds: int) -> list[Row]:
    """Quality over twenty sites, ablations, then time and memory by size."""
    del rounds
    whole = [_measured(seed) for seed in SEEDS]
    rows = [
        _row("pairwise F1, median of 20 sites", [each.f1 for each in whole], 0.92),
        _row("pairwise precision", [each.precision for each in whole]),
        _row("pairwise recall", [each.recall for each in whole]),
        _row("B-cubed", [each.b_cubed for each in whole], 0.94),
        Row("devices wrongly said to have no agent, median", *_gaps([each.false_gaps for each in whole])),
        Row("devices without an agent that were missed, median", *_gaps([each.missed_gaps for each in whole])),
    ]
    fitted = _fitted(9_100)
    rows.append(_row("weights fitted to another site: F1", [_measured(seed, weights=fitted).f1 for seed in SEEDS]))
    for name, measured in _ablations():
        found = [measured(seed) for seed in SEEDS]
        f1, b_cubed = (statistics.median(getattr(each, what) for each in found) for what in ("f1", "b_cubed"))
        false, missed = (sum(len(getattr(each, what)) for each in found) for what in ("false_gaps", "missed_gaps"))
        rows.append(
            Row(f"without {name}: F1", f1, "", note=f"B-cubed {b_cubed:.3f}, gaps invented {false}, hidden {missed}")
        )
    return [*rows, *_growth()]


@cache
def _site(seed: int) -> tuple[Site, list[Record], list[Observation]]:
    site = build(seed)
    said = observed(site)
    return site, said, [observation(record.id, record.facts) for record in said]


def _measured(seed: int, change: Change = list, weights: Weights = DEFAULT) -> Measured:
    site, said, observations = _site(seed)
    index = IdentityIndex(weights)
    index.update(change(observations))
    return measure(site, said, index.clusters(index.observations))


def _fitted(seed: int) -> Weights:
    """A model of one site."""
    index = IdentityIndex()
    index.update(_site(seed)[2])
    return fit(index.sharing(), index.devices(), DEFAULT).weights


def _row(name: str, values: Iterable[float], must: float | None = None) -> Row:
    ordered = sorted(values)
    return Row(name, statistics.median(ordered), "", must=must, note=f"worst {ordered[0]:.3f}, best {ordered[-1]:.3f}")


def _gaps(found: Sequence[tuple[str, ...]]) -> tuple[float, str, str, None, float, None, bool, str]:
    counts = [len(each) for each in found]
    return statistics.median(counts), "", "", None, 0, None, True, f"worst {max(counts)}, in all {sum(counts)}"


# -- ablations ---------------------------------------------------------------------------------------------------------


def _ablations() -> Iterator[tuple[str, Callable[[int], Measured]]]:
    yield "address scopes", lambda seed: _measured(seed, _one_scope)
    yield "times", lambda seed: _measured(seed, lambda all: [replace(each, first=None, last=None) for each in all])
    yield "comparison by weights", lambda seed: _measured(seed, weights=msgspec.structs.replace(DEFAULT, merge=1e9))
    yield "poisoned values", _patched("isthmus_hub.assets._index.poisoned", lambda *_: False)
    yield (
        "vetoes",
        _patched(
            ("isthmus_hub.assets._index.veto", "isthmus_hub.assets._linking.veto", "isthmus_hub.assets._joining.veto"),
            lambda *_: "",
        ),
    )
    yield "adapters of one device", _patched("isthmus_hub.assets._cluster._adapters_of_one", lambda *_: False)
    yield "devices set up anew", _patched("isthmus_hub.assets._cluster.set_up_anew", lambda *_: False)


def _one_scope(all: Sequence[Observation]) -> list[Observation]:
    def unscoped(each: Identifier) -> Identifier:
        return Identifier("address", "default|" + each.value.partition("|")[2]) if each.kind == "address" else each

    return [replace(each, identifiers=frozenset(map(unscoped, each.identifiers))) for each in all]


def _patched(names: str | tuple[str, ...], instead: Callable[..., object]) -> Callable[[int], Measured]:
    def measured(seed: int) -> Measured:
        with _without((names,) if isinstance(names, str) else names, instead):
            return _measured(seed)

    return measured


@contextmanager
def _without(names: Iterable[str], instead: Callable[..., object]) -> Iterator[None]:
    patches = [mock.patch(name, instead) for name in names]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


# -- growth --------------------------------------------------------------------------------------------------------------


def _growth() -> Iterator[Row]:
    for size in SIZES:
        site = build(77, size)
        observations = [observation(record.id, record.facts) for record in observed(site)]
        gc.collect()
        before, begin = _resident(), time.process_time()
        index = IdentityIndex()
        index.update(observations)
        devices = len(index.clusters(index.observations))
        spent = time.process_time() - begin
        limit = 60 if size == SIZES[-1] else None
        note = f"{len(observations):,} records, {devices:,} devices, {spent / len(observations) * 1e6:.0f} us a record"
        yield Row(f"{size:,} assets, full run", spent, "s", must=limit, smaller_is_better=True, note=note)
        yield Row(f"{size:,} assets, memory", _resident() - before, "MB")
        page = [replace(each, last=(each.last or 0) + 1) for each in random.Random(3).sample(observations, PAGE)]
        begin = time.process_time()
        affected = index.update(page)
        spent = time.process_time() - begin
        note = f"{len(affected):,} records decided on again"
        yield Row(f"{size:,} assets, a page of {PAGE:,} updates", spent, "s", must=1, smaller_is_better=True, note=note)


def _resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
