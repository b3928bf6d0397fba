"""Armis' records as STIX. Pure: the same record always gives the same objects; no time, id or value is made up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from isthmus_connectors.armis.classes import asset_class, technology
from isthmus_connectors.armis.models import Activity, Alert, DataSource, Device, Finding
from isthmus_sdk import stix as core
from isthmus_sdk.errors import RecordError
from isthmus_sdk.fields import only, says
from isthmus_sdk.stix import Builder, Interface, Reference, Rule, Shape, Software, Subject, normalise

PRODUCT = "Armis Centrix"
_NO_WITNESS = frozenset({"knowledge base", "user"})
"""Data sources that watch nothing: Armis' own catalogue of devices, and what a person typed or uploaded."""
_SILENT_DAYS = 90
"""A source that has not seen a device for so long no longer watches it; it becomes a label."""
_IMPACTS = {"low": 25, "medium": 50, "high": 75, "critical": 90}
_STATUSES = {
    "unhandled": "open", "open": "open", "new": "open", "in progress": "acknowledged", "handled": "closed",
    "suppressed": "closed", "resolved": "closed", "closed": "closed",
}  # fmt: skip
_ACCEPTED = ("accept", "ignore", "suppress", "dismiss", "exception", "false positive")
_RESOLVED = ("resolve", "close", "fix", "remediat", "mitigat", "patched")
_LIKELIHOODS = {"high": "confirmed", "medium": "likely", "low": "possible"}
_TECHNIQUE = re.compile(r"\bT[0-9]{4}(?:\.[0-9]{3})?\b")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{3,45}")


def device_to_stix(device: Device, stix: Builder) -> Iterator[Any]:
    """A device with its addresses, and the other products that see it."""
    names = dict.fromkeys(name for name in (device.name, *device.names) if name and _is_hostname(name, device))
    hostname = next(iter(names), None)
    yield stix.asset(
        device.id,
        name=device.name or device.title or next(iter(device.names), None),
        asset_class=asset_class(device.type_enum, device.type),
        technology=technology(device.category, device.type_enum, device.type),
        hostname=hostname,
        vendor=device.manufacturer,
        model=device.model,
        serial=device.serial,
        os=Software(device.os, version=device.os_version) if device.os else None,
        firmware=device.firmware,
        interfaces=_interfaces(device),
        purdue_level=device.purdue_level,
        level_source="inferred" if device.purdue_level else None,
        site=device.site.name,
        zone=only(device.boundaries),
        criticality=_IMPACTS.get((device.business_impact or "").lower()),
        identifiers=[
            *(("hostname", name) for name in names if name != hostname),
            *((kind, value) for kind in ("imei", "meid", "udid") if (value := getattr(device, kind))),
        ],
        monitored_by=_watchers(device),
        first_seen=device.first_seen,
        last_seen=device.last_seen,
        created=device.first_seen,
        labels=_labels(device),
    )


def alert_to_stix(alert: Alert, stix: Builder) -> Iterator[Any]:
    """An alert about devices, which are known by their ids alone. Its later states are versions of the same objects."""
    if alert.time is None:
        raise RecordError("the alert has no time", path="time")
    yield stix.alert(
        alert.id,
        title=alert.title or alert.policy_title or alert.type or alert.id,
        description=alert.description,
        severity=says(normalise.severity, alert.severity),
        vendor_severity=alert.severity,
        status=_STATUSES.get((alert.status or "").lower().replace("_", " ")),
        vendor_status=alert.status,
        category=alert.classification or alert.type,
        rule=Rule(alert.policy_id, alert.policy_title or f"{PRODUCT} policy {alert.policy_id}")
        if alert.policy_id
        else None,
        first_seen=alert.time,
        last_seen=core.latest(alert.time, alert.updated),
        modified=core.latest(alert.time, alert.status_changed, alert.updated),
        sensor=stix.system(PRODUCT),
        subjects=[Subject(stix.asset_id(each), "device") for each in alert.device_ids],
        observables=[stix.ip(address) for address in _addresses([*alert.sources, *alert.destinations])],
        techniques=dict.fromkeys(found for text in alert.attack if text for found in _TECHNIQUE.findall(text)),
        references=[
            *(Reference("armis-activity", external_id=each) for each in alert.activities),
            *([Reference("armis-alert-type", external_id=alert.type)] if alert.type and alert.classification else []),
        ],
    )


def activity_to_stix(activity: Activity, stix: Builder) -> Iterator[Any]:
    """A note on the devices, else on the sensor or the product that saw it; alerts refer to it by the same UUID."""
    if activity.time is None:
        raise RecordError("the activity has no time", path="time")
    content = activity.content or activity.title or activity.type
    if not content:
        raise RecordError("the activity says nothing", path="content")
    seen_by = stix.system(activity.sensor.name or PRODUCT)
    about = [stix.asset_id(each) for each in activity.device_ids] or [seen_by.id]
    words = (("type", activity.type), ("protocol", activity.protocol), ("site", activity.site.name))
    yield seen_by
    yield stix.note(
        content,
        about,
        native_id=f"activity:{activity.id}",
        abstract=activity.title,
        labels=["activity", *(f"{name}:{value}" for name, value in words if value)],
        created=activity.time,
        modified=activity.time,
    )


