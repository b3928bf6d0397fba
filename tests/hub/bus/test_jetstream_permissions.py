"""The server configuration of the three-machine example, on a real server: what a collector may do, and what it may not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.hub.bus.filling import STREAM, fill
from tests.hub.bus.nats import NatsServer

from isthmus_hub.bus import JetStreamBus, NatsAccess, StorageFault

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "configs" / "three-machines" / "nats-server.conf"
PASSWORDS = {"CENTRE_PASSWORD": "centre-horse", "COLLECTOR_A_PASSWORD": "a-horse", "COLLECTOR_B_PASSWORD": "b-horse"}


class Machines:
    """The centre's server, and connections to it."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost")
        for name, pem in (
            ("ca.pem", authority.cert_pem),
            ("server.pem", certificate.cert_chain_pems[0]),
            ("server.key", certificate.private_key_pem),
        ):
            pem.write_to_path(folder / name)
        self._ca = str(folder / "ca.pem")
        self.server = NatsServer(folder / "nats")
        text = EXAMPLE.read_text()
        for written, here in (
            ("0.0.0.0:4222", f"127.0.0.1:{self.server.port}"),
            ("0.0.0.0:8222", f"127.0.0.1:{self.server.monitor_port}"),
            ("/var/lib/nats", f"{folder}/data"),
            ("/etc/nats/", f"{folder}/"),
            ("max_file_store: 200GB", ""),
        ):
            assert written in text
            text = text.replace(written, here)
        self.server.start(text, env={**os.environ, **PASSWORDS})

    def bus(self, user: str) -> JetStreamBus:
        """The bus as one of the three hubs has it."""
        return JetStreamBus(
            NatsAccess(
                (f"tls://localhost:{self.server.port}",),
                username=user,
                password=PASSWORDS[f"{user.upper().replace('-', '_')}_PASSWORD"],
                ca=self._ca,
                monitors=(self.server.monitor,),
            )
        )


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    made = Machines(tmp_path)
    yield made
    made.server.stop()


def test_collectors_publish_side_by_side_and_the_centre_reads(machines: Machines) -> None:
    with machines.bus("collector-a") as a, machines.bus("collector-b") as b, machines.bus("centre") as centre:
        for turn in range(3):
            fill(a, 2, tag=f"a{turn}", key="collector-a/x")
            fill(b, 2, tag=f"b{turn}", key="collector-b/x")
        group = centre.subscribe(STREAM, "resolve")
        assert sum(len(block.entries) for block in group.poll()) == 24
        group.commit(24)
        assert centre.retain(STREAM, max_bytes=0).blocks == 12
        assert a.publish(STREAM, [b"x"], block_id=b"a0-0").duplicate, "known to a connection that saw it"
        assert centre.health().durability == "flushed"
        centre.publish("resolved", [b"x"], block_id=b"1")
    with machines.bus("collector-b") as again:
        assert again.publish(STREAM, [b"x"], block_id=b"a0-0").duplicate, "and to one that reads it in the state"
        assert again.latest(STREAM)["collector-a/x"][1] == b"cursor 1"


def test_a_collector_neither_reads_what_was_resolved_nor_removes_anything(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus_hub.bus._jetstream.link.REQUEST_SECONDS", 0.2)
    with machines.bus("centre") as centre:
        fill(centre, 2)
        centre.publish("resolved", [b"secret"], block_id=b"1")
        centre.commit(STREAM, "resolve", 2)
        with machines.bus("collector-a") as collector:
            link = collector._link
            name = f"isthmus_{STREAM}"
            for subject, payload in (
                ("DIRECT.GET.isthmus_resolved", {"seq": 1}),
                (f"STREAM.PURGE.{name}", {}),
                (f"STREAM.DELETE.{name}", None),
                (f"STREAM.MSG.DELETE.{name}", {"seq": 1}),
                (f"STREAM.UPDATE.{name}", {"name": name, "subjects": ["isthmus.observed.>"], "max_msgs": 1}),
            ):
                with pytest.raises(StorageFault, match="no answer"):
                    link.call(link.request(subject, payload, patience=0.3))
        assert len(centre.read(STREAM)) == 2
        assert centre.groups(STREAM)[0].position == 2
