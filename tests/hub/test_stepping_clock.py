"""The machine's clock steps by a day, forth and back, while a whole hub works: it ends where an undisturbed one ends."""

from __future__ import annotations

import itertools
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.hub.test_hub_on_nats import CONNECTORS, drop

from isthmus_hub.bus import OBSERVED, RESOLVED
from isthmus_hub.hub import Hub

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]
DAY = 86_400.0
PAGES = 4
STEPS = {
    "back": [0, -DAY, -DAY, -DAY],
    "forth": [0, DAY, DAY, DAY],
    "forth and back": [0, DAY, 0, DAY],
    "back and forth": [0, -DAY, DAY, 0],
}


@contextmanager
def clock(monkeypatch: pytest.MonkeyPatch, step: float) -> Iterator[None]:
    """The wall clock is off by so many seconds; the monotonic one is not, as on a machine whose time is set."""
    right = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: right() + step)
        yield


def lived(folder: Path, monkeypatch: pytest.MonkeyPatch, steps: list[float]) -> dict[str, Any]:
    """A page, a pass of everything and some tidying by age for each step; what the hub and its platform hold then."""
    folder.mkdir()
    (folder / "isthmus.toml").write_text(f'[hub]\nname = "works"\n{CONNECTORS}')
    for page, step in enumerate(steps):
        drop(folder, range(page * 20 + 1, page * 20 + 21))
        with clock(monkeypatch, step), Hub.open(folder / "state", folder / "isthmus.toml") as hub:
            found = hub.sync()
            assert not [row["error"] for row in found["runs"] if row["error"]]
            assert [(row["error"], row["pending"], row["rejected"]) for row in found["deliveries"]] == [(None, 0, 0)]
            end = hub.bus.end(OBSERVED)
            hub.bus.retain(OBSERVED, max_age=2 * DAY)  # nothing here is so old, whatever the clock says
            assert hub.bus.read(OBSERVED, 1, 1)[0].first == 1
            assert hub.bus.end(OBSERVED) == end
            for row in hub.status()["instances"]:
                assert row["state"] == "ok"
    with Hub.open(folder / "state", folder / "isthmus.toml") as hub:
        assert hub.store_check()["ok"]
        assert hub.bus_check()["ok"]
        published = defaultdict(list)
        for block in hub.bus.read(RESOLVED, 1, 10_000):
            for body in map(json.loads, block.entries):
                published[body["id"]] += [body["modified"]] if "modified" in body else []
        for id, versions in published.items():
            assert all(before < after for before, after in itertools.pairwise(versions)), (id, versions)
        stored = [block.stored_at for block in hub.bus.read(OBSERVED, 1, 10_000)]
        assert stored == sorted(stored), "time on the bus never goes back"
        held = {body["id"]: body.get("modified", "") for body in map(json.loads, hub.export("resolved"))}
        given = {
            obj["id"]: obj.get("modified", "")
            for path in sorted((folder / "out").rglob("*.json"))
            for obj in json.loads(path.read_text())["objects"]
        }
        assert {id: given.get(id) for id in held} == held
        return {
            "digest": hub.store.digest(),
            "assets": {tuple(sorted(map(str, asset["members"]))) for asset in hub.assets()["assets"]},
        }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        return lived(tmp_path_factory.mktemp("clock") / "undisturbed", patch, [0.0] * PAGES)


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_hub_whose_clock_steps_ends_where_an_undisturbed_one_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, Any], steps: list[float]
) -> None:
    found = lived(tmp_path / "stepped", monkeypatch, steps)
    assert len(undisturbed["assets"]) > 100
    assert found["assets"] == undisturbed["assets"]
    assert found["digest"] == undisturbed["digest"]
