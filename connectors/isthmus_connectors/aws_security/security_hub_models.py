"""Findings of Security Hub (ASFF): only the fields that the mapping uses."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from isthmus_connectors.aws_security.guard_duty_models import DutyFinding
from isthmus_connectors.aws_security.models import Given, HubModel, Nested, empty
from isthmus_sdk.fields import Many, Moment, NativeId, Number, Port, Text, TextByKey, Texts, Whole


class Severity(HubModel):
    """``Label`` is the finding's severity; ``Original`` is the product's own word, which may differ."""

    label: Text = None
    normalized: Number = None
    original: Text = None


class Workflow(HubModel):
    """Where people stand with it."""

    status: Text = None


class HubInstance(HubModel):
    """``Details.AwsEc2Instance``."""

    addresses: Texts = Field((), alias="IpV4Addresses")
    v6: Texts = Field((), alias="IpV6Addresses")
    vpc_id: Text = None


class HubAccessKey(HubModel):
    """``Details.AwsIamAccessKey``: whose it is."""

    principal_id: Text = None
    principal_name: Text = None
    user_name: Text = None


class Details(HubModel):
    """Of resources that are assets or accounts."""

    aws_ec2_instance: Annotated[HubInstance, Nested] = Field(default_factory=empty(HubInstance), alias="AwsEc2Instance")
    aws_iam_access_key: Given[HubAccessKey] = None


class Resource(HubModel):
    """What a finding is about."""

    type: Text = None
    id: Text = None
    region: Text = None
    details: Annotated[Details, Nested] = Field(default_factory=empty(Details))
    tags: TextByKey = Field(default_factory=dict)


class Network(HubModel):
    """Whom a finding saw talking."""

    source_ip_v4: Text = Field(None, alias="SourceIpV4")
    source_ip_v6: Text = Field(None, alias="SourceIpV6")
    destination_ip_v4: Text = Field(None, alias="DestinationIpV4")
    destination_ip_v6: Text = Field(None, alias="DestinationIpV6")
    source_port: Port = None
    source_domain: Text = None
    source_mac: Text = None
    destination_port: Port = None
    destination_domain: Text = None
    direction: Text = None
    protocol: Text = None


class HubAddress(HubModel):
    """The far side."""

    v4: Text = Field(None, alias="IpAddressV4")


class HubDomain(HubModel):
    """A domain that was asked for or called."""

    domain: Text = None


class HubProbe(HubModel):
    """One port that was probed."""

    remote_ip_details: Annotated[HubAddress, Nested] = Field(default_factory=empty(HubAddress))


class HubDid(HubModel):
    """What happened, in the kinds of action that name the far side."""

    remote_ip_details: Annotated[HubAddress, Nested] = Field(default_factory=empty(HubAddress))
    domain_details: Annotated[HubDomain, Nested] = Field(default_factory=empty(HubDomain))
    port_probe_details: Annotated[list[HubProbe], Many] = Field(default_factory=list)
    domain: Text = None


class HubAction(HubModel):
    """What was done; one of the kinds is there."""

    network_connection_action: Given[HubDid] = None
    aws_api_call_action: Given[HubDid] = None
    dns_request_action: Given[HubDid] = None
    port_probe_action: Given[HubDid] = None


class HubProcess(HubModel):
    """A process on the resource."""

    name: Text = None
    path: Text = None
    pid: Whole = None
    parent_pid: Whole = None
    launched_at: Moment = None


class HubMalware(HubModel):
    """Malware, by the name the product gives it, and the file it was found in."""

    name: Text = None
    path: Text = None


class HubThreatFile(HubModel):
    """Where a threat was found; ``hash`` is the file's SHA-256."""

    file_path: Text = None
    file_name: Text = None
    hash: Text = None


class HubThreat(HubModel):
    """A threat by its name."""

    name: Text = None
    file_paths: Annotated[list[HubThreatFile], Many] = Field(default_factory=list)


class ThreatIndicator(HubModel):
    """What a threat is known by: an address, name, hash or other value by ``type``."""

    type: Text = None
    value: Text = None


