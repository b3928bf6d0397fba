"""A small plant for both vendors' simulators: two cells alike, an engineering station, an office PC."""

from __future__ import annotations

import copy
from typing import Any

SEEN_BY_GUARDIAN: dict[str, Any] = {"nozomi-guardian": {}}
SEEN_BY_DEFENDER: dict[str, Any] = {"microsoft-defender": {}}
SEEN_BY_BOTH: dict[str, Any] = {**SEEN_BY_GUARDIAN, **SEEN_BY_DEFENDER}


def _plc(cell: int) -> dict[str, Any]:
    return {
        "id": f"cell{cell}-plc-1", "name": f"PLC {cell}-1", "class": "plc", "technology": "ot", "vendor": "Siemens",
        "model": "SIMATIC S7-1500", "serial": f"S C-X{cell}", "firmware": "2.8.1", "level": "1", "zone": f"Cell {cell}",
        "site": "North", "sensor": f"guardian-cell-{cell}", "risk": 60, "protocols": ["modbus"],
        "interfaces": [{"mac": f"00:1b:1b:00:0{cell}:01", "ips": ["192.168.10.20"], "vlan": 10}],
        "first_seen": "2026-01-01T00:00:00Z", "last_seen": "2026-05-04T05:59:00.123Z",
        "end_of_support": "2027-06-30T00:00:00Z", "seen_by": SEEN_BY_GUARDIAN,
    }  # fmt: skip


PLANT: dict[str, Any] = {
    "name": "north-works",
    "devices": [
        _plc(1),
        _plc(2),
        {
            "id": "cell1-ews", "name": "EWS-1", "hostname": "ews-1.ot.example", "class": "engineering_station",
            "technology": "ot", "vendor": "Dell", "model": "Precision 3660", "serial": "7XK2Q24", "os": "Windows 10",
            "os_version": "22H2", "os_build": 19045, "level": "2", "zone": "Cell 1", "site": "North",
            "sensor": "guardian-cell-1",
            "interfaces": [{"mac": "d8:9e:f3:00:00:11", "ips": ["192.168.10.5"], "vlan": 10}],
            "external_ip": "198.51.100.7", "first_seen": "2025-11-05T11:54:59.571700Z",
            "last_seen": "2026-05-04T05:58:16.205910Z", "risk": 45, "seen_by": SEEN_BY_BOTH,
        },
        {
            "id": "office-1", "name": "OFFICE-1", "hostname": "office-1.corp.example", "class": "workstation",
            "technology": "it", "os": "Windows 11", "os_version": "23H2", "os_build": 22631,
            "interfaces": [{"mac": "d8:9e:f3:00:00:99", "ips": ["10.1.0.9", "2001:db8::9"]}],
            "first_seen": "2025-11-05T11:54:59Z", "last_seen": "2026-05-04T05:58:16Z", "tags": ["Finance"],
            "seen_by": SEEN_BY_DEFENDER,
        },
    ],
    "links": [
        {
            "id": "l1", "source": "cell1-ews", "target": "cell1-plc-1", "protocol": "modbus", "transport": "tcp",
            "port": 502, "function_codes": ["3", "16"], "bytes": 123456, "packets": 999, "vlan": 10,
            "first_seen": "2026-01-01T00:00:00.001Z", "last_seen": "2026-05-04T05:59:00Z",
        },
        {
            "id": "l2", "source": {"ip": "192.168.10.5", "zone": "Cell 2"}, "target": "cell2-plc-1",
            "protocol": "modbus", "transport": "tcp", "port": 502, "bytes": 10, "packets": 1,
            "first_seen": "2026-01-01T00:00:00.001Z", "last_seen": "2026-05-04T05:59:00Z",
        },
        {
            "id": "l3", "source": "cell1-ews", "target": {"ip": "8.8.8.8", "zone": "Internet"}, "protocol": "dns",
            "transport": "udp", "port": 53, "first_seen": "2026-02-01T00:00:00Z", "last_seen": "2026-05-04T05:59:01Z",
        },
        {
            "id": "l4", "source": "cell1-ews", "target": {"ip": "192.168.10.255"}, "protocol": "netbios-ns",
            "transport": "udp", "port": 137, "broadcast": True, "first_seen": "2026-02-01T00:00:00Z",
            "last_seen": "2026-05-04T05:59:02Z",
        },
    ],
    "alerts": [
        {
            "id": "a1", "title": "Program change", "description": "Online edits on PLC 1-1",
            "category": "SIGN:PROGRAM:CHANGE", "severity": 60, "status": "open", "source": "cell1-ews",
            "target": "cell1-plc-1", "protocol": "s7", "transport": "tcp", "source_port": 50123, "port": 102,
            "first_seen": "2026-05-04T05:30:00Z", "created": "2026-05-04T05:30:05Z", "seen_by": SEEN_BY_GUARDIAN,
        },
        {
            "id": "a2", "title": "Suspicious process injection observed", "description": "notepad.exe",
            "category": "DefenseEvasion", "severity": 50, "status": "open", "device": "cell1-ews",
            "techniques": ["T1055", "T1055.001"], "user": {"name": "operator", "domain": "OT"},
            "first_seen": "2026-05-04T05:20:00.1234567Z", "last_seen": "2026-05-04T05:21:00Z",
            "created": "2026-05-04T05:22:00Z", "updated": "2026-05-04T05:22:30.2Z",
            "evidence": [
                {
                    "entityType": "Process", "evidenceCreationTime": "2026-05-04T05:22:00.77Z",
                    "sha1": "b6d237154f2e528f0b503b58b025862d66b02b73",
                    "sha256": "a92056d772260b39a876d01552496b2f8b4610a0b1e084952fe1176784e2ce77",
                    "fileName": "notepad.exe", "filePath": "C:\\Windows\\System32", "processId": 4104,
                    "processCommandLine": "notepad.exe", "processCreationTime": "2026-05-04T05:19:38.9784654Z",
                    "parentProcessId": 6012, "parentProcessCreationTime": "2026-05-04T05:04:51.487396Z",
                    "parentProcessFileName": "explorer.exe", "parentProcessFilePath": "C:\\Windows",
                },
                {"entityType": "Ip", "ipAddress": "203.0.113.77"},
                {"entityType": "Url", "url": "https://bad.example/x"},
                {"entityType": "User", "accountName": "operator", "domainName": "OT", "userSid": "S-1-5-21-1-2-3-1001"},
            ],
            "seen_by": SEEN_BY_DEFENDER,
        },
    ],
    "vulnerabilities": [
        {
            "id": "v1", "device": "cell1-plc-1", "cve": "CVE-2018-7844", "cvss": 7.5, "epss": 0.13834, "kev": False,
            "summary": "SNMP disclosure", "product": {"cpe": "cpe:/o:siemens:simatic_s7-1500_firmware:2.8.1:-:-"},
            "first_seen": "2026-03-01T00:00:00Z", "seen_by": SEEN_BY_GUARDIAN,
        },
        {
            "id": "v2", "device": "cell1-ews", "cve": "CVE-2020-6494", "cvss": 6.5, "fix": "KB5059091",
            "product": {"vendor": "microsoft", "name": "edge_chromium-based", "version": "81.0.416.77"},
            "first_seen": "2026-03-01T00:00:00Z", "seen_by": SEEN_BY_BOTH,
        },
    ],
}  # fmt: skip


def plant(**changes: Any) -> dict[str, Any]:
    """A copy of the plant that a test may change."""
    return {**copy.deepcopy(PLANT), **changes}
