"""Defender for Endpoint's records as STIX. Pure: the same record always gives the same objects; nothing is made up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from isthmus_connectors.microsoft_defender.models import (
    Alert,
    Evidence,
    KnownVulnerability,
    Machine,
    MachineSoftware,
    MachineVulnerability,
    NetworkAddress,
)
from isthmus_sdk import stix as core
from isthmus_sdk.errors import Ignored, RecordError
from isthmus_sdk.fields import says
from isthmus_sdk.stix import Builder, Interface, Reference, Rule, Shape, Subject, normalise

PRODUCT = "Microsoft Defender for Endpoint"
_SERVERS = re.compile(r"windows ?server", re.IGNORECASE)
_CLIENTS = re.compile(r"windows ?(?:7|8|8\.?1|10|11)|macos", re.IGNORECASE)
_MOBILES = re.compile(r"android|ios|ipados", re.IGNORECASE)
_CRITICALITY = {"low": 25, "high": 75}
"""``deviceValue`` where somebody set it: "Normal" is what every machine starts with and says nothing."""
_STATUSES = {"new": "open", "inprogress": "acknowledged", "resolved": "closed"}
_HASHES = (("SHA-1", "sha1", re.compile(r"[0-9a-f]{40}")), ("SHA-256", "sha256", re.compile(r"[0-9a-f]{64}")))
_URI = re.compile(r"https?://[^\s<>\"{}|\\^`]+", re.IGNORECASE)
_WITHIN_ONE_LOOK = timedelta(hours=1)
_GROUP_MACS = ("01:00:5e", "33:33:", "01:80:c2", "01:00:0c", "ff:ff:ff:ff:ff:ff")
"""Multicast and broadcast: listed by some agents as an adapter's address, which it never is."""


def machine_to_stix(machine: Machine, stix: Builder) -> Iterator[Any]:
    """A machine with the addresses of its adapters; loopback and link-local ones identify nothing and are left out."""
    shape = stix.asset(
        machine.id,
        name=machine.name or machine.id,
        asset_class=_asset_class(machine.os_platform),
        hostname=says(normalise.hostname, machine.name),
        os=" ".join(part for part in (machine.os_platform, machine.os_version) if part) or None,
        interfaces=_interfaces(machine),
        criticality=_CRITICALITY.get((machine.value or "").lower()),
        identifiers=_identifiers(machine),
        first_seen=machine.first_seen,
        last_seen=machine.last_seen,
        created=machine.first_seen,
        labels=_labels(machine),
    )
    yield shape
    if machine.merged_into:
        yield stix.relationship("duplicate-of", shape.id, stix.asset_id(machine.merged_into))


def alert_to_stix(alert: Alert, stix: Builder) -> Iterator[Any]:
    """An alert on a machine with the evidence it names. Its later states are versions of the same objects."""
    first = core.earliest(alert.first_event, alert.created)
    if first is None:
        raise RecordError("the alert has no time", path="alertCreationTime")
    subjects = [Subject(stix.asset_id(alert.machine_id), "host")] if alert.machine_id else []
    if alert.user and alert.user.name:
        subjects.append(Subject(_account(alert.user.name, alert.user.domain, None, stix), "user"))
    notes: list[str] = []
    shape = stix.alert(
        alert.id,
        title=alert.title or alert.category or alert.id,
        description=alert.description,
        severity=says(normalise.severity, alert.severity),
        vendor_severity=alert.severity,
        status=_STATUSES.get((alert.status or "").lower()),
        vendor_status=alert.status,
        category=alert.category,
        rule=Rule(alert.detector, f"{PRODUCT} detector {alert.detector}") if alert.detector else None,
        first_seen=first,
        last_seen=core.latest(first, alert.last_event),
        modified=core.latest(alert.updated, alert.resolved),
        sensor=stix.system(PRODUCT),
        subjects=subjects,
        observables=[seen for evidence in alert.evidence for seen in _evidence(evidence, alert, notes, stix)],
        techniques=alert.techniques,
        references=_references(alert),
    )
    yield Shape(shape.object, shape, [*shape.notes, *notes])


