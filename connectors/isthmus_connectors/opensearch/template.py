"""The index template: what type each field has, so that addresses, times and numbers can be searched as such.

Nothing is guessed by the server (``dynamic: false``): a field that is not listed is stored with the document and not
indexed, so that no vendor's data can cause a mapping conflict or an explosion of fields.
"""

from __future__ import annotations

from typing import Any

VERSION = 1
INDICES = ("assets", "alerts", "alert-events", "vulnerabilities", "communications", "objects")

_FIELDS = {
    "date": (
        "@timestamp event.created event.start event.end isthmus.created isthmus.modified isthmus.asset.first_seen "
        "isthmus.asset.last_seen isthmus.exposure.first_seen isthmus.exposure.last_seen"
    ),
    "ip": "host.ip source.ip destination.ip related.ip",
    "long": (
        "event.severity source.bytes source.packets destination.bytes destination.packets destination.port network.bytes "
        "network.packets isthmus.alert.count isthmus.asset.criticality isthmus.asset.security_level "
        "isthmus.communication.connections "
        "isthmus.communication.function_codes isthmus.confidence"
    ),
    "float": "vulnerability.score.base isthmus.exposure.epss",
    "boolean": "isthmus.revoked isthmus.exposure.kev",
    "text": "message rule.description vulnerability.description isthmus.description event.reason",
    "keyword": (
        "ecs.version event.kind event.category event.type event.module event.provider event.id labels.isthmus_hub tags "
        "host.id host.name host.hostname host.mac host.type host.os.full device.id device.manufacturer device.model.name "
        "device.serial_number observer.name rule.id rule.name rule.uuid threat.framework threat.technique.id "
        "threat.technique.subtechnique.id vulnerability.id vulnerability.enumeration vulnerability.classification "
        "source.address source.mac destination.address destination.mac network.protocol network.transport related.hosts "
        "related.user related.hash isthmus.id isthmus.type isthmus.name isthmus.tlp isthmus.value isthmus.not_projected "
        "isthmus.relationship.type isthmus.relationship.source isthmus.relationship.target isthmus.asset.kind "
        "isthmus.asset.native_id isthmus.asset.source_id isthmus.asset.connector isthmus.asset.asset_class "
        "isthmus.asset.technology isthmus.asset.firmware isthmus.asset.purdue_level isthmus.asset.level_source "
        "isthmus.asset.site isthmus.asset.zone isthmus.asset.vendor_zone isthmus.asset.zones isthmus.asset.owner "
        "isthmus.asset.roles isthmus.asset.monitored_by isthmus.asset.identifiers "
        "isthmus.asset.scopes isthmus.asset.vlans isthmus.asset.interface_names isthmus.alert.source_id "
        "isthmus.alert.status isthmus.alert.vendor_status isthmus.alert.vendor_severity isthmus.alert.category "
        "isthmus.alert.subjects.id isthmus.alert.subjects.role isthmus.alert.subjects.name isthmus.exposure.state "
        "isthmus.exposure.likelihood isthmus.exposure.fix isthmus.exposure.native_id isthmus.exposure.source_id "
        "isthmus.exposure.asset isthmus.exposure.vulnerability isthmus.communication.source "
        "isthmus.communication.target isthmus.communication.services"
    ),
}
_LONGEST_KEYWORD = 1_024
"""Characters; longer values stay in the document and cannot be searched (a term above 32,766 bytes is an error)."""


def template(prefix: str) -> dict[str, Any]:
    """Body of ``PUT /_index_template/PREFIX``."""
    return {
        "index_patterns": [f"{prefix}-{index}" for index in INDICES],
        "priority": 200,
        "version": VERSION,
        "template": {"mappings": mappings()},
        "_meta": {"description": "written by Isthmus; raise `version` above ours to keep your own"},
    }


def mappings() -> dict[str, Any]:
    """Mappings of every index."""
    properties: dict[str, Any] = {}
    for kind, names in _FIELDS.items():
        for name in names.split():
            *parents, leaf = name.split(".")
            level = properties
            for parent in parents:
                level = level.setdefault(parent, {"properties": {}})["properties"]
            level[leaf] = {"type": kind, "ignore_above": _LONGEST_KEYWORD} if kind == "keyword" else {"type": kind}
    properties["isthmus"]["properties"]["stix"] = {"type": "object", "enabled": False}
    return {"dynamic": False, "properties": properties}
