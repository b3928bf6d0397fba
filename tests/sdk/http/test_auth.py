"""Credentials: proof, refresh, refusal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr
from tests.sdk.http.server import Behaviour, Exchange, HostileServer, json_page, login_page, redirect, status

from isthmus_sdk.errors import AuthenticationError, ConfigurationError, OriginRefused, PermissionDenied, UnexpectedReply
from isthmus_sdk.http import (
    ApiKey,
    Auth,
    Basic,
    Bearer,
    Flow,
    Headers,
    Http,
    NextLink,
    OAuth2ClientCredentials,
    Request,
    Response,
    TokenAuth,
    pages,
)
from isthmus_sdk.url import Url

Make = Callable[..., Http]


class Tokens:
    """A token endpoint and an API that takes only the newest of its tokens."""

    def __init__(self, vendor: HostileServer, lifetime: object = 3600) -> None:
        self.issued = 0
        self._lifetime = lifetime
        vendor.on("/token", self.issue)

    def issue(self, exchange: Exchange) -> None:
        self.issued += 1
        json_page({"access_token": f"token-{self.issued}", "token_type": "Bearer", "expires_in": self._lifetime})(
            exchange
        )

    def guard(self, behaviour: Behaviour) -> Behaviour:
        def behave(exchange: Exchange) -> None:
            good = exchange.headers.get("authorization") == f"Bearer token-{self.issued}"
            (behaviour if good else status(401, b'{"error":{"message":"Token expired"}}'))(exchange)

        return behave


def oauth(vendor: HostileServer, **options: object) -> OAuth2ClientCredentials:
    return OAuth2ClientCredentials(f"{vendor.url}/token", "hub", SecretStr("c1ient-s3cret"), **options)  # type: ignore[arg-type]


def test_fixed_credentials_take_the_forms_vendors_use(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({}))
    for auth in (
        Basic("hub", SecretStr("pässword")),
        Bearer(SecretStr("abc")),
        Bearer("abc", scheme="ApiToken"),
        Bearer("abc", scheme=""),
        ApiKey("X-Key-Id", "id", more={"X-Access-Key": SecretStr("key"), "X-Requested-With": "isthmus"}),
    ):
        client(vendor.url, auth=auth).get("x")
    seen = [exchange.headers for exchange in vendor.requests]
    assert [headers.get("authorization") for headers in seen] == [
        "Basic aHViOnDDpHNzd29yZA==",
        "Bearer abc",
        "ApiToken abc",
        "abc",
        None,
    ]
    assert (seen[4]["x-key-id"], seen[4]["x-access-key"], seen[4]["x-requested-with"]) == ("id", "key", "isthmus")


def test_client_credentials_fetch_one_token_for_many_requests(vendor: HostileServer, client: Make) -> None:
    tokens = Tokens(vendor)
    vendor.on("/x", tokens.guard(json_page({"ok": True})))
    http = client(vendor.url, auth=oauth(vendor, scope="https://vendor/.default"))
    assert [http.get("x").json() for _ in range(3)] == [{"ok": True}] * 3
    [login] = vendor.seen("/token")
    assert login.form == {
        "grant_type": "client_credentials",
        "scope": "https://vendor/.default",
        "client_id": "hub",
        "client_secret": "c1ient-s3cret",
    }
    assert "authorization" not in login.headers


def test_the_client_secret_can_go_as_basic_authentication(vendor: HostileServer, client: Make) -> None:
    tokens = Tokens(vendor)
    vendor.on("/x", tokens.guard(json_page({})))
    client(vendor.url, auth=oauth(vendor, basic=True)).get("x")
    assert vendor.seen("/token")[0].headers["authorization"] == "Basic aHViOmMxaWVudC1zM2NyZXQ="
    assert "client_secret" not in vendor.seen("/token")[0].form


def test_a_token_revoked_in_the_middle_of_a_walk_is_renewed_once(vendor: HostileServer, client: Make) -> None:
    tokens = Tokens(vendor)

    def page(exchange: Exchange) -> None:
        number = int(exchange.query.get("page", "0"))
        if number == 2:
            tokens.issued += 100  # every token in circulation is void from now on
            vendor.on("/x", tokens.guard(last))
        link = {"@odata.nextLink": f"{vendor.url}/x?page={number + 1}"}
        json_page({"value": [{"id": number}], **link})(exchange)

    def last(exchange: Exchange) -> None:
        json_page({"value": [{"id": int(exchange.query["page"])}]})(exchange)

    vendor.on("/x", tokens.guard(page))
    found = list(pages(client(vendor.url, auth=oauth(vendor)), "x", items="value", next=NextLink()))
    assert [page.records for page in found] == [[b'{"id": %d}' % number] for number in range(4)]
    assert len(vendor.seen("/token")) == 2


def test_a_second_401_is_an_authentication_error_that_says_what_to_do(vendor: HostileServer, client: Make) -> None:
    Tokens(vendor)
    vendor.on("/x", status(401, b'{"error":{"code":"Unauthorized","message":"Tenant is blocked"}}'))
    with pytest.raises(
        AuthenticationError, match=r"GET .*/x: the credential is not accepted \(401\) \(Tenant is blocked\); renew"
    ):
        client(vendor.url, auth=oauth(vendor)).get("x", params={"q": "hidden"})
    assert len(vendor.seen("/token")) == 2
    assert len(vendor.seen("/x")) == 2


def test_a_fixed_credential_is_not_tried_again_after_401(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(401))
    with pytest.raises(AuthenticationError):
        client(vendor.url, auth=Basic("hub", "wrong")).get("x")
    assert len(vendor.requests) == 1


def test_403_is_a_missing_right_and_no_reason_to_renew(vendor: HostileServer, client: Make) -> None:
    Tokens(vendor)
    vendor.on("/x", status(403, b'{"error":{"message":"Missing application roles: Alert.Read.All"}}'))
    with pytest.raises(PermissionDenied, match=r"Alert\.Read\.All"):
        client(vendor.url, auth=oauth(vendor)).get("x")
    assert len(vendor.seen("/token")) == 1


@pytest.mark.parametrize("lifetime", [0, -5, "0"])
def test_a_token_without_life_is_fetched_for_each_request(
    vendor: HostileServer, client: Make, lifetime: object
) -> None:
    tokens = Tokens(vendor, lifetime)
    vendor.on("/x", tokens.guard(json_page({})))
    http = client(vendor.url, auth=oauth(vendor))
    http.get("x")
    http.get("x")
    assert tokens.issued == 2


@pytest.mark.parametrize("lifetime", [None, "soon", "3599", 1e300, True])
def test_odd_lifetimes_are_survived(vendor: HostileServer, client: Make, lifetime: object) -> None:
    tokens = Tokens(vendor, lifetime)
    vendor.on("/x", tokens.guard(json_page({})))
    http = client(vendor.url, auth=oauth(vendor))
    http.get("x")
    http.get("x")
    assert tokens.issued == 1


def test_a_token_is_renewed_at_nine_tenths_of_its_life(
    vendor: HostileServer, client: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = Tokens(vendor, 1000)
    vendor.on("/x", tokens.guard(json_page({})))
    http = client(vendor.url, auth=oauth(vendor))
    now = 10_000.0
    monkeypatch.setattr("isthmus_sdk.http._auth.time.monotonic", lambda: now)
    clock = {"start": now}
    for later, issued in ((0, 1), (899, 1), (901, 2), (1799, 2)):
        request = Request("GET", Url(f"{vendor.url}/x"))
        now = clock["start"] + later
        _drive(http.auth, request, tokens)
        assert tokens.issued == issued


def _drive(auth: Auth, request: Request, tokens: Tokens) -> None:
    """Run an auth's conversation against made-up replies."""
    flow = auth.flow(request)
    asked = next(flow)
    while True:
        if asked.login:
            tokens.issued += 1
            body = b'{"access_token": "token-%d", "expires_in": 1000}' % tokens.issued
            reply = Response(200, Headers({"Content-Type": "application/json"}), body, asked.url)
        else:
            reply = Response(200, Headers(), b"{}", asked.url)
        try:
            asked = flow.send(reply)
        except StopIteration:
            return


