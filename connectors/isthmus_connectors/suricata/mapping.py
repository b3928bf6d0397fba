"""EVE events as alerts and flows. Pure: no clock, no state; what an event does not say is not said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import structs

from isthmus_connectors.suricata.enip import cip_service, enip_command
from isthmus_connectors.suricata.models import Dnp3Transaction, DnsEvent, EnipTransaction, Event, FlowEvent, IcsEvent
from isthmus_connectors.suricata.models import ModbusTransaction as Modbus
from isthmus_sdk.errors import Ignored, RecordError
from isthmus_sdk.fields import says
from isthmus_sdk.stix import Builder, Reference, Rule, Shape, Subject, normalise
from isthmus_sdk.summarise import Flow, flow_end

if TYPE_CHECKING:
    from isthmus_connectors.suricata.connector import SuricataSettings

ELSEWHERE = {
    "alert": "alert: read by the stream alerts",
    "flow": "flow: read by the stream flows",
    "dns": "dns: read by the stream dns",
    "modbus": "modbus: read by the stream ics",
    "dnp3": "dnp3: read by the stream ics",
    "enip": "enip: read by the stream ics",
    "stats": "stats: counters of the sensor itself, no traffic",
    "engine": "engine: messages of the sensor itself, no traffic",
    "netflow": "netflow: one direction of what flow events tell whole",
    "drop": "drop: a packet that an alert tells of",
}
"""Why an event is not this stream's; of other types see `_not_ours`."""
SEVERITIES = {1: 70, 2: 50, 3: 30}
"""Priorities of rules: high, medium, low; whatever is above is informational."""
_RESOLVERS = frozenset({53, 137, 5353, 5355})
"""Ports that are asked for names."""
_RESPONSE = 129
"""Function code of every DNP3 response that was asked for; what is sent unasked has 130."""
_CVE = re.compile(r"(?:19|20)\d\d[-_]\d{4,7}")
"""A CVE as some rule sets have it, without the word before it."""
_CODE_PROTOCOLS = ("modbus", "dnp3", "enip")
_UNSAID = frozenset({"failed", "unknown"})
"""What ``app_proto`` says where no protocol was recognised."""


def alert_to_stix(event: Event, stix: Builder, settings: SuricataSettings) -> Iterator[Shape]:
    """An alert as a sighting of its rule, about the two ends of the flow it was raised in.

    It has no id of its own: flow, rule, time, transaction and ends tell it apart, and are the same in every copy of the log
    and on every way here.
    """
    if event.event_type != "alert":
        raise _not_ours(event.event_type)
    found = event.alert
    if found is None or found.signature_id is None:
        raise RecordError("the alert names no rule", path="alert.signature_id")
    if event.timestamp is None:
        raise RecordError("the alert has no time", path="timestamp")
    sensor = settings.sensor or event.host
    rule = f"{1 if found.gid is None else found.gid}:{found.signature_id}"
    source, target = (end and end.ip for end in (found.source, found.target))
    ends = [("source", source or event.src_ip), ("target", target or event.dest_ip)]
    yield stix.alert(
        "/".join(str(part) for part in (event.flow_id or "-", rule, event.timestamp, *_apart(event))),
        title=found.signature or f"rule {rule}",
        severity=_severity(found.severity),
        vendor_severity=None if found.severity is None else f"{found.severity:g}",
        vendor_status=found.action,
        category=found.category,
        rule=Rule(rule, found.signature, pattern=found.rule, pattern_type="suricata" if found.rule else None),
        first_seen=event.timestamp,
        modified=event.timestamp,
        sensor=stix.system(sensor or "Suricata"),
        subjects=[Subject(end, role) for role, ip in ends if (end := _end(ip, sensor, _vlan(event.vlan), stix))],
        observables=[*_traffic(event, stix), *_names(event, stix), *_files(event, stix)],
        techniques=(*found.metadata.mitre_technique_id, *found.metadata.mitre_attack) if found.metadata else (),
        references=_references(event),
    )


def flow_to_flow(event: FlowEvent, settings: SuricataSettings) -> Flow:
    """A connection that ended: who opened it, who answered, what was recognised in it, how much was said."""
    counted = event.flow
    if event.event_type != "flow":
        raise _not_ours(event.event_type)
    if counted is None:
        raise RecordError("the event has no flow", path="flow")
    if counted.state == "new" and event.proto == "TCP":
        raise Ignored("TCP attempt that nobody answered")
    return Flow(
        *_between(event),
        settings.sensor or event.host,
        _vlan(event.vlan),
        None if event.app_proto in _UNSAID else event.app_proto,
        _transport(event.proto),
        event.dest_port,
        None,
        seconds(counted.end or counted.start or event.timestamp),
        counted.bytes_toserver or 0,
        counted.bytes_toclient or 0,
        counted.pkts_toserver or 0,
        counted.pkts_toclient or 0,
    )


def dns_to_flow(event: DnsEvent, settings: SuricataSettings) -> Flow:
    """A question to a resolver. Its answer tells of the same and is not counted again."""
    if event.event_type != "dns":
        raise _not_ours(event.event_type)
    answer = event.dns is not None and event.dns.type in ("answer", "response")
    if answer and event.src_port in _RESOLVERS and event.dest_port not in _RESOLVERS:
        # Older versions log an answer as its packet went. The communication is still from who asked.
        event = structs.replace(event, src_ip=event.dest_ip, dest_ip=event.src_ip, dest_port=event.src_port)
    return _message(event, settings, "dns", None, count=0 if answer else 1)


