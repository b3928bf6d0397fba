"""Logins: where vendors put the token, what they say of its end, and what happens when it is over."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable

import pytest
from pydantic import SecretStr
from tests.sdk.http.server import Behaviour, Exchange, HostileServer, json_page, login_page, status

from isthmus_sdk.errors import AuthenticationError, UnexpectedReply
from isthmus_sdk.http import Basic, HeaderLogin, HmacSignature, Http, Login, NonceDigest, Request, SessionCookie, Signed
from isthmus_sdk.url import Url

Make = Callable[..., Http]
KEY = SecretStr("k3y-that-is-secret")


class Sessions:
    """A login that hands out numbered tokens by ``reply``, and an API that takes only the newest."""

    def __init__(self, vendor: HostileServer, reply: Callable[[str], Behaviour], header: str, form: str) -> None:
        self.issued = 0
        self._header, self._form, self._reply = header, form, reply
        vendor.on("/login", self._login)
        vendor.on("/x", self._guarded)
        self.refusal: Behaviour = status(401, b"{}")

    def _login(self, exchange: Exchange) -> None:
        self.issued += 1
        self._reply(f"t{self.issued}")(exchange)

    def _guarded(self, exchange: Exchange) -> None:
        good = exchange.headers.get(self._header) == self._form.format(f"t{self.issued}")
        (json_page({"ok": True}) if good else self.refusal)(exchange)

    def end_all(self) -> None:
        """No token in circulation is good any more."""
        self.issued += 100


def test_a_token_in_the_body_travels_as_the_vendor_wants_it(vendor: HostileServer, client: Make) -> None:
    sessions = Sessions(vendor, lambda t: json_page({"data": {"access_token": t}}), "authorization", "{}")
    auth = Login(f"{vendor.url}/login", {"secret_key": KEY}, token="data.access_token", scheme="")
    assert client(vendor.url, auth=auth).get("x").json() == {"ok": True}
    assert json.loads(vendor.seen("/login")[0].body) == {"secret_key": KEY.get_secret_value()}
    assert sessions.issued == 1


def test_credentials_can_go_as_a_form_and_the_token_in_a_header_of_its_own(vendor: HostileServer, client: Make) -> None:
    Sessions(vendor, lambda t: json_page({"token": t}), "x-auth-token", "Token {}")
    auth = Login(f"{vendor.url}/login", {"user": "hub", "pass": KEY}, header="X-Auth-Token", scheme="Token", form=True)
    assert client(vendor.url, auth=auth).get("x").ok
    assert vendor.seen("/login")[0].form == {"user": "hub", "pass": KEY.get_secret_value()}


def test_a_login_can_prove_itself_by_basic(vendor: HostileServer, client: Make) -> None:
    Sessions(vendor, lambda t: json_page({"data": {"token": t}}), "authorization", "Bearer {}")
    auth = Login(f"{vendor.url}/login", basic=("hub", KEY), token="data.token")
    assert client(vendor.url, auth=auth).get("x").ok
    token = base64.b64encode(f"hub:{KEY.get_secret_value()}".encode()).decode()
    assert vendor.seen("/login")[0].headers["authorization"] == f"Basic {token}"
    assert {KEY.get_secret_value(), token} <= set(auth.secrets())


def test_basic_may_have_a_header_beside_it(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({}))
    client(vendor.url, auth=Basic("hub", KEY, more={"X-Requested-With": "isthmus"})).get("x")
    headers = vendor.requests[0].headers
    assert headers["authorization"].startswith("Basic ")
    assert headers["x-requested-with"] == "isthmus"


def test_a_token_whose_end_is_told_in_words_is_renewed(vendor: HostileServer, client: Make) -> None:
    sessions = Sessions(vendor, lambda t: json_page({"token": t}), "authorization", "{}")
    sessions.refusal = json_page({"message": "Invalid access token"})
    auth = Login(f"{vendor.url}/login", {"key": KEY}, scheme="", over=lambda reply: b"Invalid access" in reply.body)
    http = client(vendor.url, auth=auth)
    http.get("x")
    sessions.end_all()
    assert http.get("x").json() == {"ok": True}
    assert len(vendor.seen("/login")) == 2


def test_a_token_that_is_refused_in_words_right_after_it_was_granted_is_an_authentication_error(
    vendor: HostileServer, client: Make
) -> None:
    vendor.on("/login", json_page({"token": "t-1"}))
    vendor.on("/x", json_page({"message": "Invalid access token"}))
    auth = Login(f"{vendor.url}/login", {"key": KEY}, scheme="", over=lambda reply: b"Invalid access" in reply.body)
    with pytest.raises(AuthenticationError, match="just handed out"):
        client(vendor.url, auth=auth).get("x")
    assert len(vendor.seen("/login")) == 2


def test_a_token_in_a_header_of_the_reply_is_found_with_and_without_its_scheme(
    vendor: HostileServer, client: Make
) -> None:
    for written in ("Bearer {}", "{}"):
        Sessions(
            vendor,
            lambda t, form=written: json_page({}, {"Authorization": form.format(t)}),
            "authorization",
            "Bearer {}",
        )
        auth = HeaderLogin(f"{vendor.url}/login", {"key_name": "hub", "key_token": KEY})
        assert client(vendor.url, auth=auth).get("x").ok


def test_a_session_cookie_is_carried_and_no_other_cookie(vendor: HostileServer, client: Make) -> None:
    cookie = "lang=en; Path=/, sid={}; Expires=Wed, 09 Jun 2100 10:18:14 GMT; HttpOnly, sidx=no; Path=/"
    Sessions(vendor, lambda t: json_page({}, {"Set-Cookie": cookie.format(t)}), "cookie", "sid={}")
    auth = SessionCookie(f"{vendor.url}/login", {"user": "hub", "pass": KEY}, cookie="sid")
    assert client(vendor.url, auth=auth).get("x").ok


def test_a_session_that_ends_in_a_login_page_is_opened_again(vendor: HostileServer, client: Make) -> None:
    sessions = Sessions(vendor, lambda t: json_page({}, {"Set-Cookie": f"sid={t}"}), "cookie", "sid={}")
    sessions.refusal = login_page()
    auth = SessionCookie(
        f"{vendor.url}/login",
        {"user": "hub", "pass": KEY},
        cookie="sid",
        over=lambda reply: reply.content_type == "text/html",
    )
    http = client(vendor.url, auth=auth)
    assert http.get("x").json() == {"ok": True}
    sessions.end_all()
    assert http.get("x").json() == {"ok": True}
    assert len(vendor.seen("/login")) == 2


def test_a_login_is_repeated_once_after_401_and_then_the_caller_sees_it(vendor: HostileServer, client: Make) -> None:
    sessions = Sessions(vendor, lambda t: json_page({"token": t}), "authorization", "Bearer {}")
    http = client(vendor.url, auth=Login(f"{vendor.url}/login", {"key": KEY}))
    http.get("x")
    sessions.end_all()
    assert http.get("x").ok
    vendor.on("/x", status(401, b"{}"))
    with pytest.raises(AuthenticationError):
        http.get("x")
    assert len(vendor.seen("/login")) == 3


@pytest.mark.parametrize(
    ("expires", "left"),
    [
        (lambda now: 300, 300),
        (lambda now: "300", 300),
        (lambda now: int(now) + 300, 300),
        (lambda now: int(now * 1000) + 300_000, 300),
        (lambda now: time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now + 300)), 300),
        (lambda now: time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(now + 300)), 300),
        (lambda now: "1999-01-01T00:00:00Z", 0),
        (lambda now: None, None),
        (lambda now: "soon", None),
        (lambda now: -1, None),
        (lambda now: float("nan"), None),
        (lambda now: [], None),
    ],
)
def test_the_end_of_a_token_is_read_in_every_form(expires: Callable[[float], object], left: float | None) -> None:
    from isthmus_sdk.http._logins import _seconds_left

    found = _seconds_left(expires(time.time()))
    assert found is None if left is None else found == pytest.approx(left, abs=5)


@pytest.mark.parametrize("reply", [{}, {"token": None}, {"token": ""}, {"token": 5}, {"token": "a\nb"}, [], "t"])
def test_a_reply_without_a_usable_token_says_where_it_was_looked_for(
    vendor: HostileServer, client: Make, reply: object
) -> None:
    vendor.on("/login", json_page(reply))
    with pytest.raises(AuthenticationError, match="'token'; check the login URL") as caught:
        client(vendor.url, auth=Login(f"{vendor.url}/login", {"key": KEY})).get("x")
    assert KEY.get_secret_value() not in str(caught.value)


@pytest.mark.parametrize(
    "auth",
    [
        lambda url: Login(f"{url}/login", {"key": KEY}),
        lambda url: HeaderLogin(f"{url}/login", {"key": KEY}),
        lambda url: SessionCookie(f"{url}/login", {"key": KEY}, cookie="sid"),
    ],
)
def test_a_login_that_is_refused_never_repeats_the_credential(
    vendor: HostileServer, client: Make, auth: Callable[[str], Login]
) -> None:
    vendor.on("/login", lambda exchange: exchange.reply(403, exchange.body, {"Content-Type": "application/json"}))
    made = auth(vendor.url)
    with pytest.raises((AuthenticationError, UnexpectedReply)) as caught:
        client(vendor.url, auth=made).get("x")
    assert KEY.get_secret_value() not in f"{caught.value!r} {caught.value} {made!r}"
    assert KEY.get_secret_value() in made.secrets()


def test_a_signature_covers_the_parameters_in_the_order_they_are_sent(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({}))
    auth = HmacSignature("public", KEY, clock=lambda: 1_700_000_000.0)
    client(vendor.url, auth=auth).get("x", params={"b": 2, "a": "ä b"})
    [seen] = vendor.requests
    expected = hmac.new(KEY.get_secret_value().encode(), b"/x?b=2&a=%C3%A4%20b\npublic\n20231114T221320", "sha1")
    assert seen.headers["dtapi-token"] == "public"
    assert seen.headers["dtapi-date"] == "20231114T221320"
    assert seen.headers["dtapi-signature"] == expected.hexdigest()


def test_a_nonce_is_new_for_every_attempt(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(503), json_page({}))
    client(vendor.url, auth=NonceDigest("7", KEY)).get("x")
    first, second = vendor.requests
    assert first.headers["x-xdr-nonce"] != second.headers["x-xdr-nonce"]
    for seen in (first, second):
        text = KEY.get_secret_value() + seen.headers["x-xdr-nonce"] + seen.headers["x-xdr-timestamp"]
        assert seen.headers["authorization"] == hashlib.sha256(text.encode()).hexdigest()
        assert seen.headers["x-xdr-auth-id"] == "7"


def test_a_connector_may_bring_a_signature_of_its_own() -> None:
    auth = Signed(
        KEY, lambda request, secret, now: {"X-Sign": f"{request.method} {len(secret)} {now:.0f}"}, clock=lambda: 5
    )
    [signed] = list(auth.flow(Request("GET", Url("https://vendor.example/x"))))
    assert signed.headers["x-sign"] == f"GET {len(KEY.get_secret_value())} 5"
    assert "k3y" not in repr(auth)
