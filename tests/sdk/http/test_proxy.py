"""A proxy is used only when it is configured, and learns only what it must."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import pytest
import trustme
from tests.sdk.http.conftest import server_context
from tests.sdk.http.server import HostileServer, json_page, status, tunnel
from tests.sdk.http.test_tls import pin_of

from isthmus_sdk.errors import AuthenticationError, ConfigurationError, OriginRefused, Unreachable
from isthmus_sdk.http import Bearer, Http, Tls

Make = Callable[..., Http]
BASIC = "Basic " + base64.b64encode(b"hub:p%roxy").decode()


@pytest.fixture
def proxy() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


def address(server: HostileServer) -> str:
    return f"127.0.0.1:{server.port}"


def test_a_plain_request_goes_through_the_proxy(vendor: HostileServer, proxy: HostileServer, client: Make) -> None:
    proxy.on("/x", json_page({"via": "proxy"}))
    assert client(vendor.url, proxy=proxy.url).get("x").json() == {"via": "proxy"}
    assert proxy.requests[0].target == f"{vendor.url}/x"
    assert vendor.connections == 0


def test_tls_is_tunnelled_and_the_proxy_sees_no_credential(
    tls_vendor: HostileServer, proxy: HostileServer, client: Make, authority: str
) -> None:
    tls_vendor.on("/x", json_page({"ok": True}))
    proxy.on(address(tls_vendor), tunnel(BASIC))
    http = client(
        tls_vendor.url,
        proxy=f"http://hub:p%25roxy@127.0.0.1:{proxy.port}",
        tls=Tls(ca=authority),
        auth=Bearer("abc-token"),
    )
    assert http.get("x").json() == {"ok": True}
    assert tls_vendor.requests[0].headers["authorization"] == "Bearer abc-token"
    assert "authorization" not in proxy.requests[0].headers
    assert "proxy-authorization" not in tls_vendor.requests[0].headers


def test_tls_runs_inside_tls(tls_vendor: HostileServer, ca: trustme.CA, client: Make, authority: str) -> None:
    tls_vendor.on("/x", json_page({"ok": True}))
    certificate = ca.issue_cert("127.0.0.1")
    with HostileServer(tls=server_context(certificate)) as proxy:
        proxy.on(address(tls_vendor), tunnel())
        http = client(tls_vendor.url, proxy=proxy.url, tls=Tls(ca=authority))
        assert http.get("x").json() == {"ok": True}
        assert http.get("x").json() == {"ok": True}


def test_the_pin_holds_through_a_tunnel(proxy: HostileServer, client: Make) -> None:
    pinned, shown = trustme.CA().issue_cert("127.0.0.1"), trustme.CA().issue_cert("127.0.0.1")
    for certificate, good in ((pinned, True), (shown, False)):
        with HostileServer(tls=server_context(certificate)) as server:
            server.on("/x", json_page({}))
            proxy.on(address(server), tunnel())
            http = client(server.url, proxy=proxy.url, tls=Tls(pin=pin_of(pinned)))
            if good:
                assert http.get("x").ok
            else:
                with pytest.raises(Unreachable, match="pinned"):
                    http.get("x")
                assert server.requests == []


def test_a_proxy_that_wants_another_credential_is_named(
    tls_vendor: HostileServer, proxy: HostileServer, client: Make
) -> None:
    proxy.on(address(tls_vendor), tunnel(BASIC))
    http = client(tls_vendor.url, proxy=f"http://hub:wr0ng-one@127.0.0.1:{proxy.port}")
    with pytest.raises(AuthenticationError, match="proxy does not accept") as caught:
        http.get("x")
    assert "wr0ng" not in str(caught.value)


def test_a_proxy_that_refuses_or_is_down_is_named(tls_vendor: HostileServer, client: Make) -> None:
    with HostileServer() as proxy:
        proxy.on(address(tls_vendor), status(502))
        with pytest.raises(Unreachable, match="proxy refuses"):
            client(tls_vendor.url, proxy=proxy.url).get("x")
    with pytest.raises(Unreachable, match="Connection refused"):
        client(tls_vendor.url, proxy=proxy.url).get("x")


@pytest.mark.parametrize("url", ["http://169.254.169.254", "https://[fe80::1]", "http://2852039166"])
def test_a_proxy_is_no_way_to_a_metadata_address(proxy: HostileServer, client: Make, url: str) -> None:
    with pytest.raises(OriginRefused):
        client(url, proxy=proxy.url).get("x")
    assert proxy.connections == 0


@pytest.mark.parametrize(
    "proxy", ["proxy:3128", "socks5://u:hunter2@h:1", "http://u:hunter2@", "http://u:hunter2@h:99999"]
)
def test_a_proxy_setting_that_is_none_is_refused_without_its_password(client: Make, proxy: str) -> None:
    with pytest.raises(ConfigurationError, match="proxy: ") as caught:
        client("https://vendor.example", proxy=proxy)
    assert "hunter2" not in str(caught.value)
