"""What a stream function is given: checked settings, the point to read from, and pages from whatever transport runs it.

One stream function serves HTTP, files and replays: ``ctx.pages`` asks the transport of this run. Over files the path and
the parameters mean nothing and are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec
from pydantic import BaseModel

from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.page import Page

if TYPE_CHECKING:
    from isthmus_sdk.http import Http

S = TypeVar("S", bound=BaseModel)
SinceFormat = str | Callable[[datetime], Any]
SinceParameter = str | tuple[str, SinceFormat] | Callable[[Any], Mapping[str, Any]]
Log = Callable[..., None]


class Position(NamedTuple):
    """Where a walk resumes: which ``ctx.pages`` call of the stream function, and that call's own token."""

    call: int
    token: Any


@dataclass(frozen=True, slots=True)
class PagesRequest:
    """One ``ctx.pages`` call, as the transport gets it."""

    path: str = ""
    items: str | None = None
    next: Any = None
    params: Mapping[str, Any] = field(default_factory=dict)
    limit: int | None = None
    method: str = "GET"
    json: Any = None
    headers: Mapping[str, str] | None = None
    error_field: str | None = None
    then: Any = None
    conditional: bool = False
    known: Mapping[str, str] | None = None
    """Validators of the reply that is stored, where the call is conditional."""
    tables: Sequence[Any] = ()
    withdrawn: str | None = None
    mark: str | None = None


class Transport(Protocol):
    """Brings the pages of one run: HTTP, files, or a recording."""

    def pages(self, request: PagesRequest, resume: Any) -> Iterator[Page]:
        """Pages of one call, from the token ``resume`` on (``None``: from the start)."""
        ...


class Context(Generic[S]):
    """Given to stream functions and to ``@connector.check``."""

    def __init__(
        self,
        settings: S,
        stream: str = "",
        *,
        transport: Transport | None = None,
        connect: Callable[[], Http] | None = None,
        since: datetime | int | float | str | None = None,
        lookback: float = 0.0,
        unit: str = "iso",
        position: Position | None = None,
        known: Mapping[str, Mapping[str, str]] | None = None,
        files: bool = False,
        items: str | None = None,
        log: Log | None = None,
    ) -> None:
        self.settings = settings
        self.stream = stream
        self.files = files
        """Whether this run reads files instead of the vendor's API."""
        self._transport = transport
        self._connect = connect
        self._since = since
        self._lookback = lookback
        self._unit = unit
        self._items = items
        self._position = position
        self._known = known or {}
        self._calls = 0
        self._log = log

    @property
    def http(self) -> Http:
        """The guarded HTTP client of this instance, for APIs whose pages must be read by hand."""
        if self._connect is None:
            raise ConfigurationError("this run reads files: there is no HTTP client")
        return self._connect()

    @property
    def resume(self) -> Any:
        """Token of the last page that was stored, for pages made by hand; ``None`` at the start of a walk."""
        return self._position.token if self._position is not None and self._position.call < 0 else None

    def log(self, event: str, **fields: Any) -> None:
        """A line for the operator's log. Give no secret; those of this instance are masked all the same."""
        if self._log is not None:
            self._log("info", event, **fields)

    def since(self, fmt: SinceFormat = "iso") -> Any:
        """Where to read from, *inclusive*: the last stored value of the cursor field less the lookback.

        ``None`` on the first run. ``fmt``: ``"iso"`` (UTC, milliseconds, ``Z``), ``"s"``, ``"ms"`` (integers),
        ``"datetime"``, or a function of the datetime; times are rounded down, so that no record is missed. Where the
        cursor is no time (a sequence, an opaque text) the value itself is given, whatever ``fmt``.
        """
        value = self._since
        if value is None:
            return None
        if not isinstance(value, datetime):
            return value
        try:
            value = value - timedelta(seconds=self._lookback)
        except OverflowError:
            value = datetime.min.replace(tzinfo=UTC)
        return format_time(value, fmt)

    def pages(
        self,
        path: str = "",
        *,
        items: str | None = None,
        next: Any = None,
        params: Mapping[str, Any] | None = None,
        since: SinceParameter | None = None,
        limit: int | None = None,
        method: str = "GET",
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        error_field: str | None = None,
        then: Any = None,
        conditional: bool = False,
        tables: Sequence[Any] = (),
        withdrawn: str | None = None,
        mark: str | None = None,
    ) -> Iterator[Page]:
        """Pages of one endpoint, resumed where the last stored page ended.

        ``items``: where the records are in the reply, dotted; ``""`` for a bare list; alternatives with ``|`` between, for a
        walk over two endpoints that wrap them differently. ``next``: the pager; ``None`` where
        one reply is all. ``since``: parameter that takes :meth:`since`, as ``"name"``, ``("name", "ms")``, or a function
        of the ISO text that gives parameters; it is left out on the first run. ``limit``: records per page, for the pager.
        ``error_field``: where the vendor puts an error in a reply with status 200. ``then``: the records are ids, and this
        (:class:`isthmus_sdk.http.Entities`) is how their entities are asked for; or each record has a list of its own, which is
        put into it (:class:`isthmus_sdk.http.Sublist`). ``conditional``: a list that comes in one
        reply is asked for only if it changed since the run before (ETag, Last-Modified). ``tables``: over files, the tables
        (:class:`isthmus_sdk.files.Table`) that the stream reads. ``withdrawn``: name of the id in the records of a conditional
        list; an id that the reply before held and this one does not comes once more as a record with that id and
        ``withdrawn: true`` alone. ``mark``: header of a reply that tells the cursor's value for those of its records that hold
        none themselves (TAXII's ``X-TAXII-Date-Added-Last``).
        """
        if self._transport is None:
            raise ConfigurationError("this context has no transport: pages can be read only while a stream runs")
        if withdrawn and not conditional:
            raise ConfigurationError("withdrawn= compares whole replies: it needs conditional=True")
        request = PagesRequest(
            path=path,
            items=items if items is not None else self._items,
            next=next,
            params={**(params or {}), **self._since_params(since)},
            limit=limit,
            method=method,
            json=json,
            headers=headers,
            error_field=error_field,
            then=then,
            conditional=conditional,
            known=self._known.get(str(self._calls)) if conditional else None,
            tables=tables,
            withdrawn=withdrawn,
            mark=mark,
        )
        call = self._calls
        self._calls += 1
        return Walk(self, self._transport, request, call)

    def page(self, records: Iterable[Any], *, observed_at: str, after: Any = None, source: str = "") -> Page:
        """A page made by hand; ``after`` comes back as :attr:`resume` if the walk is interrupted.

        Give records as the bytes they came in, so that a bad one is kept exactly; other values are written as JSON.
        """
        raws = [record if isinstance(record, bytes) else msgspec.json.encode(record) for record in records]
        return Page(records=raws, observed_at=observed_at, after=Position(-1, after), source=source)

    def _since_params(self, since: SinceParameter | None) -> Mapping[str, Any]:
        if since is None or self.files:
            return {}
        if callable(since):
            value = self.since()
            return {} if value is None else since(value)
        name, fmt = (since, "iso") if isinstance(since, str) else since
        value = self.since(fmt)
        return {} if value is None else {name: value}


