"""Syslog from real senders (rsyslog, Python's own handler) and from hostile ones, over UDP, TCP and TLS."""

from __future__ import annotations

import logging
import logging.handlers
import os
import shutil
import socket
import ssl
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import trustme
from tests.hub.receive.listening import receiving, refused
from tests.hub.receive.pushing import until

from isthmus_hub.receive import _syslog
from isthmus_sdk.push import Syslog, parse_syslog

RSYSLOG = shutil.which("rsyslogd") or ("/usr/sbin/rsyslogd" if Path("/usr/sbin/rsyslogd").exists() else None)


def connect(port: int) -> closing[socket.socket]:
    return closing(socket.create_connection(("127.0.0.1", port), timeout=30))


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_python_s_own_handler_is_received(tmp_path: Path, kind: socket.SocketKind) -> None:
    scheme = "udp" if kind == socket.SOCK_DGRAM else "tcp"
    with receiving(tmp_path, Syslog(), {"listen": f"{scheme}://127.0.0.1:0"}) as (parts, receivers, port):
        handler = logging.handlers.SysLogHandler(("127.0.0.1", port), socktype=kind)
        logger = logging.Logger("plant")
        logger.addHandler(handler)
        for number in range(20):
            logger.warning("ventil %d klemmt äöü", number)
        handler.close()
        until(lambda: len(parts.bodies()) == 20, "all arrived")
        assert [parse_syslog(raw).message for raw in parts.bodies()] == [f"ventil {n} klemmt äöü" for n in range(20)]
        until(lambda: receivers.status("vendor", "events")["received"] == 20, "all are counted")


@contextmanager
def rsyslog(folder: Path, actions: str) -> Iterator[Path]:
    """A real rsyslog that reads a file and sends its lines on."""
    source = folder / "source.log"
    source.touch()
    config = folder / "rsyslog.conf"
    config.write_text(
        f'global(workDirectory="{folder}" maxMessageSize="64k" debug.unloadModules="off")\nmodule(load="imfile" mode="polling" pollingInterval="1")\n'
        f'input(type="imfile" file="{source}" tag="plc:" facility="local0" severity="warning")\n{actions}\n'
    )
    log = (folder / "rsyslog.out").open("w")
    process = subprocess.Popen(
        [RSYSLOG, "-n", "-f", str(config), "-i", str(folder / "rsyslog.pid")], stdout=log, stderr=log
    )
    try:
        yield source
    finally:
        process.terminate()
        process.wait(30)
        log.close()


