"""What Tenable's records become, and what their traps do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.conftest import Objects, edges, map_records, objects_of

from isthmus_connectors.tenable_vm.connector import tenable_vm
from isthmus_sdk import stix

PAGES = Path(tenable_vm.folder) / "conformance" / "pages"
ASSETS, FINDINGS = (json.loads((PAGES / f"{name}.json").read_bytes()) for name in ("assets", "vulnerabilities"))


def mapped(stream: str, *records: Any) -> Objects:
    outcome = map_records(tenable_vm, stream, records)
    assert not outcome.quarantined, outcome.quarantined
    return objects_of(outcome)


def asset(**changes: Any) -> dict[str, Any]:
    [found] = [
        known
        for obj in mapped("assets", {**ASSETS[0], **changes})
        if (known := stix.facts(obj, stix.ASSET)) and known["kind"] == "asset"
    ]
    return dict(found)


def exposures(index: int, **changes: Any) -> dict[str, dict[str, Any]]:
    found = mapped("vulnerabilities", {**FINDINGS[index], **changes})
    named = {obj["id"]: obj["name"] for obj in found if obj["type"] == "vulnerability"}
    facts = {named[edge["target_ref"]]: stix.facts(edge, stix.EXPOSURE) for edge in edges(found, "has")}
    return {name: dict(known) for name, known in facts.items() if known}


def test_every_object_is_valid(valid: Callable[[Objects], None]) -> None:
    valid(mapped("assets", *ASSETS))
    valid(mapped("vulnerabilities", *FINDINGS))


def test_an_asset_says_what_identifies_it() -> None:
    known = asset(aws_ec2_instance_id="i-1")
    assert {row["kind"]: row["value"] for row in known["identifiers"]} == {
        "agent_id": ASSETS[0]["agent_uuid"], "bios_uuid": ASSETS[0]["bios_uuid"], "cmdb_id": "0a1b2c", "cloud_id": "i-1",
    }  # fmt: skip
    assert (known["serial"], known["criticality"], known["hostname"]) == ("7XK2Q217", 80, "ews-17")


def test_other_products_that_know_the_asset_are_told() -> None:
    assert asset()["monitored_by"] == ["HCL BigFix", "Qualys", "Symantec Endpoint Protection", "Trellix ePO"]


def test_an_interface_is_not_told_twice_and_what_belongs_to_none_stands_alone() -> None:
    [card] = asset()["interfaces"]
    assert (card["mac"], card["ips"]) == ("00:00:5e:00:53:11", ["192.0.2.17", "2001:db8::11"])
    cards = asset(network_interfaces=[], mac_addresses=["00:00:5E:00:53:21", "00:00:5E:00:53:22"])["interfaces"]
    assert sorted(card.get("mac", "") for card in cards) == ["", "00:00:5e:00:53:21", "00:00:5e:00:53:22"]


def test_names_in_the_singular_are_read_as_those_in_the_plural() -> None:
    cards = asset(
        mac_addresses=[], ipv4s=[], ipv6s=[],
        network_interfaces=[{"name": "e0", "mac_address": ["00:00:5E:00:53:31"], "ipv4": ["192.0.2.31"], "ipv6": ["2001:db8::1/32"]}],
    )["interfaces"]  # fmt: skip
    assert [(card["mac"], card["ips"]) for card in cards] == [("00:00:5e:00:53:31", ["192.0.2.31", "2001:db8::1"])]


@pytest.mark.parametrize(
    ("types", "systems", "wanted"),
    [
        (["switch"], [], "switch"),
        (["router", "switch"], [], None),
        (["general-purpose"], ["Microsoft Windows Server 2019"], "server"),
        (["general-purpose"], ["Windows 10", "Windows Server 2019"], None),
        (["general-purpose"], ["Linux Kernel 5.4"], None),
        (["toaster"], [], None),
        ([], ["Apple Mac OS X 10.5.8"], "workstation"),
    ],
)
def test_a_class_is_told_only_where_the_scanner_is_sure(
    types: list[str], systems: list[str], wanted: str | None
) -> None:
    assert asset(system_types=types, operating_systems=systems).get("asset_class") == wanted


def test_an_address_as_host_name_is_no_name() -> None:
    assert asset(hostnames=["192.0.2.17"], fqdns=["a.example"])["hostname"] == "a.example"
    assert "hostname" not in asset(hostnames=["192.0.2.17"], fqdns=[], netbios_names=[])


@pytest.mark.parametrize(("score", "wanted"), [("3", 30), (10, 100), (0, None), ("", None), (None, None), (99, None)])
def test_the_rating_is_put_on_our_scale(score: Any, wanted: int | None) -> None:
    assert asset(acr_score=score).get("criticality") == wanted


@pytest.mark.parametrize("field", ["deleted_at", "terminated_at"])
@pytest.mark.parametrize("never", [None, "", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"])
def test_a_time_that_says_never_keeps_the_asset(field: str, never: Any) -> None:
    assert asset(**{field: never})["native_id"] == ASSETS[0]["id"]


def test_software_is_named_by_its_cpe_and_what_is_none_is_left_out() -> None:
    found = {
        obj["name"]: obj
        for obj in mapped("assets", {**ASSETS[0], "operating_systems": []})
        if obj["type"] == "software"
    }
    assert set(found) == {"chrome", "edge", "openssh"}
    assert (found["chrome"]["vendor"], found["chrome"]["version"]) == ("google", "131.0.6778.85")
    assert "version" not in found["edge"]


def test_networks_tell_equal_addresses_apart() -> None:
    seen: list[tuple[Any, ...]] = []

    def scope(*given: Any, **named: Any) -> str:
        seen.append((*given, *named.values()))
        return "default"

    map_records(tenable_vm, "assets", [ASSETS[1], ASSETS[0]], scope=scope)
    assert any("North OT" in given for given in seen)
    assert not any("Default" in given for given in seen)


@pytest.mark.parametrize(
    ("state", "modification", "wanted"),
    [
        ("OPEN", "NONE", "open"), ("REOPENED", "NONE", "open"), ("FIXED", "NONE", "resolved"), ("open", "RECASTED", "open"),
        ("OPEN", "ACCEPTED", "accepted"), ("FIXED", "ACCEPTED", "resolved"),
    ],
)  # fmt: skip
def test_states(state: str, modification: str, wanted: str) -> None:
    assert exposures(0, state=state, severity_modification_type=modification)["CVE-2024-12053"]["state"] == wanted


def test_a_state_that_nobody_knows_is_quarantined_and_not_guessed() -> None:
    outcome = map_records(tenable_vm, "vulnerabilities", [{**FINDINGS[0], "state": "SLEEPING"}])
    assert [bad.path for bad in outcome.quarantined] == ["state"]


def test_each_cve_of_a_plugin_is_an_exposure_and_none_has_the_score_of_another() -> None:
    found = exposures(1)
    assert set(found) == {"CVE-2024-26234", "CVE-2024-29988"}
    assert all("cvss" not in known and "kev" not in known and known["state"] == "resolved" for known in found.values())


def test_one_cve_has_the_newest_score_and_the_catalogue() -> None:
    known = exposures(3)["CVE-2017-0144"]
    assert (known["cvss"], known["kev"], "fix" in known) == (9.3, True, False)


def test_a_plugin_without_a_cve_is_a_vulnerability_of_its_own() -> None:
    [(name, known)] = exposures(2).items()
    assert (name, known["cvss"], known["state"]) == ("Nessus plugin 57582", 6.5, "open")


def test_what_is_informational_is_ignored_with_a_reason() -> None:
    outcome = map_records(tenable_vm, "vulnerabilities", [FINDINGS[5]])
    assert dict(outcome.ignored) == {"informational: no vulnerability": 1}


def test_the_exposure_and_the_asset_meet() -> None:
    host = next(obj["id"] for obj in mapped("assets", ASSETS[0]) if obj["type"] == "infrastructure")
    assert {edge["source_ref"] for edge in edges(mapped("vulnerabilities", FINDINGS[0]), "has")} == {host}


def test_little_is_enough_and_nothing_is_not() -> None:
    assert len(mapped("assets", {"id": "a"})) == 1
    assert len(exposures(6)) == 1
    outcome = map_records(
        tenable_vm, "vulnerabilities", [{"plugin": {"id": 1}}, {"asset": {"uuid": ""}, "plugin": {"id": 1}}]
    )
    assert len(outcome.quarantined) == 2


def test_one_plugin_on_two_ports_is_one_exposure_and_both_records_count() -> None:
    other = {**FINDINGS[0], "port": {"port": 8443, "protocol": "TCP"}}
    outcome = map_records(tenable_vm, "vulnerabilities", [FINDINGS[0], other])
    assert outcome.mapped == 2
    assert len(edges(objects_of(outcome), "has")) == 1


def test_both_forms_of_the_export_give_the_same_asset() -> None:
    first = {
        "id": "a7", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-02-01T00:00:00Z", "last_seen": "2026-02-01T00:00:00Z",
        "network_name": "Plant A", "hostnames": ["hist-1"], "ipv4s": ["192.0.2.17"], "mac_addresses": ["00:00:5e:00:53:17"],
        "azure_vm_id": "vm-7", "aws_ec2_instance_id": None, "acr_score": "7",
    }  # fmt: skip
    second = {
        "id": "a7",
        "timestamps": {name: first[name] for name in ("created_at", "updated_at", "last_seen")} | {"deleted_at": None},
        "network": {name: first[name] for name in ("network_name", "hostnames", "ipv4s", "mac_addresses")},
        "cloud": {"azure": {"vm_id": "vm-7"}, "aws": {"ec2_instance_id": None}, "gcp": None},
        "ratings": {"acr": {"score": 7}, "aes": {"score": 500}},
        "scan": None,
    }
    assert mapped("assets", first) == mapped("assets", second)
    gone = map_records(tenable_vm, "assets", [{**second, "timestamps": {"deleted_at": "2026-03-01T00:00:00Z"}}])
    assert gone.ignored == {"deleted in Tenable": 1}


@pytest.mark.parametrize(
    "odd", [{"timestamps": None}, {"network": []}, {"cloud": {"aws": "x"}}, {"ratings": {"acr": 3}}]
)
def test_a_nested_form_with_nothing_in_it_costs_nothing(odd: dict[str, Any]) -> None:
    assert mapped("assets", {"id": "a7", "hostnames": ["hist-1"], **odd}) == mapped(
        "assets", {"id": "a7", "hostnames": ["hist-1"]}
    )
