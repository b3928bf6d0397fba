"""Zeek's records as flows. Pure: no clock, no state; what a record does not say is not said."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from isthmus_connectors.zeek.models import Conn, Modbus
from isthmus_sdk.errors import Ignored, RecordError
from isthmus_sdk.summarise import Flow

if TYPE_CHECKING:
    from isthmus_connectors.zeek.connector import ZeekSettings

FUNCTION_CODES = {
    "READ_COILS": 1,
    "READ_DISCRETE_INPUTS": 2,
    "READ_HOLDING_REGISTERS": 3,
    "READ_INPUT_REGISTERS": 4,
    "WRITE_SINGLE_COIL": 5,
    "WRITE_SINGLE_REGISTER": 6,
    "READ_EXCEPTION_STATUS": 7,
    "DIAGNOSTICS": 8,
    "PROGRAM_484": 9,
    "POLL_484": 10,
    "GET_COMM_EVENT_COUNTER": 11,
    "GET_COMM_EVENT_LOG": 12,
    "PROGRAM_584_984": 13,
    "POLL_584_984": 14,
    "WRITE_MULTIPLE_COILS": 15,
    "WRITE_MULTIPLE_REGISTERS": 16,
    "REPORT_SLAVE_ID": 17,
    "PROGRAM_884_U84": 18,
    "RESET_COMM_LINK_884_U84": 19,
    "READ_FILE_RECORD": 20,
    "WRITE_FILE_RECORD": 21,
    "MASK_WRITE_REGISTER": 22,
    "READ_WRITE_MULTIPLE_REGISTERS": 23,
    "READ_FIFO_QUEUE": 24,
    "PROGRAM_CONCEPT": 40,
    "MULTIPLE_FUNCTION_CODES": 41,
    "ENCAP_INTERFACE_TRANSPORT": 43,
    "PROGRAM_UNITY": 90,
    "OBJECT_MESSAGING": 91,
    "FIRMWARE_REPLACEMENT": 125,
    "PROGRAM_584_984_2": 126,
    "REPORT_LOCAL_ADDRESS": 127,
}
"""Modbus function codes by the names Zeek gives them (scripts/base/protocols/modbus/consts.zeek)."""

UNANSWERED = {
    "S0": "TCP attempt that nobody answered",
    "SH": "TCP attempt that nobody answered",
    "RSTOS0": "TCP attempt that nobody answered",
    "REJ": "TCP attempt that was refused",
}
"""States of a TCP connection in which nothing was said; a scan would otherwise make an endpoint of every address it tries."""

MILLISECONDS_FROM = 1e11
"""Numbers from here on are milliseconds (``LogAscii::json_timestamps = JSON::TS_MILLIS``)."""
_ALIASES = {"dnp3_tcp": "dnp3", "dnp3_udp": "dnp3", "enip_tcp": "enip", "enip_udp": "enip", "s7comm_tcp": "s7comm"}
"""What ``service`` calls analyzers that are made apart for each transport."""
_UNKNOWN = re.compile(r"unknown-(\d{1,3})")
_RAW = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENDS = ("orig_h", "orig_p", "resp_h", "resp_p")
_UNSET = re.compile(rb':\s*"(?:-|\(empty\)|)"')
_SAYS_NOTHING = frozenset({b'""', b'"-"', b'"(empty)"'})
_known_codes: dict[str, int] = {}


def conn_to_flow(record: Conn, settings: ZeekSettings) -> Flow:
    """A connection: who opened it, who answered, what was recognised in it, how much was said."""
    if record.conn_state in UNANSWERED and record.proto == "tcp":
        raise Ignored(UNANSWERED[record.conn_state])
    if record.path is not None and record.path != "conn":
        raise RecordError(f"is a record of the log {record.path!r}, not of conn", path="_path")
    if record.conn_state is None and record.history is None and record.orig_pkts is None:
        raise RecordError("is not a record of conn.log: it has neither conn_state, history nor orig_pkts")
    ts = record.ts
    return Flow(
        record.orig_h,
        record.resp_h,
        settings.sensor or record.system_name,
        record.vlan if record.inner_vlan is None else f"{record.vlan}.{record.inner_vlan}",
        _recognised(record.service) if record.service else None,
        record.proto,
        None if record.proto == "icmp" else record.resp_p,  # Zeek puts ICMP type and code there
        None,
        ts if type(ts) is float and ts < MILLISECONDS_FROM else seconds(ts),
        record.orig_bytes or 0,
        record.resp_bytes or 0,
        record.orig_pkts or 0,
        record.resp_pkts or 0,
    )


def modbus_to_flow(record: Modbus, settings: ZeekSettings) -> Flow:
    """A Modbus message: its function code on the communication between client and server."""
    if record.path is not None and record.path != "modbus":
        raise RecordError(f"is a record of the log {record.path!r}, not of modbus", path="_path")
    if record.modbus_detailed_link_id or record.is_orig is not None or record.network_direction:
        raise RecordError("is a record of an ICSNPP log (modbus_detailed or its like), not of modbus")
    ts = record.ts
    func = record.func
    return Flow(
        source=record.orig_h,
        target=record.resp_h,
        at=ts if type(ts) is float and ts < MILLISECONDS_FROM else seconds(ts),
        protocol="modbus",
        transport="tcp",  # Zeek's analyzer reads Modbus over TCP only
        port=record.resp_p,
        function_code=(_known_codes.get(func) or function_code(func)) if func else None,
        sensor=settings.sensor or record.system_name,
    )


def seconds(ts: float | str) -> float:
    """Event time in seconds: epoch seconds or milliseconds, or ISO 8601. Raises ``RecordError``."""
    if isinstance(ts, str):
        try:
            return seconds(float(ts))
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(ts)
        except ValueError:
            raise RecordError(f"{ts[:40]!r} is not a time", path="ts") from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    value = float(ts)
    if value >= MILLISECONDS_FROM:
        value /= 1000
    if not 0.0 < value < MILLISECONDS_FROM:
        raise RecordError(f"{ts!r} is not the time of an event", path="ts")
    return value


def function_code(name: str) -> int:
    """Number of a Modbus function by Zeek's name; that of an exception is the function's. Raises ``RecordError``."""
    code = FUNCTION_CODES.get(name.removesuffix("_EXCEPTION"))
    if code is None:
        found = _UNKNOWN.fullmatch(name)
        if found is None or int(found[1]) > 255:
            raise RecordError(f"{name[:60]!r} is no Modbus function that Zeek names", path="func")
        code = int(found[1]) & 0x7F
    if len(_known_codes) < 1000:
        _known_codes[name] = code
    return code


def unwrapped(raw: bytes) -> bytes:
    """The record as Zeek writes it by default; what is written so already as it is.

    Splunk puts it into an envelope (``{"result": {"_raw": "…"}}`` or ``{"_raw": "…"}``). The ends are ``id_orig_h`` where
    ``Log::default_scope_sep`` is ``_``, and ``{"id": {"orig_h": …}}`` where a shipper made objects of dots. Exports of
    tables keep ``-`` for what is unset.
    """
    if b'"_raw"' in raw:
        envelope = _RAW.decode(raw)
        if "_raw" not in envelope and "result" in envelope:
            envelope = _RAW.decode(envelope["result"])
        if "_raw" in envelope:
            raw = msgspec.json.decode(envelope["_raw"], type=str).encode()
    if b'"id.orig_h"' in raw and not _UNSET.search(raw):
        return raw
    record = {name: value for name, value in _RAW.decode(raw).items() if bytes(value) not in _SAYS_NOTHING}
    inner = bytes(record.get("id", b""))
    ends = _RAW.decode(record.pop("id")) if inner.startswith(b"{") else {}
    for end in _ENDS:
        told = ends.get(end, record.pop(f"id_{end}", None))
        if told is not None:
            record.setdefault(f"id.{end}", told)
    return msgspec.json.encode(record)


def _recognised(service: str) -> str | None:
    """Without the protocols that Zeek gave up on, and under the names that its other logs have."""
    if "-" not in service and "_" not in service:
        return service
    names = (_ALIASES.get(name, name) for name in service.split(",") if not name.startswith("-"))
    return ",".join(names) or None
