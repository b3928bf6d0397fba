"""The bus keeps within its share of the quota, and nothing that left it is missed by a rebuilt store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.hub.test_hub_on_nats import CONNECTORS, drop

from isthmus_hub.bus import CHECKPOINT_GROUP, OBSERVED, RESOLVE_GROUP, RESOLVED, OffsetExpired
from isthmus_hub.hub import Hub
from isthmus_hub.keeping import checkpoint_of
from isthmus_hub.store import Store
from isthmus_sdk.errors import ConfigurationError

PAGES = 5
QUOTA = "25KB"  # observed may take 10 kB: three or four pages


@pytest.fixture(autouse=True)
def one_pass_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quota is small so that few pages fill ``observed``; a pass may tell more than ``resolved`` should hold."""
    monkeypatch.setattr("isthmus_hub.keeping.SHARE_RESOLVED", 10.0)


def configure(folder: Path, quota: str) -> Path:
    file = folder / "isthmus.toml"
    file.write_text(f'[hub]\nname = "works"\nquota = "{quota}"\n{CONNECTORS}')
    return file


def run(folder: Path, quota: str, pages: range) -> None:
    """One pass per page."""
    configure(folder, quota)
    for page in pages:
        drop(folder, range(page * 20 + 1, page * 20 + 21))
        with Hub.open(folder / "state", folder / "isthmus.toml") as hub:
            assert not [row["error"] for row in hub.sync()["runs"] if row["error"]]


def held(hub: Hub) -> dict[str, Any]:
    return {
        "assets": sorted((asset["id"], sorted(map(str, asset["members"]))) for asset in hub.assets()["assets"]),
        "observed": sorted(hub.export("observed")),
        "resolved": sorted((body["id"], body.get("modified", "")) for body in map(json.loads, hub.export("resolved"))),
    }


def test_what_left_the_bus_is_in_the_checkpoint_a_rebuilt_store_begins_with(tmp_path: Path) -> None:
    run(tmp_path, QUOTA, range(PAGES))
    with Hub.open(tmp_path / "state", tmp_path / "isthmus.toml") as hub:
        with pytest.raises(OffsetExpired):
            hub.bus.read(OBSERVED, 1)
        assert hub.bus.filling(OBSERVED)[0] < 10_000
        before, end = held(hub), hub.bus.end(RESOLVED)
        assert len(before["assets"]) == PAGES * 30
        rebuilt = hub.store_rebuild()
        assert held(hub) == before
        assert rebuilt["entries"] < hub.bus.end(OBSERVED), "only what the checkpoint does not hold is replayed"
        assert hub.bus.end(RESOLVED) == end, "nothing is told twice"
        assert hub.store_check()["ok"]


def test_new_facts_after_a_rebuild_from_a_checkpoint_reach_the_platforms(tmp_path: Path) -> None:
    run(tmp_path, QUOTA, range(PAGES))
    with Hub.open(tmp_path / "state", tmp_path / "isthmus.toml") as hub:
        hub.store_rebuild()
        end = hub.bus.end(RESOLVED)
    run(tmp_path, QUOTA, range(PAGES, PAGES + 1))
    with Hub.open(tmp_path / "state", tmp_path / "isthmus.toml") as hub:
        assert hub.bus.end(RESOLVED) > end, "block ids of the outbox are new"
        assert len(hub.assets()["assets"]) == (PAGES + 1) * 30


def test_without_its_checkpoint_an_expired_stream_is_never_taken_for_whole(tmp_path: Path) -> None:
    run(tmp_path, QUOTA, range(PAGES))
    checkpoint_of(tmp_path / "state" / "store.sqlite").unlink()
    with Hub.open(tmp_path / "state", tmp_path / "isthmus.toml") as hub:
        before = held(hub)
        with pytest.raises(ConfigurationError, match="there is no checkpoint"):
            hub.store_rebuild()
        assert held(hub) == before


def test_nothing_leaves_the_bus_while_it_fits_its_share(tmp_path: Path) -> None:
    run(tmp_path, "20GB", range(2))
    with Hub.open(tmp_path / "state", tmp_path / "isthmus.toml") as hub:
        assert hub.bus.read(OBSERVED, 1, 1)[0].first == 1
        assert not checkpoint_of(hub.state.store).exists()
        assert [group.name for group in hub.bus.groups(OBSERVED)] == [CHECKPOINT_GROUP, RESOLVE_GROUP]


def test_a_damaged_store_never_becomes_the_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "check", lambda self: ["object 7 is damaged"])
    run(tmp_path, QUOTA, range(2))
    with Hub.open(tmp_path / "state", tmp_path / "isthmus.toml") as hub:
        assert not checkpoint_of(hub.state.store).exists()
        assert hub.bus.read(OBSERVED, 1, 1)[0].first == 1, "blocks stay until a checkpoint succeeds"


def test_a_consumer_that_stays_behind_stops_resolving_and_is_named_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus_hub.runtime._ingest.PUBLISH_SECONDS", 0.2)
    monkeypatch.setattr("isthmus_hub.keeping.SHARE_RESOLVED", 0.2)
    configure(tmp_path, "40KB")
    with Hub.open(tmp_path / "state", tmp_path / "isthmus.toml") as hub:
        hub.subscribe(RESOLVED, "laggard")
    waited = 0
    for page in range(5):
        drop(tmp_path, range(page * 20 + 1, page * 20 + 21))
        with Hub.open(tmp_path / "state", tmp_path / "isthmus.toml") as hub:
            hub.sync()
            waited += any("laggard" in warning for warning in hub.status()["bus"]["warnings"])
            first = hub.bus.read(RESOLVED, 1, 1)
            assert first[0].first == 1, "what the laggard has not read stays"
    assert waited
    with Hub.open(tmp_path / "state", tmp_path / "isthmus.toml") as hub:
        hub.bus.forget(RESOLVED, "laggard")
        for _ in range(20):  # a pass at a time: what is delivered makes room for what is resolved next
            hub.sync()
            if len(hub.assets()["assets"]) == 150:
                break
        assert len(hub.assets()["assets"]) == 150
