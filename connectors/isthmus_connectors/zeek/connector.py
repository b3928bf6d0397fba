"""Zeek: connections, DNS and messages of OT protocols from its logs, summarised to communications.

Zeek has no API: the logs are read where it writes them, where they are dropped, or received by syslog as JSON. One instance
stands for one sensor.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from isthmus_connectors.zeek import mapping, messages, models
from isthmus_connectors.zeek.models import Cip, Conn, Dnp3, Dns, Enip, Modbus, S7comm, S7commPlus
from isthmus_sdk import Connector, Context, Page, Settings
from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.files import Table
from isthmus_sdk.push import Syslog


class ZeekSettings(Settings):
    """What an operator sets; the log files stand under ``files``."""

    sensor: str | None = Field(
        None,
        description="Name of the sensor that wrote the logs; without it the records' own _system_name, if they have one",
    )


zeek = Connector(__package__, settings=ZeekSettings)
JSON_LINES = Syslog(payload="json")


@zeek.stream("conn", model=Conn, key=None, unwrap=mapping.unwrapped, push=JSON_LINES)
def conn(ctx: Context[ZeekSettings]) -> Iterable[Page]:
    """Connections of every protocol (conn.log), summarised per hour and pair of addresses"""
    return _log(ctx, models.CONN_TABLES)


@zeek.stream("modbus", model=Modbus, key=None, unwrap=mapping.unwrapped, push=JSON_LINES)
def modbus(ctx: Context[ZeekSettings]) -> Iterable[Page]:
    """Modbus messages with their function codes (modbus.log), summarised likewise"""
    return _log(ctx, models.MODBUS_TABLES)


@zeek.stream("dnp3", model=Dnp3, key=None, unwrap=mapping.unwrapped, push=JSON_LINES)
def dnp3(ctx: Context[ZeekSettings]) -> Iterable[Page]:
    """DNP3 requests and unsolicited responses with their function codes (dnp3.log), summarised likewise"""
    return _log(ctx, models.DNP3_TABLES)


@zeek.stream("s7comm", model=S7comm, key=None, unwrap=mapping.unwrapped, push=JSON_LINES)
def s7comm(ctx: Context[ZeekSettings]) -> Iterable[Page]:
    """S7comm messages with their function codes (s7comm.log of ICSNPP), summarised likewise"""
    return _log(ctx, models.S7COMM_TABLES)


@zeek.stream("s7comm_plus", model=S7commPlus, key=None, unwrap=mapping.unwrapped, push=JSON_LINES)
def s7comm_plus(ctx: Context[ZeekSettings]) -> Iterable[Page]:
    """S7comm-plus messages with their function codes (s7comm_plus.log of ICSNPP), summarised likewise"""
    return _log(ctx, models.S7PLUS_TABLES)


@zeek.stream("enip", model=Enip, key=None, unwrap=mapping.unwrapped, push=JSON_LINES)
def enip(ctx: Context[ZeekSettings]) -> Iterable[Page]:
    """EtherNet/IP messages with their commands (enip.log of ICSNPP), summarised likewise"""
    return _log(ctx, models.ENIP_TABLES)


@zeek.stream("cip", model=Cip, key=None, unwrap=mapping.unwrapped, push=JSON_LINES)
def cip(ctx: Context[ZeekSettings]) -> Iterable[Page]:
    """CIP requests and responses with their services (cip.log of ICSNPP), summarised likewise"""
    return _log(ctx, models.CIP_TABLES)


@zeek.stream("dns", model=Dns, key=None, unwrap=mapping.unwrapped, push=JSON_LINES, default=False)
def dns(ctx: Context[ZeekSettings]) -> Iterable[Page]:
    """DNS questions (dns.log), summarised likewise; conn tells of the same connections, so off unless asked for"""
    return _log(ctx, models.DNS_TABLES)


conn.summarises(window="1h", lateness="5m")(mapping.conn_to_flow)
modbus.summarises(window="1h", lateness="5m")(mapping.modbus_to_flow)
dnp3.summarises(window="1h", lateness="5m")(messages.dnp3_to_flow)
s7comm.summarises(window="1h", lateness="5m")(messages.s7comm_to_flow)
s7comm_plus.summarises(window="1h", lateness="5m")(messages.s7comm_plus_to_flow)
enip.summarises(window="1h", lateness="5m")(messages.enip_to_flow)
cip.summarises(window="1h", lateness="5m")(messages.cip_to_flow)
dns.summarises(window="1h", lateness="5m")(messages.dns_to_flow)


def _log(ctx: Context[ZeekSettings], tables: tuple[Table, ...]) -> Iterable[Page]:
    if not ctx.files:
        name = tables[0].name
        raise ConfigurationError(
            f'zeek has no API: give files = {{ {name} = "logs/{name}*.log*" }} or [connector.NAME.receive.{name}] with listen'
        )
    return ctx.pages(tables=tables)
