"""Falcon's records: only the fields that the mapping uses, with the values that customers really get."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from isthmus_sdk.fields import Flag, Many, Moment, NativeId, Number, Text, Texts, Whole


def _names(value: Any) -> Any:
    """Groups as the Hosts API lists them, ids, or as other lists do, objects with a name."""
    return [row.get("name") or row.get("id") if isinstance(row, dict) else row for row in value or ()] if isinstance(
        value, list
    ) else value  # fmt: skip


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Host(_Record):
    """A device of ``/devices/entities/devices/v2``."""

    device_id: NativeId
    hostname: Text = None
    local_ip: Text = None
    mac_address: Text = None
    external_ip: Text = None
    connection_ip: Text = None
    connection_mac_address: Text = None
    platform_name: Text = None
    os_version: Text = None
    os_build: Text = None
    product_type_desc: Text = None
    chassis_type_desc: Text = None
    system_manufacturer: Text = None
    system_product_name: Text = None
    serial_number: Text = None
    machine_domain: Text = None
    site_name: Text = None
    instance_id: Text = None
    status: Text = None
    host_hidden_status: Text = None
    reduced_functionality_mode: Text = None
    groups: Annotated[Texts, BeforeValidator(_names)] = ()
    tags: Texts = ()
    first_seen: Moment = None
    last_seen: Moment = None
    modified: Moment = Field(default=None, alias="modified_timestamp")


class AlertDevice(_Record):
    """The host of an alert, as far as it tells which one that is."""

    device_id: Text = None


class Tactic(_Record):
    """One row of ``mitre_attack``."""

    technique_id: Text = None


class ParentProcess(_Record):
    """``parent_details`` of an endpoint alert."""

    process_id: Text = None
    local_process_id: Whole = None
    cmdline: Text = None
    filename: Text = None
    filepath: Text = None
    sha256: Text = None
    md5: Text = None


class NetworkAccess(_Record):
    """A connection of the process that an alert is about."""

    remote_address: Text = None


class Matched(_Record):
    """An indicator that matched; which of an alert's several did, it does not say."""

    ioc_type: Text = None
    ioc_value: Text = None


class Alert(_Record):
    """An alert of ``/alerts/combined/alerts/v1`` or ``/alerts/entities/alerts/v2``, of any Falcon product.

    ``composite_id`` is the key: ``id`` alone is not unique across customers.
    """

    composite_id: NativeId
    name: Text = None
    display_name: Text = None
    description: Text = None
    type: Text = None
    pattern_id: Text = None
    severity: Whole = None
    severity_name: Text = None
    status: Text = None
    resolution: Text = None
    shown: Flag = Field(default=None, alias="show_in_ui")
    created: Moment = Field(default=None, alias="created_timestamp")
    updated: Moment = Field(default=None, alias="updated_timestamp")
    at: Moment = Field(default=None, alias="timestamp")
    first_at: Moment = Field(default=None, alias="first_timestamp")
    last_at: Moment = Field(default=None, alias="last_timestamp")
    started: Moment = Field(default=None, validation_alias=AliasChoices("start_time", "signal_start_timestamp"))
    ended: Moment = Field(default=None, validation_alias=AliasChoices("end_time", "signal_end_timestamp"))
    link: Text = Field(default=None, alias="falcon_host_link")
    technique_id: Text = None
    mitre_attack: Annotated[list[Tactic], Many] = Field(default_factory=list)
    agent_id: Text = None
    device: AlertDevice | None = None
    user_name: Text = None
    user_id: Text = None
    logon_domain: Text = None
    user_names: Texts = ()
    source_ips: Texts = ()
    destination_ips: Texts = ()
    source_hosts: Texts = ()
    destination_hosts: Texts = ()
    host_names: Texts = ()
    cloud_provider: Text = None
    resource_id: Text = None
    filename: Text = None
    filepath: Text = None
    md5: Text = None
    sha1: Text = None
    sha256: Text = None
    cmdline: Text = None
    process_id: Text = None
    local_process_id: Whole = None
    process_started: Moment = Field(default=None, alias="process_start_time")
    parent: ParentProcess | None = Field(default=None, alias="parent_details")
    accesses: Annotated[list[NetworkAccess], Many] = Field(default_factory=list, alias="network_accesses")
    ioc_type: Text = None
    ioc_value: Text = None
    matched: Annotated[list[Matched], Many] = Field(default_factory=list, alias="ioc_context")
    # of Next-Gen SIEM
    correlation_rule: Text = Field(default=None, alias="correlation_rule_id")
    # of Identity Protection
    idp_policy_rule_name: Text = None
    source_sensor: Text = Field(default=None, alias="source_endpoint_sensor_id")
    source_host: Text = Field(default=None, alias="source_endpoint_host_name")
    source_ip: Text = Field(
        default=None,
        validation_alias=AliasChoices(
            "source_endpoint_ip_address", "source_endpoint_address_ip4", "source_endpoint_address_ip6"
        ),
    )
    source_account: Text = Field(
        default=None, validation_alias=AliasChoices("source_account_sam_account_name", "source_account_name")
    )
    source_domain: Text = Field(default=None, alias="source_account_domain")
    source_id: Text = Field(
        default=None, validation_alias=AliasChoices("source_account_object_sid", "source_account_okta_id")
    )
    target_sensor: Text = Field(default=None, alias="target_endpoint_sensor_id")
    target_host: Text = Field(default=None, alias="target_endpoint_host_name")
    target_account: Text = Field(
        default=None, validation_alias=AliasChoices("target_account_sam_account_name", "target_account_name")
    )
    target_domain: Text = Field(default=None, alias="target_account_domain")
    target_id: Text = Field(default=None, alias="target_account_object_sid")

    @property
    def aid(self) -> str | None:
        """The sensor of the host that the alert is about."""
        return self.agent_id or (self.device.device_id if self.device else None)


class KnownExploited(_Record):
    """``cve.cisa_info``."""

    is_cisa_kev: Flag = None


class Cve(_Record):
    """The facet ``cve`` of a vulnerability."""

    id: Text = None
    base_score: Number = None
    description: Text = None
    kev: Flag = Field(default=None, alias="is_cisa_kev")
    cisa: KnownExploited | None = Field(default=None, alias="cisa_info")


class App(_Record):
    """A product with the vulnerability."""

    vendor: Text = Field(default=None, alias="vendor_normalized")
    product: Text = Field(default=None, alias="product_name_normalized")
    product_version: Text = Field(default=None, alias="product_name_version")


class Remedy(_Record):
    """What repairs it."""

    action: Text = None
    title: Text = None


class Remediation(_Record):
    """The facet ``remediation``."""

    entities: Annotated[list[Remedy], Many] = Field(default_factory=list)


class Suppression(_Record):
    """Whether somebody decided to live with it."""

    is_suppressed: Flag = None


class Vulnerability(_Record):
    """A row of ``/spotlight/combined/vulnerabilities/v1``: one CVE on one host."""

    id: NativeId
    aid: NativeId
    vulnerability_id: Text = None
    status: Text = None
    confidence: Text = None
    created: Moment = Field(default=None, alias="created_timestamp")
    updated: Moment = Field(default=None, alias="updated_timestamp")
    closed: Moment = Field(default=None, alias="closed_timestamp")
    cve: Cve | None = None
    apps: Annotated[list[App], Many] = Field(default_factory=list)
    remediation: Remediation | None = None
    suppression: Suppression | None = Field(default=None, alias="suppression_info")
