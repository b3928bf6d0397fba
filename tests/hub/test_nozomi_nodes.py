"""Nodes of a Guardian, end to end: from the simulated appliance through the command or the daemon to the one inventory."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.faults.scene import Scene, plant, scene, until

pytestmark = pytest.mark.timeout(300)
ALONE = "10.9.0.77"
"""A node of which the appliance makes no asset."""


def described() -> dict[str, Any]:
    """Four assets, two of which talk, and a node by itself."""
    told = plant(4, alerts=0, cves=0, links=2)
    lonely = {
        "id": ALONE, "ip": ALONE, "zone": "Cell 1", "level": "1", "appliance_host": "works",
        "mac_address": "00:1b:1b:00:00:77", "mac_address:info": {"likelihood_level": "confirmed"},
    }  # fmt: skip
    told["native"] = {"nozomi-guardian": {"nodes": [lonely]}}
    return told


@pytest.fixture
def works(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path, described()) as made:
        asked = 'use = "nozomi-guardian"\nstreams = ["assets", "nodes", "links"]'
        made.config.write_text(made.config.read_text().replace('use = "nozomi-guardian"', asked))
        yield made


def inventory(works: Scene) -> dict[str, dict[str, Any]]:
    """Assets by their only address."""
    rows = works.run("assets", "--json").json["assets"]
    return {address: row for row in rows for address in row["addresses"]}


def streams(row: dict[str, Any]) -> set[str]:
    return {member["stream"] for member in row["members"]}


def test_nodes_are_members_of_the_assets_that_have_their_addresses(works: Scene) -> None:
    done = works.sync(None, "guardian")
    assert done.code == 0, done.err
    (run,) = (row for row in done.json["runs"] if row["stream"] == "nodes")
    assert (run["records"], run["mapped"], run["quarantined"], run["snapshot"]["present"]) == (5, 5, 0, 5)
    found = inventory(works)
    assert len(works.run("assets", "--json").json["assets"]) == len(found) == 5
    for number in range(4):
        row = found[f"10.9.0.{1 + number}"]
        assert row["name"] == f"device-{number:03d}"
        assert {"assets", "nodes"} <= streams(row)
    lonely = found[ALONE]
    assert streams(lonely) == {"nodes"}
    assert (lonely["zone"], lonely["level"]) == ("Cell 1", "1")
    assert {"kind": "mac", "value": "00:1b:1b:00:00:77"}.items() <= next(
        each for each in lonely["identifiers"] if each["kind"] == "mac"
    ).items()


def test_a_node_that_the_appliance_forgets_is_absent_and_comes_back(works: Scene) -> None:
    works.sync(None, "guardian")
    fewer = copy.deepcopy(described())
    fewer["native"] = {}
    works.grow(fewer)
    works.sync(None, "guardian")
    gone = inventory(works)
    assert [address for address, row in gone.items() if row["absent_since"]] == [ALONE]
    works.grow(described())
    works.sync(None, "guardian")
    assert not any(row["absent_since"] for row in inventory(works).values())


def test_the_daemon_tells_platforms_of_nodes(works: Scene) -> None:
    works.daemon()

    def told() -> bool:
        path = works.received("soc")
        bodies = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return any(ALONE in json.dumps(body) for body in bodies if body["type"] == "infrastructure")

    until(told, "the platform hears of the node")
