"""Syslog feeds of the shipped connectors, end to end: a sender, the hub's receiver, the worker, the bus."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.hub.receive.pushing import PATIENCE, free_port, listens, until

from isthmus_hub.hub import Hub
from isthmus_sdk import stix
from isthmus_sdk.commands.connectors import load_connector
from isthmus_sdk.commands.map import MapOptions, map_files
from isthmus_sdk.push import Message, records_of
from isthmus_sdk.stix import ALERT, COMMUNICATION

pytestmark = pytest.mark.timeout(180)
FEEDS = {
    "paloalto": ("traffic", "threats", "alerts"),
    "suricata": ("alerts", "flows", "ics", "dns"),
    "zeek": ("conn", "modbus", "cip"),
}


class Fed:
    """A hub with one instance that only receives, and its daemon."""

    def __init__(self, folder: Path, connector: str, listen: Mapping[str, str]) -> None:
        self.folder = folder
        self.connector = connector
        tables = "".join(
            f'[connector.fed.receive.{name}]\nlisten = "{at}"\nlinger = 0\n' for name, at in listen.items()
        )
        self.config = folder / "isthmus.toml"
        self.config.write_text(
            f'[hub]\nname = "works"\n[connector.fed]\nuse = "{connector}"\nsource_id = "fed"\n{tables}'
        )
        self.process: subprocess.Popen[str] | None = None

    def _line(self, *words: str) -> list[str]:
        program = str(Path(sys.executable).with_name("isthmus"))
        return [program, *words, "--config", str(self.config), "--state-dir", str(self.folder / "state")]

    def start(self, **environ: str) -> None:
        log = (self.folder / "daemon.log").open("a")
        environment = {**os.environ, "TMPDIR": str(self.folder), **environ}
        self.process = subprocess.Popen(self._line("run"), stdout=log, stderr=log, env=environment, text=True)
        log.close()

    def receivers(self) -> dict[str, dict[str, Any]]:
        done = subprocess.run(self._line("status", "--json"), capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return {row["stream"]: row for row in json.loads(done.stdout)["instances"][0]["receivers"]}

    def arrived(self, counts: Mapping[str, int]) -> bool:
        """All of it is durable."""
        rows = self.receivers()
        return all(rows[name]["received"] >= count for name, count in counts.items())

    def sync(self) -> None:
        """One pass over what is still in the spools: without a daemon, messages of open windows lie there."""
        done = subprocess.run(self._line("sync"), capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    def observed(self) -> list[dict[str, Any]]:
        with Hub.open(self.folder / "state", self.config, environ={**os.environ}) as hub:
            assert hub.quarantine_list()["records"] == []
            return [json.loads(line) for line in hub.export("observed")]

    def counted(self) -> int:
        """Connections over all windows and parts that the store holds."""
        with Hub.open(self.folder / "state", self.config, environ={**os.environ}) as hub:
            return sum(row.counters["connections"] for row in hub.store.communications())


@pytest.fixture
def fed(tmp_path: Path) -> Iterator[Any]:
    """Makes a hub that receives; its daemon ends with the test."""
    made: list[Fed] = []

    def make(connector: str, listen: Mapping[str, str]) -> Fed:
        made.append(Fed(tmp_path, connector, listen))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def recorded(connector: str, stream: str) -> list[bytes]:
    """Messages as the vendor sends them."""
    return (load_connector(connector).folder / "conformance" / "received" / f"{stream}.log").read_bytes().splitlines()


def send_tcp(port: int, messages: list[bytes]) -> None:
    """As rsyslog and firewalls do: a connection, a message a line."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sender:
        sender.sendall(b"".join(message + b"\n" for message in messages))


