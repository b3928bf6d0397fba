"""HTTP as hostile senders write it: bounded, refused before it is read, counted, and the receiver goes on."""

from __future__ import annotations

import socket
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.hub.receive.listening import NEXT, SECRET, receiving, refused
from tests.hub.receive.pushing import post, until

from isthmus_hub.receive import _http
from isthmus_sdk.push import Challenge, Hmac, Token, Webhook

PUSH = Webhook(signature=Hmac("X-Pushed-Signature", prefix="sha256="), delivery="X-Pushed-Delivery")
TABLE = {"listen": "http://127.0.0.1:0/hooks", "secrets": "env:HOOK", "max_bytes": "1KB"}


def raw(port: int, data: bytes) -> bytes:
    """What comes back to these bytes."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as sender:
        sender.sendall(data)
        with suppress(OSError):  # the receiver may have hung up already
            sender.shutdown(socket.SHUT_WR)
        out = b""
        while piece := sender.recv(65536):
            out += piece
        return out


def test_each_refusal_has_its_status_and_is_counted_and_stores_nothing(tmp_path: Path) -> None:
    with receiving(tmp_path, PUSH, TABLE) as (parts, receivers, port):
        answers = [
            post(port, b"{}", secret="wrong")[0],
            post(port, b"{}", secret=None)[0],
            post(port, b"{}", {"content-type": "text/plain"}, secret=SECRET)[0],
            post(port, b"{}", {"content-encoding": "gzip"}, secret=SECRET)[0],
            post(port, b"{" + b" " * 2000 + b"}", secret=SECRET)[0],
            post(port, b"", method="GET", secret=SECRET)[0],
            post(port, b"{}", path="/other", secret=SECRET)[0],
            post(port, b"{}", path="/hooks/../hooks", secret=SECRET)[0],
            post(port, b"{}", secret=SECRET, delivery="x" * 600)[0],
        ]
        assert answers == [401, 401, 415, 415, 413, 405, 404, 404, 400]
        assert refused(receivers) == {
            "wrong signature": 1, "not signed": 1, "wrong content type": 2, "too large": 1, "wrong method": 1,
            "unknown path": 2, "delivery id too long": 1,
        }  # fmt: skip
        assert parts.bodies() == []
        assert [post(port, b"{}", secret=secret)[0] for secret in (SECRET, NEXT)] == [200, 200]
        assert post(port, b"{}", {"content-type": "application/json; charset=utf-8"}, secret=SECRET)[0] == 200


def test_a_body_above_the_cap_is_refused_before_it_is_read_and_a_chunked_one_as_soon_as_it_is_above(
    tmp_path: Path,
) -> None:
    with receiving(tmp_path, PUSH, TABLE) as (parts, receivers, port):
        head = b"POST /hooks HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        assert raw(port, head + b"Content-Length: 99999999999999999999\r\n\r\n").startswith(b"HTTP/1.1 413")
        chunk = b"400\r\n" + b"x" * 0x400 + b"\r\n"
        assert b"HTTP/1.1 413" in raw(port, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 3)
        assert refused(receivers) == {"too large": 2}
        assert parts.bodies() == []


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,
        b"<13>1 - syslog at the wrong door\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /hooks HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /hooks HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n",
        b"POST /hooks HTTP/1.1\r\nHost: h\r\n bad: header\r\n\r\n",
        b"POST /hooks HTTP/1.1\r\nX: " + b"a" * 100_000,
        b"POST /hooks HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
        b"POST /hooks HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_is_counted_and_the_next_sender_is_served(tmp_path: Path, data: bytes) -> None:
    with receiving(tmp_path, PUSH, TABLE) as (parts, receivers, port):
        try:
            raw(port, data)
        except ConnectionError:
            pass  # what is not read is answered with a reset
        until(lambda: sum(refused(receivers).values()) == 1, "it is counted")
        assert post(port, b"{}", secret=SECRET)[0] == 200
        assert len(parts.bodies()) == 1


def test_a_sender_that_is_slow_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(_http, "IDLE_SECONDS", 0.3)
    head = b"POST /hooks HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    with receiving(tmp_path, PUSH, TABLE) as (_, receivers, port):
        for data, slow in ((head, 1), (b"POST /ho", 2), (b"", 2)):
            with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as sender:
                sender.sendall(data)
                assert sender.recv(100) == b""
            until(lambda slow=slow: refused(receivers).get("too slow", 0) == slow, "it is counted")


def test_a_delivery_that_comes_again_is_answered_with_yes_and_stored_once(tmp_path: Path) -> None:
    with receiving(tmp_path, PUSH, TABLE) as (parts, receivers, port):
        for _ in range(3):
            assert post(port, b'{"id": 1}', secret=SECRET, delivery="d-1")[0] == 200
        assert post(port, b'{"id": 1}', secret=SECRET, delivery="d-2")[0] == 200
        assert post(port, b'{"id": 2}', secret="wrong", delivery="d-3")[0] == 401
        assert post(port, b'{"id": 2}', secret=SECRET, delivery="d-3")[0] == 200
        assert len(parts.bodies()) == 3
        assert refused(receivers) == {"known delivery": 2, "wrong signature": 1}


def test_a_full_spool_says_come_back_and_a_yes_is_never_given_for_what_is_not_stored(tmp_path: Path) -> None:
    with receiving(tmp_path, PUSH, {**TABLE, "quota": "2KB"}) as (parts, _receivers, port):
        body = b'{"x": "' + b"y" * 700 + b'"}'
        answers = [post(port, body, secret=SECRET, delivery=str(n)) for n in range(4)]
        assert [answer[0] for answer in answers] == [200, 200, 503, 503]
        assert answers[3][1]["retry-after"] == "30"
        assert len(parts.bodies()) == 2
        spool = parts.spools["events"]
        spool.trim(spool.end)
        assert post(port, body, secret=SECRET, delivery="3")[0] == 200


def test_challenges_are_answered_as_declared_and_store_nothing(tmp_path: Path) -> None:
    okta = Webhook(
        signature=Token(prefix=""), challenge=Challenge(header="X-Okta-Verification-Challenge", answer="verification")
    )
    with receiving(tmp_path / "a", okta, TABLE) as (parts, _, port):
        status, headers, body = post(port, b"", {"x-okta-verification-challenge": "abc"}, method="GET", secret=None)
        assert (status, headers["content-type"], body) == (200, "application/json", b'{"verification": "abc"}')
        assert post(port, b"", method="GET", secret=None)[0] == 405
        assert post(port, b"{}", {"x-okta-verification-challenge": "abc"}, secret=None)[0] == 401
        assert parts.bodies() == []
    echo = Webhook(signature=Token(), challenge=Challenge(query="hub.challenge", token="hub.verify_token"))
    with receiving(tmp_path / "b", echo, TABLE) as (_, _, port):
        asked = "/hooks?hub.challenge=%3Cb%3E&hub.verify_token="
        assert post(port, b"", path=asked + NEXT, method="GET", secret=None)[2] == b"<b>"
        status, headers, _ = post(port, b"", path=asked + SECRET, method="GET", secret=None)
        assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert post(port, b"", path=asked + "guess", method="GET", secret=None)[0] == 403
        assert (
            post(port, b"", path="/hooks?hub.challenge=%0a&hub.verify_token=" + SECRET, method="GET", secret=None)[0]
            == 400
        )


def test_several_requests_of_one_connection_and_two_streams_behind_one_address(tmp_path: Path) -> None:
    with receiving(tmp_path, Webhook(), {"listen": "http://127.0.0.1:0/a", "unsigned": True}) as (parts, _, port):
        one = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        assert raw(port, one * 5).count(b"HTTP/1.1 200") == 5
        assert len(parts.bodies()) == 5
