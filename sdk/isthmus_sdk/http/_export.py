"""Lists that the vendor prepares: start an export, wait until it is done, fetch its chunks.

The position holds the job and how many of its chunks are stored: a walk that was interrupted, even while it waited, goes on
with the same job. Where the vendor gave the job up, forgot it or no longer has a chunk, the walk starts anew.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import quote

from isthmus_sdk.errors import CursorExpired, DeadlineExceeded, UnexpectedReply
from isthmus_sdk.http._client import Http
from isthmus_sdk.http._message import Response
from isthmus_sdk.http._paging import PageRequest
from isthmus_sdk.http._reading import PageReader, moment, what
from isthmus_sdk.http._split import Unsplittable, lookup
from isthmus_sdk.http._verdict import tidy
from isthmus_sdk.page import Page

_FORGOTTEN: Final = (400, 404, 410)
_REFUSED: Final = (400, 401, 403, 404, 410)
"""What the store behind a link answers once the link is too old."""
_GROWTH: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """How an export is started, waited for and fetched. The request that starts it is that of ``pages`` itself.

    ``job`` is the path of the job's id in the reply to the start, ``status`` the URL that tells of it (``{job}`` is put in),
    ``state`` the path of the word that is one of ``finished`` or ``failed``, or of another while the vendor works. With an
    empty ``status`` the first reply is the finished one. ``chunks`` is the path of the list of chunks: ids that are put into
    ``chunk`` (``{job}``, ``{chunk}``), or links where ``chunk`` is empty. Links are fetched without the credential, since
    they bear a proof of their own, unless ``signed`` is false; their hosts must be among the connector's ``origins``.
    ``lines``: chunks are JSON lines. Chunks may be gzip files.

    ``running`` is the path of the job's id in a 409, where a vendor runs one export at a time. ``pause`` seconds, growing to
    ``longest_pause``, lie between two looks; a run looks for ``patience`` seconds and leaves the rest to the next one; a job
    older than ``life`` seconds is given up for a new one.
    """

    chunks: str
    job: str = ""
    status: str = ""
    state: str = "status"
    finished: tuple[str, ...] = ("FINISHED", "COMPLETED", "COMPLETE", "DONE", "SUCCEEDED", "READY")
    failed: tuple[str, ...] = ("ERROR", "FAILED", "FAILURE", "CANCELLED", "CANCELED", "EXPIRED", "ABORTED")
    chunk: str = ""
    signed: bool = True
    lines: bool = False
    running: str = ""
    pause: float = 2.0
    longest_pause: float = 60.0
    patience: float = 1800.0
    life: float = 86_400.0


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a walk over an export is."""

    job: str | int | None
    begun: float
    done: int = 0
    of: str = ""
    """Digest of the names of the chunks that are done."""

    @classmethod
    def read(cls, value: Any) -> _Position:
        if isinstance(value, Mapping):
            job, begun, done, of = (value.get(name) for name in ("job", "begun", "done", "of"))
            counted = isinstance(begun, int | float) and isinstance(done, int) and done >= 0
            if counted and isinstance(of, str) and isinstance(job, str | int | None):
                return cls(job, float(begun or 0), done or 0, of)
        raise CursorExpired("the saved position belongs to another way of paging; the walk starts anew")

    def plain(self) -> dict[str, Any]:
        return {"job": self.job, "begun": round(self.begun), "done": self.done, "of": self.of}


def exported(
    http: Http,
    start: PageRequest,
    export: Export,
    *,
    items: str | None,
    method: str,
    resume: Any,
    error_field: str | None,
    deadline: float | None,
) -> Iterator[Page]:
    """A page for each chunk, after an empty one that keeps the job's id."""
    work = _Work(http, start, export, items, method, error_field, deadline)
    number = 0
    if resume is None:
        at = work.begin()
        if export.status:
            number += 1
            yield Page((), work.observed_at, at.plain(), number=number, source=work.source, checkpoint=True)
    else:
        at = _Position.read(resume)
    chunks = work.finished(at)
    if at.done > len(chunks) or _digest(chunks[: at.done]) != at.of:
        raise CursorExpired(f"{work.source}: the export lists other chunks than before; the walk starts anew")
    if at.done == len(chunks):
        yield Page((), work.observed_at, None, number=number + 1, source=work.source, no_content=work.no_content)
    for place in range(at.done, len(chunks)):
        records = work.fetch(at, chunks, place)
        number += 1
        at = _Position(at.job, at.begun, place + 1, _digest(chunks[place : place + 1], at.of))
        after = at.plain() if place + 1 < len(chunks) else None
        yield Page(records, work.observed_at, after, number=number, source=work.source, no_content=work.no_content)


