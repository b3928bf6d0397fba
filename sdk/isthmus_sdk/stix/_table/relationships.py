"""STIX Relationship Objects: STIX 2.1 section 5, and the summary of relationships of appendix B."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from isthmus_sdk.stix._table.notation import (
    BOOLEAN,
    TEXT,
    TIMESTAMP,
    TYPE_NAME,
    Table,
    after,
    needed,
    not_before,
    ref,
    refs,
    sro,
    within,
)

_AN_END = ("!relationship", "!sighting", "!bundle", "!language-content", "!marking-definition", "!extension-definition")

RELATIONSHIP_OBJECTS: Final[Table] = (
    sro(
        "relationship",
        "5.1",
        after("stop_time", "start_time"),
        relationship_type=needed(TYPE_NAME),
        description=TEXT,
        source_ref=needed(ref(*_AN_END)),
        target_ref=needed(ref(*_AN_END)),
        start_time=TIMESTAMP,
        stop_time=TIMESTAMP,
    ),
    sro(
        "sighting",
        "5.2",
        not_before("last_seen", "first_seen"),
        description=TEXT,
        first_seen=TIMESTAMP,
        last_seen=TIMESTAMP,
        count=within(0, 999_999_999),
        sighting_of_ref=needed(ref("SDO")),
        observed_data_refs=refs("observed-data"),
        where_sighted_refs=refs("identity", "location"),
        summary=BOOLEAN,
    ),
)

_ADDRESSES = "ipv4-addr ipv6-addr domain-name url"
_ACTS = "attack-pattern infrastructure malware tool"
_WHOM = "identity location vulnerability"

LISTED: Final[Mapping[str, Mapping[str, frozenset[str]]]] = MappingProxyType(
    {
        source: MappingProxyType({kind: frozenset(targets.split()) for kind, targets in kinds.items()})
        for source, kinds in {
            "attack-pattern": {"delivers": "malware", "targets": _WHOM, "uses": "malware tool"},
            "campaign": {
                "attributed-to": "intrusion-set threat-actor",
                "compromises": "infrastructure",
                "originates-from": "location",
                "targets": _WHOM,
                "uses": _ACTS,
            },
            "course-of-action": {
                "investigates": "indicator",
                "mitigates": "attack-pattern indicator malware tool vulnerability",
                "remediates": "malware vulnerability",
            },
            "domain-name": {"resolves-to": "domain-name ipv4-addr ipv6-addr"},
            "identity": {"located-at": "location"},
            "indicator": {
                "indicates": "attack-pattern campaign infrastructure intrusion-set malware threat-actor tool",
                "based-on": "observed-data",
            },
            "infrastructure": {
                "communicates-with": "infrastructure " + _ADDRESSES,
                "consists-of": "infrastructure observed-data SCO",
                "controls": "infrastructure malware",
                "delivers": "malware",
                "has": "vulnerability",
                "hosts": "tool malware",
                "located-at": "location",
                "uses": "infrastructure",
            },
            "intrusion-set": {
                "attributed-to": "threat-actor",
                "compromises": "infrastructure",
                "hosts": "infrastructure",
                "originates-from": "location",
                "owns": "infrastructure",
                "targets": _WHOM,
                "uses": _ACTS,
            },
            "ipv4-addr": {"resolves-to": "mac-addr", "belongs-to": "autonomous-system"},
            "ipv6-addr": {"resolves-to": "mac-addr", "belongs-to": "autonomous-system"},
            "malware": {
                "authored-by": "threat-actor intrusion-set",
                "beacons-to": "infrastructure",
                "exfiltrates-to": "infrastructure",
                "communicates-with": _ADDRESSES,
                "controls": "malware",
                "downloads": "malware file tool",
                "drops": "malware file tool",
                "exploits": "vulnerability",
                "originates-from": "location",
                "targets": "identity infrastructure location vulnerability",
                "uses": _ACTS,
                "variant-of": "malware",
            },
            "malware-analysis": {
                "characterizes": "malware",
                "analysis-of": "malware",
                "static-analysis-of": "malware",
                "dynamic-analysis-of": "malware",
            },
            "threat-actor": {
                "attributed-to": "identity",
                "compromises": "infrastructure",
                "hosts": "infrastructure",
                "owns": "infrastructure",
                "impersonates": "identity",
                "located-at": "location",
                "targets": _WHOM,
                "uses": _ACTS,
            },
            "tool": {
                "delivers": "malware",
                "drops": "malware",
                "uses": "infrastructure",
                "has": "vulnerability",
                "targets": "identity infrastructure location vulnerability",
            },
        }.items()
    }
)
"""Relationship types that the standard lists, by source type: SHOULD, never MUST."""

LISTED_FOR_ALL: Final = frozenset({"derived-from", "duplicate-of", "related-to"})
