"""Links and sessions as communications. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isthmus_connectors.nozomi_guardian.models import Link
from isthmus_connectors.nozomi_guardian.places import to_many, vantage
from isthmus_sdk.errors import Ignored, RecordError
from isthmus_sdk.fields import only, says
from isthmus_sdk.stix import Builder, Service, Shape, normalise


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
    if to_many(address):
        raise Ignored("broadcast or multicast traffic")
    return stix.endpoint(
        address,
        vantage=vantage(link.appliance_host, zone, context),
        site=link.appliance_site,
        zone=zone,
        vlan=only(link.vlan_id),
        sensor=link.appliance_host,
    )


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
