"""``pages``: the walk over a vendor's list, guarded against loops, resumable after every page."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from isthmus_sdk.errors import CursorExpired, OriginRefused, PagingLoop, UnexpectedReply
from isthmus_sdk.http._client import Http
from isthmus_sdk.http._message import Response
from isthmus_sdk.http._pagers import OnePage, Pager, PageRequest, Reply
from isthmus_sdk.http._redirects import harmless
from isthmus_sdk.http._retry import Again
from isthmus_sdk.http._split import Unsplittable, lookup, split
from isthmus_sdk.http._verdict import tidy, vendor_words
from isthmus_sdk.page import Page
from isthmus_sdk.url import Url

_POSITION_UNKNOWN = (400, 404, 410)
_REMEMBERED = 8192  # positions and page contents; a cycle longer than this many pages is not noticed
_REPEATS = 3


def pages(
    http: Http,
    path: str = "",
    *,
    items: str | None = None,
    next: Pager | None = None,
    params: Mapping[str, Any] | None = None,
    limit: int | None = None,
    method: str = "GET",
    json: Any = None,
    headers: Mapping[str, str] | None = None,
    resume: Any = None,
    error_field: str | None = None,
    keep_raw: bool = False,
    deadline: float | None = None,
) -> Iterator[Page]:
    """Pages of raw records from ``path``, until the pager says that it was the last.

    ``items``: dotted path of the list (``""``: the reply is the list; ``None``: its only list). ``next``: the pager
    (``None``: one reply is all). ``limit``: records per page. ``method`` may be POST: paging requests only read and
    are repeated like a GET. ``resume``: ``Page.after`` of the last page that was stored. ``error_field``: dotted path
    at which the vendor reports an error under status 200. ``keep_raw``: give the body in ``Page.raw``.

    Every page is yielded, also an empty one; the last has ``after=None``. Raises ``CursorExpired`` when the vendor no
    longer knows the position (400, 404, 410), ``PagingLoop`` for a cycle, repeated pages or endless empty ones,
    ``UnexpectedReply`` for what is no page, and what ``Http.request`` raises.
    """
    pager: Pager = OnePage() if next is None else next
    start = PageRequest(path, dict(params or {}), json, dict(headers or {}))
    progress = _Progress(http.limits.empty_pages, resume)
    home = http.resolve(path).origin
    position, number = resume, 0
    while True:
        ask = pager.ask(start, position, limit)
        url = _absolute(http, ask, position, resumed=number == 0)
        moved = url.origin != home
        if moved and ask.json is not None:
            raise OriginRefused(
                f"{url.without_query}: the body of a {method} is not sent to another origin than {home}"
            )
        reader = _Reader(items, error_field, http)
        reply = http.request(
            method,
            url,
            params=ask.params,
            json=ask.json,
            headers=harmless(ask.headers) if moved else ask.headers,
            idempotent=True,
            deadline=deadline,
            accept=() if position is None else _POSITION_UNKNOWN,
            check=reader,
        )
        if not reply.ok:
            raise CursorExpired(_expired(reply, http))
        try:
            following = pager.after(
                position, Reply(reader.document, reader.records, reply.headers, str(reply.url)), limit
            )
        except Unsplittable as problem:
            raise UnexpectedReply(f"{_what(reply)}: {problem}") from None
        except (UnexpectedReply, PagingLoop) as error:
            raise type(error)(f"{_what(reply)}: {error}") from None
        if isinstance(following, dict) and isinstance(following.get("next"), str):
            following = {"next": _resolved(reply, following["next"])}
        loop = progress.problem(following, reader.records)
        number += 1
        # Where the walk turns back, this page is still good; its position is not, so the next run comes back to this
        # page.
        yield _page(reply, reader, number, position if loop else following, keep_raw)
        if loop:
            raise PagingLoop(f"{_what(reply)}: {loop}")
        if following is None:
            return
        position = following


class _Reader:
    """Splits a reply inside the retry loop, so that a body cut short is asked for again."""

    def __init__(self, items: str | None, error_field: str | None, http: Http) -> None:
        self._items = items
        self._error_field = error_field
        self._http = http
        self.document: Any = None
        self.records: list[bytes] = []

    def __call__(self, reply: Response) -> None:
        if not reply.ok:
            return
        self.document, self.records = None, []
        if reply.status == 204:
            return
        body = reply.require_json()
        try:
            self.document, self.records = split(body, self._items)
        except Unsplittable as problem:
            words = vendor_words(reply, self._http.scrub)
            error = UnexpectedReply(
                f"{_what(reply)}: {tidy(str(problem), self._http.scrub)}" + (f" ({words})" if words else "")
            )
            if problem.cut:
                raise Again(error) from None
            raise error from None
        self._refuse_error(reply)

    def _refuse_error(self, reply: Response) -> None:
        if not self._error_field:
            return
        try:
            error = lookup(self.document, self._error_field)
        except Unsplittable as problem:
            error = str(problem)
        if error is None or error is False or error in ("", 0, [], {}):
            return
        text = error if isinstance(error, str) else msgspec.json.encode(error, enc_hook=repr).decode()
        raise UnexpectedReply(
            f"{_what(reply)}: the vendor reports an error under status {reply.status}: {tidy(text, self._http.scrub)}"
        )


class _Progress:
    """Notices a walk that does not get anywhere, in bounded memory."""

    def __init__(self, most_empty: int, start: Any) -> None:
        self._positions: OrderedDict[bytes, None] = OrderedDict()
        self._contents: OrderedDict[bytes, None] = OrderedDict()
        self._most_empty = most_empty
        self._empty = self._repeats = 0
        if start is not None:
            _known(self._positions, _digest([msgspec.json.encode(start, order="deterministic")]))

    def problem(self, following: Any, records: Sequence[bytes]) -> str | None:
        """What is wrong with going on to ``following`` after a page of ``records``; ``None`` if nothing is."""
        if following is None:
            return None
        if _known(self._positions, _digest([msgspec.json.encode(following, order="deterministic")])):
            return "the next position is one that this walk has already been at; the vendor's paging runs in a circle"
        if not records:
            self._empty += 1
            if self._empty >= self._most_empty:
                return f"{self._empty} pages in a row without a record, each with a new position"
            return None
        self._empty = 0
        # One page may come twice (a retry on the vendor's side); several in a row are a server that ignores the
        # position.
        self._repeats = self._repeats + 1 if _known(self._contents, _digest(records)) else 0
        if self._repeats >= _REPEATS:
            return f"{self._repeats} pages in a row repeat earlier ones, though their positions are new"
        return None


def _known(seen: OrderedDict[bytes, None], digest: bytes) -> bool:
    if digest in seen:
        return True
    seen[digest] = None
    if len(seen) > _REMEMBERED:
        seen.popitem(last=False)
    return False


def _digest(parts: Sequence[bytes]) -> bytes:
    # Joined first: one call of the hash for all of them.
    return blake2b(
        b"".join([each for part in parts for each in (len(part).to_bytes(8, "big"), part)]), digest_size=12
    ).digest()


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
        raise OriginRefused(f"{_what(reply)}: the next link is no usable URL: {error}") from None


def _expired(reply: Response, http: Http) -> str:
    words = vendor_words(reply, http.scrub)
    said = f" ({words})" if words else ""
    return f"{_what(reply)}: the vendor no longer knows the position ({reply.status}){said}; the walk starts anew"


def _page(reply: Response, reader: _Reader, number: int, after: Any, keep_raw: bool) -> Page:
    fetched = datetime.fromtimestamp(reply.received_at, UTC)
    return Page(
        records=reader.records,
        observed_at=fetched.strftime("%Y-%m-%dT%H:%M:%S.") + f"{fetched.microsecond // 1000:03d}Z",
        after=after,
        number=number,
        source=Url(reply.url).without_query,
        raw=reply.body if keep_raw else None,
    )


def _what(reply: Response) -> str:
    return f"{reply.method} {reply.url.without_query}"


__all__ = ["pages"]
