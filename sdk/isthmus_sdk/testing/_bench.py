"""The workbench: one connector, its case, the vendor that plays its pages, and runs as a worker makes them."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pydantic import TypeAdapter, ValidationError

from isthmus_sdk.cursor import Cursor, fingerprint
from isthmus_sdk.engine import PageMapper
from isthmus_sdk.errors import ConfigurationError, IsthmusError
from isthmus_sdk.http._clock import Cancel, Stopped, Timer, as_callable
from isthmus_sdk.page import Page
from isthmus_sdk.run import Instance, StreamRun, Totals
from isthmus_sdk.settings import configure, is_secret
from isthmus_sdk.testing._asking import ByHand, asked, playable
from isthmus_sdk.testing._case import Case
from isthmus_sdk.testing._material import Copies
from isthmus_sdk.testing._material import Path as Place
from isthmus_sdk.testing._server import Exchange, LoopbackServer
from isthmus_sdk.testing._vendor import Table, Vendor
from isthmus_sdk.testing._watch import Watch
from isthmus_sdk.url import Url

if TYPE_CHECKING:
    from isthmus_sdk.block import Block
    from isthmus_sdk.connector import Connector, Stream
    from isthmus_sdk.engine import Rejected
    from isthmus_sdk.http import Http, Limits, Retry
    from isthmus_sdk.protocol import Spooled

OBSERVED = "2026-01-02T03:04:05.678Z"
"""When everything was observed, as mappings are told."""
SOURCE = "kit-tenant"
RECORDS = 23
"""Records that the vendor holds of a stream: five pages, the last one short."""


class QuickTimer(Timer):
    """Waits for the rate and for retries pass at once, and are added to the clock."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def now(self) -> float:
        """Seconds, those that were skipped included."""
        return time.monotonic() + self._skipped

    def sleep(self, seconds: float, cancel: Cancel | None) -> None:
        """Skip so many seconds."""
        if as_callable(cancel)():
            raise Stopped
        self._skipped += max(seconds, 0.0)


@dataclass
class Ran:
    """What one run of one stream sent and said."""

    blocks: list[Block] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    error: IsthmusError | None = None
    crash: BaseException | None = None
    """Something that is no error of the tree."""
    ahead: int = 0
    """Pages that had been asked for when the first block left."""
    seconds: float = 0.0

    @property
    def objects(self) -> dict[str, bytes]:
        """Every object by id; of one sent twice the later."""
        return {json.loads(encoded)["id"]: encoded for block in self.blocks for encoded in block.objects}

    @property
    def cursors(self) -> dict[str, bytes]:
        """What the hub gives to the next run."""
        return {block.partition: block.cursor_after for block in self.blocks}

    @property
    def problem(self) -> str:
        """How it ended, for a finding; empty where it ended well."""
        if self.crash is not None:
            return f"{type(self.crash).__name__}: {self.crash}"
        return "" if self.error is None else f"{type(self.error).__name__}: {self.error}"


