"""What becomes of a request that is redirected: pure rules, no network (RFC 9110 section 15.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from isthmus_sdk.errors import OriginRefused, UnexpectedReply
from isthmus_sdk.http._message import Headers, Request, Response
from isthmus_sdk.url import InvalidUrl, Url

_STATUSES = frozenset({301, 302, 303, 307, 308})
_KEPT_ACROSS_ORIGINS = frozenset({"accept", "accept-encoding", "accept-language", "user-agent"})


def redirected(request: Request, reply: Response, require: Callable[[Url], None]) -> Request | None:
    """The request that follows ``reply``, ``None`` where it is no redirect.

    Nothing meant for one origin goes to another: there, every header beyond the harmless ones stays behind, and a
    body is not sent again. Never from https to http. ``require`` raises where the new place may not be contacted at all,
    and is asked before anything else is said of it. Raises ``OriginRefused`` or ``UnexpectedReply``.
    """
    location = reply.headers.get("location")
    if reply.status not in _STATUSES or location is None:
        return None
    what = f"{request.method} {request.url.without_query}"
    try:
        url = request.url.resolve(location)
    except InvalidUrl as error:
        raise OriginRefused(f"{what}: redirects to something that is no usable URL: {error}") from None
    if request.url.origin.scheme == "https" and url.origin.scheme == "http":
        raise OriginRefused(f"{what}: redirects from https to http ({url.without_query}); that is never followed")
    require(url)
    moved = url.origin != request.url.origin
    if request.method not in ("GET", "HEAD"):
        if reply.status == 303:
            request = replace(request, method="GET", content=None, headers=_without_content(request.headers))
        elif moved or reply.status in (301, 302):
            raise UnexpectedReply(f"{what}: redirects to {url.without_query}; set the base URL to the final address")
    if moved:
        request = replace(request, headers=Headers(harmless(dict(request.headers.pairs()))))
    return replace(request, url=url)


def harmless(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that may go along to another origin: those that say what we can read, and who we are."""
    return {name: value for name, value in headers.items() if name.lower() in _KEPT_ACROSS_ORIGINS}


def _without_content(headers: Headers) -> Headers:
    return Headers([(name, value) for name, value in headers.pairs() if not name.lower().startswith("content-")])


__all__ = ["harmless", "redirected"]
