"""Tenable's records as STIX. Pure: the same record always gives the same objects; nothing is made up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from isthmus_connectors.tenable_vm.models import Asset, Finding
from isthmus_sdk.errors import Ignored, RecordError
from isthmus_sdk.fields import only, says
from isthmus_sdk.stix import Builder, Interface, Software, normalise

_SYSTEM_TYPES = {
    "router": "router", "switch": "switch", "firewall": "firewall", "printer": "printer", "webcam": "camera",
    "camera": "camera", "wireless-access-point": "access-point", "hypervisor": "hypervisor", "mobile": "mobile",
    "load-balancer": "network-device", "voip": "voip",
}  # fmt: skip
_SYSTEMS = (
    (re.compile(r"windows.*\bserver\b", re.IGNORECASE), "server"),
    (re.compile(r"windows\s+(?:7|8|10|11|xp|vista)\b|mac ?os|os x", re.IGNORECASE), "workstation"),
    (re.compile(r"esxi", re.IGNORECASE), "hypervisor"),
)
_STATES = {"open": "open", "reopened": "open", "fixed": "resolved"}
_KEV = "cisa-known-exploited"
_ACR_MOST = 10


def asset_to_stix(asset: Asset, stix: Builder) -> Iterator[Any]:
    """An asset with its interfaces and software. One that was deleted or terminated is no longer there: the run that no
    longer holds it gives it a tombstone.
    """
    if asset.deleted_at:
        raise Ignored("deleted in Tenable")
    if asset.terminated_at:
        raise Ignored("terminated")
    name = next(iter((*asset.hostnames, *asset.netbios_names, *asset.fqdns, *asset.agent_names)), None)
    yield stix.asset(
        asset.id,
        name=name or next(iter((*asset.ipv4s, *asset.ipv6s)), None) or asset.id,
        asset_class=_asset_class(asset),
        technology="ot" if "scada" in _system_types(asset) else None,
        hostname=_hostname(asset),
        serial=asset.serial,
        os=only(asset.operating_systems),
        software=[made for each in asset.installed_software if (made := _software(each))],
        interfaces=_interfaces(asset),
        criticality=_criticality(asset.acr_score),
        identifiers=[
            ("agent_id", asset.agent_uuid),
            ("bios_uuid", asset.bios_uuid),
            ("cmdb_id", asset.servicenow_sysid),
            *(("cloud_id", id) for id in (asset.aws_ec2_instance_id, asset.azure_vm_id, asset.gcp_instance_id)),
        ],
        monitored_by=_others(asset),
        first_seen=asset.first_seen,
        last_seen=asset.last_seen,
        created=asset.created_at,
        modified=asset.updated_at,
        labels=_labels(asset),
    )


def finding_to_stix(finding: Finding, stix: Builder) -> Iterator[Any]:
    """What a plugin found on an asset, as an exposure for each CVE; without one, under the plugin's own number."""
    if (finding.severity or "").lower() in ("info", "informational"):
        raise Ignored("informational: no vulnerability")
    state = _STATES.get((finding.state or "").lower())
    if state is None:
        raise RecordError(f"{(finding.state or 'no state')[:40]!r} is no state of a finding", path="state")
    if state == "open" and (finding.modification or "").lower() == "accepted":
        state = "accepted"
    plugin = finding.plugin
    cves = [cve for each in plugin.cves if (cve := says(normalise.cve, each))]
    alone = len(cves) < 2
    """A score, or a place in a catalogue, of the plugin is that of its vulnerability only where there is one."""
    title = f"{plugin.name}: {plugin.description}" if plugin.name and plugin.description else plugin.name
    for name in cves or [f"Nessus plugin {plugin.id}"]:
        yield stix.exposure(
            stix.asset_id(finding.asset.uuid),
            name,
            state=state,
            cvss=_score(finding) if alone else None,
            kev=True if alone and any((each.type or "").lower() == _KEV for each in plugin.xrefs) else None,
            first_seen=finding.first_found,
            last_seen=finding.changed or finding.first_found,
            modified=finding.changed,
            description=title if not cves else plugin.description if alone else None,
            fix=plugin.solution,
        )


