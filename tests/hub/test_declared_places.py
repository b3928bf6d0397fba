"""Zones, levels and owners that the configuration declares reach the platforms, and follow it when it changes."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.faults.scene import Scene, plant, scene, until

from isthmus_sdk import stix

pytestmark = pytest.mark.timeout(180)
DECLARED = """
[[zone]]
name = "Press line"
level = "2"
security_level = 3
owner = "ot-team"
when = { subnet = "10.9.0.0/29" }

[[owner]]
name = "it-team"
when = { label = "nobody-has-it" }
"""
INSIDE = 7
"""Devices of the plant with an address in 10.9.0.0/29."""


def published(made: Scene) -> dict[str, dict[str, Any]]:
    """The newest version of each asset on ``resolved``: what a platform holds."""
    done = made.run("export", "--stream", "resolved", "--format", "ndjson")
    assert done.code == 0, done.err
    newest: dict[str, dict[str, Any]] = {}
    for line in done.out.splitlines():
        obj = json.loads(line)
        facts = stix.facts(obj, stix.ASSET)
        if facts and facts.get("kind") == "asset" and not obj.get("revoked"):
            newest[obj["id"]] = facts
    return newest


def sync(made: Scene) -> None:
    done = made.run("sync", "--json")
    assert done.code in (0, 4), done.err


def inventory(made: Scene) -> dict[str, dict[str, Any]]:
    return {asset["id"]: asset for asset in made.run("assets", "--json").json["assets"]}


def test_declared_zones_levels_and_owners_are_told_and_what_the_sources_say_is_kept(tmp_path: Path) -> None:
    with scene(tmp_path / "hub", plant(20)) as made:
        plain = made.config.read_text()
        sync(made)
        before = published(made)
        assert Counter(facts.get("zone") for facts in before.values()) == {"Cell 1": 20}
        assert not any("declared" in facts or "owner" in facts for facts in before.values())

        made.config.write_text(plain + DECLARED)
        sync(made)
        after = published(made)
        moved = {id for id, facts in after.items() if facts.get("zone") == "Press line"}
        assert len(moved) == INSIDE
        for id in moved:
            facts = after[id]
            assert (facts["purdue_level"], facts["level_source"]) == ("2", "declared")
            assert (facts["vendor_zone"], facts["vendor_level"]) == ("Cell 1", "1")
            assert {"zone", "purdue_level"} <= set(facts["declared"])
            assert (facts["owner"], facts["security_level"]) == ("ot-team", 3)
        assert {id: after[id] for id in after.keys() - moved} == {id: before[id] for id in before.keys() - moved}, (
            "what nothing is declared of is not told again"
        )
        shown = inventory(made)
        assert {(shown[id]["zone"], shown[id]["vendor_zone"], shown[id]["level"]) for id in moved} == {
            ("Press line", "Cell 1", "2")
        }

        rebuilt = made.run("store", "rebuild", "--json")
        assert rebuilt.code == 0, rebuilt.err
        assert published(made) == after
        assert inventory(made) == shown

        made.config.write_text(plain)
        assert inventory(made).keys() == shown.keys()
        assert {asset["zone"] for asset in inventory(made).values()} == {"Cell 1"}, "read as it is configured now"
        sync(made)
        assert published(made) == before


def test_a_running_daemon_tells_platforms_of_a_zone_that_was_declared_though_no_source_speaks(tmp_path: Path) -> None:
    with scene(tmp_path / "hub", plant(20), every="1h") as made:
        process = made.daemon()
        until(lambda: len(published(made)) == 20, "the plant is resolved")
        until(lambda: all(row["lag_seconds"] is not None for row in made.run("status", "--json").json["instances"]), "both ran")  # fmt: skip
        made.config.write_text(made.config.read_text() + DECLARED)
        process.send_signal(signal.SIGHUP)
        until(
            lambda: sum(facts.get("zone") == "Press line" for facts in published(made).values()) == INSIDE,
            "the declared zone is told",
        )
        assert process.poll() is None