class HubSequencePart(HubModel):
    """An end or indicator of an attack of several steps."""

    ip: Text = None
    domain: Text = None
    key: Text = None
    values: Texts = ()


class HubSignal(HubModel):
    """One of the findings of an attack."""

    id: Text = None
    signal_indicators: Annotated[list[HubSequencePart], Many] = Field(default_factory=list)


class HubSequence(HubModel):
    """An attack of several steps."""

    endpoints: Annotated[list[HubSequencePart], Many] = Field(default_factory=list)
    signals: Annotated[list[HubSignal], Many] = Field(default_factory=list)
    sequence_indicators: Annotated[list[HubSequencePart], Many] = Field(default_factory=list)


class HubDetection(HubModel):
    """How it was found."""

    sequence: Given[HubSequence] = None


class Related(HubModel):
    """Another finding."""

    id: Text = None


class Score(HubModel):
    """A CVSS score."""

    version: Text = None
    base_score: Number = None


class Package(HubModel):
    """Software that has the vulnerability."""

    name: Text = None
    version: Text = None
    fixed_in_version: Text = None
    remediation: Text = None


class Flaw(HubModel):
    """A vulnerability, as Inspector reports it."""

    id: Text = None
    cvss: Annotated[list[Score], Many] = Field(default_factory=list)
    epss_score: Number = None
    packages: Annotated[list[Package], Many] = Field(default_factory=list, alias="VulnerablePackages")


class Compliance(HubModel):
    """Result of a control."""

    status: Text = None
    control: Text = Field(None, alias="SecurityControlId")


class Recommendation(HubModel):
    """What to do."""

    text: Text = None
    url: Text = None


class Remediation(HubModel):
    """What to do."""

    recommendation: Annotated[Recommendation, Nested] = Field(default_factory=empty(Recommendation))


class Provided(HubModel):
    """What the product said, before anybody changed it in Security Hub."""

    severity: Annotated[Severity, Nested] = Field(default_factory=empty(Severity))
    types: Texts = ()


class Finding(HubModel):
    """A finding of Security Hub (ASFF); or one of GuardDuty, under ``guardDuty``."""

    id: NativeId
    title: Text = None
    description: Text = None
    product_name: Text = None
    product_arn: Text = None
    company_name: Text = None
    generator_id: Text = None
    account: Text = Field(None, alias="AwsAccountId")
    region: Text = None
    types: Texts = ()
    severity: Annotated[Severity, Nested] = Field(default_factory=empty(Severity))
    first_observed_at: Moment = None
    last_observed_at: Moment = None
    created_at: Moment = None
    updated_at: Moment = None
    record_state: Text = None
    workflow: Annotated[Workflow, Nested] = Field(default_factory=empty(Workflow))
    compliance: Annotated[Compliance, Nested] = Field(default_factory=empty(Compliance))
    remediation: Annotated[Remediation, Nested] = Field(default_factory=empty(Remediation))
    resources: Annotated[list[Resource], Many] = Field(default_factory=list)
    network: Annotated[Network, Nested] = Field(default_factory=empty(Network))
    vulnerabilities: Annotated[list[Flaw], Many] = Field(default_factory=list)
    source_url: Text = None
    verification: Text = Field(None, alias="VerificationState")
    provided: Annotated[Provided, Nested] = Field(default_factory=empty(Provided), alias="FindingProviderFields")
    related_findings: Annotated[list[Related], Many] = Field(default_factory=list)
    action: Given[HubAction] = None
    process: Given[HubProcess] = None
    malware: Annotated[list[HubMalware], Many] = Field(default_factory=list)
    threats: Annotated[list[HubThreat], Many] = Field(default_factory=list)
    indicators: Annotated[list[ThreatIndicator], Many] = Field(default_factory=list, alias="ThreatIntelIndicators")
    detection: Given[HubDetection] = None
    guard_duty: Given[DutyFinding] = Field(None, alias="guardDuty")
