"""Lists of a list's records: each record has a list of its own at an address of its own, as a group has its members.

The inner list is read to its end and put into the record, so that one record says all and its mapping stays pure. A record
that vanishes between its list and its own is left out and counted in ``Page.vanished``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

import msgspec

from isthmus_sdk.errors import ConfigurationError, CursorExpired, TooLarge
from isthmus_sdk.http._paging import Pager
from isthmus_sdk.http._split import Unsplittable, lookup
from isthmus_sdk.page import Page

MOST = 1_000_000
"""Records of one inner list."""
_PLACE = "{key}"


@dataclass(frozen=True, slots=True)
class Sublist:
    """How the list of one record is asked for.

    ``path`` holds ``{key}``, which becomes what the record says at ``key``. ``into`` is the field of the record that the
    inner list goes into; ``keep`` names the one field of its records that is kept, where not all of each is wanted (the
    ids of ten thousand members). ``next``, ``items``, ``limit`` and ``params`` are those of ``pages``, for the inner list.
    ``batch`` records make a page. ``unless``: field and value of records that have no list worth asking for.
    """

    path: str
    into: str
    key: str = "id"
    keep: str | None = None
    next: Pager | None = None
    items: str | None = ""
    limit: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    batch: int = 20
    unless: tuple[str, Any] | None = None

    def __post_init__(self) -> None:
        if _PLACE not in self.path or self.batch < 1:
            raise ConfigurationError("Sublist needs a path with {key} and a batch of one record or more")

    def path_of(self, record: Any) -> str | None:
        """Where the list of a record is; ``None`` where it has none, or does not say its key."""
        if not isinstance(record, dict):
            return None
        if self.unless is not None and lookup(record, self.unless[0]) == self.unless[1]:
            return None
        key = lookup(record, self.key)
        if isinstance(key, bool) or not isinstance(key, str | int) or key == "" or str(key) in (".", ".."):
            return None
        return self.path.replace(_PLACE, quote(str(key), safe=""))


def with_sublists(
    lists: Callable[[Any], Iterator[Page]], read: Callable[[str], Iterator[Page]], then: Sublist, *, resume: Any
) -> Iterator[Page]:
    """Pages of ``batch`` records, each with its inner list.

    The position is the page of the outer list and how far into it the walk came; an outer page that changed meanwhile is
    read again from its beginning.
    """
    before, done, digest = _position(resume)
    number = 0
    for outer in lists(before):
        mark = blake2b(b"\n".join(outer.records), digest_size=8).hexdigest()
        begins = range(0, max(len(outer.records), 1), then.batch)
        first = done if digest == mark and done in begins else 0
        done, digest = 0, ""
        for at in begins:
            if at < first:
                continue
            number += 1
            last = at == begins[-1]
            records, vanished, observed_at, silent = _attached(outer.records[at : at + then.batch], read, then)
            if not last:
                after: Any = {"outer": before, "done": at + then.batch, "of": mark}
            else:
                after = None if outer.after is None else {"outer": outer.after, "done": 0, "of": ""}
            yield Page(
                records=records,
                observed_at=observed_at or outer.observed_at,
                after=after,
                number=number,
                source=outer.source,
                vanished=vanished,
                no_content=silent or outer.no_content,
            )
        before = outer.after


def _attached(
    records: Sequence[bytes], read: Callable[[str], Iterator[Page]], then: Sublist
) -> tuple[list[bytes], int, str, bool]:
    """Records with their lists, how many vanished, when the last list was read, and whether a reply had no content."""
    made: list[bytes] = []
    vanished, observed_at, silent = 0, "", False
    for raw in records:
        try:
            record = msgspec.json.decode(raw)
            path = then.path_of(record)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, Unsplittable):
            path = None
        if path is None:
            made.append(raw)
            continue
        found: list[Any] | None = None
        try:
            for page in read(path):
                found = [*(found or ()), *(_kept(each, then.keep) for each in page.records)]
                observed_at, silent = page.observed_at, silent or page.no_content
                if len(found) > MOST:
                    raise TooLarge(f"{page.source}: more than {MOST:,} records in the list of one record")
        except CursorExpired:
            if found is not None:  # its list was there: it is the position in it that has expired
                raise
            vanished += 1
            continue
        made.append(raw if record.get(then.into) == found else _with(raw, then.into, found))
    return made, vanished, observed_at, silent


def _with(raw: bytes, name: str, value: Any) -> bytes:
    """The record as the vendor wrote it, and one more field at its end; of a name that stands twice the last counts."""
    inside = raw.strip()[1:-1].strip()
    more = msgspec.json.encode({name: value})[1:-1]
    return b"{" + inside + (b"," if inside else b"") + more + b"}"


def _kept(raw: bytes, name: str | None) -> Any:
    """A record of the inner list as it is, or the one field of it that is wanted."""
    if name is None:
        return msgspec.Raw(raw)
    try:
        return lookup(msgspec.json.decode(raw), name)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, Unsplittable):
        return None


def _position(resume: Any) -> tuple[Any, int, str]:
    if resume is None:
        return None, 0, ""
    done = resume.get("done") if isinstance(resume, Mapping) else None
    digest = resume.get("of") if isinstance(resume, Mapping) else None
    if not isinstance(done, int) or not isinstance(digest, str) or "outer" not in resume:
        raise CursorExpired("the saved position belongs to another way of paging; the walk starts anew")
    return resume["outer"], done, digest


__all__ = ["Sublist", "with_sublists"]
