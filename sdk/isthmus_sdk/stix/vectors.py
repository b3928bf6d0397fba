"""``python -m isthmus_sdk.stix.vectors [FILE]``: the test vectors of the identifier recipe, made by the core itself.

The page ``docs/identifiers.md`` states the recipe; whoever implements it in another language compares with these.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from isthmus_sdk.stix._ids import drawn_id, sco_id, sdo_id

Json = dict[str, Any]
_IPV4 = "ipv4-addr--cf24cb7a-2527-5e9b-b0fa-1b0fa1d7fe75"
_MAC = "mac-addr--65cfcf98-8a6e-5a1b-8f61-379ac4f92d00"
_SHA1, _SHA3 = "0" * 40, "a" * 64

_OBSERVABLES: Final[list[tuple[str, Json]]] = [
    ("artifact", {"payload_bin": "QUJDRA==", "mime_type": "text/plain"}),
    ("artifact", {"url": "https://example.org/a", "hashes": {"SHA-1": _SHA1, "MD5": "1" * 32}}),
    ("autonomous-system", {"number": 64500, "name": "not part of it"}),
    ("autonomous-system", {"number": 9007199254740993}),
    ("directory", {"path": "C:\\Windows\\\u00e9"}),
    ("domain-name", {"value": "b\u00fccher.example"}),
    ("email-addr", {"value": "a@example.org", "display_name": "not part of it"}),
    ("email-message", {"is_multipart": False, "from_ref": "email-addr--" + _MAC[10:], "subject": "\U0001f512\t\x01", "body": "b"}),
    ("file", {"hashes": {"SHA-256": "b" * 64, "SHA-1": _SHA1}, "name": "a.exe", "size": 5}),
    ("file", {"hashes": {"SSDEEP": "3:a:b", "SHA3-256": _SHA3}}),
    ("file", {"name": "t", "parent_directory_ref": "directory--" + _MAC[10:]}),
    (
        "file",
        {
            "name": "pe",
            "extensions": {
                "windows-pebinary-ext": {
                    "pe_type": "exe",
                    "time_date_stamp": "2024-01-01T00:00:00.750Z",
                    "sections": [{"name": ".text", "entropy": 7.0}, {"name": ".data", "entropy": 1e-7}],
                }
            },
        },
    ),
    ("ipv4-addr", {"value": "198.51.100.3"}),
    ("ipv6-addr", {"value": "2001:db8::1"}),
    ("mac-addr", {"value": "00:1b:1b:aa:bb:cc"}),
    ("mutex", {"name": "\u202e\"\\/\u2028"}),
    (
        "network-traffic",
        {
            "src_ref": _IPV4,
            "src_port": 49152,
            "dst_port": 502,
            "protocols": ["ipv4", "tcp", "modbus"],
            "start": "2024-01-01T00:00:00.120Z",
            "end": "2024-01-01T00:00:01.000Z",
            "is_active": False,
            "src_byte_count": 5,
        },
    ),
    ("network-traffic", {"dst_ref": _MAC, "protocols": ["arp"], "extensions": {"tcp-ext": {"src_flags_hex": "02"}}}),
    ("software", {"name": "s", "vendor": "v", "version": "1.0", "cpe": "cpe:2.3:a:v:s:1.0:*:*:*:*:*:*:*", "languages": ["en"]}),
    ("url", {"value": "https://example.org/?q=\u00e9"}),
    ("user-account", {"user_id": "1001", "account_login": "o'brien", "account_type": "unix", "display_name": "not part of it"}),
    ("windows-registry-key", {"key": "HKLM\\x", "values": [{"name": "n", "data": "1", "data_type": "REG_SZ"}]}),
    ("x509-certificate", {"serial_number": "36:f7", "hashes": {"SHA-512": "c" * 128}}),
]  # fmt: skip

_DRAWN: Final[list[tuple[str, Json]]] = [
    ("email-message", {"is_multipart": False, "content_type": "text/plain"}),
    ("process", {"pid": 4, "command_line": " e\u0301 "}),
]

_KEYS: Final[list[tuple[str, Json]]] = [
    ("infrastructure", {"connector": "nozomi-guardian", "native_id": "a-17", "source_id": "cmc-north"}),
    ("infrastructure", {"connector": "zeek", "kind": "zone", "name": "Cell 3", "site": None, "source_id": "tap-1"}),
    ("incident", {"connector": "microsoft-defender", "native_id": "da637-1", "source_id": "tenant"}),
    ("sighting", {"connector": "nozomi-guardian", "native_id": "7\u00e9", "source_id": "cmc-north"}),
    ("identity", {"identity_class": "system", "native_id": "sensor-2", "source_id": "cmc-north"}),
    ("vulnerability", {"name": "CVE-2024-0001"}),
    ("indicator", {"pattern": "[ipv4-addr:value = '198.51.100.3']", "pattern_type": "stix"}),
    ("relationship", {"relationship_type": "consists-of", "source_ref": _MAC, "target_ref": _IPV4}),
    ("note", {"content": "  e\u0301 ", "object_refs": [_IPV4], "source_id": "local"}),
    ("location", {"latitude": 48.5, "longitude": 11.0, "name": "Site", "source_id": "local"}),
    (
        "observed-data",
        {"first": "2024-01-01T00:00:00.000Z", "last": "2024-01-01T00:00:00.000Z", "objects": [_IPV4, _MAC], "source_id": "local"},
    ),
]  # fmt: skip


def vectors() -> Json:
    """``observables`` and ``drawn`` (type, properties, id) and ``keys`` (type, key, id)."""
    return {
        "observables": [{"type": kind, "properties": own, "id": sco_id(kind, own)} for kind, own in _OBSERVABLES],
        "drawn": [{"type": kind, "properties": own, "id": drawn_id(kind, own)} for kind, own in _DRAWN],
        "keys": [{"type": kind, "key": key, "id": sdo_id(kind, key)} for kind, key in _KEYS],
    }


def text() -> str:
    """The vectors as the published file holds them."""
    return json.dumps(vectors(), indent=2, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text(), encoding="ascii")
    else:
        sys.stdout.write(text())
