"""Okta: users, groups with their members, devices, and the system log.

How each stream finds what is new is said at the stream. (Vendor documentation: developer.okta.com, "Okta Admin Management
API"; "System Log query".)
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from pydantic import Field

from isthmus_connectors.okta import mapping
from isthmus_connectors.okta.events import event_to_stix
from isthmus_connectors.okta.models import Device, Event, Group, User
from isthmus_connectors.okta.polling import UntilNow
from isthmus_sdk import Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.http import Bearer, LinkHeader, Rate, Sublist
from isthmus_sdk.readable import readable

EPOCH = "1970-01-01T00:00:00.000Z"


class OktaSettings(Settings):
    """What an operator sets."""

    base_url: Url = Field(description="Address of the org, as https://acme.okta.com (not the -admin one)")
    token: Secret = Field(description="API token (SSWS) of a read-only administrator: Security > API > Tokens")
    log_since: str = Field(
        "",
        pattern=r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)?$",
        description="Where the first run begins in the system log, as 2026-01-31T00:00:00Z; empty: seven days ago. Okta keeps 90 days",
    )
    alert_types: str = Field(
        "", description="Further event types that are alerts here, with commas; * is any text (app.oauth2.*)"
    )
    sign_ins: bool = Field(True, description="Whether sign-ins that raise no alert are kept as observations")


okta = Connector(
    __package__,
    settings=OktaSettings,
    auth=lambda s: Bearer(s.token, scheme="SSWS"),
    # Every list has a limit of its own (the strictest here, /api/v1/logs, 120 a minute in most orgs), of which a token may
    # use half by default. What is left over is told in X-Rate-Limit headers, and kept to.
    http={"rate": Rate(requests=60, per=60, burst=10, concurrency=2)},
)


@okta.stream("users", model=User, cursor="last_updated", lookback="1h", items="")
def users(ctx: Context[OktaSettings]) -> Iterable[Page]:
    """People with their account and its state, deprovisioned ones included; changed since the last run

    The plain list leaves deprovisioned users out; a search holds them. Its index is behind by some time: an hour is read again.
    """
    search = f'lastUpdated ge "{ctx.since() or EPOCH}"'
    return ctx.pages(
        "/api/v1/users",
        next=LinkHeader(),
        params={"search": search, "sortBy": "lastUpdated", "sortOrder": "asc"},
        limit=200,
    )


@okta.stream("groups", model=Group, snapshot=True, items="")
def groups(ctx: Context[OktaSettings]) -> Iterable[Page]:
    """Groups with their members; the complete set in each run, for who left a group is simply no longer listed

    "Everyone" (of type ``BUILT_IN``) has every user and says nothing: its members are not asked for.
    """
    members = Sublist(
        "/api/v1/groups/{key}/users",
        into="members",
        keep="id",
        next=LinkHeader(),
        limit=1000,
        unless=("type", "BUILT_IN"),
    )
    return ctx.pages("/api/v1/groups", next=LinkHeader(), limit=200, then=members)


@okta.stream("devices", model=Device, snapshot=True, items="")
def devices(ctx: Context[OktaSettings]) -> Iterable[Page]:
    """Devices that Okta Verify registered, with their users; the complete set in each run (Identity Engine orgs only)"""
    return ctx.pages("/api/v1/devices", next=LinkHeader(), params={"expand": "userSummary"}, limit=200)


@okta.stream("system_log", model=Event, cursor="published", key="uuid", lookback="1h", ordered=False, items="")
def system_log(ctx: Context[OktaSettings]) -> Iterable[Page]:
    """Security events as alerts, sign-ins as observations, deletions and membership as changes; since the last run

    Asked without an end, the log is ordered by when events were stored, which late ones (agents, other systems) are long
    after they happened: the mark moves at the end of the walk, and an hour is read again.
    """
    since = ctx.since() or ctx.settings.log_since
    begin = {"since": since} if since else {}
    return ctx.pages("/api/v1/logs", next=UntilNow(), params={**begin, "sortOrder": "ASCENDING"}, limit=1000)


users.maps(mapping.user_to_stix)
groups.maps(mapping.group_to_stix)
devices.maps(mapping.device_to_stix)
system_log.maps(event_to_stix)


@okta.check
def check(ctx: Context[OktaSettings]) -> list[str]:
    """One row of each list: what the token's owner may not read is named."""
    return [
        readable(
            path,
            partial(ctx.http.get, path, params={"limit": 1}),
            stream,
            lacks=f"the administrator who made the token lacks the permission {permission!r}; "
            "the role Read-only Administrator has it",
        )
        for path, stream, permission in (
            ("/api/v1/users", "users", "View users"),
            ("/api/v1/groups", "groups", "View groups"),
            ("/api/v1/devices", "devices", "View devices"),
            ("/api/v1/logs", "system_log", "View system log"),
        )
    ]
