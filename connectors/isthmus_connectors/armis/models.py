"""Armis' records: only the fields that the mapping uses, with the values that tenants really send."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from isthmus_sdk.fields import Flag, Listed, Many, Moment, NativeId, Number, Text, Texts


def _label(value: Any) -> Any:
    """Labels are texts in one release and objects in the next: an object is read as its own text."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else value


def _named(value: Any) -> Any:
    """A site or a sensor is an object in the API and its name alone in exports."""
    return value if isinstance(value, dict) else {} if value is None else {"name": value}


def _rows(name: str) -> BeforeValidator:
    """Rows that exports write as their names alone, in a list or with commas between."""

    def made(value: Any) -> Any:
        listed = value.split(",") if isinstance(value, str) else value
        return (
            [{name: each} if isinstance(each, str) else each for each in listed] if isinstance(listed, list) else listed
        )

    return BeforeValidator(made)


Labels = Annotated[list[Annotated[Text, BeforeValidator(_label)]], Many]


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class DataSource(_Record):
    """One row of ``dataSources``: who told Armis of the device, and when it did so last."""

    name: Text = None
    last_seen: Moment = Field(None, alias="lastSeen")


class Protection(_Record):
    """One row of ``protections``: an agent that was found on the device."""

    name: Text = Field(None, alias="protectionName")


class Site(_Record):
    """``site``, with where it is."""

    name: Text = None
    location: Text = None


class Sensor(_Record):
    """Where something was seen: an access switch, a wireless controller, a collector."""

    name: Text = None


class SiteName(_Record):
    """``site``, where its name is enough."""

    name: Text = None


class Device(_Record):
    """A row of ``in:devices``. Addresses are scalars, several with commas between, or lists."""

    id: NativeId
    name: Text = None
    names: Listed = ()
    title: Text = Field(None, alias="displayTitle")
    ip: Listed = Field((), alias="ipAddress")
    ipv6: Listed = ()
    mac: Listed = Field((), alias="macAddress")
    manufacturer: Text = None
    model: Text = None
    serial: Text = Field(None, alias="serialNumber")
    firmware: Text = Field(None, alias="firmwareVersion")
    os: Text = Field(None, alias="operatingSystem")
    os_version: Text = Field(None, alias="operatingSystemVersion")
    category: Text = None
    type: Text = None
    type_enum: Text = Field(None, alias="typeEnum")
    purdue_level: Text = Field(None, alias="purdueLevel")
    risk_level: Number = Field(None, alias="riskLevel")
    business_impact: Text = Field(None, alias="businessImpact")
    boundaries: Listed = ()
    site: Annotated[Site, BeforeValidator(_named)] = Site()
    sensor: Annotated[Sensor, BeforeValidator(_named)] = Sensor()
    access_switch: Text = Field(None, alias="accessSwitch")
    data_sources: Annotated[list[DataSource], Many, _rows("name")] = Field(default_factory=list, alias="dataSources")
    protections: Annotated[list[Protection], Many, _rows("protectionName")] = Field(default_factory=list)
    tags: Texts = ()
    visibility: Text = None
    imei: Text = None
    meid: Text = None
    udid: Text = None
    first_seen: Moment = Field(None, alias="firstSeen")
    last_seen: Moment = Field(None, alias="lastSeen")


class Alert(_Record):
    """A row of ``in:alerts``. The same id comes again when somebody handles the alert."""

    id: NativeId = Field(alias="alertId")
    title: Text = None
    description: Text = None
    severity: Text = None
    status: Text = None
    type: Text = None
    classification: Text = None
    policy_id: Text = Field(None, alias="policyId")
    policy_title: Text = Field(None, alias="policyTitle")
    device_ids: Texts = Field((), alias="deviceIds")
    activities: Texts = Field((), alias="activityUUIDs")
    attack: Labels = Field(default_factory=list, alias="mitreAttackLabels")
    sources: Labels = Field(default_factory=list, alias="sourceEndpoints")
    destinations: Labels = Field(default_factory=list, alias="destinationEndpoints")
    time: Moment = None
    status_changed: Moment = Field(None, alias="statusChangeTime")
    updated: Moment = Field(None, alias="lastAlertUpdateTime")


class Activity(_Record):
    """A row of ``in:activity``: something that a device did, in Armis' words."""

    id: NativeId = Field(alias="activityUUID")
    title: Text = None
    content: Text = None
    type: Text = None
    protocol: Text = None
    device_ids: Texts = Field((), alias="deviceIds")
    site: Annotated[SiteName, BeforeValidator(_named)] = SiteName()
    sensor: Annotated[Sensor, BeforeValidator(_named)] = Sensor()
    time: Moment = None


class Finding(_Record):
    """A row of ``in:vulnerabilities``, or of ``vulnerability-match``, which is the same CVE on one device.

    Both say "No" and "None" in words where others have false and null.
    """

    cve: NativeId = Field(alias="cveUid")
    device_id: Text = Field(None, alias="deviceId")
    status: Text = None
    first_detected: Moment = Field(None, alias="firstDetected")
    last_detected: Moment = Field(None, alias="lastDetected")
    # of a vulnerability
    description: Text = None
    name: Text = Field(None, alias="commonName")
    severity: Text = None
    type: Text = None
    cvss: Number = Field(None, alias="cvssScore", ge=0, le=10)
    cvss4: Number = Field(None, alias="cvssScoreV4", ge=0, le=10)
    epss: Number = Field(None, alias="epssScore", ge=0, le=1)
    kev_due: Moment = Field(None, alias="cisaDueDate")
    weaponized: Flag = Field(None, alias="isWeaponized")
    ransomware: Flag = Field(None, alias="hasRansomware")
    threat_tags: Listed = Field((), alias="threatTags")
    # of a match
    confidence: Text = Field(None, alias="confidenceLevel")
    steps: Texts = Field((), alias="recommendedSteps")
    remediations: Texts = Field((), alias="remediationTypes")
