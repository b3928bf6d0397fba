"""What people decide about devices, end to end: by command, through re-syncs, kills and a rebuilt store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isthmus_hub.bus import RESOLVED
from isthmus_hub.cli import main
from isthmus_hub.hub import Hub
from isthmus_sdk import stix
from isthmus_sdk.errors import ConfigurationError

pytestmark = pytest.mark.timeout(300)

CONFIG = """[hub]
name = "works"
[platform.out]
use = "file"
max_tlp = "red"
settings = { directory = "out" }
[connector.north]
use = "nozomi-guardian"
source_id = "north"
files = { assets = "north/*.json" }
[connector.south]
use = "nozomi-guardian"
source_id = "south"
files = { assets = "south/*.json" }
"""


def told(folder: Path, instance: str, *rows: dict[str, Any], at: int = 0) -> None:
    """A file of assets of one appliance."""
    path = folder / instance / f"{at}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"result": [{"type": "plc", **row} for row in rows]}))
    os.utime(path, (1_777_000_000 + at, 1_777_000_000 + at))


class Works:
    """A hub with two appliances that are read from files, and its command."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        (folder / "isthmus.toml").write_text(CONFIG)

    def hub(self) -> Hub:
        return Hub.open(self.folder / "state", self.folder / "isthmus.toml")

    def sync(self) -> None:
        with self.hub() as hub:
            assert [row["error"] for row in hub.sync()["runs"]] == [None, None]

    def run(self, *words: str, code: int = 0) -> Any:
        options = ["--config", str(self.folder / "isthmus.toml"), "--state-dir", str(self.folder / "state")]
        found = main([*options, "assets", *words, *([] if code else ["--json"])])
        out, err = self._capsys.readouterr()
        assert found == code, err
        return err if code else json.loads(out)

    def assets(self) -> dict[str, set[str]]:
        """Asset id -> native ids of its members."""
        return {row["id"]: {member["native_id"] for member in row["members"]} for row in self.run()["assets"]}

    def groups(self) -> list[set[str]]:
        return sorted(self.assets().values(), key=sorted)


@pytest.fixture
def works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Works]:
    made = Works(tmp_path, capsys)
    told(tmp_path, "north", {"id": "n1", "name": "press"}, {"id": "n2", "name": "oven"})
    told(tmp_path, "south", {"id": "s1", "name": "press-2"}, {"id": "s2", "serial_number": "SN4711X"})
    made.sync()
    assert made.groups() == [{"n1"}, {"n2"}, {"s1"}, {"s2"}]
    yield made


def test_an_asset_is_found_by_the_name_it_is_listed_under(works: Works) -> None:
    told(works.folder, "north", {"id": "n3", "name": "Kiln 4", "ip": ["10.9.0.1"]}, at=1)
    told(
        works.folder,
        "south",
        {"id": "s3", "name": "Mixer 7", "ip": ["10.9.0.2"]},
        {"id": "s4", "name": "Mixer 7"},
        at=1,
    )
    works.sync()
    assert [member["native_id"] for member in works.run("show", "kiln 4")["members"]] == ["n3"]
    twice = works.run("show", "Mixer 7", code=2)
    assert "'Mixer 7': 2 assets are called so, name one by its id: infrastructure--" in twice
    assert "no asset is called so; see `isthmus store find`" in works.run("show", "Kiln 5", code=2)


def test_what_carries_a_value_is_listed_by_the_assets_names(works: Works) -> None:
    told(works.folder, "north", {"id": "n3", "name": "Kiln 4", "ip": ["10.9.0.1"], "serial_number": "AB1234"}, at=1)
    told(works.folder, "south", {"id": "s3", "name": "Kiln 5", "ip": ["10.9.0.1"], "serial_number": "AB9999"}, at=1)
    works.sync()
    names = {row["name"]: row["id"] for row in works.run()["assets"]}
    said = works.run("show", "10.9.0.1", code=2)
    assert f"{names['Kiln 4']} (Kiln 4)" in said
    assert f"{names['Kiln 5']} (Kiln 5)" in said


def published(works: Works, after: int = 0) -> list[dict[str, Any]]:
    with works.hub() as hub:
        return [stix.decode(entry) for block in hub.bus.read(RESOLVED, after + 1) for entry in block.entries]


def test_a_merger_is_told_to_platforms_and_the_retired_id_leads_to_the_survivor(works: Works) -> None:
    done = works.run("merge", "n1", "s1", "--note", "same cabinet")
    assert (done["verdict"], done["holds"], done["note"]) == ("one", True, "same cabinet")
    assert works.groups() == [{"n1", "s1"}, {"n2"}, {"s2"}]
    (survivor,) = (asset["id"] for asset in done["assets"])
    (retired,) = (body["id"] for body in published(works) if body.get("revoked"))
    with works.hub() as hub:
        assert hub.store.alias_of(retired) == survivor


def test_merge_then_split_restores_membership_and_attributes_under_a_new_id(works: Works) -> None:
    def described() -> dict[str, Any]:
        return {
            row["name"]: {name: row[name] for name in row if name not in ("id", "first_seen", "last_seen")}
            for row in works.run()["assets"]
        }

    before, ids = described(), works.assets()
    works.run("merge", "n1", "s1")
    (retired,) = (body["id"] for body in published(works) if body.get("revoked"))
    works.run("split", "n1")
    assert described() == before
    new = works.assets().keys() - ids.keys()
    assert len(new) == 1
    assert retired not in works.assets()
    with works.hub() as hub:
        assert {hub.store.alias_of(retired)} == new, "references to what was merged away follow it"
    (told_so,) = (body for body in published(works) if body.get("relationship_type") == "duplicate-of")
    assert (told_so["source_ref"], told_so["target_ref"]) == (*new, retired)
    stix.check(told_so)
    assert [each["holds"] for each in works.run("decisions")["decisions"]] == [False, False]


