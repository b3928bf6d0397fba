"""Devices that vanish from complete snapshots, end to end: through the command, with a simulated vendor and with files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.faults.scene import Answer, Scene, plant, scene

from isthmus_connectors.simulation import Reply, Request
from isthmus_hub.hub import Hub
from isthmus_sdk import stix

pytestmark = pytest.mark.timeout(300)
FAIL = "fail-page"
"""A file in the scene's folder: from this page on the vendor answers 500."""


def failing(state: Path, answer: Answer) -> Answer:
    def maybe(request: Request) -> Reply:
        wanted = state.parent / FAIL
        if wanted.exists() and "asset_id" not in str(request) and _assets(request):
            wanted.write_text(str(int(wanted.read_text()) - 1))
            if int(wanted.read_text()) < 0:
                return Reply(400, body=b'{"error":"bad"}')
        return answer(request)

    return maybe


def _assets(request: Request) -> bool:
    return "assets" in str(request.query)


@pytest.fixture
def works(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path, devices(range(10)), guardian=failing) as made:
        yield made


def devices(wanted: Any, *, both: bool = False) -> dict[str, Any]:
    """A plant with these of ten devices, and nothing else."""
    described = plant(10, alerts=0, cves=0, links=0)
    described["devices"] = [
        {**device, "seen_by": device["seen_by"] if both else {"nozomi-guardian": {}}}
        for number, device in enumerate(described["devices"])
        if number in wanted
    ]
    described["native"] = {}
    return described


def sync(works: Scene, fault: str | None = None, *names: str) -> dict[str, Any]:
    done = works.sync(fault, *(names or ("guardian",)))
    assert done.code == (0 if fault is None else -9), done.err
    rows = done.json["runs"] if fault is None else []
    return next((row for row in rows if row["stream"] == "assets"), {})


def absent(works: Scene) -> dict[str, str]:
    rows = works.run("assets", "--json").json["assets"]
    return {row["name"]: row["absent_since"] for row in rows if row["absent_since"]}


def digest(works: Scene) -> str:
    with Hub.open(works.state, works.config, environ=dict(works.environ)) as hub:
        return hub.store.digest()


@pytest.mark.faults
def test_a_device_disappears_is_told_to_platforms_and_comes_back(works: Scene) -> None:
    assert sync(works)["snapshot"] == {
        "complete": True, "present": 10, "absent": 0, "vanished": 0, "held": None, "reason": None,
    }  # fmt: skip
    works.grow(devices(range(9)))
    row = sync(works)
    assert (row["snapshot"]["vanished"], row["snapshot"]["absent"]) == (1, 1)
    (name, since) = absent(works).popitem()
    assert name == "device-009"
    told = [json.loads(line) for line in works.received("soc").read_text().splitlines()]
    last = [body for body in told if body.get("name") == name and body["type"] == "infrastructure"][-1]
    assert stix.facts(last, stix.ASSET)["absent_since"] == since
    assert not last.get("revoked")
    assert len(works.run("assets", "--json").json["assets"]) == 10
    (gone,) = (row for row in works.run("assets", "--json").json["assets"] if row["absent_since"])
    causes = {
        gap["kind"]: gap["cause"] for gap in works.run("gaps", "--json").json["gaps"] if gone["id"] in gap["assets"]
    }
    assert causes["not_on_wire"] == "asset_absent"
    before = digest(works)
    assert works.run("store", "rebuild").code == 0
    assert (digest(works), absent(works)) == (before, {name: since})
    works.grow(devices(range(10)))
    assert sync(works)["snapshot"]["absent"] == 0
    assert absent(works) == {}
    back = [json.loads(line) for line in works.received("soc").read_text().splitlines()]
    last = [body for body in back if body.get("name") == name and body["type"] == "infrastructure"][-1]
    assert "absent_since" not in stix.facts(last, stix.ASSET)


def flaws(wanted: Any) -> dict[str, Any]:
    """The ten devices, and these of eight vulnerabilities on them."""
    described = {**plant(10, alerts=0, cves=8, links=0), "native": {}}
    described["vulnerabilities"] = [
        each for number, each in enumerate(described["vulnerabilities"]) if number in wanted
    ]
    return described


def states(works: Scene) -> list[str]:
    """As the platform was last told."""
    told = [json.loads(line) for line in works.received("soc").read_text().splitlines()]
    last = {body["id"]: stix.facts(body, stix.EXPOSURE) for body in told if body.get("relationship_type") == "has"}
    return sorted(str(facts["state"]) for facts in last.values() if facts)


