"""`isthmus assets fit` as its user runs it: shown, kept in a file, applied by the configuration, refused where it cannot be right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.faults.scene import plant, scene

pytestmark = pytest.mark.timeout(180)


def test_a_model_is_fitted_shown_kept_and_applied(tmp_path: Path) -> None:
    with scene(tmp_path / "hub", plant(330, alerts=0, cves=0, links=0)) as made:
        # In pages of a few rows two passes would use up what the vendor allows at once, and the second wait for its turn.
        made.config.write_text(made.config.read_text().replace("page_size = 4", "page_size = 500"))
        assert made.run("sync", "--json").code in (0, 4)
        before = made.run("assets", "--json").json
        model = tmp_path / "model.json"
        done = made.run("assets", "fit", "--out", str(model))
        assert done.code == 0, done.err
        assert "vendor" in done.out
        assert "Model fit-" in done.out
        assert f'[assets] model = "{model}"' in done.err
        found = made.run("assets", "fit", "--json").json
        assert json.loads(model.read_text()) == json.loads(found["model"])
        assert found["pairs"] >= 100
        assert found["devices"]["before"] == len(before["assets"])
        assert {one["trait"] for one in found["estimates"]} == {"vendor", "model", "system", "asset_class"}
        assert made.run("assets", "--json").json == before, "nothing is applied"

        text = made.config.read_text()
        made.config.write_text(f'[assets]\nmodel = "{model}"\n' + text)
        assert made.run("sync", "--json").code in (0, 4)
        assert len(made.run("assets", "--json").json["assets"]) == found["devices"]["after"]
        assert made.run("assets", "fit", "--json").json["replaces"] == found["version"]

        model.write_text("{}]")
        refused = made.run("sync")
        assert refused.code == 2
        assert str(model) in refused.err
        assert "is no model of identity" in refused.err
        command = made.command("config", "check")
        assert made.execute(command[:-2]).code == 2


def test_too_few_records_to_learn_from_are_told(tmp_path: Path) -> None:
    with scene(tmp_path / "hub", plant(20)) as made:
        assert made.run("sync", "--json").code in (0, 4)
        done = made.run("assets", "fit")
        assert done.code == 2
        assert "fewer than 100" in done.err
        assert "stays" in done.err
