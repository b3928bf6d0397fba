"""Ids first, entities after: a list of ids, and requests that bring the entities for some of them at a time.

Between the two an entity may vanish. That is no error, but it is counted: ids that were asked for and did not come back
are asked for once more without the others (a server may cap what it returns), and then they are ``Page.vanished``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec

from isthmus_sdk.errors import ConfigurationError, CursorExpired, TooLarge, UnexpectedReply
from isthmus_sdk.http._client import Http
from isthmus_sdk.http._message import Response
from isthmus_sdk.http._paging import PageRequest
from isthmus_sdk.http._reading import PageReader, moment, what
from isthmus_sdk.http._split import Unsplittable, lookup
from isthmus_sdk.page import Page

_GONE = (404, 410)
_ROUNDS = 64
"""Requests for one batch, each of which brings some of what is missing."""
_NO_ID = "the list names no usable id here"


@dataclass(frozen=True, slots=True)
class Entities:
    """How the entities of a list of ids are asked for.

    ``path`` takes at most ``batch`` ids, in the field ``param`` of a JSON body (POST, which only reads here) or in the
    query (GET: repeated, or in one value ``joined`` by a sign). ``items`` is where the entities are in the reply, ``key``
    where each says its id. ``id`` is where the id is in a record of the list; ``None``: the record is the id. ``params``
    and ``json`` go with every request.
    """

    path: str
    param: str = "ids"
    batch: int = 100
    items: str | None = None
    key: str = "id"
    id: str | None = None
    method: str = "POST"
    joined: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ConfigurationError("Entities needs a batch of one id or more")


def detailed(
    http: Http,
    lists: Callable[[Any], Iterator[Page]],
    then: Entities,
    *,
    resume: Any,
    error_field: str | None,
    deadline: float | None,
) -> Iterator[Page]:
    """A page of entities for each batch of ids; the position is the page of ids and how far into it the walk came."""
    before, done, digest = _position(resume)
    asker = _Asker(http, then, error_field, deadline)
    number = 0
    for listed in lists(before):
        ids, strange = _ids(listed.records, then.id)
        batches = [ids[at : at + then.batch] for at in range(0, len(ids), then.batch)] or [[]]
        mark = _digest(ids)
        first = done if digest == mark and done < len(batches) else 0
        done, digest = 0, ""
        for at in range(first, len(batches)):
            number += 1
            last = at == len(batches) - 1
            records, vanished = asker.fetch(batches[at]) if batches[at] else ([], 0)
            extra = strange if last else []
            if not last:
                after: Any = {"ids": before, "done": at + 1, "of": mark}
            else:
                after = None if listed.after is None else {"ids": listed.after, "done": 0, "of": ""}
            yield Page(
                records=[*records, *extra],
                observed_at=asker.observed_at or listed.observed_at,
                after=after,
                number=number,
                source=asker.source,
                unreadable={len(records) + index: _NO_ID for index in range(len(extra))},
                vanished=vanished,
                no_content=asker.no_content or listed.no_content,
            )
        before = listed.after


class _Asker:
    """Brings the entities of one batch, whatever the server makes of it."""

    def __init__(self, http: Http, then: Entities, error_field: str | None, deadline: float | None) -> None:
        self._http = http
        self._then = then
        self._error_field = error_field
        self._deadline = deadline
        self.observed_at = ""
        self.no_content = False
        """Some reply had none: what it left out may be gone or not."""
        self.source = http.resolve(then.path).without_query

    def fetch(self, ids: Sequence[str | int]) -> tuple[list[bytes], int]:
        """Entities of ``ids``, and how many of these no longer exist."""
        fetched: list[bytes] = []
        asked = ids
        for _ in range(_ROUNDS):
            try:
                reply, records = self._ask(asked)
            except TooLarge:
                if len(asked) == 1:
                    raise
                return _joined(fetched, self._halves(asked))
            if reply is None:  # one of them is gone, and the server says so for all
                return _joined(fetched, self._halves(asked) if len(asked) > 1 else ([], 1))
            found, strange = self._found(records)
            missing = [each for each in asked if str(each) not in found]
            fetched += records
            if len(missing) <= strange:
                return fetched, 0
            if len(missing) == len(asked):
                return _joined(
                    fetched, self._none_came(asked, reply, strange, others=bool(records), first=asked == ids)
                )
            # Gone, or left out by a server that caps what it returns: without the others it will show.
            asked = missing
        raise UnexpectedReply(
            f"{self.source}: a request for {len(ids)} entities brings only a few of them; lower the batch of Entities"
        )

    def _none_came(
        self, ids: Sequence[str | int], reply: Response, strange: int, *, others: bool, first: bool
    ) -> tuple[list[bytes], int]:
        """Not one of the ids came: all are gone, or the batch is more than the server takes. ``others`` came instead."""
        if first and others and not strange:
            raise UnexpectedReply(
                f"{what(reply)}: none of the entities bears an id that was asked for at {self._then.key!r}; "
                "set the key of Entities to where it stands"
            )
        if not first or strange or len(ids) == 1:
            return [], max(len(ids) - strange, 0)
        probe, _ = self.fetch(ids[:1])
        return _joined(probe, self._halves(ids[1:])) if probe else ([], len(ids))

    def _halves(self, ids: Sequence[str | int]) -> tuple[list[bytes], int]:
        middle = (len(ids) + 1) // 2
        left, gone = self.fetch(ids[:middle])
        if middle == len(ids):
            return left, gone
        right, gone_too = self.fetch(ids[middle:])
        return [*left, *right], gone + gone_too

    def _ask(self, ids: Sequence[str | int]) -> tuple[Response | None, list[bytes]]:
        then = self._then
        reader = PageReader(then.items, self._error_field, self._http)
        value: Any = list(ids) if then.joined is None else then.joined.join(map(str, ids))
        body: Any = None if then.method == "GET" else dict(then.json)
        ask = PageRequest(then.path, dict(then.params), body).with_fields({then.param: value})
        reply = self._http.request(
            then.method,
            then.path,
            params=ask.params,
            json=ask.json,
            idempotent=True,
            deadline=self._deadline,
            accept=_GONE,
            check=reader,
        )
        self.observed_at = moment(reply)
        self.no_content = self.no_content or reader.no_content
        return (reply, reader.records) if reply.ok else (None, [])

    def _found(self, records: Sequence[bytes]) -> tuple[set[str], int]:
        """Ids of what came, and how many records do not tell theirs."""
        found, strange, nameless = set(), 0, 0
        for raw in records:
            try:
                record = msgspec.json.decode(raw)
                value = lookup(record, self._then.key)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, Unsplittable):
                record = value = None
            if value is not None:
                found.add(str(value))
            elif isinstance(record, dict):
                nameless += 1
            else:
                strange += 1
        # Where no record at all tells its id, it is looked for in the wrong place.
        return found, strange + (nameless if found else 0)


def _joined(records: list[bytes], more: tuple[list[bytes], int]) -> tuple[list[bytes], int]:
    return [*records, *more[0]], more[1]


def _ids(records: Sequence[bytes], path: str | None) -> tuple[list[str | int], list[bytes]]:
    """Ids of a page in order, each once, and the records that hold none."""
    ids: dict[str | int, None] = {}
    strange = []
    for raw in records:
        try:
            value = msgspec.json.decode(raw)
            value = value if path is None else lookup(value, path)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, Unsplittable):
            value = None
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            ids[value] = None
        else:
            strange.append(raw)
    return list(ids), strange


def _position(resume: Any) -> tuple[Any, int, str]:
    if resume is None:
        return None, 0, ""
    done = resume.get("done") if isinstance(resume, Mapping) else None
    digest = resume.get("of") if isinstance(resume, Mapping) else None
    if not isinstance(done, int) or not isinstance(digest, str) or "ids" not in resume:
        raise CursorExpired("the saved position belongs to another way of paging; the walk starts anew")
    return resume["ids"], done, digest


def _digest(ids: Sequence[str | int]) -> str:
    return blake2b(msgspec.json.encode(list(ids)), digest_size=8).hexdigest()


__all__ = ["Entities", "detailed"]