class _Work:
    """The requests of one export."""

    def __init__(
        self,
        http: Http,
        start: PageRequest,
        export: Export,
        items: str | None,
        method: str,
        error_field: str | None,
        deadline: float | None,
    ) -> None:
        self._http = http
        self._start = start
        self._export = export
        self._items = items
        self._method = method
        self._error_field = error_field
        self._deadline = deadline
        self._listing: Any = None
        """The reply to the start, where it lists the chunks itself."""
        self.observed_at = ""
        self.no_content = False
        """The listing or the last chunk had none, which need not mean that it is empty."""
        self.source = http.resolve(start.url).without_query

    def begin(self) -> _Position:
        """Start the export, or find the one that is running."""
        accept = (409,) if self._export.running else ()
        reader = PageReader("", self._error_field, self._http)
        reply = self._http.request(
            self._method,
            self._start.url,
            params=self._start.params,
            json=self._start.json,
            headers=self._start.headers,
            idempotent=True,
            accept=accept,
            check=reader,
            deadline=self._deadline,
        )
        self.observed_at = moment(reply)
        if not self._export.status:
            self._listing = reader.document
            self.no_content = reader.no_content
            return _Position(None, time.time())
        path = self._export.job if reply.ok else self._export.running
        job = lookup(reader.document if reply.ok else reply.json(), path)
        if isinstance(job, bool) or not isinstance(job, str | int) or not 0 < len(str(job)) <= 500:
            raise UnexpectedReply(f"{what(reply)}: no id of the export at {path!r}")
        return _Position(job, time.time())

    def finished(self, at: _Position) -> list[str | int]:
        """The chunks of the export, once it is done. Raises ``CursorExpired`` where it never will be."""
        export = self._export
        if not export.status:
            if self._listing is None:
                self.begin()
            return self._chunks(self._listing)
        pause, waited = export.pause, 0.0
        while True:
            document = self._look(at)
            state = str(lookup(document, export.state) or "").upper()
            if not state and not self.no_content:
                raise UnexpectedReply(f"{self.source}: the vendor says nothing of the export at {export.state!r}")
            if state in {word.upper() for word in export.finished}:
                return self._chunks(document)
            told = tidy(state or "no state", self._http.scrub, longest=40)
            if state in {word.upper() for word in export.failed}:
                raise CursorExpired(f"{self.source}: the vendor gave the export up ({told}); the walk starts anew")
            if time.time() - at.begun > export.life:
                raise CursorExpired(f"{self.source}: the export is too old and still {told}; the walk starts anew")
            if waited + pause > export.patience:
                raise DeadlineExceeded(
                    f"{self.source}: the export is still {told} after {waited:.0f} s; the next run goes on waiting for it"
                )
            self._http.wait(pause)
            waited += pause
            pause = min(pause * _GROWTH, export.longest_pause)

    def fetch(self, at: _Position, chunks: list[str | int], place: int) -> Sequence[bytes]:
        """The records of one chunk. Raises ``CursorExpired`` where the vendor no longer has it."""
        reply, records = self._download(at, chunks[place])
        if not reply.ok and not self._export.chunk:  # the link was too old: new ones are signed with the next listing
            self._listing = None
            fresh = self.finished(at)
            if _digest(fresh) == _digest(chunks):
                chunks[:] = fresh
                reply, records = self._download(at, chunks[place])
        if not reply.ok:
            raise CursorExpired(
                f"{what(reply)}: this part of the export is gone ({reply.status}); the walk starts anew"
            )
        return records

    def _download(self, at: _Position, chunk: str | int) -> tuple[Response, Sequence[bytes]]:
        export = self._export
        reader = PageReader(self._items, self._error_field, self._http, lines=export.lines, packed=True)
        reply = self._http.request(
            "GET",
            _filled(export.chunk, job=at.job, chunk=chunk) if export.chunk else str(chunk),
            headers=self._start.headers if export.chunk else {},
            with_credentials=bool(export.chunk) or not export.signed,
            accept=_FORGOTTEN if export.chunk else _REFUSED,
            check=reader,
            deadline=self._deadline,
        )
        self.observed_at = moment(reply)
        self.no_content = reader.no_content
        return reply, reader.records

    def _look(self, at: _Position) -> Any:
        reader = PageReader("", self._error_field, self._http)
        reply = self._http.request(
            "GET",
            _filled(self._export.status, job=at.job),
            headers=self._start.headers,
            accept=_FORGOTTEN,
            check=reader,
            deadline=self._deadline,
        )
        self.observed_at, self.no_content = moment(reply), reader.no_content
        if not reply.ok:
            raise CursorExpired(
                f"{what(reply)}: the vendor no longer knows the export ({reply.status}); the walk starts anew"
            )
        return reader.document

    def _chunks(self, document: Any) -> list[str | int]:
        """The chunks, each once: numbers in order, others as they are listed."""
        try:
            listed = lookup(document, self._export.chunks)
        except Unsplittable as problem:
            raise UnexpectedReply(f"{self.source}: {problem}") from None
        listed = [] if listed is None else listed
        if not isinstance(listed, list) or any(isinstance(c, bool) or not isinstance(c, str | int) for c in listed):
            raise UnexpectedReply(f"{self.source}: no list of chunks at {self._export.chunks!r}")
        if not self._export.chunk and not all(isinstance(chunk, str) for chunk in listed):
            raise UnexpectedReply(
                f"{self.source}: the chunks at {self._export.chunks!r} are no links; set Export.chunk"
            )
        unique = list(dict.fromkeys(listed))
        return sorted(unique) if all(isinstance(chunk, int) for chunk in unique) else unique


def _filled(template: str, **values: str | int | None) -> str:
    """A URL with values put in; what they hold stays inside one segment of its path."""
    for name, value in values.items():
        template = template.replace("{" + name + "}", quote(str(value), safe=""))
    return template


def _digest(chunks: Sequence[str | int], before: str = "") -> str:
    """Of the chunks' names, going on from the digest of those before; empty for none.

    A link's query changes each time it is signed, and is its secret: it does not count.
    """
    for chunk in chunks:
        name = str(chunk).partition("?")[0]
        before = blake2b(f"{before} {name}".encode(), digest_size=8).hexdigest()
    return before


__all__ = ["Export", "exported"]
