"""Where the walk over a log ends that has no end.

A list of events that is asked for without ``until`` always links to a next page, for what will be logged later. The walk has
caught up with the log at a page without a record, or at a short one whose last record is as old as the reply itself: on a
busy org every further page would bring the few events of the last second, and the walk would never end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from isthmus_sdk.http import LinkHeader, Reply

CAUGHT_UP = timedelta(minutes=1)


class _Event(msgspec.Struct):
    published: datetime | None = None


@dataclass(frozen=True, slots=True)
class UntilNow(LinkHeader):
    """The ``Link`` of each page, up to the present by the vendor's own clock."""

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        """The next page; the end where this one has caught up with the log."""
        if not reply.records or (limit is not None and len(reply.records) < limit and _is_present(reply)):
            return None
        return LinkHeader.after(self, position, reply, limit)


def _is_present(reply: Reply) -> bool:
    try:
        now = parsedate_to_datetime(reply.headers.get("date", ""))
        last = msgspec.json.decode(reply.records[-1], type=_Event).published
    except (ValueError, msgspec.DecodeError, RecursionError):
        return False
    if last is None:
        return False
    return _utc(last) >= _utc(now) - CAUGHT_UP


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)
