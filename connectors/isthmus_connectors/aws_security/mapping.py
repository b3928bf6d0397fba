"""Findings and instances of AWS as STIX. Pure: the same record always gives the same objects; nothing is made up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from isthmus_connectors.aws_security.models import (
    AccessKey,
    DutyFinding,
    Finding,
    Instance,
    InstanceDetails,
    NetworkInterface,
    Resource,
)
from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import Builder, Interface, Reference, Shape, Software, Subject, normalise

_LABELS = {"INFORMATIONAL": 0, "LOW": 1, "MEDIUM": 40, "HIGH": 70, "CRITICAL": 90}
"""How Security Hub itself turns a label into 0 to 100 (API reference of Severity)."""
_WORKFLOW = {"NEW": "open", "NOTIFIED": "acknowledged", "RESOLVED": "closed", "SUPPRESSED": "closed"}
_INSTANCE = re.compile(r"^(?:arn:aws[a-z-]*:ec2:([a-z0-9-]*):([0-9]*):instance/)?(i-[0-9A-Za-z]+)$")
_TECHNIQUE = re.compile(r"\bT[0-9]{4}(?:\.[0-9]{3})?\b")
_PLAIN = re.compile(r"[^A-Za-z]+")

_PUBLIC = "public"
"""Where public addresses are unique: not in the VPC, whose zone they would else have."""


def finding_to_stix(finding: Finding, stix: Builder) -> Iterator[Any]:
    """A finding of either service. GuardDuty's in Security Hub has its ARN as its id, so both give the same alert."""
    if finding.guard_duty is not None:
        yield from _guard_duty(finding.guard_duty, stix)
    else:
        yield from _security_hub(finding, stix)


def instance_to_stix(instance: Instance, stix: Builder) -> Shape:
    """An EC2 instance: its account and region are the site, its VPC the zone in which its addresses are unique."""
    return _machine(
        instance.resource_id,
        instance.configuration,
        stix,
        region=instance.aws_region,
        account=instance.account_id,
        arn=instance.arn,
        tags={tag.key: tag.value for tag in (*instance.tags, *instance.configuration.tags) if tag.key and tag.value},
        created=instance.resource_creation_time,
        modified=instance.captured,
    )


def _security_hub(finding: Finding, stix: Builder) -> Iterator[Any]:
    machines: list[Shape] = []
    subjects: list[Subject] = []
    for resource in finding.resources:
        made = _resource(resource, finding, stix)
        if made is None:
            continue
        if made.object["type"] == "infrastructure":
            machines.append(made)
        subjects.append(Subject(made, _word(resource.type)))
    advice = finding.remediation.recommendation
    yield stix.alert(
        finding.id,
        title=finding.title or finding.id,
        description=finding.description,
        first_seen=finding.first_observed_at or finding.created_at or finding.updated_at,
        last_seen=finding.last_observed_at,
        modified=finding.updated_at,
        severity=_severity(finding),
        vendor_severity=finding.severity.label or finding.severity.original,
        status=_status(finding),
        vendor_status="/".join(part for part in (finding.record_state, finding.workflow.status) if part) or None,
        category=finding.types[0] if finding.types else None,
        techniques=_techniques(finding.types),
        subjects=subjects,
        observables=_observed(stix, _ends(finding)),
        references=[
            *([Reference("aws-generator", external_id=finding.generator_id)] if finding.generator_id else []),
            *_link("aws-remediation", advice.url, advice.text),
            *_link("aws-product", finding.source_url, None),
        ],
    )
    yield from _exposures(finding, machines, stix)


