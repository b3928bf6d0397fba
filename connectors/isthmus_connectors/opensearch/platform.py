"""Deliver to OpenSearch or Elasticsearch through the bulk API.

Objects that change are **state documents**: ``_id`` is the object's id and the version is its ``modified`` in milliseconds
(``version_type=external``), so an update replaces the document, and an older or repeated version answers 409, which
counts as duplicate. Objects without versions (addresses, files) are simply indexed under their id.

Every version of an alert is also kept as an **event** in ``PREFIX-alert-events``: operation ``create``, ``_id`` = id and
``modified``; nothing there is ever changed.

The status of each item is its verdict: 200 and 201 accepted, 409 duplicate, 400, 413 and 422 rejected (the document does
not fit the mapping). Everything else (429, 503, a read-only index after a full disk, a missing index or right) is no fault
of the document and is tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Self

import msgspec
from pydantic import Field, model_validator

from isthmus_connectors.opensearch.ecs import project, version
from isthmus_connectors.opensearch.template import VERSION, template
from isthmus_sdk.errors import UnexpectedReply
from isthmus_sdk.http import Basic, Bearer, NoAuth, Response
from isthmus_sdk.platform import (
    ACCEPTED,
    DUPLICATE,
    BatchRejected,
    Encoded,
    Platform,
    PlatformContext,
    Profile,
    Verdict,
)
from isthmus_sdk.settings import Secret, Settings
from isthmus_sdk.url import Url

_NDJSON = {"Content-Type": "application/x-ndjson"}
_REJECTED = frozenset({400, 413, 422})


class OpenSearchSettings(Settings):
    """Where to write, and as whom: user and password, or an API key (Elasticsearch), or neither."""

    url: Url
    """The cluster, for example ``https://siem:9200``."""
    index_prefix: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")] = "isthmus"
    username: str | None = None
    password: Secret | None = None
    api_key: Secret | None = None
    """The encoded form that Elasticsearch shows when it makes the key."""
    manage_template: bool = True
    """Whether to write the index template; without the right to, give it to an administrator and set this to false."""

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if self.api_key is not None and self.username is not None:
            raise ValueError("give username and password, or api_key, not both")
        if (self.username is None) != (self.password is None):
            raise ValueError("username and the secret password go together")
        return self


def _auth(settings: OpenSearchSettings) -> Any:
    if settings.api_key is not None:
        return Bearer(settings.api_key, scheme="ApiKey")
    if settings.username is not None:
        return Basic(settings.username, settings.password)
    return NoAuth()


opensearch = Platform(
    __package__,
    settings=OpenSearchSettings,
    profile=Profile(max_records=1_000, max_bytes=10_000_000, envelope=0, separator=0, grade="real server"),
    auth=_auth,
    base_url=lambda settings: settings.url,
)


class _Error(msgspec.Struct):
    type: str = ""
    reason: str | None = None
    caused_by: dict[str, Any] | None = None


class _Item(msgspec.Struct):
    status: int
    error: _Error | str | None = None


class _Bulk(msgspec.Struct):
    items: list[dict[str, _Item]]


@opensearch.prepares
def write_template(ctx: PlatformContext) -> None:
    """Write the index template unless a newer one is there."""
    if not ctx.settings.manage_template:
        return
    address = f"_index_template/{ctx.settings.index_prefix}"
    reply = ctx.http.get(address, accept=(404,))
    if reply.status == 404 or _found_version(reply) < VERSION:
        ctx.http.request("PUT", address, json=template(ctx.settings.index_prefix))


@opensearch.encodes
def as_documents(obj: dict[str, Any], ctx: PlatformContext) -> list[Encoded]:
    """The object's state document, and for an alert the event that this version of it is."""
    index, document = project(obj, ctx.lookup, ctx.hub)
    modified = obj.get("modified", "")
    state: dict[str, Any] = {"_index": f"{ctx.settings.index_prefix}-{index}", "_id": obj["id"]}
    number = version(obj)
    if number is not None:
        state |= {"version": number, "version_type": "external"}
    body = msgspec.json.encode(document)
    records = [Encoded(obj["id"], _lines({"index": state}, body), modified)]
    if index == "alerts":
        key = f"{obj['id']}:{modified}"
        event = {"_index": f"{ctx.settings.index_prefix}-alert-events", "_id": key}
        records.append(Encoded(obj["id"], _lines({"create": event}, body), modified, key))
    return records


@opensearch.sends
def bulk(batch: Sequence[Encoded], ctx: PlatformContext) -> list[Verdict]:
    """One bulk call. Raises :class:`BatchRejected` where the cluster refuses to read it at all (400)."""
    reply = ctx.http.post(
        "_bulk",
        content=b"".join(record.body for record in batch),
        headers=_NDJSON,
        idempotent=True,
        accept=(400,),
    )
    if reply.status == 400:
        raise BatchRejected(f"the bulk request is refused (400): {reply.text[:300]}")
    try:
        items = msgspec.json.decode(reply.require_json(), type=_Bulk).items
    except msgspec.MsgspecError as error:
        raise UnexpectedReply(f"{reply.url.without_query}: is no bulk reply: {error}") from None
    return [_verdict(next(iter(item.values()))) for item in items]


@opensearch.checks
def reach(ctx: PlatformContext) -> list[str]:
    """Which cluster this is, and whether the template is in place."""
    about = ctx.http.get("").json()
    known = about.get("version", {}) if isinstance(about, dict) else {}
    write_template(ctx)
    return [
        f"{known.get('distribution', 'elasticsearch')} {known.get('number', '?')}",
        "the index template is in place",
    ]


def _lines(action: dict[str, Any], body: bytes) -> bytes:
    return msgspec.json.encode(action) + b"\n" + body + b"\n"


def _verdict(item: _Item) -> Verdict:
    if item.status in (200, 201):
        return ACCEPTED
    if item.status == 409:
        return DUPLICATE
    return Verdict("rejected" if item.status in _REJECTED else "retry", f"{item.status} {_reason(item.error)}")


def _reason(error: _Error | str | None) -> str:
    if isinstance(error, _Error):
        cause = (error.caused_by or {}).get("reason")
        return ": ".join(part for part in (error.type, error.reason, cause) if isinstance(part, str) and part)
    return error or ""


def _found_version(reply: Response) -> int:
    found = reply.json()
    try:
        return int(found["index_templates"][0]["index_template"].get("version", 0))
    except (KeyError, IndexError, TypeError, ValueError):
        return 0
