"""Guardian's records: only the fields that the mapping uses, with the kinds of values that appliances really send."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from isthmus_sdk.fields import Flag, Listed, Many, Moment, NativeId, Number, Port, Text, TextByKey, Texts
from isthmus_sdk.stix import latest


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Asset(_Record):
    """A row of ``assets``. ``level:info`` says where the level was learned (``passive``, ``manual``, …)."""

    id: NativeId
    name: Text = None
    ip: Texts = ()
    mac_address: Texts = ()
    mac_address_level: TextByKey = Field(default_factory=dict)
    """``confirmed``, ``likely`` or ``unconfirmed`` by MAC: a MAC seen behind a router is not the asset's own."""
    vlan_id: Texts = ()
    os: Text = None
    vendor: Text = None
    product_name: Text = None
    serial_number: Text = None
    firmware_version: Text = None
    type: Text = None
    level: Text = None
    level_info: TextByKey = Field(default_factory=dict, alias="level:info")
    roles: Listed = ()
    zones: Texts = ()
    technology_category: Text = None
    end_of_support_date: Moment = None
    tags: Texts = ()
    appliance_hosts: Texts = ()
    created_at: Moment = None
    last_activity_time: Moment = None
    deleted_at: Moment = None
    """A CMC keeps what its Guardians deleted for a while."""


def _as_object(value: Any) -> Any:
    """A technique is told as an object, in older releases as its id alone."""
    return {"id": value} if isinstance(value, str) else value


def _object_or_none(value: Any) -> Any:
    """Details have no fixed form: what is no object says nothing here and costs no alert."""
    return value if isinstance(value, dict) else None


class MacInfo(_Record):
    """How sure Guardian is of a node's MAC, in the words of ``mac_address_level`` of assets."""

    likelihood_level: Text = None


class Node(_Record):
    """A row of ``nodes``: one address with its MAC as one sensor sees it. Assets are made of nodes by the appliance.

    A node of layer 2 has its MAC as ``id`` and no ``ip``.
    """

    id: NativeId
    label: Text = None
    ip: Text = None
    mac_address: Text = None
    mac_info: Annotated[MacInfo | None, BeforeValidator(_object_or_none)] = Field(
        default=None, alias="mac_address:info"
    )
    vlan_id: Text = None
    zone: Text = None
    level: Text = None
    level_info: TextByKey = Field(default_factory=dict, alias="level:info")
    roles: Listed = ()
    is_broadcast: Flag = None
    is_confirmed: Flag = None
    is_disabled: Flag = None
    reputation: Text = None
    appliance_host: Text = None
    appliance_hosts: Texts = ()
    """As ``appliance_host``, on a CMC."""
    appliance_site: Text = None
    created_at: Moment = None
    first_activity_time: Moment = None
    last_activity_time: Moment = None
    deleted_at: Moment = None


class Technique(_Record):
    """A technique of ATT&CK that an alert shows."""

    id: Text = None


class Framework(_Record):
    """What an alert means in ATT&CK: for Enterprise or for ICS."""

    techniques: Annotated[list[Annotated[Technique, BeforeValidator(_as_object)]], Many] = Field(default_factory=list)


class Properties(_Record):
    """Details of an alert, which differ by protocol and release."""

    enterprise: Annotated[Framework | None, BeforeValidator(_object_or_none)] = Field(
        default=None, alias="mitre_attack_enterprise"
    )
    ics: Annotated[Framework | None, BeforeValidator(_object_or_none)] = Field(
        default=None, alias="mitre_attack_for_ics"
    )


class Alert(_Record):
    """A row of ``alerts``. The same id comes again when the alert is acknowledged or closed."""

    id: NativeId
    type_id: Text = None
    type_name: Text = None
    name: Text = None
    description: Text = None
    risk: Number = Field(None, ge=0, le=10)
    status: Text = None
    ack: Flag = None
    ip_src: Text = None
    ip_dst: Text = None
    mac_src: Text = None
    mac_dst: Text = None
    zone_src: Text = None
    zone_dst: Text = None
    label_src: Text = None
    label_dst: Text = None
    port_src: Port = None
    port_dst: Port = None
    protocol: Text = None
    transport_protocol: Text = None
    mitre_attack_techniques: Listed = ()
    properties: Annotated[Properties | None, BeforeValidator(_object_or_none)] = None
    trigger_id: Text = None
    trigger_type: Text = None
    threat_name: Text = None
    appliance_host: Text = None
    appliance_site: Text = None
    time: Moment = None
    created_time: Moment = None
    closed_time: Moment = None
    record_created_at: Moment = None

    @property
    def changed_at(self) -> str | None:
        """The last change that the appliance gives a time for: its record, or its closing."""
        return latest(self.record_created_at or self.created_time or self.time, self.closed_time)


class Link(_Record):
    """A row of ``links``, which have no id: who talked to whom, with which protocol."""

    source: NativeId = Field(alias="from")
    target: NativeId = Field(alias="to")
    protocol: Text = None
    transport_protocol: Text = None
    transport_protocols: Texts = ()
    to_port: Port = None
    ports: Annotated[list[TextByKey], Many] = Field(default_factory=list, alias="_ports")
    function_codes: Texts = ()
    from_zone: Text = None
    to_zone: Text = None
    vlan_id: Texts = ()
    is_broadcast: Flag = None
    appliance_host: Text = None
    appliance_site: Text = None
    first_activity_time: Moment = None
    last_activity_time: Moment = None


class Session(Link):
    """A row of ``sessions``: a link with its id and ports."""

    id: NativeId


class NodeCve(_Record):
    """A row of ``node_cves``: one CVE that was matched to one asset."""

    id: NativeId
    cve: NativeId
    asset_id: Text = None
    """Older releases name the node alone."""
    node_id: Text = None
    zone: Text = None
    appliance_host: Text = None
    cve_score: Number = Field(None, ge=0, le=10)
    cve_epss_score: Number = Field(None, ge=0, le=1)
    is_kev: Flag = None
    cve_summary: Text = None
    probability: Text = None
    likelihood: Number = None
    resolved: Flag = None
    resolution_reason: Text = Field(default=None, validation_alias=AliasChoices("resolution_reason", "resolved_reason"))
    minimum_hotfix: Text = None
    time: Moment = None
    record_created_at: Moment = None