def vulnerability_to_stix(finding: MachineVulnerability, stix: Builder) -> Iterator[Any]:
    """A CVE on a machine, which is known by its id alone, and the product it is in.

    The service finds and fixes it in each version of each product by itself, so each is an exposure of its own: one that is
    fixed says nothing of the others.
    """
    if finding.cve is None:
        raise Ignored("a product without a CVE")
    fixed = (finding.status or "").lower() == "fixed"
    asset = stix.asset_id(finding.machine_id)
    if finding.product and not fixed:
        product = stix.software(finding.product, vendor=finding.vendor, version=finding.version)
        yield product
        yield stix.relationship("consists-of", asset, product.id)
    yield stix.exposure(
        asset,
        finding.cve,
        finding=" ".join(part for part in (finding.vendor, finding.product, finding.version) if part).lower() or None,
        state="resolved" if fixed else "open",
        likelihood="confirmed",
        cvss=finding.score,
        first_seen=finding.first_seen,
        last_seen=finding.last_seen,
        modified=_as_of(finding, fixed=fixed),
        fix=_fix(finding),
    )


def _as_of(finding: MachineVulnerability, *, fixed: bool) -> str | None:
    """Since when the statement holds, so that the newest wins in whatever order they come.

    A machine that goes from one device group to another is told as fixed in the one and new in the other by the same look
    of the service. Looks are six hours apart, so a fix is dated an hour before the look that found it: what the same look
    says to be there stands, and a fix still follows the look before. A row of the whole export holds as of when the product
    was last reported.
    """
    if finding.changed is None:
        return None if fixed else finding.last_seen
    if not fixed:
        return finding.changed
    return (datetime.fromisoformat(finding.changed) - _WITHIN_ONE_LOOK).isoformat()


def known_vulnerability_to_stix(known: KnownVulnerability, stix: Builder) -> Iterator[Any]:
    """What holds of a CVE everywhere. Those that no machine has are the service's whole catalogue, and left aside."""
    if known.exposed == 0:
        raise Ignored("no machine has it")
    told = (
        (known.public_exploit, "exploit:public"),
        (known.verified_exploit, "exploit:verified"),
        (known.exploit_in_kit, "exploit:in-kit"),
    )
    yield stix.vulnerability(
        known.id,
        description=known.description,
        cvss=known.score,
        cvss_vector=known.vector,
        epss=known.probability,
        labels=[
            *(label for holds, label in told if holds),
            *(f"exploit-type:{kind.lower()}" for kind in known.exploit_types),
        ],
        references=[
            *([Reference("cvss", description=known.vector)] if known.vector else []),
            *(Reference("exploit", url=uri) for uri in known.exploit_uris if _URI.fullmatch(uri)),
        ],
        modified=known.updated,
    )


def _fix(finding: MachineVulnerability) -> str | None:
    """The update that closes the finding, by its number where there is one."""
    known = finding.fixing_kb or finding.update
    return f"KB{known}" if known and known.isdecimal() else known


def software_to_stix(row: MachineSoftware, stix: Builder) -> Iterator[Any]:
    """A product on a machine, which is known by its id alone; since when it is there, and how long it is supported."""
    if row.product is None:
        raise RecordError("the row names no product", path="softwareName")
    product = stix.software(row.product, vendor=row.vendor, version=row.version)
    yield product
    status = row.support if row.support and row.support.lower() != "none" else None
    told = (status, f"supported until {row.support_ends[:10]}" if row.support_ends else None)
    yield stix.relationship(
        "consists-of",
        stix.asset_id(row.machine_id),
        product.id,
        start_time=row.first_seen,
        description="; ".join(text for text in told if text) or None,
    )


def _asset_class(platform: str | None) -> str | None:
    if not platform:
        return None
    for pattern, found in ((_SERVERS, "server"), (_CLIENTS, "workstation"), (_MOBILES, "mobile")):
        if pattern.match(platform):
            return found
    return None


def _interfaces(machine: Machine) -> list[Interface]:
    """Adapters by MAC, each with its addresses; the last address where no adapter lists it."""
    adapters: dict[str, list[str]] = {}
    for row in machine.addresses:
        mac, ip = _mac(row), says(normalise.own_ip, row.address)
        if mac or ip:
            adapters.setdefault(mac or "", []).extend([ip] if ip else [])
    listed = {ip for ips in adapters.values() for ip in ips}
    last = says(normalise.own_ip, machine.last_address)
    if last and last not in listed:
        adapters.setdefault("", []).append(last)
    return [
        Interface(mac=mac or None, ips=tuple(dict.fromkeys(ips)), site=machine.group) for mac, ips in adapters.items()
    ]


def _mac(row: NetworkAddress) -> str | None:
    mac = says(normalise.mac, row.mac)
    return None if mac is None or mac.startswith(_GROUP_MACS) else mac


