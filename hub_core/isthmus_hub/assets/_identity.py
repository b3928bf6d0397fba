"""What identifies a device: identifiers read from an observed asset, and which values can be trusted.

No vendor identifier is safe alone: appliances report a gateway's MAC for everything behind it, and placeholder serials are
common. So each identifier has a strength, and a value that cannot tell devices apart is *poisoned* and links nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Strength(IntEnum):
    """Order in which identifiers are believed; a smaller number is tried first and can disprove a larger one."""

    NATIVE = 1
    AGENT = 2
    SERIAL = 3
    HOSTNAME = 4
    MAC = 5
    ADDRESS = 6


STRENGTHS: Mapping[str, Strength] = {
    "native_id": Strength.NATIVE,
    "agent_id": Strength.AGENT,
    "cloud_id": Strength.AGENT,
    "directory_id": Strength.AGENT,
    "serial": Strength.SERIAL,
    "hostname": Strength.HOSTNAME,
    "mac": Strength.MAC,
    "address": Strength.ADDRESS,
}
"""Identifier kinds the resolver links by; other kinds are kept on the asset and link nothing."""

EXCLUSIVE = frozenset({"serial", "hostname"})
"""Kinds of which one device has one value at a time: two different ones veto a merge. (Agent ids are the product's own:
two products' ids differ on one device.)"""

PLACEHOLDERS = frozenset(
    {
        "", "0", "-", "n/a", "na", "none", "null", "unknown", "undefined", "default", "default string", "localhost", "localhost.localdomain",
        "123456789", "1234567890", "0123456789", "not specified", "not available", "system serial number", "to be filled by o.e.m.", "o.e.m.",
        "chassis serial number", "invalid", "xxxxxxxx", "serial", "hostname",
    }
)  # fmt: skip
"""Values that manufacturers and images ship in place of a real one."""

_REPEATED = re.compile(r"^(.)\1*$")
_ADDRESS_LIKE = re.compile(r"^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]+)$")


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One value that may tell devices apart; ``address`` values are ``scope|ip``."""

    kind: str
    value: str

    @property
    def strength(self) -> Strength:
        """How far the kind is believed."""
        return STRENGTHS[self.kind]


@dataclass(frozen=True, slots=True)
class Observation:
    """One observed asset, reduced to what identifies it."""

    id: str
    """STIX id of the observed infrastructure."""
    source: str
    """``connector/source_id``: within one source, two native ids are two devices."""
    native_id: str
    endpoint: bool
    """Known only by an address seen talking; it joins a device or stands alone, it never joins two devices."""
    identifiers: frozenset[Identifier]
    maker: str = ""
    """First word of the vendor's name, lower case: spellings differ behind it. A serial is unique only within its maker."""


def placeholder(kind: str, value: str) -> bool:
    """Whether a value is one of those that say nothing."""
    text = value.strip().lower()
    if kind == "serial":
        return text in PLACEHOLDERS or len(text) < 4 or bool(_REPEATED.match(text))
    if kind == "mac":
        return not _globally_unique(text)
    if kind == "hostname":
        return text in PLACEHOLDERS or bool(_ADDRESS_LIKE.match(text))
    return text in PLACEHOLDERS


def _globally_unique(mac: str) -> bool:
    """Universally administered unicast address (IEEE 802): randomised and group addresses identify no device."""
    first = int(mac[:2], 16) if re.match(r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$", mac) else 3
    return first & 3 == 0 and mac.replace(":", "").strip("0") != ""


def hostname_key(name: str) -> str:
    """First label, lower case: sources disagree on the domain part, hardly ever on the host part."""
    return name.strip().rstrip(".").lower().partition(".")[0]


def observation(id: str, facts: Mapping[str, Any]) -> Observation:
    """Identifiers of an observed asset from its asset facts."""
    found: set[Identifier] = set()

    def add(kind: str, value: object) -> None:
        text = str(value or "").strip()
        if text and not placeholder(kind, text):
            found.add(Identifier(kind, text))

    maker = str(facts.get("vendor") or "").strip().lower().partition(" ")[0]
    add("serial", str(facts.get("serial") or "").lower())
    hostname = str(facts.get("hostname") or "")
    if hostname and not placeholder("hostname", hostname):
        add("hostname", hostname_key(hostname))
    for entry in facts.get("identifiers", ()):
        if entry.get("kind") in STRENGTHS and entry["kind"] not in ("native_id", "address"):
            add(entry["kind"], str(entry.get("value", "")).lower())
    for interface in facts.get("interfaces", ()):
        if interface.get("mac"):
            add("mac", str(interface["mac"]).lower())
        scope = interface.get("scope", "default")
        for ip in interface.get("ips", ()):
            found.add(Identifier("address", f"{scope}|{ip}"))
    return Observation(
        id=id,
        source=f"{facts.get('connector', '')}/{facts.get('source_id', '')}",
        native_id=str(facts.get("native_id", "")),
        endpoint=facts.get("kind") == "endpoint",
        identifiers=frozenset(found),
        maker="" if maker in PLACEHOLDERS else maker,
    )