def ics_to_flow(event: IcsEvent, settings: SuricataSettings) -> Flow:
    """A transaction of an OT protocol: its function code on the communication between client and server."""
    if event.event_type not in _CODE_PROTOCOLS:
        raise _not_ours(event.event_type)
    protocol, code, count = event.event_type, None, 1
    if event.modbus is not None:
        code = _modbus_code(event.modbus)
    elif event.dnp3 is not None:
        code = _dnp3_code(event.dnp3)
        if code == _RESPONSE:
            code, count = None, 0  # tells of the request that it answers, which has an event of its own
    elif event.enip is not None:
        protocol, code = _enip_code(event.enip)
    else:
        raise RecordError(f"the event has no {protocol}", path=protocol)
    return _message(event, settings, protocol, code, count)


def seconds(text: str | None) -> float:
    """Event time in seconds. Raises ``RecordError``."""
    if text is None:
        raise RecordError("the event has no time", path="timestamp")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RecordError(f"{text[:40]!r} is not a time", path="timestamp") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _message(
    event: DnsEvent | IcsEvent, settings: SuricataSettings, protocol: str, code: int | None, count: int = 1
) -> Flow:
    source, target = _between(event)
    return Flow(
        source=source,
        target=target,
        sensor=settings.sensor or event.host,
        vlan=_vlan(event.vlan),
        protocol=protocol,
        transport=_transport(event.proto),
        port=event.dest_port,
        function_code=code,
        at=seconds(event.timestamp),
        count=count,
    )


def _between(event: FlowEvent | DnsEvent | IcsEvent) -> tuple[str, str]:
    if event.src_ip is None or event.dest_ip is None:
        raise RecordError("the event has no address", path="src_ip" if event.src_ip is None else "dest_ip")
    return event.src_ip, event.dest_ip


def _not_ours(kind: str) -> Ignored:
    if kind in ELSEWHERE:
        return Ignored(ELSEWHERE[kind])
    return Ignored("another type of event: a part of what flow events tell whole")


def _vlan(vlan: Iterable[Any] | int | None) -> int | str | None:
    """One tag, or several as ``outer.inner``."""
    if vlan is None or isinstance(vlan, int):
        return vlan
    tags = [str(tag) for tag in vlan]
    return ".".join(tags) or None


def _transport(proto: str | None) -> str | None:
    return proto.lower() if proto else None


def _modbus_code(modbus: Modbus) -> int | None:
    for side in (modbus.request, modbus.response):
        for code in (side.function_raw, side.function_code) if side else ():
            if isinstance(code, int) and 0 <= code <= 255:
                return code & 0x7F  # an exception has the function's code with the highest bit set
    return None


def _dnp3_code(dnp3: Dnp3Transaction) -> int | None:
    sides = (dnp3, dnp3.request, dnp3.response)
    return next((s.application.function_code for s in sides if s is not None and s.application is not None), None)


def _enip_code(enip: EnipTransaction) -> tuple[str, int | None]:
    """CIP with its service where the message carries one, else EtherNet/IP with its command."""
    sides = [side for side in (enip.request, enip.response) if side is not None]
    for side in sides:
        if side.cip is not None:
            return "cip", cip_service(side.cip.service or "")
    return "enip", next((enip_command(side.command) for side in sides if side.command), None)


def _severity(priority: float | None) -> int | None:
    return None if priority is None or priority < 1 else SEVERITIES.get(int(priority), 10)


def _apart(event: Event) -> tuple[str, ...]:
    """What tells alerts of one rule in one flow at one moment apart: the transaction and the packet's direction."""
    ends = f"{event.src_ip or ''}.{event.src_port or ''}-{event.dest_ip or ''}.{event.dest_port or ''}"
    return ("" if event.tx_id is None else str(event.tx_id), ends)


def _end(ip: str | None, sensor: str | None, vlan: int | str | None, stix: Builder) -> Shape | None:
    """The endpoint that flows of this sensor have, too."""
    address = says(normalise.ip, ip)
    return flow_end(stix, address, sensor=sensor, vlan=vlan) if address else None


def _traffic(event: Event, stix: Builder) -> Iterator[Shape]:
    source, target = says(normalise.ip, event.src_ip), says(normalise.ip, event.dest_ip)
    if source and target:
        spoken = (event.proto, None if event.app_proto in _UNSAID else event.app_proto)
        protocols = ["ipv6" if ":" in source else "ipv4", *(name.lower() for name in spoken if name)]
        yield stix.traffic(
            stix.ip(source),
            stix.ip(target),
            dict.fromkeys(protocols),
            source_port=event.src_port,
            target_port=event.dest_port,
        )


def _names(event: Event, stix: Builder) -> Iterator[Shape]:
    """Domains that the flow asked for or spoke to."""
    asked = [*event.dns.query, *event.dns.queries] if event.dns else []
    told = [query.rrname for query in asked] + [event.http and event.http.hostname, event.tls and event.tls.sni]
    for name in dict.fromkeys(found for text in told if (found := says(normalise.domain, text))):
        yield stix.domain(name)


def _files(event: Event, stix: Builder) -> Iterator[Shape]:
    for file in event.files:
        hashes = {"MD5": file.md5, "SHA-1": file.sha1, "SHA-256": file.sha256}
        known = {name: value for name, value in hashes.items() if value}
        if known or file.filename:
            yield stix.file(file.filename, hashes=known)


def _references(event: Event) -> Iterator[Reference]:
    """The flow, by Suricata's id and by the id that other sensors compute as well; CVEs that the rule is about."""
    if event.flow_id:
        yield Reference("suricata-flow", external_id=event.flow_id)
    if event.community_id:
        yield Reference("community-id", external_id=event.community_id)
    for text in event.alert.metadata.cve if event.alert and event.alert.metadata else ():
        if cve := says(normalise.cve, f"CVE-{text}" if _CVE.fullmatch(text) else text):
            yield Reference("cve", external_id=cve)