class Bench:
    """A connector under test; use as a context manager."""

    def __init__(self, connector: Connector[Any], case: Case, *, write: bool = True) -> None:
        self.connector = connector
        self.case = case
        self.write = write
        self.timer = QuickTimer()
        self.watch = Watch()
        self.said: list[str] = []
        """Everything that was logged, printed or raised, unmasked."""
        self.elsewhere: list[str] = []
        """Requests that reached another origin, with everything in them."""
        self.kept: dict[str, Any] = {}
        """What rules share, so that it is done once."""
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="isthmus-kit-")))
        self.server = self._open.enter_context(LoopbackServer(self._serve))
        self.other = self._open.enter_context(LoopbackServer(self._strange))
        self._open.enter_context(self.watch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @cached_property
    def secrets(self) -> dict[str, str]:
        """Made-up secrets."""
        names = [name for name, field_ in self.connector.settings.model_fields.items() if is_secret(field_)]
        return {name: f"kit-Secret/of+{name}=9f3a7c5e1b" for name in names}

    @cached_property
    def written(self) -> dict[str, Any]:
        """Settings as an operator would write them: the author's, the kit's addresses, stand-ins for what is left."""
        values: dict[str, Any] = {}
        for name, field_ in self.connector.settings.model_fields.items():
            if is_secret(field_):
                continue
            adapter: TypeAdapter[Any] = TypeAdapter(field_.annotation)
            if _is_url(adapter):
                values[name] = self.server.url
            elif field_.is_required() and name not in self.case.settings:
                with contextlib.suppress(ValidationError):
                    values[name] = adapter.validate_python("kit")
        return {**values, **self.case.settings}

    @cached_property
    def settings(self) -> Any:
        """Checked settings. Raises ``ConfigurationError`` where the author must give some in ``conformance.toml``."""
        return configure(self.connector.settings, self.written, self.secrets, offline=True)

    @cached_property
    def over_files(self) -> bool:
        """Whether the connector has no API and reads files alone."""
        try:
            return not str(self.connector.base_url(self.settings))
        except IsthmusError:
            return True

    @cached_property
    def streams(self) -> list[Stream[Any, Any]]:
        """Streams with recorded pages."""
        return [stream for stream in self.connector.streams.values() if self.case.pages(stream.name)]

    @cached_property
    def file_streams(self) -> list[Stream[Any, Any]]:
        """Streams with recorded pages that no API gives: they read files, or what was received."""
        return [stream for stream in self.streams if self.over_files or stream.name in self._without_api]

    @cached_property
    def _without_api(self) -> set[str]:
        """Streams that refuse to run where there is neither a file nor a receiver."""
        found = set()
        for stream in self.streams:
            try:
                asked(stream, self.settings)
            except ByHand:
                continue
            except ConfigurationError:
                found.add(stream.name)
        return found

    @property
    def network_streams(self) -> list[Stream[Any, Any]]:
        """Streams whose pages the vendor can play."""
        if self.over_files or self.unplayable:
            return []
        return [stream for stream in self.streams if stream.name in self.vendor.tables]

    @cached_property
    def one_reply(self) -> bool:
        """Whether every list of the connector comes in one reply."""
        found = [request for stream in self.network_streams for request in asked(stream, self.settings)]
        return bool(found) and all(request.next is None and request.then is None for request in found)

    @cached_property
    def by_hand(self) -> list[str]:
        """Streams whose way of asking the vendor cannot play: pages made by hand, pagers that say nothing beforehand."""
        names = []
        for stream in self.streams:
            if stream.name in self._without_api:
                continue
            try:
                requests = [] if self.over_files else asked(stream, self.settings)
                if not self.over_files and (not requests or not all(map(playable, requests))):
                    names.append(stream.name)
            except ByHand:
                names.append(stream.name)
        return names

    @cached_property
    def http(self) -> Http:
        """The client whose idea of addresses the vendor shares."""
        made = self.connect()
        self._open.callback(made.close)
        own = Url(self.server.url).origin
        for what, url in (("base URL", made.base_url), *(("login URL", url) for url in made.auth.logins)):
            if url.origin != own:
                raise ConfigurationError(
                    f"the {what} {url.without_query} comes from no setting of type Url, so the kit cannot put its server in its "
                    "place; make it one, with the vendor's address as its default"
                )
        return made

    @cached_property
    def unplayable(self) -> str:
        """Why no vendor can be put in the real one's place; empty where one can."""
        try:
            _ = self.http
        except ConfigurationError as error:
            return str(error)
        return ""

    @cached_property
    def vendor(self) -> Vendor:
        """The vendor's API, holding copies of the recorded records."""
        tables = {
            stream.name: table
            for stream in self.streams
            if stream.name not in {*self.by_hand, *self._without_api} and (table := self._table(stream)) is not None
        }
        made = Vendor(self.connector, self.settings, self.http, tables, self.case.replies, self.timer.now)
        for name, table in tables.items():
            table.records = table.copies.many(RECORDS)
            made.announce(name, [None])
        return made

    def connect(self, **options: Any) -> Http:
        """An HTTP client as a worker makes it, whose waits pass at once."""
        from isthmus_sdk.transports import connect

        return connect(self.connector, self.settings, instance="kit", timer=self.timer, on_event=self._event, **options)

    def mapper(self, stream: Stream[Any, Any], tlp: str | None = None) -> PageMapper:
        """Model and mapping of a stream, as a worker applies them."""
        return PageMapper(stream, self.make_builder, tlp=tlp or self.connector.manifest.tlp, settings=self.settings)

    def make_builder(self, _observed_at: str) -> Any:
        """A builder that always observes at the same time, so that equal records give equal bytes."""
        from isthmus_sdk.stix import Builder

        return Builder(
            source_id=SOURCE,
            connector=self.connector.name,
            observed_at=OBSERVED,
            scope=lambda *_args, **_named: "default",
        )

    def telling_builder(self) -> Any:
        """A builder whose address scopes show all that a mapping gives to find them."""
        from hashlib import blake2b

        from isthmus_sdk.stix import Builder

        def scope(*given: Any, **named: Any) -> str:
            return "scope-" + blake2b(repr((given, sorted(named.items()))).encode(), digest_size=4).hexdigest()

        return Builder(source_id=SOURCE, connector=self.connector.name, observed_at=OBSERVED, scope=scope)

    def recorded(self, stream: Stream[Any, Any]) -> list[bytes]:
        """The raw records of the recorded pages."""
        from isthmus_sdk.context import Context
        from isthmus_sdk.transports import FilesTransport

        key = f"recorded.{stream.name}"
        if key not in self.kept:
            import glob

            globs = [glob.escape(str(path)) for path in self.case.pages(stream.name)]
            transport = FilesTransport(
                globs, one_pass=True, final=True, summarised=stream.summary is not None, push=stream.push
            )
            ctx: Context[Any] = Context(self.settings, stream.name, transport=transport, files=True, items=stream.items)
            pages = list(stream.fn(ctx))
            self.kept[key] = [
                page.table.to_json(raw) if page.table is not None else raw for page in pages for raw in page.records
            ]
        found: list[bytes] = self.kept[key]
        return found

    def run(
        self,
        stream: str,
        *,
        cursors: Mapping[str, bytes] | None = None,
        pages: int | None = None,
        tlp: str | None = None,
        limits: Limits | None = None,
        retry: Retry | None = None,
        files: Sequence[str] | None = None,
        connect: Callable[[], Http] | None = None,
        settle: Callable[[Block], None] | None = None,
        spooled: Spooled | None = None,
    ) -> Ran:
        """Run a stream to its end, or for so many pages. Whatever goes wrong is kept, not raised.

        ``files`` or ``spooled``, what was received, take the vendor's place. ``settle`` takes each block instead of its being kept.
        """
        ran = Ran()
        offline = files is not None or spooled is not None
        before = 0 if offline else len(self.vendor.asked)
        http: list[Http] = []

        def client() -> Http:
            if not http:
                http.append(self.connect(limits=limits, retry=retry) if connect is None else connect())
            return http[0]

        def send(block: Block) -> None:
            if not ran.blocks and not ran.ahead and not offline:
                ran.ahead = sum(not (each.login or each.beside) for each in self.vendor.asked[before:])
            if settle is None:
                ran.blocks.append(block)
            else:
                settle(block)

        instance = Instance(
            hub="kit",
            name="kit",
            settings=self.settings,
            make_builder=self.make_builder,
            tlp=tlp or self.connector.manifest.tlp,
            connect=None if offline else client,
            spools={} if spooled is None else {stream: spooled},
            files=None if files is None else {stream: list(files)},
            settle=0.0,
            one_pass=True,
        )
        run = StreamRun(
            self.connector.streams[stream],
            instance,
            cursors=dict(cursors or {}),
            send=send,
            reject=lambda bad, _place: ran.rejected.append(bad),
            stopped=lambda: pages is not None and run.totals.pages >= pages,
            log=lambda level, event, **fields: self.said.append(f"{level}: {event} {fields}"),
        )
        ran.totals = run.totals
        if not offline:
            self.vendor.announce(stream, self._marks(stream, cursors or {}))
        started = time.monotonic()
        with self._listening():
            try:
                run.run()
            except IsthmusError as error:
                ran.error = error
            except (Exception, RecursionError) as error:
                ran.crash = error
            finally:
                for made in http:
                    made.close()
        ran.seconds = time.monotonic() - started
        if ran.problem:
            self.said.append(ran.problem)
        return ran

    def check(self) -> list[str]:
        """The connector's own check. Raises what it raises."""
        from isthmus_sdk.commands.check import check_instance

        http = self.connect()
        instance = Instance(
            hub="kit", name="kit", settings=self.settings, make_builder=self.make_builder, connect=lambda: http
        )
        self.vendor.checking = True
        with self._listening():
            try:
                return check_instance(self.connector, instance)
            finally:
                self.vendor.checking = False
                http.close()

    def clean(self, stream: str) -> Ran:
        """One run over everything the vendor holds at first, without a fault; done once."""
        key = f"clean.{stream}"
        if key not in self.kept:
            self.vendor.fault(None)
            self.vendor.refusing = False
            self.vendor.hold(stream, self.vendor.tables[stream].copies.many(RECORDS))
            self.kept[key] = self.run(stream)
        ran: Ran = self.kept[key]
        return ran

    def renew(self, stream: str) -> list[bytes]:
        """The vendor holds what it held at first, and nothing is in the way."""
        self.clean(stream)
        key = f"records.{stream}"
        if key not in self.kept:
            self.kept[key] = self.vendor.tables[stream].copies.many(RECORDS)
        records: list[bytes] = list(self.kept[key])
        self.vendor.fault(None)
        self.vendor.refusing = False
        self.vendor.hold(stream, records)
        return records

    def _marks(self, stream: str, cursors: Mapping[str, bytes]) -> list[Any]:
        """Where a run with these cursors may begin: at its mark, or anew where the vendor forgot the position."""
        declared = self.connector.streams[stream]
        cursor = Cursor(cursors.get(""), stream=declared, fingerprint=fingerprint(declared, self.settings))
        begins: Any = cursor.since
        cursor.restart()
        return [begins, cursor.since]

    def _table(self, stream: Stream[Any, Any]) -> Table | None:
        good = [raw for raw in self.recorded(stream) if self._accepts(stream, raw)]
        if not good:
            return None
        author = self.case.stream(stream.name)
        copies = Copies(stream, good, lambda raw: self._accepts(stream, raw), author.cursor_fields)
        first = asked(stream, self.settings)[0]
        from isthmus_sdk.http import Entities

        then = first.then
        envelope, items = self._envelope(stream, then.items if isinstance(then, Entities) else first.items)
        places: list[Place] = [tuple(path.split(".")) for path in author.sorted_by]
        return Table(stream, copies, envelope, items, since_inclusive=author.since == "inclusive", sorted_by=places)

    def _envelope(self, stream: Stream[Any, Any], items: str | None) -> tuple[Any, str]:
        """A recorded reply without its records, and where they belong in it."""
        from isthmus_sdk.http._split import Unsplittable, split

        items = items and items.partition("|")[0]
        for path in self.case.pages(stream.name):
            try:
                document, _ = split(path.read_bytes(), items)
            except (Unsplittable, OSError):
                continue
            if not isinstance(document, dict):
                return None, ""
            where = items or next((name for name, value in document.items() if value is None), "")
            if where:
                return document, where
        return ({}, items) if items else (None, "")

    def _accepts(self, stream: Stream[Any, Any], raw: bytes) -> bool:
        key = f"mapper.{stream.name}"
        mapper: PageMapper = self.kept.setdefault(key, self.mapper(stream))
        outcome = mapper.map(Page(records=[raw], observed_at=OBSERVED))
        return outcome.mapped == 1 and not outcome.quarantined

    def _serve(self, exchange: Exchange) -> None:
        try:
            self.vendor.serve(exchange)
        except OSError:
            raise
        except Exception as error:  # the connector's own functions run in here
            self.vendor.strays.append(f"{exchange.method} {exchange.path}, which broke the vendor: {error!r}")
            exchange.close()

    def _strange(self, exchange: Exchange) -> None:
        """Another origin: it answers nothing and remembers everything."""
        from isthmus_sdk.testing._server import Answer

        self.elsewhere.append(f"{exchange.method} {exchange.target} {exchange.headers} {exchange.body!r}")
        exchange.reply(Answer(200, b"{}"))

    def _event(self, event: Any) -> None:
        self.said.append(repr(event))

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        """Keep what is printed and logged meanwhile."""
        printed = io.StringIO()
        handler = _Keeper(self.said)
        root = logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), self.watch.guarding():
                yield
        finally:
            root.removeHandler(handler)
            root.setLevel(level)
            if printed.getvalue():
                self.said.append(printed.getvalue())


class _Keeper(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        # What the HTTP library says of its own requests is turned off in a worker.
        if record.name.startswith(("httpx", "httpcore")):
            return
        self._said.append(self.format(record))


def _is_url(adapter: TypeAdapter[Any]) -> bool:
    try:
        return isinstance(adapter.validate_python("https://kit.example"), Url)
    except ValidationError:
        return False


__all__ = ["OBSERVED", "RECORDS", "SOURCE", "Bench", "QuickTimer", "Ran"]
