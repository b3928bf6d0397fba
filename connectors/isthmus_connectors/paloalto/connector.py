"""Palo Alto Networks: IoT Security's devices, alerts and vulnerabilities; traffic and threat logs of firewalls.

IoT Security is asked over its API. Firewalls and Panorama send their logs by syslog, or logs are dropped as files. (OpenAPI of
IoT Security: pan.dev; PAN-OS administrator's guide, "Syslog Field Descriptions".)
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from pydantic import Field, field_validator

from isthmus_connectors.paloalto import logs, mapping, panos
from isthmus_connectors.paloalto.models import Alert, Device, Threat, Traffic, Vulnerability
from isthmus_sdk import Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.http import ApiKey, Offset, Rate
from isthmus_sdk.push import Syslog
from isthmus_sdk.readable import readable

EVER = {"stime": "-1"}
"""From the beginning, as Palo Alto's own integration asks on its first run."""
COUNTED = Offset("offset", "pagelength", total="total", overlap=1)
MESSAGES = Syslog()
"""CEF and a firewall's own form may come over one address: the message is taken whole."""


class PaloAltoSettings(Settings):
    """What an operator sets."""

    base_url: Url = Field(description="Address of the IoT Security portal, as https://example.iot.paloaltonetworks.com")
    customer_id: str = Field(description="Customer (tenant) id that the API calls are directed to")
    access_key_id: str = Field(description="Key ID of an API access key")
    secret_access_key: Secret = Field(description="Its secret access key")
    page_size: int = Field(1000, ge=1, le=1000, description="Rows per request")
    devices_path: str = Field("/pub/v4.0/device/list", description="Path of the device list, with its version")
    alerts_path: str = Field("/pub/v4.0/alert/list", description="Path of the alert list, with its version")
    vulnerabilities_path: str = Field(
        "/pub/v4.0/vulnerability/list", description="Path of the list of vulnerability instances, with its version"
    )
    time_zone: str = Field(
        "UTC",
        description="Zone of firewalls whose logs name none, as Europe/Berlin or +02:00; each firewall logs in its own",
    )
    sensor: str | None = Field(None, description="Name of the firewall in place of the one its logs give")

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        logs.zone_of(value)
        return value


paloalto = Connector(
    __package__,
    settings=PaloAltoSettings,
    auth=lambda s: ApiKey("X-Key-Id", s.access_key_id, more={"X-Access-Key": s.secret_access_key}),
    http={"rate": Rate(requests=60, per=60, burst=10, concurrency=1)},
)


@paloalto.stream("devices", model=Device, key="deviceid", snapshot=True, items="devices")
def devices(ctx: Context[PaloAltoSettings]) -> Iterable[Page]:
    """Devices with profile, addresses, system and place; the complete set in each run"""
    return ctx.pages(
        ctx.settings.devices_path,
        next=COUNTED,
        limit=ctx.settings.page_size,
        params={
            "customerid": ctx.settings.customer_id,
            "detail": "true",
            "filter_monitored": "no",
            "sortfield": "MAC",
            "sortdirection": "asc",
        },
    )


@paloalto.stream(
    "alerts",
    model=Alert,
    key="zb_ticketid",
    cursor="changed_at",
    lookback="1h",
    ordered=False,
    items="items",
    unwrap=mapping.alert_of,
    push=MESSAGES,
)
def alerts(ctx: Context[PaloAltoSettings]) -> Iterable[Page]:
    """IoT Security's alerts, and their resolution as a newer version

    The list gives active or resolved alerts, never both. ``updatedCreatedAfter`` asks for what changed; where a tenant does not
    know it, ``stime`` asks for what is new.
    """
    for resolved in ("no", "yes"):
        yield from ctx.pages(
            ctx.settings.alerts_path,
            next=COUNTED,
            limit=ctx.settings.page_size,
            params={
                "customerid": ctx.settings.customer_id,
                "resolved": resolved,
                "sortfield": "date",
                "sortdirection": "asc",
                **EVER,
            },
            since=lambda time: {"stime": time, "updatedCreatedAfter": time},
        )


@paloalto.stream(
    "vulnerabilities", model=Vulnerability, key=("deviceid", "vulnerability_name"), snapshot=True, items="items"
)
def vulnerabilities(ctx: Context[PaloAltoSettings]) -> Iterable[Page]:
    """Vulnerabilities of devices, confirmed and potential; the complete set in each run"""
    return ctx.pages(
        ctx.settings.vulnerabilities_path,
        next=COUNTED,
        limit=ctx.settings.page_size,
        params={"customerid": ctx.settings.customer_id, "groupby": "device", **EVER},
    )


@paloalto.stream("traffic", model=Traffic, key=None, unwrap=panos.unwrapped, push=MESSAGES, default=False)
def traffic(ctx: Context[PaloAltoSettings]) -> Iterable[Page]:
    """Sessions that firewalls let pass (traffic logs), summarised per hour and pair of addresses"""
    return _logs(ctx)


@paloalto.stream("threats", model=Threat, key=None, unwrap=panos.unwrapped, push=MESSAGES, default=False)
def threats(ctx: Context[PaloAltoSettings]) -> Iterable[Page]:
    """What security profiles of firewalls found (threat logs), one by one"""
    return _logs(ctx)


devices.maps(mapping.device_to_stix)
alerts.maps(mapping.alert_to_stix)
vulnerabilities.maps(mapping.vulnerability_to_stix)
traffic.summarises(window="1h", lateness="5m")(logs.traffic_to_flow)
threats.maps(logs.threat_to_stix)


@paloalto.check
def check(ctx: Context[PaloAltoSettings]) -> list[str]:
    """One row of each list: one that the key's role may not read is named."""
    settings = ctx.settings
    one = {"customerid": settings.customer_id, "pagelength": 1, "offset": 0}
    return [
        readable(
            path,
            partial(ctx.http.get, path, params={**one, **extra}),
            stream,
            lacks="the role of the API access key may not read it, or the key is not of this tenant",
        )
        for path, stream, extra in (
            (settings.devices_path, "devices", {}),
            (settings.alerts_path, "alerts", {}),
            (settings.vulnerabilities_path, "vulnerabilities", {"groupby": "device"}),
        )
    ]


def _logs(ctx: Context[PaloAltoSettings]) -> Iterable[Page]:
    if not ctx.files:
        raise ConfigurationError(
            f"firewalls send their logs: give [connector.NAME.receive.{ctx.stream}] with listen, or "
            f'files = {{ {ctx.stream} = "drop/{ctx.stream}-*" }}'
        )
    return ctx.pages(items="")
