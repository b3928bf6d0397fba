"""One run of one stream: pages in, quarantined records and blocks out, the cursor in step with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from isthmus_sdk.block import Block, block_id, parts
from isthmus_sdk.context import Context, Position, Transport, Walk
from isthmus_sdk.cursor import Cursor, asked, fingerprint
from isthmus_sdk.engine import ALREADY_READ, MakeBuilder, Outcome, PageMapper, Rejected
from isthmus_sdk.errors import ConfigurationError, CursorExpired, RecordError
from isthmus_sdk.snapshot import Snapshot, Snapshots
from isthmus_sdk.transports import FilesTransport, HttpTransport

if TYPE_CHECKING:
    from isthmus_sdk.connector import Contract, Stream
    from isthmus_sdk.http import Http
    from isthmus_sdk.page import Page
    from isthmus_sdk.protocol import Spooled

VANISHED = "vanished between the list and its details"
"""Why an id that was listed is ignored."""
KNOWN_PAGES = 20
"""Pages without anything new after which the position is stored."""
Log = Callable[..., None]
"""``log(level, event, **fields)``."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A configured connector, as far as its runs need it."""

    hub: str
    name: str
    settings: Any
    make_builder: MakeBuilder
    tlp: str | None = None
    connect: Callable[[], Http] | None = None
    """Gives the HTTP client; ``None`` where files are read."""
    files: Mapping[str, Sequence[str]] | None = None
    """Stream -> absolute globs."""
    spools: Mapping[str, Spooled] = field(default_factory=dict)
    """Streams that read what was received for them."""
    settle: float = 10.0
    one_pass: bool = False
    snapshot: str = "none"
    """Which files are a complete inventory, see `isthmus_sdk.snapshot.MODES`."""
    record_dir: Path | None = None
    """Where pages are kept as they came."""
    mask: Callable[[bytes], bytes] = bytes
    """Takes secrets out of pages that are kept."""
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    """Stream -> what the operator chose in place of its own contract."""
    written: Mapping[str, Any] = field(default_factory=dict)
    """Settings as the operator wrote them, before any migration."""
    settings_version: int = 1
    """Version of ``written``."""
    in_worker: bool = False


@dataclass(kw_only=True)
class Totals:
    """The account of a run."""

    pages: int = 0
    records: int = 0
    mapped: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    quarantined: int = 0
    objects: int = 0
    cursor: str | None = None
    complete: bool = False
    resumed: bool = False
    snapshots: list[Snapshot] = field(default_factory=list)
    """Complete inventories among what was read."""
    unproven: str = ""
    """Why there is none, where one could be expected."""
    drift: dict[str, dict[str, int]] = field(default_factory=dict)
    """How the records differ from the model, see :mod:`isthmus_sdk.drift`."""


class Place(NamedTuple):
    """Where a quarantined record was met."""

    partition: str
    observed_at: str
    page: int


