"""Instances that contradict each other about one device, and spellings that only look so."""

from __future__ import annotations

import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from builders import bench, source

from isthmus_hub.assets import inventory
from isthmus_hub.assets._disputes import Told, disputes

PLC = "plc"


def told(instance: str, seen: str = "2026-03-01", **facts: Any) -> Told:
    return Told(instance, facts, seen)


def disputed(*records: Told) -> set[str]:
    found = [disputes(order) for order in permutations(records)]
    assert all(each == found[0] for each in found), "the order of records says nothing"
    return {each["attribute"] for each in found[0]}


@pytest.mark.parametrize(
    ("attribute", "one", "two"),
    [
        ("asset_class", "plc", "printer"),
        ("asset_class", "switch", "workstation"),
        ("asset_class", "hmi", "firewall"),
        ("operating_system", "Windows 10 Enterprise", "VxWorks 6.9"),
        ("operating_system", "Ubuntu 22.04", "Windows Server 2019"),
        ("operating_system", "Cisco IOS XE 17.3", "iOS 17"),
        ("serial", "S C-X4U421302009", "S C-J5CN00842014"),
        ("vendor", "Siemens AG", "Rockwell Automation/Allen-Bradley"),
        ("model", "6ES7 214-1AG40-0XB0", "6ES7 215-1AG40-0XB0"),
        ("vendor", "Schneider Electric", "Mitsubishi Electric Corporation"),
        ("model", "S7-1200", "S7-1500"),
        ("model", "1756-L61", "1756-L71"),
        ("firmware", "V2.8.1", "4.1"),
    ],
)
def test_what_cannot_both_be_true_of_one_device_is_in_dispute(attribute: str, one: str, two: str) -> None:
    assert disputed(told("guardian", **{attribute: one}), told("xdome", **{attribute: two})) == {attribute}


@pytest.mark.parametrize(
    ("attribute", "one", "two"),
    [
        ("asset_class", "plc", "rtu"),
        ("asset_class", "hmi", "workstation"),
        ("asset_class", "unknown", "plc"),
        ("asset_class", "iot", "camera"),
        ("asset_class", "server", "historian"),
        ("asset_class", "a vendor's own word", "plc"),
        ("operating_system", "Windows", "Windows 10 Enterprise 22H2"),
        ("operating_system", "Red Hat Enterprise Linux 8", "Linux 4.18"),
        ("operating_system", "embedded", "VxWorks"),
        ("serial", "C-X4U421302009", "S C-X4U421302009"),
        ("serial", "To be filled by O.E.M.", "C-X4U421302009"),
        ("vendor", "SIEMENS", "Siemens Industrial Automation Products Ltd."),
        ("vendor", "Rockwell Automation", "Allen-Bradley Co. Inc."),
        ("vendor", "Unknown", "Siemens"),
        ("model", "S7-1200", "6ES7 214-1AG40-0XB0"),
        ("model", "CPU 315-2 PN/DP", "CPU 315-2 DP"),
        ("model", "6ES7214-1AG40-0XB0", "6ES7 214-1AG40-0XB0"),
        ("model", "PowerEdge R740", "poweredge r740"),
        ("firmware", "V2.08", "2.8.1"),
        ("firmware", "V3", "4.1"),
    ],
)
def test_another_spelling_or_a_coarser_word_is_no_dispute(attribute: str, one: str, two: str) -> None:
    assert disputed(told("guardian", **{attribute: one}), told("xdome", **{attribute: two})) == set()


def test_the_maker_of_an_adapter_does_not_contradict_the_maker_of_the_computer() -> None:
    computer = told("edr", asset_class="workstation", vendor="Dell Inc.", firmware="1.24.0")
    heard = told("guardian", asset_class="unknown", vendor="Intel Corporate", firmware="2.0.1")
    assert disputed(computer, heard) == set()


def test_the_modules_of_a_rack_contradict_nobody_who_knows_one_of_them() -> None:
    rack = [told("guardian", serial="AAAA-0001"), told("guardian", serial="AAAA-0002")]
    assert disputed(*rack, told("xdome", serial="aaaa0002")) == set()
    assert disputed(*rack, told("xdome", serial="BBBB-0003")) == {"serial"}


def test_one_instance_does_not_contradict_itself() -> None:
    assert disputed(told("guardian", serial="AAAA-0001"), told("guardian", serial="BBBB-0003")) == set()


def test_an_address_seen_talking_contradicts_nobody() -> None:
    assert disputed(told("guardian", asset_class="plc"), told("zeek", kind="endpoint", asset_class="printer")) == set()


def test_who_says_what_and_against_whom_is_told_with_the_time() -> None:
    records = [
        told("edr", "2026-03-03", operating_system="Windows 10"),
        told("guardian", "2026-03-01", operating_system="VxWorks"),
        told("xdome", "", operating_system="Windows"),
    ]
    assert disputes(records) == [
        {
            "attribute": "operating_system",
            "values": [
                {"value": "Windows 10", "instance": "edr", "last_seen": "2026-03-03", "against": ["guardian"]},
                {"value": "VxWorks", "instance": "guardian", "last_seen": "2026-03-01", "against": ["edr", "xdome"]},
                {"value": "Windows", "instance": "xdome", "last_seen": None, "against": ["guardian"]},
            ],
        }
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]),
            st.fixed_dictionaries(
                {},
                optional={
                    "asset_class": st.sampled_from(["plc", "hmi", "printer", "unknown", ""]),
                    "vendor": st.text(max_size=8),
                    "serial": st.text(max_size=8),
                    "model": st.text(max_size=8),
                    "firmware": st.text(max_size=8),
                    "operating_system": st.text(max_size=8),
                },
            ),
            st.sampled_from(["", "2026-01-01", "2026-02-01"]),
        ),
        max_size=6,
    ),
    st.randoms(),
)
def test_any_text_is_taken_and_no_order_matters(said: list[tuple[str, dict[str, str], str]], random: Any) -> None:
    records = [Told(*one) for one in said]
    found = disputes(records)
    random.shuffle(records)
    assert disputes(records) == found
    for each in found:
        sides = {value["instance"]: value["against"] for value in each["values"]}
        assert all(one in sides[other] for one, against in sides.items() for other in against), "dispute is mutual"


def test_the_inventory_tells_what_is_in_dispute_and_not_what_a_source_says_that_lost_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench(tmp_path) as hub:
        hub.observe(
            "cmdb", source("cmdb").asset("c1", name="press", serial="SN4711X", firmware="V3.1", vendor="Siemens")
        )
        hub.observe(
            "ndr", source("ndr").asset("g1", name="press", serial="SN4711X", firmware="V4.0", vendor="SIEMENS AG")
        )
        hub.resolve()
        (asset,) = inventory(hub.store)
        assert [(each["attribute"], [one["value"] for one in each["values"]]) for each in asset["disputed"]] == [
            ("firmware", ["V3.1", "V4.0"])
        ]
        lost = next(member["observed"] for member in asset["members"] if member["instance"] == "cmdb")
        monkeypatch.setattr(type(hub.store), "absent_since", lambda _, id: "2026-03-02" if id == lost else None)
        assert inventory(hub.store)[0]["disputed"] == []
