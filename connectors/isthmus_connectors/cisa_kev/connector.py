"""CISA's catalogue of Known Exploited Vulnerabilities, asked for only where it has changed.

(Schema: www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities_schema.json)
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from pydantic import Field

from isthmus_connectors.cisa_kev.mapping import entry_to_stix
from isthmus_connectors.cisa_kev.models import Entry
from isthmus_sdk import Connector, Context, Page, Settings, Url
from isthmus_sdk.errors import UnexpectedReply
from isthmus_sdk.http import NoAuth, Rate

FEED = "/sites/default/files/feeds/known_exploited_vulnerabilities.json"


class KevSettings(Settings):
    """What an operator may set."""

    base_url: Url = Field(Url("https://www.cisa.gov"), description="CISA's site, or a mirror that keeps its paths")
    path: str = Field(FEED, min_length=1, description="Path of the JSON catalogue, where a mirror has another")


cisa_kev = Connector(
    __package__,
    settings=KevSettings,
    auth=lambda _: NoAuth(),
    http={"rate": Rate(requests=10, per=60, burst=5, concurrency=1)},
)


@cisa_kev.stream("catalog", model=Entry, key="cve", items="vulnerabilities")
def catalog(ctx: Context[KevSettings]) -> Iterable[Page]:
    """Every entry of the catalogue, asked for only if it changed; entries that were taken out, once

    The catalogue is one document of some megabytes. An entry that it no longer holds has no word in it: the ids of the
    document before tell which they are.
    """
    return ctx.pages(ctx.settings.path, conditional=True, withdrawn="cveID")


catalog.maps(entry_to_stix)


@cisa_kev.check
def check(ctx: Context[KevSettings]) -> list[str]:
    """Whether the catalogue can be fetched; nobody needs a permission for it."""
    found = msgspec.json.decode(ctx.http.get(ctx.settings.path).require_json())
    rows = found.get("vulnerabilities") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise UnexpectedReply(f"{ctx.settings.path}: is no catalogue: it holds no list `vulnerabilities`")
    return [f"{ctx.settings.path}: readable, {len(rows)} entries"]
