"""Tenable's records: only the fields that the mapping uses, with the values that tenants really send."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from isthmus_sdk import stix
from isthmus_sdk.fields import Many, Moment, NativeId, Number, Text, Texts


def _flat(record: Any) -> Any:
    """A record of ``/assets/v2/export``, which nests what the first form of the export has side by side."""
    if not isinstance(record, dict):
        return record
    told = {
        name: group
        for name in ("timestamps", "network", "cloud", "ratings")
        if isinstance(group := record.get(name), dict)
    }
    if not told:
        return record
    cloud, ratings = told.get("cloud", {}), told.get("ratings", {})
    lifted = {
        **told.get("timestamps", {}),
        **told.get("network", {}),
        **{
            f"{name}_{key}": value
            for name, group in cloud.items()
            if isinstance(group, dict)
            for key, value in group.items()
        },
        **({"acr_score": ratings["acr"].get("score")} if isinstance(ratings.get("acr"), dict) else {}),
    }
    return lifted | record


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class NetworkInterface(_Record):
    """An interface of an asset; its lists are in the singular or in the plural."""

    name: Text = None
    macs: Texts = Field(default=(), validation_alias=AliasChoices("mac_addresses", "mac_address"))
    ipv4s: Texts = Field(default=(), validation_alias=AliasChoices("ipv4s", "ipv4"))
    ipv6s: Texts = Field(default=(), validation_alias=AliasChoices("ipv6s", "ipv6"))


class Tag(_Record):
    """A category and a value that somebody gave the asset."""

    key: Text = None
    value: Text = None


class Source(_Record):
    """Who found the asset: NESSUS_SCAN, NESSUS_AGENT, PVS, AWS, ..."""

    name: Text = None


class Asset(_Record):
    """A record of ``/assets/export``; one of ``/assets/v2/export`` is read as the same."""

    id: NativeId
    created_at: Moment = None
    updated_at: Moment = None
    deleted_at: Moment = None
    terminated_at: Moment = None
    first_seen: Moment = None
    last_seen: Moment = None
    agent_uuid: Text = None
    agent_names: Texts = ()
    bios_uuid: Text = None
    serial: Text = Field(default=None, alias="serial_number")
    servicenow_sysid: Text = None
    aws_ec2_instance_id: Text = None
    azure_vm_id: Text = None
    gcp_instance_id: Text = None
    network_name: Text = None
    hostnames: Texts = ()
    fqdns: Texts = ()
    netbios_names: Texts = ()
    ipv4s: Texts = ()
    ipv6s: Texts = ()
    mac_addresses: Texts = ()
    network_interfaces: Annotated[list[NetworkInterface], Many] = Field(default_factory=list)
    operating_systems: Texts = ()
    system_types: Texts = ()
    installed_software: Texts = ()
    acr_score: Number = None
    sources: Annotated[list[Source], Many] = Field(default_factory=list)
    tags: Annotated[list[Tag], Many] = Field(default_factory=list)
    mcafee_epo_agent_guid: Text = None
    symantec_ep_hardware_keys: Texts = ()
    bigfix_asset_id: Text = None
    qualys_asset_ids: Texts = ()

    _nested = model_validator(mode="before")(_flat)


class AssetReference(_Record):
    """The asset of a finding, which ``/assets/export`` tells of."""

    uuid: NativeId


class CrossReference(_Record):
    """Where else the plugin's vulnerability is listed."""

    type: Text = None


class Plugin(_Record):
    """The check that found it."""

    id: NativeId
    name: Text = None
    cves: Texts = Field(default=(), alias="cve")
    cvss4_base_score: Number = None
    cvss3_base_score: Number = None
    cvss_base_score: Number = None
    description: Text = None
    solution: Text = None
    xrefs: Annotated[list[CrossReference], Many] = Field(default_factory=list)


class Finding(_Record):
    """A record of ``/vulns/export``: what one plugin found on one asset, for each port that it found it on."""

    asset: AssetReference
    plugin: Plugin
    state: Text = None
    severity: Text = None
    modification: Text = Field(default=None, alias="severity_modification_type")
    first_found: Moment = None
    last_found: Moment = None
    last_fixed: Moment = None

    @property
    def changed(self) -> str | None:
        """When it was last seen or found to be fixed; what the filter ``since`` looks at."""
        return stix.latest(self.last_found, self.last_fixed)
