"""What identifies a device: identifiers and traits read from an observed asset.

No vendor identifier is safe alone: appliances report a gateway's MAC for everything behind it, placeholder serials are common,
virtual machines are cloned. So each identifier has a strength, and a value that cannot tell devices apart is *poisoned*:
it links nothing by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

from isthmus_hub.assets._meaning import NETBIOS, catalogue_number, maker, system_family


class Strength(IntEnum):
    """Order in which identifiers are believed; a smaller number is tried first and can disprove a larger one."""

    NATIVE = 1
    AGENT = 2
    SERIAL = 3
    HOSTNAME = 4
    CUT_NAME = 5
    MAC = 6
    ADDRESS = 7
    LOCAL_MAC = 8


STRENGTHS: Mapping[str, Strength] = {
    "native_id": Strength.NATIVE,
    "agent_id": Strength.AGENT,
    "cloud_id": Strength.AGENT,
    "directory_id": Strength.AGENT,
    "serial": Strength.SERIAL,
    "hostname": Strength.HOSTNAME,
    "cut_name": Strength.CUT_NAME,
    "mac": Strength.MAC,
    "address": Strength.ADDRESS,
    "local_mac": Strength.LOCAL_MAC,
}
"""Identifier kinds the resolver links by; other kinds are kept on the asset and link nothing. ``local_mac``: a hardware
address that is not the manufacturer's (made up for privacy, or by a hypervisor), a hint and no more. ``cut_name``: what
NetBIOS keeps of a host's name that is as long or longer: one device, unless several names begin so."""

AGENTS = frozenset(kind for kind, strength in STRENGTHS.items() if strength is Strength.AGENT)
"""Identifiers that something running on the device or its platform gave it."""

PLACEHOLDERS = frozenset(
    {
        "", "0", "-", "n/a", "na", "none", "null", "unknown", "undefined", "default", "default string", "localhost", "localhost.localdomain",
        "123456789", "1234567890", "0123456789", "not specified", "not available", "system serial number", "to be filled by o.e.m.", "o.e.m.",
        "chassis serial number", "invalid", "xxxxxxxx", "serial", "hostname",
    }
)  # fmt: skip
"""Values that manufacturers and images ship in place of a real one."""

_BARE_PLACEHOLDERS = frozenset(map(catalogue_number, PLACEHOLDERS))
SHARED_MACS = (
    "00:00:5e:00:01:",
    "00:00:5e:00:02:",
    "00:00:0c:07:ac:",
    "00:00:0c:9f:f",
    "00:05:73:a0:",
    "00:07:b4:00:",
    "00:05:9a:3c:7",
    "02:50:41:00:00:01",
    "20:41:53:59:4e:ff",
)
"""Hardware addresses that are no device's own: of virtual routers, which move from one to another (VRRP, RFC 9568; HSRP;
GLBP), and of VPN clients and dial-up, which are the same on every host (AnyConnect, GlobalProtect, Windows RAS)."""

INTERNAL_MACS = ("02:42:", "00:50:56:c0:00:0", "0a:00:27:00:00:", "02:00:4c:4f:4f:50")
"""Hardware addresses of networks inside a host: of containers, which are made from their private addresses, of host-only and loopback
adapters (VMware, VirtualBox, Windows). They and the addresses behind them are the same on every host."""

_NOBODYS_MACS = (*SHARED_MACS, *INTERNAL_MACS)

GENERIC_CLASSES = frozenset(
    {"", "unknown", "endpoint", "workstation", "server", "virtual-machine", "controller", "network-device", "iot"}
)
"""Asset classes that a source gives when it does not know better: two of them do not contradict each other."""

