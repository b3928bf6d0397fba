"""Webhooks over https through a whole hub: its certificate, a renewed one, senders with certificates; and what is counted."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import ssl
import types
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from tests.hub.receive.listening import SECRET as MEMORY_SECRET
from tests.hub.receive.listening import receiving
from tests.hub.receive.pushing import PATIENCE, Site, free_port, listens, post, sign, until

from isthmus_hub.measure import Gauges
from isthmus_hub.telemetry import Metrics
from isthmus_sdk.push import Hmac, Webhook

pytestmark = pytest.mark.timeout(180)


def trusting(authority: trustme.CA, certificate: Path | None = None) -> ssl.SSLContext:
    """What a sender trusts and, where the receiver asks, shows."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


def post_securely(port: int, body: bytes, context: ssl.SSLContext) -> int:
    """Status of the answer."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=context)
    try:
        connection.request(
            "POST", "/hooks", body, {"content-type": "application/json", "x-pushed-signature": sign(body)}
        )
        return connection.getresponse().status
    finally:
        connection.close()


def serial(port: int, context: ssl.SSLContext) -> str:
    """Of the certificate that is shown."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        shown = secure.getpeercert()
        assert shown is not None
        return str(shown["serialNumber"])


def issue(authority: trustme.CA, path: Path, name: str = "127.0.0.1") -> None:
    authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(path)


def https(port: int, folder: Path, more: str = "") -> dict[str, str]:
    address = f"https://127.0.0.1:{port}/hooks"
    return {"alerts": f'listen = "{address}"\ncert = "{folder}/server.pem"\nsecrets = "file:hook"\n{more}'}


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as reply:
        return str(reply.read().decode())


def test_a_certificate_is_shown_a_renewed_one_after_a_reload_and_nothing_is_lost_between(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    port, watched = free_port(), free_port()
    authority = trustme.CA()
    issue(authority, tmp_path / "server.pem")
    made = site(https(port, tmp_path), more=f'[telemetry]\nmetrics = "127.0.0.1:{watched}"\n')
    process = made.daemon()
    until(lambda: listens(port), "the receiver listens")
    context = trusting(authority)
    assert post_securely(port, b'[{"id": "one"}]', context) == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        post_securely(port, b'[{"id": "never"}]', trusting(trustme.CA()))
    first = serial(port, context)
    issue(authority, tmp_path / "server.pem")
    process.send_signal(signal.SIGHUP)
    until(lambda: serial(port, context) != first, "the renewed certificate is shown")
    second = serial(port, context)
    (tmp_path / "server.pem").write_text("half a certificate")
    process.send_signal(signal.SIGHUP)
    until(lambda: "receiver keeps its former certificate" in made.log(), "the damaged one was refused")
    assert serial(port, context) == second
    assert post_securely(port, b'[{"id": "two"}]', context) == 200
    until(lambda: made.receivers()["alerts"]["spool_bytes"] == 0, "all is on the bus")
    assert made.receivers()["alerts"]["received"] == 2
    labels = r'\{instance="vendor",stream="alerts"\}'
    until(lambda: re.search(f"isthmus_received_messages_total{labels} 2.0", scraped(watched)), "the metrics count it")
    text = scraped(watched)
    assert re.search(f"isthmus_receiver_listening{labels} 1.0", text)
    assert re.search(f"isthmus_last_received_timestamp_seconds{labels} [0-9.e+]+", text)
    made.stop()
    assert sorted(made.observed()) == ["one", "two"]


def test_where_it_asks_only_senders_with_a_certificate_of_its_authority_are_heard(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    port = free_port()
    authority, senders = trustme.CA(), trustme.CA()
    issue(authority, tmp_path / "server.pem")
    senders.cert_pem.write_to_path(tmp_path / "senders.pem")
    issue(senders, tmp_path / "sender.pem", "sender.example")
    issue(trustme.CA(), tmp_path / "stranger.pem", "sender.example")
    made = site(https(port, tmp_path, f'ca = "{tmp_path}/senders.pem"\n'))
    made.daemon()
    until(lambda: listens(port), "the receiver listens")
    for certificate in (None, tmp_path / "stranger.pem"):
        with pytest.raises(OSError):
            post_securely(port, b'[{"id": "stranger"}]', trusting(authority, certificate))
    with pytest.raises((OSError, http.client.HTTPException)):
        post(port, b'[{"id": "plain"}]')
    assert post_securely(port, b'[{"id": "ours"}]', trusting(authority, tmp_path / "sender.pem")) == 200
    until(lambda: made.receivers()["alerts"]["spool_bytes"] == 0, "all is on the bus")
    row = made.receivers()["alerts"]
    assert row["received"] == 1
    assert row["refused"]["TLS failed"] >= 3
    made.stop()
    assert made.observed() == ["ours"]


def test_what_is_refused_is_counted_by_reason_and_a_receiver_configured_anew_counts_on(tmp_path: Path) -> None:
    table = {"listen": "http://127.0.0.1:0/hooks"}
    push = Webhook(signature=Hmac(header="X-Pushed-Signature", prefix="sha256="))
    with receiving(tmp_path, push, table) as (parts, receivers, port):
        metrics = Metrics()
        hub = types.SimpleNamespace(config=parts.config, receivers=receivers)
        gauges = Gauges(hub, metrics)  # type: ignore[arg-type]

        def value(name: str, **more: str) -> float | None:
            gauges._sample_receivers()
            return metrics.registry.get_sample_value(name, {"instance": "vendor", "stream": "events", **more})

        assert value("isthmus_received_messages_total") == 0
        assert post(port, b"{}", secret=MEMORY_SECRET)[0] == 200
        assert post(port, b"{}", secret="wrong")[0] == 401
        assert value("isthmus_received_messages_total") == 1
        assert value("isthmus_received_bytes_total") == 2
        assert value("isthmus_refused_messages_total", reason="wrong signature") == 1
        assert (value("isthmus_spool_bytes") or 0) > 2
        assert value("isthmus_receiver_listening") == 1
        parts.configure({"events": {**table, "max_bytes": "4KB"}})
        hub.config = parts.config
        receivers.apply()
        address = receivers.status("vendor", "events")["listen"][0]["address"]
        port = int(re.findall(r":(\d+)/", address)[0])
        gauges._sample_receivers()
        for _ in range(2):
            assert post(port, b"{}", secret=MEMORY_SECRET)[0] == 200
        assert value("isthmus_received_messages_total") == 3
        parts.configure({})
        hub.config = parts.config
        assert value("isthmus_receiver_listening") is None
