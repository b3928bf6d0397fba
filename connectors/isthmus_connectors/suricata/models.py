"""Records of Suricata's EVE log, as far as they say who talks to whom and what was detected.

Field names and types: Suricata user guide, "EVE JSON Format", and ``etc/schema.json`` of its source. Every kind of event may
stand in one file, so only ``event_type`` is sure to be there.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from isthmus_sdk.fields import Listed, Many, Moment, NativeId, Number, Port, Text, Texts, Whole

Count = Annotated[int, msgspec.Meta(ge=0)]
PortNumber = Annotated[int, msgspec.Meta(ge=0, le=65_535)]


class Counters(msgspec.Struct, gc=False):
    """``flow``: what both sides sent, and from when to when."""

    pkts_toserver: Count | None = None
    pkts_toclient: Count | None = None
    bytes_toserver: Count | None = None
    bytes_toclient: Count | None = None
    start: str | None = None
    end: str | None = None
    state: str | None = None


class _Traffic(msgspec.Struct, gc=False, kw_only=True):
    """What events of all kinds have in common."""

    event_type: str
    timestamp: str | None = None
    src_ip: str | None = None
    dest_ip: str | None = None
    dest_port: PortNumber | None = None
    proto: str | None = None
    vlan: list[int] | int | None = None
    host: str | None = None
    """``sensor-name`` of suricata.yaml."""


class FlowEvent(_Traffic, kw_only=True, gc=False):
    """``event_type: flow``: a connection that ended."""

    app_proto: str | None = None
    flow: Counters | None = None


class Dns(msgspec.Struct, gc=False):
    """``dns``: ``query`` and ``answer``, since version 3 of the format ``request`` and ``response``."""

    type: str | None = None


class DnsEvent(_Traffic, kw_only=True, gc=False):
    """``event_type: dns``: a question or an answer."""

    dns: Dns | None = None
    src_port: PortNumber | None = None


class ModbusPdu(msgspec.Struct, gc=False):
    """One side of a Modbus transaction; ``function_code`` is a name, ``function_raw`` its number."""

    function_raw: Count | None = None
    function_code: int | str | None = None


class ModbusTransaction(msgspec.Struct, gc=False):
    """``modbus``."""

    request: ModbusPdu | None = None
    response: ModbusPdu | None = None


class Dnp3Application(msgspec.Struct, gc=False):
    """Application layer of a DNP3 message."""

    function_code: Count | None = None


class Dnp3Side(msgspec.Struct, gc=False):
    """One message of DNP3."""

    application: Dnp3Application | None = None


class Dnp3Transaction(msgspec.Struct, gc=False):
    """``dnp3``: one message or, in other versions, a request and its response."""

    type: str | None = None
    application: Dnp3Application | None = None
    request: Dnp3Side | None = None
    response: Dnp3Side | None = None


class Cip(msgspec.Struct, gc=False):
    """A CIP service by its name."""

    service: str | None = None


class EnipSide(msgspec.Struct, gc=False):
    """One message of EtherNet/IP."""

    command: str | None = None
    cip: Cip | None = None


class EnipTransaction(msgspec.Struct, gc=False):
    """``enip``."""

    request: EnipSide | None = None
    response: EnipSide | None = None


class IcsEvent(_Traffic, kw_only=True, gc=False):
    """``event_type: modbus``, ``dnp3`` or ``enip``: a transaction of an OT protocol."""

    modbus: ModbusTransaction | None = None
    dnp3: Dnp3Transaction | None = None
    enip: EnipTransaction | None = None


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class End(_Record):
    """Who a rule's ``target`` keyword says was the source or the target."""

    ip: Text = None


class Metadata(_Record):
    """Tags of a rule, as far as they are used."""

    mitre_technique_id: Listed = ()
    mitre_attack: Listed = ()
    """As ``mitre_technique_id``, in other rule sets' words."""
    cve: Listed = ()


class Detection(_Record):
    """``alert``: the rule that matched."""

    action: Text = None
    gid: Whole = None
    signature_id: Whole = None
    signature: Text = None
    rule: Text = None
    """The rule's own text, where ``alert: metadata: rule: raw`` is set."""
    category: Text = None
    severity: Number = None
    source: End | None = None
    target: End | None = None
    metadata: Metadata | None = None


class Query(_Record):
    """A name that was asked for."""

    rrname: Text = None


class DnsOfAlert(_Record):
    """Questions of the DNS message that raised an alert; ``queries`` since version 3 of the format."""

    query: Annotated[list[Query], Many] = Field(default_factory=list)
    queries: Annotated[list[Query], Many] = Field(default_factory=list)


class Http(_Record):
    """HTTP request that raised an alert."""

    hostname: Text = None


class Tls(_Record):
    """TLS handshake that raised an alert."""

    sni: Text = None


class File(_Record):
    """A file in the stream that raised an alert."""

    filename: Text = None
    md5: Text = None
    sha1: Text = None
    sha256: Text = None


class Event(_Record):
    """An entry of the EVE log; ``event_type: alert`` has ``alert``."""

    event_type: NativeId
    timestamp: Moment = None
    flow_id: Text = None
    tx_id: Whole = None
    community_id: Text = None
    host: Text = None
    vlan: Texts = ()
    src_ip: Text = None
    src_port: Port = None
    dest_ip: Text = None
    dest_port: Port = None
    proto: Text = None
    app_proto: Text = None
    alert: Detection | None = None
    dns: DnsOfAlert | None = None
    http: Http | None = None
    tls: Tls | None = None
    files: Annotated[list[File], Many] = Field(default_factory=list)
