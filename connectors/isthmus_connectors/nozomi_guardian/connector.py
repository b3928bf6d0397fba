"""Nozomi Guardian and CMC: assets, nodes, alerts, links, sessions and CVEs over the open query API.

Every walk is a keyset walk inside the query (``where id > LAST | sort id | head N``): rows that come, change or go
while it runs shift nothing, and rows of equal times need no care. How each stream finds what is new is said at the
stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import Field

from isthmus_connectors.nozomi_guardian import n2ql
from isthmus_connectors.nozomi_guardian.alerts import alert_to_stix
from isthmus_connectors.nozomi_guardian.assets import asset_to_stix
from isthmus_connectors.nozomi_guardian.exposures import node_cve_to_stix
from isthmus_connectors.nozomi_guardian.links import link_to_stix
from isthmus_connectors.nozomi_guardian.models import Alert, Asset, Link, Node, NodeCve, Session
from isthmus_connectors.nozomi_guardian.nodes import node_to_stix
from isthmus_sdk import Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.errors import CursorExpired, UnexpectedReply
from isthmus_sdk.http import Basic, Keyset, PageRequest, Rate, Reply
from isthmus_sdk.readable import readable

PATH = "/api/open/query/do"
_ALWAYS = {"skip_total_count": "true", "default_filters": "false"}
"""Counting is costly for the appliance; default filters are those of its web pages and hide rows."""

_NEEDED = {
    "assets": "read permission on assets",
    "nodes": "read permission on nodes (stream nodes)",
    "alerts": "read permission on alerts",
    "links": "read permission on links",
    "sessions": "read permission on sessions (stream sessions)",
    "node_cves": "read permission on vulnerabilities",
}
"""What a group needs for each source, in the user management of the appliance."""


class NozomiSettings(Settings):
    """What an operator sets."""

    base_url: Url = Field(description="Address of the Guardian or CMC, as https://10.20.0.5")
    username: str = Field(description="An account made for the open API, with read permission only")
    password: Secret = Field(description="Its password")
    page_size: int = Field(1000, ge=1, le=10_000, description="Rows per query")


nozomi = Connector(
    __package__,
    settings=NozomiSettings,
    auth=lambda s: Basic(s.username, s.password),
    http={"rate": Rate(requests=10, burst=20, concurrency=2)},  # an appliance has a sensor's work to do
)


@nozomi.stream("assets", model=Asset, snapshot=True)
def assets(ctx: Context[NozomiSettings]) -> Iterable[Page]:
    """Devices with addresses, vendor, firmware, level and zone; the complete set in each run"""
    return _rows(ctx, "assets")


@nozomi.stream("nodes", model=Node, snapshot=True, default=False)
def nodes(ctx: Context[NozomiSettings]) -> Iterable[Page]:
    """Single addresses with their MAC, zone and level, of which assets are made; many more rows, so off unless asked for"""
    return _rows(ctx, "nodes")


@nozomi.stream("alerts", model=Alert, cursor="changed_at", lookback="6h", ordered=False)
def alerts(ctx: Context[NozomiSettings]) -> Iterable[Page]:
    """Alerts, and their closing as a newer version

    A closed alert keeps its ``record_created_at``: new *or* closed since is asked for. An acknowledgement leaves no
    time at all, and a Guardian's closing reaches the CMC late: six hours are read again, what is unchanged is not sent
    again.
    """
    since = ctx.since("ms")
    if since is None:
        return _rows(ctx, "alerts")
    return _rows(ctx, "alerts", n2ql.where(("record_created_at", ">=", since), ("closed_time", ">=", since)))


@nozomi.stream(
    "links", model=Link, cursor="last_activity_time", key=("source", "target"), lookback="10m", ordered=False
)
def links(ctx: Context[NozomiSettings]) -> Iterable[Page]:
    """Who talks to whom with which protocol; links active since the last run

    Links have no id. They are walked by the time of their first activity, which never changes.
    """
    return ctx.pages(
        PATH,
        items="result",
        error_field="error",
        params=_ALWAYS,
        limit=ctx.settings.page_size,
        next=ByFirstActivity("links" + _active(ctx)),
    )


@nozomi.stream("sessions", model=Session, cursor="last_activity_time", lookback="10m", ordered=False, default=False)
def sessions(ctx: Context[NozomiSettings]) -> Iterable[Page]:
    """Single sessions with ports; more detail than links and much more data, so off unless asked for"""
    return _rows(ctx, "sessions", _active(ctx))


@nozomi.stream("node_cves", model=NodeCve, snapshot=True)
def node_cves(ctx: Context[NozomiSettings]) -> Iterable[Page]:
    """CVEs matched to assets, open and resolved; the complete set in each run, for resolving leaves no time"""
    return _rows(ctx, "node_cves")


assets.maps(asset_to_stix)
nodes.maps(node_to_stix)
alerts.maps(alert_to_stix)
links.maps(link_to_stix)
sessions.maps(link_to_stix)
node_cves.maps(node_cve_to_stix)


@nozomi.check
def check(ctx: Context[NozomiSettings]) -> list[str]:
    """One row of each source: what the account may not read is named, with what its group needs."""
    group = f"the group of {ctx.settings.username}"
    return [
        readable(
            source, partial(_refusal, ctx, source, f"{needed} for {group}"), source, lacks=f"{group} lacks {needed}"
        )
        for source, needed in _NEEDED.items()
    ]


def _refusal(ctx: Context[NozomiSettings], source: str, needed: str) -> str | None:
    reply = ctx.http.get(PATH, params={"query": f"{source} | head 1", **_ALWAYS}).json()
    error = reply.get("error") if isinstance(reply, Mapping) else "the reply is no query result"
    return f"{error} (needed: {needed})" if error else None


def _active(ctx: Context[NozomiSettings]) -> str:
    since = ctx.since("ms")
    return "" if since is None else n2ql.where(("last_activity_time", ">=", since))


def _rows(ctx: Context[NozomiSettings], source: str, condition: str = "") -> Iterable[Page]:
    """All rows of a source that fulfil the condition, in the order of their ids."""

    def render(last: tuple[Any, ...] | None, limit: int | None) -> dict[str, str]:
        return {"query": f"{source}{condition}{_beyond(last)} | sort id asc | head {limit}"}

    return ctx.pages(
        PATH,
        items="result",
        error_field="error",
        params=_ALWAYS,
        limit=ctx.settings.page_size,
        next=Keyset(render),
    )


def _beyond(last: tuple[Any, ...] | None) -> str:
    if last is None:
        return ""
    try:
        return n2ql.where(("id", ">", last[0]))
    except n2ql.QueryError as error:
        raise UnexpectedReply(f"the walk cannot go on after the id of the last row: {error}") from None


@dataclass(frozen=True, slots=True)
class ByFirstActivity:
    """Rows from the first activity of the last one on; rows that share that time are told apart by the page number.

    The filter includes the border, so the rows of the border come again: they are the same objects.
    """

    source: str

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        """The query from the position on."""
        at, page = _place(position)
        border = "" if at is None else n2ql.where(("first_activity_time", ">=", at))
        query = f"{self.source}{border} | sort first_activity_time asc"
        return start.with_fields({"query": query, "page": page, "count": limit})

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        """The last row's time, or the next page of one time that fills a page; the end when no row came."""
        if not reply.records:
            return None
        at, page = _place(position)
        times = [_first_activity(record) for record in reply.records]
        if times[-1] is None or times[0] == times[-1]:
            following = at if times[-1] is None else times[-1]
            return {"at": following, "page": page + 1 if following == at else 2}
        return {"at": times[-1], "page": 1}


def _place(position: Any) -> tuple[int | None, int]:
    if position is None:
        return None, 1
    if not isinstance(position, Mapping) or not isinstance(position.get("page"), int):
        raise CursorExpired("the saved position belongs to another way of paging; the walk starts anew")
    at = position.get("at")
    return (at if isinstance(at, int) else None), position["page"]


def _first_activity(record: bytes) -> int | None:
    """Milliseconds, written as a number or as text; ``None`` where there is none."""
    import msgspec

    try:
        return int(msgspec.json.decode(record, type=dict[str, Any])["first_activity_time"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, RecursionError):
        return None
