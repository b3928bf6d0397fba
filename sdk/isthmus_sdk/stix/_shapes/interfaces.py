"""Network interfaces of an asset: normalised, one per address scope, in an order that no source decides."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from isthmus_sdk.stix import normalise
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._merge import interface_order
from isthmus_sdk.stix._normal.words import shown
from isthmus_sdk.stix._shapes.core import ScopeOf
from isthmus_sdk.stix._shapes.observables import address, of_value
from isthmus_sdk.stix._shapes.reading import listed, noted


class Interface(msgspec.Struct, frozen=True):
    """A network interface as the source writes it; normalised when the asset is built."""

    mac: str | None = None
    ips: Iterable[str] = ()
    name: str | None = None
    vlan: str | int | None = None
    site: str | None = None
    zone: str | None = None
    sensor: str | None = None


def interface_facts(
    interfaces: Iterable[Interface], site: str | None, zone: str | None, scope_of: ScopeOf, notes: list[str]
) -> tuple[list[Json], dict[str, Json]]:
    """The facts of the interfaces (one per address scope), and the address observables that they name, by id.

    What is broken is left out and noted; a MAC of a multicast range is broken, for it is no adapter's own.
    """
    cards: list[Json] = []
    parts: dict[str, Json] = {}
    if not interfaces:
        return cards, parts
    sound = type(interfaces) in _SEVERAL and set(map(type, interfaces)) == _INTERFACES
    for index, each in enumerate(interfaces if sound else _of(interfaces, notes)):
        name = vlan = None  # most interfaces have neither
        mac = noted(normalise.adapter_mac, each.mac, "interfaces[{}].mac", notes, index)
        if each.name is not None:
            name = noted(normalise.text, each.name, "interfaces[{}].name", notes, index)
        if each.vlan is not None:
            vlan = noted(normalise.text, each.vlan, "interfaces[{}].vlan", notes, index)
        there = _place(each, site, zone, notes, index)
        by_scope: dict[str, list[str]] = {}
        ips = each.ips if type(each.ips) in _SEVERAL else noted(_listed, each.ips, "interfaces[{}].ips", notes, index)
        for value in ips or ():
            if ip := noted(normalise.ip, value, "interfaces[{}].ips", notes, index):
                by_scope.setdefault(scope_of(*there, vlan, ip), []).append(ip)
        card = of_value("mac-addr", mac) if mac else None
        if card:
            parts[card["id"]] = card
            if not by_scope:
                by_scope[scope_of(*there, vlan, None)] = []
        for scope, found in by_scope.items():
            addresses = [address(ip) for ip in (sorted(set(found)) if len(found) > 1 else found)]
            for made in addresses:
                parts[made["id"]] = made
            cards.append(_facts(name, card, addresses, vlan, scope))
    return _distinct(cards) if len(cards) > 1 else cards, parts


_SEVERAL = frozenset({tuple, list})
_INTERFACES = {Interface}


def _of(interfaces: Iterable[Interface], notes: list[str]) -> Iterable[Interface]:
    for index, each in enumerate(noted(_listed, interfaces, "interfaces", notes) or ()):
        if isinstance(each, Interface):
            yield each
        else:
            notes.append(f"interfaces[{index}]: expected an Interface, found {shown(each)}")


def _place(
    each: Interface, site: str | None, zone: str | None, notes: list[str], index: int
) -> tuple[str | None, str | None, str | None]:
    if each.site is None and each.zone is None and each.sensor is None:
        return site, zone, None
    return (
        noted(normalise.text, each.site, "interfaces[{}].site", notes, index) or site,
        noted(normalise.text, each.zone, "interfaces[{}].zone", notes, index) or zone,
        noted(normalise.text, each.sensor, "interfaces[{}].sensor", notes, index),
    )


def _listed(values: object) -> list[str]:
    return listed("list", values)


def _facts(name: str | None, mac: Json | None, addresses: list[Json], vlan: str | None, scope: str) -> Json:
    made: Json = {}
    if name:
        made["name"] = name
    if mac:
        made["mac"] = mac["value"]
        made["mac_ref"] = mac["id"]
    if addresses:
        made["ips"] = [each["value"] for each in addresses]
        made["ip_refs"] = [each["id"] for each in addresses]
    if vlan:
        made["vlan"] = vlan
    made["scope"] = scope
    return made


def _distinct(cards: list[Json]) -> list[Json]:
    """Each interface once, in an order that does not depend on the source's."""
    kept: list[Json] = []
    for card in sorted(cards, key=interface_order):
        if not kept or kept[-1] != card:
            kept.append(card)
    return kept
