"""Assets as STIX. Pure: the same record always gives the same objects; no time, id or value is made up."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from isthmus_connectors.nozomi_guardian.models import Asset
from isthmus_connectors.nozomi_guardian.places import level_of, level_source_of
from isthmus_sdk.errors import Ignored
from isthmus_sdk.fields import only, says
from isthmus_sdk.stix import Builder, Interface, normalise

_CLASSES = {
    "controller": "controller", "plc": "plc", "rtu": "rtu", "ied": "ied", "hmi": "hmi", "historian": "historian",
    "engineering_station": "engineering-workstation", "engineering station": "engineering-workstation",
    "io module": "field-io", "iomodule": "field-io", "gateway": "data-gateway", "switch": "switch", "router": "router",
    "firewall": "firewall", "server": "server", "computer": "workstation", "workstation": "workstation",
    "printer": "printer", "camera": "camera", "ip camera": "camera", "tablet": "mobile", "mobile_phone": "mobile",
    "iot_device": "iot", "access point": "access-point", "dcs controller": "dcs-controller", "sensor": "sensor",
    "safety controller": "safety-controller", "voip_phone": "voip",
}  # fmt: skip
"""What Guardian's ``type`` is in the words of the asset facts; other types stay as the vendor writes them."""
_CLASSES_BY_ROLE = {
    "engineering_station": "engineering-workstation", "historian": "historian", "hmi": "hmi", "terminal": "hmi",
    "dns_server": "server", "web_server": "server", "db_server": "server", "voip_server": "server",
    "gateway": "data-gateway",
}  # fmt: skip
"""A role says more than the type "computer" does."""
_SAYS_NO_CLASS = frozenset({"typehost", "ot_device", "other", "host"})
_TECHNOLOGIES = {"ot": "ot", "it": "it", "iot": "iot", "iomt": "iomt"}
OWN_MAC = frozenset({"confirmed", "likely"})
DELETED = "deleted at the appliance"


def asset_to_stix(asset: Asset, stix: Builder) -> Iterator[Any]:
    """An asset with its interfaces; a MAC that is not confirmed is kept beside it, never as its own."""
    if asset.deleted_at:
        raise Ignored(DELETED)
    zone, sensor = only(asset.zones), only(asset.appliance_hosts)
    own, doubtful = _macs(asset)
    shape = stix.asset(
        asset.id,
        name=_name(asset),
        asset_class=_asset_class(asset),
        technology=_technology(asset),
        hostname=asset.name if asset.name != asset.product_name else None,
        vendor=asset.vendor,
        model=asset.product_name,
        serial=asset.serial_number,
        os=asset.os,
        firmware=asset.firmware_version,
        interfaces=_interfaces(asset, own, zone=zone, sensor=sensor),
        purdue_level=level_of(asset.level),
        level_source=level_source_of(asset.level, asset.level_info),
        zone=zone,
        roles=asset.roles,
        identifiers=[(f"mac_{level}", mac) for mac, level in doubtful],
        first_seen=asset.created_at,
        last_seen=asset.last_activity_time,
        created=asset.created_at,
        labels=_labels(asset),
    )
    yield shape
    for mac, _ in doubtful:
        address = stix.mac(mac)
        yield address
        yield stix.relationship("related-to", shape.id, address.id)


def _name(asset: Asset) -> str:
    """The vendor's name, unless it is an address that means "no address"."""
    name = asset.name
    try:
        if name and ip_address(name).is_unspecified:
            name = None
    except ValueError:
        pass
    return name or asset.product_name or asset.id


def _asset_class(asset: Asset) -> str | None:
    kind = (asset.type or "").lower()
    found = _CLASSES.get(kind)
    if found in (None, "workstation"):
        found = next((_CLASSES_BY_ROLE[role] for role in asset.roles if role in _CLASSES_BY_ROLE), found)
    return found or (asset.type if kind not in _SAYS_NO_CLASS else None)


def _technology(asset: Asset) -> str | None:
    found = _TECHNOLOGIES.get((asset.technology_category or "").lower())
    return found or ("ot" if (asset.type or "").lower() == "ot_device" else None)


def _macs(asset: Asset) -> tuple[list[str], list[tuple[str, str]]]:
    """MACs that are the asset's own, and the others with what Guardian holds of them.

    An unconfirmed MAC is often that of the router in front of the asset, shared by everything behind it.
    """
    levels = {_same_mac(mac): level.lower() for mac, level in asset.mac_address_level.items()}
    own: list[str] = []
    doubtful: list[tuple[str, str]] = []
    for mac in asset.mac_address:
        level = levels.get(_same_mac(mac))
        if level is None or level in OWN_MAC:
            own.append(mac)
        elif address := says(normalise.mac, mac):
            doubtful.append((address, level))
    return own, doubtful


def _same_mac(mac: str) -> str:
    return says(normalise.mac, mac) or mac


def _interfaces(asset: Asset, own: list[str], *, zone: str | None, sensor: str | None) -> list[Interface]:
    """One MAC carries all addresses; of several, Guardian does not say which address belongs to which."""
    vlan = only(asset.vlan_id)

    def interface(mac: str | None, ips: tuple[str, ...]) -> Interface:
        return Interface(mac=mac, ips=ips, vlan=vlan, zone=zone, sensor=sensor)

    if len(own) == 1:
        return [interface(own[0], asset.ip)]
    return [interface(mac, ()) for mac in own] + ([interface(None, asset.ip)] if asset.ip else [])


def _labels(asset: Asset) -> list[str]:
    labels = [f"tag:{tag}" for tag in asset.tags]
    if asset.end_of_support_date:
        labels.append(f"end-of-support:{asset.end_of_support_date[:10]}")
    if len(asset.zones) > 1:
        labels += [f"zone:{zone}" for zone in asset.zones]
    return labels
