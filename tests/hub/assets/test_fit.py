"""Weights fitted to a site's own records: what is estimated, what is left alone, and that the same records give the same model."""

from __future__ import annotations

import json
import random
import statistics
import sys
from pathlib import Path

import msgspec
import pytest
from tests.hub.assets.site import build, measure, observed

sys.path.insert(0, str(Path(__file__).parent))
from builders import HUB, bench, source

from isthmus_hub.assets import (
    DEFAULT_WEIGHTS,
    Beliefs,
    Fitted,
    IdentityIndex,
    Resolver,
    Weights,
    fit,
    model_text,
    observation,
    partition,
    read_model,
)
from isthmus_hub.assets._cluster import Cluster
from isthmus_hub.assets._fit import FEWEST, Pair
from isthmus_hub.assets._identity import Observation, Traits
from isthmus_hub.assets._likeness import Level
from isthmus_sdk import stix
from isthmus_sdk.errors import ConfigurationError

SHARED = Level("hostname", "hostname")
PROVED = (Level("address", "address_at_once"), Level("mac", "mac"))


def device(number: int, vendor: str) -> Cluster:
    return Cluster([Observation(f"id-{number:04d}", "s/1", str(number), False, frozenset(), Traits(vendor=vendor))])


def crowd(rng: random.Random, makers: int) -> list[Cluster]:
    return [device(number, f"maker-{rng.randrange(makers)}") for number in range(300)]


def pairs_of(rng: random.Random, count: int, agree: float) -> list[Pair]:
    """Pairs of one device, of which a share agrees about the vendor."""
    return [
        Pair((*PROVED, Level("vendor", "vendor") if rng.random() < agree else Level("differs", "vendor_differs")))
        for _ in range(count)
    ]


def fitted_to(seed: int, devices: int = 150) -> Fitted:
    index = IdentityIndex()
    index.update(observation(record.id, record.facts) for record in observed(build(seed, devices)))
    return fit(index.sharing(), index.devices(), DEFAULT_WEIGHTS)


@pytest.mark.parametrize(("agree", "makers"), [(0.9, 4), (0.7, 20), (0.98, 2)])
def test_a_trait_is_worth_what_agreement_says_at_this_site(agree: float, makers: int) -> None:
    rng = random.Random(makers)
    found = fit(pairs_of(rng, 4_000, agree), crowd(rng, makers), DEFAULT_WEIGHTS)
    (vendor,) = (one for one in found.estimates if one.trait == "vendor")
    assert vendor.m == pytest.approx(agree, abs=0.02)
    assert vendor.u == pytest.approx(1 / makers, abs=0.02)
    assert (found.weights.vendor, found.weights.vendor_differs) == (vendor.agrees, vendor.differs)
    assert vendor.agrees > 0 > vendor.differs


def test_what_people_decided_counts_for_certain() -> None:
    rng = random.Random(1)
    unclear = [Pair((SHARED, Level("vendor", "vendor")))] * 150 + [Pair((SHARED, Level("x", "vendor_differs")))] * 150
    decided = [Pair(pair.levels, decided=pair.levels[1].weight == "vendor_differs") for pair in unclear]
    makers = crowd(rng, 5)
    without, with_people = fit(unclear, makers, DEFAULT_WEIGHTS), fit(decided, makers, DEFAULT_WEIGHTS)
    assert without.weights.vendor > 0
    assert with_people.weights.vendor < without.weights.vendor - 1, "here who differ are one device"
    assert with_people.weights.vendor_differs > without.weights.vendor_differs + 1
    assert with_people.decided == 300


def test_a_trait_that_nobody_states_keeps_its_weight_and_what_is_no_trait_always_does() -> None:
    rng = random.Random(2)
    found = fit(pairs_of(rng, 500, 0.9), crowd(rng, 5), DEFAULT_WEIGHTS).weights
    for name, value in msgspec.structs.asdict(DEFAULT_WEIGHTS).items():
        if name not in ("version", "vendor", "vendor_differs"):
            assert getattr(found, name) == pytest.approx(value, abs=1e-3), name


def test_a_site_that_is_too_small_to_learn_from_is_told_so() -> None:
    rng = random.Random(3)
    with pytest.raises(ValueError, match=f"{FEWEST - 1} pairs of records share a value; fewer than {FEWEST}"):
        fit(pairs_of(rng, FEWEST - 1, 0.9), crowd(rng, 5), DEFAULT_WEIGHTS)


