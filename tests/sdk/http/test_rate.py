"""The limiter waits, and never refuses what it may wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.sdk.http.conftest import QuickTimer
from tests.sdk.http.server import Exchange, HostileServer, json_page, status

from isthmus_sdk.errors import ConfigurationError, Interrupted, RateLimited
from isthmus_sdk.http import Event, Http, Rate

Make = Callable[..., Http]


def test_requests_are_spread_over_time(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    vendor.on("/x", json_page({}))
    events: list[Event] = []
    http = client(vendor.url, rate=Rate(requests=60, per=60), timer=timer, on_event=events.append)
    for _ in range(5):
        http.get("x")
    assert sum(timer.waits) == pytest.approx(4, abs=0.5)
    assert [event.kind for event in events].count("limited") == 4


def test_a_burst_passes_without_waiting(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    vendor.on("/x", json_page({}))
    http = client(vendor.url, rate=Rate(requests=1, per=60, burst=3), timer=timer)
    for _ in range(4):
        http.get("x")
    assert sum(timer.waits) == pytest.approx(60, abs=1)


def test_a_part_of_the_api_has_a_stricter_rate_and_others_are_not_slowed_down(
    vendor: HostileServer, client: Make, timer: QuickTimer
) -> None:
    for path in ("/api/exports/a", "/api/Exports/b", "/api/rows"):
        vendor.on(path, json_page({}))
    parts = {"/api/exports": Rate(requests=1, per=60)}
    http = client(vendor.url, rate=Rate(requests=1000, per=1, burst=100), rates=parts, timer=timer)
    for _ in range(5):
        http.get("/api/rows")
    assert sum(timer.waits) < 1
    http.get("/api/exports/a")
    http.get("/api/Exports/b")
    assert sum(timer.waits) == pytest.approx(60, abs=1)


def test_a_request_to_a_part_counts_for_the_whole_as_well(
    vendor: HostileServer, client: Make, timer: QuickTimer
) -> None:
    vendor.on("/exports", json_page({}))
    vendor.on("/rows", json_page({}))
    parts = {"/exports": Rate(requests=1, per=1, burst=100)}
    http = client(vendor.url, rate=Rate(requests=1, per=60), rates=parts, timer=timer)
    http.get("/exports")
    http.get("/rows")
    assert sum(timer.waits) == pytest.approx(60, abs=1)


def test_clients_of_one_account_share_the_rate_of_a_part(
    vendor: HostileServer, client: Make, timer: QuickTimer, tmp_path: Path
) -> None:
    vendor.on("/exports", json_page({}))
    for _ in range(2):
        http = client(vendor.url, rates={"/exports": Rate(requests=1, per=60)}, timer=timer, account=tmp_path / "one")
        http.get("/exports")
    assert sum(timer.waits) == pytest.approx(60, abs=1)


def test_retries_count_as_requests(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    vendor.on("/x", status(503), status(503), json_page({}))
    client(vendor.url, rate=Rate(requests=1, per=10), timer=timer).get("x")
    assert sum(timer.waits) == pytest.approx(20, abs=1)


def test_waiting_for_the_rate_takes_nothing_from_the_time_of_the_request(
    vendor: HostileServer, client: Make, timer: QuickTimer
) -> None:
    vendor.on("/x", json_page({}))
    http = client(vendor.url, rate=Rate(requests=1, per=1000), timer=timer)
    assert [http.get("x").status for _ in range(3)] == [200, 200, 200]


def test_a_run_that_may_not_wait_that_long_learns_how_long(
    vendor: HostileServer, client: Make, timer: QuickTimer
) -> None:
    vendor.on("/x", json_page({}))
    http = client(vendor.url, rate=Rate(requests=1, per=1000), timer=timer)
    http.start_run(100)
    http.get("x")
    with pytest.raises(RateLimited) as caught:
        http.get("x")
    assert caught.value.not_before == pytest.approx(1000, abs=5)
    assert timer.waits == []


def test_no_more_requests_are_open_than_allowed(vendor: HostileServer, client: Make) -> None:
    open_now = 0
    most = 0
    lock = threading.Lock()

    def behave(exchange: Exchange) -> None:
        nonlocal open_now, most
        with lock:
            open_now += 1
            most = max(most, open_now)
        exchange.server.stopping.wait(0.03)
        with lock:
            open_now -= 1
        json_page({})(exchange)

    vendor.on("/x", behave)
    http = client(vendor.url, rate=Rate(requests=1000, burst=1000, concurrency=2))
    threads = [threading.Thread(target=http.get, args=("x",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(vendor.requests), most) == (8, 2)


def test_what_the_vendor_tells_one_thread_holds_for_all(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    vendor.on("/x", status(429, headers={"Retry-After": "100"}), json_page({}))
    vendor.on("/y", json_page({}))
    http = client(vendor.url, timer=timer)
    http._limiter.hold(100)
    http.get("y")
    assert sum(timer.waits) == pytest.approx(100, abs=1)


def test_a_wait_for_the_rate_can_be_stopped(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({}))
    stop = threading.Event()
    http = client(vendor.url, rate=Rate(requests=1, per=3600), cancel=stop)
    http.get("x")
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(Interrupted):
        http.get("x")


def test_an_operator_can_only_lower_a_rate() -> None:
    declared = Rate(requests=100, per=60, burst=10, concurrency=4)
    assert declared.at_most(None) is declared
    assert declared.at_most(Rate(requests=1, per=1, burst=1)) == Rate(requests=1, per=1, burst=1, concurrency=4)
    assert declared.at_most(Rate(requests=1000, per=1, burst=99, concurrency=99)) == declared


@pytest.mark.parametrize(
    "bad", [{"requests": 0}, {"requests": 1, "per": 0}, {"requests": 1, "burst": 0}, {"requests": 1, "concurrency": 0}]
)
def test_a_rate_that_is_none_is_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        Rate(**bad)  # type: ignore[arg-type]
