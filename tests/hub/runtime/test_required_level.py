"""The level that an operator requires: chosen per hub and instance, refused where it is not reached, told where it is lowered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isthmus_hub.hub import Hub
from isthmus_hub.runtime import _session, try_level
from isthmus_hub.runtime._process import WorkerProcess
from isthmus_sdk import protocol
from isthmus_sdk.errors import ConfigurationError

WEAK = protocol.Confined(level="process", network="open", reason="this kernel has no Landlock")


def hub(folder: Path, *, of_hub: str = "", of_instance: str = "") -> Hub:
    (folder / "conn.log").write_text(json.dumps({"ts": 1.0}) + "\n")
    (folder / "isthmus.toml").write_text(
        f'[hub]\nname = "h"\n{of_hub}\n[connector.z]\nuse = "zeek"\nsource_id = "z"\nfiles = {{ conn = "conn.log" }}\n{of_instance}\n'
    )
    return Hub.open(folder / "state", folder / "isthmus.toml", environ={})


@pytest.fixture
def weak(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without Landlock, as its workers would report it."""

    class Weak(WorkerProcess):
        def receive(self, *arguments: object) -> protocol.WorkerFrame:
            frame = super().receive(*arguments)  # type: ignore[arg-type]
            return WEAK if isinstance(frame, protocol.Confined) else frame

    defaults = _session.Session.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "start", Weak)


@pytest.mark.parametrize(
    ("of_hub", "of_instance", "tried", "required"),
    [
        ("", "", "confined", "process"),
        ('isolation = "networked-off"', "", "networked-off", "networked-off"),
        ('isolation = "networked-off"', 'isolation = "confined"', "confined", "confined"),
        ('isolation = "confined"', 'isolation = "process"', "process", "process"),
        ("", 'isolation = "networked-off"', "networked-off", "networked-off"),
    ],
)
def test_the_instance_decides_before_the_hub_and_the_best_is_tried_without_either(
    tmp_path: Path, of_hub: str, of_instance: str, tried: str, required: str
) -> None:
    with hub(tmp_path, of_hub=of_hub, of_instance=of_instance) as made:
        plan = made.plan("z")
    assert (plan.reach.level, plan.required) == (tried, required)


def test_where_it_is_not_reached_nothing_runs_and_the_reason_and_place_are_named(tmp_path: Path, weak: None) -> None:
    with hub(tmp_path, of_instance='isolation = "confined"') as made:
        [run] = made.sync()["runs"]
        [row] = made.status()["instances"]
    assert run["error"]["group"] == "configuration"
    assert (
        "isthmus.toml:8: isolation = 'confined' is required, 'process' is reached: this kernel has no Landlock"
        in row["error"]
    )
    assert run["records"] == 0


def test_without_a_requirement_it_runs_and_status_says_why_it_is_held_no_better(tmp_path: Path, weak: None) -> None:
    with hub(tmp_path) as made:
        [run] = made.sync()["runs"]
        [row] = made.status()["instances"]
    assert run["error"] is None
    assert (row["isolation"], row["network"], row["isolation_reason"]) == ("process", "open", WEAK.reason)


def test_lowering_is_told_with_its_place(tmp_path: Path) -> None:
    with hub(tmp_path, of_instance='isolation = "process"') as made:
        made.sync()
        [row] = made.status()["instances"]
        [warning] = [line for line in made.config.warnings if "isolation" in line]
    assert row["isolation"] == "process"
    assert row["isolation_reason"].endswith("isthmus.toml:8")
    assert "isthmus.toml:8: connector.z.isolation: is lowered to process" in warning


@pytest.mark.skipif(
    try_level("networked-off").level != "networked-off", reason="NOT RUN: the level cannot be reached here"
)
def test_an_instance_fed_from_files_runs_without_network_and_secret(tmp_path: Path) -> None:
    with hub(tmp_path, of_hub='isolation = "networked-off"') as made:
        plan = made.plan("z")
        [run] = made.sync()["runs"]
    assert (plan.configure.secrets, plan.configure.tls, plan.brokered) == ({}, None, None)
    assert (run["isolation"], run["network"]) == ("networked-off", "none")
    assert run["error"] is None


def test_a_manifest_that_cannot_be_held_so_refuses_a_stricter_level(tmp_path: Path) -> None:
    with hub(tmp_path, of_instance='isolation = "networked-off"') as made:
        found = made.own_connectors["zeek"]
        object.__setattr__(found, "manifest", found.manifest.model_copy(update={"isolation": "process"}))  # type: ignore[union-attr]
        with pytest.raises(ConfigurationError, match="works only up to 'process'"):
            made.plan("z")


def test_a_level_that_does_not_exist_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="isolation"):
        hub(tmp_path, of_instance='isolation = "none"')
