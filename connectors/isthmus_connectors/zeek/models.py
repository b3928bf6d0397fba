"""Records of Zeek's logs, as far as they say who talks to whom.

Field names and types: Zeek manual (scripts/base/protocols/{conn,modbus,dns,dnp3}/main.zeek) and main.zeek of icsnpp-s7comm
and icsnpp-enip. Fields that Zeek may leave unset have the default ``None``.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from isthmus_sdk.files import Table

Count = Annotated[int, msgspec.Meta(ge=0)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]


class Conn(
    msgspec.Struct,
    gc=False,
    rename={
        "path": "_path",
        "system_name": "_system_name",
        "orig_h": "id.orig_h",
        "resp_h": "id.resp_h",
        "resp_p": "id.resp_p",
    },
):
    """A connection: an entry of ``conn.log``."""

    ts: float | str
    orig_h: str
    resp_h: str
    resp_p: Port
    proto: str
    service: str | None = None
    """Application protocols Zeek confirmed, comma-joined; with ``-`` before those it gave up."""
    orig_bytes: Count | None = None
    resp_bytes: Count | None = None
    conn_state: str | None = None
    history: str | None = None
    orig_pkts: Count | None = None
    resp_pkts: Count | None = None
    vlan: Count | None = None
    """Logged where the policy script protocols/conn/vlan-logging is loaded."""
    inner_vlan: Count | None = None
    path: str | None = None
    """Name of the log, where many logs share one JSON stream."""
    system_name: str | None = None
    """The sensor, likewise."""


class Modbus(
    msgspec.Struct,
    gc=False,
    rename={
        "path": "_path",
        "system_name": "_system_name",
        "orig_h": "id.orig_h",
        "resp_h": "id.resp_h",
        "resp_p": "id.resp_p",
    },
):
    """A Modbus message: an entry of ``modbus.log``."""

    ts: float | str
    orig_h: str
    resp_h: str
    resp_p: Port
    func: str | None = None
    path: str | None = None
    system_name: str | None = None
    modbus_detailed_link_id: str | None = None
    """Only in the logs of ICSNPP, which are other streams; likewise the next two."""
    is_orig: bool | None = None
    network_direction: str | None = None


_ID = "ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port"
_CONN_1 = f"{_ID} proto:enum service:string duration:interval orig_bytes:count resp_bytes:count conn_state:string"
_CONN_2 = (
    "missed_bytes:count history:string orig_pkts:count orig_ip_bytes:count resp_pkts:count resp_ip_bytes:count "
    "tunnel_parents:set[string]"
)

CONN_TABLES = (
    Table.of("conn", f"{_CONN_1} local_orig:bool local_resp:bool {_CONN_2}"),
    Table.of("conn", f"{_CONN_1} local_orig:bool local_resp:bool {_CONN_2} ip_proto:count"),
    Table.of("conn", f"{_CONN_1} local_orig:bool {_CONN_2}"),
)
"""Columns of ``conn.log`` as Zeek writes them by default: since 2.4, since 7.1, before 2.4."""

MODBUS_TABLES = (
    Table.of("modbus", f"{_ID} func:string exception:string"),
    Table.of("modbus", f"{_ID} tid:count unit:count func:string pdu_type:string exception:string"),
)
"""Columns of ``modbus.log``: before Zeek 6, since Zeek 6."""


class _Message(
    msgspec.Struct,
    gc=False,
    kw_only=True,
    rename={
        "path": "_path",
        "system_name": "_system_name",
        "orig_h": "id.orig_h",
        "resp_h": "id.resp_h",
        "resp_p": "id.resp_p",
    },
):
    """What entries of all protocols' logs have in common."""

    ts: float | str
    orig_h: str
    resp_h: str
    resp_p: Port
    path: str | None = None
    system_name: str | None = None


class Dns(_Message, gc=False, kw_only=True):
    """A question to a resolver and its answer: an entry of ``dns.log``."""

    proto: str
    trans_id: int | None = None
    query: str | None = None
    rcode: int | None = None


class Dnp3(_Message, gc=False, kw_only=True):
    """A DNP3 request with its reply, or an unsolicited response: an entry of ``dnp3.log``."""

    fc_request: str | None = None
    fc_reply: str | None = None


class S7comm(_Message, gc=False, kw_only=True):
    """A message of S7comm: an entry of ICSNPP's ``s7comm.log``."""

    rosctr_code: int
    """1 job, 2 and 3 acknowledgements, 7 user data, whose functions are numbered apart."""
    function_code: str | None = None


class S7commPlus(_Message, gc=False, kw_only=True):
    """A message of S7comm-plus: an entry of ICSNPP's ``s7comm_plus.log``."""

    opcode: str
    function_code: str | None = None


class Enip(_Message, gc=False, kw_only=True):
    """An encapsulated message of EtherNet/IP: an entry of ICSNPP's ``enip.log``."""

    enip_command_code: str


class Cip(_Message, gc=False, kw_only=True):
    """A CIP request or response: an entry of ICSNPP's ``cip.log``."""

    cip_service_code: str


_DNS = (
    f"{_ID} proto:enum trans_id:count rtt:interval query:string qclass:count qclass_name:string qtype:count "
    "qtype_name:string rcode:count rcode_name:string AA:bool TC:bool RD:bool RA:bool Z:count answers:vector[string] "
    "TTLs:vector[interval] rejected:bool"
)
_SIDE = "is_orig:bool source_h:addr source_p:port destination_h:addr destination_p:port"
_S7COMM = (
    "rosctr_code:count rosctr_name:string pdu_reference:count function_code:string function_name:string "
    "subfunction_code:string subfunction_name:string error_class:string error_code:string"
)
_S7PLUS = "version:count opcode:string opcode_name:string function_code:string function_name:string"
_ENIP = (
    "enip_command_code:string enip_command:string length:count session_handle:string enip_status:string "
    "sender_context:string options:string"
)
_CIP = (
    "cip_sequence_count:count direction:string cip_service_code:string cip_service:string cip_status:string "
    "class_id:string class_name:string instance_id:string attribute_id:string"
)

DNS_TABLES = (Table.of("dns", _DNS), Table.of("dns", f"{_DNS} opcode:count opcode_name:string"))
"""Columns of ``dns.log``: before and since Zeek 7.2."""
DNP3_TABLES = (Table.of("dnp3", f"{_ID} fc_request:string fc_reply:string iin:count"),)
S7COMM_TABLES = (
    Table.of("s7comm", f"{_ID} {_SIDE} {_S7COMM}"),
    Table.of("s7comm", f"{_ID} is_orig:bool {_S7COMM}"),
)
S7PLUS_TABLES = (
    Table.of("s7comm_plus", f"{_ID} {_SIDE} {_S7PLUS}"),
    Table.of("s7comm_plus", f"{_ID} is_orig:bool {_S7PLUS}"),
)
ENIP_TABLES = (Table.of("enip", f"{_ID} {_SIDE} {_ENIP}"), Table.of("enip", f"{_ID} {_ENIP}"))
CIP_TABLES = (Table.of("cip", f"{_ID} {_SIDE} {_CIP}"), Table.of("cip", f"{_ID} {_CIP}"))
"""ICSNPP's logs: since they tell which side sent a message, and before."""
