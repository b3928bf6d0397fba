"""Paging of TAXII 2.1 (section 3.4): ``more`` says that there is another page, ``next`` where it begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isthmus_sdk.errors import UnexpectedReply
from isthmus_sdk.http import Cursor, PageRequest, Reply

LAST_ADDED = "X-TAXII-Date-Added-Last"


class Envelopes(Cursor):
    """Pages of ``objects/``. A server that promises more and names no ``next`` is asked for what it added after this page."""

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        if isinstance(position, Mapping) and isinstance(position.get("after"), str):
            return super().ask(start, None, limit).with_fields({"added_after": position["after"]})
        return super().ask(start, position, limit)

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        following = super().after(position, reply, limit)
        if following is not None:
            # medallion gives one token for the whole walk and moves behind it: the count tells its positions apart.
            number = position.get("page") if isinstance(position, Mapping) else 0
            return {**following, "page": number + 1 if isinstance(number, int) else 1}
        if not isinstance(reply.document, Mapping) or not reply.document.get("more"):
            return None
        last = reply.headers.get(LAST_ADDED)
        if not last:
            raise UnexpectedReply(f"more objects are promised, but neither next nor {LAST_ADDED} says where they begin")
        return {"after": last}


def envelopes() -> Envelopes:
    """The pager of ``objects/``."""
    return Envelopes("next", "next", more="more")
