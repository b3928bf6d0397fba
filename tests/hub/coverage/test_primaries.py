"""Manifests of primary platforms, and how platforms compare on the assets there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.hub.coverage.builders import EDR, SENSOR, asset

from isthmus_hub import coverage
from isthmus_hub.coverage import Capability, Fleet, Source, catalogue, read_primary, standing
from isthmus_hub.coverage.attack import ics
from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.stix import ASSET_CLASSES

OPEN = """[primary]
name = "acme"
title = "Acme"
[[takes]]
kinds = ["alert"]
api = "POST /"
limit = "1"
idempotency = "none"
source = "https://acme.example"
basis = "documented"
"""


def test_well_known_platforms_have_a_manifest() -> None:
    found = catalogue()
    assert len(found) >= 8
    assert {"microsoft-sentinel", "splunk-es", "elastic-security", "google-secops", "crowdstrike-falcon", "microsoft-defender-xdr",
            "cortex-xsiam", "ibm-qradar", "servicenow", "opencti"} <= found.keys()  # fmt: skip


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_each_claim_has_its_source_and_words_that_coverage_knows(name: str) -> None:
    one = catalogue()[name]
    assert one.takes and one.gives
    for claim in (*one.capability, *one.takes, *one.gives):
        assert claim.source.startswith("https://")
    known = set(ics().components.values())
    for item in one.capability:
        assert set(item.asset_classes) <= {*ASSET_CLASSES, "*"}
        assert set(item.data_components) <= known
        assert item.function == "respond" or item.data_components
    for door in (*one.takes, *one.gives):
        assert door.kinds and door.api and door.limit and door.idempotency
        assert not door.recalled or door.basis == "documented"


def test_a_manifest_of_ones_own_is_read_and_stands_before_one_that_ships(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(OPEN)
    (tmp_path / "b.toml").write_text(OPEN.replace('"acme"', '"opencti"'))
    found = catalogue(tmp_path)
    assert found["acme"].openness()["takes"][0]["api"] == "POST /"
    assert found["opencti"].primary.title == "Acme"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[primary", "is not TOML"),
        ("[primary]\nname='x'\n", "title"),
        (OPEN + "price = 3\n", "price"),
        (OPEN.replace("documented", "certain"), "basis"),
        (OPEN.replace('source = "https://acme.example"\n', ""), "source"),
    ],
)
def test_a_manifest_that_is_none_names_file_and_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=f"mine.toml.*{said}"):
        read_primary(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_primary(tmp_path / "none.toml")
    with pytest.raises(ConfigurationError, match="is not a folder"):
        catalogue(path)


def test_own_partners_and_what_remains_are_told_apart() -> None:
    own = (Capability("respond", (), ("server",)), *EDR)
    fleet = Fleet(
        [asset("a", "server", "edr"), asset("plc", "plc", "sensor"), asset("b", "server")],
        [Source("edr", EDR, "edr"), Source("sensor", SENSOR, "sensor")],
    )
    found = standing(fleet, own, ics(), own={"edr"})
    assert found.pairs == 15
    assert found.own == 4, "detect and respond on two servers; no agent on the controller"
    assert found.own_observed == 1
    assert found.with_partners == 6, "the sensor identifies and detects on the controller"
    assert {(name, function) for name, function, _ in found.remains} == {
        ("server", "identify"), ("server", "protect"), ("server", "recover"), ("plc", "protect"), ("plc", "respond"), ("plc", "recover"),
    }  # fmt: skip
    assert found.techniques["targeted"] == 48
    assert found.techniques["own"] <= found.techniques["with_partners"]


def test_of_an_unknown_class_a_platform_is_credited_with_nothing_but_what_it_claims_for_all() -> None:
    fleet = Fleet([asset("x", "unknown")], [])
    assert standing(fleet, (Capability("respond", (), ("server",)),), ics()).own == 0
    assert standing(fleet, (Capability("respond", (), ("*",)),), ics()).own == 1


def test_the_public_names_are_these() -> None:
    assert coverage.__all__ == [
        "CAUSES", "FUNCTIONS", "HOST_COMPONENTS", "KINDS", "WIRE_COMPONENTS", "Addition", "Additions", "Capability", "Cell", "Fleet",
        "Gap", "Primary", "Product", "Rules", "Source", "Standing", "additions", "blind_cells", "blind_needs", "capability", "catalogue",
        "cells", "closed_by", "collectable", "exposures", "gaps", "gaps_json", "matrix", "matrix_json", "read_primary", "rollups",
        "standing", "technique_summary", "techniques",
    ]  # fmt: skip
