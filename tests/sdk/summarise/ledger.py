"""What a hub would hold: windows by edge, start and part, replaced when they are stated again; cursors by partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from isthmus_sdk import files, stix, summarise
from isthmus_sdk.connector import Stream
from isthmus_sdk.connector import Summary as Declared
from isthmus_sdk.errors import Ignored, SourceError
from isthmus_sdk.page import Page
from isthmus_sdk.stix import COMMUNICATION, Builder
from isthmus_sdk.summarise import Flow, Summary

HOUR = 3600.0


class Line(msgspec.Struct):
    """A line of the logs of these tests."""

    t: float
    s: str
    d: str
    p: int = 502
    c: int | None = None
    n: int | None = None


def line_to_flow(line: Line, settings: Any) -> Flow:
    """Addresses that end in .255 are ignored."""
    if line.d.endswith(".255"):
        raise Ignored("broadcast")
    return Flow(
        source=line.s, target=line.d, at=line.t, protocol="modbus", transport="tcp", port=line.p, function_code=line.c,
        bytes_out=line.n or 0,
    )  # fmt: skip


def stream(window: float = HOUR, lateness: float = 300.0, max_edges: int = 1000) -> Stream[Any, Any]:
    """A stream of lines as a connector would declare it."""
    made: Stream[Any, Any] = Stream.__new__(Stream)
    made.name, made.model, made.unwrap = "lines", Line, None
    made.summary = Declared(line_to_flow, window, lateness, max_edges)
    return made


def make_builder(observed_at: str) -> Builder:
    """A builder as the engine makes one for each page."""
    return Builder(source_id="test", connector="test", observed_at=observed_at)


class Ledger:
    """Takes summaries as a hub stores them; can forget what came after an instant, as a crash does."""

    def __init__(self, declared: Stream[Any, Any] | None = None, *, max_records: int = 1000, **options: Any) -> None:
        self.stream = declared or stream()
        self.options = {"log": True, "one_pass": True, "max_records": max_records, **options}
        self.cursors: dict[str, Mapping[str, Any]] = {}
        self.windows: dict[tuple[str, str, str], Mapping[str, Any]] = {}
        self.counts: Counter[str] = Counter()
        self.notices: list[str] = []
        self.problems: list[str] = []

    def pages(self, *globs: str | Path) -> Iterator[Page]:
        """Pages from where the cursors stand."""
        cursors = dict(self.cursors)
        return files.pages([str(glob) for glob in globs], cursors=cursors, notice=self.notices.append, **self.options)

    def summaries(self, *globs: str | Path) -> Iterator[Summary]:
        """What one run gives, not stored yet."""
        cursors = dict(self.cursors)
        return summarise.run(self.pages(*globs), self.stream, make_builder, cursors=cursors)

    def run(self, *globs: str | Path, crash_after: int | None = None) -> int:
        """One run, stored summary by summary; ``crash_after`` of them everything stops. Number of summaries."""
        stored = 0
        try:
            for summary in self.summaries(*globs):
                if stored == crash_after:
                    break
                self.store(summary)
                stored += 1
        except SourceError as error:
            self.problems.append(str(error))
        return stored

    def store(self, summary: Summary) -> None:
        """Store one summary: its windows replace those of the same key."""
        outcome = summary.outcome
        assert outcome.records == outcome.mapped + sum(outcome.ignored.values()) + len(outcome.quarantined)
        self.counts["records"] += outcome.records
        self.counts["mapped"] += outcome.mapped
        self.counts["quarantined"] += len(outcome.quarantined)
        self.counts["ignored"] += sum(outcome.ignored.values())
        for key, window in windows_of(obj for obj, _ in outcome.objects.values()):
            earlier = self.windows.get(key)
            assert earlier is None or earlier["connections"] <= window["connections"], "a window lost records"
            self.windows[key] = window
        if summary.cursor is not None:
            # As it travels: JSON and back.
            self.cursors[summary.partition] = msgspec.json.decode(msgspec.json.encode(summary.cursor))

    def by_edge_and_start(self, counter: str = "connections") -> Counter[tuple[str, str]]:
        """A counter summed over all parts."""
        total: Counter[tuple[str, str]] = Counter()
        for (edge, start, _), window in self.windows.items():
            total[(edge, start)] += window[counter]
        return +total

    def total(self, counter: str = "connections") -> int:
        """A counter summed over everything."""
        return sum(window[counter] for window in self.windows.values())


def windows_of(objects: Iterable[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, str, str], Mapping[str, Any]]]:
    """Every window of communications among STIX objects, by edge, start and part."""
    for obj in objects:
        known = stix.facts(obj, COMMUNICATION)
        for window in (known or {}).get("windows", ()):
            yield (obj["id"], window["start"], window["part"]), window


def plain_count(lines: Iterable[Line], window: float = HOUR) -> Counter[tuple[str, str]]:
    """The same sums without any of the machinery: edge id and window start of every line."""
    total: Counter[tuple[str, str]] = Counter()
    builder = make_builder("2026-01-01T00:00:00.000Z")
    edges: dict[tuple[str, str], str] = {}
    for line in lines:
        if line.d.endswith(".255"):
            continue
        pair = (line.s, line.d)
        if pair not in edges:
            edges[pair] = builder.communication(builder.endpoint(line.s), builder.endpoint(line.d), modified=1e9).id
        start = line.t // window * window
        total[(edges[pair], stix.timestamp(start) or "")] += 1
    return total


def encoded(line: Line) -> bytes:
    """A line as it stands in a log."""
    return msgspec.json.encode(line) + b"\n"
