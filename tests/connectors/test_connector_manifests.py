"""Manifests of the first-party connectors: in step with the code, and capabilities in words that coverage can count."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from isthmus_sdk import loader
from isthmus_sdk.commands.manifest import drift
from isthmus_sdk.stix import ASSET_CLASSES
from isthmus_sdk.testing import read_case

FOUND = {
    found.name: found
    for found in loader.discover(kinds=["connector"])
    if found.distribution == "isthmus" and found.manifest and found.manifest.streams
}
CONNECTORS = sorted(FOUND)
GOLD = Path(__file__).resolve().parents[1] / "sdk" / "testing" / "test_reference_connectors.py"
FUNCTIONS = {"identify", "protect", "detect", "respond", "recover"}


@pytest.mark.parametrize("name", CONNECTORS)
def test_the_manifest_is_in_step_with_the_code(name: str) -> None:
    assert drift(loader.load(loader.find(name).value)) == []


@pytest.mark.parametrize("name", CONNECTORS)
def test_capabilities_name_functions_classes_and_streams_that_exist(name: str) -> None:
    connector = loader.load(loader.find(name).value)
    assert connector.manifest.capabilities
    for capability in connector.manifest.capabilities:
        assert capability.function in FUNCTIONS
        assert set(capability.asset_classes) <= set(ASSET_CLASSES)
        assert set(capability.streams) <= set(connector.streams)


@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND)
def test_the_level_that_a_manifest_claims_is_that_of_this_version_and_the_kit_looks_at_it(found: loader.Found) -> None:
    assert found.manifest is not None
    claim = found.manifest.conformance
    assert claim is not None
    assert claim.version == found.manifest.version, f"isthmus-sdk test {found.name} --level gold --record"
    assert set(claim.exempt) == set(read_case(loader.load(found.value)).exempt)
    assert re.search(rf'conformance_tests\("{found.name}"\)', GOLD.read_text()), f"{GOLD.name} has no test of it"


OF_ENTERPRISE_ALONE = {"cloud", "identity"}
"""Areas whose data components (accounts, cloud services) ATT&CK for ICS does not have."""


@pytest.mark.samples
@pytest.mark.parametrize(
    "name", [name for name, found in FOUND.items() if found.manifest and found.manifest.area not in OF_ENTERPRISE_ALONE]
)
def test_data_components_are_those_of_attack_for_ics(name: str, samples: Path) -> None:
    bundle = json.loads((samples / "attack" / "ics_attack_18.1.json").read_bytes())
    known = {obj["name"] for obj in bundle["objects"] if obj["type"] == "x-mitre-data-component"}
    connector = loader.load(loader.find(name).value)
    assert {component for each in connector.manifest.capabilities for component in each.data_components} <= known


@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND)
def test_limits_name_streams_that_exist(found: loader.Found) -> None:
    assert found.manifest is not None
    named = {name for limit in found.manifest.limits for name in limit.streams}
    assert named <= {stream.name for stream in found.manifest.streams}


@pytest.mark.parametrize("name", CONNECTORS)
def test_what_the_product_needs_and_allows_is_declared(name: str) -> None:
    manifest = loader.find(name).manifest
    assert manifest is not None
    assert manifest.minimum_product_version
    assert manifest.limits or not manifest.settings.get("base_url"), "an API has limits; files have none"
