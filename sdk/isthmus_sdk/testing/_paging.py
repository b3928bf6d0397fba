"""Recorded records cut into pages the way a stream's declared pager expects them.

The pager itself is asked what it would send for each page, so every pager works that depends on nothing but its replies,
an author's own too; the server recognises a request because it is one of those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from isthmus_sdk.testing._asking import Key, key_of, start_of
from isthmus_sdk.testing._server import Answer

if TYPE_CHECKING:
    from isthmus_sdk.context import PagesRequest
    from isthmus_sdk.http import Http, PageRequest
    from isthmus_sdk.testing._jobs import Jobs

MOST_PAGES = 5000
TOKEN = "kit-page"  # noqa: S105 - the name of a query parameter
_PLACE = "\x00records\x00"


@dataclass(slots=True)
class Plan:
    """One walk over one list: which request is answered with which part of it."""

    stream: str
    call: int
    request: PagesRequest
    http: Http
    envelope: Any
    """A recorded reply without its records; ``None`` for a bare list."""
    items: str
    """Where the records belong in it, dotted; ``""`` for a bare list."""
    records: list[bytes]
    size: int
    begins: dict[Key, int] = field(default_factory=dict)
    """Index of the first record of the page that a request asks for."""
    first: Key | None = None
    unfiltered: bool = True
    """The walk of a first run, which asks for everything."""
    jobs: Jobs | None = None
    """The vendor's exports, where the walk is one."""

    def __post_init__(self) -> None:
        if self.exports:
            pass  # the vendor cuts chunks as it likes
        elif self.request.next is not None and self._wants_whole_pages():
            self.size = self.request.limit or self.size
        elif self.request.limit is not None:
            self.size = min(self.size, self.request.limit)
        self._lay_out()

    def answer(self, key: Key) -> Answer | None:
        """The reply to a request; ``None`` for one that does not belong to this walk."""
        begin = self.begins.get(key)
        if begin is None:
            begin = self._counted_key(key)
        if begin is not None and self.exports and self.jobs is not None:
            return self.jobs.start(self, self.request.next)
        return None if begin is None else self.page(begin)

    def page(self, begin: int, records: list[bytes] | None = None) -> Answer:
        """The page that begins at a record, with the records it has or others in their place."""
        shown = self.records[begin : begin + self.size] if records is None else records
        document, headers = self._dressed(begin)
        return _filled(document, shown, headers)

    def lines(self, begin: int) -> Answer:
        """The same as JSON lines; a line end inside a record is white space."""
        shown = (raw.replace(b"\r", b" ").replace(b"\n", b" ") for raw in self.records[begin : begin + self.size])
        return Answer(200, b"".join(raw + b"\n" for raw in shown), {"Content-Type": "application/x-ndjson"})

    def empty(self, number: int) -> Answer:
        """A page without a record that leads to yet another one."""
        document, headers = self._dressed(-self.size * (number + 2))
        return _filled(document, [], headers)

    @property
    def exports(self) -> bool:
        """Whether the list is prepared by the vendor and fetched in chunks."""
        from isthmus_sdk import http

        return isinstance(self.request.next, http.Export)

    @property
    def tells_the_next(self) -> bool:
        """Whether each page says itself where the next one is."""
        from isthmus_sdk import http

        return isinstance(self.request.next, http.Cursor | http.NextLink | http.LinkHeader)

    @property
    def page_begins(self) -> list[int]:
        """Where the list's pages begin; what a pager asks for between them, at another path, is none of them."""
        return [begin for key, begin in self.begins.items() if self.first is not None and key[1] == self.first[1]]

    @property
    def counts(self) -> bool:
        """Whether the connector counts records or pages itself."""
        from isthmus_sdk import http

        return isinstance(self.request.next, http.PageNumber | http.Offset | http.ItemRange)

    def _wants_whole_pages(self) -> bool:
        from isthmus_sdk import http

        pager = self.request.next
        whole = getattr(pager, "short_ends", False) or getattr(pager, "until", None)
        return bool(whole) or isinstance(pager, http.ItemRange)

    def _lay_out(self) -> None:
        from isthmus_sdk.http import Headers, Reply
        from isthmus_sdk.http._paging import OnePage

        pager = OnePage() if self.exports else self.request.next or OnePage()
        if self.request.next is None:
            self.size = max(len(self.records), 1)
        start, position, begin = start_of(self.request), None, 0
        for _ in range(MOST_PAGES):
            ask = pager.ask(start, position, self.request.limit)
            key = key_of(self.http, self.request.method, ask)
            counted = self._counted(ask)
            begin = begin if counted is None else counted
            if key in self.begins:
                return
            self.first = self.first or key
            self.begins[key] = begin
            records = self.records[begin : begin + self.size]
            document, headers = self._dressed(begin)
            reply = Reply(document, records, Headers(headers), str(self.http.resolve(ask.url, ask.params)))
            try:
                position = pager.after(position, reply, self.request.limit)
            except Exception:  # the pager cannot take these records; what a run makes of that is for the run to show
                return
            if position is None:
                return
            begin += len(records)

    def _counted(self, ask: PageRequest) -> int | None:
        """Where the page begins, for pagers that count."""
        from isthmus_sdk import http

        pager, limit = self.request.next, self.request.limit
        values: Mapping[str, Any] = ask.params if ask.json is None else ask.json
        if isinstance(pager, http.PageNumber):
            number = _at(values, pager.page)
            return None if not isinstance(number, int) else max(number - pager.start, 0) * self.size
        if isinstance(pager, http.Offset):
            offset = _at(values, pager.offset)
            return None if not isinstance(offset, int) else max(offset - pager.start, 0)
        if isinstance(pager, http.ItemRange) and limit:
            return _range_begin(ask.headers.get(pager.header, ""))
        return None

    def _counted_key(self, key: Key) -> int | None:
        """The same for a request that differs from a known one in nothing but the count."""
        from isthmus_sdk import http

        pager = self.request.next
        if isinstance(pager, http.PageNumber):
            name, by, start = pager.page, self.size, pager.start
        elif isinstance(pager, http.Offset):
            name, by, start = pager.offset, 1, pager.start
        else:
            return None
        if self.first is None or self.request.json is not None:
            return None
        beside = {pair for pair in key[2] if pair[0] != name}
        if key[:2] != self.first[:2] or beside != {pair for pair in self.first[2] if pair[0] != name}:
            return None
        number = dict(key[2]).get(name, "")
        return max(int(number) - start, 0) * by if number.isdecimal() else None

    def _dressed(self, begin: int) -> tuple[Any, dict[str, str]]:
        """The document around a page, with what the pager reads from it; the records are still missing."""
        from isthmus_sdk import http

        following, total = begin + self.size, len(self.records)
        last = following >= total
        document = None if self.envelope is None else msgspec.json.decode(msgspec.json.encode(self.envelope))
        if document is not None:
            place(document, self.items, _PLACE)
        pager, headers = self.request.next, {}
        if isinstance(pager, http.Cursor):
            self._set(document, pager.path, None if last else f"k{following}")
            if pager.more:
                self._set(document, pager.more, not last)
        elif isinstance(pager, http.NextLink):
            self._set(document, pager.path, None if last else self._link(following))
        elif isinstance(pager, http.LinkHeader) and not last:
            headers["Link"] = f'<{self._link(following)}>; rel="{pager.rel}"'
        elif isinstance(pager, http.Scroll):
            self._set(document, pager.path, f"s{following}")
        elif isinstance(pager, http.ItemRange):
            headers["Content-Range"] = f"{pager.unit} {begin}-{max(min(following, total) - 1, begin)}/{total}"
        for name, value in (("total", total), ("pages", -(-total // max(self.size, 1)))):
            if isinstance(path := getattr(pager, name, None), str):
                self._set(document, path, value)
        return document, headers

    def _set(self, document: Any, path: str, value: Any) -> None:
        if document is None:
            return
        if value is None:
            _drop(document, path)
        else:
            place(document, path, value)

    def _link(self, begin: int) -> str:
        start = start_of(self.request)
        return str(self.http.resolve(start.url, {**start.params, TOKEN: str(begin)}))


def reply(envelope: Any, items: str, records: list[bytes]) -> Answer:
    """Records in an envelope of the recorded replies (``None``: a bare list)."""
    document = None if envelope is None else msgspec.json.decode(msgspec.json.encode(envelope))
    if document is not None:
        place(document, items, _PLACE)
    return _filled(document, records, {})


def _filled(document: Any, records: list[bytes], headers: Mapping[str, str]) -> Answer:
    """The document with records, as they are, where its place for them is."""
    joined = b"[" + b",".join(records) + b"]"
    body = joined if document is None else msgspec.json.encode(document).replace(msgspec.json.encode(_PLACE), joined, 1)
    return Answer(200, body, {"Content-Type": "application/json", **headers})


def place(document: Any, path: str, value: Any) -> None:
    """Set the value at a dotted path; a name that holds dots itself is found before a path is."""
    if path in document or "." not in path:
        document[path] = value
        return
    name, _, rest = path.partition(".")
    if not isinstance(document.get(name), dict):
        document[name] = {}
    place(document[name], rest, value)


def _drop(document: Any, path: str) -> None:
    """Take out the value at a dotted path, which the recorded reply may have had."""
    if not isinstance(document, dict):
        return
    if path in document:
        del document[path]
    else:
        name, _, rest = path.partition(".")
        _drop(document.get(name), rest)


def _at(values: Mapping[str, Any], path: str) -> Any:
    if path in values:
        return values[path]
    name, _, rest = path.partition(".")
    inner = values.get(name)
    return _at(inner, rest) if rest and isinstance(inner, Mapping) else None


def _range_begin(text: str) -> int | None:
    number = text.partition("=")[2].partition("-")[0]
    return int(number) if number.isdecimal() else None


__all__ = ["MOST_PAGES", "TOKEN", "Plan", "place", "reply"]
