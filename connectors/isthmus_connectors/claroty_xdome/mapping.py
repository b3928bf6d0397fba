"""xDome's records as STIX. Pure: the same record always gives the same objects; no time, id or value is made up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from isthmus_connectors.claroty_xdome.classes import asset_class, runs_software, technology
from isthmus_connectors.claroty_xdome.models import (
    Alert,
    AlertDevice,
    Device,
    OtEvent,
    Site,
    Vulnerability,
    VulnerabilityDevice,
)
from isthmus_sdk import stix as core
from isthmus_sdk.errors import Ignored, RecordError
from isthmus_sdk.fields import only, says
from isthmus_sdk.stix import Builder, Interface, Reference, Service, Shape, Software, normalise

PRODUCT = "Claroty xDome"
_NONE = frozenset({"no zone", "no group", "no firewall group", "unassigned", "n/a"})
"""Names that xDome gives to what has none."""
_STATUSES = {"unresolved": "open", "open": "open", "acknowledged": "acknowledged", "in progress": "acknowledged"}
_LIKELIHOODS = {"confirmed": "confirmed", "potentially relevant": "possible"}
_GONE = frozenset({"fixed", "irrelevant", "not relevant"})
_DECLARED = ("manual", "user", "custom")


def device_to_stix(device: Device, stix: Builder) -> Iterator[Any]:
    """A device with its interfaces and the other products that watch it. A retired one is no longer there."""
    if device.retired:
        raise Ignored("retired in xDome")
    yield _device(device.uid, device, stix)


def alert_to_stix(alert: Alert, stix: Builder) -> Iterator[Any]:
    """An alert; the devices that it is on come as relations. Its later states are versions of the same object."""
    first = core.earliest(alert.detected_time, alert.updated_time)
    if first is None:
        raise RecordError("the alert has no time", path="detected_time")
    word = (alert.status or "").lower()
    yield stix.alert(
        alert.id,
        title=alert.alert_name or alert.alert_type_name or alert.id,
        description=alert.description,
        status=_STATUSES.get(word) or ("closed" if "resolved" in word or "closed" in word else None),
        vendor_status=alert.status,
        category=alert.category or alert.alert_class,
        first_seen=first,
        last_seen=core.latest(first, alert.updated_time),
        modified=core.latest(first, alert.updated_time),
        sensor=stix.system(PRODUCT),
        techniques=(*alert.mitre_technique_ics_ids, *alert.mitre_technique_enterprise_ids),
        references=[Reference("claroty-alert-type", external_id=alert.alert_type_name)]
        if alert.alert_type_name
        else [],
    )


def alert_device_to_stix(row: AlertDevice, stix: Builder) -> Iterator[Any]:
    """The relation of an alert and a device, both known by their ids; it ends when the alert is resolved there."""
    if row.uid and not row.retired:
        yield _device(row.uid, row, stix)
    joined = row.alert
    number = row.alert_id or (joined and joined.id)
    if number is None:
        if row.uid:
            return
        raise RecordError("the row names no alert", path="alert_id")
    if joined is not None and (joined.detected_time or joined.updated_time):
        yield from alert_to_stix(joined, stix)
    detected = row.detected or (joined.detected_time if joined else None)
    updated = row.updated or (joined.updated_time if joined else None)
    resolved = row.is_resolved or (row.status or "").lower() in ("resolved", "closed")
    yield stix.relationship(
        "related-to",
        stix.incident_id(number),
        stix.asset_id(row.device_uid),
        start_time=detected,
        stop_time=updated if resolved else None,
        modified=core.latest(detected, updated),
    )


def vulnerability_to_stix(flaw: Vulnerability, stix: Builder) -> Iterator[Any]:
    """What xDome knows of a vulnerability: an object for each of its CVEs, one under its own name where it has none."""
    labels = [
        f"{name}:{value.lower()}" for name, value in (("type", flaw.vulnerability_type), ("level", flaw.level)) if value
    ]
    names = _cves(flaw.cve_ids, flaw.name)
    if not names:
        raise RecordError("the vulnerability has neither a CVE nor a name", path="name")
    for name in names:
        yield stix.vulnerability(
            name,
            description=flaw.description,
            cvss=_cvss(flaw.cvss_v3_score, flaw.cvss_v2_score),
            epss=flaw.epss_score,
            kev=flaw.is_known_exploited,
            labels=[*labels, *([f"advisory:{flaw.name}"] if flaw.name and flaw.name not in names else [])],
            references=[
                Reference(source.name, url=url)
                for source in flaw.sources
                if source.name and (url := says(normalise.url, source.url))
            ],
            modified=flaw.published_date,
        )


def vulnerability_device_to_stix(row: VulnerabilityDevice, stix: Builder) -> Iterator[Any]:
    """A vulnerability on a device, which is known by its id alone."""
    if row.uid and not row.retired:
        yield _device(row.uid, row, stix)
    flaw = row.flaw
    names = _cves(
        row.cve_ids or (flaw.cve_ids if flaw else ()), row.name or (flaw and flaw.name) or row.vulnerability_id
    )
    if not names:
        if row.uid:
            return
        raise RecordError("the row names no vulnerability", path="vulnerability_name")
    relevance, cvss, epss, kev = (
        (row.relevance or "").lower(),
        _cvss(row.cvss_v3, row.cvss_v2),
        row.epss,
        row.known_exploited,
    )
    if flaw is not None:
        yield from vulnerability_to_stix(flaw, stix)
        cvss = _cvss(cvss, flaw.cvss_v3_score, flaw.cvss_v2_score)
        epss = flaw.epss_score if epss is None else epss
        kev = flaw.is_known_exploited if kev is None else kev
    gone = row.resolved or row.patched or relevance in _GONE or (row.status or "").lower() in _GONE
    for name in names:
        if flaw is None:
            # The row knows nothing of the vulnerability but its name: the list of vulnerabilities has the newer version.
            yield stix.vulnerability(name, modified=core.earliest(row.detected, row.updated, stix.observed_at))
        yield stix.exposure(
            stix.asset_id(row.device_uid),
            name,
            state="resolved" if gone else "open",
            likelihood=_LIKELIHOODS.get(relevance),
            cvss=cvss,
            epss=epss,
            kev=kev,
            first_seen=row.detected,
            last_seen=core.latest(row.updated, row.resolved, row.patched),
            fix=row.recommendations,
        ).object


def ot_event_to_stix(event: OtEvent, stix: Builder) -> Iterator[Any]:
    """The communication in which it was done, and a note of what was done on both ends and on the alerts it belongs to."""
    if event.detection_time is None:
        raise RecordError("the event has no time", path="detection_time")
    source = _end(event.source_ip, event.source_asset_id, event.source_site_name, event.source_network,
                  event.source_device_name, stix)  # fmt: skip
    target = _end(event.dest_ip, event.dest_asset_id, event.dest_site_name, event.dest_network,
                  event.dest_device_name, stix)  # fmt: skip
    ends = [end for end in (source, target) if end is not None]
    if not ends:
        raise RecordError("neither end of the event has an address", path="dest_ip")
    if source is not None and target is not None and source.id != target.id:
        yield stix.communication(
            source,
            target,
            services=[Service(event.protocol or "other", event.ip_protocol, event.dest_port)],
            first_seen=event.detection_time,
            last_seen=event.detection_time,
            modified=event.detection_time,
        )
    yield from (each for end in ends for each in end)
    words = (
        ("type", event.event_type), ("mode", event.mode), ("user", event.source_username), ("protocol", event.protocol),
        ("source", event.source_device_type), ("target", event.dest_device_type),
        ("source-asset", event.source_asset_id), ("target-asset", event.dest_asset_id),
        ("source-port", event.source_port),
    )  # fmt: skip
    yield stix.note(
        event.description or event.event_type or f"OT activity {event.event_id}",
        [*(end.id for end in ends), *(stix.incident_id(alert) for alert in event.related_alert_ids)],
        native_id=f"ot-activity:{event.event_id}",
        abstract=event.event_type,
        labels=["ot-activity", *(f"{name}:{value}" for name, value in words if value)],
        created=event.detection_time,
        modified=event.detection_time,
    )


def site_to_stix(site: Site, stix: Builder) -> Iterator[Any]:
    """A site, in its country where that is said by its code."""
    told = [
        text
        for text in (
            site.description,
            f"location: {site.location}" if site.location else None,
            f"time zone: {site.timezone}" if site.timezone else None,
            f"group: {site.site_group_name}" if _named(site.site_group_name) else None,
        )
        if text
    ]
    code = site.country_code if site.country_code and len(site.country_code) == 2 else None
    yield stix.site(
        site.name or site.id,
        location=stix.location(site.location or site.name, country=code.upper()) if code else None,
        description="; ".join(told) or None,
    )


def _device(uid: str, device: Any, stix: Builder) -> Shape:
    kind = asset_class(device.device_category, device.device_type, device.device_type_family)
    hostnames = _hostnames(device)
    version, is_software = device.software_or_firmware_version, runs_software(kind)
    zone = _named(device.organization_zone_name)
    return stix.asset(
        uid,
        name=device.device_name or device.local_name or next(iter(hostnames), None),
        asset_class=kind,
        technology=technology(device.device_category),
        hostname=next(iter(hostnames), None),
        vendor=device.manufacturer,
        model=device.model,
        serial=device.serial_number,
        os=device.combined_os
        or " ".join(part for part in (device.os_name, device.os_version, device.os_revision) if part)
        or None,
        firmware=None if is_software else version,
        software=[Software(device.model, device.manufacturer, version)] if is_software and version and device.model else [],
        interfaces=_interfaces(device, zone),
        purdue_level=device.purdue_level,
        level_source=_level_source(device),
        site=device.site_name,
        zone=zone,
        criticality=says(normalise.severity, device.criticality),
        identifiers=[
            *((kind, value) for kind, value in (
                ("claroty_asset_id", device.asset_id), ("directory_name", device.ad_distinguished_name),
                ("asset_tag", device.cmms_asset_tag),
            ) if value),
            *(("hostname", name) for name in hostnames[1:]),
        ],
        monitored_by=_watchers(device),
        first_seen=core.earliest(*device.first_seen_list),
        last_seen=core.latest(*device.last_seen_list, device.last_seen_reported),
        created=core.earliest(*device.first_seen_list),
        labels=_labels(device),
    )  # fmt: skip


def _hostnames(device: Any) -> list[str]:
    """Names by which the device called itself, the latest first. ``device_name`` is a title that people edit."""
    told = (
        device.windows_last_seen_hostname, device.dhcp_last_seen_hostname, device.http_last_seen_hostname,
        device.snmp_last_seen_hostname, device.local_name, *device.windows_hostnames, *device.dhcp_hostnames,
        *device.http_hostnames, *device.snmp_hostnames, *device.other_hostnames,
    )  # fmt: skip
    names = (says(normalise.hostname, name) for name in told if name and not says(normalise.ip, name))
    return list(dict.fromkeys(name for name in names if name))


def _interfaces(device: Any, zone: str | None) -> list[Interface]:
    """Entries of the same place are one interface; where the lists differ in length, nothing says what belongs together."""
    macs, ips = device.mac_list, [_own_address(text) for text in device.ip_list]
    vlan = only([each for each in dict.fromkeys(device.vlan_list) if each])
    site = device.site_name

    def interface(mac: str | None, addresses: Sequence[str | None], at: int | None = None) -> Interface:
        placed = device.vlan_list[at] if at is not None and len(device.vlan_list) == len(macs) else vlan
        return Interface(
            mac=mac, ips=tuple(dict.fromkeys(ip for ip in addresses if ip)), vlan=placed, site=site, zone=zone
        )

    if len(macs) == len(ips):
        made = [interface(mac, (ip,), at) for at, (mac, ip) in enumerate(zip(macs, ips, strict=True))]
    elif len(macs) == 1:
        made = [interface(macs[0], ips)]
    else:
        made = [*(interface(mac, (), at) for at, mac in enumerate(macs)), interface(None, ips)]
    return [each for each in made if each.mac or each.ips]


def _own_address(text: str | None) -> str | None:
    """An address by which the device can be met. ``ADDRESS / (Last Known IP)`` is its own, ``ADDRESS / ID`` a child's.

    What is broken stays as it is, so that the asset tells of it.
    """
    address, _, told = (text or "").partition("/")
    if told.strip() and "last known" not in told.lower():
        return None
    try:
        return normalise.own_ip(address.strip())
    except RecordError:
        return text


def _level_source(device: Any) -> str | None:
    if says(normalise.purdue_level, device.purdue_level) is None:
        return None
    word = (device.purdue_level_source or "").lower()
    return "declared" if any(part in word for part in _DECLARED) else "inferred"


def _watchers(device: Any) -> list[str]:
    """Other products that see or guard the device, as xDome learned from its integrations and from traffic."""
    found = [
        *device.endpoint_security_names, *device.integration_types_reported_from, *device.managed_by,
        *(("Cisco ISE",) if device.ise_security_group_name_list or device.ise_endpoint_profile_list else ()),
        *(("Aruba ClearPass",) if device.cppm_roles_list else ()),
    ]  # fmt: skip
    return list(dict.fromkeys(found))


def _labels(device: Any) -> list[str]:
    words: list[tuple[str, str | None]] = [
        ("category", device.device_subcategory), ("risk", device.risk_score), ("hardware", device.hw_version),
        ("site-group", _named(device.site_group_name)), ("recommended-zone", _named(device.recommended_zone_name)),
        ("firewall-group", _named(device.organization_firewall_group_name)),
        ("recommended-firewall-group", _named(device.recommended_firewall_group_name)),
        ("edr-up-to-date", device.edr_is_up_to_date_text), ("edr-last-scan", _day(device.edr_last_scan_time)),
        ("last-scan", _day(device.last_scan_time)), ("mdm", device.mdm_enrollment_status),
        ("mdm-compliance", device.mdm_compliance_status), ("internet", device.internet_communication),
        ("end-of-life", device.end_of_life_state), ("end-of-life-date", _day(device.end_of_life_date)),
        ("os-end-of-life", _day(device.os_eol_date)),
        ("level-source", device.purdue_level_source),
    ]  # fmt: skip
    lists = (
        ("tag", device.labels), ("network", device.network_list), ("switch", device.switch_name_list),
        ("switch-port", device.switch_port_list), ("integration", device.integrations_reported_from),
        ("security-group", device.ise_security_group_name_list), ("ise-profile", device.ise_endpoint_profile_list),
        ("clearpass-role", device.cppm_roles_list), ("acl", device.applied_acl_list),
        ("acl-type", device.applied_acl_type_list),
    )  # fmt: skip
    words += [(name, value) for name, values in lists for value in values]
    return [f"{name}:{value}" for name, value in words if value]


def _day(moment: str | None) -> str | None:
    return moment[:10] if moment else None


def _named(name: str | None) -> str | None:
    return None if name is None or name.lower() in _NONE else name


def _cves(ids: Sequence[str], name: str | None) -> list[str]:
    """CVE ids in their order; the name where there is none."""
    found = [cve for each in ids if (cve := says(normalise.cve, each))]
    return list(dict.fromkeys(found)) or ([name] if name else [])


def _cvss(*scores: float | None) -> float | None:
    """The first score that there is."""
    return next((score for score in scores if score is not None), None)


def _end(
    ip: str | None, asset: str | None, site: str | None, network: str | None, name: str | None, stix: Builder
) -> Shape | None:
    """One end of an event. Sites reuse addresses: the device that xDome names keeps two of them apart."""
    address = says(normalise.ip, ip)
    if address is None:
        return None
    is_address = says(normalise.ip, name) is not None
    hostname = None if is_address else says(normalise.hostname, name)
    vantage = "/".join(part for part in (site, network, asset) if part)
    return stix.endpoint(address, vantage=vantage, site=site, hostname=hostname)