def told(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """What was understood: alerts by their native id, services of each communication by its ends."""
    names = {obj["id"]: obj.get("name") or obj.get("value") for obj in objects}
    found: dict[str, Any] = {}
    for obj in objects:
        if known := stix.facts(obj, ALERT):
            found[known["native_id"]] = known["title"]
        elif known := stix.facts(obj, COMMUNICATION):
            edge = f"{names.get(obj['source_ref'])} > {names.get(obj['target_ref'])}"
            found[edge] = known["services"]
    return found


@pytest.mark.parametrize("connector", sorted(FEEDS))
def test_what_is_sent_by_syslog_is_what_the_same_records_in_a_file_are(
    fed: Any, connector: str, tmp_path: Path
) -> None:
    ports = {stream: free_port() for stream in FEEDS[connector]}
    hub: Fed = fed(connector, {stream: f"tcp://127.0.0.1:{port}" for stream, port in ports.items()})
    hub.start()
    until(lambda: all(map(listens, ports.values())), "the receivers listen")
    counts = {}
    for stream, port in ports.items():
        messages = recorded(connector, stream)
        counts[stream] = len(messages)
        send_tcp(port, messages)
    until(lambda: hub.arrived(counts), "all is durable")
    assert {name: row["refused"] for name, row in hub.receivers().items()} == {name: {} for name in counts}
    hub.stop()
    hub.sync()
    found = told(hub.observed())
    loaded = load_connector(connector)
    wanted: dict[str, Any] = {}
    for stream in counts:
        declared = loaded.streams[stream]
        assert declared.push is not None
        path = tmp_path / f"{stream}.ndjson"
        records = [r for m in recorded(connector, stream) for r in records_of(declared.push, Message(body=m, at=0))]
        path.write_bytes(b"".join(record + b"\n" for record in records))
        made = map_files(loaded, declared, [path], MapOptions(source_id="fed"))
        assert made.report["mapped"] > 0
        wanted |= {
            key: value for key, value in told([stix.decode(line) for line in made.objects]).items() if key not in wanted
        }
    assert found.keys() == wanted.keys()
    assert len(found) >= 3


def test_datagrams_of_a_firewall_reach_the_bus(fed: Any) -> None:
    messages = recorded("paloalto", "threats")
    hub: Fed = fed("paloalto", {"threats": "udp://127.0.0.1:0"})
    hub.start()
    listen = until(
        lambda: [at for at in hub.receivers()["threats"]["listen"] if at["listening"]], "the receiver listens"
    )
    port = int(listen[0]["address"].rpartition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for message in messages:
            sender.sendto(message, ("127.0.0.1", port))
    until(lambda: hub.arrived({"threats": len(messages)}), "all is durable")
    hub.stop()
    hub.sync()
    assert "007951000012345/threat/12" in told(hub.observed())


@pytest.mark.faults
def test_a_spool_smaller_than_an_hour_of_traffic_does_not_stop_the_feed(fed: Any) -> None:
    port, messages = free_port(), recorded("paloalto", "traffic") * 5
    hub: Fed = fed("paloalto", {"traffic": f'tcp://127.0.0.1:{port}"\nquota = "16KB"\nmax_bytes = "4KB'})
    assert sum(map(len, messages)) > 2 * 16_000
    hub.start()
    until(lambda: listens(port), "the receiver listens")
    send_tcp(port, messages)
    until(lambda: hub.arrived({"traffic": len(messages)}), "all is durable, one window and another", 150)
    hub.stop()
    hub.sync()
    assert hub.counted() == 5 * 6


@pytest.mark.faults
@pytest.mark.parametrize("point", ["publish", "commit", "validate"])
def test_sessions_are_counted_once_whenever_the_hub_is_killed(fed: Any, point: str) -> None:
    port = free_port()
    hub: Fed = fed("paloalto", {"traffic": f"tcp://127.0.0.1:{port}"})
    hub.start(ISTHMUS_TESTING="1", ISTHMUS_FAULT=f"{point}:1")
    until(lambda: listens(port), "the receiver listens")
    messages = recorded("paloalto", "traffic")
    send_tcp(port, messages)
    assert hub.process is not None
    until(lambda: hub.process.poll() is not None, "the fault struck")  # type: ignore[union-attr]
    hub.sync()
    hub.sync()
    assert hub.counted() == 6
