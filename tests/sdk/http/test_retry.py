"""What is tried again, how long is waited, and when it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from tests.sdk.http.conftest import QuickTimer
from tests.sdk.http.server import Behaviour, HostileServer, json_page, raw, reset_after, status

from isthmus_sdk.errors import (
    Interrupted,
    IsthmusError,
    RateLimited,
    RetriableError,
    ServerFault,
    TooLarge,
    UnexpectedReply,
    Unreachable,
)
from isthmus_sdk.http import Event, Headers, Http, Response, Retry
from isthmus_sdk.http._retry import asked_wait

Make = Callable[..., Http]
NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "3"}, 3),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "1000000000"}, 86_400),
        ({"Retry-After": "1e9"}, 86_400),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "Mon, 06 May 2024 07:08:39 GMT"}, 30),
        ({"Retry-After": "Monday, 06-May-24 07:08:39 GMT"}, 30),
        ({"Retry-After": "Mon May  6 07:08:39 2024"}, 30),
        ({"Retry-After": "Mon, 06 May 2024 07:08:00 GMT"}, 0),
        ({"Retry-After": "Mon, 99 May 2024 07:08:00 GMT"}, None),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 86_400),
        # The vendor's clock is an hour slow: only the distance to its own Date counts.
        ({"Retry-After": "Mon, 06 May 2024 06:08:39 GMT", "Date": "Mon, 06 May 2024 06:08:09 GMT"}, 30),
        ({"Retry-After-Ms": "2500"}, 2.5),
        ({"X-Ms-Retry-After-Ms": "2500"}, 2.5),
        ({"Retry-After": "soon", "RateLimit-Reset": "7"}, 7),
        ({"X-Rate-Limit-Reset": str(int(NOW.timestamp()) + 20)}, 20),
        ({"X-RateLimit-Reset": str((int(NOW.timestamp()) + 20) * 1000)}, 20),
    ],
)
def test_every_way_of_asking_to_wait_is_understood(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(Headers(headers), now=NOW.timestamp()) == seconds


@pytest.mark.parametrize("code", [429, 503])
def test_a_wish_to_wait_is_kept_within_a_tenth(
    vendor: HostileServer, client: Make, timer: QuickTimer, code: int
) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    vendor.on(
        "/x",
        status(code, headers={"Retry-After": "30"}),
        status(code, headers={"Retry-After": later}),
        json_page({"ok": 1}),
    )
    http = client(vendor.url, timer=timer)
    assert http.get("x").json() == {"ok": 1}
    own = [wait for wait in timer.waits if wait > 1]
    assert 30 <= own[0] <= 33
    assert 54 <= sum(own[1:]) <= 66


@pytest.mark.parametrize("value", ["0", "-1", "garbage", ""])
def test_a_useless_wish_falls_back_to_our_own_growing_steps(
    vendor: HostileServer, client: Make, timer: QuickTimer, value: str
) -> None:
    vendor.on("/x", *[status(429, headers={"Retry-After": value})] * 3, json_page({}))
    http = client(vendor.url, timer=timer, retry=Retry(first=8, most=16))
    http.get("x")
    assert [low <= wait <= high for wait, (low, high) in zip(timer.waits, [(4, 8), (8, 16), (8, 16)], strict=True)] == [
        True
    ] * 3


def test_a_wish_above_the_budget_ends_the_call_at_once(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    vendor.on("/x", status(429, headers={"Retry-After": "1000000000"}))
    http = client(vendor.url, timer=timer)
    with pytest.raises(RateLimited) as caught:
        http.get("x")
    assert caught.value.not_before == 86_400
    assert (timer.waits, len(vendor.requests)) == ([], 1)


def test_after_such_a_wish_no_other_request_is_sent_before_its_time(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(429, headers={"Retry-After": "5000"}))
    vendor.on("/y", json_page({}))
    http = client(vendor.url)
    for path in ("x", "y"):
        with pytest.raises(RateLimited) as caught:
            http.get(path)
        assert caught.value.not_before == pytest.approx(5000, abs=300)
    assert vendor.seen("/y") == []


def test_tries_are_counted_and_the_last_error_is_the_callers(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(502))
    events: list[Event] = []
    with pytest.raises(ServerFault, match=r"GET http://127.0.0.1:\d+/x: the server failed \(502\)"):
        client(vendor.url, retry=Retry(attempts=3, first=0.001), on_event=events.append).get(
            "x", params={"q": "hidden"}
        )
    assert len(vendor.requests) == 3
    assert [event.kind for event in events] == ["request", "retry", "request", "retry", "request"]
    assert all("hidden" not in repr(event) for event in events)


def test_the_callers_deadline_bounds_the_waits(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    import time

    vendor.on("/x", status(503, headers={"Retry-After": "20"}))
    http = client(vendor.url, timer=timer)
    with pytest.raises(ServerFault) as caught:
        http.get("x", deadline=time.monotonic() + 10)
    assert (timer.waits, caught.value.not_before) == ([], 20)


def test_the_runs_deadline_bounds_every_request(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    vendor.on("/x", status(503, headers={"Retry-After": "20"}))
    http = client(vendor.url, timer=timer)
    http.start_run(10)
    with pytest.raises(ServerFault):
        http.get("x")
    assert timer.waits == []


FAULTS: dict[str, Behaviour] = {
    "500": status(500),
    "503": status(503),
    "408": status(408),
    "reset before the reply": reset_after(),
    "reset in the headers": reset_after(b"HTTP/1.1 200 OK\r\nContent-"),
    "reset in the body": reset_after(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
    "closed without a reply": raw(),
    "shorter than its length": raw(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a":1}'),
    "truncated chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{"),
    "no last chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_that_passes_is_survived(vendor: HostileServer, client: Make, fault: Behaviour) -> None:
    vendor.on("/x", fault, json_page({"ok": True}))
    assert client(vendor.url).get("x").json() == {"ok": True}
    assert len(vendor.requests) == 2


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_that_stays_has_a_name(vendor: HostileServer, client: Make, fault: Behaviour) -> None:
    vendor.on("/x", fault)
    with pytest.raises((Unreachable, ServerFault)) as caught:
        client(vendor.url).get("x")
    assert isinstance(caught.value, RetriableError)
    assert str(caught.value).startswith(f"GET {vendor.url}/x: ")
    assert len(vendor.requests) == 5


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_request_with_an_effect_is_not_sent_twice(vendor: HostileServer, client: Make, fault: Behaviour) -> None:
    vendor.on("/x", fault)
    with pytest.raises(IsthmusError):
        client(vendor.url).post("x", json={"a": 1})
    assert len(vendor.requests) == 1


def test_a_post_that_only_reads_is_sent_again_when_declared(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(503), reset_after(), json_page({"ok": True}))
    assert client(vendor.url).post("x", json={"a": 1}, idempotent=True).ok
    assert [exchange.body for exchange in vendor.requests] == [b'{"a":1}'] * 3


def test_a_post_is_sent_again_after_429_because_it_was_not_taken(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(429), json_page({"ok": True}))
    assert client(vendor.url).post("x", json={}).ok


def test_a_refused_connection_is_tried_again_even_for_a_post(client: Make) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    events: list[Event] = []
    with pytest.raises(Unreachable, match="Connection refused"):
        client(f"http://127.0.0.1:{port}", on_event=events.append).post("x", json={})
    assert [event.kind for event in events] == ["retry"] * 4


def test_a_name_that_does_not_resolve_is_unreachable(client: Make) -> None:
    with pytest.raises(Unreachable, match=r"the name no-such-host\.invalid cannot be resolved"):
        client("https://no-such-host.invalid").get("x")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (400, UnexpectedReply),
        (404, UnexpectedReply),
        (409, UnexpectedReply),
        (413, TooLarge),
        (501, ServerFault),
        (304, UnexpectedReply),
    ],
)
def test_a_lasting_refusal_is_not_tried_again(
    vendor: HostileServer, client: Make, code: int, error: type[Exception]
) -> None:
    vendor.on(
        "/x",
        status(
            code,
            b'{"error":{"message":"no such field"}}',
            {"Content-Length": "37"} if code != 304 else {"Content-Length": "0"},
        ),
    )
    with pytest.raises(error):
        client(vendor.url).get("x")
    assert len(vendor.requests) == 1


def test_an_accepted_status_is_a_reply(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(409, b'{"conflict":true}'))
    reply = client(vendor.url).post("x", json={}, accept=(409,))
    assert (reply.status, reply.json()) == (409, {"conflict": True})


def test_a_vendors_own_way_to_ask_for_time_can_be_read(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    def sentence(reply: Response) -> float | None:
        words = reply.text.split()
        return float(words[3]) if words[:3] == ["Try", "again", "in"] else None

    vendor.on("/x", status(429, b"Try again in 42 seconds", {"Content-Type": "text/plain"}), json_page({}))
    http = client(vendor.url, timer=timer, retry=Retry(hint=sentence))
    http.get("x")
    assert 42 <= timer.waits[0] <= 46.2


def test_a_vendors_own_way_to_limit_the_rate_is_recognised(
    vendor: HostileServer, client: Make, timer: QuickTimer
) -> None:
    throttled = status(400, b'{"__type": "ThrottlingException"}', {"Retry-After": "20"})
    vendor.on("/x", throttled, json_page({"errors": [{"code": "THROTTLED"}]}), json_page({"data": 1}))
    retry = Retry(limited=lambda reply: b"THROTTLED" in reply.body or b"ThrottlingException" in reply.body)
    http = client(vendor.url, timer=timer, retry=retry)
    assert http.post("x", json={}, accept=(400,)).json() == {"data": 1}
    assert 20 <= timer.waits[0] <= 21
    vendor.on("/x", throttled)
    with pytest.raises(RateLimited, match=r"limits the rate \(400\)"):
        http.post("x", json={})


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, 30),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "30"}, 30),
        ({"RateLimit": '"default";r=0;t=30'}, 30),
        ({"RateLimit": "limit=100, remaining=0, reset=30"}, 30),
        ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "30"}, 0),
        ({"RateLimit": '"default";r=5;t=30'}, 0),
        ({"X-RateLimit-Remaining": "0"}, 0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, 0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000000000"}, 0),  # no reason to stand still for a day
    ],
)
def test_a_count_that_is_used_up_is_waited_for_before_the_vendor_must_refuse(
    vendor: HostileServer, client: Make, timer: QuickTimer, headers: dict[str, str], wait: float
) -> None:
    vendor.on("/x", json_page({}, headers), json_page({}))
    http = client(vendor.url, timer=timer)
    http.get("x")
    http.get("x")
    assert sum(timer.waits) == pytest.approx(wait, abs=1)


@pytest.mark.parametrize("kind", ["event", "callable"])
def test_a_long_wait_ends_when_the_run_is_stopped(vendor: HostileServer, client: Make, kind: str) -> None:
    stop = threading.Event()

    def limited(exchange: object) -> None:
        status(429, headers={"Retry-After": "200"})(exchange)  # type: ignore[arg-type]
        stop.set()

    vendor.on("/x", limited)
    with pytest.raises(Interrupted, match="asked to stop"):
        client(vendor.url, cancel=stop if kind == "event" else stop.is_set).get("x")
    assert len(vendor.requests) == 1


def test_a_keep_alive_connection_that_the_server_dropped_does_no_harm(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"))
    http = client(vendor.url)
    for _ in range(5):
        assert http.get("x").json() == {}


def test_connections_are_kept_for_the_next_request(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({}))
    http = client(vendor.url)
    for _ in range(5):
        http.get("x")
    assert vendor.connections == 1
