"""EPSS scores of FIRST: those from a threshold on, and once more those that fell below it.

(API: api.first.org/epss; www.first.org/epss/api)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import msgspec
from pydantic import Field

from isthmus_connectors.epss.mapping import score_to_stix
from isthmus_connectors.epss.models import Score
from isthmus_sdk import Connector, Context, Page, Settings, Url
from isthmus_sdk.errors import UnexpectedReply
from isthmus_sdk.http import Entities, NoAuth, Offset, Rate

PATH = "/data/v1/epss"
_DAY = "%Y-%m-%d"


class EpssSettings(Settings):
    """What an operator may set."""

    base_url: Url = Field(Url("https://api.first.org"), description="FIRST's API, or a mirror that keeps its paths")
    min_score: float = Field(
        0.1, gt=0, le=1, description="Scores from here on are read; nine in ten CVEs lie below 0.1"
    )


epss = Connector(
    __package__,
    settings=EpssSettings,
    auth=lambda _: NoAuth(),
    http={"rate": Rate(requests=60, per=60, burst=10, concurrency=1)},
)


@epss.stream("scores", model=Score, cursor="date", key="cve", ordered=False, items="data")
def scores(ctx: Context[EpssSettings]) -> Iterator[Page]:
    """Scores from `min_score` on; and the new scores of those that were there when the last run ended and fell since

    All scores are of one day, and a new day has new ones for all: the list is read whole. What fell below the threshold is
    no longer in it, so the list of the day of the last run is asked for, too, and what its CVEs have now.
    """
    above = {"epss-gt": ctx.settings.min_score}
    before = None if ctx.files else ctx.since(lambda day: day.strftime(_DAY))
    yield from ctx.pages(PATH, next=Offset("offset", "limit", total="total"), params=above, limit=1000)
    if before:
        # A parameter takes 2,000 characters: 100 ids of at most 19.
        now = Entities(
            PATH, "cve", batch=100, items="data", key="cve", id="cve", method="GET", joined=",", params={"limit": 100}
        )
        was_above = ctx.pages(
            PATH,
            next=Offset("offset", "limit", total="total"),
            params={**above, "date": before},
            limit=1000,
            then=now,
        )
        for page in was_above:
            yield replace(page, records=[raw for raw in page.records if not _at_least(ctx.settings.min_score, raw)])


def _at_least(score: float, raw: bytes) -> bool:
    """Whether a row is one that the list of today holds, too."""
    try:
        return float(msgspec.json.decode(raw)["epss"]) >= score
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError, ValueError):
        return False


scores.maps(score_to_stix)


@epss.check
def check(ctx: Context[EpssSettings]) -> list[str]:
    """Whether the API answers; nobody needs a permission for it."""
    found = msgspec.json.decode(
        ctx.http.get(PATH, params={"epss-gt": ctx.settings.min_score, "limit": 1}).require_json()
    )
    if not isinstance(found, dict) or not isinstance(found.get("data"), list):
        raise UnexpectedReply(f"{PATH}: is no reply of the EPSS API: it holds no list `data`")
    return [f"{PATH}: readable, {found.get('total', 'unknown')} scores from min_score on"]
