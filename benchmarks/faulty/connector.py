"""The same source for Isthmus: OAuth2, a cursor in the body, incremental by the time of change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from pydantic import BaseModel

from isthmus_sdk import Builder, Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.http import Cursor, OAuth2ClientCredentials
from isthmus_sdk.stix import Shape


class FaultySettings(Settings):
    """Where the server is."""

    base_url: Url
    client_id: str
    client_secret: Secret


class Alert(BaseModel):
    """What the mapping needs."""

    id: str
    updated_at: datetime
    title: str
    severity: int


faulty = Connector(
    __package__,
    settings=FaultySettings,
    auth=lambda s: OAuth2ClientCredentials(s.base_url / "oauth/token", s.client_id, s.client_secret),
)


@faulty.stream("alerts", model=Alert, cursor="updated_at")
def alerts(ctx: Context[FaultySettings]) -> Iterable[Page]:
    """Alerts, oldest first"""
    return ctx.pages("/v1/alerts", items="data", next=Cursor("next_cursor", "cursor"), since="since")


@alerts.maps
def alert_to_stix(alert: Alert, stix: Builder) -> Iterator[Shape]:
    """One incident."""
    yield stix.alert(
        alert.id, title=alert.title, severity=alert.severity, first_seen=alert.updated_at, modified=alert.updated_at
    )
