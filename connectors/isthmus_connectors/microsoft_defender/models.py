"""Defender for Endpoint's records: only the fields that the mapping uses, with the values that tenants really send."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from isthmus_sdk.fields import Flag, Many, Moment, NativeId, Number, Text, Texts, Whole


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class NetworkAddress(_Record):
    """One row of a machine's ``ipAddresses``. The MAC has no separators; loopback rows have zeros or null."""

    address: Text = Field(default=None, alias="ipAddress")
    mac: Text = Field(default=None, alias="macAddress")


class VirtualMachine(_Record):
    """A machine's ``vmMetadata``: what the cloud calls it."""

    id: Text = Field(default=None, alias="vmId")
    resource_id: Text = Field(default=None, alias="resourceId")


class Machine(_Record):
    """A row of ``/api/machines``. Rows of one id may differ in their addresses: they are one machine."""

    id: NativeId
    merged_into: Text = Field(default=None, alias="mergedIntoMachineId")
    name: Text = Field(default=None, alias="computerDnsName")
    first_seen: Moment = Field(default=None, alias="firstSeen")
    last_seen: Moment = Field(default=None, alias="lastSeen")
    os_platform: Text = Field(default=None, alias="osPlatform")
    os_version: Text = Field(default=None, alias="version")
    last_address: Text = Field(default=None, alias="lastIpAddress")
    addresses: Annotated[list[NetworkAddress], Many] = Field(default_factory=list, alias="ipAddresses")
    health: Text = Field(default=None, alias="healthStatus")
    onboarding: Text = Field(default=None, alias="onboardingStatus")
    value: Text = Field(default=None, alias="deviceValue")
    group: Text = Field(default=None, alias="rbacGroupName")
    directory_id: Text = Field(default=None, alias="aadDeviceId")
    tags: Texts = Field(default=(), alias="machineTags")
    virtual: VirtualMachine | None = Field(default=None, alias="vmMetadata")
    excluded: Flag = Field(default=None, alias="isExcluded")
    exclusion_reason: Text = Field(default=None, alias="exclusionReason")


class Evidence(_Record):
    """One thing that an alert names: a file, a process, a user, an address, a URL."""

    entity: Text = Field(default=None, alias="entityType")
    sha1: Text = None
    sha256: Text = None
    file_name: Text = Field(default=None, alias="fileName")
    file_path: Text = Field(default=None, alias="filePath")
    process_id: Whole = Field(default=None, alias="processId")
    command_line: Text = Field(default=None, alias="processCommandLine")
    process_created: Moment = Field(default=None, alias="processCreationTime")
    parent_id: Whole = Field(default=None, alias="parentProcessId")
    parent_created: Moment = Field(default=None, alias="parentProcessCreationTime")
    parent_name: Text = Field(default=None, alias="parentProcessFileName")
    parent_path: Text = Field(default=None, alias="parentProcessFilePath")
    address: Text = Field(default=None, alias="ipAddress")
    url: Text = None
    account: Text = Field(default=None, alias="accountName")
    domain: Text = Field(default=None, alias="domainName")
    sid: Text = Field(default=None, alias="userSid")
    principal: Text = Field(default=None, alias="userPrincipalName")
    registry_hive: Text = Field(default=None, alias="registryHive")
    registry_key: Text = Field(default=None, alias="registryKey")
    registry_name: Text = Field(default=None, alias="registryValueName")
    registry_data: Text = Field(default=None, alias="registryValue")


class RelatedUser(_Record):
    """The user an alert is about."""

    name: Text = Field(default=None, alias="userName")
    domain: Text = Field(default=None, alias="domainName")


