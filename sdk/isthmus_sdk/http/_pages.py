"""``pages``: the walk over a vendor's list, guarded against loops, resumable after every page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from isthmus_sdk.errors import ConfigurationError, CursorExpired, OriginRefused, PagingLoop, UnexpectedReply
from isthmus_sdk.http._client import Http
from isthmus_sdk.http._entities import Entities, detailed
from isthmus_sdk.http._export import Export, exported
from isthmus_sdk.http._message import Response
from isthmus_sdk.http._paging import OnePage, Pager, PageRequest, Reply
from isthmus_sdk.http._progress import Progress
from isthmus_sdk.http._reading import PageReader, moment, what
from isthmus_sdk.http._redirects import harmless
from isthmus_sdk.http._split import Unsplittable
from isthmus_sdk.http._sublists import Sublist, with_sublists
from isthmus_sdk.http._unchanged import question, validators
from isthmus_sdk.http._verdict import vendor_words
from isthmus_sdk.page import Page
from isthmus_sdk.url import Url

_POSITION_UNKNOWN = (400, 404, 410)
_GONE = (404, 410)


def pages(
    http: Http,
    path: str = "",
    *,
    items: str | None = None,
    next: Pager | Export | None = None,
    then: Entities | Sublist | None = None,
    params: Mapping[str, Any] | None = None,
    limit: int | None = None,
    method: str = "GET",
    json: Any = None,
    headers: Mapping[str, str] | None = None,
    resume: Any = None,
    error_field: str | None = None,
    conditional: bool = False,
    known: Mapping[str, str] | None = None,
    keep_raw: bool = False,
    mark: str | None = None,
    deadline: float | None = None,
) -> Iterator[Page]:
    """Pages of raw records from ``path``, until the pager says that it was the last.

    ``items``: dotted path of the list (``""``: the reply is the list; ``None``: its only list). ``next``: the pager
    (``None``: one reply is all), or how an export is waited for. ``then``: the records are ids, and this is how their
    entities are asked for; or each record has a list of its own (`Sublist`). ``limit``: records per page. ``method`` may be POST: paging requests only read and
    are repeated like a GET. ``resume``: ``Page.after`` of the last page that was stored. ``error_field``: dotted path
    at which the vendor reports an error under status 200. ``conditional``: ask only for what changed since ``known``,
    the ``Page.validators`` of an earlier reply; where nothing did, the one page is ``unchanged``. ``keep_raw``: give the body in
    ``Page.raw``. ``mark``: header whose value goes to ``Page.mark``.

    Every page is yielded, also an empty one; the last has ``after=None``. Raises ``CursorExpired`` when the vendor no
    longer knows the position (400, 404, 410), ``PagingLoop`` for a cycle, repeated pages or endless empty ones,
    ``UnexpectedReply`` for what is no page, and what ``Http.request`` raises.
    """
    start = PageRequest(path, dict(params or {}), json, dict(headers or {}))
    if conditional and (next is not None or then is not None):
        raise ConfigurationError(
            "conditional=True is for lists that come in one reply: that page 1 is unchanged says nothing of page 2"
        )
    if isinstance(next, Export):
        if then is not None:
            raise ConfigurationError("an Export brings whole records: then= has no meaning beside it")
        return exported(
            http, start, next, items=items, method=method, resume=resume, error_field=error_field, deadline=deadline
        )
    walk = _Walk(http, start, OnePage() if next is None else next, method, items, error_field)
    walk.limit, walk.deadline, walk.keep_raw = limit, deadline, keep_raw
    walk.conditional, walk.known, walk.mark = conditional, known, mark
    if then is None:
        return walk.pages(resume)
    if isinstance(then, Sublist):
        return with_sublists(walk.pages, _inner(http, then, error_field, deadline), then, resume=resume)
    return detailed(http, walk.pages, then, resume=resume, error_field=error_field, deadline=deadline)


def _inner(
    http: Http, then: Sublist, error_field: str | None, deadline: float | None
) -> Callable[[str], Iterator[Page]]:
    """Pages of the list of one record, from its path."""

    def read(path: str) -> Iterator[Page]:
        start = PageRequest(path, dict(then.params), None, {})
        walk = _Walk(http, start, OnePage() if then.next is None else then.next, "GET", then.items, error_field)
        walk.limit, walk.deadline, walk.may_be_gone = then.limit, deadline, True
        return walk.pages(None)

    return read


class _Walk:
    """One list, page by page."""

    may_be_gone = False
    """What the list belongs to may have vanished since it was named: then the walk ends with ``CursorExpired``."""
    limit: int | None = None
    deadline: float | None = None
    keep_raw = False
    mark: str | None = None
    conditional = False
    known: Mapping[str, str] | None = None

    def __init__(
        self, http: Http, start: PageRequest, pager: Pager, method: str, items: str | None, error_field: str | None
    ) -> None:
        self._http = http
        self._start = start
        self._pager = pager
        self._method = method
        self._items = items
        self._error_field = error_field
        self._repeatable: bool = getattr(pager, "repeatable", True)
        self._home = http.resolve(start.url).origin

    def pages(self, resume: Any) -> Iterator[Page]:
        """From a position on, ``None``: from the beginning."""
        if resume is not None and not self._repeatable:
            raise CursorExpired("a scroll cannot be taken up where it was left; the walk starts anew")
        progress = Progress(self._http.limits.empty_pages, resume)
        position, number = progress.start, 0
        while True:
            reader = PageReader(
                self._items,
                self._error_field,
                self._http,
                repeatable=self._repeatable,
                promised=self._promised(position),
                paged=not isinstance(self._pager, OnePage),
            )
            reply = self._ask(position, reader, resumed=number == 0)
            if reply.status == 304:
                yield Page((), moment(reply), number=1, source=reply.url.without_query, unchanged=True)
                return
            if not reply.ok:
                raise CursorExpired(_expired(reply, self._http))
            following = self._after(position, reader, reply)
            loop = progress.problem(following, reader.records)
            number += 1
            # Where the walk turns back, this page is still good; its position is not, so the next run comes back to
            # this page, or to the first of those that only repeated.
            yield Page(
                records=reader.records,
                observed_at=moment(reply),
                after=progress.kept(position, following, reader.records, loop),
                number=number,
                source=reply.url.without_query,
                raw=reply.body if self.keep_raw else None,
                no_content=reader.no_content,
                validators=validators(reply) if self.conditional else None,
                mark=reply.headers.get(self.mark) if self.mark else None,
            )
            if loop:
                raise PagingLoop(f"{what(reply)}: {loop}")
            if following is None:
                return
            position = following

    def _promised(self, position: Any) -> bool:
        """Whether the vendor said that there is a page at a position: by giving it, or by a total beyond it."""
        if position is None:
            return False
        counted = isinstance(position, Mapping) and "total" in position
        return counted or bool(getattr(self._pager, "promised", False))

    def _ask(self, position: Any, reader: PageReader, *, resumed: bool) -> Response:
        ask = self._pager.ask(self._start, position, self.limit)
        url = _absolute(self._http, ask, position, resumed=resumed)
        moved = url.origin != self._home
        if moved and ask.json is not None:
            raise OriginRefused(
                f"{url.without_query}: the body of a {self._method} is not sent to another origin than {self._home}"
            )
        headers = harmless(ask.headers) if moved else dict(ask.headers)
        asked = question(self.known) if self.conditional else {}
        return self._http.request(
            self._method,
            url,
            params=ask.params,
            json=ask.json,
            headers={**headers, **asked},
            idempotent=self._repeatable or position is None,
            deadline=self.deadline,
            accept=(304,) if asked else self._gone if position is None else _POSITION_UNKNOWN,
            check=reader,
        )

    @property
    def _gone(self) -> tuple[int, ...]:
        return _GONE if self.may_be_gone else ()

    def _after(self, position: Any, reader: PageReader, reply: Response) -> Any:
        seen = Reply(reader.document, reader.records, reply.headers, str(reply.url))
        try:
            following = self._pager.after(position, seen, self.limit)
        except Unsplittable as problem:
            raise UnexpectedReply(f"{what(reply)}: {problem}") from None
        except (UnexpectedReply, PagingLoop, CursorExpired) as error:
            raise type(error)(f"{what(reply)}: {error}") from None
        if isinstance(following, dict) and isinstance(following.get("next"), str):
            return {"next": _resolved(reply, following["next"])}
        return following


def _absolute(http: Http, ask: PageRequest, position: Any, *, resumed: bool) -> Url:
    """A saved position may hold a link to where this instance may no longer go (its base URL was changed): that
    position is void.
    """
    try:
        return http.resolve(ask.url)
    except OriginRefused as error:
        if resumed and position is not None:
            raise CursorExpired(f"the saved position cannot be used any more ({error}); the walk starts anew") from None
        raise


def _resolved(reply: Response, link: str) -> str:
    try:
        return str(reply.url.resolve(link))
    except ValueError as error:
        raise OriginRefused(f"{what(reply)}: the next link is no usable URL: {error}") from None


def _expired(reply: Response, http: Http) -> str:
    words = vendor_words(reply, http.scrub)
    said = f" ({words})" if words else ""
    return f"{what(reply)}: the vendor no longer knows the position ({reply.status}){said}; the walk starts anew"


__all__ = ["pages"]
