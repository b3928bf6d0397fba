"""A credential reaches its own origin and no other, however the URL arrived."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.sdk.http.server import HostileServer, json_page, redirect, status

from isthmus_sdk.errors import OriginRefused, SettingsError, UnexpectedReply
from isthmus_sdk.http import ApiKey, Basic, Bearer, Http, LinkHeader, NextLink, Tls, pages
from isthmus_sdk.url import Url

Make = Callable[..., Http]
KEY = "k-1234567890"


def credentials_seen(server: HostileServer) -> list[str]:
    return [value for exchange in server.requests for value in exchange.headers.values() if KEY in value]


def test_a_next_link_to_another_host_is_refused_and_nothing_is_sent(
    vendor: HostileServer, other: HostileServer, client: Make
) -> None:
    vendor.on("/x", json_page({"value": [{"id": 1}], "@odata.nextLink": f"{other.url}/x"}))
    walk = pages(client(vendor.url, auth=Bearer(KEY)), "x", items="value", next=NextLink())
    assert next(walk).records == [b'{"id": 1}']
    with pytest.raises(OriginRefused, match="nothing was sent"):
        next(walk)
    assert other.connections == 0


def test_a_next_link_inside_the_allowed_origins_is_followed_without_the_credential(
    vendor: HostileServer, other: HostileServer, client: Make
) -> None:
    vendor.on("/x", json_page({"value": [{"id": 1}], "@odata.nextLink": f"{other.url}/x"}))
    other.on("/x", json_page({"value": [{"id": 2}]}))
    http = client(vendor.url, origins=[other.url], auth=ApiKey("X-Api-Key", KEY))
    found = [record for page in pages(http, "x", items="value", next=NextLink()) for record in page.records]
    assert found == [b'{"id": 1}', b'{"id": 2}']
    assert len(credentials_seen(vendor)) == 1
    assert credentials_seen(other) == []


def test_headers_of_the_walk_stay_with_its_origin(vendor: HostileServer, other: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({"value": [{"id": 1}], "@odata.nextLink": f"{other.url}/x"}))
    other.on("/x", json_page({"value": []}))
    http = client(vendor.url, origins=[other.url])
    headers = {"X-Api-Key": KEY, "Accept": "application/vnd.api+json"}
    list(pages(http, "x", items="value", next=NextLink(), headers=headers))
    assert (len(credentials_seen(vendor)), len(credentials_seen(other))) == (1, 0)
    assert other.requests[0].headers["accept"] == "application/vnd.api+json"


def test_a_body_of_the_walk_stays_with_its_origin(vendor: HostileServer, other: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({"value": [{"id": 1}], "@odata.nextLink": f"{other.url}/x"}))
    http = client(vendor.url, origins=[other.url])
    with pytest.raises(OriginRefused, match="body of a POST"):
        list(pages(http, "x", items="value", next=NextLink(), method="POST", json={"key": KEY}))
    assert other.connections == 0


def test_a_url_can_be_part_of_a_json_body(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({}))
    client(vendor.url).post("x", json={"callback": Url("https://hub.example/in")})
    assert vendor.requests[0].body == b'{"callback":"https://hub.example/in"}'


def test_a_link_header_to_another_host_is_refused(vendor: HostileServer, other: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page([{"id": 1}], {"Link": f'<{other.url}/x>; rel="next"'}))
    with pytest.raises(OriginRefused):
        list(pages(client(vendor.url, auth=Basic("hub", KEY)), "x", next=LinkHeader()))
    assert other.connections == 0


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_out_of_the_origins_is_refused(
    vendor: HostileServer, other: HostileServer, client: Make, code: int
) -> None:
    vendor.on("/x", redirect(f"{other.url}/y", code))
    with pytest.raises(OriginRefused, match="redirects to it"):
        client(vendor.url, auth=Bearer(KEY)).get("x")
    assert other.connections == 0


def test_a_redirect_to_an_allowed_origin_leaves_credential_and_headers_behind(
    vendor: HostileServer, other: HostileServer, client: Make
) -> None:
    vendor.on("/x", redirect(f"{other.url}/y"))
    other.on("/y", json_page({"ok": True}))
    reply = client(vendor.url, origins=[other.url], auth=Bearer(KEY)).get("x", headers={"X-Tenant": "t1"})
    assert reply.json() == {"ok": True}
    [seen] = other.requests
    assert "authorization" not in seen.headers
    assert "x-tenant" not in seen.headers
    assert seen.headers["host"] == f"127.0.0.1:{other.port}"


def test_a_redirect_inside_the_origin_is_authorised_again(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", redirect("/y?z=1", 307))
    vendor.on("/y", json_page({"ok": True}))
    assert client(vendor.url, auth=Bearer(KEY)).get("x").url == f"{vendor.url}/y?z=1"
    assert len(credentials_seen(vendor)) == 2


def test_the_credential_stays_behind_when_asked_to(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({}))
    client(vendor.url, auth=Bearer(KEY)).get("x", with_credentials=False)
    assert credentials_seen(vendor) == []


def test_a_credential_can_be_bound_to_another_origin_than_the_base(
    vendor: HostileServer, other: HostileServer, client: Make
) -> None:
    vendor.on("/x", json_page({}))
    other.on("/x", json_page({}))
    http = client(vendor.url, auth=Bearer(KEY, origins=[other.url]))
    http.get("x")
    http.get(f"{other.url}/x")
    assert (len(credentials_seen(vendor)), len(credentials_seen(other))) == (0, 1)


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "javascript:alert(1)", "//evil.example/x", "/\\evil.example", "http://[::1"]
)
def test_redirects_to_what_is_no_allowed_url_are_refused(vendor: HostileServer, client: Make, location: str) -> None:
    vendor.on("/x", redirect(location))
    with pytest.raises(OriginRefused):
        client(vendor.url).get("x")


def test_a_redirect_from_https_to_http_is_refused_even_where_the_origin_is_allowed(
    tls_vendor: HostileServer, other: HostileServer, client: Make, authority: str
) -> None:
    tls_vendor.on("/x", redirect(f"{other.url}/x"))
    http = client(tls_vendor.url, origins=[other.url], tls=Tls(ca=authority))
    with pytest.raises(OriginRefused, match="from https to http"):
        http.get("x")
    assert other.connections == 0


def test_redirect_circles_and_chains_end(vendor: HostileServer, client: Make) -> None:
    vendor.on("/a", redirect("/b"))
    vendor.on("/b", redirect("/a"))
    for step in range(20):
        vendor.on(f"/c{step}", redirect(f"/c{step + 1}"))
    http = client(vendor.url)
    with pytest.raises(UnexpectedReply, match="circle"):
        http.get("a")
    with pytest.raises(UnexpectedReply, match="more than 5 redirects"):
        http.get("c0")
    assert len(vendor.requests) == 2 + 6


def test_a_post_is_not_turned_into_a_get_by_accident(vendor: HostileServer, client: Make) -> None:
    vendor.on("/old", redirect("/new", 301))
    vendor.on("/kept", redirect("/new", 307))
    vendor.on("/see", redirect("/new", 303))
    vendor.on("/new", json_page({}))
    http = client(vendor.url)
    with pytest.raises(UnexpectedReply, match="final address"):
        http.post("old", json={"a": 1})
    http.post("kept", json={"a": 1})
    http.post("see", json={"a": 1})
    kept, seen = vendor.seen("/new")
    assert (kept.method, kept.body) == ("POST", b'{"a":1}')
    assert (seen.method, seen.body, seen.headers.get("content-type")) == ("GET", b"", None)


def test_a_post_that_is_redirected_outside_the_origins_is_refused_for_that(vendor: HostileServer, client: Make) -> None:
    vendor.on("/old", redirect("http://169.254.169.254/latest/meta-data/", 307))
    with pytest.raises(OriginRefused, match="redirects to it"):
        client(vendor.url).post("old", json={"a": 1})


def test_origins_are_compared_whole(vendor: HostileServer, client: Make) -> None:
    http = client("https://vendor.example", origins=["https://*.blob.vendor.example"])
    for url in (
        "https://vendor.example.evil.example/",
        "https://evilvendor.example/",
        "https://vendor.example:8443/",
        "http://vendor.example/",
        "https://blob.vendor.example/",
        "https://xblob.vendor.example/",
        "http://a.blob.vendor.example/",
    ):
        with pytest.raises(OriginRefused):
            http.resolve(url)
    assert http.resolve("https://a.b.blob.vendor.example/c?d") == "https://a.b.blob.vendor.example/c?d"


def test_a_wildcard_for_a_whole_top_level_domain_is_refused(client: Make) -> None:
    with pytest.raises(SettingsError, match="top-level"):
        client("https://vendor.example", origins=["https://*.com"])


def test_settings_errors_do_not_repeat_a_password_in_the_url(client: Make) -> None:
    with pytest.raises(SettingsError) as caught:
        client("https://hub:hunter2@vendor.example")
    assert "hunter2" not in str(caught.value)


def test_paths_are_below_the_base_and_keep_their_query(vendor: HostileServer, client: Make) -> None:
    vendor.on("/api/v2/x", json_page({}))
    http = client(f"{vendor.url}/api/v2/")
    http.get("/x?a=1", params={"b": 2})
    http.get("x")
    assert [exchange.target for exchange in vendor.requests] == ["/api/v2/x?a=1&b=2", "/api/v2/x"]


def test_cookies_are_not_kept(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(200, b"{}", {"Set-Cookie": "session=abc"}))
    http = client(vendor.url)
    http.get("x")
    http.get("x")
    assert "cookie" not in vendor.requests[1].headers
