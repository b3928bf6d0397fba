"""Traps of the payload, one test each: what they become, and what goes to quarantine."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.conftest import OBSERVED, edges, map_records, objects_of

from isthmus_connectors.microsoft_defender.connector import defender
from isthmus_connectors.microsoft_defender.mapping import alert_to_stix
from isthmus_connectors.microsoft_defender.models import Alert
from isthmus_sdk import stix
from isthmus_sdk.stix import Builder

MACHINE: dict[str, Any] = {
    "id": "m-1", "computerDnsName": "pc-1.corp.example", "osPlatform": "Windows10", "version": "22H2",
    "firstSeen": "2025-01-01T00:00:00.1234567Z", "lastSeen": "2026-05-04T05:58:16.2059102Z", "healthStatus": "Active",
    "onboardingStatus": "Onboarded", "ipAddresses": [{"ipAddress": "10.1.0.9", "macAddress": "D89EF3000099"}],
}  # fmt: skip
ALERT: dict[str, Any] = {
    "id": "da1_1", "title": "Suspicious", "severity": "Medium", "status": "New", "category": "Execution",
    "machineId": "m-1", "alertCreationTime": "2026-05-04T05:22:00Z", "lastUpdateTime": "2026-05-04T05:22:30.2Z",
}  # fmt: skip
FINDING: dict[str, Any] = {
    "id": "m-1-_-CVE-2020-6494-_-microsoft-_-edge-_-81-_-", "cveId": "CVE-2020-6494", "machineId": "m-1",
    "fixingKbId": None, "productName": "edge", "productVendor": "microsoft", "productVersion": "81", "severity": "Low",
}  # fmt: skip
STREAMS = {"machines": MACHINE, "alerts": ALERT, "vulnerabilities": FINDING}


def machine(**fields: Any) -> dict[str, Any]:
    (obj,) = objects_of(map_records(defender, "machines", [{**MACHINE, **fields}]), "infrastructure")
    return obj


def facts(**fields: Any) -> dict[str, Any]:
    known = stix.facts(machine(**fields), stix.ASSET)
    assert known is not None
    return known


def alert(**fields: Any) -> dict[str, Any]:
    (obj,) = objects_of(map_records(defender, "alerts", [{**ALERT, **fields}]), "incident", "sighting")
    return obj


def evidence(*rows: Any) -> list[dict[str, Any]]:
    objects = objects_of(map_records(defender, "alerts", [{**ALERT, "evidence": list(rows)}]))
    seen = {ref for obj in objects if obj["type"] == "observed-data" for ref in obj["object_refs"]}
    return [obj for obj in objects if obj["id"] in seen]


@pytest.mark.parametrize("stream", sorted(STREAMS))
@pytest.mark.parametrize("id", [None, "", " ", {}, ["m-1"]])
def test_a_record_without_its_id_goes_to_quarantine_and_the_page_goes_on(stream: str, id: Any) -> None:
    record = STREAMS[stream]
    outcome = map_records(defender, stream, [{**record, "id": id}, record])
    assert [(bad.index, bad.path) for bad in outcome.quarantined] == [(0, "id")]
    assert outcome.mapped == 1


@pytest.mark.parametrize(
    ("stream", "fields", "path"),
    [
        ("machines", {"lastSeen": "yesterday"}, "lastSeen"),
        ("machines", {"ipAddresses": ["10.0.0.1"]}, "ipAddresses[0]"),
        ("machines", {"machineTags": [{"tag": 1}]}, "machineTags"),
        ("alerts", {"alertCreationTime": None}, "alertCreationTime"),
        ("alerts", {"evidence": "none"}, "evidence[0]"),
        ("vulnerabilities", {"cvssScore": 11}, "cvssScore"),
        ("vulnerabilities", {"machineId": ""}, "machineId"),
    ],
)
def test_what_would_have_to_be_guessed_goes_to_quarantine_with_its_path(
    stream: str, fields: dict[str, Any], path: str
) -> None:
    outcome = map_records(defender, stream, [{**STREAMS[stream], **fields}])
    assert [bad.path for bad in outcome.quarantined] == [path]


@pytest.mark.parametrize("written", ["D89EF3000099", "d8:9e:f3:00:00:99", "D8-9E-F3-00-00-99"])
def test_a_mac_is_read_in_any_spelling(written: str) -> None:
    known = facts(ipAddresses=[{"ipAddress": "10.1.0.9", "macAddress": written}])
    assert [each["mac"] for each in known["interfaces"]] == ["d8:9e:f3:00:00:99"]


@pytest.mark.parametrize("mac", ["000000000000", None, "", "01005E901000", "3333FF000001", "FFFFFFFFFFFF", "nonsense"])
def test_a_mac_that_identifies_nothing_costs_only_itself(mac: str | None) -> None:
    known = facts(ipAddresses=[{"ipAddress": "10.1.0.9", "macAddress": mac}])
    assert [set(each) & {"mac", "ips"} for each in known["interfaces"]] == [{"ips"}]


def test_addresses_of_one_adapter_are_one_interface() -> None:
    rows = [
        {"ipAddress": ip, "macAddress": "D89EF3000099"} for ip in ("10.1.0.9", "2001:db8::9", "fe80::1", "169.254.1.1")
    ]
    known = facts(ipAddresses=rows)
    assert [each["ips"] for each in known["interfaces"]] == [["10.1.0.9", "2001:db8::9"]]


@pytest.mark.parametrize(("addresses", "ips"), [(None, []), ([], []), ({"ipAddress": "10.1.0.9"}, ["10.1.0.9"])])
def test_addresses_may_be_null_none_or_a_single_one(addresses: Any, ips: list[str]) -> None:
    assert [ip for each in facts(ipAddresses=addresses).get("interfaces", ()) for ip in each["ips"]] == ips


def test_the_external_address_is_not_the_machines_own() -> None:
    assert "203.0.113.9" not in str(
        objects_of(map_records(defender, "machines", [{**MACHINE, "lastExternalIpAddress": "203.0.113.9"}]))
    )


def test_a_merged_machine_is_a_duplicate_of_the_survivor() -> None:
    rows = [{**MACHINE, "mergedIntoMachineId": "m-2"}, {**MACHINE, "id": "m-2"}]
    objects = objects_of(map_records(defender, "machines", rows))
    ids = {stix.facts(obj, stix.ASSET)["native_id"]: obj["id"] for obj in objects if obj["type"] == "infrastructure"}
    (edge,) = edges(objects, "duplicate-of")
    assert (edge["source_ref"], edge["target_ref"]) == (ids["m-1"], ids["m-2"])


def test_whether_the_agent_works_is_told() -> None:
    labels = machine(healthStatus="NoSensorData", onboardingStatus="CanBeOnboarded", isExcluded=True)["labels"]
    assert {"health:nosensordata", "onboarding:canbeonboarded", "excluded"} <= set(labels)


@pytest.mark.parametrize(
    ("platform", "asset_class"),
    [
        ("Windows11", "workstation"), ("WindowsServer2019", "server"), ("Windows Server 2022", "server"), ("macOS", "workstation"),
        ("iOS", "mobile"), ("Ubuntu", None), (None, None), ("Unknown", None),
    ],
)  # fmt: skip
def test_the_class_comes_from_the_platform_where_it_tells(platform: str | None, asset_class: str | None) -> None:
    assert facts(osPlatform=platform).get("asset_class") == asset_class


def test_identifiers_of_agent_directory_and_cloud() -> None:
    known = facts(aadDeviceId="d78dc223-8dc8-1234-5678-abcdef03505b", vmMetadata={"vmId": "vm-1", "resourceId": None})
    assert known["identifiers"] == [
        {"kind": "agent_id", "value": "m-1"},
        {"kind": "cloud_id", "value": "vm-1"},
        {"kind": "directory_id", "value": "d78dc223-8dc8-1234-5678-abcdef03505b"},
    ]


@pytest.mark.parametrize(("value", "criticality"), [("High", 75), ("Normal", None), ("Low", 25), (None, None)])
def test_the_device_value_is_criticality_only_where_somebody_set_it(value: str | None, criticality: int | None) -> None:
    assert facts(deviceValue=value).get("criticality") == criticality


@pytest.mark.parametrize(
    ("status", "normal"),
    [("New", "open"), ("InProgress", "acknowledged"), ("Resolved", "closed"), ("Unknown", None), ("Later", None)],
)
def test_the_status_is_one_of_ours(status: str, normal: str | None) -> None:
    assert stix.facts(alert(status=status), stix.ALERT).get("status") == normal


@pytest.mark.parametrize(
    ("severity", "number"), [("Informational", 10), ("High", 70), ("UnSpecified", None), ("Apocalyptic", None)]
)
def test_a_severity_that_is_new_to_us_does_not_cost_the_alert(severity: str, number: int | None) -> None:
    known = stix.facts(alert(severity=severity), stix.ALERT)
    assert known.get("severity") == number
    assert known.get("vendor_severity") in (severity, None)


def test_an_alert_without_a_machine_has_no_host() -> None:
    assert "subjects" not in stix.facts(alert(machineId=None), stix.ALERT)


def test_the_rule_of_an_alert_keeps_its_name_whatever_the_titles() -> None:
    rows = [{**ALERT, "id": f"da{n}", "title": f"'Malware{n}' was detected", "detectorId": "d-1"} for n in range(3)]
    (indicator,) = objects_of(map_records(defender, "alerts", rows), "indicator")
    assert "Malware" not in indicator["name"]


@pytest.mark.parametrize(
    ("row", "types"),
    [
        ({"entityType": "Ip", "ipAddress": "203.0.113.7"}, ["ipv4-addr"]),
        ({"entityType": "Ip", "ipAddress": "2001:db8::7"}, ["ipv6-addr"]),
        ({"entityType": "Ip", "ipAddress": "somewhere"}, []),
        ({"entityType": "Url", "url": "https://bad.example/x"}, ["url"]),
        ({"entityType": "User", "accountName": "operator", "domainName": "OT"}, ["user-account"]),
        ({"entityType": "User", "userPrincipalName": "o@ot.example"}, ["user-account"]),
        ({"entityType": "File", "fileName": "a.dll"}, ["file"]),
        ({"entityType": "File", "fileName": None, "sha1": "111"}, []),
        ({"entityType": "Process", "fileName": "a.exe", "processId": None}, ["file"]),
        ({"entityType": "Process", "processId": "4104"}, ["process"]),
        ({"entityType": "RegistryKey", "registryKey": "HKLM"}, ["windows-registry-key"]),
        ({"entityType": "RegistryValue", "registryKey": None}, []),
        ({"entityType": None}, []),
    ],
)
def test_evidence_becomes_the_object_it_names(row: dict[str, Any], types: list[str]) -> None:
    assert [obj["type"] for obj in evidence(row)] == types


@pytest.mark.parametrize(
    "told",
    [
        {"registryHive": "HKEY_LOCAL_MACHINE", "registryKey": "SOFTWARE\\Run"},
        {"registryHive": "HKLM", "registryKey": "HKLM\\SOFTWARE\\Run"},
        {"registryHive": None, "registryKey": "HKLM\\SOFTWARE\\Run"},
    ],
)
def test_a_registry_value_is_its_key_in_full_with_the_data(told: dict[str, Any]) -> None:
    row = {"entityType": "RegistryValue", "registryValueName": "updater", "registryValue": "a.exe", **told}
    (key,) = evidence(row)
    assert key["key"] == "HKEY_LOCAL_MACHINE\\SOFTWARE\\Run"
    assert key["values"] == [{"name": "updater", "data": "a.exe"}]
    (unnamed,) = evidence({**row, "registryValueName": None})
    assert unnamed["values"] == [{"data": "a.exe"}]


def test_what_the_service_says_of_an_alert_is_a_reference() -> None:
    told = alert(
        incidentId=7,
        threatName="Trojan:Win32/X",
        threatFamilyName="X",
        classification="TruePositive",
        determination="Malware",
    )
    known = {each["source_name"]: each for each in told["external_references"]}
    assert known["microsoft-defender-incident"]["external_id"] == "7"
    assert known["microsoft-defender-threat"]["description"] == "family X"
    assert (
        known["microsoft-defender-classification"]["external_id"],
        known["microsoft-defender-classification"]["description"],
    ) == ("TruePositive", "Malware")
    silent = {each["source_name"] for each in alert(incidentId=None, classification="")["external_references"]}
    assert not silent & {name for name in known if name.startswith("microsoft-defender-")}


def test_an_excluded_machine_says_why() -> None:
    assert "exclusion-reason:duplicate" in machine(isExcluded=True, exclusionReason="Duplicate")["labels"]
    assert not [each for each in machine(exclusionReason="Duplicate")["labels"] if each.startswith("excl")]


def test_evidence_may_be_a_single_object() -> None:
    record = {**ALERT, "evidence": {"entityType": "File", "fileName": "SB.xsl"}}
    assert [obj["name"] for obj in objects_of(map_records(defender, "alerts", [record]), "file")] == ["SB.xsl"]


def test_hashes_are_kept_where_they_are_hashes_and_noted_where_not() -> None:
    (file,) = evidence({"entityType": "File", "fileName": "a.dll", "sha1": "AB" * 20, "sha256": "111"})
    assert file["hashes"] == {"SHA-1": "ab" * 20}
    record = Alert.model_validate({**ALERT, "evidence": [{"entityType": "File", "fileName": "a.dll", "sha256": "111"}]})
    (shape,) = alert_to_stix(record, Builder(source_id="t", connector="microsoft-defender", observed_at=OBSERVED))
    assert shape.notes == ("evidence.sha256: '111' is not a SHA-256 hash",)


def test_one_process_id_at_two_times_is_two_processes() -> None:
    rows = [
        {"entityType": "Process", "processId": 7, "processCreationTime": f"2026-05-04T05:0{n}:00Z"} for n in range(2)
    ]
    assert len(evidence(*rows)) == 2


def test_an_exposure_has_its_product_and_its_fix() -> None:
    objects = objects_of(map_records(defender, "vulnerabilities", [{**FINDING, "fixingKbId": "3185911"}]))
    (software,) = [obj for obj in objects if obj["type"] == "software"]
    assert (software["name"], software["vendor"], software["version"]) == ("edge", "microsoft", "81")
    (edge,) = edges(objects, "has")
    known = stix.facts(edge, stix.EXPOSURE)
    assert (known["state"], known["fix"]) == ("open", "KB3185911")
    assert {each["source_ref"] for each in edges(objects, "consists-of")} == {edge["source_ref"]}


EXPORTED: dict[str, Any] = {
    "id": "m-1_microsoft_edge_81_CVE-2020-6494", "deviceId": "m-1", "cveId": "CVE-2020-6494", "softwareName": "edge",
    "softwareVendor": "microsoft", "softwareVersion": "81", "cvssScore": "8.8", "recommendedSecurityUpdateId": "3185911",
    "firstSeenTimestamp": "2020-11-03 10:13:34.8476880", "lastSeenTimestamp": "2020-12-03 10:13:34",
    "exploitabilityLevel": "NoExploit",
}  # fmt: skip


def exposure(**fields: Any) -> dict[str, Any]:
    (edge,) = edges(objects_of(map_records(defender, "vulnerabilities", [{**EXPORTED, **fields}])), "has")
    return edge


def test_a_row_of_the_export_is_the_same_exposure_with_score_and_times() -> None:
    told = exposure()
    (listed,) = edges(objects_of(map_records(defender, "vulnerabilities", [FINDING])), "has")
    assert told["id"] == listed["id"]
    known = stix.facts(told, stix.EXPOSURE)
    assert (known["state"], known["cvss"], known["fix"]) == ("open", 8.8, "KB3185911")
    assert known["first_seen"] == "2020-11-03T10:13:34.847688Z"
    assert (
        stix.facts(exposure(recommendedSecurityUpdateId=None, recommendedSecurityUpdate="Edge 83"), stix.EXPOSURE)[
            "fix"
        ]
        == "Edge 83"
    )


def test_a_change_that_says_fixed_is_a_newer_version_that_is_resolved() -> None:
    new = exposure(status="New", eventTimestamp="2021-01-01T00:00:00Z")
    fixed = exposure(status="Fixed", eventTimestamp="2021-01-02T00:00:00Z")
    assert (new["id"], stix.facts(new, stix.EXPOSURE)["state"]) == (fixed["id"], "open")
    assert stix.facts(fixed, stix.EXPOSURE)["state"] == "resolved"
    assert new["modified"] < fixed["modified"]
    assert not edges(
        objects_of(map_records(defender, "vulnerabilities", [{**EXPORTED, "status": "Fixed"}])), "consists-of"
    )


def standing(*rows: dict[str, Any]) -> dict[str, str]:
    """State of each exposure once all the rows are told, each on a page of its own: the newest version holds."""
    newest: dict[str, dict[str, Any]] = {}
    for row in rows:
        for edge in edges(objects_of(map_records(defender, "vulnerabilities", [{**EXPORTED, **row}])), "has"):
            if edge["modified"] >= newest.get(edge["id"], edge)["modified"]:
                newest[edge["id"]] = edge
    return {
        str(stix.facts(edge, stix.EXPOSURE)["native_id"]): stix.facts(edge, stix.EXPOSURE)["state"]
        for edge in newest.values()
    }


AT = "2021-01-02 00:00:00.1234567"


@pytest.mark.parametrize("turn", [1, -1])
def test_a_cve_that_is_fixed_in_one_product_is_still_open_in_the_other(turn: int) -> None:
    rows = [
        {"softwareName": "viewer", "status": "Fixed", "eventTimestamp": AT},
        {"softwareName": "reader", "status": "New", "eventTimestamp": AT},
    ]
    assert standing(*rows[::turn]) == {"microsoft viewer 81": "resolved", "microsoft reader 81": "open"}


@pytest.mark.parametrize("turn", [1, -1])
def test_a_new_version_with_the_old_flaw_leaves_it_open(turn: int) -> None:
    rows = [
        {"softwareVersion": "1.0", "status": "Fixed", "eventTimestamp": AT},
        {"softwareVersion": "2.0", "status": "New", "eventTimestamp": AT},
    ]
    assert standing(*rows[::turn]) == {"microsoft edge 1.0": "resolved", "microsoft edge 2.0": "open"}


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("apart", ["2021-01-01 23:20:00", AT, "2021-01-02 00:40:00"])
def test_a_machine_that_moves_to_another_group_keeps_its_exposures_open(turn: int, apart: str) -> None:
    rows = [
        {"rbacGroupId": 3, "status": "Fixed", "eventTimestamp": AT},
        {"rbacGroupId": 4, "status": "New", "eventTimestamp": apart},
    ]
    assert standing(*rows[::turn]) == {"microsoft edge 81": "open"}


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize(
    ("first", "then", "state"), [("New", "Fixed", "resolved"), ("Fixed", "New", "open"), ("Fixed", "Updated", "open")]
)
def test_of_two_looks_of_the_service_the_later_one_holds(turn: int, first: str, then: str, state: str) -> None:
    rows = [
        {"status": first, "eventTimestamp": "2021-01-02 00:00:00"},
        {"status": then, "eventTimestamp": "2021-01-02 06:00:00"},
    ]
    assert standing(*rows[::turn]) == {"microsoft edge 81": state}


def test_what_the_whole_export_held_is_closed_by_a_later_fix_however_late_it_was_read() -> None:
    listed = {"lastSeenTimestamp": "2021-01-01 20:00:00"}  # read at OBSERVED, years after
    fixed = {**listed, "status": "fixed", "eventTimestamp": AT}
    assert standing(listed, fixed) == standing(fixed, listed) == {"microsoft edge 81": "resolved"}


KNOWN: dict[str, Any] = {
    "id": "CVE-2019-0608", "name": "CVE-2019-0608", "description": "A spoofing vulnerability", "severity": "Medium",
    "cvssV3": 4.3, "cvssVector": "CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", "exposedMachines": 4, "epss": 0.12,
    "publishedOn": "2019-10-08T00:00:00Z", "updatedOn": "2019-12-16T16:20:00Z", "publicExploit": True,
    "exploitVerified": False, "exploitInKit": True, "exploitTypes": ["Remote"],
    "exploitUris": ["https://exploits.example/1", "no address", "javascript:x"], "CveSupportability": "supported",
}  # fmt: skip


def test_what_is_known_of_a_cve_is_on_the_vulnerability_of_everybody() -> None:
    (known,) = objects_of(map_records(defender, "cves", [KNOWN]), "vulnerability")
    exposures = objects_of(map_records(defender, "vulnerabilities", [{**EXPORTED, "cveId": "cve-2019-0608"}]))
    assert known["id"] in {obj["id"] for obj in exposures}
    facts_ = stix.facts(known, stix.EXPOSURE)
    assert (facts_["cvss"], facts_["epss"]) == (4.3, 0.12)
    assert known["labels"] == ["exploit-type:remote", "exploit:in-kit", "exploit:public"]
    told = {each["source_name"]: each for each in known["external_references"]}
    assert told["cvss"]["description"] == KNOWN["cvssVector"]
    assert [each["url"] for each in known["external_references"] if "url" in each] == ["https://exploits.example/1"]
    assert known["modified"] == "2019-12-16T16:20:00.000Z"


def test_a_cve_that_no_machine_has_is_left_aside_and_one_that_tells_nothing_else_is_not() -> None:
    outcome = map_records(defender, "cves", [{**KNOWN, "exposedMachines": 0}, {"id": "TVM-2020-0002"}])
    assert list(outcome.ignored) == ["no machine has it"]
    assert outcome.mapped == 1


def test_a_product_without_a_cve_is_ignored_and_a_row_without_the_field_is_not() -> None:
    outcome = map_records(defender, "vulnerabilities", [{**EXPORTED, "cveId": None}])
    assert list(outcome.ignored) == ["a product without a CVE"]
    bare = {name: value for name, value in EXPORTED.items() if name != "cveId"}
    assert [bad.path for bad in map_records(defender, "vulnerabilities", [bare]).quarantined] == ["cveId"]


def test_the_device_group_decides_the_scope_and_is_no_site() -> None:
    asked: list[tuple[Any, ...]] = []

    def scope(*where: Any) -> str:
        asked.append(where)
        return "plant"

    objects = objects_of(
        map_records(defender, "machines", [{**MACHINE, "rbacGroupName": "North"}], scope=scope), "infrastructure"
    )
    assert [where[0] for where in asked] == ["North"]
    assert "site" not in stix.facts(objects[0], stix.ASSET)


def test_no_time_comes_from_a_clock() -> None:
    early, late = (
        objects_of(map_records(defender, "alerts", [ALERT], observed_at=at), "incident")
        for at in ("2026-06-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z")
    )
    assert early == late


def test_software_of_a_machine_says_since_when_it_is_there_and_how_long_it_is_supported() -> None:
    row = {
        "deviceId": "a" * 40, "softwareVendor": "example", "softwareName": "designer", "softwareVersion": "8.1",
        "softwareFirstSeenTimestamp": "2026-04-07 02:06:47", "endOfSupportStatus": "EOS Version",
        "endOfSupportDate": "2026-01-31",
    }  # fmt: skip
    objects = objects_of(map_records(defender, "software", [row]))
    (edge,) = (obj for obj in objects if obj["type"] == "relationship")
    assert edge["start_time"] == "2026-04-07T02:06:47.000Z"
    assert edge["description"] == "EOS Version; supported until 2026-01-31"


def test_software_without_a_name_is_quarantined() -> None:
    (bad,) = map_records(defender, "software", [{"deviceId": "a" * 40}]).quarantined
    assert bad.path == "softwareName"
