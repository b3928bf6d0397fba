"""Heron: detections of a made-up endpoint sensor, with OAuth2, an opaque cursor and a filter in its query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from isthmus_sdk import Builder, Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.http import Cursor, OAuth2ClientCredentials, Rate
from isthmus_sdk.stix import Interface, Subject


class HeronSettings(Settings):
    base_url: Url = Field(description="Address of the tenant")
    client_id: str = Field(description="Client id")
    client_secret: Secret = Field(description="Its secret")


class Device(BaseModel):
    uid: str
    hostname: str
    mac: str | None = None
    ips: list[str] = []


class Detection(BaseModel):
    id: str
    title: str
    risk: int = Field(ge=0, le=100)
    began: datetime
    updated: datetime
    device: Device


heron = Connector(
    __package__,
    settings=HeronSettings,
    auth=lambda s: OAuth2ClientCredentials(s.base_url / "oauth/token", s.client_id, s.client_secret),
    http={"rate": Rate(requests=5, burst=10)},
)


@heron.stream("detections", model=Detection, cursor="updated", lookback="10m")
def detections(ctx: Context[HeronSettings]) -> Iterable[Page]:
    """Detections, new and changed"""
    return ctx.pages(
        "/v1/detections",
        items="data",
        next=Cursor("meta.next", "cursor"),
        since=lambda time: {"filter": f"updated ge {time}"},
        limit=1000,
    )


@detections.maps
def detection_to_stix(detection: Detection, stix: Builder) -> Iterator[Any]:
    at, card = detection.device, Interface(mac=detection.device.mac, ips=detection.device.ips)
    device = stix.asset(at.uid, name=at.hostname, hostname=at.hostname, asset_class="workstation", interfaces=[card])
    yield device
    yield stix.alert(
        detection.id,
        title=detection.title,
        severity=detection.risk,
        first_seen=detection.began,
        modified=detection.updated,
        subjects=[Subject(device, "device")],
    )
