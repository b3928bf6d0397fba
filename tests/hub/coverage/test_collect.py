"""What can be collected on an asset class at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isthmus_hub.coverage import Capability, collectable
from isthmus_hub.coverage._collect import ON, PLATFORMS
from isthmus_sdk.stix import ASSET_CLASSES


@pytest.mark.parametrize(
    ("component", "asset_class", "possible"),
    [
        ("Process Creation", "plc", False),
        ("Process Creation", "workstation", True),
        ("Process Creation", "switch", False),
        ("Command Execution", "switch", True),
        ("Process History/Live Data", "plc", True),
        ("Process/Event Alarm", "plc", True),
        ("Network Traffic Content", "plc", True),
        ("Logon Session Creation", "plc", True),
        ("Asset Inventory", "field-io", True),
        ("Windows Registry Key Modification", "camera", False),
        ("Process Creation", "unknown", True),
        ("Process Creation", "a vendor's own word", True),
    ],
)
def test_an_agent_runs_on_hosts_alone_and_the_rest_goes_by_the_table(
    component: str, asset_class: str, possible: bool
) -> None:
    assert collectable(component, asset_class) is possible


def test_what_a_manifest_claims_beyond_that_does_not_count() -> None:
    boast = Capability("detect", ("Process Creation",), ("*",))
    assert not boast.applies_to("plc")
    assert not boast.applies_to("PLC")
    assert boast.applies_to("server")
    both = Capability("detect", ("Process Creation", "Network Traffic Flow"), ("*",))
    assert both.held("plc") == ("Network Traffic Flow",)
    assert both.applies_to("plc")
    assert not both.collects_on("plc", ("process creation",))


def test_a_function_without_data_components_applies_where_it_is_claimed() -> None:
    assert Capability("respond", (), ("server",)).applies_to("server")
    assert not Capability("respond", (), ("server",)).applies_to("plc")


def test_every_class_but_those_that_are_none_has_a_place() -> None:
    assert ASSET_CLASSES.keys() - PLATFORMS.keys() == {"unknown", "external", "broadcast", "multicast"}
    assert PLATFORMS.keys() <= ASSET_CLASSES.keys()


def test_the_table_of_classes_is_that_of_the_bundle(samples: Path) -> None:
    bundle = json.loads((samples / "attack" / "ics_attack_18.1.json").read_bytes())
    kinds = {"Windows": "host", "Linux": "host", "Embedded": "embedded", "Network": "network"}
    said = {
        obj["external_references"][0]["external_id"]: {kinds[name] for name in obj["x_mitre_platforms"]}
        for obj in bundle["objects"]
        if obj["type"] == "x-mitre-asset"
    }
    for name, (_, id) in ASSET_CLASSES.items():
        if id:
            assert PLATFORMS[name] == said[id], name


def test_what_is_collected_on_hosts_alone_is_so_in_the_bundle(samples: Path) -> None:
    bundle = json.loads((samples / "attack" / "ics_attack_18.1.json").read_bytes())
    layers = {
        obj["name"].casefold(): set(obj.get("x_mitre_collection_layers", ()))
        for obj in bundle["objects"]
        if obj["type"] == "x-mitre-data-source"
    }
    for words, kinds in ON.items():
        source = next((name for name in layers if words == name or words.startswith(name + " ")), None)
        if source and kinds == frozenset({"host"}):
            assert "Network" not in layers[source], words


def test_a_host_of_which_nobody_says_more_can_be_watched_by_who_watches_hosts() -> None:
    agent = Capability("detect", ("Process Creation",), ("server",))
    assert agent.applies_to("endpoint")
    assert not agent.applies_to("workstation")
    assert not Capability("detect", ("Process Creation",), ("plc", "hmi")).applies_to("endpoint")
    assert not Capability("detect", ("Process Creation",), ("virtual-machine",)).applies_to("endpoint"), (
        "of one cloud alone"
    )
