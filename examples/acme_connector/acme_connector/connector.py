"""Acme Watch: alerts of the endpoint sensor, and the devices they are about."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from pydantic import BaseModel, Field

from isthmus_sdk import Builder, Connector, Context, Ignored, Page, Secret, Settings, Url
from isthmus_sdk.http import Cursor, OAuth2ClientCredentials, Rate
from isthmus_sdk.stix import Interface, Shape, Subject


class AcmeSettings(Settings):
    base_url: Url = Field(description="Address of the tenant, such as https://north.acme.example")
    client_id: str = Field(description="Client id of the API client")
    client_secret: Secret = Field(description="Its secret")


class Device(BaseModel):
    uid: str
    hostname: str
    mac: str | None = None
    ips: list[str] = []


class Alert(BaseModel):  # only the fields that the mapping uses
    id: str
    title: str
    risk: int = Field(ge=0, le=100)
    began: datetime
    updated: datetime
    device: Device


acme = Connector(
    __package__,
    settings=AcmeSettings,
    auth=lambda s: OAuth2ClientCredentials(s.base_url / "oauth/token", s.client_id, s.client_secret),
    http={"rate": Rate(requests=10, per=1)},
)


@acme.stream("alerts", model=Alert, cursor="updated", lookback="10m")
def alerts(ctx: Context[AcmeSettings]) -> Iterable[Page]:
    """Alerts with the device they are about, new and changed since the last run"""
    return ctx.pages("/v1/alerts", items="data", next=Cursor("next_cursor", "cursor"), since="since", limit=1000)


@alerts.maps
def alert_to_stix(alert: Alert, stix: Builder) -> Iterator[Shape]:
    if alert.risk == 0:
        raise Ignored("informational alert")
    at, card = alert.device, Interface(mac=alert.device.mac, ips=alert.device.ips)
    device = stix.asset(at.uid, name=at.hostname, hostname=at.hostname, technology="it", interfaces=[card])
    yield device
    about = [Subject(device, "device")]
    yield stix.alert(
        alert.id, title=alert.title, severity=alert.risk, first_seen=alert.began, modified=alert.updated, subjects=about
    )
