"""Tenable OT Security (Tenable.ot): assets, events and links over the appliance's GraphQL endpoint.

All three are connections whose cursors count rows (``arrayconnection:2``), so each is sorted by what never changes. How
each stream finds what is new is said at the stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pydantic import Field

from isthmus_connectors.tenable_ot import mapping, queries
from isthmus_connectors.tenable_ot.models import Asset, Event, Link
from isthmus_sdk import Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.context import format_time
from isthmus_sdk.http import ApiKey, Cursor, Rate
from isthmus_sdk.readable import readable

PATH = "/graphql"


class TenableOtSettings(Settings):
    """What an operator sets."""

    base_url: Url = Field(description="Address of the appliance (ICP), as https://10.20.0.7")
    api_key: Secret = Field(description="API key: Local Settings > System Configuration > API Keys")
    resolved_days: int = Field(
        30, ge=0, le=366, description="Days back in which events are asked for that were resolved since; 0: none"
    )
    page_size: int = Field(200, ge=1, le=500, description="Rows per request")


tenable_ot = Connector(
    __package__,
    settings=TenableOtSettings,
    auth=lambda s: ApiKey("X-APIKeys", f"key={s.api_key.reveal()}"),
    http={"rate": Rate(requests=5, burst=10, concurrency=2)},  # an appliance has a sensor's work to do
)


@tenable_ot.stream("assets", model=Asset, snapshot=True)
def assets(ctx: Context[TenableOtSettings]) -> Iterable[Page]:
    """Assets with addresses, maker, firmware, level and segment, hidden ones too; the complete set in each run"""
    return _walk(ctx, "assets", queries.ASSETS, sort="id")


@tenable_ot.stream("events", model=Event, cursor="time", lookback="10m")
def events(ctx: Context[TenableOtSettings]) -> Iterable[Page]:
    """Events of policies with the assets and the address history of their interfaces; their resolution as a newer version

    The filter goes by the time of the event, which stays when somebody resolves it: resolved events of the last days are
    asked for beside the new ones.
    """
    yield from _walk(ctx, "events", queries.EVENTS, sort="time", filter=queries.since("time", ctx.since()))
    since: datetime | None = ctx.since("datetime")
    if since is not None and ctx.settings.resolved_days and not ctx.files:
        back = format_time(since - timedelta(days=ctx.settings.resolved_days), "iso")
        recent = queries.both(queries.is_true("resolved"), {"field": "time", "op": "GreaterEqual", "values": back})
        yield from _walk(ctx, "events", queries.EVENTS, sort="time", filter=recent)


@tenable_ot.stream("links", model=Link, cursor="last", lookback="10m", ordered=False)
def links(ctx: Context[TenableOtSettings]) -> Iterable[Page]:
    """Which assets talk with each other in which protocols; links active since the last run

    They are walked by their ids: the time of the last conversation moves while the list is read.
    """
    return _walk(ctx, "links", queries.LINKS, sort="id", filter=queries.since("lastConv", ctx.since()))


assets.maps(mapping.asset_to_stix)
events.maps(mapping.event_to_stix)
links.maps(mapping.link_to_stix)


@tenable_ot.check
def check(ctx: Context[TenableOtSettings]) -> list[str]:
    """The id of one row of each list: what the key's role may not read is named, in the appliance's words."""
    return [
        readable(
            name,
            partial(_refusal, ctx, name),
            name,
            lacks=f"the role of the API key's user lacks the permission to read {name}; Read Only is enough",
        )
        for name in ("assets", "events", "links")
    ]


def _refusal(ctx: Context[TenableOtSettings], name: str) -> str | None:
    reply = ctx.http.post(PATH, json={"query": queries.one(name)}, idempotent=True).json()
    errors = reply.get("errors") if isinstance(reply, Mapping) else "the reply is no GraphQL result"
    return _words(errors) if errors else None


def _words(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) and errors else errors
    return str(first.get("message", first) if isinstance(first, Mapping) else first)[:200]


def _walk(
    ctx: Context[TenableOtSettings], name: str, query: str, *, sort: str, filter: dict[str, Any] | None = None
) -> Iterable[Page]:
    """All rows of a connection, in an order that does not change while they are read."""
    variables: dict[str, Any] = {"sort": queries.by(sort)} | ({} if filter is None else {"filter": filter})
    return ctx.pages(
        PATH,
        method="POST",
        items=f"data.{name}.nodes",
        error_field="errors",
        json={"query": query, "variables": variables},
        limit=ctx.settings.page_size,
        next=Cursor.relay(f"data.{name}"),
    )
