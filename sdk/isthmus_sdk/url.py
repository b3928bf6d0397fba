"""``Url``: an absolute http(s) URL, parsed once, that knows its origin.

Every URL takes this road, however it arrived: a setting, a next link, a ``Link`` header, a redirect, a download
address. Origins are compared whole (scheme, host, port), never as string prefixes, and the parts that are sent are
the parts that were checked: nothing parses the text a second time.

Written down here are the rules of RFC 3986 with the host handling of the WHATWG URL standard (section 3.5):
``127.1``, ``2130706433`` and ``0x7f.1`` are the address 127.0.0.1 and nothing else.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self
from urllib.parse import quote, urljoin

_DEFAULT_PORT = {"http": 80, "https": 443}
_SHAPE = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?"
)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# What goes over the wire as it stands. Links come from the vendor ready-made and may be signed, so as little as
# possible is rewritten.
_VERBATIM = "!#$%&'()*+,/:;=?@[]|{}^~"
_LONGEST = 65_536


class InvalidUrl(ValueError):
    """The text is not a URL that may be contacted. The message never repeats a user name, password or query."""


class Origin(NamedTuple):
    """Scheme, host and port: what a credential is bound to (RFC 6454)."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """As it stands in a URL and in the ``Host`` header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORT[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Url(str):
    """An absolute http or https URL in normal form; a ``str``, so it prints and compares like one.

    ``base / "v1/alerts"`` joins a path (one slash between the two, the base's own path is kept, the query is
    dropped). Raises ``InvalidUrl`` for other schemes, user names or passwords in the URL, control characters, spaces
    or backslashes before the query, ports outside 1-65535 and hosts that are neither a name nor an address.
    """

    __slots__ = ("origin", "path", "query")

    origin: Origin
    path: str
    """Percent-encoded path; empty when the URL names the origin alone."""
    query: str
    """Percent-encoded query without ``?``."""

    def __new__(cls, value: str) -> Self:
        if type(value) is cls:
            return value
        origin, path, query = _parse(value)
        text = f"{origin}{path}"
        self = super().__new__(cls, f"{text}?{query}" if query else text)
        self.origin, self.path, self.query = origin, path, query
        return self

    def __truediv__(self, path: str) -> Url:
        relative = str(path).strip("/") if path in ("", "/") else str(path).lstrip("/")
        segments = relative.partition("?")[0].split("/")
        if any(segment.replace("%2e", ".").replace("%2E", ".") in (".", "..") for segment in segments):
            raise InvalidUrl(f"the path {path!r} climbs out of {self.without_query} with '.' or '..'")
        return Url(f"{self.origin}{self.path.rstrip('/')}/{relative}" if relative else f"{self.origin}{self.path}")

    def __reduce__(self) -> tuple[type[Url], tuple[str]]:
        return (Url, (str(self),))

    @property
    def host(self) -> str:
        """Lower case, IDNA-encoded, without brackets or trailing dot."""
        return self.origin.host

    @property
    def target(self) -> str:
        """Path and query as they stand in the request line."""
        path = self.path or "/"
        return f"{path}?{self.query}" if self.query else path

    @property
    def without_query(self) -> str:
        """The form for messages and logs: queries carry tokens at some vendors."""
        return f"{self.origin}{self.path}"

    def with_params(self, params: Mapping[str, Any]) -> Url:
        """Append query parameters in the order given (some vendors sign it); ``None`` is left out, lists repeat the
        key.
        """
        added = _encode_params(params)
        if not added:
            return self
        query = f"{self.query}&{added}" if self.query else added
        return Url(f"{self.origin}{self.path}?{query}")

    def resolve(self, reference: str) -> Url:
        """Resolve a relative or absolute reference (RFC 3986 section 5) such as a ``Location`` or a next link."""
        _refuse_strange_characters(reference)
        try:
            return Url(urljoin(f"{self.origin}{self.target}", reference))
        except InvalidUrl:
            raise
        except ValueError:  # urllib's own complaint about brackets; it repeats the text
            raise InvalidUrl("the reference is not a valid URL") from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema()),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "format": "uri"}


def _refuse_strange_characters(text: str) -> None:
    if len(text) > _LONGEST:
        raise InvalidUrl(f"a URL of {len(text)} characters; at most {_LONGEST} are accepted")
    before_query = text.partition("?")[0]
    if _FORBIDDEN.search(before_query) or "\\" in before_query:
        raise InvalidUrl("a URL must not contain spaces, control characters or backslashes")
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise InvalidUrl("a URL must not contain control characters")


def _parse(value: str) -> tuple[Origin, str, str]:
    _refuse_strange_characters(value)
    match = _SHAPE.match(value)
    if match is None:
        raise InvalidUrl("not an absolute URL; write it as https://host/path")
    scheme = match["scheme"].lower()
    if scheme not in _DEFAULT_PORT:
        raise InvalidUrl(f"the scheme {scheme!r} is not used here; only https and http are")
    authority = match["authority"]
    if "@" in authority:
        raise InvalidUrl("the URL holds a user name or password; put them into settings and secrets instead")
    host, port = _host_and_port(authority, _DEFAULT_PORT[scheme])
    query = match["query"] or ""
    return Origin(scheme, host, port), _encode(match["path"]), _encode(query)


def _encode(text: str) -> str:
    return quote(_LONE_PERCENT.sub("%25", text), safe=_VERBATIM)


def _host_and_port(authority: str, default: int) -> tuple[str, int]:
    if authority.startswith("["):
        literal, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise InvalidUrl("the IPv6 address in the URL is not closed with ']'")
        try:
            host = str(ipaddress.IPv6Address(literal))
        except ValueError:
            raise InvalidUrl("the IPv6 address in the URL is not valid (zone ids are not accepted)") from None
        if "%" in host:
            raise InvalidUrl("an IPv6 zone id has no meaning in a URL")
        port = rest[1:]
    else:
        name, _, port = authority.partition(":")
        host = _host_name(name)
    if not port:
        return host, default
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65_536:
        raise InvalidUrl("the port of the URL is not a number from 1 to 65535")
    return host, int(port)


def _host_name(name: str) -> str:
    host = name.lower().removesuffix(".")
    if not host.isascii():
        import idna  # comes with httpx; only needed for names outside ASCII

        try:
            host = idna.encode(host, uts46=True).decode("ascii").removesuffix(".")
        except idna.IDNAError:
            raise InvalidUrl("the host of the URL is not a valid international domain name") from None
    labels = host.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(socket.inet_aton(host)))
        except OSError:
            raise InvalidUrl("the host of the URL is a number but not an IPv4 address") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidUrl("the host of the URL is empty or holds characters that no host name has")
    return host


def _encode_params(params: Mapping[str, Any]) -> str:
    pairs: list[str] = []
    for key, value in params.items():
        values: Sequence[Any] = value if isinstance(value, list | tuple) else (value,)
        pairs.extend(
            f"{quote(str(key), safe='$')}={quote(_text(item), safe='')}" for item in values if item is not None
        )
    return "&".join(pairs)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


__all__ = ["InvalidUrl", "Origin", "Url"]
