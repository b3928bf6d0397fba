"""Nodes as STIX: single addresses, which links and alerts speak of. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isthmus_connectors.nozomi_guardian.assets import DELETED, OWN_MAC
from isthmus_connectors.nozomi_guardian.models import Node
from isthmus_connectors.nozomi_guardian.places import level_of, level_source_of, to_many, vantage
from isthmus_sdk.errors import Ignored, RecordError
from isthmus_sdk.fields import only, says
from isthmus_sdk.stix import Builder, normalise


def node_to_stix(node: Node, stix: Builder) -> Iterator[Any]:
    """A node as the endpoint that links and alerts of this sensor and zone speak of, with the MAC that is its own.

    Nodes say which of an asset's MACs belongs to which of its addresses. The hub attaches the endpoint to the asset, by
    address scope and MAC: no second asset is made.
    """
    if node.deleted_at:
        raise Ignored(DELETED)
    sensor = node.appliance_host or only(node.appliance_hosts)
    context, _, tail = (node.ip or node.id).rpartition("/")
    if node.ip is None and says(normalise.mac, tail) is not None:
        raise Ignored("a node of layer 2: it has no IP address, and its MAC comes with its asset")
    try:
        address = normalise.ip(tail)
    except RecordError:
        raise RecordError(f"{tail[:60]!r} is no address", path="ip" if node.ip else "id") from None
    if address is None:
        raise Ignored("a node without an address")
    if node.is_broadcast or to_many(address):
        raise Ignored("a broadcast or multicast address")
    mac = says(normalise.mac, node.mac_address)
    level = ((node.mac_info and node.mac_info.likelihood_level) or "").lower()
    own = not level or level in OWN_MAC
    shape = stix.endpoint(
        address,
        vantage=vantage(sensor, node.zone, context),
        mac=mac if own else None,
        site=node.appliance_site,
        zone=node.zone,
        vlan=node.vlan_id,
        sensor=sensor,
        hostname=says(normalise.hostname, node.label),
        purdue_level=level_of(node.level),
        level_source=level_source_of(node.level, node.level_info),
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


def _node_labels(node: Node) -> list[str]:
    """What tells a node that is there from an address that was only spoken to."""
    labels = [f"reputation:{node.reputation.lower()}"] if node.reputation else []
    told = (("unconfirmed", node.is_confirmed is False), ("disabled", node.is_disabled))
    return [*labels, *(label for label, holds in told if holds)]
