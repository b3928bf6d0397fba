"""A connector for a made-up product, as a third party would write it: OAuth2, cursor paging, incremental, mapped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from isthmus_sdk import Builder, Connector, Context, Ignored, RecordError, Secret, Settings, Url
from isthmus_sdk.http import Cursor, OAuth2ClientCredentials, PageNumber


class AcmeSettings(Settings):
    """Settings of an instance."""

    base_url: Url = Field(description="Address of the tenant")
    client_id: str = Field(description="Client of the API")
    page_size: int = Field(default=3, ge=1, le=1000, description="Records per page")
    client_secret: Secret = Field(description="Secret of the client")


class Device(BaseModel):
    """The device an alert is about."""

    uid: str
    ip: str | None = None


class Alert(BaseModel):
    """An alert; only what the mapping uses."""

    id: str
    updated_at: datetime
    severity: int = Field(ge=0, le=10)
    title: str = Field(alias="displayTitle")
    device: Device


class Host(BaseModel):
    """A device of the inventory."""

    uid: str
    name: str
    macs: list[str] = []


acme = Connector(
    __package__,
    settings=AcmeSettings,
    auth=lambda s: OAuth2ClientCredentials(s.base_url / "oauth/token", s.client_id, s.client_secret.reveal()),
)


@acme.stream("alerts", model=Alert, cursor="updated_at", lookback="10s")
def alerts(ctx: Context[AcmeSettings]) -> Iterator[Any]:
    """Alerts of the tenant"""
    ctx.log("reading alerts", page_size=ctx.settings.page_size)
    return ctx.pages(
        "/v1/alerts", items="data", next=Cursor("next_cursor", "cursor"), since="since", limit=ctx.settings.page_size
    )


@alerts.maps
def alert_to_stix(alert: Alert, stix: Builder) -> Iterator[Any]:
    """An alert about a device."""
    if alert.severity == 0:
        raise Ignored("informational")
    if alert.title == "broken":
        raise RecordError("the title says so", path="displayTitle")
    device = stix.asset(alert.device.uid, name=alert.device.uid)
    yield device
    if alert.title == "half":
        raise KeyError("after the first object")
    yield stix.alert(
        alert.id,
        title=alert.title,
        severity=alert.severity * 10,
        first_seen=alert.updated_at,
        modified=alert.updated_at,
    )


@acme.stream("hosts", model=Host, key="uid", snapshot=True, items="hosts", default=False)
def hosts(ctx: Context[AcmeSettings]) -> Iterator[Any]:
    """The complete inventory"""
    return ctx.pages("/v1/hosts", next=PageNumber(size="size"), limit=ctx.settings.page_size)


@hosts.maps
def host_to_stix(host: Host, stix: Builder) -> Any:
    """A device of the inventory."""
    return stix.asset(host.uid, name=host.name)


@acme.check
def check(ctx: Context[AcmeSettings]) -> list[str]:
    """One cheap authenticated call."""
    reply = ctx.http.get("/v1/whoami")
    return [f"signed in as {reply.json()['name']}"]
