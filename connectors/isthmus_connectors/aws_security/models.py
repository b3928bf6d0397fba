"""What all records of AWS have in common, and EC2 instances: only the fields that the mapping uses."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, AliasGenerator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel, to_pascal

from isthmus_sdk.fields import Many, Moment, NativeId, Text

_M = TypeVar("_M", bound=BaseModel)
_CONFIG = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def _object(value: Any) -> Any:
    return {} if value is None or value == "" else value


def empty(kind: type[_M]) -> Callable[[], _M]:
    """A factory of the part that says nothing."""
    # Made when it is first asked for (its own parts may be defined later) and shared: models are frozen.
    return cache(lambda: kind.model_validate({}))


Nested = BeforeValidator(_object)
Given = Annotated[_M | None, BeforeValidator(lambda value: value or None)]
"""A part that only some kinds of record have."""


class HubModel(BaseModel):
    """Security Hub's names: ``UpdatedAt``."""

    model_config = ConfigDict(**_CONFIG, alias_generator=AliasGenerator(alias=to_pascal))


class DutyModel(BaseModel):
    """GuardDuty's and AWS Config's names: ``updatedAt``."""

    model_config = ConfigDict(**_CONFIG, alias_generator=AliasGenerator(alias=to_camel))


class Tag(DutyModel):
    """A tag, which Config and EC2 write alike."""

    key: Text = None
    value: Text = None


class PrivateAddress(DutyModel):
    """A private address of an interface."""

    private_ip_address: Text = None


class Ipv6Address(DutyModel):
    """An IPv6 address of an interface, as EC2 writes it."""

    ipv6_address: Text = Field(None, alias="ipv6Address")


def _v6(value: Any) -> Any:
    """GuardDuty writes IPv6 addresses as texts, EC2 as objects."""
    rows = value if isinstance(value, list) else [value] if value else []
    return [{"ipv6Address": row} if isinstance(row, str) else row for row in rows if row is not None]


class Association(DutyModel):
    """The public address in front of an interface."""

    public_ip: Text = None


class NetworkInterface(DutyModel):
    """An elastic network interface."""

    network_interface_id: Text = None
    mac_address: Text = None
    private_ip_address: Text = None
    private_ip_addresses: Annotated[list[PrivateAddress], Many] = Field(default_factory=list)
    ipv6_addresses: Annotated[list[Ipv6Address], BeforeValidator(_v6)] = Field(
        default_factory=list, alias="ipv6Addresses"
    )
    public_ip: Text = None
    association: Annotated[Association, Nested] = Field(default_factory=empty(Association))
    vpc_id: Text = None


class State(DutyModel):
    """State of an instance."""

    name: Text = None


def _state(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class InstanceDetails(DutyModel):
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
        default_factory=empty(State), validation_alias=AliasChoices("state", "instanceState")
    )
    network_interfaces: Annotated[list[NetworkInterface], Many] = Field(default_factory=list)
    tags: Annotated[list[Tag], Many] = Field(default_factory=list)

    @property
    def private_ip(self) -> str | None:
        """Its first private address, wherever it is told."""
        cards = (card.private_ip_address for card in self.network_interfaces)
        return self.private_ip_address or next((ip for ip in cards if ip), None)


class Instance(DutyModel):
    """A row of AWS Config for an EC2 instance."""

    resource_id: NativeId
    account_id: Text = None
    aws_region: Text = None
    arn: Text = None
    resource_creation_time: Moment = None
    captured: Moment = Field(None, alias="configurationItemCaptureTime")
    configuration: Annotated[InstanceDetails, Nested] = Field(default_factory=empty(InstanceDetails))
    tags: Annotated[list[Tag], Many] = Field(default_factory=list)
