"""What a stream asks its vendor for, found out by running its function without a vendor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from isthmus_sdk.context import Context, PagesRequest
from isthmus_sdk.errors import RecordError
from isthmus_sdk.marks import Mark, convert

if TYPE_CHECKING:
    from isthmus_sdk.connector import Stream
    from isthmus_sdk.http import Http, PageRequest
    from isthmus_sdk.page import Page

Key = tuple[str, str, tuple[tuple[str, str], ...], bytes, str]
"""Method, path, sorted query, canonical body, ``Range`` header: what makes two requests the same."""
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?|(?<![\w.])\d{9,19}(?![\w.])"
)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?![\w.])")
_AT_LEAST = re.compile(r"(?:gte|ge|>=|=>|\$gte|from|since)\W*$", re.IGNORECASE)
_ABOVE = re.compile(r"(?:gt|>|\bafter)\W*$", re.IGNORECASE)


class ByHand(Exception):
    """The stream reads its pages over ``ctx.http`` itself, so what it asks for cannot be known before it runs."""


class _Spy:
    """A transport that brings nothing and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[PagesRequest] = []

    def pages(self, request: PagesRequest, resume: Any) -> Iterator[Page]:
        self.asked.append(request)
        return iter(())


def asked(stream: Stream[Any, Any], settings: Any, since: Mark | None = None) -> list[PagesRequest]:
    """The ``ctx.pages`` calls of a run that begins at this mark. Raises ``ByHand``."""

    def connect() -> Http:
        raise ByHand(f"stream {stream.name}: reads its pages by hand")

    spy = _Spy()
    context: Context[Any] = Context(
        settings,
        stream.name,
        transport=spy,
        connect=connect,
        since=since,
        lookback=stream.lookback,
        items=stream.items,
    )
    try:
        for _ in stream.fn(context):
            pass
    except ByHand:
        raise
    except Exception:  # it did not expect a vendor without a page; what it asked for until then is known
        if not spy.asked:
            raise
    return spy.asked


def playable(request: PagesRequest) -> bool:
    """Whether pages can be played from the declaration alone: what its pager asks for depends on the replies it reads."""
    from isthmus_sdk.http import Entities, Export, Sublist

    return (request.then is None or isinstance(request.then, Sublist | Entities)) and (
        request.next is None or isinstance(request.next, Export) or hasattr(request.next, "ask")
    )


def start_of(request: PagesRequest) -> PageRequest:
    """The first request of a walk, before its pager adds anything; as ``isthmus_sdk.http.pages`` makes it."""
    from isthmus_sdk.http import PageRequest

    return PageRequest(request.path, dict(request.params), request.json, dict(request.headers or {}))


def key_of(http: Http, method: str, ask: PageRequest) -> Key:
    """What the server sees of a request."""
    url = http.resolve(ask.url, ask.params)
    from urllib.parse import parse_qsl, urlsplit

    parts = urlsplit(str(url))
    body = b"" if ask.json is None else canonical(msgspec.json.encode(ask.json, enc_hook=str))
    ranged = {name.lower(): value for name, value in ask.headers.items()}.get("range", "")
    return (method.upper(), parts.path, tuple(sorted(parse_qsl(parts.query, keep_blank_values=True))), body, ranged)


def canonical(body: bytes) -> bytes:
    """A JSON body with its names in order; other bodies as they are."""
    try:
        return msgspec.json.encode(msgspec.json.decode(body), order="deterministic")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body


@dataclass(frozen=True, slots=True)
class Border:
    """From where on the vendor is asked for records."""

    value: Any
    inclusive: bool


def border_in(plain: Key, filtered: Key, *, like: Mark, unit: str, inclusive: bool) -> Border | None:
    """The border that ``filtered`` asks for and ``plain`` does not; ``None`` where the two ask for the same.

    ``like`` tells what a border looks like. ``inclusive`` holds where the request itself does not say.
    """
    for before, text in _new_texts(plain, filtered):
        for match in (_TIME if isinstance(like, datetime) else _NUMBER).finditer(text):
            try:
                value = convert(match[0], "time" if isinstance(like, datetime) else "number", unit)
            except (ValueError, OverflowError, RecordError):
                continue
            lead = before + text[: match.start()]
            strict = _ABOVE.search(lead) is not None and _AT_LEAST.search(lead) is None
            return Border(value, False if strict else True if _AT_LEAST.search(lead) else inclusive)
    if isinstance(like, str) and any(like in text for _, text in _new_texts(plain, filtered)):
        return Border(like, inclusive)
    return None


def _new_texts(plain: Key, filtered: Key) -> Iterator[tuple[str, str]]:
    """Name and text of what the second request has and the first has not."""
    known = set(plain[2])
    for name, value in filtered[2]:
        if (name, value) not in known:
            yield f"{name} ", value
    if filtered[3] != plain[3]:
        yield "", filtered[3].decode("utf-8", "replace")


__all__ = ["Border", "ByHand", "Key", "asked", "border_in", "canonical", "key_of", "playable", "start_of"]