def test_the_same_records_give_the_same_model_in_any_order() -> None:
    records = [observation(record.id, record.facts) for record in observed(build(41, 120))]
    versions = set()
    for seed in range(3):
        random.Random(seed).shuffle(records)
        index = IdentityIndex()
        for start in range(0, len(records), 50):
            index.update(records[start : start + 50])
        found = fit(index.sharing(), index.devices(), DEFAULT_WEIGHTS)
        versions.add((found.weights.version, model_text(found.weights)))
    assert len(versions) == 1
    (version, _) = versions.pop()
    assert version.startswith("fit-")


def test_a_model_of_one_site_divides_another_as_well_as_the_shipped_one() -> None:
    worse = []
    for seed in range(8_001, 8_005):
        weights = fitted_to(seed).weights
        site = build(seed + 1_000, 150)
        said = observed(site)
        records = [observation(record.id, record.facts) for record in said]
        shipped, fitted = (
            measure(site, said, partition(records, each).clusters) for each in (DEFAULT_WEIGHTS, weights)
        )
        worse.append(shipped.f1 - fitted.f1)
    assert statistics.mean(worse) <= 0.005
    assert max(worse) <= 0.02


# -- the file --------------------------------------------------------------------------------------------------------------


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    weights = fitted_to(8_001).weights
    (tmp_path / "model.json").write_text(model_text(weights))
    assert read_model(tmp_path / "model.json") == weights


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"vendor": 1e9}, "vendor"),
        ({"merge": "much"}, "merge"),
        ({"colour": 1.0}, "colour"),
        ({"version": ""}, "version"),
        ({"undecided": 9.0}, "undecided"),
    ],
)
def test_a_model_that_is_none_is_refused_with_what_is_wrong_and_how_to_get_one(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(json.loads(model_text(DEFAULT_WEIGHTS)) | change))
    with pytest.raises(ConfigurationError, match=told) as caught:
        read_model(path)
    assert str(path) in str(caught.value)
    assert "assets fit --out" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1]", b'{"version": NaN}'])
def test_a_file_of_anything_is_no_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(ConfigurationError, match="is no model of identity"):
        read_model(tmp_path / "m")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_model(tmp_path / "none")


# -- another model ---------------------------------------------------------------------------------------------------------

STRICT = Weights(version="strict", merge=50.0)


def test_another_model_divides_the_inventory_anew_and_back_with_the_same_ids(tmp_path: Path) -> None:
    with bench(tmp_path) as hub:
        month = {"first_seen": "2026-02-01T00:00:00.000Z", "last_seen": "2026-02-28T00:00:00.000Z"}
        for name in ("ndr", "xdr"):
            card = stix.Interface(ips=["10.1.0.7"])
            hub.observe(name, source(name).asset("1", name=name, vendor="Acme", interfaces=[card], **month))
        hub.resolve()
        before = hub.assets()
        assert len(before) == 1, "the same address at the same time"

        hub.resolver.believe(Beliefs(weights=STRICT))
        told = hub.resolve()
        apart = hub.assets()
        assert len(apart) == 2, "taken in though no source spoke"
        assert before[0]["id"] in {asset["id"] for asset in apart}
        assert told

        again = Resolver(hub.store, hub.bus, hub=HUB, beliefs=Beliefs(weights=STRICT))
        assert again.run() == 0
        assert hub.assets() == apart, "the model is noted: nothing is done twice"

        hub.resolver = Resolver(hub.store, hub.bus, hub=HUB)
        hub.resolve()
        assert [asset["id"] for asset in hub.assets()] == [before[0]["id"]]


@pytest.mark.parametrize("seed", [1, 2])
def test_under_any_model_incremental_equals_full(seed: int) -> None:
    rng = random.Random(seed)
    weights = Weights(version="x", vendor=rng.uniform(0, 6), merge=rng.uniform(0, 8), undecided=-1.0)
    records = [observation(record.id, record.facts) for record in observed(build(seed + 60, 90))]
    rng.shuffle(records)
    index = IdentityIndex(weights)
    for start in range(0, len(records), 17):
        index.update(records[start : start + 17])
    assert tuple(index.clusters(index.observations)) == partition(records, weights).clusters
