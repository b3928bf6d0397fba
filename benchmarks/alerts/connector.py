"""Bearer token, a cursor in the body, one stream; the mapping names seven of the 22 fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from isthmus_sdk import Builder, Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.http import Bearer, Cursor
from isthmus_sdk.stix import Shape


class AlertSettings(Settings):
    """Where the benchmark's server is."""

    base_url: Url
    token: Secret


class Alert(BaseModel):
    """What the mapping needs of an alert."""

    id: str
    updated_at: str
    created_at: str
    title: str
    severity: int
    source_ip: str
    host: str


alerts_connector = Connector(__package__, settings=AlertSettings, auth=lambda s: Bearer(s.token.reveal()))


@alerts_connector.stream("alerts", model=Alert, cursor="updated_at")
def alerts(ctx: Context[AlertSettings]) -> Iterable[Page]:
    """Alerts, oldest first"""
    return ctx.pages("/v1/alerts", items="data", next=Cursor("next_cursor", "cursor"))


@alerts.maps
def alert_to_stix(alert: Alert, stix: Builder) -> Iterator[Shape]:
    """The address, the alert as an incident with our facts, and the edge between the incident and the product that raised it."""
    yield stix.ip(alert.source_ip)
    yield stix.alert(
        alert.id, title=alert.title, severity=alert.severity, first_seen=alert.created_at, modified=alert.updated_at
    )
