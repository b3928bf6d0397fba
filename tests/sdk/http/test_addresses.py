"""The address that is judged is the address that is used."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator

import pytest
from tests.sdk.http.server import HostileServer, json_page, redirect

from isthmus_sdk.errors import OriginRefused, Unreachable
from isthmus_sdk.http import Bearer, Http, Limits, Retry
from isthmus_sdk.http._addresses import refusal

Make = Callable[..., Http]

NEVER = [
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "224.0.0.1",
    "ff02::1",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "255.255.255.255",
    "240.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "64:ff9b::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "::169.254.169.254",
]
ONLY_CONFIGURED = [
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "fd12:3456::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1",
]
PUBLIC = ["20.30.40.50", "2a01:4f8::1", "::ffff:20.30.40.50", "64:ff9b::20.30.40.50"]


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("configured", [True, False])
def test_some_addresses_are_never_contacted(address: str, configured: bool) -> None:
    assert refusal(ipaddress.ip_address(address), configured=configured)


@pytest.mark.parametrize("address", ONLY_CONFIGURED)
def test_private_addresses_need_the_operators_word(address: str) -> None:
    assert refusal(ipaddress.ip_address(address), configured=False)
    assert refusal(ipaddress.ip_address(address), configured=True) is None


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_open(address: str) -> None:
    assert refusal(ipaddress.ip_address(address), configured=False) is None


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[str]]]:
    """Name resolution under the test's control."""
    table: dict[str, list[str]] = {}
    genuine = socket.getaddrinfo

    def lookup(host: str, port: int, *arguments: object, **options: object) -> list[object]:
        if host not in table:
            return genuine(host, port, *arguments, **options)  # type: ignore[arg-type,return-value]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in table[host]]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    yield table


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254", "http://[::ffff:169.254.169.254]", "http://0", "http://2852039166"]
)
def test_a_metadata_address_is_refused_even_as_the_base_url(client: Make, url: str) -> None:
    with pytest.raises(OriginRefused, match="not contacted"):
        client(url, auth=Bearer("abc-token")).get("latest/meta-data")


def test_a_name_for_a_metadata_address_is_refused(client: Make, names: dict[str, list[str]]) -> None:
    names["vendor.example"] = ["169.254.169.254"]
    with pytest.raises(OriginRefused, match=r"169\.254\.169\.254 is a link-local"):
        client("http://vendor.example").get("x")


def test_a_configured_name_may_lie_on_a_private_network(
    vendor: HostileServer, client: Make, names: dict[str, list[str]]
) -> None:
    names["guardian.plant"] = ["127.0.0.1"]
    vendor.on("/x", json_page({}))
    assert client(f"http://guardian.plant:{vendor.port}").get("x").ok
    assert vendor.requests[0].headers["host"] == f"guardian.plant:{vendor.port}"


def test_a_host_below_an_allowed_domain_may_not(
    vendor: HostileServer, other: HostileServer, client: Make, names: dict[str, list[str]]
) -> None:
    names["x.files.example"] = ["127.0.0.1"]
    vendor.on("/x", redirect(f"http://x.files.example:{other.port}/y"))
    http = client(vendor.url, origins=[f"http://*.files.example:{other.port}"])
    with pytest.raises(OriginRefused, match=r"127\.0\.0\.1 is a loopback address"):
        http.get("x")
    assert other.connections == 0


def test_a_name_that_changes_its_address_is_judged_again(
    vendor: HostileServer, client: Make, names: dict[str, list[str]]
) -> None:
    names["vendor.example"] = ["127.0.0.1"]
    vendor.on("/x", json_page({}, {"Connection": "close"}))
    http = client(f"http://vendor.example:{vendor.port}")
    assert http.get("x").ok
    names["vendor.example"] = ["169.254.169.254"]
    with pytest.raises(OriginRefused):
        http.get("x")
    assert len(vendor.requests) == 1


def test_a_bad_address_among_good_ones_is_passed_over(
    vendor: HostileServer, client: Make, names: dict[str, list[str]]
) -> None:
    names["vendor.example"] = ["169.254.169.254", "127.0.0.2", "127.0.0.1"]
    vendor.on("/x", json_page({}))
    assert client(f"http://vendor.example:{vendor.port}").get("x").ok


def test_a_resolver_that_hangs_costs_no_more_than_the_connect_time(
    client: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: release.wait(30) and [])
    http = client("http://vendor.example", limits=Limits(connect=0.05), retry=Retry(attempts=1))
    with pytest.raises(Unreachable, match=r"not resolved within 0\.05 s"):
        http.post("x", json={})
    release.set()


def test_ipv6_is_spoken(client: Make) -> None:
    try:
        server = HostileServer(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with server:
        server.on("/x", json_page({}))
        assert client(server.url).get("x").ok
        assert server.requests[0].headers["host"] == f"[::1]:{server.port}"
