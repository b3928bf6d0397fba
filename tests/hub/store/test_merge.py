"""Whatever the order, however often: the same statements leave the same store."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.store.objects import (
    JUNE_1,
    JUNE_2,
    JUNE_3,
    MAY_1,
    address,
    asset,
    content,
    incoming,
    made_id,
    put,
    relation,
)

from isthmus_hub.store import Incoming, Store

TIMES = (MAY_1, "2024-05-01T00:00:00.0005Z", JUNE_1, JUNE_2, "2031-01-01T00:00:00.000Z")
PLC_1, PLC_2, IP_1, IP_2 = asset("plc-1"), asset("plc-2"), address("10.0.0.1"), address("10.0.0.2")


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    modified = draw(st.sampled_from(TIMES))
    created = draw(st.sampled_from([time for time in TIMES if time <= modified]))
    match draw(st.sampled_from(["asset", "asset", "address", "relation", "indicator"])):
        case "asset":
            markings = draw(st.sampled_from([(), ("green",), ("amber",), ("amber", "green")]))
            facts = draw(
                st.sampled_from(
                    [
                        {},
                        {"hostname": "plc-1"},
                        {"hostname": "plc-2", "interfaces": [{"ips": ["10.0.0.1"], "ip_refs": [IP_1["id"]]}]},
                        {"interfaces": [{"ips": ["10.0.0.2"], "ip_refs": [IP_2["id"], IP_1["id"]]}]},
                    ]
                )
            )
            return asset("plc-1", modified=modified, created=created, markings=markings, **facts)
        case "address":
            extra = draw(st.sampled_from([{}, {"resolves_to_refs": [made_id("mac-addr", "a")]}]))
            return IP_1 | extra
        case "relation":
            return relation(PLC_1, "consists-of", IP_1, modified=modified, description=draw(st.sampled_from("ab")))
        case _:
            return {
                "type": "indicator",
                "spec_version": "2.1",
                "id": made_id("indicator", "rule"),
                "created": created,
                "modified": modified,
                "valid_from": draw(st.sampled_from([created, MAY_1])),
                "pattern_type": "stix",
                "pattern": "[ipv4-addr:value = '10.0.0.1']",
            }


@st.composite
def statements(draw: st.DrawFn) -> Incoming:
    return incoming(
        draw(bodies()),
        instance=draw(st.sampled_from(["guardian", "edr"])),
        stream=draw(st.sampled_from(["assets", "alerts"])),
        observed_at=draw(st.sampled_from([JUNE_1, JUNE_2, JUNE_3])),
        offset=draw(st.integers(1, 9)),
    )


def fill(directory: Path, name: str, batches: list[list[Incoming]]) -> dict[str, Any]:
    with Store.open(directory / name, hub="h") as store:
        for batch in batches:
            put(store, *batch)
        assert store.check() == []
        return content(store)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), said=st.lists(statements(), min_size=1, max_size=8))
def test_any_order_and_any_repetition_gives_the_same_content(data: st.DataObject, said: list[Incoming]) -> None:
    again = data.draw(st.permutations(said + data.draw(st.lists(st.sampled_from(said), max_size=6))))
    batches: list[list[Incoming]] = [[]]
    for item in again:
        if data.draw(st.booleans()):
            batches.append([])
        batches[-1].append(item)
    with TemporaryDirectory() as directory:
        one_by_one = fill(Path(directory), "one", [[item] for item in said])
        otherwise = fill(Path(directory), "other", batches)
    assert otherwise == one_by_one


@settings(max_examples=30, deadline=None)
@given(said=st.lists(statements(), min_size=1, max_size=8))
def test_saying_everything_again_changes_nothing(said: list[Incoming]) -> None:
    with TemporaryDirectory() as directory, Store.open(Path(directory) / "store", hub="h") as store:
        put(store, *said)
        before = content(store)
        with store.transaction() as tx:
            changes = tx.put(said)
        assert {change.kind for change in changes} <= {"unchanged", "stale"}
        assert content(store) == before


# -- what each statement does, one by one ------------------------------------------------------------------------------------


def test_the_first_statement_is_new_and_the_same_again_is_unchanged(store: Store) -> None:
    assert put(store, incoming(asset("plc"))) == ["new"]
    assert put(store, incoming(asset("plc"))) == ["unchanged"]
    assert put(store, incoming(asset("plc"), observed_at=JUNE_2)) == ["unchanged"]
    assert put(store, incoming(asset("plc", modified=JUNE_1), observed_at=JUNE_2)) == ["unchanged"]


def test_a_newer_version_wins_and_an_older_one_is_stale(store: Store) -> None:
    put(store, incoming(asset("plc", modified=JUNE_2) | {"name": "newer"}, observed_at=JUNE_2))
    assert put(store, incoming(asset("plc", modified=JUNE_1) | {"name": "older"}, observed_at=JUNE_3)) == ["stale"]
    stored = store.get(made_id("infrastructure", "plc"))
    assert stored is not None
    assert stored.body["name"] == "newer"
    assert stored.body["modified"] == JUNE_2


def test_without_versions_the_later_observation_wins(store: Store) -> None:
    put(store, incoming(address("10.0.0.1") | {"resolves_to_refs": [made_id("mac-addr", "a")]}, observed_at=JUNE_2))
    assert put(store, incoming(address("10.0.0.1"), observed_at=JUNE_1)) == ["stale"]
    assert put(store, incoming(address("10.0.0.1"), observed_at=JUNE_3)) == ["changed"]


def test_several_versions_in_one_batch_are_reported_each_and_the_newest_stays(store: Store) -> None:
    versions = [
        incoming(asset("plc", modified=modified) | {"name": modified}, observed_at=JUNE_3)
        for modified in (JUNE_1, JUNE_3, JUNE_2)
    ]
    assert put(store, *versions) == ["new", "changed", "stale"]
    stored = store.get(versions[0].id)
    assert stored is not None
    assert stored.body["name"] == JUNE_3


def test_created_is_pinned_to_the_earliest_that_was_told(store: Store) -> None:
    put(store, incoming(asset("plc", created=JUNE_1, modified=JUNE_2), observed_at=JUNE_2))
    put(store, incoming(asset("plc", created=MAY_1, modified=JUNE_1) | {"name": "older"}, observed_at=JUNE_1))
    put(store, incoming(asset("plc", created=JUNE_3, modified=JUNE_3), observed_at=JUNE_3))
    stored = store.get(made_id("infrastructure", "plc"))
    assert stored is not None
    assert (stored.body["created"], stored.body["modified"]) == (MAY_1, JUNE_3)


def test_a_modified_in_the_future_is_capped_flagged_and_does_not_freeze_the_object(store: Store) -> None:
    wild = asset("plc", modified="2199-01-01T00:00:00.000Z") | {"name": "from the future"}
    put(store, incoming(wild, observed_at=JUNE_1))
    stored = store.get(wild["id"])
    assert stored is not None
    assert stored.body["modified"] == JUNE_2
    assert stored.provenance[0].capped
    assert put(store, incoming(asset("plc", modified=JUNE_3), observed_at=JUNE_3)) == ["changed"]
    assert put(store, incoming(wild, observed_at=JUNE_1)) == ["stale"]


def test_a_time_the_source_gave_counts_more_than_the_same_one_it_was_capped_to(tmp_path: Path) -> None:
    given = incoming(asset("plc", modified=JUNE_2), observed_at=JUNE_1)
    capped = incoming(asset("plc", modified="2199-01-01T00:00:00.000Z"), observed_at=JUNE_1)
    first, last = fill(tmp_path, "first", [[given], [capped]]), fill(tmp_path, "last", [[capped], [given]])
    assert first == last
    ((_, (claim,)),) = first["objects"].values()
    assert (claim.modified, claim.capped) == (JUNE_2, False)


def test_every_source_is_remembered_and_the_winner_comes_first(store: Store) -> None:
    put(store, incoming(asset("plc", modified=JUNE_1), instance="a", offset=7))
    with store.transaction() as tx:
        (change,) = tx.put([incoming(asset("plc", modified=JUNE_2), instance="b", observed_at=JUNE_3, offset=9)])
    assert (change.kind, change.first) == ("unchanged", True)
    put(store, incoming(asset("plc", modified=JUNE_1), instance="a", observed_at=JUNE_3, offset=11))
    stored = store.get(change.id)
    assert stored is not None
    winner, other = stored.provenance
    assert (winner.instance, winner.source_id, winner.modified, winner.first_offset) == ("b", "b-tenant", JUNE_2, 9)
    assert (other.instance, other.first_observed, other.last_observed, other.first_offset) == ("a", JUNE_1, JUNE_3, 7)


def test_sources_without_change_times_do_not_take_turns(store: Store) -> None:
    for at in (JUNE_1, JUNE_2, JUNE_3):
        kinds = [
            put(
                store,
                incoming(asset("plc", modified=at) | {"name": f"as {name} sees it"}, instance=name, observed_at=at),
            )
            for name in ("b", "a")
        ]
        if at != JUNE_1:
            assert kinds == [["unchanged"], ["unchanged"]]
    stored = store.get(made_id("infrastructure", "plc"))
    assert stored is not None
    assert stored.body["name"] == "as a sees it"


def test_the_words_of_a_source_come_back_when_the_one_believed_before_loses(store: Store) -> None:
    old = asset("plc", modified=JUNE_1) | {"name": "the vendor's words"}
    put(store, incoming(old, instance="z", observed_at=JUNE_2))
    put(store, incoming(asset("plc", modified=JUNE_1) | {"name": "newer words"}, instance="y", observed_at=JUNE_3))
    assert put(
        store, incoming(asset("plc", modified=MAY_1) | {"name": "older words"}, instance="y", observed_at=JUNE_3)
    ) == ["stale"]
    assert put(
        store, incoming(asset("plc", modified=JUNE_2) | {"name": "looked at"}, instance="y", observed_at=JUNE_2)
    ) == ["changed"]
    stored = store.get(old["id"])
    assert stored is not None
    assert stored.body["name"] == "the vendor's words"


def test_markings_of_all_sources_apply_and_a_source_may_lower_its_own(store: Store) -> None:
    from isthmus_sdk import stix

    def markings() -> list[str]:
        stored = store.get(made_id("infrastructure", "plc"))
        assert stored is not None
        return stored.body.get("object_marking_refs", [])

    put(store, incoming(asset("plc", modified=JUNE_2, markings=("green",)), instance="a", observed_at=JUNE_2))
    older = incoming(asset("plc", modified=JUNE_1, markings=("red",)), instance="b")
    with store.transaction() as tx:
        (change,) = tx.put([older])
    assert change.kind == "changed", "an older statement that is marked more strictly changes what may be shared"
    assert change.body is not None
    assert sorted(change.body["object_marking_refs"]) == sorted([stix.TLP["green"], stix.TLP["red"]]) == markings()
    put(store, incoming(asset("plc", modified=JUNE_3, markings=("green",)), instance="b", observed_at=JUNE_3))
    assert markings() == [stix.TLP["green"]]


def test_the_change_carries_what_the_store_would_answer(store: Store) -> None:
    put(store, incoming(asset("plc", created=MAY_1, modified=JUNE_1, markings=("amber",)), instance="a"))
    newer = asset("plc", created=JUNE_2, modified=JUNE_2, markings=("green",)) | {"name": "new name"}
    with store.transaction() as tx:
        (change,) = tx.put([incoming(newer, instance="b", observed_at=JUNE_2)])
    stored = store.get(newer["id"])
    assert stored is not None
    assert change.body == stored.body
    assert change.body["created"] == MAY_1


@pytest.mark.parametrize(
    "broken",
    [
        {"modified": "yesterday"},
        {"created": 5},
        {"type": "malware"},
        {"id": "infrastructure--00000000-0000-4000-8000-000000000000"},
        {"name": "\ud800"},
    ],
)
def test_an_unusable_object_is_rejected_alone(store: Store, broken: dict[str, Any]) -> None:
    good = incoming(asset("good"), offset=1)
    bad = asset("bad")
    item = Incoming(bad["id"], bad | broken, b"{}", "edr", "assets", "t", JUNE_1, 2)
    assert put(store, good, item, incoming(asset("also good"), offset=3)) == ["new", "rejected", "new"]
    (rejected,) = store.rejected()
    assert (rejected.offset, rejected.id) == (2, bad["id"])
    assert rejected.reason
    assert store.get(bad["id"]) is None
    assert store.check() == []