def test_a_platform_is_told_which_new_asset_the_revoked_one_is(works: Works) -> None:
    works.run("merge", "n1", "s1")
    works.sync()
    (retired,) = (body["id"] for body in published(works) if body.get("revoked"))
    works.run("split", "n1")
    works.sync()
    delivered = [
        obj
        for file in sorted((works.folder / "out").rglob("*.json"))
        for obj in json.loads(file.read_text()).get("objects", ())
        if obj.get("relationship_type") == "duplicate-of"
    ]
    assert [obj["target_ref"] for obj in delivered] == [retired]
    assert delivered[0]["source_ref"] in works.assets()


def test_members_that_share_a_serial_are_split_and_stay_so_through_every_re_sync(works: Works) -> None:
    told(works.folder, "north", {"id": "n1", "name": "press", "serial_number": "SN4711X"}, at=1)
    works.sync()
    assert {"n1", "s2"} in works.groups()
    done = works.run("split", "n1", "north/assets/n1")
    assert (done["verdict"], done["sides"]) == ("apart", [["north/assets/n1"], ["south/assets/s2"]])
    assert {"n1", "s2"} not in works.groups()
    told(
        works.folder, "north", {"id": "n1", "name": "press", "serial_number": "SN4711X", "firmware_version": "2"}, at=2
    )
    told(works.folder, "south", {"id": "s2", "serial_number": "SN4711X", "firmware_version": "3"}, at=2)
    works.sync()
    assert {"n1", "s2"} not in works.groups()
    why = works.run("why", "n1", "s2")
    assert ("serial", "a person keeps them apart") in {(link["rule"], link["veto"]) for link in why["links"]}
    works.run("undo", str(done["number"]))
    assert {"n1", "s2"} in works.groups()


def test_decisions_survive_a_rebuilt_store_with_the_same_ids(works: Works) -> None:
    works.run("merge", "n1", "s1")
    works.run("merge", "n2", "s2")
    works.run("split", "n2")
    before, listed = works.assets(), works.run("decisions")
    with works.hub() as hub:
        digest = hub.store.digest()
        hub.store_rebuild()
        assert hub.store.digest() == digest
        assert hub.store.check() == []
    assert (works.assets(), works.run("decisions")) == (before, listed)


def test_the_last_merger_is_taken_back_where_there_were_several(works: Works) -> None:
    works.run("merge", "n1", "s1")
    works.run("merge", "n1", "n2")
    assert {"n1", "n2", "s1"} in works.groups()
    works.run("split", "s1")
    assert works.groups() == [{"n1", "s1"}, {"n2"}, {"s2"}]


def test_confirming_holds_though_the_records_no_longer_agree(works: Works) -> None:
    told(works.folder, "north", {"id": "n1", "name": "press", "serial_number": "SN4711X"}, at=1)
    works.sync()
    works.run("merge", "n1", "s2")
    told(works.folder, "north", {"id": "n1", "name": "press", "serial_number": "SN4712Y"}, at=2)
    works.sync()
    assert {"n1", "s2"} in works.groups()


@pytest.mark.parametrize("fault", ["publish:1", "commit:1", "resolve:1"])
def test_killed_while_deciding_a_decision_is_whole_or_not_there_and_can_be_given_again(
    works: Works, fault: str
) -> None:
    command = [
        sys.executable, "-m", "isthmus_hub.cli", "--config", str(works.folder / "isthmus.toml"),
        "--state-dir", str(works.folder / "state"), "assets", "merge", "n1", "s1",
    ]  # fmt: skip
    died = subprocess.run(
        command,
        env={**os.environ, "ISTHMUS_TESTING": "1", "ISTHMUS_FAULT": fault, "ISTHMUS_FAULT_DIR": str(works.folder)},
        capture_output=True,
        check=False,
    )
    assert died.returncode == -9, died.stderr
    works.sync()
    assert ({"n1", "s1"} in works.groups()) == (fault != "publish:1")
    works.run("merge", "n1", "s1")
    assert {"n1", "s1"} in works.groups()
    with works.hub() as hub:
        assert hub.store.check() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("merge", "n1", "n1"), "nothing to decide"),
        (("merge", "n1", "nobody"), "nothing carries it"),
        (("split", "n1"), "nobody merged it, so name the members that are another device: north/assets/n1"),
        (("split", "n1", "n2"), "no member of the asset; name one of north/assets/n1"),
        (("split", "n1", "n1"), "these are all of its members"),
        (("undo", "7"), "there is no decision 7 that holds"),
    ],
)
def test_what_cannot_be_decided_is_named_and_changes_nothing(works: Works, words: tuple[str, ...], said: str) -> None:
    before = works.assets()
    assert said in works.run(*words, code=2)
    assert works.assets() == before
    assert works.run("decisions")["decisions"] == []


def test_a_collector_sends_its_operator_to_the_centre(works: Works) -> None:
    with works.hub() as hub:
        hub.__class__ = type("Collector", (Hub,), {"resolves": False})
        with pytest.raises(ConfigurationError, match="only collects: decide"):
            hub.assets_merge("n1", "s1")
