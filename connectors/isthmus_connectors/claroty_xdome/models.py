"""xDome's records: only the fields that the mapping uses, with the values that tenants really send.

Which fields a row has depends on what was asked for: one that was not is absent, one without a value is null.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from isthmus_sdk.fields import Flag, Many, Moment, NativeId, Number, Port, Text, Texts
from isthmus_sdk.stix import normalise


def _in_place(value: object) -> list[str | None]:
    """A list with one entry per network interface: an empty entry keeps its place."""
    values = value if isinstance(value, list | tuple) else [value]
    return [None if isinstance(each, dict | list) else normalise.text(each) for each in values]


def _moments(value: object) -> list[object]:
    values = value if isinstance(value, list | tuple) else [value]
    return [each for each in values if each not in (None, "")]


PerInterface = Annotated[list[str | None], BeforeValidator(_in_place)]
Moments = Annotated[list[Moment], BeforeValidator(_moments)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _DeviceFields(_Record):
    asset_id: Text = None
    device_name: Text = None
    local_name: Text = None
    device_category: Text = None
    device_subcategory: Text = None
    device_type: Text = None
    device_type_family: Text = None
    manufacturer: Text = None
    model: Text = None
    serial_number: Text = None
    hw_version: Text = None
    software_or_firmware_version: Text = None
    combined_os: Text = None
    os_name: Text = None
    os_version: Text = None
    os_revision: Text = None
    mac_list: PerInterface = Field(default_factory=list)
    ip_list: PerInterface = Field(default_factory=list)
    vlan_list: PerInterface = Field(default_factory=list)
    network_list: Texts = ()
    site_name: Text = None
    site_group_name: Text = None
    purdue_level: Text = None
    purdue_level_source: Text = None
    windows_last_seen_hostname: Text = None
    dhcp_last_seen_hostname: Text = None
    http_last_seen_hostname: Text = None
    snmp_last_seen_hostname: Text = None
    windows_hostnames: Texts = ()
    dhcp_hostnames: Texts = ()
    http_hostnames: Texts = ()
    snmp_hostnames: Texts = ()
    other_hostnames: Texts = ()
    ad_distinguished_name: Text = None
    cmms_asset_tag: Text = None
    labels: Texts = ()
    retired: Flag = None
    first_seen_list: Moments = Field(default_factory=list)
    last_seen_list: Moments = Field(default_factory=list)
    last_seen_reported: Moment = None
    risk_score: Text = None
    criticality: Text = Field(None, validation_alias=AliasChoices("ot_criticality", "criticality"))
    internet_communication: Text = None
    end_of_life_state: Text = None
    end_of_life_date: Moment = None
    os_eol_date: Moment = None
    switch_name_list: Texts = ()
    switch_port_list: Texts = ()
    organization_zone_name: Text = None
    recommended_zone_name: Text = None
    organization_firewall_group_name: Text = None
    recommended_firewall_group_name: Text = None
    endpoint_security_names: Texts = ()
    edr_is_up_to_date_text: Text = None
    edr_last_scan_time: Moment = None
    last_scan_time: Moment = None
    managed_by: Texts = ()
    mdm_enrollment_status: Text = None
    mdm_compliance_status: Text = None
    integrations_reported_from: Texts = ()
    integration_types_reported_from: Texts = ()
    ise_security_group_name_list: Texts = ()
    ise_endpoint_profile_list: Texts = ()
    cppm_roles_list: Texts = ()
    applied_acl_list: Texts = ()
    applied_acl_type_list: Texts = ()


class Device(_DeviceFields):
    """A row of ``/devices/``; lists ``mac_list``, ``ip_list`` and ``vlan_list`` have one entry per network interface."""

    uid: NativeId


class Alert(_Record):
    """A row of ``/alerts/``. The same id comes again when its devices or its status change."""

    id: NativeId
    alert_name: Text = None
    alert_type_name: Text = None
    alert_class: Text = None
    category: Text = None
    description: Text = None
    status: Text = None
    detected_time: Moment = None
    updated_time: Moment = None
    mitre_technique_ics_ids: Texts = ()
    mitre_technique_enterprise_ids: Texts = ()


class AlertDevice(_DeviceFields):
    """A row of ``/device_alert_relations/``, or of ``/alerts/ID/devices``, which is a device and names no alert.

    Exports that join both put the alert into ``alert_info``.
    """

    uid: Text = None
    device_uid: NativeId = Field(validation_alias=AliasChoices("device_uid", "uid"))
    alert_id: Text = None
    alert: Alert | None = Field(None, alias="alert_info")
    is_resolved: Flag = None
    status: Text = Field(None, alias="device_alert_status")
    detected: Moment = Field(None, alias="device_alert_detected_time")
    updated: Moment = Field(None, alias="device_alert_updated_time")


class Source(_Record):
    """Who describes a vulnerability."""

    name: Text = None
    url: Text = None


class Vulnerability(_Record):
    """A row of ``/vulnerabilities/``: a CVE, or an advisory with several, or one that has none yet."""

    name: Text = None
    cve_ids: Texts = ()
    vulnerability_type: Text = None
    description: Text = None
    cvss_v2_score: Number = Field(None, ge=0, le=10)
    cvss_v3_score: Number = Field(None, ge=0, le=10)
    epss_score: Number = Field(None, ge=0, le=1)
    is_known_exploited: Flag = None
    level: Text = Field(None, alias="adjusted_vulnerability_score_level")
    sources: Annotated[list[Source], Many] = Field(default_factory=list)
    published_date: Moment = None


class VulnerabilityDevice(_DeviceFields):
    """A row of ``/device_vulnerability_relations/``, or of ``/vulnerabilities/ID/devices``, which names no vulnerability.

    Exports that join both put the vulnerability into ``vulnerability_info``.
    """

    uid: Text = None
    device_uid: NativeId = Field(validation_alias=AliasChoices("device_uid", "uid"))
    vulnerability_id: Text = None
    flaw: Vulnerability | None = Field(None, alias="vulnerability_info")
    status: Text = Field(None, alias="vulnerability_status")
    name: Text = Field(None, alias="vulnerability_name")
    cve_ids: Texts = Field((), alias="vulnerability_cve_ids")
    cvss_v2: Number = Field(None, alias="vulnerability_cvss_v2_score", ge=0, le=10)
    cvss_v3: Number = Field(None, alias="vulnerability_cvss_v3_score", ge=0, le=10)
    epss: Number = Field(None, alias="vulnerability_epss_score", ge=0, le=1)
    known_exploited: Flag = Field(None, alias="vulnerability_is_known_exploited")
    relevance: Text = Field(None, alias="vulnerability_relevance")
    recommendations: Text = Field(None, alias="vulnerability_recommendations")
    updated: Moment = Field(None, alias="vulnerability_last_updated")
    detected: Moment = Field(None, alias="device_vulnerability_detection_date")
    resolved: Moment = Field(None, alias="device_vulnerability_resolution_date")
    patched: Moment = Field(None, alias="patch_install_date")


class OtEvent(_Record):
    """A row of ``/ot_activity_events/``: something that was done to a controller. Devices are named by ``asset_id``."""

    event_id: NativeId
    event_type: Text = None
    description: Text = None
    detection_time: Moment = None
    related_alert_ids: Texts = ()
    protocol: Text = None
    ip_protocol: Text = None
    mode: Text = None
    source_asset_id: Text = None
    source_ip: Text = None
    source_port: Port = None
    source_device_name: Text = None
    source_device_type: Text = None
    source_site_name: Text = None
    source_network: Text = None
    source_username: Text = None
    dest_asset_id: Text = None
    dest_ip: Text = None
    dest_port: Port = None
    dest_device_name: Text = None
    dest_device_type: Text = None
    dest_site_name: Text = None
    dest_network: Text = None


class Site(_Record):
    """A row of ``/sites/get``."""

    id: NativeId
    name: Text = None
    location: Text = None
    timezone: Text = None
    country_code: Text = None
    description: Text = None
    site_group_name: Text = None
