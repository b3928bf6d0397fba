"""Outcomes and cursors of summaries: what is given out when, and what becomes of records that cannot be counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.sdk.summarise.ledger import Ledger, Line, encoded, make_builder, stream

import isthmus_sdk.files
import isthmus_sdk.summarise
from isthmus_sdk import files, stix, summarise
from isthmus_sdk.errors import ConfigurationError, SourceError
from isthmus_sdk.page import Page
from isthmus_sdk.stix import COMMUNICATION
from isthmus_sdk.summarise import Flow

START = 1_760_000_400.0


def write(path: Path, *lines: Line | bytes) -> Path:
    with path.open("ab") as file:
        file.writelines(line if isinstance(line, bytes) else encoded(line) for line in lines)
    return path


def line(at: float, source: str = "10.0.0.1", target: str = "10.0.0.2", **more: Any) -> Line:
    return Line(t=START + at, s=source, d=target, **more)


def test_the_public_names_are_these() -> None:
    assert sorted(isthmus_sdk.summarise.__all__) == ["Flow", "MAX_SERVICES", "Summary", "Windows", "flow_end", "run"]
    assert sorted(isthmus_sdk.files.__all__) == ["Position", "Table", "check", "hold", "pages"]


def test_a_window_is_given_out_when_it_closes_and_the_open_ones_at_the_end(tmp_path: Path) -> None:
    path = write(tmp_path / "x.log", line(0), line(10), line(4000), line(8000))
    ledger = Ledger(max_records=1)
    parts = list(ledger.summaries(path))
    assert [part.outcome.records for part in parts if part.cursor is not None] == [3, 1, 0]
    for part in parts:
        ledger.store(part)
    assert ledger.total() == 4
    assert len(ledger.windows) == 3


def test_the_cursor_stands_at_the_first_record_of_the_earliest_open_window(tmp_path: Path) -> None:
    lines = [line(0), line(4000), line(4100, target="10.0.0.3"), line(8000)]
    path = write(tmp_path / "x.log", *lines)
    ledger = Ledger()
    ledger.run(path)
    (cursor,) = ledger.cursors.values()
    sizes = [len(encoded(each)) for each in lines]
    assert cursor["off"] == sum(sizes[:3])
    assert cursor["read"] == sum(sizes)


def test_an_open_window_is_stated_again_only_where_it_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "x.log", line(0), line(1, target="10.0.0.3"))
    ledger = Ledger()
    ledger.run(path)
    write(path, line(2))
    (objects,) = [part.outcome.objects for part in ledger.summaries(path) if part.outcome.objects]
    edges = [obj for obj, _ in objects.values() if obj.get("relationship_type") == "communicates-with"]
    (known,) = [stix.facts(edge, COMMUNICATION) for edge in edges]
    assert known is not None
    assert known["windows"][0]["connections"] == 2


def test_records_are_accounted_for_once_although_open_windows_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    ledger = Ledger()
    for number in range(5):
        write(path, line(number), b"broken\n", line(number, target="10.0.0.255"))
        ledger.run(path)
    assert ledger.counts == {"records": 15, "mapped": 5, "quarantined": 5, "ignored": 5}
    assert ledger.total() == 5


def test_late_records_are_counted_in_their_own_time_and_marked(tmp_path: Path) -> None:
    path = write(tmp_path / "x.log", line(0), line(8000), line(1), line(2))
    ledger = Ledger()
    ledger.run(path)
    by_part = {(start[11:16], "~" in part): window for (_, start, part), window in ledger.windows.items()}
    hour = stix.timestamp(START // 3600 * 3600)
    assert hour is not None
    assert by_part[(hour[11:16], False)]["connections"] == 1
    assert by_part[(hour[11:16], True)]["connections"] == by_part[(hour[11:16], True)]["late"] == 2


def test_services_and_function_codes_of_an_edge_are_one_list(tmp_path: Path) -> None:
    path = write(tmp_path / "x.log", line(0, c=3), line(1, c=16), line(2, c=3), line(3, p=102))
    (part, _) = list(Ledger().summaries(path))
    (edge,) = [obj for obj, _ in part.outcome.objects.values() if obj.get("relationship_type") == "communicates-with"]
    known = stix.facts(edge, COMMUNICATION)
    assert known is not None
    assert known["services"] == [
        {"port": 102, "protocol": "modbus", "transport": "tcp"},
        {"port": 502, "protocol": "modbus", "transport": "tcp", "function_codes": [3, 16]},
    ]


def test_what_an_authors_function_does_wrong_costs_one_record(tmp_path: Path) -> None:
    def clumsy(record: Line, settings: Any) -> Any:
        trouble: dict[int, Any] = {
            1: lambda: 1 / 0,
            2: lambda: Flow("10.0.0.1", "10.0.0.2", at=None),  # type: ignore[arg-type]
            3: lambda: Flow("10.0.0.1", "10.0.0.2", at=float("nan")),
            4: lambda: Flow("10.0.0.1", "10.0.0.2", at=record.t, port=70_000),
            5: lambda: Flow("10.0.0.1", "10.0.0.2", at=record.t, protocol=["x"]),  # type: ignore[arg-type]
            6: lambda: Flow("10.0.0.1", "10.0.0.2", at=record.t, protocol="a\0b"),
            7: lambda: None,
            8: lambda: Flow(record.s, record.d, at=record.t, bytes_out="many"),  # type: ignore[arg-type]
        }
        return trouble.get(record.p, lambda: Flow(record.s, record.d, at=record.t, port=record.p))()

    path = write(tmp_path / "x.log", *(line(number, p=number) for number in range(10)), line(1, p=8, target="10.0.0.9"))
    declared = stream()
    assert declared.summary is not None
    declared.summary.fn = clumsy
    ledger = Ledger(declared)
    ledger.run(path)
    assert ledger.counts == {"records": 11, "mapped": 2, "quarantined": 9, "ignored": 0}
    assert ledger.total() == 2
    assert len(ledger.windows) == 1


def test_an_error_that_ends_the_pages_comes_after_what_was_read(tmp_path: Path) -> None:
    write(tmp_path / "a.log", line(0), line(1))
    (tmp_path / "b.log").write_bytes(b"\0binary")
    ledger = Ledger()
    with pytest.raises(SourceError, match=r"b\.log"):
        for part in ledger.summaries(tmp_path / "*.log"):
            ledger.store(part)
    assert ledger.total() == 2


def test_a_thousand_bad_records_are_handed_over_before_the_window_closes(tmp_path: Path) -> None:
    path = write(tmp_path / "x.log", line(0), *[b"bad\n"] * 2500, line(1))
    parts = [part for part in Ledger().summaries(path) if part.cursor is not None]
    assert [len(part.outcome.quarantined) for part in parts] == [1999, 501]
    ledger = Ledger()
    ledger.run(path, crash_after=2)
    assert ledger.counts["quarantined"] == 1999
    ledger.run(path)
    assert ledger.counts["quarantined"] == 2500
    assert ledger.total() == 2


def test_pages_without_positions_are_refused() -> None:
    page = Page(records=[b"{}"], observed_at="2026-01-01T00:00:00.000Z")
    with pytest.raises(ConfigurationError, match="only files give them"):
        list(summarise.run([page], stream(), make_builder))


def test_the_same_file_gives_the_same_objects_on_every_machine(tmp_path: Path) -> None:
    given = []
    for name in ("a.log", "b/c.log"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        write(path, *(line(number * 500.0, target=f"10.0.0.{number % 7}") for number in range(50)))
        pages = files.pages([str(path)], one_pass=True, log=True)
        parts = summarise.run(pages, stream(), make_builder)
        given.append([encoded for part in parts for encoded in part.outcome.encoded()])
    assert given[0] == given[1]
