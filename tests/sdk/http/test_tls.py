"""The server is who it should be before it hears a word."""

from __future__ import annotations

import hashlib
import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from tests.sdk.http.conftest import server_context
from tests.sdk.http.server import HostileServer, json_page, redirect

from isthmus_sdk.errors import ConfigurationError, Unreachable
from isthmus_sdk.http import Bearer, Event, Http, Tls
from isthmus_sdk.http._tls import other_context, own_context

Make = Callable[..., Http]


def pin_of(certificate: trustme.LeafCert) -> str:
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    return "sha256:" + hashlib.sha256(der).hexdigest()


def served(certificate: trustme.LeafCert) -> HostileServer:
    server = HostileServer(tls=server_context(certificate))
    server.on("/x", json_page({"ok": True}))
    return server


def test_a_private_authority_is_enough(tls_vendor: HostileServer, client: Make, authority: str) -> None:
    tls_vendor.on("/x", json_page({"ok": True}))
    assert client(tls_vendor.url, tls=Tls(ca=authority)).get("x").json() == {"ok": True}


def test_large_bodies_pass_through_tls_both_ways(tls_vendor: HostileServer, client: Make, authority: str) -> None:
    def echo(exchange: object) -> None:
        exchange.reply(200, exchange.body)  # type: ignore[attr-defined]

    tls_vendor.on("/x", echo)
    content = bytes(range(256)) * 20_000
    http = client(tls_vendor.url, tls=Tls(ca=authority))
    assert all(http.post("x", content=content).body == content for _ in range(2))
    assert tls_vendor.connections == 1


def test_an_unknown_authority_is_refused_at_once_with_the_fingerprint_to_pin(client: Make) -> None:
    certificate = trustme.CA().issue_cert("127.0.0.1")
    with served(certificate) as server:
        with pytest.raises(Unreachable, match=r"certificate: .*; the server shows sha256:[0-9a-f]{64}\. ") as caught:
            client(server.url, auth=Bearer("abc-token")).get("x")
        assert server.requests == []
        assert server.connections == 2  # the second to look, without a word
        [shown] = re.findall(r"sha256:[0-9a-f]{64}", str(caught.value))
        assert shown == pin_of(certificate)
        assert client(server.url, tls=Tls(pin=shown)).get("x").ok


def test_a_server_that_shows_its_certificate_but_once_is_refused_all_the_same(
    ca: trustme.CA, client: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(ca.issue_cert("127.0.0.1")) as server:
        monkeypatch.setattr("isthmus_sdk.http._transport._presented", lambda *_: None)
        with pytest.raises(Unreachable, match=r"certificate: .*check the address and tls settings \(ca or pin\)"):
            client(server.url).get("x")


def test_a_place_beside_the_base_url_is_not_looked_at(client: Make, vendor: HostileServer) -> None:
    with served(trustme.CA().issue_cert("127.0.0.1")) as other:
        with pytest.raises(Unreachable, match="certificate: ") as caught:
            client(vendor.url, origins=[other.url]).get(f"{other.url}/x")
        assert "sha256" not in str(caught.value)
        assert other.connections == 1


def test_a_certificate_for_another_host_is_refused(ca: trustme.CA, client: Make, authority: str) -> None:
    with served(ca.issue_cert("other.example")) as server, pytest.raises(Unreachable, match="certificate: "):
        client(server.url, tls=Tls(ca=authority)).get("x")


def test_an_expired_certificate_is_refused(ca: trustme.CA, client: Make, authority: str) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with served(ca.issue_cert("127.0.0.1", not_after=yesterday)) as server, pytest.raises(Unreachable, match="expired"):
        client(server.url, tls=Tls(ca=authority)).get("x")


def test_a_pin_recognises_a_self_signed_appliance(client: Make) -> None:
    certificate = trustme.CA().issue_cert("appliance.local", not_after=datetime.now(UTC) - timedelta(days=1))
    with served(certificate) as server:
        assert client(server.url, tls=Tls(pin=pin_of(certificate))).get("x").json() == {"ok": True}


def test_another_certificate_than_the_pinned_one_hears_no_request(client: Make) -> None:
    pinned, shown = trustme.CA().issue_cert("127.0.0.1"), trustme.CA().issue_cert("127.0.0.1")
    with served(shown) as server:
        with pytest.raises(Unreachable, match=f"not the pinned one; the server shows {pin_of(shown)}"):
            client(server.url, tls=Tls(pin=pin_of(pinned)), auth=Bearer("abc-token")).get("x")
        assert server.requests == []
        assert server.connections == 1


def test_with_an_authority_and_a_pin_both_must_hold(ca: trustme.CA, client: Make, authority: str) -> None:
    good, foreign = ca.issue_cert("127.0.0.1"), trustme.CA().issue_cert("127.0.0.1")
    with served(good) as server:
        assert client(server.url, tls=Tls(ca=authority, pin=pin_of(good))).get("x").ok
        with pytest.raises(Unreachable, match="pinned"):
            client(server.url, tls=Tls(ca=authority, pin=pin_of(foreign))).get("x")
    with served(foreign) as server, pytest.raises(Unreachable, match="certificate: "):
        client(server.url, tls=Tls(ca=authority, pin=pin_of(foreign))).get("x")


def test_two_pins_bridge_a_renewal(client: Make) -> None:
    old, new = trustme.CA().issue_cert("127.0.0.1"), trustme.CA().issue_cert("127.0.0.1")
    for shown in (old, new):
        with served(shown) as server:
            assert client(server.url, tls=Tls(pin=[pin_of(old), pin_of(new)])).get("x").ok


def test_the_pin_does_not_excuse_other_origins(client: Make, vendor: HostileServer) -> None:
    appliance, stranger = trustme.CA().issue_cert("127.0.0.1"), trustme.CA().issue_cert("127.0.0.1")
    with served(appliance) as server, served(stranger) as other:
        server.on("/x", redirect(f"{other.url}/x"))
        with pytest.raises(Unreachable, match="certificate: "):
            client(server.url, origins=[other.url], tls=Tls(pin=pin_of(appliance))).get("x")
        assert other.requests == []


def test_the_client_certificate_is_shown_to_the_base_url_only(
    ca: trustme.CA, client: Make, authority: str, tmp_path: Path
) -> None:
    ours = ca.issue_cert("hub@north-works")
    ours.private_key_and_cert_chain_pem.write_to_path(tmp_path / "hub.pem")
    asked: dict[str, object] = {}

    def asking(name: str) -> HostileServer:
        context = server_context(ca.issue_cert("127.0.0.1"))
        ca.configure_trust(context)
        context.verify_mode = ssl.CERT_OPTIONAL
        server = HostileServer(tls=context)

        def behave(exchange: object) -> None:
            asked[name] = exchange.connection.getpeercert()  # type: ignore[attr-defined]
            json_page({})(exchange)  # type: ignore[arg-type]

        server.on("/y", behave)
        return server

    with asking("base") as base, asking("other") as other:
        base.on("/x", redirect(f"{other.url}/y"))
        http = client(base.url, origins=[other.url], tls=Tls(ca=authority, cert=str(tmp_path / "hub.pem")))
        http.get("y")
        http.get("x")
    assert asked["base"]
    assert not asked["other"]


@pytest.mark.parametrize(
    "pin", ["", "sha256:", "sha256:12", "sha256:" + "g" * 64, "md5:" + "a" * 32, "a" * 63, ["sha256:" + "a" * 64, "x"]]
)
def test_a_pin_that_is_none_is_refused(pin: object) -> None:
    with pytest.raises(ConfigurationError, match="64 hex digits"):
        Tls(pin=pin)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "write", [str.upper, lambda pin: pin, lambda pin: ":".join(pin[i : i + 2] for i in range(0, 64, 2))]
)
def test_pins_are_read_as_tools_print_them(write: Callable[[str], str]) -> None:
    digest = "0123456789abcdef" * 4
    assert Tls(pin="sha256:" + write(digest)).digests == Tls(pin=digest).digests == {bytes.fromhex(digest)}


