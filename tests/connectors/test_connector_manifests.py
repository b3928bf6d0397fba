"""Manifests of the first-party connectors: in step with the code, and capabilities in words that coverage can count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isthmus_sdk import loader
from isthmus_sdk.commands.manifest import drift
from isthmus_sdk.stix import ASSET_CLASSES

CONNECTORS = ["nozomi-guardian", "microsoft-defender"]
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


@pytest.mark.samples
@pytest.mark.parametrize("name", CONNECTORS)
def test_data_components_are_those_of_attack_for_ics(name: str, samples: Path) -> None:
    bundle = json.loads((samples / "attack" / "ics_attack_18.1.json").read_bytes())
    known = {obj["name"] for obj in bundle["objects"] if obj["type"] == "x-mitre-data-component"}
    connector = loader.load(loader.find(name).value)
    assert {component for each in connector.manifest.capabilities for component in each.data_components} <= known
