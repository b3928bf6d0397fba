"""How vendors cut a list into pages.

A pager is stateless: ``ask`` says what to send for a position, ``after`` reads the next position out of a reply. A
position is plain JSON; it travels in the cursor, so a walk resumes after a restart exactly where the last stored page
ended. ``None`` is the beginning for ``ask`` and the end for ``after``.

By default the numbered kinds end at an *empty* page. ``short_ends=True`` saves that last request where the vendor
promises that only the last page is short; a server that silently caps the page size would otherwise end the walk
after its first page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from isthmus_sdk.errors import CursorExpired, PagingLoop, UnexpectedReply
from isthmus_sdk.http._message import Headers
from isthmus_sdk.http._split import keys_backwards, lookup


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What is sent for one page."""

    url: str
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """For vendors that page by a header, such as ``Range: items=0-49``."""

    def with_fields(self, fields: Mapping[str, Any]) -> PageRequest:
        """Paging fields go into the JSON body where the request has one (dotted names go inside it), else into the
        query.
        """
        if self.json is None:
            return replace(self, params={**self.params, **fields})
        body = self.json
        for path, value in fields.items():
            body = _placed(body, path.split("."), value)
        return replace(self, json=body)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a pager may look at."""

    document: Any
    """The reply without its records."""
    records: Sequence[bytes]
    headers: Headers
    url: str
    """Where it came from, after redirects."""


class Pager(Protocol):
    """The whole protocol; write your own where none of these fits."""

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        """The request for the page at ``position``. Raises ``CursorExpired`` for a position of another kind of pager."""
        ...

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        """The position after this page; ``None`` at the end."""
        ...


@dataclass(frozen=True, slots=True)
class OnePage:
    """One reply is all."""

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        return start

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        return None


@dataclass(frozen=True, slots=True)
class PageNumber:
    """``page=1&count=100``: pages are counted. ``total`` is the path of the number of records, ``pages`` that of the
    number of pages.
    """

    page: str = "page"
    size: str | None = "count"
    start: int = 1
    short_ends: bool = False
    pages: str | None = None

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        return start.with_fields({self.page: _taken(position, "page", int, self.start), **_size(self.size, limit)})

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        number = _taken(position, "page", int, self.start)
        last = _number(lookup(reply.document, self.pages)) if self.pages else None
        if _ends(reply, limit, self.short_ends) or (last is not None and number - self.start + 1 >= last):
            return None
        return {"page": number + 1}


@dataclass(frozen=True, slots=True)
class Offset:
    """``offset=200&limit=100``: records are counted, by what really came. ``total`` is the path of the number of
    records.
    """

    offset: str = "offset"
    size: str | None = "limit"
    start: int = 0
    short_ends: bool = False
    total: str | None = None

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        return start.with_fields({self.offset: _taken(position, "offset", int, self.start), **_size(self.size, limit)})

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        reached = _taken(position, "offset", int, self.start) + len(reply.records)
        total = _number(lookup(reply.document, self.total)) if self.total else None
        if _ends(reply, limit, self.short_ends) or (total is not None and reached - self.start >= total):
            return None
        return {"offset": reached}


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

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        if position is None:
            return start.with_fields(_size(self.size, limit))
        cursor = {self.param: _taken(position, "cursor", (str, int, float, list), None)}
        if self.alone:
            return replace(start, params={}, json=None if start.json is None else {}).with_fields(cursor)
        return start.with_fields({**_size(self.size, limit), **cursor})

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
class NextLink:
    """The whole URL of the next page in the body, as OData's ``@odata.nextLink``. It is followed only inside the
    allowed origins.
    """

    path: str = "@odata.nextLink"
    size: str | None = "$top"

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        if position is None:
            return start.with_fields(_size(self.size, limit))
        return replace(start, url=_taken(position, "next", str, ""), params={})

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

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        if position is None:
            return start.with_fields(_size(self.size, limit))
        return replace(start, url=_taken(position, "next", str, ""), params={})

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        link = _link(reply.headers.get("link", ""), self.rel)
        return None if link is None else {"next": link}


@dataclass(frozen=True, slots=True)
class Keyset:
    """Records after the last one seen, in a sorted list: ``where id > X | sort id | head N``.

    ``key`` names the field, or the fields, by which the list is sorted; ``render(last, limit)`` gives the parameters,
    with ``last`` the values of those fields in the last record of the page before (a tuple), or ``None`` at the
    beginning. A filter that includes the border (``>=``) works as well: the walk ends when a page brings nothing
    beyond it.
    """

    render: Callable[[tuple[Any, ...] | None, int | None], Mapping[str, Any]]
    key: str | tuple[str, ...] = "id"
    short_ends: bool = False

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        last = None if position is None else tuple(_taken(position, "last", list, []))
        return start.with_fields(self.render(last, limit))

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        if _ends(reply, limit, self.short_ends):
            return None
        names = (self.key,) if isinstance(self.key, str) else tuple(self.key)
        last = next(keys_backwards(reply.records, names), None)
        if last is None:
            if limit is not None and len(reply.records) < limit:
                return None
            raise UnexpectedReply(f"no record of the page holds {' and '.join(names)}, by which the walk goes on")
        following = {"last": list(last)}
        if following != position:
            return following
        if limit is not None and len(reply.records) < limit:
            return None  # only the border came again
        raise PagingLoop(
            f"a whole page shares the same {' and '.join(names)}; raise the page size "
            "or add a field to the key that tells records apart"
        )


def _placed(body: Any, path: list[str], value: Any) -> Any:
    inner = body if isinstance(body, Mapping) else {}
    name = path[0]
    return {**inner, name: value if len(path) == 1 else _placed(inner.get(name), path[1:], value)}


def _size(name: str | None, limit: int | None) -> dict[str, int]:
    return {} if name is None or limit is None else {name: limit}


def _taken(position: Any, name: str, kind: type | tuple[type, ...], start: Any) -> Any:
    """The value inside a position; one that another pager or an older version wrote means that the walk starts anew."""
    if position is None:
        return start
    value = position.get(name) if isinstance(position, Mapping) else None
    if not isinstance(value, kind):
        raise CursorExpired("the saved position belongs to another way of paging; the walk starts anew")
    return value


def _ends(reply: Reply, limit: int | None, short_ends: bool) -> bool:
    return not reply.records or (short_ends and limit is not None and len(reply.records) < limit)


def _number(value: Any) -> float | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        return int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


def _link(header: str, wanted: str) -> str | None:
    """RFC 8288 section 3: ``<url>; rel="next last"; title="..."``, several of them with commas between."""
    for url, parameters in _LINK.findall(header[:65_536]):
        match = _REL.search(parameters)
        if match and wanted.lower() in (match[1] or match[2] or "").lower().split():
            return str(url).strip()
    return None


__all__ = [
    "Cursor",
    "Keyset",
    "LinkHeader",
    "NextLink",
    "Offset",
    "OnePage",
    "PageNumber",
    "PageRequest",
    "Pager",
    "Reply",
]
