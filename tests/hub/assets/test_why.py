"""Every merge says why, and every refusal can be asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from builders import Bench, bench, source

from isthmus_hub.assets import why
from isthmus_sdk.stix import Interface

GATEWAY = "00:1b:0d:00:00:01"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def test_a_merge_names_the_shared_value_and_both_records(hub: Bench) -> None:
    hub.observe("edr", source("edr").asset("m1", name="hmi-01", hostname="hmi-01.corp.example"))
    hub.observe("ot", source("ot").asset("a1", name="HMI-01", hostname="HMI-01"))
    hub.resolve()
    ends = source("edr").asset_id("m1"), source("ot").asset_id("a1")
    found = why(hub.store, *ends)
    assert found["same"]
    assert found["members"] == [sorted(ends), sorted(ends)]
    assert sorted(found["records"].values()) == ["edr/assets/m1", "ot/assets/a1"]
    edges = why(hub.store, ends[0], ends[0])
    assert edges["links"] == [
        {"rule": "hostname", "value": "hmi-01", "left": min(ends), "right": max(ends), "veto": ""}
    ]


def test_a_refusal_names_what_spoke_against_it(hub: Bench) -> None:
    shared = [Interface(mac=GATEWAY)]
    hub.observe("edr", source("edr").asset("m1", name="one", serial="SN00471", hostname="pc-1"))
    hub.observe("cmdb", source("cmdb").asset("c1", name="two", serial="SN00471", hostname="pc-1", interfaces=shared))
    hub.observe("ot", source("ot").asset("a1", name="x", serial="SN00915", interfaces=shared))
    hub.resolve()
    found = why(hub.store, source("edr").asset_id("m1"), source("ot").asset_id("a1"))
    assert not found["same"]
    assert found["shared"] == [{"kind": "mac", "value": GATEWAY, "poisoned": True}]
    hub.observe("ot", source("ot").asset("a2", name="y", hostname="pc-1", serial="SN00815"))
    hub.resolve()
    found = why(hub.store, source("cmdb").asset_id("c1"), source("ot").asset_id("a2"))
    assert found["shared"] == [{"kind": "hostname", "value": "pc-1", "poisoned": True}]


def test_things_that_share_nothing_have_no_links(hub: Bench) -> None:
    hub.observe("edr", source("edr").asset("m1", name="one"), source("edr").asset("m2", name="two"))
    hub.resolve()
    found = why(hub.store, source("edr").asset_id("m1"), source("edr").asset_id("m2"))
    assert (found["same"], found["links"], found["shared"]) == (False, [], [])
