"""Claroty xDome: devices, alerts and the devices they are on, vulnerabilities likewise, OT activity and sites.

Every list is asked for by POST, with the offset in the body and the fields that are wanted. What is new since a time is
asked for by that time, and sorted by ids all the same: a time that moves while pages are read would pass rows over.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from pydantic import Field

from isthmus_connectors.claroty_xdome import asked, mapping
from isthmus_connectors.claroty_xdome.models import (
    Alert,
    AlertDevice,
    Device,
    OtEvent,
    Site,
    Vulnerability,
    VulnerabilityDevice,
)
from isthmus_sdk import Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.errors import SourceError
from isthmus_sdk.http import Bearer, Offset, Rate
from isthmus_sdk.readable import readable

API = "/api/v1"
_RELEVANT = ("Confirmed", "Potentially Relevant")
"""What is irrelevant or fixed is no exposure; a finding that becomes so is no longer listed."""


class XdomeSettings(Settings):
    """What an operator sets."""

    base_url: Url = Field(
        Url("https://api.medigate.io"), description="API address of the region, as https://api.claroty.com"
    )
    api_token: Secret = Field(description="Token of an API user with the role Read-Only User")
    page_size: int = Field(1000, ge=10, le=5000, description="Rows per request")
    device_fields: str = Field(
        "", description="Fields of a device to ask for, with commas; empty: those that the mapping uses"
    )


xdome = Connector(
    __package__,
    settings=XdomeSettings,
    auth=lambda s: Bearer(s.api_token),
    # Claroty documents no limit; a request a second is what its own integrations come to.
    http={"rate": Rate(requests=60, per=60, burst=10, concurrency=2)},
)


@xdome.stream("devices", model=Device, key="uid", snapshot=True, items="devices")
def devices(ctx: Context[XdomeSettings]) -> Iterable[Page]:
    """Devices with addresses, system, place and who else watches them; the complete set in each run"""
    own = [name.strip() for name in ctx.settings.device_fields.split(",") if name.strip()]
    return _list(ctx, "devices/", dict.fromkeys(["uid", *own]) if own else asked.DEVICE, "uid")


@xdome.stream("alerts", model=Alert, cursor="updated_time", lookback="10m", ordered=False, items="alerts")
def alerts(ctx: Context[XdomeSettings]) -> Iterable[Page]:
    """Alerts, and each change of them as a newer version"""
    return _list(ctx, "alerts/", asked.ALERT, "id", since="updated_time")


@xdome.stream(
    "alert_devices",
    model=AlertDevice,
    key=None,
    cursor="updated",
    lookback="10m",
    ordered=False,
    items="devices_alerts|devices",
)
def alert_devices(ctx: Context[XdomeSettings]) -> Iterable[Page]:
    """Which devices an alert is on, and whether it is resolved there"""
    path, order = "device_alert_relations/", ("device_uid", "alert_id")
    return _list(ctx, path, asked.ALERT_DEVICE, *order, since="device_alert_updated_time")


@xdome.stream("vulnerabilities", model=Vulnerability, key="name", snapshot=True, items="vulnerabilities")
def vulnerabilities(ctx: Context[XdomeSettings]) -> Iterable[Page]:
    """CVEs and advisories with their scores; the complete set in each run"""
    return _list(ctx, "vulnerabilities/", asked.VULNERABILITY, "name")


@xdome.stream(
    "device_vulnerabilities",
    model=VulnerabilityDevice,
    key=None,
    snapshot=True,
    items="devices_vulnerabilities|devices",
)
def device_vulnerabilities(ctx: Context[XdomeSettings]) -> Iterable[Page]:
    """Vulnerabilities on devices, confirmed and potential; the complete set in each run"""
    relevant = {"field": "vulnerability_relevance", "operation": "in", "value": list(_RELEVANT)}
    path, order = "device_vulnerability_relations/", ("device_uid", "vulnerability_id")
    return _list(ctx, path, asked.VULNERABILITY_DEVICE, *order, only=relevant)


@xdome.stream(
    "ot_activity_events",
    model=OtEvent,
    key="event_id",
    cursor="detection_time",
    lookback="1h",
    ordered=False,
    items="ot_activity_events",
)
def ot_activity_events(ctx: Context[XdomeSettings]) -> Iterable[Page]:
    """What was done to controllers: uploads, downloads, changes of mode, and by whom"""
    return _list(ctx, "ot_activity_events/", asked.OT_EVENT, "event_id", since="detection_time")


@xdome.stream("sites", model=Site, snapshot=True, items="sites")
def sites(ctx: Context[XdomeSettings]) -> Iterable[Page]:
    """Sites with their country; the complete set in each run"""
    return _list(ctx, "sites/get", asked.SITE, "id")


devices.maps(mapping.device_to_stix)
alerts.maps(mapping.alert_to_stix)
alert_devices.maps(mapping.alert_device_to_stix)
vulnerabilities.maps(mapping.vulnerability_to_stix)
device_vulnerabilities.maps(mapping.vulnerability_device_to_stix)
ot_activity_events.maps(mapping.ot_event_to_stix)
sites.maps(mapping.site_to_stix)


_LISTS: tuple[tuple[str, str, Iterable[str]], ...] = (
    ("devices/", "devices", asked.DEVICE),
    ("alerts/", "alerts", asked.ALERT),
    ("device_alert_relations/", "alert_devices", asked.ALERT_DEVICE),
    ("vulnerabilities/", "vulnerabilities", asked.VULNERABILITY),
    ("device_vulnerability_relations/", "device_vulnerabilities", asked.VULNERABILITY_DEVICE),
    ("ot_activity_events/", "ot_activity_events", asked.OT_EVENT),
    ("sites/get", "sites", asked.SITE),
)


@xdome.check
def check(ctx: Context[XdomeSettings]) -> list[str]:
    """One row of each list: one that the token may not read, or whose fields the tenant does not know, is named."""
    lacks = "the API user lacks the role Read-Only User, or has no site permissions"
    return [
        readable(path, partial(_refusal, ctx, path, fields), stream, lacks=lacks) for path, stream, fields in _LISTS
    ]


def _refusal(ctx: Context[XdomeSettings], path: str, fields: Iterable[str]) -> str | None:
    body = {"offset": 0, "limit": 1, "fields": list(fields)}
    try:
        ctx.http.post(f"{API}/{path}", json=body, idempotent=True)
    except SourceError as error:
        return f"the tenant refuses the request, most likely a field that it does not know: {error}"
    return None


def _list(
    ctx: Context[XdomeSettings],
    path: str,
    fields: Iterable[str],
    *order: str,
    since: str | None = None,
    only: dict[str, Any] | None = None,
) -> Iterable[Page]:
    """All rows of a list in the order of their ids; those changed ``since`` the mark where the list has such a time."""
    body: dict[str, Any] = {
        "fields": list(fields),
        "include_count": True,
        "sort_by": [{"field": name, "order": "asc"} for name in order],
    }
    mark = ctx.since() if since and not ctx.files else None
    if mark is not None:
        body["filter_by"] = {"field": since, "operation": "greater_or_equal", "value": mark}
    elif only:
        body["filter_by"] = only
    return ctx.pages(
        f"{API}/{path}",
        method="POST",
        json=body,
        # One row comes again with each page: whether it is as before shows whether the list moved.
        next=Offset("offset", "limit", total="count", overlap=1),
        limit=ctx.settings.page_size,
    )
