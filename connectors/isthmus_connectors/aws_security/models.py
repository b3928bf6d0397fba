"""Records of AWS: only the fields that the mapping uses."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, AliasGenerator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel, to_pascal

from isthmus_sdk.fields import Flag, Many, Moment, NativeId, Number, Port, Text, TextByKey, Texts, Whole

_M = TypeVar("_M", bound=BaseModel)
_CONFIG = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def _object(value: Any) -> Any:
    return {} if value is None or value == "" else value


def _empty(kind: type[_M]) -> Callable[[], _M]:
    # Made when it is first asked for (its own parts may be defined later) and shared: models are frozen.
    return cache(lambda: kind.model_validate({}))


Nested = BeforeValidator(_object)


class _Hub(BaseModel):
    """Security Hub's names: ``UpdatedAt``."""

    model_config = ConfigDict(**_CONFIG, alias_generator=AliasGenerator(alias=to_pascal))


class _Duty(BaseModel):
    """GuardDuty's and AWS Config's names: ``updatedAt``."""

    model_config = ConfigDict(**_CONFIG, alias_generator=AliasGenerator(alias=to_camel))


class Tag(_Duty):
    """A tag, which Config and EC2 write alike."""

    key: Text = None
    value: Text = None


class PrivateAddress(_Duty):
    """A private address of an interface."""

    private_ip_address: Text = None


class Ipv6Address(_Duty):
    """An IPv6 address of an interface, as EC2 writes it."""

    ipv6_address: Text = Field(None, alias="ipv6Address")


def _v6(value: Any) -> Any:
    """GuardDuty writes IPv6 addresses as texts, EC2 as objects."""
    rows = value if isinstance(value, list) else [value] if value else []
    return [{"ipv6Address": row} if isinstance(row, str) else row for row in rows if row is not None]


class Association(_Duty):
    """The public address in front of an interface."""

    public_ip: Text = None


class NetworkInterface(_Duty):
    """An elastic network interface."""

    network_interface_id: Text = None
    mac_address: Text = None
    private_ip_address: Text = None
    private_ip_addresses: Annotated[list[PrivateAddress], Many] = Field(default_factory=list)
    ipv6_addresses: Annotated[list[Ipv6Address], BeforeValidator(_v6)] = Field(
        default_factory=list, alias="ipv6Addresses"
    )
    public_ip: Text = None
    association: Annotated[Association, Nested] = Field(default_factory=_empty(Association))
    vpc_id: Text = None


class State(_Duty):
    """State of an instance."""

    name: Text = None


