"""Collections of a TAXII 2.1 server as a source: what was added since the last run, as it is.

Source: TAXII 2.1 (OASIS, 10 June 2021), sections 3.4 (paging), 5.2 (collection), 5.4 (objects).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from pydantic import Field

from isthmus_connectors.taxii.mapping import object_to_stix
from isthmus_connectors.taxii.paging import LAST_ADDED, envelopes
from isthmus_sdk import Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.errors import ConfigurationError, PermissionDenied, SettingsError
from isthmus_sdk.http import Basic, Bearer, NoAuth, Rate

MEDIA_TYPE = "application/taxii+json;version=2.1"
_ACCEPT = {"Accept": MEDIA_TYPE}


class TaxiiSource(Settings):
    """What an operator sets. ``username`` and ``password`` go together; ``token`` is another way in."""

    url: Url = Field(description="The API root, as https://taxii.example/api1/")
    collections: str = Field(
        min_length=1,
        pattern=r"^[^,/?#\s]+(\s*,\s*[^,/?#\s]+)*$",
        description="Ids or aliases of the collections, with commas",
    )
    versions: str = Field(
        "last", pattern="^(last|all)$", description="Versions of an object that are asked for: the last, or all"
    )
    page_size: int = Field(500, ge=1, le=10_000, description="Objects per request; a server may give fewer")
    username: str | None = Field(None, description="Name for HTTP Basic authentication")
    password: Secret | None = Field(None, description="Password for HTTP Basic authentication")
    token: Secret | None = Field(None, description="Bearer token, in place of name and password")

    @property
    def listed(self) -> list[str]:
        """The collections, each once."""
        return list(dict.fromkeys(part.strip() for part in self.collections.split(",")))


def _auth(settings: TaxiiSource) -> Any:
    if settings.token is not None:
        return Bearer(settings.token)
    if settings.username is not None:
        return Basic(settings.username, settings.password or "")
    if settings.password is not None:
        raise SettingsError("password: there is no username that it belongs to")
    return NoAuth()


taxii = Connector(
    __package__,
    settings=TaxiiSource,
    auth=_auth,
    base_url=lambda settings: settings.url,
    http={"rate": Rate(requests=120, per=60, burst=20, concurrency=2)},
)


@taxii.stream("objects", model=dict[str, Any], cursor="date_added", lookback="1m", items="objects", ordered=False)
def objects(ctx: Context[TaxiiSource]) -> Iterator[Page]:
    """Objects and versions that were added to the collections since the last run

    When an object was added is said in a header of the reply, not in the object. The filter leaves out its border, so a minute
    is read again. Several collections share one mark, which moves when all were read.
    """
    since = ctx.since()
    asked: dict[str, Any] = {"added_after": since} if since else {}
    if ctx.settings.versions == "all":
        asked["match[version]"] = "all"
    for name in ctx.settings.listed:
        yield from ctx.pages(
            f"collections/{name}/objects/",
            next=envelopes(),
            params=asked,
            limit=ctx.settings.page_size,
            headers=_ACCEPT,
            mark=LAST_ADDED,
        )


objects.maps(object_to_stix)


@taxii.check
def check(ctx: Context[TaxiiSource]) -> list[str]:
    """Each collection: whether it is there and this account may read it."""
    findings = []
    for name in ctx.settings.listed:
        path = f"collections/{name}/"
        reply = ctx.http.get(path, headers=_ACCEPT, accept=(404,))
        if reply.status == 404:
            raise ConfigurationError(
                f"{ctx.settings.url}: there is no collection {name!r}, or this account may not see it"
            )
        found = msgspec.json.decode(reply.require_json())
        if not isinstance(found, dict) or not found.get("can_read"):
            raise PermissionDenied(f"collection {name!r}: this account may not read it (can_read is false)")
        findings.append(f"collection {name!r} ({str(found.get('title', ''))[:80]}): readable")
    return findings
