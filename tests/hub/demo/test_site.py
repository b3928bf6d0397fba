"""The simulated site: six products see parts of it, and none waits for another."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.faults.scene import until

from isthmus_hub.demo import _site
from isthmus_hub.demo._configuration import configuration
from isthmus_hub.demo._plant import START, TENABLE, plant
from isthmus_hub.hub import Hub
from isthmus_sdk.errors import ConfigurationError

pytestmark = pytest.mark.timeout(180)
PRODUCTS = {"nozomi-guardian", "microsoft-defender", "tenable-vm", "servicenow-cmdb", "okta", "zeek"}


class Gate:
    """A port that leads to another one, and lets nothing through before it is opened."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open = threading.Event()
        self.knocked = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def open(self) -> None:
        self._open.set()

    def close(self) -> None:
        self.open()
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                threading.Thread(target=self._lead, args=(self._socket.accept()[0],), daemon=True).start()

    def _lead(self, here: socket.socket) -> None:
        self.knocked.set()
        self._open.wait()
        there = socket.create_connection(("127.0.0.1", self._to))
        back = threading.Thread(target=_pour, args=(there, here), daemon=True)
        back.start()
        _pour(here, there)
        back.join()
        here.close()
        there.close()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65_536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def gated(site: _site.Site, connector: str) -> Iterator[Gate]:
    """One product of the site answers only when the gate is opened."""
    gate = Gate(site.ports[connector])
    ports = {**site.ports, connector: gate.port}
    site.config.write_text(
        configuration(ports, tenant=_site.TENANT, client=_site.CLIENT, sensors=_site.SENSORS), encoding="utf-8"
    )
    try:
        yield gate
    finally:
        gate.close()


def seen_by(hub: Hub) -> set[str]:
    return {member["instance"] for asset in hub.assets()["assets"] for member in asset["members"]}


def test_six_products_are_read_side_by_side_and_the_slowest_holds_nobody_back(tmp_path: Path) -> None:
    site = _site.make(tmp_path / "site", 7)
    done: list[dict[str, Any]] = []
    with _site.serving(site), gated(site, TENABLE) as gate, Hub.open(site.state, site.config) as hub:
        others = hub.config.connectors.keys() - {"scanner"}
        assert {instance.use for instance in hub.config.connectors.values()} == PRODUCTS
        thread = threading.Thread(target=lambda: done.append(hub.sync()))
        thread.start()
        try:
            until(lambda: all(hub.journal.last(name).get("last_success") for name in others), "the others are read")
            until(lambda: seen_by(hub) >= others, "the others are in the inventory")
            assert gate.knocked.is_set()
            assert not hub.journal.last("scanner").get("last_success")
            assert "scanner" not in seen_by(hub)
        finally:
            gate.open()
            thread.join(120)
        assert seen_by(hub) == hub.config.connectors.keys()
        (engineering,) = (asset for asset in hub.assets()["assets"] if asset["name"].upper().startswith("OPS-ENG-01"))
        bridges = [gap for gap in hub.gaps()["gaps"] if gap["kind"] == "bridge"]
    assert len(engineering["scopes"]) == 2, "one workstation in two networks is one asset"
    assert [engineering["id"]] in [gap["assets"] for gap in bridges], "and a finding"
    assert [run for run in done[0]["runs"] if run["error"]] == []


def test_the_same_seed_is_the_same_site_and_another_one_is_not() -> None:
    assert plant(7, START) == plant(7, START)
    assert plant(7, START) != plant(8, START)


def test_every_product_sees_something_that_no_other_one_does_or_adds_to_it() -> None:
    """No source of the site is there for its name only."""
    made = plant(7, datetime(2026, 3, 2, tzinfo=UTC))
    named = {
        name
        for kind in ("devices", "links", "vulnerabilities")
        for one in made[kind]
        for name, view in one["seen_by"].items()
        if view is not None
    }
    assert named == PRODUCTS
    alone = [one["id"] for one in made["devices"] if set(one["seen_by"]) == {"servicenow-cmdb"}]
    assert alone, "the inventory has something that no sensor ever met"
    assert made["people"]
    assert made["groups"]
    assert made["events"]


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(ConfigurationError, match="not empty"):
        _site.make(tmp_path, 7)
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]


def test_secrets_stand_in_no_command_line(tmp_path: Path) -> None:
    site = _site.make(tmp_path / "site", 7)
    values = [site.secret_file(each.secret).read_text() for each in _site.SERVED]
    assert len(set(values)) == len(_site.SERVED)
    for command in site.commands().values():
        assert not [value for value in values if value in " ".join(command)]
