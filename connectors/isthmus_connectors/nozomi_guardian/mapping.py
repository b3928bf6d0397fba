"""Guardian's records as STIX. Pure: the same record always gives the same objects; no time, id or value is made up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from isthmus_connectors.nozomi_guardian.models import Alert, Asset, Link, Node, NodeCve
from isthmus_sdk import stix as core
from isthmus_sdk.errors import Ignored, RecordError
from isthmus_sdk.fields import only, says
from isthmus_sdk.stix import Builder, Interface, Rule, Service, Shape, Subject, normalise

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
_LEVEL_DECLARED = frozenset({"manual", "user", "import", "imported", "custom"})
_OWN_MAC = frozenset({"confirmed", "likely"})
_STATUSES = {"open": "open", "close": "closed", "closed": "closed"}
_PROTOCOL = re.compile(r"[a-z0-9][a-z0-9._-]*")
"""A protocol's name; Guardian also writes "tcp/1122" for a protocol it does not know."""
_INDICATOR = re.compile(r"indicator--[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def asset_to_stix(asset: Asset, stix: Builder) -> Iterator[Any]:
    """An asset with its interfaces; a MAC that is not confirmed is kept beside it, never as its own."""
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
        purdue_level=_level(asset.level),
        level_source=_level_source(asset.level, asset.level_info),
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


def node_to_stix(node: Node, stix: Builder) -> Iterator[Any]:
    """A node as the endpoint that links and alerts of this sensor and zone speak of, with the MAC that is its own.

    Nodes say which of an asset's MACs belongs to which of its addresses. The hub attaches the endpoint to the asset, by
    address scope and MAC: no second asset is made.
    """
    context, _, tail = (node.ip or node.id).rpartition("/")
    if node.ip is None and says(normalise.mac, tail) is not None:
        raise Ignored("a node of layer 2: it has no IP address, and its MAC comes with its asset")
    try:
        address = normalise.ip(tail)
    except RecordError:
        raise RecordError(f"{tail[:60]!r} is no address", path="ip" if node.ip else "id") from None
    if address is None:
        raise Ignored("a node without an address")
    if node.is_broadcast or _to_many(address):
        raise Ignored("a broadcast or multicast address")
    mac = says(normalise.mac, node.mac_address)
    level = ((node.mac_info and node.mac_info.likelihood_level) or "").lower()
    own = not level or level in _OWN_MAC
    shape = stix.endpoint(
        address,
        vantage=_vantage(node.appliance_host, node.zone, context),
        mac=mac if own else None,
        site=node.appliance_site,
        zone=node.zone,
        vlan=node.vlan_id,
        sensor=node.appliance_host,
        hostname=says(normalise.hostname, node.label),
        purdue_level=_level(node.level),
        level_source=_level_source(node.level, node.level_info),
        roles=node.roles,
        labels=_node_labels(node),
        first_seen=node.first_activity_time or node.created_at,
        last_seen=node.last_activity_time,
    )
    yield shape
    if mac and not own:
        doubtful = stix.mac(mac)
        yield doubtful
        yield stix.relationship("related-to", shape.id, doubtful.id)


def alert_to_stix(alert: Alert, stix: Builder) -> Iterator[Any]:
    """An alert about its two ends. Its later states are versions of the same objects.

    An open alert's version is the time it was raised, a closed one's the time it was closed: ``record_created_at`` is
    the same in both.
    """
    ends = [
        (role, _alert_end(alert, ip, mac, zone, label, stix))
        for role, ip, mac, zone, label in (
            ("source", alert.ip_src, alert.mac_src, alert.zone_src, alert.label_src),
            ("target", alert.ip_dst, alert.mac_dst, alert.zone_dst, alert.label_dst),
        )
    ]
    status = _STATUSES.get((alert.status or "").lower())
    first = core.earliest(alert.created_time, alert.time)
    if first is None:
        raise RecordError("the alert has no time", path="time")
    rule = _rule(alert)
    shape = stix.alert(
        alert.id,
        title=alert.name or alert.type_name or alert.type_id or alert.id,
        description=alert.description,
        severity=normalise.severity(alert.risk, 10),
        vendor_severity=None if alert.risk is None else f"{alert.risk:g}",
        status="acknowledged" if status == "open" and alert.ack else status,
        vendor_status=alert.status,
        category=alert.type_id,
        rule=rule,
        first_seen=first,
        last_seen=core.latest(alert.created_time, alert.time),
        modified=core.latest(first, alert.time, alert.closed_time if status == "closed" else None),
        sensor=stix.system(alert.appliance_host or "Nozomi Guardian"),
        subjects=[Subject(end, role) for role, end in ends if end is not None],
        observables=_traffic(alert, stix),
        techniques=_techniques(alert),
    )
    yield from _of_known_indicator(shape, rule.id) if rule and _INDICATOR.fullmatch(rule.id) else shape


def link_to_stix(link: Link, stix: Builder) -> Iterator[Any]:
    """A link or a session as a communication between two addresses seen by this appliance in these zones."""
    if link.is_broadcast:
        raise Ignored("broadcast or multicast traffic")
    source, target = (
        _link_end(text, path, zone, link, stix)
        for text, path, zone in ((link.source, "from", link.from_zone), (link.target, "to", link.to_zone))
    )
    if source.id == target.id:
        raise Ignored("an address talking to itself")
    yield stix.communication(
        source,
        target,
        services=_services(link),
        first_seen=link.first_activity_time,
        last_seen=link.last_activity_time,
    )


def node_cve_to_stix(finding: NodeCve, stix: Builder) -> Iterator[Any]:
    """A CVE on an asset, which is known by its id alone: the asset comes with its own stream.

    Older releases name the node alone: the finding is on its endpoint then.
    """
    yield stix.exposure(
        stix.asset_id(finding.asset_id) if finding.asset_id else _node_of(finding, stix),
        finding.cve,
        state=_exposure_state(finding),
        likelihood=_likelihood(finding),
        cvss=finding.cve_score,
        epss=finding.cve_epss_score,
        kev=finding.is_kev,
        first_seen=core.earliest(finding.record_created_at, finding.time),
        last_seen=finding.time,
        description=finding.cve_summary,
        fix=finding.minimum_hotfix,
    )


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


def _level(level: str | None) -> str | None:
    """The Purdue level; ``None`` for words that name none ("external", custom levels)."""
    try:
        return normalise.purdue_level(level)
    except RecordError:
        return None


def _level_source(level: str | None, info: Mapping[str, str]) -> str | None:
    if _level(level) is None:
        return None
    return "declared" if info.get("source", "").lower() in _LEVEL_DECLARED else "inferred"


def _node_labels(node: Node) -> list[str]:
    """What tells a node that is there from an address that was only spoken to."""
    labels = [f"reputation:{node.reputation.lower()}"] if node.reputation else []
    told = (("unconfirmed", node.is_confirmed is False), ("disabled", node.is_disabled))
    return [*labels, *(label for label, holds in told if holds)]


def _node_of(finding: NodeCve, stix: Builder) -> Shape:
    context, _, tail = (finding.node_id or "").rpartition("/")
    address = says(normalise.ip, tail)
    if address is None:
        raise RecordError("the finding names neither an asset nor a node with an address", path="asset_id")
    zone, sensor = finding.zone, finding.appliance_host
    return stix.endpoint(address, vantage=_vantage(sensor, zone, context), zone=zone, sensor=sensor)


def _techniques(alert: Alert) -> list[str]:
    """Ids of ATT&CK, Enterprise and ICS: in a field of their own, in the details, or in both."""
    known = alert.properties
    told = [each for each in (known.ics, known.enterprise) if each] if known else []
    named = (each.id for framework in told for each in framework.techniques)
    return [*alert.mitre_attack_techniques, *(name for name in named if name)]


def _macs(asset: Asset) -> tuple[list[str], list[tuple[str, str]]]:
    """MACs that are the asset's own, and the others with what Guardian holds of them.

    An unconfirmed MAC is often that of the router in front of the asset, shared by everything behind it.
    """
    levels = {_same_mac(mac): level.lower() for mac, level in asset.mac_address_level.items()}
    own: list[str] = []
    doubtful: list[tuple[str, str]] = []
    for mac in asset.mac_address:
        level = levels.get(_same_mac(mac))
        if level is None or level in _OWN_MAC:
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


def _alert_end(
    alert: Alert, ip: str | None, mac: str | None, zone: str | None, label: str | None, stix: Builder
) -> Shape | None:
    """The address an alert speaks of; only its MAC where it has no address; nothing where it has neither."""
    address = says(normalise.ip, ip)
    if address is None:
        hardware = says(normalise.mac, mac)
        return stix.mac(hardware) if hardware else None
    return stix.endpoint(
        address,
        vantage=_vantage(alert.appliance_host, zone),
        mac=mac,
        site=alert.appliance_site,
        zone=zone,
        sensor=alert.appliance_host,
        hostname=label,
    )


def _traffic(alert: Alert, stix: Builder) -> list[Shape]:
    """The flow that raised the alert, where it has two addresses."""
    source, target = says(normalise.ip, alert.ip_src), says(normalise.ip, alert.ip_dst)
    if not source or not target:
        return []
    spoken = (text.lower() for text in (alert.transport_protocol, alert.protocol) if text)
    protocols = ["ipv6" if ":" in source else "ipv4", *(text for text in spoken if _PROTOCOL.fullmatch(text))]
    return [
        stix.traffic(
            stix.ip(source),
            stix.ip(target),
            dict.fromkeys(protocols),
            source_port=alert.port_src,
            target_port=alert.port_dst,
        )
    ]


def _link_end(text: str, path: str, zone: str | None, link: Link, stix: Builder) -> Shape:
    context, _, tail = text.rpartition("/")
    try:
        address = normalise.ip(tail)
    except RecordError:
        if says(normalise.mac, text):
            raise Ignored("layer 2 traffic: an end without an IP address") from None
        raise RecordError(f"{text[:60]!r} is no address", path=path) from None
    if address is None:
        raise Ignored("an end without an address")
    if _to_many(address):
        raise Ignored("broadcast or multicast traffic")
    return stix.endpoint(
        address,
        vantage=_vantage(link.appliance_host, zone, context),
        site=link.appliance_site,
        zone=zone,
        vlan=only(link.vlan_id),
        sensor=link.appliance_host,
    )


def _to_many(address: str) -> bool:
    return address == "255.255.255.255" or ip_address(address).is_multicast


def _vantage(sensor: str | None, zone: str | None, context: str = "") -> str:
    """Where an address was seen, in the vendor's words: two cells' 192.168.1.10 are two endpoints."""
    return "/".join(part for part in (sensor, zone, context) if part)


def _services(link: Link) -> list[Service]:
    codes = sorted({int(code) for code in link.function_codes if code.isdecimal()})
    protocol = (link.protocol or "other").lower()
    pairs: list[tuple[str | None, int | None]] = [
        (transport, int(port)) for ports in link.ports for transport, port in ports.items() if port.isdecimal()
    ]
    if not pairs:
        transports = link.transport_protocols or ((link.transport_protocol,) if link.transport_protocol else (None,))
        pairs = [(transport, link.to_port) for transport in transports]
    return [Service(protocol, transport, port, codes) for transport, port in pairs]


def _rule(alert: Alert) -> Rule | None:
    """What raised the alert, where it was not Guardian's own detection."""
    if not alert.trigger_id:
        return None
    return Rule(alert.trigger_id, alert.threat_name or alert.type_name or alert.trigger_type or alert.trigger_id)


def _of_known_indicator(alert: Shape, indicator: str) -> Iterator[dict[str, Any]]:
    """The alert as a sighting of an indicator that Guardian was given as STIX: it exists elsewhere under this id."""
    for obj in alert:
        if obj["type"] == "sighting":
            yield {**obj, "sighting_of_ref": indicator}
        elif obj["type"] != "indicator":
            yield obj


def _exposure_state(finding: NodeCve) -> str:
    if not finding.resolved:
        return "open"
    return "accepted" if "accept" in (finding.resolution_reason or "").lower() else "resolved"


def _likelihood(finding: NodeCve) -> str | None:
    word = (finding.probability or "").lower()
    if word in ("confirmed", "likely", "possible"):
        return word
    if finding.likelihood is None:
        return None
    return "confirmed" if finding.likelihood >= 1 else "likely" if finding.likelihood >= 0.5 else "possible"