def test_threads_share_one_refresh(vendor: HostileServer, client: Make) -> None:
    tokens = Tokens(vendor)
    ready = threading.Barrier(6)

    def slow_issue(exchange: Exchange) -> None:
        exchange.server.stopping.wait(0.1)
        tokens.issue(exchange)

    vendor.on("/token", slow_issue)
    vendor.on("/x", tokens.guard(json_page({})))
    http = client(vendor.url, auth=oauth(vendor))
    statuses: list[int] = []

    def ask() -> None:
        ready.wait()
        statuses.append(http.get("x").status)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 6
    assert len(vendor.seen("/token")) == 1


def test_a_failed_refresh_does_not_block_the_next_one(vendor: HostileServer, client: Make) -> None:
    tokens = Tokens(vendor)
    vendor.on("/token", status(401, b'{"error":"invalid_client"}'), tokens.issue)
    vendor.on("/x", tokens.guard(json_page({})))
    http = client(vendor.url, auth=oauth(vendor))
    with pytest.raises(AuthenticationError):
        http.get("x")
    assert http.get("x").ok


def test_a_token_endpoint_that_stumbles_is_asked_again_even_for_a_post(vendor: HostileServer, client: Make) -> None:
    tokens = Tokens(vendor)
    vendor.on("/token", status(503), status(429, headers={"Retry-After": "0"}), tokens.issue)
    vendor.on("/x", tokens.guard(json_page({})))
    assert client(vendor.url, auth=oauth(vendor)).post("x", json={}).ok
    assert len(vendor.seen("/x")) == 1


