"""Zeek: connections and Modbus messages from its log files, summarised to communications.

Zeek has no API: the logs are read where it writes them, or where they are dropped. One instance stands for one sensor.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from isthmus_connectors.zeek import mapping
from isthmus_connectors.zeek.models import CONN_TABLES, MODBUS_TABLES, Conn, Modbus
from isthmus_sdk import Connector, Context, Page, Settings
from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.files import Table


class ZeekSettings(Settings):
    """What an operator sets; the log files stand under ``files``."""

    sensor: str | None = Field(
        None,
        description="Name of the sensor that wrote the logs; without it the records' own _system_name, if they have one",
    )


zeek = Connector(__package__, settings=ZeekSettings)


@zeek.stream("conn", model=Conn, key=None, unwrap=mapping.unwrapped)
def conn(ctx: Context[ZeekSettings]) -> Iterable[Page]:
    """Connections of every protocol (conn.log), summarised per hour and pair of addresses"""
    return _log(ctx, CONN_TABLES)


@zeek.stream("modbus", model=Modbus, key=None, unwrap=mapping.unwrapped)
def modbus(ctx: Context[ZeekSettings]) -> Iterable[Page]:
    """Modbus messages with their function codes (modbus.log), summarised likewise"""
    return _log(ctx, MODBUS_TABLES)


conn.summarises(window="1h", lateness="5m")(mapping.conn_to_flow)
modbus.summarises(window="1h", lateness="5m")(mapping.modbus_to_flow)


def _log(ctx: Context[ZeekSettings], tables: tuple[Table, ...]) -> Iterable[Page]:
    if not ctx.files:
        name = tables[0].name
        raise ConfigurationError(
            f'zeek reads log files and has no API: give files = {{ {name} = "logs/{name}*.log*" }}'
        )
    return ctx.pages(tables=tables)