@pytest.mark.skipif(RSYSLOG is None, reason="NOT RUN: rsyslogd is not installed (`apt-get install rsyslog`)")
@pytest.mark.parametrize(
    ("scheme", "action", "template"),
    [
        ("udp", 'protocol="udp"', "RSYSLOG_TraditionalForwardFormat"),
        ("tcp", 'protocol="tcp"', "RSYSLOG_ForwardFormat"),
        ("tcp", 'protocol="tcp" TCP_Framing="octet-counted"', "RSYSLOG_SyslogProtocol23Format"),
    ],
)
def test_a_real_rsyslog_is_received(tmp_path: Path, scheme: str, action: str, template: str) -> None:
    with receiving(tmp_path / "spool", Syslog(), {"listen": f"{scheme}://127.0.0.1:0"}) as (parts, _, port):
        actions = f'*.* action(type="omfwd" target="127.0.0.1" port="{port}" {action} template="{template}")'
        lines = [f"event {number} {uuid.UUID(int=number)}" for number in range(50)] + ["tab\there äöü"]
        with rsyslog(tmp_path, actions) as source:
            with source.open("a") as file:
                file.write("".join(line + "\n" for line in lines))
            until(
                lambda: len([raw for raw in parts.bodies() if b"rsyslogd" not in raw]) == len(lines),
                f"all arrived: {(tmp_path / 'rsyslog.out').read_text()}",
            )
        found = [parse_syslog(raw) for raw in parts.bodies() if b"rsyslogd" not in raw]
        assert [one.message for one in found] == lines
        assert {(one.facility, one.severity, one.app_name) for one in found} == {(16, 4, "plc")}
        assert {one.hostname for one in found} == {found[0].hostname} != {None}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of the receiver, one of a sender, and whom to trust."""
    folder = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    ca.issue_cert("sender.example").private_key_and_cert_chain_pem.write_to_path(folder / "client.pem")
    trustme.CA().issue_cert("sender.example").private_key_and_cert_chain_pem.write_to_path(folder / "stranger.pem")
    return folder


def send_tls(port: int, authority: Path, certificate: str | None, data: bytes) -> None:
    context = ssl.create_default_context(cafile=str(authority / "ca.pem"))
    if certificate is not None:
        context.load_cert_chain(authority / certificate)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.sendall(data)
        secure.unwrap()


def test_tls_takes_only_senders_with_a_certificate_of_ours_where_it_asks_for_one(
    tmp_path: Path, authority: Path
) -> None:
    table = {"listen": "tls://127.0.0.1:0", "cert": str(authority / "server.pem"), "ca": str(authority / "ca.pem")}
    with receiving(tmp_path, Syslog(), table) as (parts, receivers, port):
        send_tls(port, authority, "client.pem", b"7 <13>abc")
        until(parts.bodies, "the message is there")
        for certificate in (None, "stranger.pem"):
            with suppress(OSError):  # in TLS 1.3 a sender may learn of it only when it reads
                send_tls(port, authority, certificate, b"8 <13>evil")
        with connect(port) as plain:
            plain.sendall(b"<13>no TLS\n")
        until(lambda: refused(receivers).get("TLS failed", 0) >= 3, "three were refused")
        assert parts.bodies() == [b"<13>abc"]
    with receiving(tmp_path / "open", Syslog(), {k: v for k, v in table.items() if k != "ca"}) as (parts, _, port):
        send_tls(port, authority, None, b"<13>abc\n")
        until(parts.bodies, "the message is there")


def test_who_is_not_allowed_is_refused_and_counted(tmp_path: Path) -> None:
    table = {"listen": ["tcp://127.0.0.1:0", "udp://127.0.0.1:0"], "senders": ["10.20.0.0/24"]}
    with receiving(tmp_path, Syslog(), table) as (parts, receivers, port):
        udp = int(receivers.status("vendor", "events")["listen"][1]["address"].rpartition(":")[2])
        with connect(port) as sender:
            assert sender.recv(1) == b""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"<13>x", ("127.0.0.1", udp))
        until(lambda: refused(receivers) == {"sender not allowed": 2}, "both were counted")
        assert parts.bodies() == []


def test_too_many_connections_are_refused_and_one_sender_does_not_get_them_all(tmp_path: Path) -> None:
    with receiving(tmp_path, Syslog(), {"listen": "tcp://127.0.0.1:0", "connections": 4}) as (parts, receivers, port):
        held = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(2)]
        for sender in held:
            sender.sendall(b"<13>held\n")
        until(lambda: len(parts.bodies()) == 2, "both are served")
        with connect(port) as third:
            assert third.recv(1) == b""
        assert refused(receivers) == {"too many connections": 1}
        for sender in held:
            sender.close()

        def served() -> bool:
            with connect(port) as again, suppress(OSError):  # refused in the middle of it: no room yet
                again.sendall(b"<13>again\n")
                again.shutdown(socket.SHUT_WR)
                return again.recv(1) == b"" and b"<13>again" in parts.bodies()
            return False

        until(served, "room again")


def test_one_that_stops_in_a_message_is_let_go_and_the_rest_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_syslog, "STALL", 0.3)
    with receiving(tmp_path, Syslog(), {"listen": "tcp://127.0.0.1:0"}) as (parts, receivers, port):
        with connect(port) as sender:
            sender.sendall(b"<13>whole\n100 <13>half")
            assert sender.recv(1) == b""
        assert refused(receivers)["fell silent in a message"] == 1
        assert refused(receivers)["broke off, beginning kept"] == 1
        assert parts.bodies() == [b"<13>whole", b"100 <13>half"]


def test_one_that_drips_is_let_go_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_syslog, "STALL", 0.5)
    with (
        receiving(tmp_path, Syslog(), {"listen": "tcp://127.0.0.1:0"}) as (_, receivers, port),
        connect(port) as sender,
    ):
        sender.sendall(b"<13>")

        def dripped() -> bool:
            try:
                sender.sendall(b"x")
            except OSError:
                return True
            return "too slow" in refused(receivers)

        until(dripped, "it was let go")


def test_of_what_is_too_large_the_beginning_is_kept_and_counted(tmp_path: Path) -> None:
    table = {"listen": ["tcp://127.0.0.1:0", "udp://127.0.0.1:0"], "max_bytes": "100B"}
    with receiving(tmp_path, Syslog(), table) as (parts, receivers, port):
        udp = int(receivers.status("vendor", "events")["listen"][1]["address"].rpartition(":")[2])
        with connect(port) as sender:
            sender.sendall(b"<13>" + b"x" * 1000 + b"\n<13>next\n")
        until(lambda: len(parts.bodies()) == 2, "both are there")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"<13>" + b"y" * 1000, ("127.0.0.1", udp))
        until(lambda: len(parts.bodies()) == 3, "all are there")
        assert sorted(map(len, parts.bodies())) == [8, 100, 100]
        until(lambda: refused(receivers) == {"too large, beginning kept": 2}, "both are counted")


def test_a_full_spool_holds_tcp_back_and_loses_nothing_and_udp_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_syslog, "FULL_WAIT", 0.05)
    table = {"listen": ["tcp://127.0.0.1:0", "udp://127.0.0.1:0"], "quota": "400B", "max_bytes": "200B"}
    with receiving(tmp_path, Syslog(), table) as (parts, receivers, port):
        udp = int(receivers.status("vendor", "events")["listen"][1]["address"].rpartition(":")[2])
        with connect(port) as sender:
            for number in range(8):
                sender.sendall(b"<13>%03d" % number + b"x" * 60 + b"\n")
                until(
                    lambda n=number: len(parts.bodies()) > n or "waited for room in the spool" in refused(receivers),
                    "taken or waits",
                )
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
                datagrams.sendto(b"<13>" + b"u" * 190, ("127.0.0.1", udp))
            until(lambda: refused(receivers).get("spool full") == 1, "the datagram is counted")
            spool, seen = parts.spools["events"], []

            def drained() -> bool:
                end = spool.end
                seen.extend(body for body in parts.bodies(until=end) if body not in seen)
                spool.trim(end)
                return len(seen) == 8

            until(drained, "all came")
        assert [body[:7] for body in seen] == [b"<13>%03d" % n for n in range(8)]


def test_a_flood_of_datagrams_is_taken_at_the_rate_and_every_loss_is_counted(tmp_path: Path) -> None:
    with receiving(tmp_path, Syslog(), {"listen": "udp://127.0.0.1:0", "rate": 200}) as (_parts, receivers, port):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sent = 0
            while "above the rate" not in refused(receivers):
                for _ in range(2000):
                    sender.sendto(b"<13>" + b"f" * 900, ("127.0.0.1", port))
                    sent += 1
        total = lambda: receivers.status("vendor", "events")["received"] + sum(refused(receivers).values())  # noqa: E731
        assert 0 < receivers.status("vendor", "events")["received"] < sent
        assert total() <= sent


@pytest.mark.skipif(os.name != "posix", reason="addresses of the loopback network")
def test_a_port_that_is_taken_is_named_and_tried_again(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        from tests.hub.receive.listening import Parts

        from isthmus_hub.receive import Receivers

        parts = Parts(tmp_path, Syslog(), [])
        parts.configure({"events": {"listen": f"tcp://127.0.0.1:{port}"}})
        receivers = Receivers(parts)
        receivers.apply()
        (row,) = receivers.status("vendor", "events")["listen"]
        assert (row["listening"], row["error"]) == (
            False,
            f"tcp://127.0.0.1:{port}: cannot be listened on: Address already in use",
        )
    receivers.tend()
    assert receivers.status("vendor", "events")["listen"][0]["listening"]
    receivers.close()


def test_a_new_configuration_leaves_alone_what_it_does_not_change(tmp_path: Path) -> None:
    with (
        receiving(tmp_path, Syslog(), {"listen": "tcp://127.0.0.1:0"}) as (parts, receivers, port),
        connect(port) as sender,
    ):
        table = {"listen": "tcp://127.0.0.1:0"}
        parts.configure({"events": table, "others": {"listen": "udp://127.0.0.1:0"}})
        receivers.apply()
        sender.sendall(b"<13>still here\n")
        until(parts.bodies, "the connection lived on")
        assert receivers.status("vendor", "others")["listen"][0]["listening"]
        parts.configure({"others": {"listen": "udp://127.0.0.1:0"}})
        receivers.apply()
        assert sender.recv(1) == b""
