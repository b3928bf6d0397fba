"""One maker, one family of systems, whatever the vendors write."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.hub.assets.builders import bench, source

from isthmus_hub.assets import inventory, observation
from isthmus_hub.assets._meaning import maker, system_family


@pytest.mark.parametrize(
    "names",
    [
        ("Siemens", "SIEMENS AG", "Siemens, Inc.", "siemens"),
        ("Rockwell Automation", "Allen-Bradley", "ALLEN BRADLEY", "Rockwell Automation/Allen-Bradley"),
        ("Hewlett Packard Enterprise", "HPE", "HP Inc.", "Hewlett-Packard"),
        ("Phoenix Contact GmbH & Co. KG", "PHOENIX CONTACT", "Phoenix-Contact"),
        ("The Moxa Group", "MOXA Technologies Corp."),
        ("三菱電機", "三菱電機 Inc."),
    ],
)
def test_one_maker_is_one_word_however_it_is_spelt(names: tuple[str, ...]) -> None:
    found = {maker(name) for name in names}
    assert len(found) == 1
    assert found != {""}


@pytest.mark.parametrize("nobody", ["", "Unknown", "Private", "Industrial Automation Co., Ltd."])
def test_a_name_of_nobody_is_no_maker(nobody: str) -> None:
    assert maker(nobody) == ""


def test_makers_that_share_only_a_common_word_are_two() -> None:
    assert len({maker(name) for name in ("ABB Automation", "Wago Automation", "Beckhoff Automation GmbH")}) == 3


@pytest.mark.parametrize(
    ("family", "names"),
    [
        ("windows", ("Windows", "Windows10", "WindowsServer2019 1809", "Microsoft Windows 10 Pro", "win10")),
        ("linux", ("Linux", "Ubuntu 22.04", "Red Hat Enterprise Linux 9", "RHEL 8")),
        ("macos", ("macOS 14", "Mac OS X", "Darwin 23")),
        ("ios", ("iOS 17.1", "iPadOS 16")),
        ("cisco", ("Cisco IOS XE 17.3", "NX-OS")),
        ("", ("SIMATIC", "")),
    ],
)
def test_a_system_belongs_to_its_family(family: str, names: tuple[str, ...]) -> None:
    assert {system_family(name) for name in names} == {family}


def test_a_system_without_a_family_is_known_by_its_first_word() -> None:
    traits = observation("infrastructure--1", {"operating_system": "SIMATIC S7 V4", "native_id": "1"}).traits
    assert traits.system == "simatic"


def test_a_serial_that_two_names_of_one_maker_are_told_for_is_one_device(tmp_path: Path) -> None:
    with bench(tmp_path) as hub:
        hub.observe("ot", source("ot").asset("a1", name="rack", serial="SN004711", vendor="Rockwell Automation"))
        hub.observe("cmdb", source("cmdb").asset("c1", name="PLC 7", serial="SN004711", vendor="Allen-Bradley"))
        hub.observe("scan", source("scan").asset("s1", name="other", serial="SN004711X", vendor="Siemens"))
        hub.resolve()
        assert sorted(sorted(one["native_id"] for one in asset["members"]) for asset in inventory(hub.store)) == [
            ["a1", "c1"],
            ["s1"],
        ]
