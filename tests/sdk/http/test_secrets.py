"""No form of a secret reaches a message, a repr, an event or a log, whatever the far side does."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Callable
from urllib.parse import quote_plus

import httpx
import pytest
from tests.sdk.http.server import Behaviour, Exchange, HostileServer, json_page, raw, redirect, reset_after, status

from isthmus_sdk.errors import IsthmusError
from isthmus_sdk.http import ApiKey, Auth, Basic, Bearer, Event, Http, Limits, OAuth2ClientCredentials, pages

Make = Callable[..., Http]
SECRET = 'p@ss "w0rd"/+ü'
TOKEN = "tok3n-aaaaaaaaaaaaaaaa"
FORMS = [
    SECRET,
    TOKEN,
    quote_plus(SECRET),
    json.dumps(SECRET)[1:-1],
    base64.b64encode(f"hub:{SECRET}".encode()).decode(),
    base64.b64encode(SECRET.encode()).decode(),
    "w0rd",
    "tok3n",
]


def leaks(text: str) -> list[str]:
    return [form for form in FORMS if form in text]


def echo(code: int, kind: str = "application/json") -> Behaviour:
    """A server that repeats what it was sent, as some do when they complain."""

    def behave(exchange: Exchange) -> None:
        heard = " ".join(
            [
                exchange.headers.get("authorization", ""),
                exchange.headers.get("x-key", ""),
                exchange.body.decode(),
                SECRET,
                TOKEN,
            ]
        )
        exchange.reply(code, json.dumps({"error": {"message": heard}}).encode(), {"Content-Type": kind})

    return behave


def credentials(vendor: HostileServer) -> list[Auth]:
    vendor.on("/token", json_page({"access_token": TOKEN}))
    return [
        Basic("hub", SECRET),
        Bearer(TOKEN),
        ApiKey("X-Key", TOKEN),
        OAuth2ClientCredentials(f"{vendor.url}/token", "hub", SECRET),
    ]


FAULTS: dict[str, Behaviour] = {
    "400": echo(400),
    "401": echo(401),
    "403": echo(403),
    "429": echo(429),
    "500": echo(500),
    "plain text": echo(400, "text/plain"),
    "error under 200": echo(200),
    "cut": reset_after(b"HTTP/1.1 200 OK\r\nContent-Length: 9"),
    "no HTTP": raw(b"hello\r\n\r\n"),
    "redirect away": redirect("https://evil.example/?x=y"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_gives_a_secret_away(
    vendor: HostileServer, client: Make, fault: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection"):
        caplog.set_level(logging.DEBUG, logger=name)
    for auth in credentials(vendor):
        # Every client knows all secrets of this test, as the echo repeats all of them.
        auth.secrets = lambda: (SECRET, TOKEN, *[base64.b64encode(f"hub:{SECRET}".encode()).decode()])  # type: ignore[method-assign]
        vendor.on("/x", FAULTS[fault])
        events: list[Event] = []
        http = client(vendor.url, auth=auth, on_event=events.append, limits=Limits(idle=1))
        with pytest.raises(IsthmusError) as caught:
            list(pages(http, "x", items="data", params={"api_key": SECRET}, error_field="error"))
        shown = "".join(traceback.format_exception(caught.value, chain=True))
        assert leaks(str(caught.value) + repr(caught.value) + shown + repr(http) + repr(auth) + repr(events)) == []
    assert caplog.records == []
    assert leaks("".join(capfd.readouterr())) == []


def test_a_login_that_echoes_the_secret_does_not_spread_it(vendor: HostileServer, client: Make) -> None:
    vendor.on("/token", echo(400))
    auth = OAuth2ClientCredentials(f"{vendor.url}/token", "hub", SECRET)
    with pytest.raises(IsthmusError) as caught:
        client(vendor.url, auth=auth).get("x")
    assert "***" in str(caught.value)
    assert leaks(str(caught.value).replace(TOKEN, "")) == []


def test_the_libraries_underneath_say_nothing(
    vendor: HostileServer, client: Make, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.on("/x", status(200, b"{}", {"Set-Cookie": f"session={TOKEN}"}))
    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection", "httpcore.proxy"):
        caplog.set_level(logging.DEBUG, logger=name)
    client(vendor.url, auth=Bearer(TOKEN)).get("x", params={"key": SECRET})
    assert caplog.records == []


def test_a_program_that_uses_the_same_library_keeps_its_own_log(
    vendor: HostileServer, client: Make, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.on("/x", json_page({}))
    client(vendor.url).get("x")
    caplog.set_level(logging.INFO, logger="httpx")
    httpx.Client(trust_env=False).get(f"{vendor.url}/x")
    assert ["HTTP Request" in record.getMessage() for record in caplog.records] == [True]


def test_replies_and_requests_show_no_headers(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(200, b"{}", {"Authorization": f"Bearer {TOKEN}"}))
    reply = client(vendor.url, auth=Bearer(TOKEN)).get("x", params={"key": SECRET})
    assert leaks(repr(reply) + str(reply) + repr(reply.headers)) == []


def test_foreign_words_are_made_fit_for_a_terminal(vendor: HostileServer, client: Make) -> None:
    evil = "bad\x1b[31m\r\nforged line \u202e https://vendor.example/x?token=abc123 " + "y" * 1000
    vendor.on("/x", status(400, json.dumps({"message": evil}).encode()))
    with pytest.raises(IsthmusError) as caught:
        client(vendor.url).get("x")
    message = str(caught.value)
    assert message.isprintable()
    assert "abc123" not in message
    assert len(message) < 500
