"""The loop that a daemon runs."""

from __future__ import annotations

import threading

import pytest
from tests.hub.delivery.doubles import Toy, asset

from isthmus_sdk.errors import Unreachable
from isthmus_sdk.platform import Profile


@pytest.fixture
def running(room):
    """Run the loop in a thread; it must end within seconds of being told to."""
    started = []

    def run(toy):
        here = room(toy)
        stop = threading.Event()
        thread = threading.Thread(target=here.deliverer.run, args=(stop,), kwargs={"idle": 0.2, "longest": 0.01})
        started.append((stop, thread))
        thread.start()
        return here, stop, thread

    yield run
    for stop, thread in started:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


class Noting(Toy):
    """Says when it holds as many objects as were expected."""

    def __init__(self, expected):
        super().__init__(profile=Profile(max_records=5))
        self.expected = expected
        self.complete = threading.Event()
        self.failures_left = 0

    def send(self, batch):
        if self.failures_left:
            self.failures_left -= 1
            raise Unreachable("away")
        verdicts = super().send(batch)
        if len(self.holds) >= self.expected:
            self.complete.set()
        return verdicts


def test_what_is_published_while_it_runs_arrives(running):
    toy = Noting(20)
    here, _, _ = running(toy)
    for n in range(20):
        here.publish(asset(n))
    assert toy.complete.wait(20)


def test_a_platform_that_comes_back_gets_what_it_missed(running):
    toy = Noting(7)
    toy.failures_left = 6
    here, _, _ = running(toy)
    here.publish(*(asset(n) for n in range(7)))
    assert toy.complete.wait(20)
    assert toy.failures_left == 0


def test_a_stop_is_heard_between_two_calls(room):
    stop = threading.Event()
    toy = Toy(profile=Profile(max_records=5))

    def take_and_stop(batch):
        stop.set()
        return [toy.take(record) for record in batch]

    toy.behave = take_and_stop
    here = room(toy)
    here.publish(*(asset(n) for n in range(50)))
    report = here.deliverer.run_once(stop.is_set)
    assert (report.accepted, report.pending, report.error) == (5, 45, None)
    toy.behave = None
    assert here.deliverer.run_once().accepted == 45


def test_a_stop_in_mid_search_condemns_nobody(room):
    stop = threading.Event()
    toy = Toy(profile=Profile(max_records=5))
    refuse = toy.all_or_nothing({asset(0)["id"]})

    def behave(batch):
        if len(batch) == 1:
            stop.set()
        return refuse(batch)

    toy.behave = behave
    here = room(toy)
    here.publish(asset(0))
    assert here.deliverer.run_once(stop.is_set).rejected == 0
    assert here.ledger.pending("toy") == 1
