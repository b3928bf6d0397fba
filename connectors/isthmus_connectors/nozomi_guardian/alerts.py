"""Alerts as STIX. Pure: the same record always gives the same objects; no time, id or value is made up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from isthmus_connectors.nozomi_guardian.models import Alert
from isthmus_connectors.nozomi_guardian.places import vantage
from isthmus_sdk import stix as core
from isthmus_sdk.errors import RecordError
from isthmus_sdk.fields import says
from isthmus_sdk.stix import Builder, Rule, Shape, Subject, normalise

_STATUSES = {"open": "open", "close": "closed", "closed": "closed"}
_PROTOCOL = re.compile(r"[a-z0-9][a-z0-9._-]*")
"""A protocol's name; Guardian also writes "tcp/1122" for a protocol it does not know."""
_INDICATOR = re.compile(r"indicator--[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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


def _techniques(alert: Alert) -> list[str]:
    """Ids of ATT&CK, Enterprise and ICS: in a field of their own, in the details, or in both."""
    known = alert.properties
    told = [each for each in (known.ics, known.enterprise) if each] if known else []
    named = (each.id for framework in told for each in framework.techniques)
    return [*alert.mitre_attack_techniques, *(name for name in named if name)]


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
        vantage=vantage(alert.appliance_host, zone),
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