@pytest.mark.faults
def test_an_exposure_that_a_complete_list_holds_no_more_is_resolved_and_opens_again_when_it_is_back(
    works: Scene,
) -> None:
    works.grow(flaws(range(8)))
    sync(works)
    whole = works.run("exposures", "--json").json["open"]
    listed = states(works)
    assert (whole, listed.count("open")) == (8, 8)
    works.grow(flaws(range(7)))
    rows = works.sync(None, "guardian").json["runs"]
    (row,) = (row for row in rows if row["stream"] == "node_cves")
    assert (row["snapshot"]["present"], row["snapshot"]["vanished"]) == (7, 1)
    assert works.run("exposures", "--json").json["open"] == whole - 1
    assert (states(works).count("open"), states(works).count("resolved")) == (7, 1)
    before = digest(works)
    assert works.run("store", "rebuild").code == 0
    assert digest(works) == before
    assert works.run("exposures", "--json").json["open"] == whole - 1
    works.grow(flaws(range(8)))
    sync(works)
    assert works.run("exposures", "--json").json["open"] == whole
    assert states(works) == listed


@pytest.mark.faults
def test_thirty_percent_at_once_are_held_until_they_are_confirmed(works: Scene) -> None:
    sync(works)
    works.grow(devices(range(7)))
    row = sync(works)
    assert row["snapshot"]["vanished"] == 3
    assert "20%" in row["snapshot"]["held"]
    assert absent(works) == {}
    (waiting,) = next(row for row in works.run("status", "--json").json["instances"] if row["name"] == "guardian")[
        "held"
    ]
    assert waiting["confirm"] == "isthmus assets confirm-absence guardian assets"
    shown = works.run("status").out
    assert waiting["confirm"] in shown
    assert "3 vanished" in shown
    confirmed = works.run("assets", "confirm-absence", "guardian", "assets", "--json")
    assert confirmed.json["vanished"] == 3
    assert set(absent(works)) == {"device-007", "device-008", "device-009"}
    assert works.run("assets", "confirm-absence", "guardian", "assets").code == 2
    before, names = digest(works), absent(works)
    works.run("store", "rebuild")
    assert (digest(works), absent(works)) == (before, names)
    assert sync(works)["snapshot"]["held"] is None
    assert absent(works) == names


@pytest.mark.faults
def test_a_held_snapshot_is_forgotten_once_the_devices_are_back(works: Scene) -> None:
    sync(works)
    works.grow(devices(range(5)))
    assert sync(works)["snapshot"]["held"]
    works.grow(devices(range(10)))
    assert sync(works)["snapshot"]["held"] is None
    assert works.run("assets", "confirm-absence", "guardian", "assets").code == 2
    assert absent(works) == {}


@pytest.mark.faults
def test_a_confirmation_reaches_a_running_daemon(works: Scene) -> None:
    sync(works)
    works.grow(devices(range(7)))
    assert sync(works)["snapshot"]["held"]
    works.config.write_text(works.config.read_text().replace('every = "1s"', 'every = "1h"'))
    works.daemon()
    assert works.run("assets", "confirm-absence", "guardian", "assets").code == 0
    assert len(absent(works)) == 3


@pytest.mark.faults
def test_a_page_that_failed_marks_nothing(works: Scene) -> None:
    sync(works)
    works.grow(devices(range(9)))
    (works.folder / FAIL).write_text("1")
    done = works.sync(None, "guardian")
    row = next(row for row in done.json["runs"] if row["stream"] == "assets")
    assert row["error"]
    assert row["snapshot"] is None
    assert absent(works) == {}
    (works.folder / FAIL).unlink()
    row = sync(works)  # it goes on in the middle, where the interrupted run ended
    assert row["snapshot"]["complete"] is False
    assert absent(works) == {}
    assert sync(works)["snapshot"]["vanished"] == 1
    assert len(absent(works)) == 1


@pytest.mark.faults
def test_a_device_whose_record_is_in_quarantine_is_not_absent(works: Scene) -> None:
    described = devices(range(10))
    sync(works)
    rows = works.run("assets", "--json").json["assets"]
    (native,) = (row["members"][0]["native_id"] for row in rows if row["name"] == "device-009")
    described["devices"] = described["devices"][:9]
    described["native"] = {"nozomi-guardian": {"assets": [{"id": native, "ip": {"no": "list"}, "name": 7.5}]}}
    works.grow(described)
    done = works.sync(None, "guardian")
    row = next(row for row in done.json["runs"] if row["stream"] == "assets")
    assert row["quarantined"] == 1
    assert row["snapshot"]["present"] == 10
    assert absent(works) == {}


@pytest.mark.faults
def test_a_quarantined_record_without_a_key_could_be_any_device(works: Scene) -> None:
    sync(works)
    described = devices(range(9))
    described["native"] = {"nozomi-guardian": {"assets": [{"id": {"no": "text"}, "name": "x"}]}}
    works.grow(described)
    done = works.sync(None, "guardian")
    row = next(row for row in done.json["runs"] if row["stream"] == "assets")
    assert row["quarantined"]
    assert "key" in row["snapshot"]["reason"]
    assert absent(works) == {}


