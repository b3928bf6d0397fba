"""`coverage`, `gaps` and `compare-primaries` as operators use them, over what two simulated vendors said."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from tests.faults.scene import Finished, Scene, scene

from isthmus_hub.cli import main

pytestmark = pytest.mark.timeout(300)
MINE = """[primary]
name = "acme-siem"
title = "Acme SIEM"
[[capability]]
function = "respond"
asset_classes = ["*"]
source = "https://acme.example"
basis = "documented"
"""


class Works:
    """A hub that has synchronised with two simulated vendors, and its commands, run here."""

    def __init__(self, made: Scene) -> None:
        self.made = made

    def run(self, *words: str) -> Finished:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["--config", str(self.made.config), "--state-dir", str(self.made.state), *words])
        return Finished(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    with scene(tmp_path_factory.mktemp("works")) as made, pytest.MonkeyPatch.context() as patch:
        # what the simulated plant says is years old
        made.config.write_text(
            made.config.read_text() + '\n[coverage]\nstale_after = "9000d"\nunscanned_after = "9000d"\n'
        )
        done = made.sync()
        assert done.code == 4, "the plant has records that nobody can read"
        for name, value in made.environ.items():
            patch.setenv(name, value)
        yield Works(made)


@pytest.fixture(scope="module")
def assets(works: Works) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = works.run("assets", "--json").json["assets"]
    return found


def asked(works: Works, *words: str) -> Any:
    done = works.run(*words, "--json")
    assert done.code == 0, done.err
    return done.json


def test_coverage_has_a_cell_for_every_class_and_function_and_its_own_account_of_them(
    works: Works, assets: list[dict[str, Any]]
) -> None:
    found = asked(works, "coverage")
    own = [asset for asset in assets if not asset["external"]]
    assert found["assets"] == len(own) > 0
    assert {cell["asset_class"] for cell in found["cells"]} == {asset["class"] for asset in own}
    assert len(found["cells"]) == 5 * len({asset["class"] for asset in own})
    assert {
        "asset_class",
        "function",
        "assets",
        "declared_by",
        "reachable_by",
        "observed",
        "by_primary",
        "oldest",
        "share",
    } <= set(found["cells"][0])
    assert set(found["techniques"]) == {"ics-attack"}
    assert set(found["rollups"]) == {"cyber-defense-matrix", "nist-csf-2.0", "iec-62443-3-3"}
    assert all(cell["observed"] <= cell["reachable"] <= cell["assets"] for cell in found["cells"])


def test_gaps_keep_their_shape_and_say_what_would_close_them(works: Works, assets: list[dict[str, Any]]) -> None:
    found = asked(works, "gaps")
    known = {asset["id"] for asset in assets}
    assert found["gaps"]
    for gap in found["gaps"]:
        assert {"kind", "cause", "assets", "detail", "closed_by"} <= set(gap)
        assert set(gap["assets"]) <= known
    closable = {name for gap in found["gaps"] for name in gap["closed_by"]}
    assert closable == {one["connector"] for one in found["additions"]["candidates"]}
    assert not closable & {"nozomi-guardian", "microsoft-defender"}, "these are configured"


def test_one_zone_is_asked_about_alone(works: Works, assets: list[dict[str, Any]]) -> None:
    zone = next(asset["zone"] for asset in assets if asset["zone"])
    inside = {asset["id"] for asset in assets if asset["zone"] == zone}
    assert asked(works, "coverage", "--zone", zone)["assets"] == len(inside)
    assert {id for gap in asked(works, "gaps", "--zone", zone)["gaps"] for id in gap["assets"]} <= inside
    assert asked(works, "compare-primaries", "opencti", "--zone", zone)["primaries"][0]["pairs"] == 5 * len(inside)


def test_any_platform_with_a_manifest_can_be_the_primary(works: Works, tmp_path: Path) -> None:
    hosts = asked(works, "coverage", "--primary", "microsoft-defender-xdr")["baseline"]
    assert 0 < hosts["own_observed"] <= hosts["own"] < hosts["pairs"], "the instance that reads its sensors counts"
    assert asked(works, "coverage", "--primary", "opencti")["baseline"]["own"] == 0
    (tmp_path / "mine.toml").write_text(MINE)
    mine = asked(works, "coverage", "--primary", str(tmp_path / "mine.toml"))["baseline"]
    assert mine["functions"]["respond"]["own"] == mine["functions"]["respond"]["assets"]


def test_primaries_are_compared_with_their_openness_and_its_sources(works: Works) -> None:
    found = asked(works, "compare-primaries", "opencti", "crowdstrike-falcon", "microsoft-defender-xdr")
    one, two, three = found["primaries"]
    assert [each["name"] for each in (one, two, three)] == ["opencti", "crowdstrike-falcon", "microsoft-defender-xdr"]
    assert one["own"] == 0 < two["own"] <= two["with_partners"]
    assert (two["own_instances"], three["own_instances"]) == ([], ["defender"])
    for each in found["primaries"]:
        assert all(
            {"kinds", "api", "limit", "idempotency", "source", "basis"} <= set(door)
            for door in (*each["takes"], *each["gives"])
        )
    assert len(asked(works, "compare-primaries")["primaries"]) >= 8


def test_every_technique_is_a_row_where_asked(works: Works) -> None:
    found = asked(works, "coverage", "--techniques")
    counted = sum(entry["techniques"] for entry in found["techniques"]["ics-attack"].values())
    assert len(found["technique_rows"]) == counted > 0


def test_enterprise_comes_from_the_users_file(works: Works, tmp_path: Path) -> None:
    bundle = tmp_path / "enterprise.json"
    bundle.write_text(json.dumps(_bundle()))
    found = asked(works, "coverage", "--enterprise", str(bundle))
    assert set(found["techniques"]) == {"ics-attack", "enterprise-attack"}
    bundle.write_text("{}")
    done = works.run("coverage", "--enterprise", str(bundle))
    assert done.code == 2
    assert "is not a STIX bundle" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("coverage",),
        ("coverage", "--framework", "csf"),
        ("coverage", "--techniques"),
        ("gaps",),
        ("compare-primaries",),
        ("compare-primaries", "microsoft-sentinel", "splunk-es"),
    ],
)
def test_what_people_read_fits_a_hundred_columns(works: Works, words: tuple[str, ...]) -> None:
    done = works.run(*words)
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) > 2
    assert max(map(len, done.out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("coverage", "--primary", "nobody"), "primary 'nobody': is neither configured nor has a manifest"),
        (("coverage", "--primary", "microsft-sentinel"), 'did you mean "microsoft-sentinel"?'),
        (("gaps", "--zone", "Nowhere"), "--zone Nowhere: no asset has it; known: "),
        (("gaps", "--site", "Nowhere"), "--site Nowhere: no asset has it"),
        (("coverage", "--framework", "iso"), "--framework iso: is none of cdm, csf, iec62443"),
        (("compare-primaries", "no-such-file.toml"), "no-such-file.toml: cannot be read"),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(works: Works, words: tuple[str, ...], said: str) -> None:
    done = works.run(*words)
    assert done.code == 2
    assert said in done.err


def _bundle() -> dict[str, Any]:
    def made(type: str, number: int, key: str, **more: Any) -> dict[str, Any]:
        id = f"{type}--00000000-0000-4000-8000-{number:012d}"
        return {
            "type": type,
            "id": id,
            "external_references": [{"source_name": "mitre-attack", "external_id": key}],
            "name": key,
            **more,
        }

    component = made("x-mitre-data-component", 1, "DC0032") | {"name": "Process Creation"}
    analytic = made(
        "x-mitre-analytic", 2, "AN0001", x_mitre_log_source_references=[{"x_mitre_data_component_ref": component["id"]}]
    )
    strategy = made("x-mitre-detection-strategy", 3, "DET0001", x_mitre_analytic_refs=[analytic["id"]])
    technique = made("attack-pattern", 4, "T1059")
    tactic = made("x-mitre-tactic", 5, "TA0002", x_mitre_shortname="execution")
    matrix = made("x-mitre-matrix", 6, "enterprise-attack", tactic_refs=[tactic["id"]])
    edge = {"type": "relationship", "id": "relationship--00000000-0000-4000-8000-000000000007", "relationship_type": "detects",
            "source_ref": strategy["id"], "target_ref": technique["id"]}  # fmt: skip
    edge["external_references"] = []
    return {"type": "bundle", "objects": [component, analytic, strategy, technique, tactic, matrix, edge]}


def test_open_exposures_are_listed_the_most_urgent_first(works: Works, assets: list[dict[str, Any]]) -> None:
    found = asked(works, "exposures")
    assert found["open"] == len(found["exposures"]) > 1
    assert {row["asset"] for row in found["exposures"]} <= {asset["id"] for asset in assets}
    priorities = [row["priority"] for row in found["exposures"]]
    assert priorities == sorted(priorities, reverse=True)
    assert asked(works, "exposures", "--limit", "1")["exposures"] == found["exposures"][:1]
    shown = works.run("exposures")
    assert "open exposures" in shown.err
    assert "[" not in shown.out, "sources are named as people write them"


def test_what_one_asset_is_open_to_is_asked_by_name_and_shown_with_the_asset(works: Works) -> None:
    every = asked(works, "exposures")["exposures"]
    name, id = every[0]["asset_name"], every[0]["asset"]
    own = [row for row in every if row["asset"] == id]
    assert asked(works, "exposures", "--asset", name) == {"open": len(own), "exposures": own}
    assert asked(works, "assets", "show", id)["exposures"] == own
    shown = works.run("assets", "show", name).out
    assert "OPEN TO" in shown
    assert all(row["name"] in shown for row in own[:10])
    spared = next(
        each for each in asked(works, "assets")["assets"] if each["id"] not in {row["asset"] for row in every}
    )
    assert asked(works, "exposures", "--asset", spared["id"]) == {"open": 0, "exposures": []}
    assert "OPEN TO" not in works.run("assets", "show", spared["id"]).out
    refused = works.run("exposures", "--asset", "nothing-has-this-name")
    assert refused.code == 2
    assert "nothing carries it" in refused.err


def test_instances_that_do_not_read_vulnerabilities_scan_nothing(works: Works) -> None:
    before = works.made.config.read_text()
    assert not [gap for gap in asked(works, "gaps")["gaps"] if "could, with stream" in gap["detail"]]
    narrow = before.replace("[connector.defender]\n", '[connector.defender]\nstreams = ["machines", "alerts"]\n', 1)
    narrow = narrow.replace("[connector.guardian]\n", '[connector.guardian]\nstreams = ["assets"]\n', 1)
    works.made.config.write_text(narrow)
    try:
        told = [gap for gap in asked(works, "gaps")["gaps"] if "could, with stream" in gap["detail"]]
    finally:
        works.made.config.write_text(before)
    unscanned = [gap for gap in told if gap["kind"] == "unscanned"]
    assert {gap["cause"] for gap in unscanned} == {"not_deployed"}
    said = "".join(gap["detail"] for gap in unscanned)
    assert "; defender could, with stream vulnerabilities or software" in said
    assert "; guardian could, with stream node_cves" in said
    assert {gap["kind"] for gap in told} == {"unscanned", "not_on_wire"}, "nobody reads alerts and links either"