def _state(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class InstanceDetails(_Duty):
    """An instance, as EC2 describes it and as GuardDuty repeats it."""

    instance_id: Text = None
    instance_type: Text = None
    launch_time: Moment = None
    platform: Text = None
    platform_details: Text = None
    private_dns_name: Text = None
    private_ip_address: Text = None
    public_ip_address: Text = None
    vpc_id: Text = None
    state: Annotated[State, BeforeValidator(_state), Nested] = Field(
        default_factory=_empty(State), validation_alias=AliasChoices("state", "instanceState")
    )
    network_interfaces: Annotated[list[NetworkInterface], Many] = Field(default_factory=list)
    tags: Annotated[list[Tag], Many] = Field(default_factory=list)


class Instance(_Duty):
    """A row of AWS Config for an EC2 instance."""

    resource_id: NativeId
    account_id: Text = None
    aws_region: Text = None
    arn: Text = None
    resource_creation_time: Moment = None
    captured: Moment = Field(None, alias="configurationItemCaptureTime")
    configuration: Annotated[InstanceDetails, Nested] = Field(default_factory=_empty(InstanceDetails))
    tags: Annotated[list[Tag], Many] = Field(default_factory=list)


class AccessKey(_Duty):
    """Whose credential was used."""

    access_key_id: Text = None
    principal_id: Text = None
    user_name: Text = None
    user_type: Text = None


class Named(_Duty):
    """A bucket, cluster, function or database."""

    arn: Text = None
    name: Text = None


class DutyResource(_Duty):
    """What a GuardDuty finding is about."""

    resource_type: Text = None
    instance_details: Annotated[InstanceDetails, Nested] = Field(default_factory=_empty(InstanceDetails))
    access_key_details: Annotated[AccessKey, Nested] = Field(default_factory=_empty(AccessKey))
    s3_bucket_details: Annotated[list[Named], Many] = Field(default_factory=list, alias="s3BucketDetails")
    eks_cluster_details: Annotated[Named, Nested] = Field(default_factory=_empty(Named))


class RemoteIp(_Duty):
    """The far side."""

    v4: Text = Field(None, alias="ipAddressV4")
    v6: Text = Field(None, alias="ipAddressV6")


class Probe(_Duty):
    """One port that was probed."""

    remote_ip_details: Annotated[RemoteIp, Nested] = Field(default_factory=_empty(RemoteIp))


class Did(_Duty):
    """What happened, in the kinds of action that name the far side."""

    remote_ip_details: Annotated[RemoteIp, Nested] = Field(default_factory=_empty(RemoteIp))
    port_probe_details: Annotated[list[Probe], Many] = Field(default_factory=list)
    domain: Text = None


class Action(_Duty):
    """The action of a GuardDuty finding; one of the kinds is there."""

    action_type: Text = None
    network_connection_action: Annotated[Did, Nested] = Field(default_factory=_empty(Did))
    aws_api_call_action: Annotated[Did, Nested] = Field(default_factory=_empty(Did))
    port_probe_action: Annotated[Did, Nested] = Field(default_factory=_empty(Did))
    dns_request_action: Annotated[Did, Nested] = Field(default_factory=_empty(Did))
    kubernetes_api_call_action: Annotated[Did, Nested] = Field(default_factory=_empty(Did))
    rds_login_attempt_action: Annotated[Did, Nested] = Field(default_factory=_empty(Did))

    @property
    def kinds(self) -> tuple[Did, ...]:
        """Every kind of action, empty ones too."""
        return (
            self.network_connection_action, self.aws_api_call_action, self.port_probe_action, self.dns_request_action,
            self.kubernetes_api_call_action, self.rds_login_attempt_action,
        )  # fmt: skip


class Service(_Duty):
    """What GuardDuty saw."""

    action: Annotated[Action, Nested] = Field(default_factory=_empty(Action))
    archived: Flag = None
    count: Whole = None
    detector_id: Text = None
    event_first_seen: Moment = None
    event_last_seen: Moment = None
    resource_role: Text = None


class DutyFinding(_Duty):
    """A GuardDuty finding, of ``GetFindings``."""

    id: NativeId
    arn: Text = None
    account_id: Text = None
    region: Text = None
    title: Text = None
    description: Text = None
    type: Text = None
    severity: Number = None
    created_at: Moment = None
    updated_at: Moment = None
    resource: Annotated[DutyResource, Nested] = Field(default_factory=_empty(DutyResource))
    service: Annotated[Service, Nested] = Field(default_factory=_empty(Service))


class Severity(_Hub):
    """``Label`` is the finding's severity; ``Original`` is the product's own word, which may differ."""

    label: Text = None
    normalized: Number = None
    original: Text = None


class Workflow(_Hub):
    """Where people stand with it."""

    status: Text = None


class HubInstance(_Hub):
    """``Details.AwsEc2Instance``."""

    addresses: Texts = Field((), alias="IpV4Addresses")
    v6: Texts = Field((), alias="IpV6Addresses")
    vpc_id: Text = None
    launched_at: Moment = None


class Details(_Hub):
    """Of resources: only instances are assets."""

    aws_ec2_instance: Annotated[HubInstance, Nested] = Field(
        default_factory=_empty(HubInstance), alias="AwsEc2Instance"
    )


class Resource(_Hub):
    """What a finding is about."""

    type: Text = None
    id: Text = None
    region: Text = None
    details: Annotated[Details, Nested] = Field(default_factory=_empty(Details))
    tags: TextByKey = Field(default_factory=dict)


class Network(_Hub):
    """Whom a finding saw talking."""

    source_ip_v4: Text = Field(None, alias="SourceIpV4")
    source_ip_v6: Text = Field(None, alias="SourceIpV6")
    destination_ip_v4: Text = Field(None, alias="DestinationIpV4")
    destination_ip_v6: Text = Field(None, alias="DestinationIpV6")
    source_port: Port = None


class Score(_Hub):
    """A CVSS score."""

    base_score: Number = None


class Flaw(_Hub):
    """A vulnerability, as Inspector reports it."""

    id: Text = None
    cvss: Annotated[list[Score], Many] = Field(default_factory=list)
    epss_score: Number = None
    fix_available: Text = None


class Compliance(_Hub):
    """Result of a control."""

    status: Text = None


class Recommendation(_Hub):
    """What to do."""

    text: Text = None
    url: Text = None


class Remediation(_Hub):
    """What to do."""

    recommendation: Annotated[Recommendation, Nested] = Field(default_factory=_empty(Recommendation))


class Finding(_Hub):
    """A finding of Security Hub (ASFF); or one of GuardDuty, under ``guardDuty``."""

    id: NativeId
    title: Text = None
    description: Text = None
    product_name: Text = None
    generator_id: Text = None
    account: Text = Field(None, alias="AwsAccountId")
    region: Text = None
    types: Texts = ()
    severity: Annotated[Severity, Nested] = Field(default_factory=_empty(Severity))
    first_observed_at: Moment = None
    last_observed_at: Moment = None
    created_at: Moment = None
    updated_at: Moment = None
    record_state: Text = None
    workflow: Annotated[Workflow, Nested] = Field(default_factory=_empty(Workflow))
    compliance: Annotated[Compliance, Nested] = Field(default_factory=_empty(Compliance))
    remediation: Annotated[Remediation, Nested] = Field(default_factory=_empty(Remediation))
    resources: Annotated[list[Resource], Many] = Field(default_factory=list)
    network: Annotated[Network, Nested] = Field(default_factory=_empty(Network))
    vulnerabilities: Annotated[list[Flaw], Many] = Field(default_factory=list)
    source_url: Text = None
    guard_duty: DutyFinding | None = Field(None, alias="guardDuty")
