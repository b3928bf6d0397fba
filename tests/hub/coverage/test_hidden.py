"""What is hidden from a source appears as a gap, with the right cause, and nothing else does."""

from __future__ import annotations

import random

import pytest
from tests.hub.coverage.builders import SOURCES, asset, site, table, without

from isthmus_hub.coverage import Source, collectable

SEEDS = range(9_001, 9_006)
KINDS = {
    "edr": ("not_in_edr",),
    "scanner": ("unscanned",),
    "guardian": ("not_on_wire", "unscanned"),
    "xdome": ("not_on_wire", "unscanned"),
    "wire": ("not_on_wire",),
}
"""The needs that a source meets."""
OTHERS = {
    kind: {name for name, kinds in KINDS.items() if kind in kinds}
    for kind in ("not_in_edr", "not_on_wire", "unscanned")
}
OBSERVING = {"edr", "guardian", "xdome", "wire"}


def who(one: dict[str, object]) -> set[str]:
    return {str(member["instance"]) for member in one["members"]}  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("hidden_from", sorted(KINDS))
def test_hiding_some_assets_from_one_source_names_exactly_those(seed: int, hidden_from: str) -> None:
    fleet = list(site(seed))
    seen = [one for one in fleet if hidden_from in who(one)]
    hidden = {one["id"]: one for one in random.Random(seed).sample(seen, 7)}
    before, after = table(fleet, SOURCES), table(without(fleet, hidden_from, hidden), SOURCES)
    for kind in ("not_in_edr", "not_on_wire", "unscanned"):
        lost = {
            id
            for id, one in hidden.items()
            if kind in KINDS[hidden_from] and not who(one) & (OTHERS[kind] - {hidden_from})
        }
        stale = before.get((kind, "stale"), set()) & lost
        grown = after.get((kind, "asset_absent"), set()) - before.get((kind, "asset_absent"), set())
        assert grown == lost, kind
        assert before.get((kind, "asset_absent"), set()) <= after.get((kind, "asset_absent"), set())
        assert after.get((kind, "stale"), set()) - before.get((kind, "stale"), set()) <= hidden.keys() - lost
        assert not stale & after.get((kind, "stale"), set())
        for cause in ("not_declared", "not_deployed"):
            assert after.get((kind, cause)) == before.get((kind, cause))
    single = after.get(("weak_witness", "single_witness"), set()) - before.get(
        ("weak_witness", "single_witness"), set()
    )
    assert single == {id for id, one in hidden.items() if len(who(one)) == 2}
    unmet = after.get(("cmdb_only", "asset_absent"), set()) - before.get(("cmdb_only", "asset_absent"), set())
    left = {id: who(one) - {hidden_from} for id, one in hidden.items()}
    assert unmet == {
        id for id, names in left.items() if names and not names & OBSERVING and who(hidden[id]) & OBSERVING
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_taking_a_source_out_of_the_configuration_is_not_deployed_and_out_of_the_market_not_declared(seed: int) -> None:
    fleet = list(site(seed))
    everyone = {one["id"] for one in fleet}
    hosts = {one["id"] for one in fleet if collectable("Process Creation", one["class"])}
    installed = [Source(one.connector, one.capabilities) if one.connector == "edr" else one for one in SOURCES]
    found = table(fleet, installed)
    assert found["not_in_edr", "not_deployed"] == hosts
    assert found["not_in_edr", "not_declared"] == everyone - hosts, "no agent runs on them"
    missing = [one for one in SOURCES if one.connector != "edr"]
    assert table(fleet, missing)["not_in_edr", "not_declared"] == everyone
    assert not {cause for kind, cause in table(fleet, missing) if kind == "not_in_edr"} - {"not_declared"}


def test_the_other_sources_gaps_do_not_move_when_one_is_hidden() -> None:
    fleet = list(site(9_009))
    before = table(fleet, SOURCES)
    after = table(fleet, [one for one in SOURCES if one.connector != "scanner"])
    for key, ids in before.items():
        if key[0] in ("not_in_edr", "not_on_wire"):
            assert after[key] == ids


def test_a_source_that_sees_nothing_of_a_site_is_not_deployed_there() -> None:
    edr = next(one for one in SOURCES if one.connector == "edr")
    fleet = [
        asset("north", "server", "edr", site="North"),
        asset("south", "server", "wire", site="South"),
        asset("lost", "server", "wire"),
    ]
    found = table(fleet, [edr])
    assert found["not_in_edr", "not_deployed"] == {"south"}
    assert found["not_in_edr", "asset_absent"] == {"lost"}, "where a device is, nobody says"


def test_what_was_scanned_longer_ago_than_the_setting_is_unscanned_and_what_was_seen_meanwhile_is_not_stale() -> None:
    fleet = [
        asset("old", "server", "scanner", seen="2026-04-25T00:00:00.000Z"),
        asset("new", "server", "scanner", seen="2026-05-10T00:00:00.000Z"),
    ]
    assert table(fleet, SOURCES)["unscanned", "stale"] == {"old"}
