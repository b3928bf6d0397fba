"""IoT Security's records as STIX. Pure: the same record always gives the same objects; no time, id or value is made up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from isthmus_connectors.paloalto.models import Alert, Device, Vulnerability
from isthmus_connectors.paloalto.panos import of_message
from isthmus_sdk import stix as core
from isthmus_sdk.errors import RecordError
from isthmus_sdk.fields import says
from isthmus_sdk.stix import Builder, Interface, Rule, Shape, Software, Subject, normalise

_CLASSES = (
    ("plc", "plc"), ("programmable logic", "plc"), ("rtu", "rtu"), ("remote terminal", "rtu"), ("hmi", "hmi"),
    ("historian", "historian"), ("engineering workstation", "engineering-workstation"), ("scada server", "control-server"),
    ("industrial controller", "controller"), ("ip phone", "voip"), ("voip", "voip"), ("camera", "camera"),
    ("printer", "printer"), ("access point", "access-point"), ("firewall", "firewall"), ("router", "router"),
    ("switch", "switch"), ("network equipment", "network-device"), ("storage", "storage"), ("server", "server"),
    ("smartphone", "mobile"), ("tablet", "mobile"), ("personal computer", "workstation"), ("workstation", "workstation"),
    ("building automation", "building-automation"), ("robot", "robot"), ("meter", "meter"),
    ("virtual machine", "virtual-machine"),
)  # fmt: skip
"""Beginnings of words in profiles and categories; the first that fits, the profile before the category."""
_BEGINS = [(re.compile(rf"\b{word}"), kind) for word, kind in _CLASSES]
_SAYS_NO_CLASS = frozenset({"generic", "other"})
_VERTICALS = {"medical": ("medical", "iomt"), "industrial": (None, "ot"), "utilities": (None, "ot")}
_TECHNOLOGIES = {"iot": "iot", "non_iot": "it", "non-iot": "it"}
_UNPROTECTED = frozenset({"no", "false", "0", "not_protected", "not protected", "unprotected", "not installed"})
_PROTECTED = frozenset({"yes", "true", "1", "protected", "installed"})
_LEVEL_TAG = "PurdueLevel"
_SEVERITIES = {1: 10, 2: 30, 3: 50, 4: 70, 5: 90}
_CLOSED = frozenset({"yes", "true", "resolved"})
_STATES = {"resolved": "resolved", "mitigated": "resolved", "ignored": "accepted", "accepted": "accepted"}
_LIKELIHOODS = {"confirmed": "confirmed", "potential": "possible"}
_TABLE = msgspec.json.Decoder(dict[str, Any])


def device_to_stix(device: Device, stix: Builder) -> Shape:
    """A device with its one address, place and system."""
    asset_class, technology = _kind(device)
    attributes = {name.lower(): value for table in device.customAttributes for name, value in table.items()}
    level, source = _level(attributes, device.tagIdList)
    macs = device.mac_address or ((device.deviceid,) if _is_mac(device.deviceid) else ())
    return stix.asset(
        device.deviceid,
        name=device.hostname or device.profile or device.deviceid,
        asset_class=asset_class,
        technology=technology,
        hostname=device.hostname or device.internal_hostname,
        vendor=device.vendor,
        model=device.model,
        serial=device.serial_number,
        os=Software(device.os_group, version=device.os_version) if device.os_group else None,
        firmware=device.os_version if not device.os_group else None,
        interfaces=[
            Interface(
                mac=macs[0] if len(macs) == 1 else None,
                ips=device.ip_address,
                vlan=device.vlan,
                site=device.site_name,
                zone=device.network_location,
            ),
            *(Interface(mac=mac) for mac in (macs if len(macs) > 1 else ())),
        ],
        purdue_level=level,
        level_source=source,
        site=device.site_name,
        zone=device.network_location,
        criticality=says(normalise.severity, attributes.get("asset criticality")),
        identifiers=[
            (kind, value)
            for kind, value in (
                ("asset_tag", device.asset_tag),
                ("ad_domain", device.ad_domain),
                ("ad_user", device.ad_username),
            )
            if value
        ],
        monitored_by=_watchers(device),
        first_seen=device.first_seen_date,
        last_seen=device.last_activity,
        created=device.first_seen_date,
        labels=[f"end-of-support:{device.os_end_of_support}"] if device.os_end_of_support else (),
    )


def alert_to_stix(alert: Alert, stix: Builder) -> Iterator[Shape]:
    """An alert about a device and the two ends it spoke to. Resolving it is a newer version of the same object."""
    if alert.date is None:
        raise RecordError("the alert has no time", path="date")
    closed = (alert.resolved or "").lower() in _CLOSED
    changed = alert.changed_at
    said = alert.msg
    yield stix.alert(
        alert.zb_ticketid.removeprefix("alert-"),
        title=alert.name or alert.type or alert.zb_ticketid,
        description=alert.description,
        severity=_severity(alert),
        vendor_severity=alert.severity or (None if alert.severityNumber is None else f"{alert.severityNumber:g}"),
        status="closed" if closed else "open",
        vendor_status=alert.resolved,
        category=alert.type,
        rule=_rule(alert),
        first_seen=alert.date,
        # A resolution that nobody gave a reason for leaves no time: then it is when we saw it.
        modified=None if closed and changed == alert.date else changed,
        subjects=_subjects(alert, stix),
        observables=[stix.domain(name)] if said and (name := says(normalise.domain, said.toURL)) else (),
    )


def vulnerability_to_stix(found: Vulnerability, stix: Builder) -> Shape:
    """A vulnerability of a device, which is known by its id alone: the device comes with its own stream."""
    changed = core.latest(found.detected_date, *(step.timestamp for step in found.reason_history))
    return stix.exposure(
        stix.asset_id(found.deviceid),
        _name(found.vulnerability_name),
        state=_STATES.get((found.ticketState or "").lower(), "open"),
        likelihood=_LIKELIHOODS.get((found.status or "").lower()),
        cvss=found.cvss,
        first_seen=found.detected_date,
        last_seen=core.latest(found.detected_date, found.last_detected_date, found.date),
        modified=changed,
        fix=found.remediate_instruction,
    )


def alert_of(raw: bytes) -> bytes:
    """An alert as the API gives it, from the CEF that IoT Security's SIEM export sends; others as they are.

    ``fileId`` there is the ticket's number, so both ways tell of one alert.
    """
    if b'"message"' not in raw and b'"extension"' not in raw:
        return raw
    record = _TABLE.decode(raw)
    if "extension" not in record and "zb_ticketid" not in record and "message" in record:
        record = of_message(str(record["message"] or ""))
    if not isinstance(record.get("extension"), dict):
        return raw
    if "PANWIOT" not in str(record.get("device_product")) or "Alert" not in str(record.get("signature_id")):
        raise RecordError("is no alert of IoT Security")
    told: dict[str, str] = record["extension"]
    if not told.get("fileId"):
        raise RecordError("the alert has no number", path="extension.fileId")
    return msgspec.json.encode(
        {
            "zb_ticketid": f"alert-{told['fileId']}",
            "name": record.get("name"),
            "type": str(record["signature_id"]).rpartition(":")[2],
            "severityNumber": record.get("severity"),
            "deviceid": told.get("dvcmac"),
            "date": told.get("deviceCustomDate1"),
            "description": told.get("cs1") if told.get("cs1") != "None" else None,
            "msg": {
                "id": told["fileId"], "fromip": told.get("src"), "toip": told.get("dst"), "hostname": told.get("shost"),
                "toURL": told.get("dhost"),
            },
        }
    )  # fmt: skip


def _kind(device: Device) -> tuple[str | None, str | None]:
    """Class and technology: what profile and category say, then the branch of industry."""
    by_vertical, technology = _VERTICALS.get((device.profile_vertical or "").lower(), (None, None))
    told = [(text or "").lower() for text in (device.profile, device.category)]
    by_word = next((kind for text in told for word, kind in _BEGINS if word.search(text)), None)
    kind = (device.profile_type or "").lower()
    found = by_vertical or by_word or (device.category if told[1] not in _SAYS_NO_CLASS else None)
    return found, technology or _TECHNOLOGIES.get(kind)


def _level(attributes: dict[str, str], tags: tuple[str, ...]) -> tuple[str | None, str | None]:
    """The Purdue level somebody set; else the one IoT Security worked out, where it is one."""
    if told := says(normalise.purdue_level, attributes.get("purdue level")):
        return told, "declared"
    levels = [tag.removeprefix(_LEVEL_TAG) for tag in tags if tag.startswith(_LEVEL_TAG)]
    found = says(normalise.purdue_level, levels)
    return found, "inferred" if found else None


def _watchers(device: Device) -> list[str]:
    """Other tools that have this device, as IoT Security learned from them."""
    word = (device.endpoint_protection or "").lower()
    found = []
    if device.endpoint_protection and word not in _UNPROTECTED:
        named = None if word in _PROTECTED else device.endpoint_protection
        found.append(device.endpoint_protection_vendor or named or "endpoint protection")
    if device.nac_profile_source:
        found.append(device.nac_profile_source)
    return found


def _severity(alert: Alert) -> int | None:
    word = says(normalise.severity, alert.severity)
    number = alert.severityNumber
    return word if word is not None or number is None else _SEVERITIES.get(int(number))


def _rule(alert: Alert) -> Rule | None:
    """A firewall's threat signature, under the name that threat logs have for it, or IoT Security's own rule."""
    said = alert.msg
    if said is None or not (said.threatid or said.ruleid):
        return None
    return Rule(f"threat-{said.threatid}" if said.threatid else str(said.ruleid), alert.name)


def _subjects(alert: Alert, stix: Builder) -> list[Subject]:
    subjects = [Subject(stix.asset_id(alert.deviceid), "device")] if alert.deviceid else []
    said = alert.msg
    for role, text in (("source", said.fromip), ("target", said.toip)) if said else ():
        if ip := says(normalise.ip, text):
            subjects.append(Subject(stix.endpoint(ip, site=alert.siteName), role))
    return subjects


def _name(vulnerability: str) -> str:
    """The CVE, where the name is one; weaknesses without one have a name of IoT Security's own."""
    cve: str | None = says(normalise.cve, vulnerability)
    return cve or vulnerability


def _is_mac(text: str) -> bool:
    return says(normalise.mac, text) is not None
