"""What a pager is: the request for a page, the reply it reads, and the protocol between the two.

A pager is stateless: ``ask`` says what to send for a position, ``after`` reads the next position out of a reply. A
position is plain JSON; it travels in the cursor, so a walk resumes after a restart exactly where the last stored page
ended. ``None`` is the beginning for ``ask`` and the end for ``after``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from isthmus_sdk.errors import CursorExpired
from isthmus_sdk.http._message import Headers


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
    """The whole protocol; write your own where none of these fits.

    A pager whose requests move something on the server (a scroll) sets ``repeatable = False``: its pages are asked for
    once, and a walk that was interrupted starts anew. One whose positions come from the vendor, who thereby promises a
    page there, sets ``promised = True``: a reply without content (204) in its place is then a fault and not the end.
    """

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


def size_field(name: str | None, limit: int | None) -> dict[str, int]:
    """The parameter that says how many records a page has."""
    return {} if name is None or limit is None else {name: limit}


def taken(position: Any, name: str, kind: type | tuple[type, ...], start: Any) -> Any:
    """The value inside a position; one that another pager or an older version wrote means that the walk starts anew."""
    if position is None:
        return start
    value = position.get(name) if isinstance(position, Mapping) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise CursorExpired("the saved position belongs to another way of paging; the walk starts anew")
    return value


def ends(reply: Reply, limit: int | None, short_ends: bool) -> bool:
    """Whether a page without records, or (where promised) a short one, is the last."""
    return not reply.records or (short_ends and limit is not None and len(reply.records) < limit)


def number(value: Any) -> float | None:
    """A count as vendors write it, ``None`` for what is none."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        return int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _placed(body: Any, path: list[str], value: Any) -> Any:
    inner = body if isinstance(body, Mapping) else {}
    name = path[0]
    return {**inner, name: value if len(path) == 1 else _placed(inner.get(name), path[1:], value)}


__all__ = ["OnePage", "PageRequest", "Pager", "Reply", "ends", "number", "size_field", "taken"]
