"""CrowdStrike Falcon: hosts, alerts and vulnerabilities.

How each stream finds what is new is said at the stream. (Vendor documentation: developer.crowdstrike.com; paths, parameters
and limits as falconpy's endpoint modules have them.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import Field

from isthmus_connectors.crowdstrike_falcon import ids, mapping
from isthmus_connectors.crowdstrike_falcon.models import Alert, Host, Vulnerability
from isthmus_sdk import Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.http import Cursor, Entities, OAuth2ClientCredentials, Offset, Rate, Scroll
from isthmus_sdk.readable import readable

HOSTS = "/devices/queries/devices-scroll/v1"
HIDDEN = "/devices/queries/devices-hidden/v1"
ALERTS = "/alerts/combined/alerts/v1"
VULNERABILITIES = "/spotlight/combined/vulnerabilities/v1"
IDS = 1000
"""Ids in a page: the pointer to the next one is good for two minutes, in which their entities are fetched."""


class FalconSettings(Settings):
    """What an operator sets; the console shows all three when the API client is made."""

    base_url: Url = Field(
        Url("https://api.crowdstrike.com"),
        description="Base URL of the cloud: US-1 is the default, https://api.us-2.crowdstrike.com, "
        "https://api.eu-1.crowdstrike.com, https://api.laggar.gcw.crowdstrike.com (US-GOV-1)",
    )
    client_id: str = Field(min_length=1, description="Client id: Support and resources > API clients and keys")
    client_secret: Secret = Field(description="Its secret, shown once")


falcon = Connector(
    __package__,
    settings=FalconSettings,
    auth=lambda s: OAuth2ClientCredentials(s.base_url / "oauth2/token", s.client_id, s.client_secret),
    # A customer has 6000 requests a minute for all its API clients; half of them are left to the others.
    http={"rate": Rate(requests=3000, per=60, burst=60)},
)


@falcon.stream("hosts", model=Host, key="device_id", snapshot=True, items="resources")
def hosts(ctx: Context[FalconSettings]) -> Iterator[Page]:
    """Hosts with a sensor, hidden ones too; the complete set in each run, for a deleted one is simply no longer listed"""
    entities = Entities("/devices/entities/devices/v2", "ids", batch=500, items="resources", key="device_id")
    scroll = Scroll("meta.pagination.offset", "offset", size="limit", keep={"limit": IDS})
    offset = Offset("offset", "limit", total="meta.pagination.total", overlap=1)
    yield from ctx.pages(HOSTS, next=scroll, limit=IDS, then=entities)
    yield from ctx.pages(HIDDEN, next=offset, params={"sort": "device_id.asc"}, limit=IDS, then=entities)


@falcon.stream(
    "alerts",
    model=Alert,
    cursor="updated",
    key="composite_id",
    lookback="10m",
    items="resources",
    unwrap=ids.as_record,
)
def alerts(ctx: Context[FalconSettings]) -> Iterable[Page]:
    """Alerts of all Falcon products, new and changed since the last run

    In the order of their changes: an alert that changes meanwhile moves to the end, where it is read once more.
    """
    since = ctx.since()
    return ctx.pages(
        ALERTS,
        method="POST",
        json={"sort": "updated_timestamp|asc", **({"filter": f"updated_timestamp:>='{since}'"} if since else {})},
        next=Cursor("meta.pagination.after", "after"),
        limit=1000,
    )


@falcon.stream("vulnerabilities", model=Vulnerability, cursor="updated", lookback="1h", items="resources")
def vulnerabilities(ctx: Context[FalconSettings]) -> Iterable[Page]:
    """CVEs per host: what is open at first, then whatever changed, closed ones too (Falcon Exposure Management)

    The list has to be filtered, and is sorted as the alerts are.
    """
    since = ctx.since()
    return ctx.pages(
        VULNERABILITIES,
        params={
            "filter": f"updated_timestamp:>='{since}'" if since else "status:['open','reopen']",
            "sort": "updated_timestamp|asc",
            "facet": ["cve", "remediation"],
        },
        next=Cursor("meta.pagination.after", "after"),
        limit=1000,
    )


hosts.maps(mapping.host_to_stix)
alerts.maps(mapping.alert_to_stix)
vulnerabilities.maps(mapping.vulnerability_to_stix)


@falcon.check
def check(ctx: Context[FalconSettings]) -> list[str]:
    """One row of each list: a scope that the API client lacks is named."""

    def one(path: str, stream: str, scope: str, method: str = "GET", **asked: Any) -> str:
        lacks = f"the API client lacks the scope {scope!r}, or the customer has not the product"
        return readable(path, lambda: ctx.http.request(method, path, idempotent=True, **asked), stream, lacks=lacks)

    return [
        one(HOSTS, "hosts", "Hosts: Read", params={"limit": 1}),
        one(ALERTS, "alerts", "Alerts: Read", "POST", json={"limit": 1}),
        one(
            VULNERABILITIES, "vulnerabilities", "Vulnerabilities: Read", params={"limit": 1, "filter": "status:'open'"}
        ),
    ]
