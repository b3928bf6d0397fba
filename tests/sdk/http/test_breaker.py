"""The breaker: a server that is down is left alone, and found again when it is back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.sdk.http.conftest import QuickTimer
from tests.sdk.http.server import Exchange, HostileServer, json_page, status

from isthmus_sdk.errors import AuthenticationError, RetriableError, ServerFault, Unreachable
from isthmus_sdk.http import Http, Retry

Make = Callable[..., Http]
ONE_TRY = Retry(attempts=1, failures=3, rest=30.0, longest_rest=100.0)


def fail(http: Http, times: int) -> None:
    for _ in range(times):
        with pytest.raises(RetriableError):
            http.get("x")


def test_after_three_calls_in_vain_the_server_is_not_asked_for_a_while(
    vendor: HostileServer, client: Make, timer: QuickTimer
) -> None:
    vendor.on("/x", status(503))
    http = client(vendor.url, retry=ONE_TRY, timer=timer)
    fail(http, 3)
    with pytest.raises(Unreachable, match="failed 3 calls in a row and is left alone") as caught:
        http.get("y")
    assert caught.value.not_before == pytest.approx(30, abs=1)
    assert len(vendor.requests) == 3


def test_one_call_looks_whether_it_is_back_and_then_all_go_on(
    vendor: HostileServer, client: Make, timer: QuickTimer
) -> None:
    vendor.on("/x", status(503), status(503), status(503), json_page({}))
    http = client(vendor.url, retry=ONE_TRY, timer=timer)
    fail(http, 3)
    timer.waits.append(31)
    assert http.get("x").ok
    vendor.on("/x", status(503))
    fail(http, 2)
    assert len(vendor.requests) == 6


def test_each_look_in_vain_doubles_the_rest_up_to_its_ceiling(
    vendor: HostileServer, client: Make, timer: QuickTimer
) -> None:
    vendor.on("/x", status(503))
    http = client(vendor.url, retry=ONE_TRY, timer=timer)
    fail(http, 3)
    for passed, rest in ((30, 60), (60, 100), (100, 100)):
        timer.waits.append(passed + 1)
        with pytest.raises(ServerFault):
            http.get("x")
        with pytest.raises(Unreachable) as caught:
            http.get("x")
        assert caught.value.not_before == pytest.approx(rest, abs=1)


def test_only_one_thread_looks(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    vendor.on("/x", status(503))
    http = client(vendor.url, retry=ONE_TRY, timer=timer)
    fail(http, 3)
    timer.waits.append(31)
    asked, go_on = threading.Event(), threading.Event()

    def slow(exchange: Exchange) -> None:
        asked.set()
        go_on.wait(10)
        json_page({})(exchange)

    vendor.on("/x", slow)
    outcome: list[Any] = []
    prober = threading.Thread(target=lambda: outcome.append(http.get("x").status))
    prober.start()
    assert asked.wait(10)
    with pytest.raises(Unreachable):
        http.get("x")
    go_on.set()
    prober.join()
    assert outcome == [200]
    assert len(vendor.requests) == 4


def test_a_refusal_is_an_answer(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(503), status(503), status(401), status(503), status(503), json_page({}))
    http = client(vendor.url, retry=ONE_TRY)
    fail(http, 2)
    with pytest.raises(AuthenticationError):
        http.get("x")
    fail(http, 2)
    assert http.get("x").ok


def test_another_origin_is_asked_all_the_same(vendor: HostileServer, other: HostileServer, client: Make) -> None:
    vendor.on("/x", status(503))
    other.on("/x", json_page({}))
    http = client(vendor.url, origins=[other.url], retry=ONE_TRY)
    fail(http, 4)
    assert http.get(f"{other.url}/x").ok
