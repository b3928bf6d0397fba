"""A sound object of every type, as small as the standard allows, to be broken one way at a time."""

from __future__ import annotations

import copy
from typing import Any

from isthmus_sdk.stix import sco_id, sdo_id
from isthmus_sdk.stix._table import TYPES

Json = dict[str, Any]
T0, T1 = "2024-01-01T00:00:00.000Z", "2024-02-01T00:00:00.000Z"
IDENTITY = sdo_id("identity", {"name": "a"})
MALWARE = sdo_id("malware", {"name": "m"})
IPV4 = sco_id("ipv4-addr", {"value": "10.0.0.5"})

_OWN: dict[str, Json] = {
    "attack-pattern": {"name": "n", "kill_chain_phases": [{"kill_chain_name": "k", "phase_name": "p"}]},
    "campaign": {"name": "n", "first_seen": T0, "last_seen": T1},
    "course-of-action": {"name": "n"},
    "grouping": {"context": "unspecified", "object_refs": [MALWARE]},
    "identity": {"name": "n", "identity_class": "system", "sectors": ["energy"]},
    "incident": {"name": "n"},
    "indicator": {"pattern": "[ipv4-addr:value = '10.0.0.5']", "pattern_type": "stix", "valid_from": T0, "valid_until": T1},
    "infrastructure": {"name": "n", "infrastructure_types": ["control-system"], "first_seen": T0, "last_seen": T1},
    "intrusion-set": {"name": "n", "goals": ["g"]},
    "location": {"latitude": 48.5, "longitude": 11, "precision": 10.0, "country": "de"},
    "malware": {"name": "n", "is_family": True, "sample_refs": [sco_id("file", {"name": "f"})]},
    "malware-analysis": {"product": "p", "result": "benign"},
    "note": {"content": "c", "object_refs": [MALWARE]},
    "observed-data": {"first_observed": T0, "last_observed": T1, "number_observed": 1, "object_refs": [IPV4]},
    "opinion": {"opinion": "agree", "object_refs": [MALWARE]},
    "report": {"name": "n", "published": T0, "object_refs": [MALWARE]},
    "threat-actor": {"name": "n", "roles": ["agent"]},
    "tool": {"name": "n"},
    "vulnerability": {"name": "n", "external_references": [{"source_name": "cve", "external_id": "CVE-2024-0001"}]},
    "relationship": {"relationship_type": "uses", "source_ref": MALWARE, "target_ref": sdo_id("tool", {"name": "t"})},
    "sighting": {"sighting_of_ref": MALWARE, "count": 3, "where_sighted_refs": [IDENTITY]},
    "language-content": {"object_ref": MALWARE, "contents": {"de": {"name": "N"}}},
    "marking-definition": {"definition_type": "statement", "definition": {"statement": "s"}},
    "extension-definition": {
        "created_by_ref": IDENTITY, "name": "n", "schema": "{}", "version": "1.0.0", "extension_types": ["property-extension"],
    },
    "artifact": {"mime_type": "image/jpeg", "payload_bin": "QUJD"},
    "autonomous-system": {"number": 64_500},
    "directory": {"path": "/tmp"},
    "domain-name": {"value": "example.org"},
    "email-addr": {"value": "a@example.org"},
    "email-message": {"is_multipart": False, "subject": "s", "body": "b"},
    "file": {"name": "f", "hashes": {"MD5": "0" * 32}, "extensions": {"ntfs-ext": {"sid": "s"}}},
    "ipv4-addr": {"value": "10.0.0.5"},
    "ipv6-addr": {"value": "2001:db8::1"},
    "mac-addr": {"value": "00:1b:1b:aa:bb:cc"},
    "mutex": {"name": "m"},
    "network-traffic": {"src_ref": IPV4, "protocols": ["tcp"], "start": T0, "end": T1, "is_active": False, "dst_port": 502},
    "process": {"pid": 4},
    "software": {"name": "s", "cpe": "cpe:2.3:a:x:y:1:*:*:*:*:*:*:*", "languages": ["en"]},
    "url": {"value": "https://example.org/a"},
    "user-account": {"user_id": "u", "account_type": "unix"},
    "windows-registry-key": {"key": "hkey", "values": [{"name": "n", "data_type": "REG_SZ"}]},
    "x509-certificate": {"serial_number": "36"},
}  # fmt: skip


def example(type: str) -> Json:
    """A fresh sound object of ``type``."""
    own = copy.deepcopy(_OWN[type])
    entry = TYPES[type]
    made: Json = {"type": type, "spec_version": "2.1"}
    made["id"] = sco_id(type, own) if entry.family == "SCO" else sdo_id(type, {"example": type})
    if entry.family != "SCO":
        made["created"] = T0
    if "modified" in entry.properties:
        made["modified"] = T1
    return {**made, **own}


ALL_TYPES = sorted(_OWN)
