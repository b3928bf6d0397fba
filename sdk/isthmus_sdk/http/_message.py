"""Requests, replies and their headers, as the rest of the SDK and auth kinds see them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from isthmus_sdk.errors import ConfigurationError, UnexpectedReply
from isthmus_sdk.url import Url

_SAFE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MAY_BE_JSON = frozenset({"", "text/plain", "text/javascript", "application/javascript"})
_WORD = re.compile(r"[^a-z0-9]+")
_BOM = b"\xef\xbb\xbf"
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:\-]+)", re.IGNORECASE)


class Headers(Mapping[str, str]):
    """Header fields; names compare without case, repeated fields are joined with a comma (RFC 9110 section 5.3)."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, str] | list[tuple[str, str]] | None = None) -> None:
        pairs = items.items() if isinstance(items, Mapping) else items or ()
        self._items: dict[str, tuple[str, str]] = {}
        for name, value in pairs:
            key = name.lower()
            earlier = self._items.get(key)
            self._items[key] = (name, f"{earlier[1]}, {value}" if earlier else value)

    def __getitem__(self, name: str) -> str:
        return self._items[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Headers({', '.join(self._items)})"  # names only: values hold credentials

    def with_(self, added: Mapping[str, str]) -> Headers:
        """A copy in which ``added`` replaces fields of the same name."""
        merged = dict(self._items)
        for name, value in added.items():
            merged[name.lower()] = (name, value)
        copy = Headers()
        copy._items = merged
        return copy

    def pairs(self) -> list[tuple[str, str]]:
        """Names as written, and values."""
        return list(self._items.values())


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One request. Auth kinds return changed copies (``with_headers``); nothing changes a request in place."""

    method: str
    url: Url
    headers: Headers = field(default_factory=Headers)
    content: bytes | None = None
    idempotent: bool | None = None
    """May be sent twice. ``None``: decided by the method; a POST that only reads must be declared."""
    login: bool = False
    """Sent by an auth kind to obtain a token: may go to the auth's login origins, and is never redirected."""

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.url.without_query}>"

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no harm: the method says so, or ``idempotent`` does."""
        return self.login or (self.method in _SAFE_METHODS if self.idempotent is None else self.idempotent)

    def with_headers(self, added: Mapping[str, str]) -> Request:
        """The same request with further headers, which replace those of the same name."""
        return replace(self, headers=self.headers.with_(checked_headers(added)))


@dataclass(frozen=True, slots=True, repr=False)
class Response:
    """One whole reply: the body is decoded, within its caps, and complete."""

    status: int
    headers: Headers
    body: bytes
    url: Url
    """Where the reply came from, after redirects."""
    method: str = "GET"
    received_at: float = field(default_factory=time.time)
    """Seconds since the epoch, when the last byte arrived."""

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.method} {self.url.without_query} ({len(self.body)} bytes)>"

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def content_type(self) -> str:
        """The media type alone, lower case; empty if the reply names none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text; bytes that do not fit its charset become replacement characters."""
        try:
            return self.body.decode(self._charset, "replace").removeprefix("\ufeff")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    def json_bytes(self) -> bytes:
        """The body as UTF-8 without a byte order mark, whatever charset the reply declares."""
        if self._charset in ("utf-8", "utf8", "us-ascii", "ascii"):
            return self.body.removeprefix(_BOM)
        try:
            return self.body.decode(self._charset).removeprefix("\ufeff").encode()
        except (LookupError, UnicodeError):
            raise UnexpectedReply(f"{self._what} declares a charset that its body does not have") from None

    @property
    def _charset(self) -> str:
        match = _CHARSET.search(self.headers.get("content-type", ""))
        return match[1].lower() if match else "utf-8"

    def require_json(self) -> bytes:
        """The body if the reply claims to be JSON, else ``UnexpectedReply`` that says what came instead."""
        kind = self.content_type
        start = self.body[:64].removeprefix(_BOM).lstrip()[:1]
        if kind in ("text/html", "application/xhtml+xml") or (start == b"<" and kind in _MAY_BE_JSON):
            raise UnexpectedReply(
                f"{self._what} is a web page instead of JSON, probably a login or maintenance page; "
                "check the base URL and the credential"
            )
        if kind not in _MAY_BE_JSON and "json" not in _WORD.split(kind):  # as text/json, x.api+json, x-amz-json-1.1
            raise UnexpectedReply(
                f"{self._what} has the content type {kind[:80]!r} instead of JSON; check the base URL and path"
            )
        return self.json_bytes()

    def json(self) -> Any:
        """The body decoded with msgspec (whole numbers keep all digits). Raises ``UnexpectedReply`` for what is no
        JSON.
        """
        body = self.require_json()
        if not body.strip():
            raise UnexpectedReply(f"{self._what} has an empty body where JSON was expected")
        try:
            return msgspec.json.decode(body)
        except RecursionError:
            raise UnexpectedReply(f"{self._what} holds JSON nested too deeply") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnexpectedReply(f"{self._what} holds broken or truncated JSON: {error}") from None

    @property
    def _what(self) -> str:
        return f"the reply to {self.method} {self.url.without_query} (status {self.status})"


def checked_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Refuse what would break out of a header line. The message names the header, never its value."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise ConfigurationError("a header name holds characters that HTTP does not allow")
        if not value.isascii() or not value.isprintable():
            raise ConfigurationError(
                f"the value for the header {name} holds line breaks, control characters or characters outside ASCII; "
                "check the setting or secret it comes from (a trailing newline?)"
            )
    return headers


__all__ = ["Headers", "Request", "Response", "checked_headers"]