def finding_to_stix(finding: Finding, stix: Builder) -> Iterator[Any]:
    """What Armis knows of a CVE, or a CVE on a device, which is known by its id alone."""
    if finding.device_id is None:
        yield _vulnerability(finding, stix)
        return
    # A match knows nothing of the CVE but its name: its version is older than that of the row that knows more.
    yield stix.vulnerability(finding.cve, modified=core.earliest(finding.first_detected, stix.observed_at))
    yield stix.exposure(
        stix.asset_id(finding.device_id),
        finding.cve,
        state=_state(finding.status),
        likelihood=_LIKELIHOODS.get((finding.confidence or "").lower()),
        first_seen=finding.first_detected,
        last_seen=finding.last_detected,
        fix="; ".join((*finding.steps, *finding.remediations)) or None,
    ).object


def _vulnerability(finding: Finding, stix: Builder) -> Shape:
    flags = (("weaponized", finding.weaponized), ("ransomware", finding.ransomware))
    words = (("severity", finding.severity), ("type", finding.type), ("status", finding.status), ("name", finding.name))
    return stix.vulnerability(
        finding.cve,
        description=finding.description,
        cvss=finding.cvss if finding.cvss is not None else finding.cvss4,
        epss=finding.epss,
        kev=True if finding.kev_due else None,
        labels=[
            *(name for name, holds in flags if holds),
            *(f"{name}:{value.lower()}" for name, value in words if value),
            *(f"threat:{tag}" for tag in finding.threat_tags),
        ],
    )


def _is_hostname(name: str, device: Device) -> bool:
    """Whether a name is that of this device: Armis names what has none after its model, type or address."""
    said = {
        text.lower() for text in (device.model, device.manufacturer, device.type, device.os, device.category) if text
    }
    address, hardware = says(normalise.ip, name), says(normalise.mac, name)
    if name.lower() in said or address or hardware:
        return False
    return says(normalise.hostname, name) is not None


def _interfaces(device: Device) -> list[Interface]:
    """One MAC carries all addresses; of several, Armis does not say which address belongs to which."""
    own = dict.fromkeys(ip for text in (*device.ip, *device.ipv6) if (ip := _own_address(text)))
    ips, zone, sensor = tuple(own), only(device.boundaries), device.sensor.name

    def interface(mac: str | None, addresses: tuple[str, ...]) -> Interface:
        return Interface(mac=mac, ips=addresses, site=device.site.name, zone=zone, sensor=sensor)

    if len(device.mac) == 1:
        return [interface(device.mac[0], ips)]
    return [interface(mac, ()) for mac in device.mac] + ([interface(None, ips)] if ips else [])


def _own_address(text: str) -> str | None:
    """An address by which the device can be met: loopback and link-local ones identify nothing.

    What is broken stays as it is, so that the asset tells of it.
    """
    try:
        return normalise.own_ip(text)
    except RecordError:
        return text


def _watches(source: DataSource, device: Device) -> bool:
    """Whether a data source sees the device now: it is a product, and was not silent for long when others last saw it."""
    if (source.name or "").lower() in _NO_WITNESS:
        return False
    if source.last_seen is None or device.last_seen is None:
        return True
    silent = datetime.fromisoformat(device.last_seen) - datetime.fromisoformat(source.last_seen)
    return silent.days <= _SILENT_DAYS


def _watchers(device: Device) -> list[str]:
    """The products that see the device, and the agents on it."""
    sources = [source.name for source in device.data_sources if source.name and _watches(source, device)]
    return list(dict.fromkeys([*sources, *(each.name for each in device.protections if each.name)]))


def _labels(device: Device) -> list[str]:
    labels = [f"tag:{tag}" for tag in device.tags]
    words = (
        ("visibility", (device.visibility or "").lower()),
        ("risk", "" if device.risk_level is None else f"{device.risk_level:g}"),
        ("category", device.category),
        ("access-switch", device.access_switch),
        ("location", device.site.location),
        ("title", device.title if device.title not in (device.name, *device.names) else None),
    )
    labels += [f"{name}:{value}" for name, value in words if value]
    labels += [f"protection:{each.name}" for each in device.protections if each.name]
    labels += [f"data-source:{each.name}" for each in device.data_sources if each.name and not _watches(each, device)]
    if len(device.boundaries) > 1:
        labels += [f"zone:{boundary}" for boundary in device.boundaries]
    return labels


def _addresses(texts: Iterable[str | None]) -> list[str]:
    """Addresses among the ends of an alert, which Armis writes as names, ids, addresses or objects."""
    parts = (part for text in texts if text for part in _ADDRESS.findall(text) if "." in part or part.count(":") > 1)
    found: list[str | None] = [says(normalise.ip, part) for part in parts]
    return list(dict.fromkeys(address for address in found if address))


def _state(status: str | None) -> str:
    """Open, unless the word says that somebody fixed or accepted it: an unknown word closes nothing."""
    word = (status or "").lower()
    if any(part in word for part in _ACCEPTED):
        return "accepted"
    return "resolved" if not word.startswith("un") and any(part in word for part in _RESOLVED) else "open"
