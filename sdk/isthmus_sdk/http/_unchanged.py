"""Asking only for what changed (RFC 9110 section 13): the validators of a reply, and the question made of them."""

from __future__ import annotations

from collections.abc import Mapping

from isthmus_sdk.http._message import Response

_LONGEST = 512


def validators(reply: Response) -> dict[str, str] | None:
    """``etag`` and ``modified`` of a whole reply, as they go into a cursor; ``None`` where it bears neither."""
    if reply.status != 200:
        return None
    found = {"etag": reply.headers.get("etag", ""), "modified": reply.headers.get("last-modified", "")}
    return {name: value for name, value in found.items() if _usable(value)} or None


def question(known: Mapping[str, str] | None) -> dict[str, str]:
    """Headers that ask for the reply only if it is another than the known one; 304 says that it is not."""
    known = known or {}
    asked = {"If-None-Match": known.get("etag", ""), "If-Modified-Since": known.get("modified", "")}
    return {name: value for name, value in asked.items() if _usable(value)}


def _usable(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isascii() and value.isprintable()


__all__ = ["question", "validators"]
