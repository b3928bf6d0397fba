"""One maker, one family of systems, whatever the vendors write."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.hub.assets.builders import Bench, bench, source

from isthmus_hub.assets import inventory, observation
from isthmus_hub.assets._meaning import catalogue_number, maker, may_be_one_name, system_family
from isthmus_sdk.stix import Interface

AT = "2026-03-01T00:00:00.000Z"


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
        assert groups(hub) == [
            ["a1", "c1"],
            ["s1"],
        ]


def test_signs_between_make_no_other_serial_or_model() -> None:
    assert {catalogue_number(each) for each in ("6ES7 515-2AM01-0AB0", "6es7515-2am01-0ab0", "6ES75152AM010AB0")} == {
        "6es75152am010ab0"
    }


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        ({"press-7"}, {"press-7"}, True),
        ({"press-7"}, {"press-70"}, False),
        ({"engineering-ws-"}, {"engineering-ws-07"}, True),
        ({"engineering-ws-07"}, {"engineering-ws-08"}, False),
        ({"engineering-ws-", "engineering-ws-07"}, {"engineering-ws-", "engineering-ws-08"}, False),
        ({"engineering-ws-", "engineering-ws-07"}, {"engineering-ws-"}, True),
        ({"engineering-ws-"}, {"engineering-ws-"}, True),
        ({"desktop-ab12cde"}, {"desktop-ab12cdf"}, False),
    ],
)
def test_a_name_that_was_cut_is_its_whole_and_no_other(one: set[str], other: set[str], may: bool) -> None:
    assert may_be_one_name(one, other) is may_be_one_name(other, one) is may


def test_a_serial_typed_with_a_dash_is_the_same(tmp_path: Path) -> None:
    with bench(tmp_path) as hub:
        hub.observe("edr", source("edr").asset("m1", name="one", serial="CZC1234567", hostname="press-7"))
        hub.observe("cmdb", source("cmdb").asset("c1", name="two", serial="czc1-234567", hostname="PRESS-7"))
        hub.resolve()
        assert groups(hub) == [["c1", "m1"]]


def test_a_serial_with_its_prefix_contradicts_nothing(tmp_path: Path) -> None:
    with bench(tmp_path) as hub:
        hub.observe(
            "edr", source("edr").asset("m1", name="one", serial="VMware-56 4d 11 22 33 44 55 66", hostname="app-7")
        )
        hub.observe("cmdb", source("cmdb").asset("c1", name="two", serial="564d112233445566", hostname="app-7"))
        hub.resolve()
        assert groups(hub) == [["c1", "m1"]]


@pytest.mark.parametrize("mac", ["02:42:ac:11:00:01", "00:50:56:c0:00:08", "0a:00:27:00:00:0b"])
def test_networks_inside_a_host_say_nothing_of_it(tmp_path: Path, mac: str) -> None:
    inside = Interface(mac=mac, ips=["172.17.0.1"])
    with bench(tmp_path) as hub:
        hub.observe(
            "edr", source("edr").asset("m1", name="one", hostname="build-1", interfaces=[own(1), inside], last_seen=AT)
        )
        hub.observe("scan", source("scan").asset("s1", name="two", interfaces=[own(2), inside], last_seen=AT))
        hub.resolve()
        assert groups(hub) == [["m1"], ["s1"]]


def test_a_container_on_a_real_network_is_known_by_its_address(tmp_path: Path) -> None:
    seen = [Interface(mac="02:42:c0:a8:01:32", ips=["192.168.1.50"])]
    with bench(tmp_path) as hub:
        hub.observe("ot", source("ot").asset("a1", name="one", interfaces=seen, last_seen=AT))
        hub.observe("scan", source("scan").asset("s1", name="two", interfaces=seen, last_seen=AT))
        hub.resolve()
        assert groups(hub) == [["a1", "s1"]]


def own(number: int) -> Interface:
    return Interface(mac=f"d0:94:66:00:00:0{number}", ips=[f"10.0.0.{number}"])


def test_a_cut_name_joins_the_one_host_that_is_called_so(tmp_path: Path) -> None:
    with bench(tmp_path) as hub:
        hub.observe("edr", source("edr").asset("m1", name="a", hostname="engineering-ws-07.plant.example"))
        hub.observe("ot", source("ot").asset("a1", name="b", hostname="ENGINEERING-WS-"))
        hub.resolve()
        assert groups(hub) == [["a1", "m1"]]


def test_a_cut_name_that_two_hosts_share_joins_neither_also_when_the_second_comes_later(tmp_path: Path) -> None:
    with bench(tmp_path) as hub:
        hub.observe("edr", source("edr").asset("m1", name="a", hostname="engineering-ws-07"))
        hub.observe("ot", source("ot").asset("a1", name="b", hostname="ENGINEERING-WS-"))
        hub.observe("wire", source("wire").asset("w1", name="c", hostname="engineering-ws-"))
        hub.resolve()
        assert groups(hub) == [["a1", "m1", "w1"]]
        hub.observe("edr", source("edr").asset("m2", name="d", hostname="engineering-ws-08"))
        hub.resolve()
        assert groups(hub) == [["a1"], ["m1"], ["m2"], ["w1"]]


def groups(hub: Bench) -> list[list[str]]:
    return sorted(sorted(str(one["native_id"]) for one in asset["members"]) for asset in inventory(hub.store))
