"""Findings of Security Hub as alerts and exposures; those of GuardDuty are handed on. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from isthmus_connectors.aws_security import guard_duty
from isthmus_connectors.aws_security.evidence import (
    addresses_and_names,
    connection,
    each_once,
    file,
    techniques,
)
from isthmus_connectors.aws_security.instances import INSTANCE, known_machine
from isthmus_connectors.aws_security.security_hub_models import (
    Finding,
    Flaw,
    HubAction,
    HubProcess,
    Network,
    Resource,
    ThreatIndicator,
)
from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import Builder, Reference, Shape, Subject, normalise

_LABELS = {"INFORMATIONAL": 0, "LOW": 1, "MEDIUM": 40, "HIGH": 70, "CRITICAL": 90}
"""How Security Hub itself turns a label into 0 to 100 (API reference of Severity)."""
_WORKFLOW = {"NEW": "open", "NOTIFIED": "acknowledged", "RESOLVED": "closed", "SUPPRESSED": "closed"}
_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_HASHES = ("HASH_MD5", "HASH_SHA1", "HASH_SHA256", "HASH_SHA512")


def finding_to_stix(finding: Finding, stix: Builder) -> Iterator[Any]:
    """A finding of either service. GuardDuty's in Security Hub has its ARN as its id, so both give the same alert."""
    if finding.guard_duty is not None:
        yield guard_duty.alert_of(finding.guard_duty, stix)
        return
    machines: list[Shape] = []
    subjects: list[Subject] = []
    for resource in finding.resources:
        made = _resource(resource, finding, stix)
        if made is None:
            continue
        if made.object["type"] == "infrastructure":
            machines.append(made)
        subjects.append(Subject(made, _word(resource.type)))
    yield stix.alert(
        finding.id,
        title=finding.title or finding.id,
        description=finding.description,
        first_seen=finding.first_observed_at or finding.created_at or finding.updated_at,
        last_seen=finding.last_observed_at,
        modified=finding.updated_at,
        severity=_severity(finding),
        vendor_severity=finding.severity.label or finding.severity.original or finding.provided.severity.label,
        status=_status(finding),
        vendor_status=_vendor_status(finding),
        category=next(iter(_types(finding)), None),
        techniques=techniques([*_types(finding), *_indicators(finding)]),
        sensor=_product(finding, stix),
        subjects=subjects,
        observables=each_once(_observables(finding, stix)),
        references=list(_references(finding)),
    )
    yield from _exposures(finding, machines, stix)


def _types(finding: Finding) -> tuple[str, ...]:
    return finding.types or finding.provided.types


def _product(finding: Finding, stix: Builder) -> Shape | None:
    """Who found it: one of the products whose findings Security Hub gathers."""
    if not finding.product_name:
        return None
    key = finding.product_arn or finding.product_name
    return stix.system(finding.product_name, native_id=key, description=finding.company_name)


# Whom it is about


def _resource(resource: Resource, finding: Finding, stix: Builder) -> Shape | None:
    """An instance is an asset, a user or role of IAM an account; whatever else a finding is about is named as a system."""
    if not resource.id:
        return None
    if found := INSTANCE.match(resource.id):
        told = resource.details.aws_ec2_instance
        return known_machine(
            found[3],
            stix,
            region=found[1] or resource.region,
            account=found[2] or finding.account,
            name=resource.tags.get("Name"),
            arn=resource.id if resource.id.startswith("arn:") else None,
            vpc=told.vpc_id,
            addresses=(*told.addresses, *told.v6),
        )
    if resource.type in ("AwsIamUser", "AwsIamRole"):
        return stix.user_account(resource.id.rsplit("/", 1)[-1], user_id=resource.id)
    key = resource.details.aws_iam_access_key
    if key and (name := key.principal_name or key.user_name or key.principal_id):
        return stix.user_account(key.principal_name or key.user_name, user_id=key.principal_id or name)
    return stix.system(resource.id.rsplit("/", 1)[-1].rsplit(":", 1)[-1] or resource.id, native_id=resource.id)


# What became of it


def _severity(finding: Finding) -> int | None:
    """The label decides: ``Original`` is the product's own word, and ``Normalized`` is kept for old readers."""
    label = (finding.severity.label or "").upper()
    if label not in _LABELS and finding.severity.normalized is not None:
        return normalise.severity(finding.severity.normalized, 100)
    return _LABELS.get(label, _LABELS.get((finding.provided.severity.label or "").upper()))


def _status(finding: Finding) -> str | None:
    """Archived by its product, resolved by people, or a control that passes: closed."""
    if (finding.record_state or "").upper() == "ARCHIVED" or (finding.compliance.status or "").upper() == "PASSED":
        return "closed"
    workflow = _WORKFLOW.get((finding.workflow.status or "").upper())
    return workflow or ("open" if finding.record_state else None)


def _vendor_status(finding: Finding) -> str | None:
    """State, workflow, and what people found it to be."""
    verdict = finding.verification if finding.verification != "UNKNOWN" else None
    return "/".join(part for part in (finding.record_state, finding.workflow.status, verdict) if part) or None


# What was seen


def _observables(finding: Finding, stix: Builder) -> Iterator[Shape | None]:
    yield from _of_network(finding.network, stix)
    if finding.action:
        yield from addresses_and_names(stix, _far_sides(finding.action))
    if finding.process:
        yield _process(finding.process, finding.id, stix)
    yield from (file(stix, each.path) for each in finding.malware)
    for found in finding.threats:
        yield from (file(stix, each.file_path, each.hash, name=each.file_name) for each in found.file_paths)
    yield from (_indicated(each, stix) for each in finding.indicators)
    if finding.detection and finding.detection.sequence:
        ends = finding.detection.sequence.endpoints
        yield from addresses_and_names(stix, (value for end in ends for value in (end.ip, end.domain)))


