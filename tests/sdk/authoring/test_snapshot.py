"""When a run may say that it read a complete inventory."""

from __future__ import annotations

import pytest

from isthmus_sdk.engine import Outcome
from isthmus_sdk.snapshot import NO_KEY, PAIR, Snapshots, exposures
from isthmus_sdk.stix import Builder, Interface

AT, LATER = "2026-05-04T05:00:00.000Z", "2026-05-04T05:00:01.000Z"


def page(*numbers: int, unmapped: tuple[int, ...] = ()) -> Outcome:
    return Outcome(seen={PAIR.pack(number, number) for number in numbers}, unmapped=list(unmapped))


def read(snapshots: Snapshots, *pages: Outcome, resumed: bool = False) -> Snapshots:
    snapshots.begin(resumed=resumed)
    for number, outcome in enumerate(pages):
        snapshots.page(outcome, "", LATER if number else AT, begins=False, ends=False)
    return snapshots


def test_a_whole_walk_is_one_snapshot_whatever_the_order_of_its_pages() -> None:
    found = [read(Snapshots(), *pages).end({"": 3}, "q") for pages in ((page(1, 2), page(2, 3)), (page(3, 2), page(1)))]
    assert found[0] == found[1]
    (snapshot,), reason = found[0]
    assert (len(snapshot.seen), snapshot.walk, snapshot.observed_at, reason) == (3 * PAIR.size, "3", LATER, "")


@pytest.mark.parametrize(
    ("snapshots", "resumed", "outcome"),
    [
        (Snapshots(), True, page(1)),
        (Snapshots(filtered=True), False, page(1)),
        (Snapshots(), False, page(1, unmapped=(0,))),
    ],
    ids=["resumed", "since", "without a key"],
)
def test_less_than_a_whole_reading_proves_nothing(snapshots: Snapshots, resumed: bool, outcome: Outcome) -> None:
    told, reason = read(snapshots, outcome, resumed=resumed).end({}, "q")
    assert told == []
    assert reason


def test_a_walk_that_began_anew_forgets_what_was_seen_before() -> None:
    snapshots = read(Snapshots(), page(1, unmapped=(0,)), resumed=True)
    (snapshot,), reason = read(snapshots, page(2)).end({}, "q")
    assert (snapshot.seen, reason) == (PAIR.pack(2, 2), "")


def test_of_files_only_those_read_from_beginning_to_end_count() -> None:
    snapshots = Snapshots("file")
    snapshots.begin(resumed=False)
    snapshots.page(page(1), "whole", AT, begins=True, ends=True)
    snapshots.page(page(2), "cut", AT, begins=True, ends=False)
    snapshots.page(page(3), "rest", LATER, begins=False, ends=True)
    told, reason = snapshots.end({"whole": 1}, "q")
    assert [snapshot.walk for snapshot in told] == ["whole:1"]
    assert reason


def test_a_batch_is_all_of_its_files_or_nothing() -> None:
    for last, expected in ((True, 1), (False, 0)):
        snapshots = Snapshots("batch")
        snapshots.begin(resumed=False)
        snapshots.page(page(1), "a", AT, begins=True, ends=True)
        snapshots.page(page(2), "b", LATER, begins=True, ends=last)
        assert len(snapshots.end({}, "q")[0]) == expected


def test_a_reason_names_the_record_without_a_key() -> None:
    assert read(Snapshots(), page(unmapped=(0,))).end({}, "q") == ([], NO_KEY)


def test_a_reply_without_content_proves_nothing() -> None:
    snapshots = read(Snapshots(), page(1, 2))
    snapshots.no_content()
    told, reason = snapshots.end({}, "q")
    assert told == []
    assert "204" in reason


def test_exposures_are_told_beside_the_devices_and_too_many_are_not_known_rather_than_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("isthmus_sdk.snapshot.MOST_EXPOSURES", 2)
    two = Outcome(seen={PAIR.pack(1, 1)}, exposed={PAIR.pack(7, 1), PAIR.pack(8, 1)})
    (snapshot,), _ = read(Snapshots(), two).end({}, "q")
    assert (len(snapshot.seen), len(snapshot.exposures or b"")) == (PAIR.size, 2 * PAIR.size)
    (snapshot,), reason = read(Snapshots(), two, Outcome(exposed={PAIR.pack(9, 1)})).end({}, "q")
    assert (snapshot.exposures, reason) == (None, "")


def test_an_exposure_is_what_has_a_state_and_no_other_edge() -> None:
    builder = Builder(source_id="s", connector="c", observed_at=AT)
    asset = builder.asset("m1", name="m1", interfaces=[Interface(ips=["10.0.0.1"])])
    made = [*asset, *builder.exposure(asset, "CVE-2024-0001", state="open")]
    (found,) = exposures(made)
    assert [body["relationship_type"] for body in made if body["id"] == found] == ["has"]
