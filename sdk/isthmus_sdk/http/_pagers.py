"""Lists that the vendor cuts: each page says where the next one begins, by a cursor, a link or its last record."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from isthmus_sdk.errors import PagingLoop, UnexpectedReply
from isthmus_sdk.http._paging import PageRequest, Reply, ends, size_field, taken
from isthmus_sdk.http._split import keys_backwards, lookup


@dataclass(frozen=True, slots=True)
class Cursor:
    """An opaque cursor (or next index) in the body at ``path`` goes back as ``param``.

    ``more`` is the path of a flag that ends the walk when false, for vendors that always give a cursor. ``alone``:
    the following requests carry the cursor and nothing else.
    """

    path: str
    param: str
    size: str | None = "limit"
    more: str | None = None
    alone: bool = False
    promised: ClassVar[bool] = True

    @classmethod
    def relay(cls, connection: str, *, after: str = "variables.after", first: str | None = "variables.first") -> Cursor:
        """Paging of a GraphQL connection (Relay): ``connection`` is its path in the reply, as ``data.assets``; ``after``
        and ``first`` are where its arguments stand in the body.
        """
        info = f"{connection}.pageInfo"
        return cls(f"{info}.endCursor", after, size=first, more=f"{info}.hasNextPage")

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        if position is None:
            return start.with_fields(size_field(self.size, limit))
        cursor = {self.param: taken(position, "cursor", (str, int, float, list), None)}
        if self.alone:
            return replace(start, params={}, json=None if start.json is None else {}).with_fields(cursor)
        return start.with_fields({**size_field(self.size, limit), **cursor})

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        if self.more is not None and lookup(reply.document, self.more) is False:
            return None
        cursor = lookup(reply.document, self.path)
        if cursor is None or cursor == "" or cursor is False or cursor == []:
            return None
        if isinstance(cursor, bool) or not isinstance(cursor, str | int | float | list):
            raise UnexpectedReply(f"the cursor at {self.path!r} is neither text nor a number")
        return {"cursor": cursor}


@dataclass(frozen=True, slots=True)
class Scroll:
    """A cursor on the server that moves with each request: the id in the body at ``path`` goes back as ``param`` to
    ``follow`` (empty: to the same path), with ``keep`` beside it and nothing else. It ends at an empty page.

    Asking again would bring the page *after* the one that was lost, so nothing is asked twice: a page that does not arrive
    ends the run, and the next one starts anew. Where the vendor gives each page an id of its own, ``Cursor`` is the better
    kind.
    """

    path: str = "_scroll_id"
    param: str = "scroll_id"
    follow: str = ""
    size: str | None = "size"
    keep: Mapping[str, Any] = field(default_factory=dict)
    repeatable: ClassVar[bool] = False

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        if position is None:
            return start.with_fields(size_field(self.size, limit))
        alone = replace(start, url=self.follow or start.url, params={}, json=None if start.json is None else {})
        return alone.with_fields({**self.keep, self.param: taken(position, "scroll", (str, int), None)})

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        scroll = lookup(reply.document, self.path)
        if not reply.records or scroll is None or scroll == "":
            return None
        if isinstance(scroll, bool) or not isinstance(scroll, str | int):
            raise UnexpectedReply(f"the scroll id at {self.path!r} is neither text nor a number")
        # The id may stay the same all the way; the number tells positions apart.
        return {"scroll": scroll, "page": taken(position, "page", int, 0) + 1}


@dataclass(frozen=True, slots=True)
class NextLink:
    """The whole URL of the next page in the body, as OData's ``@odata.nextLink``. It is followed only inside the
    allowed origins.
    """

    path: str = "@odata.nextLink"
    size: str | None = "$top"
    promised: ClassVar[bool] = True

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        if position is None:
            return start.with_fields(size_field(self.size, limit))
        return replace(start, url=taken(position, "next", str, ""), params={})

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        link = lookup(reply.document, self.path)
        if link is None or link == "":
            return None
        if not isinstance(link, str):
            raise UnexpectedReply(f"the next link at {self.path!r} is no text")
        return {"next": link}


@dataclass(frozen=True, slots=True)
class LinkHeader:
    """The URL of the next page in the ``Link`` header (RFC 8288)."""

    rel: str = "next"
    size: str | None = "limit"
    promised: ClassVar[bool] = True

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        if position is None:
            return start.with_fields(size_field(self.size, limit))
        return replace(start, url=taken(position, "next", str, ""), params={})

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        link = _link(reply.headers.get("link", ""), self.rel)
        return None if link is None else {"next": link}


@dataclass(frozen=True, slots=True)
class Keyset:
    """Records after the last one seen, in a sorted list: ``where id > X | sort id | head N``.

    ``key`` names the field, or the fields, by which the list is sorted; ``render(last, limit)`` gives the parameters,
    with ``last`` the values of those fields in the last record of the page before (a tuple), or ``None`` at the
    beginning. A record whose values are neither texts nor numbers, or longer than a query can hold, is passed over: the walk goes on
    after the one before it. A filter that includes the border (``>=``) works as well: the walk ends when a page brings nothing
    beyond it.
    """

    render: Callable[[tuple[Any, ...] | None, int | None], Mapping[str, Any]]
    key: str | tuple[str, ...] = "id"
    short_ends: bool = False

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        last = None if position is None else tuple(taken(position, "last", list, []))
        return start.with_fields(self.render(last, limit))

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        if ends(reply, limit, self.short_ends):
            return None
        names = (self.key,) if isinstance(self.key, str) else tuple(self.key)
        last = next((key for key in keys_backwards(reply.records, names) if all(map(_leads_on, key))), None)
        if last is None:
            if limit is not None and len(reply.records) < limit:
                return None
            raise UnexpectedReply(f"no record of the page holds {' and '.join(names)}, by which the walk goes on")
        following = {"last": list(last)}
        if following != position:
            return following
        if any(key != last for key in keys_backwards(reply.records, names)):
            raise PagingLoop(
                f"the page ends where the one before it did and holds more than that border: the vendor does not filter or "
                f"does not sort by {' and '.join(names)}"
            )
        if limit is not None and len(reply.records) < limit:
            return None  # only the border came again
        raise PagingLoop(
            f"a whole page shares the same {' and '.join(names)}; raise the page size "
            "or add a field to the key that tells records apart"
        )


_LONGEST_KEY = 1024


def _leads_on(value: Any) -> bool:
    """Whether a query can go on after a value: a text, a number, or a list of them (``search_after``)."""
    if isinstance(value, list):
        return 0 < len(value) <= 16 and all(each is None or _leads_on(each) for each in value)
    if isinstance(value, str):
        return 0 < len(value) <= _LONGEST_KEY
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**40


_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


def _link(header: str, wanted: str) -> str | None:
    """RFC 8288 section 3: ``<url>; rel="next last"; title="..."``, several of them with commas between."""
    for url, parameters in _LINK.findall(header[:65_536]):
        match = _REL.search(parameters)
        if match and wanted.lower() in (match[1] or match[2] or "").lower().split():
            return str(url).strip()
    return None


__all__ = ["Cursor", "Keyset", "LinkHeader", "NextLink", "Scroll"]