def _of_network(network: Network, stix: Builder) -> Iterator[Shape]:
    yield from addresses_and_names(
        stix,
        (
            network.source_ip_v4, network.source_ip_v6, network.destination_ip_v4, network.destination_ip_v6,
            network.source_domain, network.destination_domain,
        ),
    )  # fmt: skip
    ports = {"source_port": network.source_port, "target_port": network.destination_port}
    yield from connection(stix, network.source_ip_v4, network.destination_ip_v4, network.protocol, **ports)
    yield from connection(stix, network.source_ip_v6, network.destination_ip_v6, network.protocol, **ports)


def _far_sides(action: HubAction) -> Iterator[str | None]:
    kinds = (
        action.network_connection_action,
        action.aws_api_call_action,
        action.dns_request_action,
        action.port_probe_action,
    )
    for did in kinds:
        if did:
            yield from (did.remote_ip_details.v4, did.domain_details.domain, did.domain)
            yield from (probe.remote_ip_details.v4 for probe in did.port_probe_details)


def _process(told: HubProcess, owner: str, stix: Builder) -> Shape | None:
    image = file(stix, told.path or told.name)
    if told.pid is None and image is None:
        return None
    parent = stix.process(f"{owner}:{told.parent_pid}", pid=told.parent_pid) if told.parent_pid is not None else None
    return stix.process(f"{owner}:{told.pid}", pid=told.pid, created=told.launched_at, image=image, parent=parent)


def _indicated(indicator: ThreatIndicator, stix: Builder) -> Shape | None:
    kind, value = (indicator.type or "").upper(), indicator.value
    if not value:
        return None
    try:
        match kind:
            case "IPV4_ADDRESS" | "IPV6_ADDRESS":
                return stix.ip(value)
            case "DOMAIN":
                return stix.domain(value)
            case "URL":
                return stix.url(value)
            case "EMAIL_ADDRESS":
                return stix.email_address(value)
            case "MUTEX":
                return stix.mutex(value)
            case "PROCESS":
                return file(stix, value)
    except RecordError:
        return None
    return file(stix, None, value) if kind in _HASHES else None


def _indicators(finding: Finding) -> Iterator[str]:
    attack = finding.detection.sequence if finding.detection else None
    if attack:
        signals = (each for signal in attack.signals for each in signal.signal_indicators)
        for indicator in (*attack.sequence_indicators, *signals):
            if indicator.key == "ATTACK_TECHNIQUE":
                yield from indicator.values


def _references(finding: Finding) -> Iterator[Reference]:
    advice = finding.remediation.recommendation
    threats = [*(each.name for each in finding.malware), *(each.name for each in finding.threats)]
    attack = finding.detection.sequence if finding.detection else None
    named = [
        ("aws-generator", (finding.generator_id,)),
        ("aws-control", (finding.compliance.control,)),
        ("aws-threat", threats),
        ("aws-finding", (each.id for each in finding.related_findings)),
        ("aws-signal", (each.id for each in attack.signals) if attack else ()),
    ]
    for source, keys in named:
        yield from (Reference(source, external_id=key) for key in dict.fromkeys(keys) if key)
    yield from _link("aws-remediation", advice.url, advice.text)
    yield from _link("aws-product", finding.source_url, None)


def _link(source: str, url: str | None, text: str | None) -> Iterator[Reference]:
    if url and url.startswith(("https://", "http://")):
        yield Reference(source, url=url, description=text)
    elif text:
        yield Reference(source, description=text)


# What it means for an instance


def _exposures(finding: Finding, machines: Iterable[Shape], stix: Builder) -> Iterator[Shape]:
    """Inspector's findings: a vulnerability on each of the instances."""
    state = "resolved" if _status(finding) == "closed" else "open"
    if (finding.workflow.status or "").upper() == "SUPPRESSED":
        state = "accepted"
    machines = list(machines)
    for flaw in finding.vulnerabilities:
        if not flaw.id:
            continue
        for machine in machines:
            yield stix.exposure(
                machine,
                flaw.id,
                state=state,
                cvss=_cvss(flaw),
                epss=flaw.epss_score,
                fix=_fix(flaw),
                first_seen=finding.first_observed_at,
                last_seen=finding.last_observed_at,
                modified=finding.updated_at,
            )


def _cvss(flaw: Flaw) -> float | None:
    """The score of the newest version of CVSS; of several in it the highest."""
    scores = [(score.version or "", score.base_score) for score in flaw.cvss if score.base_score is not None]
    return max(scores)[1] if scores else None


def _fix(flaw: Flaw) -> str | None:
    """Which version of which package no longer has it."""
    fixed = (
        f"{package.name or ''} {package.fixed_in_version}".strip()
        for package in flaw.packages
        if package.fixed_in_version and package.fixed_in_version.lower() not in ("notavailable", "n/a")
    )
    return "; ".join(dict.fromkeys(fixed)) or next(
        (each.remediation for each in flaw.packages if each.remediation), None
    )


def _word(kind: str | None) -> str | None:
    return _BORDER.sub("-", kind).strip("-").lower() if kind else None


__all__ = ["finding_to_stix"]
