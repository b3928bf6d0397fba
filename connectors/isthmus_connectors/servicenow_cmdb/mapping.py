"""Configuration items and their relations as STIX. Pure: the same row always gives the same objects; nothing is made up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from isthmus_connectors.servicenow_cmdb import classes
from isthmus_connectors.servicenow_cmdb.models import Item, Relation
from isthmus_sdk.errors import Ignored
from isthmus_sdk.fields import says
from isthmus_sdk.stix import Builder, Interface, Software, normalise

_BETWEEN = re.compile(r"[\s,;|]+")
_KINDS = {"controls": "controls", "uses": "uses", "depends on": "uses"}
"""What the type says of the parent -> relationship of STIX between devices; any other is ``related-to`` in its own words."""


def item_to_stix(item: Item, stix: Builder) -> Iterator[Any]:
    """A device that somebody says is there. One that is retired or absent is no device: the run that no longer holds it
    gives it a tombstone.
    """
    states = _states(item)
    if gone := sorted(classes.GONE & set(states.values())):
        raise Ignored(f"{gone[0]} in the CMDB")
    shape = stix.asset(
        item.sys_id,
        name=item.name or item.fqdn or item.host_name or item.serial_number or item.sys_id,
        asset_class=classes.asset_class(item.kind, item.form_factor or item.chassis_type, item.ot_device_type),
        technology=classes.technology(item.kind, ot_entity=bool(item.ot_entity)),
        hostname=_hostname(item),
        vendor=item.manufacturer,
        model=item.model or item.model_number,
        serial=item.serial_number,
        os=_system(item),
        firmware=item.firmware_version,
        interfaces=_interfaces(item),
        purdue_level=item.purdue_level,
        level_source="declared",
        site=item.location,
        criticality=classes.criticality(item.criticality),
        identifiers=[
            ("cmdb_id", item.sys_id),
            ("asset_tag", item.asset_tag),
            ("correlation_id", item.correlation_id),
        ],
        first_seen=item.first_discovered,
        last_seen=item.last_discovered,
        created=item.created,
        modified=item.updated,
        labels=_labels(item, states),
    )
    yield shape
    if item.duplicate_of and item.duplicate_of != item.sys_id:
        yield stix.relationship("duplicate-of", shape.id, stix.asset_id(item.duplicate_of))


def relation_to_stix(relation: Relation, stix: Builder) -> Iterator[Any]:
    """How two devices are related, which are known by their ids alone: they come with their own streams."""
    if relation.parent == relation.child:
        raise Ignored("a relation of a device to itself")
    says_parent = (relation.type or "").partition("::")[0].strip()
    yield stix.relationship(
        _KINDS.get(says_parent.lower(), "related-to"),
        stix.asset_id(relation.parent),
        stix.asset_id(relation.child),
        description=says_parent.lower() or None,
        created=relation.created,
        modified=relation.sys_updated_on,
    )


def _states(item: Item) -> dict[str, str]:
    told = {
        "install": classes.status(item.install_status, classes.INSTALL),
        "operational": classes.status(item.operational_status, classes.OPERATIONAL),
        "hardware": classes.status(item.hardware_status, {}),
        "life-cycle": classes.status(item.life_cycle_stage, {}),
    }
    return {name: word for name, word in told.items() if word}


def _hostname(item: Item) -> str | None:
    """The full name; else the short one with its domain. A name with blanks in it is a title and no host's."""
    for name in (item.fqdn, item.host_name, item.name):
        host = says(normalise.hostname, name) if name and " " not in name else None
        if host:
            domain = says(normalise.hostname, item.dns_domain)
            return f"{host}.{domain}" if domain and "." not in host else host
    return None


def _system(item: Item) -> Software | None:
    if not item.os:
        return None
    version = " ".join(part for part in (item.os_version, item.os_service_pack) if part)
    return Software(item.os, version=version or None)


def _interfaces(item: Item) -> list[Interface]:
    """One field may hold several addresses. Which of several MACs has which address the row does not say."""
    ips = tuple(part for part in _BETWEEN.split(item.ip_address or "") if part)
    macs = [part for part in _BETWEEN.split(item.mac_address or "") if part]
    if len(macs) <= 1:
        mac = macs[0] if macs else None
        return [Interface(mac=mac, ips=ips)] if mac or ips else []
    return [*(Interface(mac=mac) for mac in macs), *([Interface(ips=ips)] if ips else [])]


def _labels(item: Item, states: dict[str, str]) -> list[str]:
    """In which state it is, and who answers for it."""
    told = {
        "class": item.kind, "owner": item.owned_by, "managed-by": item.managed_by, "support-group": item.support_group,
        "assigned-to": item.assigned_to, "department": item.department, "environment": item.environment,
        "discovery": item.discovery_source,
    }  # fmt: skip
    labels = [f"{name}-status:{word}" for name, word in states.items()]
    return labels + [f"{name}:{value}" for name, value in told.items() if value]