def _identifiers(machine: Machine) -> list[tuple[str, str | None]]:
    cloud = machine.virtual.resource_id or machine.virtual.id if machine.virtual else None
    return [("agent_id", machine.id), ("directory_id", machine.directory_id), ("cloud_id", cloud)]


def _labels(machine: Machine) -> list[str]:
    """Whether the agent really works here: a machine can be known and not be covered."""
    labels = [f"tag:{tag}" for tag in machine.tags]
    labels += [
        f"{name}:{value.lower()}"
        for name, value in (("health", machine.health), ("onboarding", machine.onboarding), ("group", machine.group))
        if value
    ]
    if machine.excluded:
        labels.append("excluded")
        labels += [f"exclusion-reason:{machine.exclusion_reason.lower()}"] if machine.exclusion_reason else []
    return labels


def _references(alert: Alert) -> list[Reference]:
    """What the service groups the alert under, what it names the threat, and what an analyst found it to be."""
    family = f"family {alert.threat_family}" if alert.threat_family else None
    told = (
        ("microsoft-defender-incident", alert.incident, None),
        ("microsoft-defender-threat", alert.threat or alert.threat_family, family if alert.threat else None),
        ("microsoft-defender-classification", alert.classification or alert.determination, alert.determination),
    )
    return [Reference(name, external_id=key, description=more) for name, key, more in told if key]


def _evidence(evidence: Evidence, alert: Alert, notes: list[str], stix: Builder) -> Iterator[Shape]:
    """The object that one row of evidence names; none for a kind that STIX has no object for."""
    kind = (evidence.entity or "").lower()
    if kind in ("file", "process"):
        image = _file(evidence.file_name, evidence.file_path, _hashes(evidence, notes), stix)
        if kind == "process" and evidence.process_id is not None:
            yield _process(evidence, alert, image, stix)
        elif image:
            yield image
    elif kind == "ip" and (address := says(normalise.ip, evidence.address)):
        yield stix.ip(address)
    elif kind.startswith("registry") and (path := _registry_path(evidence)):
        named = {evidence.registry_name or "": evidence.registry_data}
        yield stix.registry_key(path, values=named if evidence.registry_name or evidence.registry_data else None)
    elif kind == "url" and evidence.url:
        yield stix.url(evidence.url)
    elif kind in ("user", "mailbox") and (login := evidence.account or evidence.principal or evidence.sid):
        yield _account(login, evidence.domain, evidence.sid, stix)


def _registry_path(evidence: Evidence) -> str | None:
    """The whole path: the service gives the hive by itself, and some detections once more within the key."""
    hive, key = (evidence.registry_hive or "").rstrip("\\"), (evidence.registry_key or "").strip("\\")
    if not hive or f"{key}\\".lower().startswith(f"{hive}\\".lower()):
        return key or None
    return f"{hive}\\{key}" if key else hive


def _file(name: str | None, folder: str | None, hashes: dict[str, str], stix: Builder) -> Shape | None:
    return stix.file(name, hashes=hashes, directory=folder) if name or hashes else None


def _hashes(evidence: Evidence, notes: list[str]) -> dict[str, str]:
    """Hashes of the right length; the service also sends placeholders such as "111", which are noted and left out."""
    hashes: dict[str, str] = {}
    for algorithm, field, form in _HASHES:
        value: str | None = getattr(evidence, field)
        if value and form.fullmatch(value.lower()):
            hashes[algorithm] = value.lower()
        elif value:
            notes.append(f"evidence.{field}: {value[:80]!r} is not a {algorithm} hash")
    return hashes


def _process(evidence: Evidence, alert: Alert, image: Shape | None, stix: Builder) -> Shape:
    """A process of the machine, with its image and its parent. A process id alone is used again; its start tells it."""
    parent = None
    if evidence.parent_id is not None:
        parent = stix.process(
            _process_key(alert, evidence.parent_id, evidence.parent_created),
            pid=evidence.parent_id,
            created=evidence.parent_created,
            image=_file(evidence.parent_name, evidence.parent_path, {}, stix),
        )
    return stix.process(
        _process_key(alert, evidence.process_id, evidence.process_created),
        pid=evidence.process_id,
        command_line=evidence.command_line,
        created=evidence.process_created,
        image=image,
        parent=parent,
    )


def _process_key(alert: Alert, pid: int | None, started: str | None) -> str:
    return f"{alert.machine_id or alert.id}:{pid}:{started or alert.id}"


def _account(login: str, domain: str | None, sid: str | None, stix: Builder) -> Shape:
    return stix.user_account(login, domain=domain, user_id=sid, account_type="windows-domain" if domain else None)