def _system_types(asset: Asset) -> set[str]:
    return {each.lower() for each in asset.system_types}


def _asset_class(asset: Asset) -> str | None:
    """What the scanner takes it for; a general-purpose machine by its operating system, where it is sure of that."""
    known = sorted({_SYSTEM_TYPES[each] for each in _system_types(asset) if each in _SYSTEM_TYPES})
    if known:
        return known[0] if len(known) == 1 else None
    system = only(asset.operating_systems) or ""
    return next((found for pattern, found in _SYSTEMS if pattern.search(system)), None)


def _hostname(asset: Asset) -> str | None:
    """The first name that is one: scanners also put addresses there."""
    for text in (*asset.hostnames, *asset.fqdns, *asset.netbios_names):
        name = says(normalise.hostname, text)
        if name and says(normalise.ip, text) is None:
            return name
    return None


def _interfaces(asset: Asset) -> list[Interface]:
    """Interfaces as they are told; what none of them holds stands for itself, for nobody says which belongs to which."""
    network = asset.network_name if (asset.network_name or "").lower() != "default" else None
    made: list[Interface] = []
    seen: set[str] = set()
    for card in asset.network_interfaces:
        ips = _own((*card.ipv4s, *card.ipv6s))
        macs = _macs(card.macs)
        seen.update(ips, macs)
        if ips or macs:
            made.append(Interface(mac=macs[0] if macs else None, ips=tuple(ips), name=card.name, zone=network))
            made += [Interface(mac=mac, name=card.name, zone=network) for mac in macs[1:]]
    macs = [mac for mac in _macs(asset.mac_addresses) if mac not in seen]
    ips = [ip for ip in _own((*asset.ipv4s, *asset.ipv6s)) if ip not in seen]
    if len(macs) == 1:
        return [*made, Interface(mac=macs[0], ips=tuple(ips), zone=network)]
    made += [Interface(mac=mac, zone=network) for mac in macs]
    return [*made, Interface(ips=tuple(ips), zone=network)] if ips else made


def _macs(texts: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(mac for text in texts if (mac := says(normalise.adapter_mac, text))))


def _own(texts: tuple[str, ...]) -> list[str]:
    """Addresses by which the asset can be met in its network; IPv6 also with a prefix behind it."""
    found = (says(normalise.ip, text.partition("/")[0]) for text in texts)
    return list(dict.fromkeys(ip for ip in found if ip and not _local(ip)))


def _local(ip: str) -> bool:
    parsed = ip_address(ip)
    return parsed.is_loopback or parsed.is_link_local or parsed.is_multicast


def _software(text: str) -> Software | None:
    """A program by its CPE, which is all that the scanner says of it."""
    name = says(normalise.cpe, text)
    if name is None:
        return None
    parts = [part.replace("\\", "") for part in re.split(r"(?<!\\):", name)]
    vendor, product, version = (None if part in ("*", "-") else part for part in parts[3:6])
    return Software(product, vendor, version, name) if product else None


def _criticality(score: float | None) -> int | None:
    """The Asset Criticality Rating, 1 to 10, on our scale."""
    return round(score * 100 / _ACR_MOST) if score is not None and 1 <= score <= _ACR_MOST else None


def _others(asset: Asset) -> list[str]:
    """Products that have given the asset a number of their own."""
    numbers = {
        "Trellix ePO": asset.mcafee_epo_agent_guid,
        "Symantec Endpoint Protection": asset.symantec_ep_hardware_keys,
        "HCL BigFix": asset.bigfix_asset_id,
        "Qualys": asset.qualys_asset_ids,
    }
    return [product for product, number in numbers.items() if number]


def _labels(asset: Asset) -> list[str]:
    tags = [f"tag:{tag.key}:{tag.value}" for tag in asset.tags if tag.key and tag.value]
    return [*tags, *(f"source:{each.name.lower()}" for each in asset.sources if each.name)]


def _score(finding: Finding) -> float | None:
    """The newest CVSS that there is; nought stands for none."""
    plugin = finding.plugin
    scores = (plugin.cvss4_base_score, plugin.cvss3_base_score, plugin.cvss_base_score)
    return next((score for score in scores if score and 0 < score <= 10), None)
