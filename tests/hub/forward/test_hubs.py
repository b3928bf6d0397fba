"""Collectors and a centre as hubs: who resolves, whose cursor is whose, and what a centre knows of its collectors."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.hub.forward.link import open_bus

from isthmus_hub.bus import Bus
from isthmus_hub.config import InvalidConfiguration, load
from isthmus_hub.hub import Hub
from isthmus_sdk.errors import ConfigurationError, Unreachable

CENTRE = "nats://centre.example:4222"


def assets(*numbers: int, site: str = "a") -> bytes:
    """A page of an OT visibility product."""
    rows = [
        {
            "id": f"{site}-{number}",
            "name": f"PLC-{site}-{number}",
            "type": "plc",
            "ip": [f"10.1.{ord(site)}.{number}"],
            "serial_number": f"S-{number}-{site}",
            "created_at": "1772431200000",
        }
        for number in numbers
    ]
    return json.dumps({"result": rows}).encode()


class Site:
    """Hubs in folders of one machine; the address of the centre leads to the centre's embedded bus."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, closing: ExitStack) -> None:
        self.folder = folder
        self.reachable = True
        self._closing = closing
        right = Hub.open_bus

        def connect(hub: Hub, address: str) -> Bus:
            if address != CENTRE:
                return right(hub, address)
            if not self.reachable:
                raise Unreachable(f"{CENTRE}: connection refused")
            return open_bus(folder / "centre" / "state" / "bus")

        monkeypatch.setattr(Hub, "open_bus", connect)

    def hub(
        self,
        name: str,
        more: str = "",
        *,
        instance: str = "",
        source_id: str = "",
        folder: str = "",
        forward: bool = True,
    ) -> Hub:
        """A hub that reads the files in its ``drop`` folder."""
        home = self.folder / (folder or name)
        (home / "drop").mkdir(parents=True, exist_ok=True)
        lines = [f'[hub]\nname = "{name}"']
        lines += [f'forward = "{CENTRE}"'] if forward else []
        if instance:
            lines += [f'[connector.{instance}]\nuse = "nozomi-guardian"\nsource_id = "{source_id or instance}"']
            lines += ['files = { assets = "drop/*.json" }']
        (home / "isthmus.toml").write_text("\n".join(lines) + "\n" + more)
        return self._closing.enter_context(Hub.open(home / "state", home / "isthmus.toml"))

    def drop(self, name: str, page: bytes, file: str = "1.json") -> None:
        """A file arrives at a hub."""
        path = self.folder / name / "drop" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page)
        os.utime(path, (1_777_000_000, 1_777_000_000))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with ExitStack() as closing:
        yield Site(tmp_path, monkeypatch, closing)


def inventory(hub: Hub) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    return {
        (asset["name"], frozenset((member["instance"], member["native_id"]) for member in asset["members"]))
        for asset in hub.assets()["assets"]
    }


OUT = '[platform.out]\nuse = "file"\nmax_tlp = "red"\nsettings = { directory = "out" }\n'


def test_a_centre_resolves_what_several_collectors_saw_as_one_hub_would(site):
    for name, letter in (("collector-a", "a"), ("collector-b", "b")):
        site.drop(name, assets(1, 2, 3, site=letter))
        site.drop("alone", assets(1, 2, 3, site=letter), f"{letter}/1.json")
        found = site.hub(name, instance=f"guardian-{letter}").sync()
        assert found["forward"]["pending"] == 0
        assert found["forward"]["link"] == "up"
    centre = site.hub("centre", OUT, forward=False)
    delivered = centre.sync()["deliveries"]
    alone = site.hub(
        "alone",
        "".join(
            f'[connector.guardian-{letter}]\nuse = "nozomi-guardian"\nsource_id = "guardian-{letter}"\n'
            f'files = {{ assets = "drop/{letter}/*.json" }}\n'
            for letter in "ab"
        ),
        forward=False,
    )
    alone.sync()
    assert len(inventory(centre)) == 6
    assert inventory(centre) == inventory(alone)
    assert set(centre.export("observed")) == set(alone.export("observed"))
    assert delivered[0]["accepted"] > 6


def test_a_collector_without_platforms_keeps_no_inventory(site):
    site.drop("collector-a", assets(1))
    hub = site.hub("collector-a", instance="guardian")
    hub.sync()
    assert hub.assets() == {"assets": []}
    assert [group.name for group in hub.bus.groups("observed")] == ["forward"]


def test_a_collector_with_platforms_resolves_and_delivers_as_well(site):
    site.drop("collector-a", assets(1))
    hub = site.hub("collector-a", OUT, instance="guardian")
    found = hub.sync()
    assert found["forward"]["pending"] == 0
    assert found["deliveries"][0]["accepted"] > 0
    assert len(inventory(hub)) == 1
    centre = site.hub("centre", forward=False)
    centre.sync()
    assert inventory(centre) == inventory(hub)


def test_a_hub_that_becomes_a_collector_does_not_hold_its_bus_back_for_a_resolver_it_no_longer_has(site):
    site.drop("collector-a", assets(1))
    before = site.hub("collector-a", "", instance="guardian", forward=False)
    before.sync()
    assert "resolve" in {group.name for group in before.bus.groups("observed")}
    before.close()
    after = site.hub("collector-a", instance="guardian")
    after.sync()
    assert [group.name for group in after.bus.groups("observed")] == ["forward"]
    assert after.status()["forward"]["pending"] == 0


