"""ServiceNow CMDB: computers, network gear, OT devices and how they are related, over the Table API.

Every walk is a keyset walk inside the query: rows that come, change or go while it runs shift nothing, as they would with
``sysparm_offset``. (Vendor documentation: "Table API", "Encoded query strings", "CMDB CI Class Models".)
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from isthmus_connectors.servicenow_cmdb import mapping
from isthmus_connectors.servicenow_cmdb.models import Item, Relation
from isthmus_connectors.servicenow_cmdb.query import ITEM_FIELDS, RELATION_FIELDS, after_id, after_update, of_classes
from isthmus_sdk import Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.errors import ConfigurationError, PermissionDenied, SourceError
from isthmus_sdk.http import ApiKey, Basic, Keyset, Rate
from isthmus_sdk.readable import Lacking

TABLE = "/api/now/table/"
RELATIONS = "cmdb_rel_ci"
_ALWAYS = {
    "sysparm_display_value": "false",  # display values are in the language and the time zone of the account
    "sysparm_exclude_reference_link": "true",
    "sysparm_no_count": "true",
}
CLASS_NAME = r"^[a-z][a-z0-9_]*$"


class ServiceNowSettings(Settings):
    """What an operator sets."""

    base_url: Url = Field(description="Address of the instance, as https://acme.service-now.com")
    username: str = Field("", description="An account made for this, with the role cmdb_read and the time zone GMT")
    password: Secret | None = Field(None, description="Its password; or give api_key")
    api_key: Secret | None = Field(None, description="REST API key (x-sn-apikey) in place of username and password")
    computer_class: str = Field("cmdb_ci_computer", pattern=CLASS_NAME, description="Class of computers; children too")
    network_class: str = Field("cmdb_ci_netgear", pattern=CLASS_NAME, description="Class of network gear; children too")
    ot_class: str = Field("cmdb_ci_ot", pattern=CLASS_NAME, description="Class of OT devices; children too")
    page_size: int = Field(500, ge=1, le=10_000, description="Rows per request")


def _auth(settings: ServiceNowSettings) -> ApiKey | Basic:
    if settings.api_key is not None:
        return ApiKey("x-sn-apikey", settings.api_key)
    if settings.password is None or not settings.username:
        raise ConfigurationError("give username and the secret password, or the secret api_key")
    return Basic(settings.username, settings.password)


servicenow = Connector(
    __package__,
    settings=ServiceNowSettings,
    auth=_auth,
    # Limits are the instance's own (System Web Services > REST > Rate Limit Rules); people work on it meanwhile.
    http={"rate": Rate(requests=5, burst=10, concurrency=2)},
)


@servicenow.stream("computers", model=Item, key="sys_id", snapshot=True, items="result")
def computers(ctx: Context[ServiceNowSettings]) -> Iterable[Page]:
    """Computers and servers; the complete set in each run, for a deleted row leaves no trace that all may read"""
    return _items(ctx, ctx.settings.computer_class)


@servicenow.stream("network_gear", model=Item, key="sys_id", snapshot=True, items="result")
def network_gear(ctx: Context[ServiceNowSettings]) -> Iterable[Page]:
    """Switches, routers, firewalls and other network gear; the complete set in each run"""
    return _items(ctx, ctx.settings.network_class)


@servicenow.stream("ot_devices", model=Item, key="sys_id", snapshot=True, items="result")
def ot_devices(ctx: Context[ServiceNowSettings]) -> Iterable[Page]:
    """PLCs, HMIs, historians and other OT classes with their level; the complete set in each run"""
    return _items(ctx, ctx.settings.ot_class)


@servicenow.stream("relations", model=Relation, cursor="sys_updated_on", key="sys_id", lookback="26h", items="result")
def relations(ctx: Context[ServiceNowSettings]) -> Iterable[Page]:
    """How the devices are related, new and changed since the last run

    A time in a query is read in the time zone of the account: what lies less than 26 hours back is read again, so that an
    account in another zone than GMT costs time and no row.
    """
    settings = ctx.settings
    classes = of_classes((settings.computer_class, settings.network_class, settings.ot_class))
    since = ctx.since("datetime")
    return ctx.pages(
        TABLE + RELATIONS,
        error_field="error",
        params={**_ALWAYS, "sysparm_fields": ",".join(RELATION_FIELDS)},
        next=Keyset(lambda last, limit: after_update(last, since, classes, limit), key=("sys_updated_on", "sys_id")),
        limit=settings.page_size,
    )


for _stream in (computers, network_gear, ot_devices):
    _stream.maps(mapping.item_to_stix)
relations.maps(mapping.relation_to_stix)


@servicenow.check
def check(ctx: Context[ServiceNowSettings]) -> list[str]:
    """One row of each table: a role that is missing and a class that is not installed are named."""
    settings = ctx.settings
    return [
        _readable(ctx, settings.computer_class, "computers"),
        _readable(ctx, settings.network_class, "network_gear"),
        _readable(ctx, settings.ot_class, "ot_devices"),
        _readable(ctx, RELATIONS, "relations"),
    ]


def _readable(ctx: Context[ServiceNowSettings], table: str, stream: str) -> str:
    params = {**_ALWAYS, "sysparm_fields": "sys_id", "sysparm_limit": 1}
    try:
        reply = ctx.http.get(TABLE + table, params=params).json()
    except PermissionDenied:
        return Lacking(
            f"{table}: the account lacks a role that may read it (cmdb_read, for OT classes sn_ot_read)", stream
        )
    except SourceError as error:
        return Lacking(f"{table}: cannot be read; OT classes need the app CMDB CI Class Models ({error})", stream)
    rows = reply.get("result") if isinstance(reply, dict) else None
    return f"{table}: {'readable' if rows else 'no row that this account may see'}"


def _items(ctx: Context[ServiceNowSettings], table: str) -> Iterable[Page]:
    """All rows of a class and its children, in the order of their ids."""
    return ctx.pages(
        TABLE + table,
        error_field="error",
        params={**_ALWAYS, "sysparm_fields": ",".join(ITEM_FIELDS)},
        next=Keyset(after_id, key="sys_id"),
        limit=ctx.settings.page_size,
    )
