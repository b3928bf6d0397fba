"""Records of Zeek's logs, as far as they say who talks to whom.

Field names and types: Zeek manual, "conn.log" and "modbus.log" (scripts/base/protocols/{conn,modbus}/main.zeek). Fields
that Zeek may leave unset have the default ``None``.
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
