"""Armis Centrix: devices, alerts, vulnerabilities with the devices they were found on, and activities.

Everything is asked for in Armis' query language. Its times have no fraction and no zone, so what the border second holds
comes twice and is recognised. How each stream finds what is new is said at the stream.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from pydantic import Field

from isthmus_connectors.armis import mapping
from isthmus_connectors.armis.matches import MATCH, SEARCH, VulnerabilitiesWithMatches
from isthmus_connectors.armis.models import Activity, Alert, Device, Finding
from isthmus_sdk import Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.http import Cursor, Login, Rate, Response
from isthmus_sdk.readable import readable

RESULTS = "data.results"
_PERMISSIONS = {"devices": "Device", "alerts": "Alert", "vulnerabilities": "Vulnerability"}
_TIME_FRAME = re.compile(r'\s+timeFrame:"[^"]*"', re.IGNORECASE)
_MOST_DAYS = 100
"""No relative time of the query language reaches further back."""


class ArmisSettings(Settings):
    """What an operator sets."""

    base_url: Url = Field(description="Address of the tenant, as https://TENANT.armis.com")
    secret_key: Secret = Field(description="API secret key: Settings > API Management; one for this hub alone")
    devices: str = Field(
        "in:devices", pattern="^in:devices", description="AQL of the inventory; narrow it by a boundary"
    )
    device_fields: str = Field("", description="Fields of a device to ask for, with commas; empty: what Armis gives")
    status_days: int = Field(
        7, ge=0, le=_MOST_DAYS, description="Days back in which changes of an alert's status are looked for; 0: none"
    )
    page_size: int = Field(1000, ge=1, le=10_000, description="Rows per request; smaller where the tenant answers 502")


def _is_over(reply: Response) -> bool:
    """Whether the token has ended: Armis says so in words, under more than one status."""
    if len(reply.body) > 4096 or b"invalid access token" not in reply.body.lower():
        return False
    try:
        document = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, RecursionError):
        return True
    return not (isinstance(document, dict) and document.get("success") is True)


armis = Connector(
    __package__,
    settings=ArmisSettings,
    auth=lambda s: Login(
        s.base_url / "api/v1/access_token/",
        {"secret_key": s.secret_key},
        token="data.access_token",  # noqa: S106 - where the reply holds it
        expires="data.expiration_utc",
        scheme="",
        over=_is_over,
    ),
    # 200 requests in five minutes for one sender (dev.armis.com, "Rate limiting").
    http={"rate": Rate(requests=200, per=300, burst=20, concurrency=2)},
)


@armis.stream("devices", model=Device, snapshot=True)
def devices(ctx: Context[ArmisSettings]) -> Iterable[Page]:
    """Devices with addresses, class, level, risk and who else sees them; the complete set in each run

    The list is sorted by the last activity, so a device that talks while it is read jumps to the front, past the reader:
    those of the last two hours are read once more.
    """
    wanted = {"fields": ctx.settings.device_fields} if ctx.settings.device_fields else {}
    query = ctx.settings.devices
    yield from _search(ctx, query, order="lastSeen", **wanted)
    if not ctx.files:
        lately = _TIME_FRAME.sub("", query) + ' timeFrame:"2 Hours"'
        yield from _search(ctx, lately, order="lastSeen", **wanted)


@armis.stream("alerts", model=Alert, key="id", cursor="time", lookback="10m", ordered=False)
def alerts(ctx: Context[ArmisSettings]) -> Iterable[Page]:
    """Alerts, and each change of their status as a newer version

    ``after:`` goes by the time at which an alert was raised, which never changes: those whose status changed of late are
    asked for beside it.
    """
    yield from _search(ctx, "in:alerts" + _after(ctx), order="time")
    since = ctx.since("datetime")
    if since is not None and ctx.settings.status_days and not ctx.files:
        days = min(max(ctx.settings.status_days, (datetime.now(UTC) - since).days + 1), _MOST_DAYS)
        yield from _search(ctx, f'in:alerts statusChangeTime:"{days * 86_400} Seconds"', order="time")


@armis.stream("vulnerabilities", model=Finding, key="cve", snapshot=True)
def vulnerabilities(ctx: Context[ArmisSettings]) -> Iterable[Page]:
    """CVEs and the devices they were found on; the complete set in each run, for the state is told per device"""
    return ctx.pages(
        SEARCH,
        items=f"{RESULTS}|data.sample",
        params={"aql": "in:vulnerabilities", "orderBy": "lastDetected"},
        limit=min(ctx.settings.page_size, 500),
        next=VulnerabilitiesWithMatches(),
    )


@armis.stream("activities", model=Activity, key="id", cursor="time", lookback="10m", ordered=False, default=False)
def activities(ctx: Context[ArmisSettings]) -> Iterable[Page]:
    """What devices did, in Armis' words; very many, so off unless asked for"""
    return _search(ctx, "in:activity" + _after(ctx), order="time")


devices.maps(mapping.device_to_stix)
alerts.maps(mapping.alert_to_stix)
vulnerabilities.maps(mapping.finding_to_stix)
activities.maps(mapping.activity_to_stix)


@armis.check
def check(ctx: Context[ArmisSettings]) -> list[str]:
    """One row of each list: a permission that the key's user lacks is named."""
    return [
        *(
            readable(
                f"in:{stream}",
                partial(ctx.http.get, SEARCH, params={"aql": f"in:{stream}", "length": 1}),
                stream,
                lacks=f"the user of the key lacks the permission {permission} > Read",
            )
            for stream, permission in _PERMISSIONS.items()
        ),
        readable(
            "vulnerability-match",
            partial(ctx.http.get, MATCH, params={"vulnerability_ids": "CVE-1999-0001", "length": 1}),
            "vulnerabilities",
            lacks="the tenant has no licence for vulnerability management (ViPR)",
        ),
    ]


def _after(ctx: Context[ArmisSettings]) -> str:
    since = ctx.since(lambda time: time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    return "" if since is None else f" after:{since}"


def _search(ctx: Context[ArmisSettings], query: str, *, order: str, **more: Any) -> Iterable[Page]:
    """All rows of a query. ``data.next`` is the row to go on from, and null at the end."""
    return ctx.pages(
        SEARCH,
        items=RESULTS,
        params={"aql": query, "orderBy": order, **more},
        limit=ctx.settings.page_size,
        next=Cursor("data.next", "from", size="length"),
    )
