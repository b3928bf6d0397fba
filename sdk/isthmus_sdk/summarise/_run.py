"""The loop: pages of flow records in, outcomes with communications and cursors out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import astuple

from isthmus_sdk.engine import Collector, MakeBuilder, Outcome, Rejected
from isthmus_sdk.errors import ConfigurationError, Ignored, IsthmusError, RecordError
from isthmus_sdk.faults import fault_point
from isthmus_sdk.files import hold
from isthmus_sdk.page import Page
from isthmus_sdk.records import Bad, cut
from isthmus_sdk.stix import normalise
from isthmus_sdk.summarise._decode import PageDecoder
from isthmus_sdk.summarise._flow import KEY, Flow
from isthmus_sdk.summarise._objects import objects_of
from isthmus_sdk.summarise._windows import (
    BYTES_IN,
    BYTES_OUT,
    COUNT,
    FIRST,
    LAST,
    PACKETS_IN,
    PACKETS_OUT,
    TOUCHED,
    Cohort,
    Key,
    Mark,
    Row,
    Windows,
)

if TYPE_CHECKING:
    from isthmus_sdk.connector import Stream

OBJECTS = 2_000
"""Objects of one outcome, so that memory does not hold a whole window as STIX."""
QUARANTINED = 1_000
"""Quarantined records after which an outcome is given, whatever windows are open."""
ADDRESSES = 200_000
MAX_WORD = 256
"""Characters of the longest name of a protocol or sensor."""
LATEST = 253_402_300_799.0
"""Last second of the year 9999."""

_State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """Something to store: an outcome of one input file, and the cursor that holds once it is stored.

    ``cursor`` is a position for the file transport with the state of the windows under ``windows``; ``None``: more parts
    follow, and the cursor stays where it is.
    """

    outcome: Outcome
    partition: str
    observed_at: str
    cursor: Mapping[str, Any] | None
    page: int
    """Number of the last page that is in it."""


def run(
    pages: Iterable[Page],
    stream: Stream[Any, Any],
    make_builder: MakeBuilder,
    settings: Any = None,
    *,
    cursors: Mapping[str, Mapping[str, Any]] | None = None,
    tlp: str | None = None,
    in_worker: bool = False,
) -> Iterator[Summary]:
    """Summarise the pages of one run.

    ``pages`` come from :func:`isthmus_sdk.files.pages` with ``log=True``, ``cursors`` being the same mapping (partition
    -> ``Summary.cursor``). An error that ends the pages is raised after what was read has been given out.
    """
    cursors = cursors or {}
    current: _Partition | None = None
    summariser = Summariser(stream, make_builder, settings, tlp=tlp, in_worker=in_worker)
    try:
        for page in pages:
            if current is None or current.name != page.partition:
                if current is not None:
                    yield from current.finish()
                current = _Partition(summariser, page.partition, cursors.get(page.partition))
            yield from current.take(page)
    except IsthmusError:
        if current is not None:
            yield from current.finish()
        raise
    if current is not None:
        yield from current.finish()


class Summariser:
    """What all input files of one run share: how records are decoded, judged and made into objects."""

    def __init__(
        self, stream: Stream[Any, Any], make_builder: MakeBuilder, settings: Any, *, tlp: str | None, in_worker: bool
    ) -> None:
        if stream.summary is None:
            raise ConfigurationError(f"stream {stream.name}: has no @summarises function")
        self.name = stream.name
        self.summary = stream.summary
        self.function: Callable[[Any, Any], Flow] = stream.summary.fn
        self.settings = settings
        self.decoder = PageDecoder(stream.model, stream.unwrap)
        self.make_builder = make_builder
        self.collector = Collector(tlp)
        self.in_worker = in_worker
        self.addresses: dict[str, str] = {}

    def address(self, text: str, end: str, record: Any) -> str:
        """The normal form of an IP address. Raises ``RecordError``, and ``Ignored`` for one that names nobody."""
        known = self.addresses.get(text)
        if known is None:
            try:
                known = normalise.ip(text)
            except RecordError as error:
                raise RecordError(str(error), path=_field_of(record, text, end)) from None
            if known is None:
                raise Ignored(f"the {end} address is unspecified")
            if len(self.addresses) >= ADDRESSES:
                self.addresses.clear()
            self.addresses[text] = known
        return known


class _Partition:
    """One input file, from where its cursor stands to its end."""

    def __init__(self, shared: Summariser, name: str, cursor: Mapping[str, Any] | None) -> None:
        self.name = name
        self._shared = shared
        state: _State = (cursor or {}).get("windows") or {}
        self._windows = Windows(
            shared.summary.window,
            shared.summary.lateness,
            mark=Mark(state["high"], state["leapt"]) if "high" in state else None,
            closed=state.get("closed"),
        )
        self._part: str = state.get("part") or name
        """What tells counts of one window apart that must be added: the input file, and where counting was begun anew."""
        self._given_out = bool(state.get("given"))
        """Whether the open windows of the cursor have been given out as they were."""
        self._outcome = Outcome()
        self._last: Page | None = None
        self._before = cursor

    def take(self, page: Page) -> Iterator[Summary]:
        """Count the records of one page; give out the windows that closed."""
        if page.positions is None:
            raise ConfigurationError(
                f"stream {self._shared.name}: is summarised, so it needs pages with positions; only files give them"
            )
        fault_point("fetch", kill_parent=self._shared.in_worker)
        records, bad = self._shared.decoder.decode(page)
        fault_point("validate", kill_parent=self._shared.in_worker)
        account = self._outcome
        if page.replayed:
            self._outcome = Outcome()  # counted in an earlier run: only the windows are wanted
            self._count(page, records, {}, fresh=not self._given_out)
            self._outcome = account
        else:
            self._count(page, records, bad, fresh=True)
            account.records += len(page.records)
            account.raw_bytes += sum(map(len, page.records))
        fault_point("map", kill_parent=self._shared.in_worker)
        self._last = page
        if closed := list(self._windows.take_closed()):
            yield from self._give_out(closed, whole=False)
        elif len(self._outcome.quarantined) >= QUARANTINED:
            yield from self._give_out(list(self._windows.open.values()), whole=True)

    def finish(self) -> Iterator[Summary]:
        """Give out the open windows with their counts so far, for good where they hold back too much."""
        if self._last is None:
            return
        if self._is_full():
            yield from self._give_out(list(self._windows.open.values()), whole=True, for_good=True)
            return
        fresh = any(cohort.is_fresh() for cohort in self._windows.open.values())
        if fresh or self._outcome.records or self._cursor(whole=True) != self._before:
            yield from self._give_out(list(self._windows.open.values()), whole=True)

    # counting

    def _count(self, page: Page, records: list[Any], bad: Mapping[int, Bad], *, fresh: bool) -> None:
        """Count good records; quarantine bad ones. ``fresh``: what is counted has not been given out yet."""
        function, settings, windows = self._shared.function, self._shared.settings, self._windows
        low, up = windows.calm()
        high = windows.mark.high
        rows = self._newest_rows()
        mapped = 0
        for index, record in enumerate(records):
            if record is None:
                if index in bad:
                    self._reject(page, index, bad[index], "read" if index in page.unreadable else "validate")
                continue
            try:
                flow = astuple(function(record, settings))
                at = flow[KEY]
                row: Row | None = None
                if low <= at < up:
                    if at > high:
                        high = at
                    row = rows.get(flow[:KEY])
                if row is None:
                    windows.raise_to(high)
                    row = self._row(page, index, record, flow)
                    low, up = windows.calm()
                    high = windows.mark.high
                    rows = self._newest_rows()
                    if row is None:
                        continue
                row[BYTES_OUT] += flow[9]
                row[BYTES_IN] += flow[10]
                row[PACKETS_OUT] += flow[11]
                row[PACKETS_IN] += flow[12]
                row[COUNT] += flow[13]
            except Ignored as verdict:
                self._outcome.ignored[cut(verdict.reason)] += 1
                continue
            except RecordError as error:
                self._reject(page, index, Bad(error.path, cut(str(error))), "map")
                continue
            except Exception as error:  # the function is the author's: one record must not stop the stream
                self._reject(page, index, Bad("", cut(f"{type(error).__name__}: {error}")), "map")
                continue
            if at < row[FIRST]:
                row[FIRST] = at
            if at > row[LAST]:
                row[LAST] = at
            if fresh:
                row[TOUCHED] = True
            mapped += 1
        windows.raise_to(high)
        self._outcome.mapped += mapped

    def _newest_rows(self) -> Mapping[Key, Row]:
        """Rows of the newest window, where most records fall; empty if it is not open."""
        cohort = self._windows.open.get(self._windows.newest)
        return cohort.windows.get(self._windows.newest, {}) if cohort else {}

    def _row(self, page: Page, index: int, record: Any, flow: tuple[Any, ...]) -> Row | None:
        """The row of a record, wherever it belongs; ``None`` if it is not to be counted (again).

        Raises ``RecordError`` for a flow that cannot be told.
        """
        at = flow[KEY]
        if not 0.0 < at <= LATEST:
            raise RecordError(f"{at!r} is not the time of an event", path=_field_of(record, at, "at"))
        source = self._shared.address(flow[0], "source", record)
        target = self._shared.address(flow[1], "target", record)
        key = (source, target, *flow[2:KEY])
        _check(key)
        windows = self._windows
        before = Mark(windows.mark.high, windows.mark.leapt)
        window, number = windows.assign(at)
        if windows.is_known(number):
            return None
        cohort = windows.open.get(number)
        if cohort is None:
            assert page.positions is not None
            cohort = windows.begin(number, page.positions[index], before)
        max_edges = self._shared.summary.max_edges
        row = cohort.row(window, key, max_edges)
        if row is None:
            raise Ignored(f"overflow: more than {max_edges} edges in one window")
        return row

    def _reject(self, page: Page, index: int, bad: Bad, stage: str) -> None:
        raw = page.records[index]
        if page.table is not None:
            # A row means nothing without its header: kept as the JSON that names its columns, where it fits them.
            with suppress(RecordError):
                raw = page.table.to_json(raw)
        self._outcome.quarantined.append(Rejected(self._outcome.records + index, "", bad.path, bad.error, stage, raw))

    # giving out

    def _is_full(self) -> bool:
        """Whether records of open windows take more room than they may."""
        earliest, last = self._windows.earliest(), self._last
        if last is None or not last.room or earliest is None:
            return False
        return bool(last.after["off"] - earliest.position["off"] > last.room)

    def _give_out(self, cohorts: list[Cohort], *, whole: bool, for_good: bool = False) -> Iterator[Summary]:
        """What has been counted, in parts; the last part carries the account and the cursor.

        ``whole``: every open window is among them, so that a restart need not state them again. ``for_good``: their records
        are not read again; what still comes for their time is counted as a part of its own, to be added.
        """
        assert self._last is not None
        yield from self._parts(cohorts)
        if for_good:
            self._windows.open.clear()
            self._part = f"{self.name}@{self._last.after['off']}"
        outcome, self._outcome = self._outcome, Outcome()
        self._given_out = whole
        yield Summary(outcome, self.name, self._last.observed_at, self._cursor(whole), self._last.number)

    def _parts(self, cohorts: list[Cohort]) -> Iterator[Summary]:
        assert self._last is not None
        shared, page = self._shared, self._last
        outcome = Outcome()
        for cohort in cohorts:
            for obj in objects_of(
                cohort, seconds=shared.summary.window, part=self._part, make_builder=shared.make_builder
            ):
                shared.collector.add(outcome, obj)
                if len(outcome.objects) >= OBJECTS:
                    yield Summary(outcome, self.name, page.observed_at, None, page.number)
                    outcome = Outcome()
        if outcome.objects:
            yield Summary(outcome, self.name, page.observed_at, None, page.number)

    def _cursor(self, whole: bool) -> Mapping[str, Any]:
        """Where to resume: the first record of the earliest open window, or here if none is open."""
        assert self._last is not None
        windows, after = self._windows, self._last.after
        earliest = windows.earliest()
        mark = earliest.mark if earliest else windows.mark
        position = hold(earliest.position if earliest else after, after)
        if not whole:
            position.pop("seen", None)  # open windows are still to be given out, however little the file changes
        state: _State = {"closed": max(windows.horizon, windows.closed or windows.horizon), "given": whole}
        if self._part != self.name:
            state["part"] = self._part
        if mark.high > float("-inf"):
            state["high"], state["leapt"] = mark.high, mark.leapt
        return {**position, "windows": state}


def _field_of(record: Any, value: Any, otherwise: str) -> str:
    """The vendor's name of the field that holds a value."""
    for field in msgspec.structs.fields(record):
        if getattr(record, field.name) is value:
            return field.encode_name
    return otherwise


def _check(key: Key) -> None:
    """Refuse a key of which no communication can be made; its addresses are known to be good."""
    _, _, sensor, vlan, protocol, transport, port, code = key
    for name, text in (("sensor", sensor), ("protocol", protocol), ("transport", transport), ("vlan", vlan)):
        if text is None or (name == "vlan" and isinstance(text, int)):
            continue
        if not isinstance(text, str) or not text.isprintable() or not 0 < len(text) <= MAX_WORD:
            raise RecordError(f"{name}: {str(text)[:60]!r} is no name")
    if port is not None and not (isinstance(port, int) and 0 <= port <= 65_535):
        raise RecordError(f"port: {port!r} is no port")
    if code is not None and not (isinstance(code, int) and code >= 0):
        raise RecordError(f"function code: {code!r} is none")


__all__ = ["Summariser", "Summary", "run"]
