"""Whatever happens to the files and to the process, the windows hold exactly the records: no more, no less."""

from __future__ import annotations

import gzip
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sdk.summarise.ledger import Ledger, Line, encoded, plain_count, stream

START = 1_760_000_400.0
HEADER = b"#separator \\x09\n#path\tlines\n#fields\tt\ts\td\tp\tc\tn\n#types\ttime\taddr\taddr\tport\tcount\tcount\n"


class Sensor:
    """Writes a log as a sensor does, and rotates it as log rotation does, all decided by one seed."""

    def __init__(self, folder: Path, rng: random.Random, *, table: bool = False) -> None:
        self.folder = folder
        self.table = table
        self.rng = rng
        self.path = folder / "conn.log"
        self.lines: list[Line] = []
        self.rotations = 0
        self.time = START
        self._half = b""
        self._torn = False
        """The file ends in the middle of a line."""
        self._copying: Path | None = None

    def write(self) -> None:
        """Append lines: mostly in order, some late, some with a clock gone wrong, the last perhaps half written."""
        self._end_copy()
        data = self._half
        for _ in range(self.rng.randrange(1, 40)):
            line = self._line()
            self.lines.append(line)
            data += self._written(line)
        cut = self.rng.randrange(1, 30) if self.rng.random() < 0.3 else 0
        self._half = data[len(data) - cut :] if cut else b""
        with self.path.open("ab") as file:
            if self.table and (not file.tell() or self.rng.random() < 0.1):
                file.write(b"" if self._torn else HEADER)  # also in the middle, as after a restart of the sensor
            file.write(data[: len(data) - cut])
        self._torn = bool(cut)

    def complete(self) -> None:
        """Write the rest of a line that was half written."""
        with self.path.open("ab") as file:
            file.write(self._half)
        self._half = b""
        self._torn = False

    def rotate(self) -> None:
        """Rename; or copy and truncate, perhaps caught in the middle of it; then perhaps compress."""
        self._end_copy()
        if not self.path.exists() or not self.path.stat().st_size:
            return
        self.complete()
        self.rotations += 1
        aside = self.folder / f"conn.{self.rotations}.log"
        if self.rng.random() < 0.5:
            self.path.rename(aside)
        else:
            data = self.path.read_bytes()
            self._copying = aside
            aside.write_bytes(data if self.rng.random() < 0.5 else data[: self.rng.randrange(len(data))])
            if self.rng.random() < 0.5:
                return
            self._end_copy()
        if self.rng.random() < 0.4:
            aside.with_suffix(".log.gz").write_bytes(gzip.compress(aside.read_bytes()))
            aside.unlink()

    def _end_copy(self) -> None:
        """Finish a copy that was under way, and truncate the original."""
        if self._copying is not None:
            self._copying.write_bytes(self.path.read_bytes())
            os.truncate(self.path, 0)
            self._copying = None

    def _written(self, line: Line) -> bytes:
        if not self.table:
            return encoded(line)
        return f"{line.t!r}\t{line.s}\t{line.d}\t{line.p}\t{line.c}\t{line.n}\n".encode()

    def _line(self) -> Line:
        rng = self.rng
        self.time += rng.choice((0.0, 1.0, 60.0, 600.0, 1800.0))
        at = self.time
        chance = rng.random()
        if chance < 0.1:
            at -= rng.choice((10.0, 400.0, 5_000.0, 40_000.0))
        elif chance < 0.13:
            at += rng.choice((100_000.0, 5e7))
        at += len(self.lines) / 1e4  # no two lines are the same
        target = "10.1.0.255" if rng.random() < 0.05 else f"10.1.0.{rng.randrange(3)}"
        return Line(t=at, s=f"10.0.0.{rng.randrange(4)}", d=target, c=rng.randrange(1, 5), n=rng.randrange(100))


@pytest.mark.faults
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    steps=st.integers(3, 14),
    max_records=st.sampled_from((1, 3, 50)),
    table=st.booleans(),
)
def test_totals_equal_a_plain_count_through_growth_rotation_and_crashes(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: int, max_records: int, table: bool
) -> None:
    rng = random.Random(seed)
    folder = tmp_path_factory.mktemp("logs")
    sensor, ledger = Sensor(folder, rng, table=table), Ledger(max_records=max_records, native=True)
    for _ in range(steps):
        what = rng.random()
        if what < 0.5:
            sensor.write()
        elif what < 0.65:
            sensor.rotate()
        elif what < 0.85:
            ledger.run(folder / "conn*", crash_after=rng.randrange(0, 6))
        else:
            ledger.run(folder / "conn*")
    sensor.complete()
    ledger.run(folder / "conn*")

    assert ledger.problems == []
    assert ledger.by_edge_and_start() == plain_count(sensor.lines)
    counted = [line for line in sensor.lines if not line.d.endswith(".255")]
    assert ledger.total("bytes_out") == sum(line.n or 0 for line in counted)
    assert ledger.counts["records"] == len(sensor.lines)
    assert ledger.counts["ignored"] == len(sensor.lines) - len(counted)


def test_a_second_run_over_unchanged_files_states_nothing(tmp_path: Path) -> None:
    sensor, ledger = Sensor(tmp_path, random.Random(1)), Ledger()
    for _ in range(5):
        sensor.write()
    sensor.complete()
    sensor.rotate()
    sensor.write()
    sensor.complete()
    assert ledger.run(tmp_path / "conn*") > 0
    assert ledger.run(tmp_path / "conn*") == 0


@pytest.mark.parametrize("max_records", [1, 7, 1000])
def test_page_sizes_change_nothing(tmp_path: Path, max_records: int) -> None:
    sensor = Sensor(tmp_path, random.Random(5))
    for _ in range(10):
        sensor.write()
    sensor.complete()
    whole, paged = Ledger(), Ledger(max_records=max_records)
    whole.run(tmp_path / "conn*")
    paged.run(tmp_path / "conn*")
    assert paged.by_edge_and_start() == whole.by_edge_and_start()


def test_edges_beyond_the_bound_are_counted_as_overflow_and_stay_so_after_a_restart(tmp_path: Path) -> None:
    lines = [Line(t=START + n, s=f"10.0.{n % 50}.1", d="10.1.0.1") for n in range(500)]
    path = tmp_path / "conn.log"
    path.write_bytes(b"".join(map(encoded, lines[:300])))
    ledger = Ledger(stream(max_edges=10))
    ledger.run(path)
    with path.open("ab") as file:
        file.writelines(map(encoded, lines[300:]))
    ledger.run(path)
    assert len({edge for edge, _, _ in ledger.windows}) == 10
    assert ledger.total() == 100
    assert ledger.counts == {"records": 500, "mapped": 100, "ignored": 400, "quarantined": 0}


def test_a_closed_window_that_reaches_into_what_is_read_again_is_not_stated_anew(tmp_path: Path) -> None:
    hour = START // 3600 * 3600
    times = (3500, 3605, 3599, 3910, 3920)  # the third comes after the first of the next window, in time all the same
    lines = [Line(t=hour + at, s="10.0.0.1", d="10.1.0.1") for at in times]
    path = tmp_path / "conn.log"
    path.write_bytes(b"".join(map(encoded, lines)))
    for crash in range(8):
        ledger = Ledger(max_records=1)
        ledger.run(path, crash_after=crash)
        ledger.run(path, crash_after=crash)
        ledger.run(path)
        assert ledger.by_edge_and_start() == plain_count(lines)
