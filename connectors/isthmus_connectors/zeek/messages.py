"""Entries of Zeek's protocol logs as flows: one message each, with its function code. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from isthmus_connectors.zeek.mapping import seconds
from isthmus_connectors.zeek.models import Cip, Dnp3, Dns, Enip, S7comm, S7commPlus
from isthmus_sdk.errors import RecordError
from isthmus_sdk.summarise import Flow

if TYPE_CHECKING:
    from isthmus_connectors.zeek.connector import ZeekSettings

DNP3_CODES = {
    "CONFIRM": 0, "READ": 1, "WRITE": 2, "SELECT": 3, "OPERATE": 4, "DIRECT_OPERATE": 5, "DIRECT_OPERATE_NR": 6,
    "IMMED_FREEZE": 7, "IMMED_FREEZE_NR": 8, "FREEZE_CLEAR": 9, "FREEZE_CLEAR_NR": 10, "FREEZE_AT_TIME": 11,
    "FREEZE_AT_TIME_NR": 12, "COLD_RESTART": 13, "WARM_RESTART": 14, "INITIALIZE_DATA": 15, "INITIALIZE_APPL": 16,
    "START_APPL": 17, "STOP_APPL": 18, "SAVE_CONFIG": 19, "ENABLE_UNSOLICITED": 20, "DISABLE_UNSOLICITED": 21,
    "ASSIGN_CLASS": 22, "DELAY_MEASURE": 23, "RECORD_CURRENT_TIME": 24, "OPEN_FILE": 25, "CLOSE_FILE": 26,
    "DELETE_FILE": 27, "GET_FILE_INFO": 28, "AUTHENTICATE_FILE": 29, "ABORT_FILE": 30, "ACTIVATE_CONFIG": 31,
    "AUTHENTICATE_REQ": 32, "AUTHENTICATE_REQ_NR": 33, "RESPONSE": 129, "UNSOLICITED_RESPONSE": 130,
    "AUTHENTICATE_RESP": 131,
}  # fmt: skip
"""DNP3 function codes by the names Zeek gives them (scripts/base/protocols/dnp3/consts.zeek)."""
USER_DATA = 7
"""``rosctr_code`` of S7comm's user data."""
_UNKNOWN = re.compile(r"unknown-(\d{1,3})")
_HEX = re.compile(r"0x([0-9a-fA-F]{1,8})")


class _Entry(Protocol):
    """What all of the models have."""

    ts: float | str
    orig_h: str
    resp_h: str
    resp_p: int
    path: str | None
    system_name: str | None


def dns_to_flow(record: Dns, settings: ZeekSettings) -> Flow:
    """A question to a resolver."""
    flow = _message(record, settings, "dns", "dns", transport=record.proto)
    if record.trans_id is None and record.query is None and record.rcode is None:
        raise RecordError("is not a record of dns.log: it has neither trans_id, query nor rcode")
    return flow


def dnp3_to_flow(record: Dnp3, settings: ZeekSettings) -> Flow:
    """A DNP3 request with its function code; of an unsolicited response, its own."""
    name = record.fc_request or record.fc_reply
    code = _dnp3_code(name, "fc_request" if record.fc_request else "fc_reply") if name else None
    flow = _message(record, settings, "dnp3", "dnp3", code=code)
    if name is None:
        raise RecordError("is not a record of dnp3.log: it has neither fc_request nor fc_reply")
    return flow


def s7comm_to_flow(record: S7comm, settings: ZeekSettings) -> Flow:
    """A message of S7comm. Functions of user data are numbered as in requests: 0x44, also for the response 0x84."""
    code = _hexadecimal(record.function_code, "function_code")
    if code is not None and record.rosctr_code == USER_DATA:
        code = 0x40 | (code & 0x0F) if code & 0xF0 in (0x40, 0x80) else None
    return _message(record, settings, "s7comm", "s7comm", code=code, transport="tcp")


def s7comm_plus_to_flow(record: S7commPlus, settings: ZeekSettings) -> Flow:
    """A message of S7comm-plus."""
    code = _hexadecimal(record.function_code, "function_code")
    return _message(record, settings, "s7comm_plus", "s7comm-plus", code=code, transport="tcp")


def enip_to_flow(record: Enip, settings: ZeekSettings) -> Flow:
    """An encapsulated message of EtherNet/IP: its command counts as function code."""
    code = _hexadecimal(record.enip_command_code, "enip_command_code")
    return _message(record, settings, "enip", "enip", code=code)


def cip_to_flow(record: Cip, settings: ZeekSettings) -> Flow:
    """A CIP request or response: its service counts as function code; the highest bit marks a response."""
    code = _hexadecimal(record.cip_service_code, "cip_service_code")
    return _message(record, settings, "cip", "cip", code=None if code is None else code & 0x7F)


def _message(
    record: _Entry,
    settings: ZeekSettings,
    log: str,
    protocol: str,
    *,
    code: int | None = None,
    transport: str | None = None,
) -> Flow:
    """A message between client and server. ``transport`` only where the log or the protocol tells it."""
    if record.path is not None and record.path != log:
        raise RecordError(f"is a record of the log {record.path!r}, not of {log}", path="_path")
    return Flow(
        source=record.orig_h,
        target=record.resp_h,
        at=seconds(record.ts),
        protocol=protocol,
        transport=transport,
        port=record.resp_p,
        function_code=code,
        sensor=settings.sensor or record.system_name,
    )


def _dnp3_code(name: str, path: str) -> int:
    code = DNP3_CODES.get(name)
    if code is not None:
        return code
    found = _UNKNOWN.fullmatch(name)
    if found is None or int(found[1]) > 255:
        raise RecordError(f"{name[:60]!r} is no DNP3 function that Zeek names", path=path)
    return int(found[1])


def _hexadecimal(text: str | None, path: str) -> int | None:
    """``0x04`` as a number; ``None`` for nothing. Raises ``RecordError``."""
    if not text:
        return None
    found = _HEX.fullmatch(text)
    if found is None:
        raise RecordError(f"{text[:60]!r} is no code in hexadecimal, as 0x04", path=path)
    return int(found[1], 16)