_REPEATED = re.compile(r"^(.)\1*$")
_ADDRESS_LIKE = re.compile(r"^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]+)$")
_MAC = re.compile(r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")


class Identifier(NamedTuple):
    """One value that may tell devices apart; ``address`` values are ``scope|ip``."""

    kind: str
    value: str

    @property
    def strength(self) -> Strength:
        """How far the kind is believed."""
        return STRENGTHS[self.kind]


class Traits(NamedTuple):
    """What many devices share: it speaks for or against two records being one device, it never decides alone."""

    vendor: str = ""
    """The maker in one word, whatever the vendor's name is spelt like: see `maker`."""
    model: str = ""
    """Without signs between: see `catalogue_number`."""
    system: str = ""
    """Family of the operating system, else the first word of its name, lower case."""
    asset_class: str = ""
    """Empty where the source gave a generic one."""


TRAITS = Traits._fields
NO_TRAITS = Traits()


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
    traits: Traits = NO_TRAITS
    first: int | None = None
    """Day it was first seen, counted from 1970 in UTC; ``None``: the source does not say."""
    last: int | None = None
    one_with: frozenset[str] = frozenset()
    """Ids that a person says are the same device."""
    apart_from: frozenset[str] = frozenset()
    """Ids that a person says are not."""

    @property
    def maker(self) -> str:
        """Who made it; a serial is unique only within its maker."""
        return self.traits.vendor

    def values(self, *kinds: str) -> frozenset[str]:
        """Values of its identifiers of these kinds."""
        return frozenset([value for kind, value in self.identifiers if kind in kinds])


def placeholder(kind: str, value: str) -> bool:
    """Whether a value is one of those that say nothing."""
    text = value.strip().lower()
    if kind == "serial":
        bare = catalogue_number(text)
        return bare in _BARE_PLACEHOLDERS or len(bare) < 4 or bool(_REPEATED.match(bare))
    if kind == "mac":
        return mac_kind(text) != "mac"
    if kind == "hostname":
        return text in PLACEHOLDERS or bool(_ADDRESS_LIKE.match(text))
    return text in PLACEHOLDERS


def mac_kind(mac: str) -> str:
    """``mac`` where the manufacturer gave it, ``local_mac`` where somebody made it up, empty where it is no device's own.

    IEEE 802: the second bit of the first octet tells; group addresses and those of virtual routers are no device's own.
    """
    if not _MAC.match(mac) or not mac.replace(":", "").strip("0") or mac.startswith(_NOBODYS_MACS):
        return ""
    return ("mac", "", "local_mac", "")[int(mac[:2], 16) & 3]


def hostname_key(name: str) -> str:
    """First label, lower case: sources disagree on the domain part, hardly ever on the host part."""
    return name.strip().rstrip(".").lower().partition(".")[0]


def observation(id: str, facts: Mapping[str, Any]) -> Observation:
    """Identifiers and traits of an observed asset from its asset facts."""
    return Observation(
        id=id,
        source=f"{facts.get('connector', '')}/{facts.get('source_id', '')}",
        native_id=str(facts.get("native_id", "")),
        endpoint=facts.get("kind") == "endpoint",
        identifiers=frozenset(_identifiers(facts)),
        traits=_traits(facts),
        first=_day(facts.get("first_seen")),
        last=_day(facts.get("last_seen")),
    )


def _identifiers(facts: Mapping[str, Any]) -> set[Identifier]:
    found: set[Identifier] = set()

    def add(kind: str, value: object) -> None:
        text = str(value or "").strip()
        if text and not placeholder(kind, text):
            found.add(Identifier(kind, text))

    for kind, value in _told(facts):
        if kind == "serial":
            if not placeholder(kind, value):
                add(kind, catalogue_number(value))
        elif kind == "hostname":
            add(kind, name := hostname_key(value))
            if len(name) >= NETBIOS:
                add("cut_name", name[:NETBIOS])
        else:
            add(kind, value)
    for interface, mac in _outward(facts):
        if kind := mac_kind(mac):
            found.add(Identifier(kind, mac))
        scope = interface.get("scope", "default")
        for ip in interface.get("ips", ()):
            found.add(Identifier("address", f"{scope}|{ip}"))
    return found


def _outward(facts: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    """Interfaces to networks outside of the host, with their MAC. What has no others may be a container on a real network."""
    found = [(interface, str(interface.get("mac") or "").lower()) for interface in facts.get("interfaces", ())]
    return [each for each in found if not each[1].startswith(INTERNAL_MACS)] or found


def _told(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Serials, host names and agents' ids, in lower case; a name that is an address is none."""
    hostname = str(facts.get("hostname") or "")
    own = (("serial", facts.get("serial")), ("hostname", "" if placeholder("hostname", hostname) else hostname))
    others = ((str(entry.get("kind")), entry.get("value")) for entry in facts.get("identifiers", ()))
    for kind, value in (*own, *others):
        if value and (kind in AGENTS or kind in ("serial", "hostname")):
            yield kind, str(value).strip().lower()


def _traits(facts: Mapping[str, Any]) -> Traits:
    asset_class, system = _said(facts.get("asset_class")), _said(facts.get("operating_system"))
    return Traits(
        vendor=maker(_said(facts.get("vendor"))),
        model=catalogue_number(_said(facts.get("model"))),
        system=system_family(system) or system.partition(" ")[0],
        asset_class="" if asset_class in GENERIC_CLASSES else asset_class,
    )


def _said(value: object) -> str:
    text = str(value or "").strip().lower()
    return "" if text in PLACEHOLDERS else text


@lru_cache(maxsize=4096)
def _day(timestamp: str | None) -> int | None:
    return int(datetime.fromisoformat(timestamp).timestamp() // 86_400) if timestamp else None
