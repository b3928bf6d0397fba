"""A whole hub on a shared bus: the same inventory as on its own, credentials from the vault, and what it says of itself."""

from __future__ import annotations

import itertools
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.hub.bus.nats import NatsServer

from isthmus_hub.config import load
from isthmus_hub.doctor import examine
from isthmus_hub.hub import Hub
from isthmus_sdk.errors import AuthenticationError, ConfigurationError, SecretError

_numbers = itertools.count(1)
AT = 1_777_000_000
CONNECTORS = """
[connector.guardian]
use = "nozomi-guardian"
source_id = "cmc"
files = { assets = "ot/*.json" }
[connector.defender]
use = "microsoft-defender"
source_id = "tenant"
files = { machines = "it/*.json" }
[platform.out]
use = "file"
max_tlp = "red"
settings = { directory = "out" }
"""


def drop(folder: Path, devices: range) -> None:
    """One page of each product; both see every second device."""
    ot = [
        {
            "id": f"n-{n}", "name": f"PLC-{n}", "type": "plc", "ip": [f"10.1.0.{n}"], "mac_address": [f"00:1b:1b:00:00:{n:02x}"],
            "serial_number": f"S-{n}", "created_at": "1772431200000",
        }
        for n in devices
    ]  # fmt: skip
    it = [
        {
            "id": f"m-{n}", "computerDnsName": f"pc-{n}.corp.example", "osPlatform": "Windows10", "lastSeen": "2026-05-04T05:58:16Z",
            "ipAddresses": [{"ipAddress": f"10.1.0.{n}", "macAddress": f"001b1b0000{n:02x}"}],
        }
        for n in devices if n % 2
    ]  # fmt: skip
    for name, page in (("ot", {"result": ot}), ("it", {"value": it})):
        path = folder / name / f"{devices.start}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(page))
        os.utime(path, (AT, AT))


class Plant:
    """The same files for hubs on any bus."""

    def __init__(self, folder: Path, closing: ExitStack) -> None:
        self.folder = folder
        self._closing = closing

    def write(self, name: str, head: str) -> Path:
        """A configuration in a folder of its own."""
        (self.folder / name).mkdir(exist_ok=True)
        path = self.folder / name / "isthmus.toml"
        path.write_text(head + CONNECTORS)
        return path

    def hub(self, name: str, head: str, **options: Any) -> Hub:
        """A hub named north on the bus that ``head`` says."""
        path = self.write(name, f'[hub]\nname = "north"\n{head}')
        return self._closing.enter_context(Hub.open(self.folder / name / "state", path, **options))

    def drop(self, devices: range) -> None:
        """New files for every hub."""
        for home in self.folder.iterdir():
            drop(home, devices)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with ExitStack() as closing:
        yield Plant(tmp_path, closing)


def nats(server: NatsServer, more: str = "") -> str:
    monitor = f'monitor = "{server.monitor}"'
    return f'bus = "{server.url}"\n[nats]\nprefix = "h{next(_numbers)}"\n{monitor}\n{more}'


def picture(hub: Hub) -> tuple[Any, ...]:
    """What the hub believes. An asset's id is minted from who was first, which two runs may see differently."""
    assets = [{name: value for name, value in asset.items() if name != "id"} for asset in hub.assets()["assets"]]
    kinds = Counter(json.loads(line)["type"] for line in hub.export("resolved"))
    return sorted(assets, key=json.dumps), sorted(hub.export("observed")), kinds


def test_a_hub_on_nats_has_the_inventory_it_has_on_its_own_bus(plant: Plant, nats_server: NatsServer) -> None:
    shared, alone = plant.hub("shared", nats(nats_server)), plant.hub("alone", "")
    for devices in (range(1, 40), range(30, 60)):
        plant.drop(devices)
        reports = [hub.sync() for hub in (shared, alone)]
        for report in reports:
            assert [run["error"] for run in report["runs"]] == [None, None]
            assert report["deliveries"][0]["pending"] == 0
        assert picture(shared) == picture(alone)
    assert sum(len(asset["members"]) for asset in shared.assets()["assets"]) == 89
    assert shared.bus_check()["ok"]
    assert shared.store_rebuild()["entries"] == shared.bus.end("observed")
    assert picture(shared) == picture(alone)


def test_a_second_sync_finds_its_cursor_on_the_server(plant: Plant, nats_server: NatsServer) -> None:
    head = nats(nats_server)
    hub = plant.hub("shared", head)
    plant.drop(range(1, 5))
    hub.sync()
    end = hub.bus.end("observed")
    hub.close()
    hub = plant.hub("shared", head)
    assert sum(run["records"] for run in hub.sync()["runs"]) == 0
    assert hub.bus.end("observed") == end


def test_status_and_doctor_say_what_an_acknowledgement_is_worth(
    plant: Plant, nats_server: NatsServer, tmp_path: Path
) -> None:
    lazy = NatsServer(tmp_path / "lazy-server", sync="").start()
    try:
        for name, server, durability in (("good", nats_server, "flushed"), ("lazy", lazy, "buffered")):
            hub = plant.hub(name, nats(server))
            bus = hub.status()["bus"]
            assert (bus["engine"], bus["durability"]) == ("jetstream", durability)
            assert bool(bus["warnings"]) == (durability == "buffered")
            hub.close()
            found = examine(tmp_path / name / "isthmus.toml", tmp_path / name / "state")
            told = [finding for finding in found if finding.subject == "bus"]
            assert f"durability {durability}" in told[-1].text
            assert (told[-1].level == "ok") == (durability == "flushed")
    finally:
        lazy.stop()


def test_the_password_comes_from_the_vault_and_a_missing_one_is_told_with_its_place(
    plant: Plant, tmp_path: Path
) -> None:
    settings = 'authorization { user: hub, password: "correct-horse" }'
    server = NatsServer(tmp_path / "server", settings=settings).start()
    environ = {"ISTHMUS_VAULT_KEY": "k" * 40}
    head = nats(server, 'username = "hub"\nsecrets = { password = "vault:nats/password" }')
    try:
        hub = plant.hub("shared", head, environ=environ)
        with pytest.raises(SecretError, match=r"isthmus\.toml:\d+\.secrets\.password: vault:nats/password"):
            _ = hub.bus
        hub.secrets.set("nats/password", "wrong-horse")
        with pytest.raises(AuthenticationError, match=r"check \[nats\]"):
            _ = hub.bus
        hub.secrets.set("nats/password", "correct-horse")
        assert hub.bus.streams() == []
        assert hub.redactor.text("it is correct-horse") == "it is ***"
    finally:
        server.stop()


def test_a_running_hub_keeps_its_bus(plant: Plant, nats_server: NatsServer) -> None:
    head = nats(nats_server)
    hub = plant.hub("shared", head)
    other = plant.write("other", f'[hub]\nname = "north"\n{head}replicas = 3\n')
    with pytest.raises(ConfigurationError, match="restart"):
        hub.reconfigure(load(other, environ={}))