def _guard_duty(finding: DutyFinding, stix: Builder) -> Iterator[Any]:
    service, resource = finding.service, finding.resource
    role = (service.resource_role or "target").lower()
    details = resource.instance_details
    subjects: list[Subject] = []
    if details.instance_id and (found := _INSTANCE.match(details.instance_id)):
        tags = {tag.key: tag.value for tag in details.tags if tag.key and tag.value}
        machine = _machine(found[3], details, stix, region=finding.region, account=finding.account_id, tags=tags)
        subjects.append(Subject(machine, role))
    if account := _account(resource.access_key_details, stix):
        subjects.append(Subject(account, "user"))
    for named in (*resource.s3_bucket_details, resource.eks_cluster_details):
        if key := named.arn or named.name:
            subjects.append(Subject(stix.system(named.name or key, native_id=key), "resource"))
    kind = finding.type or ""
    yield stix.alert(
        finding.arn or finding.id,
        title=finding.title or kind or finding.id,
        description=finding.description,
        first_seen=service.event_first_seen or finding.created_at or finding.updated_at,
        last_seen=service.event_last_seen,
        modified=finding.updated_at,
        severity=normalise.severity(finding.severity, 10),
        vendor_severity=finding.severity,
        status="closed" if service.archived else "open",
        vendor_status="ARCHIVED" if service.archived else "ACTIVE",
        category=finding.type,
        count=min(max(service.count or 1, 1), 999_999_999),
        subjects=subjects,
        observables=_observed(stix, _far_sides(finding)),
        references=[Reference("aws-guardduty", external_id=finding.id)],
    )


def _machine(
    id: str,
    details: InstanceDetails,
    stix: Builder,
    *,
    region: str | None,
    account: str | None,
    tags: dict[str, str],
    arn: str | None = None,
    created: str | None = None,
    modified: str | None = None,
) -> Shape:
    site = "/".join(part for part in (account, region) if part) or None
    vpc = details.vpc_id or next((card.vpc_id for card in details.network_interfaces if card.vpc_id), None)
    cards = [made for card in details.network_interfaces for made in _card(card, site)]
    told = {ip for made in cards for ip in made.ips}
    alone = [ip for ip in (details.private_ip_address,) if ip and ip not in told]
    public = [ip for ip in (details.public_ip_address,) if ip and ip not in told]
    system = details.platform_details or details.platform
    state = details.state.name
    return stix.asset(
        id,
        name=tags.get("Name") or id,
        asset_class="virtual-machine",
        technology="it",
        hostname=details.private_dns_name,
        vendor="Amazon",
        model=details.instance_type,
        os=Software(system) if system else None,
        interfaces=[
            *cards,
            *([Interface(ips=alone, site=site, zone=vpc)] if alone else []),
            *([Interface(ips=public, site=site, zone=_PUBLIC)] if public else []),
        ],
        site=site,
        zone=vpc,
        identifiers=[("cloud_id", id), ("cloud_arn", arn), ("cloud_account", account)],
        created=created,
        modified=modified,
        labels=[f"state:{state}"] if state else [],
    )


def _card(card: NetworkInterface, site: str | None) -> Iterator[Interface]:
    """Private addresses are unique in their VPC, public ones everywhere: two interfaces of one card."""
    own = [card.private_ip_address, *(row.private_ip_address for row in card.private_ip_addresses)]
    inside = list(dict.fromkeys(ip for ip in (*own, *(row.ipv6_address for row in card.ipv6_addresses)) if ip))
    if inside or card.mac_address:
        yield Interface(card.mac_address, inside, card.network_interface_id, site=site, zone=card.vpc_id)
    if outside := card.association.public_ip or card.public_ip:
        yield Interface(ips=[outside], name=card.network_interface_id, site=site, zone=_PUBLIC)


