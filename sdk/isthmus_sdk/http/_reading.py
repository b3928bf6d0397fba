"""A reply read as a page: its records as raw bytes, and what stands around them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from isthmus_sdk.errors import CursorExpired, UnexpectedReply
from isthmus_sdk.http._client import Http
from isthmus_sdk.http._inflate import Body, Truncated
from isthmus_sdk.http._message import Response
from isthmus_sdk.http._retry import Again
from isthmus_sdk.http._split import Unsplittable, lookup, split, split_lines
from isthmus_sdk.http._verdict import tidy, vendor_words

_LINE_TYPES = frozenset(
    f"application/{name}"
    for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonl", "jsonlines", "x-jsonlines", "json-lines", "json-seq")
)
_GZIP = b"\x1f\x8b"


class PageReader:
    """Splits a reply inside the retry loop, so that a body cut short is asked for again (unless ``repeatable`` is false).

    ``promised``: the vendor said that there is a page, so that no content (204) is asked for again and is then
    ``CursorExpired``; elsewhere it is a page without records, and ``no_content`` says so.
    ``paged``: the reply is one of several pages, so that an object where a bare list is meant is no page but a word of the vendor.
    ``lines``: the body is JSON lines whatever type it claims. ``packed``: a file, which may be gzip and have any type.
    """

    def __init__(
        self,
        items: str | None,
        error_field: str | None,
        http: Http,
        *,
        lines: bool = False,
        packed: bool = False,
        repeatable: bool = True,
        promised: bool = False,
        paged: bool = False,
    ) -> None:
        self._items = items
        self._paged = paged
        self._error_field = error_field
        self._http = http
        self._lines = lines
        self._packed = packed
        self._repeatable = repeatable
        self._promised = promised
        self.document: Any = None
        self.records: list[bytes] = []
        self.no_content = False

    def __call__(self, reply: Response) -> None:
        if not reply.ok:
            return
        self.document, self.records = None, []
        self.no_content = reply.status == 204
        if self.no_content:
            if self._promised:
                raise Again(
                    CursorExpired(f"{what(reply)}: no content (204) in place of the page; the walk starts anew")
                )
            return
        if self._packed:
            body = self._unpacked(reply)
        elif self._lines or reply.content_type in _LINE_TYPES:
            body = reply.json_bytes()
        else:
            body = reply.require_json()
        if self._lines or reply.content_type in _LINE_TYPES:
            self.records = split_lines(body)
            self._require_last_line(reply, body)
            return
        try:
            self.document, self.records = split(body, self._items)
        except Unsplittable as problem:
            words = vendor_words(reply, self._http.scrub)
            error = UnexpectedReply(
                f"{what(reply)}: {tidy(str(problem), self._http.scrub)}" + (f" ({words})" if words else "")
            )
            if problem.cut and self._repeatable:
                raise Again(error) from None
            raise error from None
        self._refuse_error(reply)
        if self._paged and self._items == "" and isinstance(self.document, dict):
            words = vendor_words(reply, self._http.scrub)
            raise UnexpectedReply(
                f"{what(reply)}: an object where a bare list was expected" + (f" ({words})" if words else "")
            )

    def _require_last_line(self, reply: Response, body: bytes) -> None:
        """A body that ends with its connection says nothing of being cut short, but its last line does."""
        if not self.records or body.endswith(b"\n"):
            return
        try:
            split(self.records[-1], "")
        except Unsplittable as problem:
            if problem.cut:
                raise Again(UnexpectedReply(f"{what(reply)}: breaks off inside its last line")) from None

    def _unpacked(self, reply: Response) -> bytes:
        if not reply.body.startswith(_GZIP):
            return reply.require_json() if "html" in reply.content_type else reply.json_bytes()
        name = f"the file behind {what(reply)}"
        body = Body("gzip", self._http.limits, name)
        try:
            body.feed(reply.body)
            return body.finish()
        except Truncated:
            raise Again(UnexpectedReply(f"{name} breaks off")) from None

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
            f"{what(reply)}: the vendor reports an error under status {reply.status}: {tidy(text, self._http.scrub)}"
        )


def moment(reply: Response) -> str:
    """When a reply had arrived, as a canonical STIX time."""
    fetched = datetime.fromtimestamp(reply.received_at, UTC)
    return fetched.strftime("%Y-%m-%dT%H:%M:%S.") + f"{fetched.microsecond // 1000:03d}Z"


def what(reply: Response) -> str:
    """A reply's request, for messages."""
    return f"{reply.method} {reply.url.without_query}"


__all__ = ["PageReader", "moment", "what"]
