"""What a hub does with records that are not what a stream's model says, end to end: by contract, drift, and retry after a fix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from isthmus_hub.cli import main
from isthmus_hub.hub import Hub
from isthmus_sdk import stix

CONFIG = """[hub]
name = "works"
[connector.north]
use = "nozomi-guardian"
source_id = "north"
files = {{ alerts = "drop/*.json" }}
contracts = {{ alerts = "{contract}" }}
"""
TIME = 1_777_000_000_000
GOOD: dict[str, Any] = {"id": "a-1", "time": TIME, "name": "New node", "risk": 5, "ip_src": "192.0.2.1"}
OUT_OF_BOUNDS = {**GOOD, "id": "a-2", "risk": 900}
NEW_FIELD = {**GOOD, "id": "a-3", "colour": "red"}
OTHER_KIND = {**GOOD, "id": "a-4", "mitre_attack_techniques": {"first": 7}, "name": {"en": "New node"}}
WITHOUT_ID = {key: value for key, value in GOOD.items() if key != "id"}


def drop(folder: Path, *records: dict[str, Any], name: str = "1.json") -> None:
    path = folder / "drop" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"result": records}))


def hub(folder: Path, contract: str) -> Hub:
    (folder / "isthmus.toml").write_text(CONFIG.format(contract=contract))
    return Hub.open(folder / "state", folder / "isthmus.toml")


def sync(folder: Path, contract: str) -> dict[str, Any]:
    with hub(folder, contract) as opened:
        return next(dict(row) for row in opened.sync()["runs"] if row["stream"] == "alerts")


def stored(folder: Path, contract: str = "evolve") -> set[str]:
    """Native ids of the alerts in the store."""
    with hub(folder, contract) as opened:
        facts = [stix.facts(one.body, stix.ALERT) for one in opened.store.iterate("incident")]
        return {str(one["native_id"]) for one in facts if one}


@pytest.mark.parametrize(
    ("contract", "kept", "quarantined"),
    [
        ("evolve", {"a-1", "a-3"}, 3),
        ("drop_field", {"a-1", "a-2", "a-3", "a-4"}, 1),
        ("quarantine_record", {"a-1"}, 4),
    ],
)
def test_each_contract_keeps_what_it_says_and_every_record_is_accounted_for(
    tmp_path: Path, contract: str, kept: set[str], quarantined: int
) -> None:
    records = [GOOD, OUT_OF_BOUNDS, NEW_FIELD, OTHER_KIND, WITHOUT_ID]
    drop(tmp_path, *records)
    row = sync(tmp_path, contract)
    found = stored(tmp_path, contract)
    assert (found, row["quarantined"], row["error"]) == (kept, quarantined, None)
    assert row["records"] == len(records)


def test_under_freeze_the_run_ends_with_the_field_named_and_nothing_is_stored(tmp_path: Path) -> None:
    drop(tmp_path, GOOD, NEW_FIELD)
    row = sync(tmp_path, "freeze")
    assert "colour" in row["error"]["message"]
    assert stored(tmp_path, "freeze") == set()
    again = sync(tmp_path, "evolve")
    assert (again["error"], stored(tmp_path)) == (None, {"a-1", "a-3"})


def test_drift_is_told_with_the_run(tmp_path: Path) -> None:
    drop(tmp_path, GOOD, NEW_FIELD, OTHER_KIND)
    drift = sync(tmp_path, "drop_field")["drift"]
    assert drift["new"]["colour"] == 1
    assert set(drift["dropped"]) >= {"name"}


def test_quarantined_records_are_mapped_once_the_contract_allows_them_as_of_when_they_were_observed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(tmp_path, NEW_FIELD)
    sync(tmp_path, "quarantine_record")
    with hub(tmp_path, "evolve") as opened:
        (waiting,) = opened.quarantine_list()["records"]
    options = ["--config", str(tmp_path / "isthmus.toml"), "--state-dir", str(tmp_path / "state")]
    assert main([*options, "quarantine", "retry", "--all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["retried"] == 1
    with hub(tmp_path, "evolve") as opened:
        (one,) = opened.store.iterate("incident")
        assert one.provenance[0].last_observed == waiting["observed_at"]
        assert opened.quarantine_list()["records"] == []


def test_drift_stays_in_status_until_somebody_accepts_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--config", str(tmp_path / "isthmus.toml"), "--state-dir", str(tmp_path / "state")]

    def shown() -> list[dict[str, Any]]:
        capsys.readouterr()
        assert main([*options, "status", "--json"]) == 0
        return list(json.loads(capsys.readouterr().out)["instances"][0]["drift"])

    drop(tmp_path, GOOD)
    sync(tmp_path, "drop_field")
    assert shown() == []
    drop(tmp_path, {**NEW_FIELD, "esc\x1b[2J": 1}, {**OTHER_KIND, "colour": "red"}, name="2.json")
    sync(tmp_path, "drop_field")
    (row,) = shown()
    assert row["stream"] == "alerts"
    assert row["new"].keys() >= {"colour", "esc\x1b[2J"}
    assert "name" in row["dropped"]
    assert row["new"]["colour"].endswith("Z")
    assert main([*options, "status"]) == 0
    said = capsys.readouterr().out
    assert "fields new since" in said
    assert "isthmus drift accept north alerts" in said
    assert "\x1b" not in said
    sync(tmp_path, "drop_field")  # nothing to read: nothing is gone
    assert shown() == [row]
    assert main([*options, "drift", "accept", "north", "alarms"]) == 2
    assert main([*options, "drift", "accept", "south"]) == 2
    assert main([*options, "drift", "accept", "north"]) == 0
    assert shown() == []
    drop(tmp_path, {**NEW_FIELD, "id": "a-9"}, name="3.json")
    sync(tmp_path, "drop_field")
    assert shown() == []
