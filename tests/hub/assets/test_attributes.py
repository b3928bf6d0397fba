"""Which source is believed about each attribute, in the declared order, and that nothing that is said is lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from builders import HUB, Bench, bench, source

from isthmus_hub.assets import ORDERS, Beliefs, Orders, Resolver, believed
from isthmus_hub.assets._attributes import Said, attributes, choose
from isthmus_sdk import stix

AREAS = {"guardian": "ot", "edr": "endpoint", "cmdb": "cmdb", "zeek": "network"}
HERE = Orders(dict(ORDERS), AREAS)


def said(connector: str, *, changed: str = "", instance: str = "", **facts: Any) -> Said:
    return Said(f"infrastructure--{connector}", {"connector": connector, **facts}, changed, (instance or connector,))


def test_firmware_is_believed_of_what_looks_at_the_device_not_of_what_was_typed_in_later() -> None:
    records = [
        said("guardian", firmware="V4.1", changed="2026-01-01"),
        said("cmdb", firmware="V3", changed="2026-03-01"),
    ]
    for order in permutations(records):
        choice = choose("firmware", order, HERE)
        assert choice is not None
        assert (choice.value, choice.why, [one.facts["firmware"] for one in choice.others]) == ("V4.1", "order", ["V3"])


def test_the_host_name_is_believed_of_what_runs_on_the_host() -> None:
    records = [said("guardian", hostname="10-1-0-7", changed="2026-03-01"), said("edr", hostname="hmi-01")]
    choice = choose("hostname", records, HERE)
    assert choice is not None
    assert (choice.value, choice.why) == ("hmi-01", "order")


def test_between_two_of_one_area_the_newest_is_believed() -> None:
    records = [said("guardian", instance="north", firmware="V3", changed="2026-01-01")]
    records.append(said("guardian", instance="south", firmware="V4", changed="2026-02-01"))
    choice = choose("firmware", records, HERE)
    assert choice is not None
    assert (choice.value, choice.why) == ("V4", "newest")


def test_a_configured_order_may_name_an_instance_a_connector_or_an_area() -> None:
    records = [
        said("guardian", instance="north", firmware="V3"),
        said("guardian", instance="south", firmware="V4"),
        said("edr", firmware="V5"),
    ]
    for order, wanted in ((("north",), "V3"), (("south", "edr"), "V4"), (("edr", "ot"), "V5"), (("endpoint",), "V5")):
        choice = choose("firmware", records, Orders({"firmware": order}, AREAS))
        assert choice is not None
        assert choice.value == wanted


def test_a_telling_class_stands_before_a_generic_one_of_a_better_source() -> None:
    choice = choose(
        "asset_class", [said("guardian", asset_class="server"), said("cmdb", asset_class="historian")], HERE
    )
    assert choice is not None
    assert (choice.value, choice.why) == ("historian", "telling")


def test_a_declared_level_stands_before_an_inferred_one_and_brings_its_own_word() -> None:
    records = [
        said("guardian", purdue_level="2", level_source="inferred"),
        said("cmdb", purdue_level="3", level_source="declared"),
        said("edr", level_source="declared"),
    ]
    for order in permutations(records):
        assert attributes(order, ["purdue_level"], HERE) == {"purdue_level": "3", "level_source": "declared"}


def test_an_address_seen_talking_is_believed_only_where_no_device_says_anything() -> None:
    talking = said("zeek", kind="endpoint", hostname="name-from-dns", changed="2026-09-01")
    assert attributes([talking, said("cmdb", hostname="plc-1")], ["hostname"], HERE) == {"hostname": "plc-1"}
    assert attributes([talking, said("cmdb", firmware="1")], ["hostname"], HERE) == {"hostname": "name-from-dns"}


def test_what_nobody_says_is_not_there() -> None:
    assert attributes([said("cmdb", firmware="", serial=None)], ["firmware", "serial"], HERE) == {}


# -- in the inventory ----------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        made.resolver = Resolver(made.store, made.bus, hub=HUB, beliefs=Beliefs(HERE))
        made.observe("cmdb", source("cmdb").asset("c1", name="press", serial="SN4711X", firmware="V3", criticality=80))
        made.observe("guardian", source("guardian").asset("g1", name="press", serial="SN4711X", firmware="V4"))
        made.resolve()
        yield made


def firmware(hub: Bench) -> str:
    (found,) = (
        facts["firmware"] for asset in hub.assets() if "firmware" in (facts := stix.facts(asset, stix.ASSET) or {})
    )
    return str(found)


def test_every_value_is_kept_with_its_source_and_the_reason_is_told(hub: Bench) -> None:
    assert firmware(hub) == "V4"
    (asset,) = hub.assets()
    found = {each["name"]: each for each in believed(hub.store, asset["id"], HERE)}
    assert (found["firmware"]["value"], found["firmware"]["source"], found["firmware"]["why"]) == (
        "V4",
        ["guardian"],
        "order",
    )
    assert [(one["value"], one["source"]) for one in found["firmware"]["others"]] == [("V3", ["cmdb"])]
    assert (found["criticality"]["value"], found["criticality"]["why"]) == (80, "only")
    assert "model" not in found


def test_another_order_changes_the_inventory_and_tells_platforms_once(hub: Bench) -> None:
    hub.resolver.believe(Beliefs(Orders({"firmware": ("cmdb",)}, AREAS)))
    hub.observe("zeek", source("zeek").asset("z9", name="other"))
    told = [
        obj
        for obj in hub.resolve()
        if stix.facts(obj, stix.ASSET) and (stix.facts(obj, stix.ASSET) or {}).get("serial")
    ]
    assert firmware(hub) == "V3"
    assert len(told) == 1
    hub.resolver = Resolver(hub.store, hub.bus, hub=HUB, beliefs=Beliefs(Orders({"firmware": ("cmdb",)}, AREAS)))
    hub.observe("zeek", source("zeek").asset("z10", name="another"))
    assert len([obj for obj in hub.resolve() if obj["type"] == "infrastructure"]) == 1