def test_a_collector_goes_on_while_the_centre_is_away(site):
    site.reachable = False
    hub = site.hub("collector-a", instance="guardian")
    for number in (1, 2, 3):
        site.drop("collector-a", assets(number), f"{number}.json")
        hub.forwarder._sleep = lambda seconds: None
        found = hub.sync()
        assert [run["error"] for run in found["runs"]] == [None]
        assert found["forward"]["link"] == "down"
        assert "connection refused" in found["forward"]["error"]
    assert found["forward"]["pending"] > 0
    assert found["forward"]["lag_seconds"] >= 0
    site.reachable = True
    assert hub.sync()["forward"]["pending"] == 0
    centre = site.hub("centre", forward=False)
    centre.sync()
    assert len(inventory(centre)) == 3


def test_an_instance_of_the_centre_keeps_its_own_cursor_beside_a_collectors_of_the_same_name(site):
    site.drop("collector-a", assets(1, 2), "1.json")
    site.drop("centre", assets(7, site="z"), "1.json")
    site.hub("collector-a", instance="guardian", source_id="cmc-a").sync()
    centre = site.hub("centre", instance="guardian", source_id="cmc-z", forward=False)
    first = centre.sync()["runs"][0]
    assert first["records"] == 1, "the collector's cursor is not the centre's"
    assert centre.sync()["runs"][0]["records"] == 0, "and the centre's own is where it was"


def test_the_centre_tells_what_it_knows_of_its_collectors(site):
    site.drop("collector-a", assets(1, 2))
    site.hub("collector-a", instance="guardian", source_id="cmc-a").sync()
    status = site.hub("centre", forward=False).status()
    assert status["hub"] == {"name": "centre", "role": "centre", "resolves": True}
    assert status["forward"] is None
    (row,) = status["hubs"]
    assert (row["name"], row["role"], row["state"], row["gaps"]) == ("collector-a", "collector", "alive", 0)
    assert row["last_block"] is not None
    assert row["last_heard"] >= row["last_block"]
    assert 0 <= row["lag_seconds"] < 300
    assert [(claim["instance"], claim["source_id"], claim["state"]) for claim in row["instances"]] == [
        ("guardian", "cmc-a", "ok")
    ]


def test_a_collector_that_stops_in_good_order_is_told_as_gone(site):
    site.drop("collector-a", assets(1))
    hub = site.hub("collector-a", instance="guardian")
    hub.sync()
    hub.close()
    (row,) = site.hub("centre", forward=False).status()["hubs"]
    assert row["state"] == "left"
    assert row["last_block"] is not None


def test_two_collectors_with_one_source_are_told_at_the_centre_and_at_the_collector(site):
    for name in ("collector-a", "collector-b"):
        site.drop(name, assets(1, site=name[-1]))
        found = site.hub(name, instance=f"guardian-{name[-1]}", source_id="cmc").sync()
        assert found["forward"]["pending"] == 0
    (problem,) = site.hub("centre", forward=False).status()["conflicts"]
    assert problem.startswith("source_id 'cmc' is claimed by hubs 'collector-a' and 'collector-b'")
    assert problem in found["forward"]["warnings"]


def test_two_collectors_of_one_name_the_second_is_refused_and_loses_nothing(site):
    site.drop("one", assets(1))
    site.drop("two", assets(2))
    site.hub("collector", instance="guardian", folder="one").sync()
    second = site.hub("collector", instance="guardian", folder="two")
    second.forwarder._sleep = lambda seconds: None
    found = second.sync()["forward"]
    assert found["link"] == "refused"
    assert "'collector' is on this bus already" in found["error"]
    assert found["pending"] > 0
    with pytest.raises(ConfigurationError, match="give this one another"):
        second.check("forward")


def test_check_forward_reaches_the_centre_and_changes_nothing(site):
    site.drop("collector-a", assets(1))
    hub = site.hub("collector-a", instance="guardian")
    hub.run_instance("guardian", one_pass=True)
    centre = site.hub("centre", forward=False)
    findings = hub.check("forward")["findings"]
    assert findings[0] == f"reached {CENTRE}: sqlite, durability flushed"
    assert findings[-1].endswith("entries wait to be forwarded")
    assert centre.bus.end("observed") == 0
    assert "hubs" not in centre.bus.streams()
    site.reachable = False
    with pytest.raises(Unreachable):
        hub.check("forward")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f'bus = "{CENTRE}"\nforward = "{CENTRE}"', "is the hub's own bus"),
        ('forward = "sqlite"', "must be the address of the centre's NATS server"),
        ('forward = "nats://user:pass@centre:4222"', "must not carry a user or password"),
        ("resolve = false", "forwards to nobody"),
        (f'forward = "{CENTRE}"\nresolve = false\n{OUT}', "platforms are delivered what was resolved"),
    ],
)
def test_what_a_hub_cannot_be_is_told_with_file_and_line(tmp_path, text, problem):
    path = tmp_path / "isthmus.toml"
    path.write_text(f'[hub]\nname = "n"\n{text}\n')
    with pytest.raises(InvalidConfiguration, match=problem) as raised:
        load(path, environ={})
    assert f"{path}:" in str(raised.value)
    assert "pass@" not in str(raised.value)
