"""Records of Tenable OT Security as STIX. Pure: the same record always gives the same objects; nothing is made up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from isthmus_connectors.tenable_ot.models import Asset, Event, Known, Link, NetworkInterface
from isthmus_sdk import stix as core
from isthmus_sdk.errors import Ignored, RecordError
from isthmus_sdk.fields import only, says
from isthmus_sdk.stix import Builder, Interface, Reference, Rule, Service, Shape, Software, Subject, normalise

PRODUCT = "Tenable OT Security"
_CLASSES = {
    "plc": "plc", "rtu": "rtu", "ied": "ied", "relay": "ied", "dcs": "dcs-controller", "controller": "controller",
    "bms": "building-automation", "hvacmodule": "building-automation", "cnc": "controller", "robot": "robot",
    "io": "field-io", "remoteio": "field-io", "fielddevice": "field-io", "drive": "drive", "inverter": "drive",
    "actuator": "actuator", "industrialsensor": "sensor", "smartsensor": "sensor", "powermeter": "meter", "hmi": "hmi",
    "historian": "historian", "datalogger": "historian", "otserver": "control-server",
    "eng": "engineering-workstation", "otworkstation": "workstation", "workstation": "workstation",
    "virtualworkstation": "workstation", "server": "server", "fileserver": "server", "webserver": "server",
    "virtualserver": "server", "videomanagementsystem": "server", "domaincontroller": "domain-controller",
    "switch": "switch", "industrialswitch": "switch", "hub": "switch", "router": "router",
    "industrialrouter": "router", "firewall": "firewall", "securityappliance": "firewall",
    "accesspoint": "access-point", "gateway": "data-gateway", "industrialgateway": "data-gateway",
    "serialethernetbridge": "data-gateway", "converter": "data-gateway", "cp": "network-device",
    "networkdevice": "network-device", "industrialnetworkdevice": "network-device", "radio": "network-device",
    "repeater": "network-device", "camera": "camera", "printer": "printer", "industrialprinter": "printer",
    "threedprinter": "printer", "voipdevice": "voip", "mobile": "mobile", "tablet": "mobile",
    "medicaldevice": "medical", "storagedevice": "storage", "iot": "iot", "smarttv": "iot", "smarthub": "iot",
    "projector": "iot", "lightingcontrol": "iot", "accesscontrolsystem": "iot", "barcodescanner": "iot",
}  # fmt: skip
"""``type`` (the schema's enum AssetType) in the words of the asset facts; other types stay as the vendor writes them."""
_SAYS_NO_CLASS = frozenset({"otdevice", "unknown", "other"})
_COMPUTERS = frozenset(
    {"server", "workstation", "engineering-workstation", "hmi", "historian", "control-server", "domain-controller"}
)
"""Their names are host names. A controller's is that of its project or rack."""
_OT_TYPES = frozenset(
    {"otdevice", "otserver", "otworkstation", "eng", "hmi", "historian", "datalogger", "fielddevice", "actuator", "drive",
     "inverter", "relay", "remoteio", "powermeter", "powersupply", "io", "cp", "backplanemodule"}
)  # fmt: skip
_TECHNOLOGIES = {"controllerscategory": "ot", "iotcategory": "iot"}
_CRITICALITIES = {"none": 0, "low": 25, "medium": 50, "high": 75, "critical": 100}
_PROTOCOL = re.compile(
    r"(?P<name>.*?)\s*\(?\b(?P<transport>tcp|udp)\b\s*[/: ]?\s*(?P<port>[0-9]{1,5})?\)?", re.IGNORECASE
)
_BETWEEN_WORDS = re.compile(r"[^a-z0-9._]+")


def asset_to_stix(asset: Asset, stix: Builder) -> Iterator[Any]:
    """An asset with its interfaces; a MAC that is only seen with it is kept beside it, never as its own."""
    kind = _asset_class(asset)
    seen_with = _seen_with(asset)
    shape = stix.asset(
        asset.id,
        name=asset.name,
        asset_class=kind,
        technology=_technology(asset),
        hostname=says(normalise.hostname, asset.name) if kind in _COMPUTERS else None,
        vendor=asset.vendor,
        model=asset.model or asset.family,
        serial=asset.serial,
        os=_system(asset),
        firmware=asset.firmware,
        interfaces=_interfaces(asset),
        purdue_level=_level(asset.purdue_level),
        level_source="inferred" if _level(asset.purdue_level) else None,
        zone=_zone(asset),
        criticality=_CRITICALITIES.get((asset.criticality or "none?").lower().removesuffix("criticality")),
        identifiers=[
            *(("mac_direct", mac) for mac in seen_with),
            *([("backplane_id", asset.backplane.id)] if asset.backplane and asset.backplane.id else []),
        ],
        description=asset.description,
        first_seen=asset.first_seen,
        last_seen=asset.last_seen,
        created=asset.first_seen,
        labels=_labels(asset),
    )
    yield shape
    for mac in seen_with:
        address = stix.mac(mac)
        yield address
        yield stix.relationship("related-to", shape.id, address.id)


def event_to_stix(event: Event, stix: Builder) -> Iterator[Any]:
    """An event as the sighting of its policy, and which interface had which address when."""
    if event.time is None:
        raise RecordError("the event has no time", path="time")
    kind, policy = event.kind, event.policy
    title = (policy and policy.title) or (kind and kind.description) or event.type or event.id
    # Resolved at a time that nobody tells, it is still newer than the open event.
    changed = core.latest(event.time, event.resolved_at) if event.resolved_at or not event.resolved else None
    yield stix.alert(
        event.id,
        title=title,
        description=event.comment or (kind.description if kind else None),
        severity=says(normalise.severity, event.severity),
        vendor_severity=event.severity,
        status=None if event.resolved is None else "closed" if event.resolved else "open",
        vendor_status=None if event.resolved is None else "resolved" if event.resolved else "not resolved",
        category=event.category,
        rule=Rule(policy.id, policy.title) if policy and policy.id else None,
        first_seen=event.time,
        modified=changed,
        sensor=stix.system(PRODUCT),
        subjects=_subjects(event, stix),
        observables=_traffic(event, stix),
        references=_references(event),
    )
    for interface in (event.source_interface, event.target_interface):
        if interface is not None:
            yield from _bindings(interface, stix)


def link_to_stix(link: Link, stix: Builder) -> Iterator[Any]:
    """Two assets that talk. The appliance does not say who began."""
    if not link.asset1 or not link.asset2:
        raise Ignored("one end is no asset")
    if link.asset1 == link.asset2:
        raise Ignored("an asset talking to itself")
    yield stix.communication(
        stix.asset_id(link.asset1),
        stix.asset_id(link.asset2),
        services=[_service(each.name) for each in link.protocols.nodes if each.name] or [Service("unknown")],
        first_seen=link.first,
        last_seen=link.last,
    )


def _type(asset: Asset) -> str:
    return (asset.type or asset.super_type or "").lower().replace(" ", "")


def _asset_class(asset: Asset) -> str | None:
    for word in (asset.type, asset.super_type):
        key = (word or "").lower().replace(" ", "")
        if key in _CLASSES:
            return _CLASSES[key]
    return None if _type(asset) in _SAYS_NO_CLASS else asset.type or asset.super_type


def _technology(asset: Asset) -> str | None:
    known = _TECHNOLOGIES.get((asset.category or "").lower())
    return known or ("ot" if _type(asset) in _OT_TYPES or _type(asset).startswith("industrial") else None)


def _system(asset: Asset) -> Software | str | None:
    if asset.system and asset.system.name:
        return Software(asset.system.name, version=asset.system.version)
    return asset.os


def _level(text: str | None) -> str | None:
    """``Level3_5`` is 3.5, ``UnknownLevel`` none."""
    return None if not text or text.lower().startswith("unknown") else text.replace("_", ".")


def _zone(asset: Asset) -> str | None:
    return only(list(dict.fromkeys(segment.name for segment in asset.segments.nodes if segment.name)))


def _seen_with(asset: Asset) -> list[str]:
    """MACs that frames of the asset came with and that are not among its own: often that of the router in front of it."""
    own = {says(normalise.mac, mac) for mac in asset.macs.nodes}
    found = dict.fromkeys(mac for text in asset.direct_macs.nodes if (mac := says(normalise.mac, text)))
    return [mac for mac in found if mac not in own]


def _interfaces(asset: Asset) -> list[Interface]:
    """One MAC carries the asset's direct addresses; those that reach it through another asset stand by themselves."""
    vlan, zone = only(list(dict.fromkeys(each.vlan for each in asset.segments.nodes if each.vlan))), _zone(asset)
    direct = asset.direct_ips.nodes or asset.ips.nodes
    through = tuple(ip for ip in asset.ips.nodes if ip not in direct)

    def interface(mac: str | None, ips: tuple[str, ...], name: str | None = None) -> Interface:
        return Interface(mac=mac, ips=ips, name=name, vlan=vlan, zone=zone)

    if len(asset.macs.nodes) == 1:
        cards = [interface(asset.macs.nodes[0], direct)]
    else:
        cards = [interface(mac, ()) for mac in asset.macs.nodes] + ([interface(None, direct)] if direct else [])
    return [*cards, *([interface(None, through, "indirect")] if through else [])]


def _labels(asset: Asset) -> list[str]:
    words = (
        ("run-status", (asset.run_status or "").lower()),
        ("risk", "" if asset.risk is None or asset.risk.total is None else f"{asset.risk.total:.0f}"),
        ("location", asset.location),
        ("family", asset.family if asset.model else None),
        ("backplane", asset.backplane.name if asset.backplane else None),
        ("slot", asset.slot),
    )
    labels = [f"{name}:{value}" for name, value in words if value]
    named = [segment.name or segment.id for segment in asset.segments.nodes]
    labels += [f"segment:{name}" for name in named if name and name != _zone(asset)]
    return [*labels, "hidden"] if asset.hidden else labels


def _subjects(event: Event, stix: Builder) -> list[Subject]:
    return [
        *_end(
            "source",
            event.sources.nodes,
            event.source_interface,
            event.source_ip,
            event.source_mac,
            event.source_names.nodes,
            stix,
        ),
        *_end(
            "target",
            event.targets.nodes,
            event.target_interface,
            event.target_ip,
            event.target_mac,
            event.target_names.nodes,
            stix,
        ),
    ]


def _end(
    role: str,
    assets: Sequence[Known],
    interface: NetworkInterface | None,
    ip: str | None,
    mac: str | None,
    names: Sequence[str],
    stix: Builder,
) -> Iterator[Subject]:
    """The assets of one end; where the appliance names none, the address, and the MAC where there is no address."""
    known = assets or ([interface.asset] if interface and interface.asset else [])
    if known:
        yield from (Subject(stix.asset_id(each.id), role) for each in known)
        return
    if address := says(normalise.ip, ip):
        yield Subject(stix.endpoint(address, mac=mac, hostname=only(names)), role)
    elif hardware := says(normalise.mac, mac):
        yield Subject(stix.mac(hardware), role)


def _traffic(event: Event, stix: Builder) -> list[Shape]:
    """The conversation that raised the event, where it has two addresses."""
    source, target = says(normalise.ip, event.source_ip), says(normalise.ip, event.target_ip)
    if not source or not target:
        return []
    spoken = [_service(text) for text in (event.protocol, event.protocol_name) if text]
    words = (
        _BETWEEN_WORDS.sub("-", word.lower()).strip("-")
        for each in spoken
        for word in (each.transport, each.protocol)
        if word
    )
    protocols = dict.fromkeys(["ipv6" if ":" in source else "ipv4", *(word for word in words if word)])
    port = event.port or next((each.port for each in spoken if each.port), None)
    return [stix.traffic(stix.ip(source), stix.ip(target), protocols, target_port=port)]


def _references(event: Event) -> list[Reference]:
    kind = event.kind
    named = (
        ("tenable-ot-log", event.log_id),
        ("tenable-ot-event-type", (kind.type if kind else None) or event.type),
        ("tenable-ot-event-group", kind.group if kind else None),
    )
    return [Reference(name, external_id=value) for name, value in named if value]


def _bindings(interface: NetworkInterface, stix: Builder) -> Iterator[Any]:
    """Each address that the interface has or had, with its MAC, from when to when."""
    mac = says(normalise.mac, interface.mac)
    for entry in interface.trail.nodes:
        address, start = says(normalise.ip, entry.ip), entry.start or interface.first_seen
        if address is None or start is None:
            continue
        ends = entry.end or (None if entry.active is False else core.latest(start, interface.last_seen))
        held = stix.observed(
            [stix.ip(address), *([stix.mac(mac)] if mac else [])],
            first_observed=start,
            last_observed=ends,
            native_id=f"interface:{interface.id}:{address}:{start}",
        )
        yield held
        if interface.asset:
            yield stix.relationship(
                "related-to", stix.asset_id(interface.asset.id), held.id, start_time=start, stop_time=entry.end
            )


def _service(name: str) -> Service:
    """``Modbus (TCP/502)`` is a protocol with its transport and port, ``S7`` a protocol, ``TCP/8080`` no more than that."""
    found = _PROTOCOL.fullmatch(name)
    if not found:
        return Service(name)
    spoken = found["name"].strip() or ("unknown" if found["port"] else found["transport"])
    return Service(spoken, found["transport"].lower(), says(normalise.port, found["port"]))
