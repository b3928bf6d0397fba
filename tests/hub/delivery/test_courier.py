"""How a batch is taken apart when the platform will not have it whole."""

from __future__ import annotations

from math import log2

import pytest
from tests.hub.delivery.doubles import Toy, asset, encoded

from isthmus_sdk.errors import ServerFault, TooLarge, Unreachable
from isthmus_sdk.platform import BatchRejected, Profile


def ids(*numbers: int) -> set[str]:
    return {asset(n)["id"] for n in numbers}


@pytest.mark.parametrize("size", [2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 100])
def test_one_culprit_costs_at_most_twice_log2_n_more_calls_wherever_it_stands(room, size):
    worst = 0
    for place in range(0, size, 1 if size < 40 else 7):
        toy = Toy()
        toy.behave = toy.all_or_nothing(ids(place))
        here = room(toy)
        here.publish(*(asset(n) for n in range(size)))
        report = here.deliverer.run_once()
        assert (report.accepted, report.rejected, report.pending) == (size - 1, 1, 0)
        assert here.ledger.dead()[0].id == asset(place)["id"]
        worst = max(worst, len(toy.calls) - 1)
    assert worst <= 2 * log2(size)


def test_several_culprits_are_all_found_and_everything_else_arrives_in_order(room):
    bad = (0, 13, 14, 57, 99)
    toy = Toy()
    toy.behave = toy.all_or_nothing(ids(*bad))
    here = room(toy)
    here.publish(*(asset(n) for n in range(100)))
    report = here.deliverer.run_once()
    assert (report.accepted, report.rejected) == (95, 5)
    assert toy.order == [asset(n)["id"] for n in range(100) if n not in bad]


def test_a_lone_culprit_is_dead_although_nothing_else_was_there_to_compare(room):
    toy = Toy()
    toy.behave = toy.all_or_nothing(ids(1))
    here = room(toy)
    here.publish(asset(1))
    assert here.deliverer.run_once().rejected == 1


def test_a_platform_that_refuses_everything_kills_nothing_until_it_has_said_so_in_three_runs(room):
    toy = Toy()
    toy.behave = toy.all_or_nothing(asset(n)["id"] for n in range(50))
    here = room(toy)
    here.publish(*(asset(n) for n in range(50)))
    for _ in range(2):
        report = here.deliverer.run_once()
        assert (report.rejected, report.pending, report.group) == (0, 50, "source")
        assert "check its configuration" in report.error
    assert here.deliverer.run_once().rejected > 0
    toy.behave = None
    here.deliverer.run_once()
    totals = here.deliverer.totals()
    assert (totals.pending, totals.balanced) == (0, True)


def test_a_call_that_is_too_large_is_made_smaller_until_it_fits(room):
    toy = Toy()
    one = len(encoded(asset(1)))
    toy.behave = toy.at_most(3 * one)
    here = room(toy)
    here.publish(*(asset(n) for n in range(64)))
    report = here.deliverer.run_once()
    assert (report.accepted, report.rejected) == (64, 0)
    assert len(toy.calls) < 45


def test_a_single_record_that_is_too_large_is_a_dead_letter(room):
    toy = Toy()
    toy.behave = toy.at_most(1_000)
    here = room(toy)
    here.publish(asset(1), asset(2, description="x" * 2_000), asset(3))
    report = here.deliverer.run_once()
    assert (report.accepted, report.rejected) == (2, 1)
    assert "too large" in here.ledger.dead()[0].reason


def test_a_limit_met_while_looking_for_a_culprit_is_kept_as_well(room):
    toy = Toy()
    poison = toy.all_or_nothing(ids(20))

    def both(batch):
        if len(batch) > 8:
            raise TooLarge("413")
        return poison(batch)

    toy.behave = both
    here = room(toy)
    here.publish(*(asset(n) for n in range(40)))
    report = here.deliverer.run_once()
    assert (report.accepted, report.rejected, report.pending) == (39, 1, 0)


def test_a_poison_record_answered_with_500_stops_the_others_for_three_runs_at_most(room):
    toy = Toy()
    bad = ids(7)

    def crash(batch):
        if any(record.id in bad for record in batch):
            raise ServerFault("500")
        return [toy.take(record) for record in batch]

    toy.behave = crash
    here = room(toy)
    here.publish(*(asset(n) for n in range(20)))
    for _ in range(3):
        assert here.deliverer.run_once().rejected == 0
    assert here.deliverer.run_once().accepted == 19
    for n in range(20, 40):
        here.publish(asset(n))
        here.deliverer.run_once()
    totals = here.deliverer.totals()
    assert (totals.accepted, totals.rejected, totals.pending) == (39, 1, 0)
    assert "while others pass" in here.ledger.dead()[0].reason


def test_a_platform_that_answers_500_to_everything_kills_nothing_and_is_not_hammered(room):
    def crash(batch):
        raise ServerFault("500")

    here = room(Toy(behave=crash))
    here.publish(*(asset(n) for n in range(100)))
    for _ in range(12):
        before = len(here.toy.calls)
        report = here.deliverer.run_once()
        assert (report.pending, report.rejected) == (100, 0)
        assert len(here.toy.calls) - before <= 3
    here.toy.behave = None
    assert here.deliverer.run_once().accepted == 100


def test_an_unreachable_platform_is_asked_once_a_run(room):
    def away(batch):
        raise Unreachable("refused")

    here = room(Toy(behave=away))
    here.publish(*(asset(n) for n in range(100)))
    for _ in range(5):
        here.deliverer.run_once()
    assert len(here.toy.calls) == 5


def test_batches_keep_within_records_and_bytes(room):
    toy = Toy(profile=Profile(max_records=7, max_bytes=2_000, envelope=100, separator=10))
    here = room(toy)
    here.publish(*(asset(n, description="x" * (n % 400)) for n in range(300)))
    here.deliverer.run_once()
    assert max(len(call) for call in toy.calls) <= 7
    for call in toy.calls:
        assert sum(len(encoded(toy.bodies[id])) + 10 for id in call) + 100 <= 2_000
    assert len(toy.holds) == 300


def test_a_refusal_that_passes_on_the_second_look_is_no_death(room):
    toy = Toy()
    moody = iter([True])

    def behave(batch):
        if next(moody, False):
            raise BatchRejected("once")
        return [toy.take(record) for record in batch]

    toy.behave = behave
    here = room(toy)
    here.publish(*(asset(n) for n in range(9)))
    report = here.deliverer.run_once()
    assert (report.accepted, report.rejected) == (9, 0)


def test_an_outage_is_no_suspicion_against_the_objects_that_waited(room):
    toy = Toy()
    stumbles = iter([])

    def behave(batch):
        if toy.behave is None or next(stumbles, False):
            raise ServerFault("500")
        return [toy.take(record) for record in batch]

    here = room(toy)
    here.publish(*(asset(n) for n in range(4)))
    toy.behave = lambda batch: (_ for _ in ()).throw(ServerFault("500"))
    for _ in range(10):
        here.deliverer.run_once()
    stumbles = iter([True, False, True, False])  # the batch, not the scout, the next object alone, not the rest
    toy.behave = behave
    report = here.deliverer.run_once()
    assert (report.accepted, report.rejected, report.pending) == (3, 0, 1)
    assert here.deliverer.run_once().accepted == 1
    assert len(toy.order) == 4
