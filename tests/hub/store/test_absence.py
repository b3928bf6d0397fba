"""What vanished from complete snapshots: marked, never deleted, and the same in whatever order it becomes known."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.store.objects import JUNE_1, JUNE_2, JUNE_3, asset, incoming, put

from isthmus_hub.store import Mark, Store, decode_mark, encode_mark, judge
from isthmus_sdk.errors import RecordError
from isthmus_sdk.snapshot import PAIR, Snapshot, object_key, record_key

SOURCE = ("guardian", "assets", "guardian-tenant")


def snapshot(*names: str, at: str = JUNE_1, bad: tuple[str, ...] = (), query: str = "q") -> Snapshot:
    seen = {PAIR.pack(object_key(asset(name)["id"]), record_key(name)) for name in names}
    unmapped = {record_key(name).to_bytes(8, "big") for name in bad}
    return Snapshot(
        walk="1", query=query, observed_at=at, seen=b"".join(sorted(seen)), quarantined=b"".join(sorted(unmapped))
    )


def marks(*snapshots: Snapshot, floor: int = 2) -> list[Mark]:
    found: list[Mark] = []
    for one in snapshots:
        verdict = judge(SOURCE, "north", one, found[-1] if found else None, floor=floor)
        assert not verdict.held
        found.append(verdict.mark)
    return found


def take(store: Store, *wanted: Mark) -> list[str]:
    with store.transaction() as tx:
        for mark in wanted:
            tx.mark(mark)
        return tx.absences_changed()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    with Store.open(tmp_path / "store.sqlite", hub="north") as store:
        yield store


def test_a_device_that_vanished_is_absent_since_that_snapshot_and_stays_in_the_store(store: Store) -> None:
    put(store, *(incoming(asset(name), observed_at=JUNE_1) for name in ("a", "b", "c")))
    first, second = marks(snapshot("a", "b", "c"), snapshot("a", "b", at=JUNE_2))
    assert take(store, first) == []
    assert take(store, second) == [asset("c")["id"]]
    assert store.absent_since(asset("c")["id"]) == JUNE_2
    assert store.absent_since(asset("a")["id"]) is None
    assert store.get(asset("c")["id"]) is not None


def test_since_stays_when_later_snapshots_lack_it_too(store: Store) -> None:
    put(store, *(incoming(asset(name)) for name in ("a", "b")))
    take(store, *marks(snapshot("a", "b"), snapshot("a", at=JUNE_2), snapshot("a", at=JUNE_3)))
    assert store.absent_since(asset("b")["id"]) == JUNE_2


def test_a_device_that_is_told_again_is_back_at_once(store: Store) -> None:
    put(store, *(incoming(asset(name)) for name in ("a", "b")))
    take(store, *marks(snapshot("a", "b"), snapshot("a", at=JUNE_2)))
    with store.transaction() as tx:
        tx.put([incoming(asset("b"), observed_at=JUNE_3, offset=9)])
        assert tx.absences_changed() == [asset("b")["id"]]
    assert store.absent_since(asset("b")["id"]) is None


def test_what_another_inventory_still_holds_is_present(store: Store) -> None:
    put(store, incoming(asset("a")), incoming(asset("b")))
    put(store, incoming(asset("b"), stream="cves"))
    take(store, *marks(snapshot("a", "b"), snapshot("a", at=JUNE_2)))
    assert store.absent_since(asset("b")["id"]) == JUNE_2  # a source without snapshots said so earlier, that is all
    other = judge(("guardian", "cves", "guardian-tenant"), "north", snapshot("b", at=JUNE_1), None).mark
    assert take(store, other) == [asset("b")["id"]]
    assert store.absent_since(asset("b")["id"]) is None


def test_a_mention_after_the_snapshot_counts_and_one_before_does_not(store: Store) -> None:
    put(store, incoming(asset("a")), incoming(asset("b")))
    take(store, *marks(snapshot("a", "b"), snapshot("a", at=JUNE_2)))
    put(store, incoming(asset("b"), stream="alerts", observed_at=JUNE_3, offset=3))
    assert store.absent_since(asset("b")["id"]) is None


def test_a_record_in_quarantine_was_seen() -> None:
    _, second = marks(snapshot("a", "b"), snapshot("a", at=JUNE_2, bad=("b",)))
    assert second.counts == (2, 0)
    assert marks(snapshot("a", "b"), snapshot("a", at=JUNE_2, bad=("b",)), snapshot("a", at=JUNE_3))[-1].counts == (
        1,
        1,
    )


def test_more_than_a_fifth_at_once_is_held_and_a_few_of_few_are_not() -> None:
    ten = [f"d{n}" for n in range(10)]
    (before,) = marks(snapshot(*ten))
    assert judge(SOURCE, "north", snapshot(*ten[:7], at=JUNE_2), before).held
    assert not judge(SOURCE, "north", snapshot(*ten[:8], at=JUNE_2), before).held
    assert not judge(SOURCE, "north", snapshot(*ten[:7], at=JUNE_2), before, floor=3).held
    (few,) = marks(snapshot("a", "b", "c"))
    assert not judge(SOURCE, "north", snapshot("a", at=JUNE_2), few).held


def test_an_empty_inventory_and_another_query_are_held_whatever_the_number() -> None:
    (before,) = marks(snapshot("a", "b"))
    assert "empty" in judge(SOURCE, "north", snapshot(at=JUNE_2), before).held
    assert "query" in judge(SOURCE, "north", snapshot("a", at=JUNE_2, query="other"), before).held
    assert not judge(SOURCE, "north", snapshot("a", "b", at=JUNE_2, query="other"), before).held


def test_a_mark_survives_the_bus_and_a_cut_one_is_refused() -> None:
    mark = marks(snapshot("a", "b"), snapshot("a", at=JUNE_2))[-1]
    assert decode_mark(encode_mark(mark)) == mark
    for broken in (b"{}", b'{"type":"infrastructure"}', encode_mark(mark)[:-9]):
        with pytest.raises(RecordError):
            decode_mark(broken)
    mark.absent = mark.absent[:-1]
    with pytest.raises(RecordError):
        decode_mark(encode_mark(mark))


NAMES = ("a", "b", "c", "d")
DAYS = [f"2024-06-{day:02d}T00:00:00.000Z" for day in range(1, 9)]
runs = st.lists(st.sets(st.sampled_from(NAMES), min_size=1), min_size=1, max_size=8)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=runs, data=st.data())
def test_shuffled_and_duplicated_replay_gives_the_same_digest(
    tmp_path_factory: pytest.TempPathFactory, runs: list[set[str]], data: st.DataObject
) -> None:
    told: list[object] = []
    before: Mark | None = None
    for offset, (names, day) in enumerate(zip(runs, DAYS, strict=False), 1):
        told += [incoming(asset(name), observed_at=day, offset=offset) for name in sorted(names)]
        before = judge(SOURCE, "north", snapshot(*names, at=day), before, floor=9).mark
        told.append(before)
    again = data.draw(st.permutations(told + data.draw(st.lists(st.sampled_from(told), max_size=6))))
    digests, absent = [], []
    for order in (told, again):
        with Store.open(tmp_path_factory.mktemp("s") / "store.sqlite", hub="north") as store:
            for one in order:
                if isinstance(one, Mark):
                    take(store, one)
                else:
                    put(store, one)  # type: ignore[arg-type]
            digests.append(store.digest())
            absent.append({name for name in NAMES if store.absent_since(asset(name)["id"])})
            assert store.check() == []
    assert digests[0] == digests[1]
    assert absent[0] == absent[1] == set().union(*runs) - runs[-1]


def test_the_newest_mark_of_an_inventory_can_be_asked_for(store: Store) -> None:
    assert store.last_mark(SOURCE) is None
    (mark,) = marks(snapshot("a"))
    take(store, mark)
    assert store.last_mark(SOURCE) == mark


CVES = ("scanner", "findings", "tenant")


def listing(*pairs: tuple[int, str], at: str = JUNE_1, bad: tuple[str, ...] = ()) -> Snapshot:
    exposures = {PAIR.pack(number, record_key(record)) for number, record in pairs}
    unmapped = b"".join(sorted(record_key(name).to_bytes(8, "big") for name in bad))
    return Snapshot(walk="1", query="q", observed_at=at, quarantined=unmapped, exposures=b"".join(sorted(exposures)))


def after(*snapshots: Snapshot) -> tuple[Mark, str]:
    mark, held = None, ""
    for one in snapshots:
        verdict = judge(CVES, "north", one, mark)
        mark, held = verdict.mark, verdict.held
    assert mark is not None
    return decode_mark(encode_mark(mark)), held


def test_a_record_that_lists_fewer_exposures_closes_the_others() -> None:
    mark, held = after(
        listing((1, "cve-a"), (2, "cve-a"), (3, "cve-b")), listing((1, "cve-a"), (3, "cve-b"), at=JUNE_2)
    )
    assert (list(mark.gone()), mark.counts, held) == ([2], (2, 1), "")


def test_exposures_of_a_record_that_did_not_map_stay_and_close_when_it_maps_without_them() -> None:
    both = listing((1, "cve-a"), (2, "cve-b"))
    kept, _ = after(both, listing((1, "cve-a"), at=JUNE_2, bad=("cve-b",)))
    assert (kept.gone(), len(kept.exposures)) == ({}, 2 * PAIR.size)
    closed, _ = after(both, listing((1, "cve-a"), at=JUNE_2, bad=("cve-b",)), listing((1, "cve-a"), at=JUNE_3))
    assert list(closed.gone()) == [2]


def test_a_closed_exposure_stays_closed_since_then_until_it_is_listed_again() -> None:
    seen = [listing((1, "a"), (2, "b")), listing((1, "a"), at=JUNE_2), listing((1, "a"), at=JUNE_3)]
    assert after(*seen[:2])[0].gone() == after(*seen)[0].gone()
    assert after(*seen, listing((1, "a"), (2, "b"), at=JUNE_3))[0].gone() == {}


def test_a_snapshot_that_knows_nothing_of_exposures_closes_none() -> None:
    older = Snapshot(walk="1", query="q", observed_at=JUNE_2)
    mark, held = after(listing((1, "a"), (2, "b")), older)
    assert (mark.gone(), mark.counts, held) == ({}, (2, 0), "")


def test_one_round_of_updates_closes_many_but_more_than_half_of_all_is_held() -> None:
    ten = [(number, f"r{number}") for number in range(1, 11)]
    assert after(listing(*ten), listing(*ten[:5], at=JUNE_2))[1] == ""
    assert "50%" in after(listing(*ten), listing(*ten[:4], at=JUNE_2))[1]
    assert "empty" in after(listing(*ten[:2]), listing(at=JUNE_2))[1]
