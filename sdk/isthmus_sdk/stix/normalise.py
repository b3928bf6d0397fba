"""One spelling for what vendors write in many: addresses, names, CPE, CVE, Purdue levels, severities, protocols.

Every function returns ``None`` where the value says nothing ("unknown", ``0.0.0.0``) and raises `RecordError` where it
says something broken, so that a mapping can tell the two apart. What a function returns it also accepts, and returns
again. Times are read by `isthmus_sdk.stix.timestamp`.
"""

from __future__ import annotations

from isthmus_sdk.stix._normal.addresses import GROUP_MACS, adapter_mac, ip, ip_and_port, is_public, mac, own_ip, port
from isthmus_sdk.stix._normal.names import domain, email, hostname, url
from isthmus_sdk.stix._normal.platforms import cpe, cve, cves
from isthmus_sdk.stix._normal.protocols import protocol
from isthmus_sdk.stix._normal.severities import PURDUE_LEVELS, SEVERITY_WORDS, purdue_level, score, severity
from isthmus_sdk.stix._normal.words import says_nothing, serial, text, vendor

__all__ = [
    "GROUP_MACS",
    "PURDUE_LEVELS",
    "SEVERITY_WORDS",
    "adapter_mac",
    "cpe",
    "cve",
    "cves",
    "domain",
    "email",
    "hostname",
    "ip",
    "ip_and_port",
    "is_public",
    "mac",
    "own_ip",
    "port",
    "protocol",
    "purdue_level",
    "says_nothing",
    "score",
    "serial",
    "severity",
    "text",
    "url",
    "vendor",
]