def test_tls_settings_that_cannot_hold_are_refused(client: Make, tmp_path: Path) -> None:
    (tmp_path / "broken.pem").write_text("no certificate")
    for tls, words in (
        (Tls(ca=str(tmp_path / "missing.pem")), "tls.ca: cannot load .*missing.pem"),
        (Tls(ca=str(tmp_path / "broken.pem")), "tls.ca: cannot load"),
        (Tls(cert=str(tmp_path / "broken.pem")), "tls.cert: cannot load"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            client("https://vendor.example", tls=tls)
    with pytest.raises(ConfigurationError, match=r"without tls\.cert"):
        Tls(key="key.pem")
    with pytest.raises(ConfigurationError, match="plain http"):
        client("http://vendor.example", tls=Tls(pin="0" * 64))


def test_one_context_serves_all_clients_of_a_policy(authority: str) -> None:
    assert own_context(None) is own_context(Tls())
    assert own_context(Tls(ca=authority)) is own_context(Tls(ca=authority))
    assert own_context(None) is not own_context(Tls(ca=authority))
    assert other_context(None) is other_context(Tls(pin="0" * 64))


def test_a_renewed_authority_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    before = own_context(Tls(ca=str(path)))
    path.write_bytes(b"")
    trustme.CA().cert_pem.write_to_path(path, append=True)
    (tmp_path / "more.pem").write_bytes(path.read_bytes() * 2)
    (tmp_path / "more.pem").replace(path)
    assert own_context(Tls(ca=str(path))) is not before


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: str) -> None:
    from isthmus_sdk.http import _tls

    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    monkeypatch.setenv("SSL_CERT_FILE", authority)
    _tls._own_context.cache_clear()
    context = own_context(None)
    assert getattr(context, "keylog_filename", None) is None
    subjects = [certificate["subject"] for certificate in context.get_ca_certs()]
    assert not any("trustme" in str(subject) for subject in subjects)
    assert context.verify_mode is ssl.CERT_REQUIRED
    _tls._own_context.cache_clear()


def test_proxies_of_the_environment_are_not_used(
    vendor: HostileServer, other: HostileServer, client: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, other.url)
    vendor.on("/x", json_page({}))
    assert client(vendor.url).get("x").ok
    assert other.connections == 0


def test_a_server_that_speaks_no_tls_is_named_at_once(client: Make, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            connection.sendall(b"HTTP/1.1 400 The plain HTTP request was sent to HTTPS port\r\n\r\n")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        with caplog.at_level(logging.DEBUG), pytest.raises(Unreachable, match="wrong version number"):
            client(f"https://127.0.0.1:{listener.getsockname()[1]}").get("x")
    assert caplog.records == []


def test_a_handshake_cut_off_is_tried_again(ca: trustme.CA, client: Make, authority: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def cut() -> None:
            for _ in range(5):
                connection, _ = listener.accept()
                connection.recv(5)
                connection.close()

        threading.Thread(target=cut, daemon=True).start()
        events: list[Event] = []
        with pytest.raises(Unreachable):
            client(f"https://127.0.0.1:{listener.getsockname()[1]}", on_event=events.append).get("x")
    assert [event.kind for event in events] == ["retry"] * 4