class Alert(_Record):
    """A row of ``/api/alerts``, with evidence where it was asked for."""

    id: NativeId
    severity: Text = None
    status: Text = None
    category: Text = None
    detector: Text = Field(default=None, alias="detectorId")
    title: Text = None
    description: Text = None
    created: Moment = Field(default=None, alias="alertCreationTime")
    first_event: Moment = Field(default=None, alias="firstEventTime")
    last_event: Moment = Field(default=None, alias="lastEventTime")
    updated: Moment = Field(default=None, alias="lastUpdateTime")
    resolved: Moment = Field(default=None, alias="resolvedTime")
    classification: Text = None
    determination: Text = None
    incident: Text = Field(default=None, alias="incidentId")
    threat: Text = Field(default=None, alias="threatName")
    threat_family: Text = Field(default=None, alias="threatFamilyName")
    machine_id: Text = Field(default=None, alias="machineId")
    techniques: Texts = Field(default=(), alias="mitreTechniques")
    user: RelatedUser | None = Field(default=None, alias="relatedUser")
    evidence: Annotated[list[Evidence], Many] = Field(default_factory=list)


class MachineSoftware(_Record):
    """A row of ``/api/machines/SoftwareInventoryByMachine``: one version of a product on one machine."""

    machine_id: NativeId = Field(validation_alias=AliasChoices("deviceId", "DeviceId"))
    vendor: Text = Field(default=None, validation_alias=AliasChoices("softwareVendor", "SoftwareVendor"))
    product: Text = Field(default=None, validation_alias=AliasChoices("softwareName", "SoftwareName"))
    version: Text = Field(default=None, validation_alias=AliasChoices("softwareVersion", "SoftwareVersion"))
    first_seen: Moment = Field(
        default=None, validation_alias=AliasChoices("softwareFirstSeenTimestamp", "SoftwareFirstSeenTimestamp")
    )
    support: Text = Field(default=None, validation_alias=AliasChoices("endOfSupportStatus", "EndOfSupportStatus"))
    support_ends: Moment = Field(default=None, validation_alias=AliasChoices("endOfSupportDate", "EndOfSupportDate"))


class KnownVulnerability(_Record):
    """A row of ``/api/vulnerabilities``: what holds of a CVE on every machine."""

    id: NativeId
    description: Text = None
    score: Number = Field(default=None, ge=0, le=10, alias="cvssV3")
    vector: Text = Field(default=None, alias="cvssVector")
    probability: Number = Field(default=None, ge=0, le=1, alias="epss")
    exposed: Whole = Field(default=None, alias="exposedMachines")
    updated: Moment = Field(default=None, alias="updatedOn")
    public_exploit: Flag = Field(default=None, alias="publicExploit")
    verified_exploit: Flag = Field(default=None, alias="exploitVerified")
    exploit_in_kit: Flag = Field(default=None, alias="exploitInKit")
    exploit_types: Texts = Field(default=(), alias="exploitTypes")
    exploit_uris: Texts = Field(default=(), alias="exploitUris")


class MachineVulnerability(_Record):
    """One CVE in one product on one machine.

    A row of the exports ``SoftwareVulnerabilitiesByMachine`` and ``SoftwareVulnerabilityChangesByMachine``; only the second has
    ``status`` and ``eventTimestamp``. Both list products without a CVE too: ``cveId`` is null then. Files may also hold rows of
    ``/api/vulnerabilities/machinesVulnerabilities``, which call some fields otherwise and tell neither score nor times.
    """

    id: NativeId
    cve: Text = Field(alias="cveId")
    machine_id: NativeId = Field(validation_alias=AliasChoices("machineId", "deviceId"))
    fixing_kb: Text = Field(default=None, validation_alias=AliasChoices("fixingKbId", "recommendedSecurityUpdateId"))
    update: Text = Field(default=None, alias="recommendedSecurityUpdate")
    product: Text = Field(default=None, validation_alias=AliasChoices("productName", "softwareName"))
    vendor: Text = Field(default=None, validation_alias=AliasChoices("productVendor", "softwareVendor"))
    version: Text = Field(default=None, validation_alias=AliasChoices("productVersion", "softwareVersion"))
    score: Number = Field(default=None, ge=0, le=10, alias="cvssScore")
    first_seen: Moment = Field(default=None, alias="firstSeenTimestamp")
    last_seen: Moment = Field(default=None, alias="lastSeenTimestamp")
    status: Text = None
    changed: Moment = Field(default=None, alias="eventTimestamp")