class StreamRun:
    """Reads one stream to its end, or until it is asked to stop.

    ``send`` gets each block and returns when it may be followed by another; ``reject`` gets each quarantined record,
    before the block of its page. Nothing is kept between runs: the cursors come from the blocks that were stored. ``whole``:
    lists are asked for even if they have not changed.
    """

    def __init__(
        self,
        stream: Stream[Any, Any],
        instance: Instance,
        *,
        cursors: Mapping[str, bytes],
        send: Callable[[Block], None],
        reject: Callable[[Rejected, Place], None],
        since: str | None = None,
        whole: bool = False,
        stopped: Callable[[], bool] = lambda: False,
        log: Log = lambda *_args, **_fields: None,
    ) -> None:
        self.stream = stream
        self.totals = Totals()
        self._instance = instance
        self._stored = cursors
        self._send = send
        self._reject = reject
        self._spool = instance.spools.get(stream.name)
        self._files = instance.files is not None or self._spool is not None
        self._from = beginning(stream, since, files=self._files)
        self._whole = whole
        self._stopped = stopped
        self._log = log
        self._fingerprint = fingerprint(stream, instance.settings, files=self._files, since=self._from)
        self._asked = asked(instance.written, instance.settings_version, files=self._files, since=self._from)
        self._mapper = PageMapper(
            stream,
            instance.make_builder,
            tlp=instance.tlp,
            in_worker=instance.in_worker,
            contract=instance.contracts.get(stream.name),
            settings=instance.settings,
        )
        self._cursors: dict[str, Cursor] = {}
        self._known, self._known_pages = Outcome(), 0
        self._interrupted = False
        self._observed_at = ""
        self._snapshots: Snapshots | None = None
        if stream.snapshot and not (self._files and instance.snapshot == "none"):
            self._snapshots = Snapshots(instance.snapshot if self._files else "", filtered=self._from is not None)

    def run(self) -> Totals:
        """Read, map and send everything. The errors of the transport and of the stream function pass through."""
        try:
            try:
                self._walk()
            except CursorExpired as error:
                cursor = self._cursor("")
                if self._files or cursor.position is None:
                    raise
                self._log("warning", "position expired, the walk starts anew", reason=str(error))
                cursor.restart()
                self._walk()
        finally:
            highs = [cursor.high for cursor in self._cursors.values() if cursor.high is not None]
            self.totals.cursor = max(highs, default=None)
            self.totals.drift = self._mapper.drift.as_json()
        return self.totals

    def _walk(self) -> None:
        """One walk over the pages of the stream function."""
        self._interrupted = False
        made = self.stream.fn(self._context())
        if self._snapshots is not None:
            self._snapshots.begin(resumed=self.totals.resumed)
        if self.stream.summary is not None:
            self._summarise(made)
        else:
            single = isinstance(made, Walk)
            for page in self._pages(made):
                ended = single and isinstance(page.after, Position) and page.after.token is None and page.after.call > 0
                self._page(page, last=ended)
            if not self._files and not self._interrupted:
                self._rest()
        self.totals.complete = not self._interrupted
        if self._snapshots is not None and self.totals.complete:
            walks = {name: cursor.walk for name, cursor in self._cursors.items()}
            self.totals.snapshots, self.totals.unproven = self._snapshots.end(walks, self._fingerprint)

    def _context(self) -> Context[Any]:
        instance, stream = self._instance, self.stream
        if self._spool is not None:
            return self._context_offline(self._received(self._spool))
        if instance.files is not None:
            transport = FilesTransport(
                instance.files.get(stream.name, ()),
                positions=self._positions(),
                settle=instance.settle,
                one_pass=instance.one_pass,
                summarised=stream.summary is not None,
                whole="" if self._snapshots is None else instance.snapshot,
                notice=lambda text: self._log("info", text),
                push=stream.push,
            )
            return self._context_offline(transport)
        assert instance.connect is not None
        cursor = self._cursor("")
        self.totals.resumed = cursor.position is not None
        return Context(
            instance.settings,
            stream.name,
            transport=HttpTransport(instance.connect, keep_raw=instance.record_dir is not None),
            connect=instance.connect,
            since=cursor.since,
            lookback=stream.lookback,
            position=cursor.position,
            known=cursor.known("" if self._whole else stream.connector.manifest.version),
            items=stream.items,
            log=self._log,
        )

    def _context_offline(self, transport: Transport) -> Context[Any]:
        stream = self.stream
        return Context(
            self._instance.settings, stream.name, transport=transport, files=True, items=stream.items, log=self._log
        )

    def _received(self, spool: Spooled) -> Transport:
        """What was received since the position of the newest stored block."""
        from isthmus_sdk.push._transport import SpoolTransport

        if self.stream.push is None:
            raise ConfigurationError(
                f"stream {self.stream.name}: declares no push=, so nothing can be received for it; regenerate the manifest"
            )
        position = self._positions().get("")
        return SpoolTransport(
            Path(spool.directory), spool.spool, spool.until, self.stream.push, position, quota=spool.quota
        )

    def _pages(self, made: Iterable[Page]) -> Iterator[Page]:
        for page in made:
            self.totals.pages += 1
            if self._instance.record_dir is not None and not (self._files or page.unchanged or page.checkpoint):
                self._record(self._instance.record_dir, page)
            self._observed_at = page.observed_at
            yield page
            if self._stopped():
                self._interrupted = True
                return

    def _cursor(self, partition: str) -> Cursor:
        cursor = self._cursors.get(partition)
        if cursor is None:
            cursor = self._cursors[partition] = Cursor(
                self._stored.get(partition),
                stream=self.stream,
                fingerprint=self._fingerprint,
                partition=partition,
                since=self._from,
                files=self._files,
                asked=self._asked,
                warn=lambda event, **fields: self._log("warning", event, **fields),
            )
        return cursor

    def _page(self, page: Page, *, last: bool) -> None:
        if page.unchanged:
            if self._snapshots is not None:
                self._snapshots.unchanged()
            return
        cursor = self._cursor(page.partition)
        outcome = self._mapper.map(page, cursor.skip if cursor.timed else None)
        if page.vanished:
            outcome.records += page.vanished
            outcome.ignored[VANISHED] += page.vanished
        if page.validators:
            cursor.learn(page.after, page.validators, self.stream.connector.manifest.version)
        self._reject_all(outcome, page.partition, page.observed_at)
        if self._snapshots is not None:
            self._snapshots.page(outcome, page.partition, page.observed_at, begins=page.begins, ends=page.ends)
            if page.no_content:
                self._snapshots.no_content()
        after = cursor.after_page(outcome.values, page.records, page.after, page.observed_at, last=last)
        self._count(outcome)
        read_before = cursor.timed and not page.checkpoint and not page.validators
        if read_before and not outcome.objects and outcome.records == outcome.ignored[ALREADY_READ]:
            # Nothing new: a poll that finds what it knows leaves no trace. Now and then the position is stored all the same.
            self._known.add(outcome)
            self._known_pages += 1
            if cursor.same_rest(after) if last else self._known_pages < KNOWN_PAGES:
                return
            outcome = Outcome()
        self._emit(cursor, page.partition, page.observed_at, after, outcome)

    def _summarise(self, made: Iterable[Page]) -> None:
        """Windows of communications in place of records; see :mod:`isthmus_sdk.summarise`."""
        from isthmus_sdk import summarise

        instance = self._instance
        for part in summarise.run(
            self._pages(made),
            self.stream,
            instance.make_builder,
            instance.settings,
            cursors=self._positions(),
            tlp=instance.tlp,
            in_worker=instance.in_worker,
        ):
            cursor = self._cursor(part.partition)
            self._reject_all(part.outcome, part.partition, part.observed_at)
            after = cursor.bytes
            if part.cursor is not None:
                after = cursor.after_page((), (), part.cursor, part.observed_at, last=False)
            self._count(part.outcome)
            self._emit(cursor, part.partition, part.observed_at, after, part.outcome)

    def _positions(self) -> dict[str, Any]:
        """Where each file goes on."""
        positions = {partition: self._cursor(partition).file_position for partition in self._stored}
        return {partition: position for partition, position in positions.items() if position is not None}

    def _rest(self) -> None:
        """Say that the walk is over, where no page could say so."""
        cursor = self._cursor("")
        observed_at = self._observed_at or _now()
        after = cursor.after_walk(observed_at)
        if after is not None:
            self._emit(cursor, "", observed_at, after, Outcome())

    def _reject_all(self, outcome: Outcome, partition: str, observed_at: str) -> None:
        for bad in outcome.quarantined:
            self._reject(bad, Place(partition, observed_at, self.totals.pages))

    def _emit(self, cursor: Cursor, partition: str, observed_at: str, after: bytes, outcome: Outcome) -> None:
        """Send a page as one block, or as several of which the last has the counts and moves the cursor."""
        outcome.add(self._known)
        self._known, self._known_pages = Outcome(), 0
        cut = parts(outcome.encoded())
        for number, objects in enumerate(cut):
            before, final = cursor.bytes, number == len(cut) - 1
            block = Block(
                block_id=block_id(
                    self._instance.hub, self._instance.name, self.stream.name, self._fingerprint, before, objects
                ),
                stream=self.stream.name,
                partition=partition,
                fingerprint=self._fingerprint,
                cursor_before=before,
                cursor_after=after if final else before,
                observed_at=observed_at,
                objects=objects,
                page=self.totals.pages,
            )
            if final:
                block.records, block.mapped = outcome.records, outcome.mapped
                block.ignored, block.quarantined = dict(outcome.ignored), len(outcome.quarantined)
                block.raw_bytes = outcome.raw_bytes
            self._send(block)
        cursor.stored(after)

    def _record(self, folder: Path, page: Page) -> None:
        """Keep a page as it came, so that ``map`` can read it again."""
        folder.mkdir(parents=True, exist_ok=True)
        body = page.raw if page.raw is not None else b"[" + b",".join(page.records) + b"]"
        (folder / f"{self.stream.name}-{self.totals.pages:06d}.json").write_bytes(self._instance.mask(body))

    def _count(self, outcome: Outcome) -> None:
        totals = self.totals
        totals.records += outcome.records
        totals.mapped += outcome.mapped
        totals.ignored.update(outcome.ignored)
        totals.quarantined += len(outcome.quarantined)
        totals.objects += len(outcome.objects)


def beginning(stream: Stream[Any, Any], since: str | None, *, files: bool) -> str | None:
    """Where a stream begins that has no cursor yet: ``since``, unless it has no marks in time to begin at.

    Raises ``ConfigurationError`` for what is no time, and for a stream whose cursor is none.
    """
    wanted = checked_since(since)
    if wanted is None or stream.cursor is None or files:
        return None  # what is read whole, or over files, has no beginning in time
    if stream.cursor_unit == "sequence":
        raise ConfigurationError(
            f"since: stream {stream.name} goes on at a sequence number, not at a time; it can only be read from its beginning"
        )
    return wanted


def checked_since(since: str | None) -> str | None:
    """A wanted beginning as a canonical time. Raises ``ConfigurationError`` for what is no time."""
    if since is None:
        return None
    from isthmus_sdk import stix

    try:
        value = stix.timestamp(since)
    except RecordError:
        value = None
    if value is None:
        raise ConfigurationError(f"since: {since!r} is not a time; write 2026-05-01T12:00:00Z")
    return value


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


__all__ = ["Instance", "Place", "StreamRun", "Totals"]
