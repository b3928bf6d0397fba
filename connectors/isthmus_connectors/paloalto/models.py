"""Records of IoT Security's API and of firewall logs: only the fields that the mapping uses.

Field names: OpenAPI of IoT Security (pan.dev, ``openapi-specs/iot``), the detailed inventory as its SIEM integration exports
it, and PAN-OS's log fields.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from isthmus_sdk.fields import Many, Moment, NativeId, Number, Port, Text, TextByKey, Texts
from isthmus_sdk.stix import latest


def _first(value: Any) -> Any:
    """A time, which newer releases put into a list."""
    times = [each for each in value if each] if isinstance(value, list) else [value]
    return times[0] if times else None


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, populate_by_name=True)


class Device(_Record):
    """An item of ``device/list`` with ``detail=true``, or as it is without.

    ``deviceid`` is the MAC or, of devices with a static IP, the IP.
    """

    deviceid: NativeId = Field(validation_alias=AliasChoices("deviceid", "id"))
    hostname: Text = None
    internal_hostname: Text = None
    category: Text = None
    profile: Text = None
    profile_type: Text = None
    profile_vertical: Text = None
    ip_address: Texts = Field((), validation_alias=AliasChoices("ip_address", "ip"))
    mac_address: Texts = Field((), validation_alias=AliasChoices("mac_address", "MAC"))
    vendor: Text = None
    model: Text = None
    serial_number: Text = Field(None, alias="Serial_Number")
    os_group: Text = None
    os_version: Text = Field(None, alias="os/firmware_version")
    os_end_of_support: Text = Field(None, alias="OS_End_of_Support")
    vlan: Text = None
    site_name: Text = None
    network_location: Text = Field(None, alias="NetworkLocation")
    endpoint_protection: Text = Field(None, validation_alias=AliasChoices("endpoint_protection", "epp_safety"))
    endpoint_protection_vendor: Text = None
    nac_profile_source: Text = Field(None, alias="NAC_profile_source")
    ad_domain: Text = Field(None, alias="AD_Domain")
    ad_username: Text = Field(None, alias="AD_Username")
    asset_tag: Text = None
    tagIdList: Texts = ()
    customAttributes: Annotated[list[TextByKey], Many] = Field(default_factory=list)
    first_seen_date: Moment = Field(None, validation_alias=AliasChoices("first_seen_date", "firstseen"))
    last_activity: Moment = Field(None, validation_alias=AliasChoices("last_activity", "latest_device_time"))


class Step(_Record):
    """Something that was done about an alert or a vulnerability."""

    timestamp: Moment = None


class Message(_Record):
    """``msg`` of an alert: what the engine that raised it said."""

    id: Text = None
    ruleid: Text = None
    threatid: Text = None
    fromip: Text = None
    toip: Text = None
    hostname: Text = None
    toURL: Text = None


class Alert(_Record):
    """An item of ``alert/list``; the same ``zb_ticketid`` comes again when the alert is resolved."""

    zb_ticketid: NativeId
    id: Text = None
    name: Text = None
    type: Text = None
    description: Text = None
    severity: Text = None
    severityNumber: Number = None
    resolved: Text = None
    deviceid: Text = None
    date: Moment = None
    siteName: Text = None
    reason_history: Annotated[list[Step], Many] = Field(default_factory=list)
    msg: Message | None = None

    @property
    def changed_at(self) -> str | None:
        """The last change that has a time: the alert itself, or what was done about it."""
        return latest(self.date, *(step.timestamp for step in self.reason_history))


class Vulnerability(_Record):
    """An item of ``vulnerability/list`` grouped by device: one vulnerability of one device."""

    deviceid: NativeId
    vulnerability_name: NativeId
    status: Text = None
    ticketState: Text = None
    cvss: Number = Field(None, validation_alias=AliasChoices("CVSS", "cvss_score"), ge=0, le=10)
    detected_date: Annotated[Moment, BeforeValidator(_first)] = None
    last_detected_date: Moment = None
    date: Moment = None
    remediate_instruction: Text = None
    reason_history: Annotated[list[Step], Many] = Field(default_factory=list)


Numeral = int | str | None
"""A number, mostly as text."""


class Traffic(
    msgspec.Struct,
    gc=False,
    kw_only=True,
    rename={"from_zone": "from", "to_zone": "to"},
):
    """A traffic log: the start or the end of a session, or that there was none."""

    type: str
    src: str | None = None
    dst: str | None = None
    subtype: str | None = None
    dport: Numeral = None
    proto: str | None = None
    app: str | None = None
    action: str | None = None
    repeatcnt: Numeral = None
    bytes_sent: Numeral = None
    bytes_received: Numeral = None
    pkts_sent: Numeral = None
    pkts_received: Numeral = None
    high_res_timestamp: str | None = None
    time_generated: str | int | None = None
    receive_time: str | int | None = None
    dtz: str | None = None
    device_name: str | None = None
    serial: str | None = None


class Threat(_Record):
    """A threat log: what a security profile found in a session."""

    type: NativeId
    subtype: Text = None
    serial: Text = None
    seqno: Text = None
    sessionid: Text = None
    high_res_timestamp: Any = None
    time_generated: Any = None
    receive_time: Any = None
    dtz: Text = None
    device_name: Text = None
    threatid: Text = None
    tid: Text = None
    thr_category: Text = None
    category: Text = None
    severity: Text = None
    direction: Text = None
    action: Text = None
    src: Text = None
    dst: Text = None
    sport: Port = None
    dport: Port = None
    proto: Text = None
    app: Text = None
    rule: Text = None
    from_zone: Text = Field(None, alias="from")
    to_zone: Text = Field(None, alias="to")
    srcuser: Text = None
    dstuser: Text = None
    xff: Text = None
    src_host: Text = None
    dst_host: Text = None
    src_mac: Text = None
    dst_mac: Text = None
    misc: Text = None
    filedigest: Text = None
    repeatcnt: Text = None