@pytest.mark.parametrize(
    ("behaviour", "error", "words"),
    [
        (
            status(400, b'{"error":"invalid_client","error_description":"AADSTS7000215: bad secret"}'),
            AuthenticationError,
            "AADSTS7000215",
        ),
        (status(401, b"{}"), AuthenticationError, "not accepted"),
        (status(404, b"{}"), UnexpectedReply, "check the login URL"),
        (redirect("/elsewhere"), UnexpectedReply, "check the login URL"),
        (login_page(), AuthenticationError, "web page"),
        (json_page({"token": "x"}), AuthenticationError, "no usable access_token"),
        (json_page({"access_token": "a\nb"}), AuthenticationError, "no usable access_token"),
        (json_page(b'{"access_token": "abc'), AuthenticationError, "broken or truncated"),
    ],
)
def test_a_login_that_fails_is_named(
    vendor: HostileServer, client: Make, behaviour: Behaviour, error: type[Exception], words: str
) -> None:
    vendor.on("/token", behaviour)
    with pytest.raises(error, match=words) as caught:
        client(vendor.url, auth=oauth(vendor)).get("x")
    assert "c1ient-s3cret" not in str(caught.value)
    assert vendor.seen("/x") == []


def test_a_token_from_another_origin_is_fetched_there_and_used_here(
    vendor: HostileServer, other: HostileServer, client: Make
) -> None:
    tokens = Tokens(other)
    vendor.on("/x", tokens.guard(json_page({})))
    client(vendor.url, auth=oauth(other)).get("x")
    assert [exchange.path for exchange in other.requests] == ["/token"]
    assert all("c1ient-s3cret" not in exchange.body.decode() for exchange in vendor.requests)


def test_the_login_origin_is_not_open_to_ordinary_requests(
    vendor: HostileServer, other: HostileServer, client: Make
) -> None:
    with pytest.raises(OriginRefused):
        client(vendor.url, auth=oauth(other)).get(f"{other.url}/x")


def test_an_auth_cannot_send_its_credential_elsewhere(
    vendor: HostileServer, other: HostileServer, client: Make
) -> None:
    class Careless(Auth):
        def flow(self, request: Request) -> Flow:
            yield Request("GET", Url(f"{other.url}/x"), Headers({"Authorization": "Bearer abc"}))

    class Sneaky(Auth):
        def flow(self, request: Request) -> Flow:
            yield Request("GET", Url(f"{other.url}/x"), login=True)

    for auth in (Careless(), Sneaky()):
        with pytest.raises(OriginRefused):
            client(vendor.url, origins=[other.url], auth=auth).get("x")
    assert other.connections == 0


def test_a_login_with_the_token_in_a_reply_header_is_a_few_lines(vendor: HostileServer, client: Make) -> None:
    class SignIn(TokenAuth):
        def login(self) -> Request:
            return Request(
                "POST", self.logins[0], Headers({"Content-Type": "application/json"}), b'{"key":"k"}', login=True
            )

        def granted(self, reply: Response) -> tuple[str, float | None]:
            return reply.headers["authorization"].removeprefix("Bearer "), None

    vendor.on("/sign_in", status(200, b"{}", {"Authorization": "Bearer from-header"}))
    vendor.on("/x", json_page({}))
    client(vendor.url, auth=SignIn(f"{vendor.url}/sign_in")).get("x")
    assert vendor.seen("/x")[0].headers["authorization"] == "Bearer from-header"


def test_a_signature_covers_the_final_url(vendor: HostileServer, client: Make) -> None:
    class Signed(Auth):
        def flow(self, request: Request) -> Flow:
            yield request.with_headers({"X-Signature": request.url.target})

    vendor.on("/x", redirect("/y?b=2&a=1"))
    vendor.on("/y", json_page({}))
    client(vendor.url, auth=Signed()).get("x", params={"z": 1, "a": 2})
    assert [exchange.headers["x-signature"] for exchange in vendor.requests] == ["/x?z=1&a=2", "/y?b=2&a=1"]


@pytest.mark.parametrize("secret", ["abc\r\nX-Evil: 1", "abc\n", "ab\x00c", "pässword"])
def test_a_secret_that_breaks_a_header_is_refused_without_being_shown(secret: str) -> None:
    for make in (lambda: Bearer(secret), lambda: ApiKey("X-Key", secret)):
        with pytest.raises(ConfigurationError) as caught:
            make()
        assert secret not in str(caught.value)
        assert caught.value.__cause__ is None


def credentials() -> Iterator[Auth]:
    yield Basic("hub", "s3cr3t-value")
    yield Bearer("s3cr3t-value")
    yield ApiKey("X-Key", "s3cr3t-value")
    yield OAuth2ClientCredentials("https://login.example/token", "hub", "s3cr3t-value")


@pytest.mark.parametrize("auth", list(credentials()), ids=lambda auth: type(auth).__name__)
def test_no_repr_shows_a_secret(auth: Auth) -> None:
    assert "s3cr3t" not in repr(auth)
    assert "s3cr3t-value" in list(auth.secrets())
