"""Suricata: alerts, flows, DNS and OT messages from its EVE log, from files or received by syslog.

Suricata has no API: its log is read where it writes it or where it is dropped, or it sends it. One instance stands for one
sensor.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from isthmus_connectors.suricata import mapping
from isthmus_connectors.suricata.models import DnsEvent, Event, FlowEvent, IcsEvent
from isthmus_sdk import Connector, Context, Page, Settings
from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.push import Syslog

EVE = Syslog(payload="json")


class SuricataSettings(Settings):
    """What an operator sets; the log files stand under ``files``, addresses to receive at under ``receive``."""

    sensor: str | None = Field(
        None,
        description="Name of the sensor that wrote the log; without it the events' own host (sensor-name), if they have one",
    )


suricata = Connector(__package__, settings=SuricataSettings)


@suricata.stream("alerts", model=Event, key=None, push=EVE)
def alerts(ctx: Context[SuricataSettings]) -> Iterable[Page]:
    """Alerts one by one, with their rule, flow and file hashes"""
    return _eve(ctx)


@suricata.stream("flows", model=FlowEvent, key=None, push=EVE)
def flows(ctx: Context[SuricataSettings]) -> Iterable[Page]:
    """Connections of every protocol, summarised per hour and pair of addresses"""
    return _eve(ctx)


@suricata.stream("ics", model=IcsEvent, key=None, push=EVE)
def ics(ctx: Context[SuricataSettings]) -> Iterable[Page]:
    """Modbus, DNP3, EtherNet/IP and CIP messages with their function codes, summarised likewise"""
    return _eve(ctx)


@suricata.stream("dns", model=DnsEvent, key=None, push=EVE, default=False)
def dns(ctx: Context[SuricataSettings]) -> Iterable[Page]:
    """DNS questions, summarised likewise; flows tell of the same connections, so off unless asked for"""
    return _eve(ctx)


alerts.maps(mapping.alert_to_stix)
# An event tells of a flow once it timed out: up to ten minutes after its last packet, by Suricata's own defaults.
flows.summarises(window="1h", lateness="15m")(mapping.flow_to_flow)
ics.summarises(window="1h", lateness="5m")(mapping.ics_to_flow)
dns.summarises(window="1h", lateness="5m")(mapping.dns_to_flow)


def _eve(ctx: Context[SuricataSettings]) -> Iterable[Page]:
    if not ctx.files:
        raise ConfigurationError(
            f'suricata has no API: give files = {{ {ctx.stream} = "/var/log/suricata/eve*.json*" }} or '
            f"[connector.NAME.receive.{ctx.stream}] with listen"
        )
    return ctx.pages(items="")