def _resource(resource: Resource, finding: Finding, stix: Builder) -> Shape | None:
    """An instance is an asset, an IAM user an account; whatever else a finding is about is named as a system."""
    if not resource.id:
        return None
    if found := _INSTANCE.match(resource.id):
        told = resource.details.aws_ec2_instance
        site = "/".join(part for part in (found[2] or finding.account, found[1] or resource.region) if part) or None
        addresses = [*told.addresses, *told.v6]
        return stix.asset(
            found[3],
            name=resource.tags.get("Name") or found[3],
            asset_class="virtual-machine",
            technology="it",
            interfaces=[Interface(ips=addresses, site=site, zone=told.vpc_id)] if addresses else [],
            site=site,
            zone=told.vpc_id,
            identifiers=[
                ("cloud_id", found[3]),
                ("cloud_arn", resource.id if resource.id.startswith("arn:") else None),
                ("cloud_account", found[2] or finding.account),
            ],
        )
    if resource.type == "AwsIamUser":
        return stix.user_account(resource.id.rsplit("/", 1)[-1], user_id=resource.id)
    return stix.system(resource.id.rsplit("/", 1)[-1].rsplit(":", 1)[-1] or resource.id, native_id=resource.id)


def _account(key: AccessKey, stix: Builder) -> Shape | None:
    if not (key.user_name or key.principal_id):
        return None
    return stix.user_account(key.user_name, user_id=key.principal_id or key.user_name)


def _severity(finding: Finding) -> int | None:
    """The label decides: ``Original`` is the product's own word, and ``Normalized`` is kept for old readers."""
    label = (finding.severity.label or "").upper()
    if label in _LABELS:
        return _LABELS[label]
    return normalise.severity(finding.severity.normalized, 100)


def _status(finding: Finding) -> str | None:
    """Archived by its product, resolved by people, or a control that passes: closed."""
    if (finding.record_state or "").upper() == "ARCHIVED" or (finding.compliance.status or "").upper() == "PASSED":
        return "closed"
    workflow = _WORKFLOW.get((finding.workflow.status or "").upper())
    return workflow or ("open" if finding.record_state else None)


def _exposures(finding: Finding, machines: Iterable[Shape], stix: Builder) -> Iterator[Shape]:
    """Inspector's findings: a vulnerability on each of the instances."""
    state = "resolved" if _status(finding) == "closed" else "open"
    if (finding.workflow.status or "").upper() == "SUPPRESSED":
        state = "accepted"
    machines = list(machines)
    for flaw in finding.vulnerabilities:
        if not flaw.id:
            continue
        scores = [score.base_score for score in flaw.cvss if score.base_score is not None]
        for machine in machines:
            yield stix.exposure(
                machine,
                flaw.id,
                state=state,
                cvss=max(scores) if scores else None,
                epss=flaw.epss_score,
                first_seen=finding.first_observed_at,
                last_seen=finding.last_observed_at,
                modified=finding.updated_at,
            )


def _ends(finding: Finding) -> Iterator[str | None]:
    network = finding.network
    yield from (network.source_ip_v4, network.source_ip_v6, network.destination_ip_v4, network.destination_ip_v6)


def _far_sides(finding: DutyFinding) -> Iterator[str | None]:
    for did in finding.service.action.kinds:
        yield from (did.remote_ip_details.v4, did.remote_ip_details.v6)
        for probe in did.port_probe_details:
            yield from (probe.remote_ip_details.v4, probe.remote_ip_details.v6)
        yield did.domain


def _observed(stix: Builder, values: Iterable[str | None]) -> list[Shape]:
    """Addresses and names, each once; what is neither (``111.11.000.1`` of a sample finding) says nothing."""
    found: dict[str, Shape] = {}
    for value in values:
        if not value:
            continue
        try:
            made = stix.domain(value) if _is_name(value) else stix.ip(value)
        except RecordError:
            continue
        found.setdefault(made.id, made)
    return list(found.values())


def _is_name(value: str) -> bool:
    return ":" not in value and bool(re.search(r"[A-Za-z]", value))


def _techniques(types: Iterable[str]) -> list[str]:
    return sorted({code for each in types for code in _TECHNIQUE.findall(each)})


def _word(kind: str | None) -> str | None:
    return _PLAIN.sub("-", kind).strip("-").lower() if kind else None


def _link(source: str, url: str | None, text: str | None) -> list[Reference]:
    if url and url.startswith(("https://", "http://")):
        return [Reference(source, url=url, description=text)]
    return [Reference(source, description=text)] if text else []