@pytest.mark.faults
@pytest.mark.parametrize("fault", ["publish:3", "commit:3", "publish:2", "commit:2"])
def test_killed_between_the_last_page_and_the_mark_nothing_is_wrong(works: Scene, fault: str) -> None:
    sync(works)
    works.grow(devices(range(9)))
    sync(works, fault)
    assert set(absent(works)) <= {"device-009"}
    for _ in range(2):
        sync(works)
    assert set(absent(works)) == {"device-009"}


@pytest.mark.faults
def test_an_asset_that_one_source_still_knows_stays_present(works: Scene) -> None:
    works.grow(devices(range(10), both=True))
    sync(works, None, "guardian", "defender")
    works.grow(devices([0, 1, 2, 3, 4, 5, 6, 7, 8], both=True))
    sync(works, None, "guardian")
    assert absent(works) == {}  # number 9 is in Defender too
    (row,) = (row for row in works.run("assets", "--json").json["assets"] if row["name"] == "device-009")
    assert {member["instance"]: bool(member["absent_since"]) for member in row["members"]} == {
        "guardian": True,
        "defender": False,
    }
    sync(works, None, "guardian", "defender")
    assert set(absent(works)) == {"device-009"}


# files


FILES = """[hub]
name = "works"
[connector.dropbox]
use = "nozomi-guardian"
source_id = "cmc"
files = {{ assets = "drop/*.json" }}
snapshot = "{mode}"
"""


def drop(folder: Path, name: str, numbers: Any, at: int) -> None:
    rows = [
        {"id": f"n-{n}", "name": f"PLC-{n}", "type": "plc", "mac_address": [f"00:1b:1b:00:00:{n:02x}"]} for n in numbers
    ]
    path = folder / "drop" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"result": rows}))
    os.utime(path, (1_777_000_000 + at, 1_777_000_000 + at))


def passed(folder: Path, mode: str) -> tuple[dict[str, Any] | None, set[str]]:
    (folder / "isthmus.toml").write_text(FILES.format(mode=mode))
    with Hub.open(folder / "state", folder / "isthmus.toml") as hub:
        (row,) = hub.sync()["runs"]
        assert row["error"] is None
        return row["snapshot"], {asset["name"] for asset in hub.assets()["assets"] if asset["absent_since"]}


def test_each_file_is_an_inventory(tmp_path: Path) -> None:
    drop(tmp_path, "1.json", range(10), 1)
    assert passed(tmp_path, "file")[1] == set()
    drop(tmp_path, "2.json", range(9), 2)
    assert passed(tmp_path, "file")[1] == {"PLC-9"}
    drop(tmp_path, "3.json", range(1, 9), 3)
    drop(tmp_path, "4.json", range(1, 10), 4)
    assert passed(tmp_path, "file")[1] == {"PLC-0"}
    drop(tmp_path, "0.json", range(5), 0)
    snapshot, gone = passed(tmp_path, "file")
    assert snapshot is not None
    assert "older" in snapshot["reason"]
    assert gone == {"PLC-0"}


def test_the_files_of_one_delivery_are_an_inventory_together(tmp_path: Path) -> None:
    drop(tmp_path, "1a.json", range(5), 1)
    drop(tmp_path, "1b.json", range(5, 10), 1)
    assert passed(tmp_path, "batch")[1] == set()
    assert passed(tmp_path, "batch") == (None, set())
    drop(tmp_path, "2a.json", range(5), 2)
    drop(tmp_path, "2b.json", range(5, 9), 3)
    assert passed(tmp_path, "batch")[1] == {"PLC-9"}


def test_files_that_are_no_inventory_say_nothing(tmp_path: Path) -> None:
    drop(tmp_path, "1.json", range(10), 1)
    passed(tmp_path, "none")
    drop(tmp_path, "2.json", range(9), 2)
    assert passed(tmp_path, "none") == (None, set())


def test_a_batch_after_a_run_that_died_in_its_middle_proves_nothing(tmp_path: Path) -> None:
    drop(tmp_path, "1.json", range(10), 1)
    passed(tmp_path, "batch")
    drop(tmp_path, "2a.json", range(5), 2)
    passed(tmp_path, "none")  # the first file of a delivery, read by a run that left no word of its end
    drop(tmp_path, "2b.json", range(5, 9), 2)
    snapshot, gone = passed(tmp_path, "batch")
    assert snapshot is not None
    assert snapshot["complete"] is False
    assert gone == set()
    drop(tmp_path, "3.json", range(9), 3)
    assert passed(tmp_path, "batch")[1] == {"PLC-9"}
