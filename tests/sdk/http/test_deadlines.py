"""Nothing waits for ever: a server can be slow, silent or endless, the total time holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from tests.sdk.http.server import Behaviour, Exchange, HostileServer, drip, json_page, redirect, silence

from isthmus_sdk.errors import DeadlineExceeded, Interrupted, Unreachable
from isthmus_sdk.http import Bearer, Http, Limits, OAuth2ClientCredentials, Retry

Make = Callable[..., Http]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

DRIPS: dict[str, Behaviour] = {
    "status line": drip(b"HTTP/1.1 200 ", b"O"),
    "headers": drip(b"HTTP/1.1 200 OK\r\nX-", b"a"),
    "header after header": drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "interim replies": drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "body": drip(OK + b"Content-Length: 1000000\r\n\r\n"),
    "endless body": drip(OK + b"\r\n"),
    "chunks": drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "error body": drip(b"HTTP/1.1 500 X\r\nContent-Length: 1000000\r\n\r\n"),
}


@pytest.mark.parametrize("behaviour", DRIPS.values(), ids=DRIPS.keys())
def test_a_drip_ends_at_the_total_deadline_and_is_not_tried_again(
    vendor: HostileServer, client: Make, behaviour: Behaviour
) -> None:
    vendor.on("/x", behaviour)
    with pytest.raises(DeadlineExceeded, match=f"GET {vendor.url}/x: not complete within its total time"):
        client(vendor.url, limits=Limits(idle=30, request=0.3)).get("x")
    assert len(vendor.requests) == 1


def test_a_drip_over_tls_ends_too(client: Make, authority: str, tls_vendor: HostileServer) -> None:
    from isthmus_sdk.http import Tls

    tls_vendor.on("/x", DRIPS["body"])
    with pytest.raises(DeadlineExceeded):
        client(tls_vendor.url, tls=Tls(ca=authority), limits=Limits(request=0.5)).get("x")


def test_a_handshake_that_never_ends_is_bounded(client: Make) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(DeadlineExceeded):
            client(f"https://127.0.0.1:{port}", limits=Limits(request=0.3)).get("x")


def test_silence_ends_after_the_idle_time_and_is_tried_again(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", silence(), silence(OK), json_page({"ok": True}))
    assert client(vendor.url, limits=Limits(idle=0.1)).get("x").json() == {"ok": True}
    assert len(vendor.requests) == 3


def test_lasting_silence_is_unreachable(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", silence())
    with pytest.raises(Unreachable, match="fell silent"):
        client(vendor.url, limits=Limits(idle=0.05), retry=Retry(attempts=2, first=0.001)).get("x")


def test_redirects_share_one_deadline(vendor: HostileServer, client: Make) -> None:
    def slow(location: str) -> Behaviour:
        def behave(exchange: Exchange) -> None:
            exchange.server.stopping.wait(0.2)
            redirect(location)(exchange)

        return behave

    vendor.on("/a", slow("/b"))
    vendor.on("/b", slow("/c"))
    vendor.on("/c", slow("/d"))
    with pytest.raises(DeadlineExceeded):
        client(vendor.url, limits=Limits(request=0.3)).get("a")
    assert vendor.seen("/c") == []


def test_a_login_that_drips_is_bounded_and_frees_the_lock(vendor: HostileServer, client: Make) -> None:
    vendor.on("/token", DRIPS["body"], json_page({"access_token": "abc-token"}))
    vendor.on("/x", json_page({}))
    http = client(
        vendor.url, auth=OAuth2ClientCredentials(f"{vendor.url}/token", "hub", "secret"), limits=Limits(request=0.3)
    )
    with pytest.raises(DeadlineExceeded):
        http.get("x")
    assert http.get("x").ok


def test_a_server_that_does_not_read_is_bounded(vendor: HostileServer, client: Make) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        http = client(f"http://127.0.0.1:{port}", limits=Limits(request=0.3))
        with pytest.raises(DeadlineExceeded):
            http.post("x", content=bytes(64 << 20))


@pytest.mark.parametrize("name", ["headers", "body"])
def test_a_stop_request_ends_a_read(vendor: HostileServer, client: Make, name: str) -> None:
    stop = threading.Event()

    def behave(exchange: Exchange) -> None:
        threading.Timer(0.05, stop.set).start()
        DRIPS[name](exchange)

    vendor.on("/x", behave)
    with pytest.raises(Interrupted, match="asked to stop"):
        client(vendor.url, cancel=stop).get("x")
    assert len(vendor.requests) == 1


def test_the_callers_deadline_is_a_total_too(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", DRIPS["body"])
    with pytest.raises(DeadlineExceeded):
        client(vendor.url).get("x", deadline=time.monotonic() + 0.2)


def test_a_run_whose_time_is_over_sends_nothing(vendor: HostileServer, client: Make) -> None:
    http = client(vendor.url, auth=Bearer("abc-token"))
    http.start_run(0)
    with pytest.raises(DeadlineExceeded):
        http.get("x")
    http.start_run()
    vendor.on("/x", json_page({}))
    assert http.get("x").ok
    assert len(vendor.requests) == 1