class Walk(Iterator[Page]):
    """Pages of one ``ctx.pages`` call; their ``after`` says which call and which token to resume at."""

    def __init__(self, context: Context[Any], transport: Transport, request: PagesRequest, call: int) -> None:
        self._pages: Iterator[Page] | None = None
        self._context = context
        self._transport = transport
        self._request = request
        self._call = call

    def __next__(self) -> Page:
        position = self._context._position
        if self._pages is None:
            if position is not None and position.call > self._call >= 0:
                self._pages = iter(())  # this call was finished before the interruption
            else:
                resume = position.token if position is not None and position.call == self._call else None
                self._pages = iter(self._transport.pages(self._request, resume))
        page = next(self._pages)
        if self._context.files:
            return page
        if self._request.withdrawn and not page.unchanged:
            page = self._with_withdrawn(page, self._request.withdrawn)
        ended = page.after is None
        return replace(page, after=Position(self._call + 1, None) if ended else Position(self._call, page.after))

    def _with_withdrawn(self, page: Page, key: str) -> Page:
        from isthmus_sdk.withdrawn import HELD, compare

        gone, held, why = compare(page.records, key, self._request.known)
        if why:
            self._context.log("nothing is said to be withdrawn", reason=why)
        return replace(page, records=[*page.records, *gone], validators={**(page.validators or {}), HELD: held})


def format_time(value: datetime, fmt: SinceFormat) -> Any:
    """A time as an API wants it, rounded down to the form's own granularity."""
    if callable(fmt):
        return fmt(value)
    if fmt == "iso":
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if fmt == "datetime":
        return value
    whole = (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    if fmt in ("s", "ms", "us"):
        return whole // {"s": 1_000_000, "ms": 1000, "us": 1}[fmt]
    raise ConfigurationError(f"since format {fmt!r} is unknown; one of iso, s, ms, us, datetime, or a function")


__all__ = ["Context", "PagesRequest", "Position", "Transport", "Walk", "format_time"]
