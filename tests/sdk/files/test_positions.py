"""Where reading goes on: growth, rotation, copies, changed content, settling; memory that does not grow with the file."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from isthmus_sdk import files
from isthmus_sdk.errors import SourceError


class Reader:
    """Runs over a drop folder, keeping the cursors as the hub does."""

    def __init__(self, *globs: Path, **options: Any) -> None:
        self.globs = [str(glob) for glob in globs]
        self.options: dict[str, Any] = {"one_pass": True, **options}
        self.cursors: dict[str, Any] = {}
        self.notices: list[str] = []

    def read(self, **options: Any) -> list[Any]:
        """What one run gives; its positions are stored as JSON."""
        given = []
        options = {**self.options, "notice": self.notices.append, **options}
        for page in files.pages(self.globs, cursors=self.cursors, **options):
            given += [msgspec.json.decode(record) for record in page.records]
            self.cursors[page.partition] = msgspec.json.decode(msgspec.json.encode(page.after))
        return given


def append(path: Path, *numbers: int, end: str = "\n") -> None:
    with path.open("a") as file:
        file.write("".join(f'{{"n":{number}}}{end}' for number in numbers))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "x.log"
    append(path, 1, 2)
    return path


def test_growth_is_read_once(log: Path) -> None:
    reader = Reader(log)
    assert reader.read() == [{"n": 1}, {"n": 2}]
    assert reader.read() == []
    append(log, 3)
    assert reader.read() == [{"n": 3}]


def test_a_half_written_last_line_waits_for_its_newline(log: Path) -> None:
    reader = Reader(log)
    with log.open("a") as file:
        file.write('{"n":3')
    assert reader.read() == [{"n": 1}, {"n": 2}]
    assert reader.read() == []
    with log.open("a") as file:
        file.write('}\n{"n":4}\n')
    assert reader.read() == [{"n": 3}, {"n": 4}]


def test_a_complete_last_line_without_newline_is_taken_and_what_follows_too(log: Path) -> None:
    append(log, 3, end="")
    reader = Reader(log)
    assert reader.read() == [{"n": 1}, {"n": 2}, {"n": 3}]
    with log.open("a") as file:
        file.write('\n{"n":4}\n')
    assert reader.read() == [{"n": 4}]


def test_the_last_row_of_a_table_needs_its_newline_or_ten_quiet_seconds(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("#fields\tn\n#types\tcount\n1\n2")
    now = path.stat().st_ctime
    reader = Reader(path)
    assert reader.read(now=now + 1) == [{"n": 1}]
    assert reader.read(now=now + 11) == [{"n": 2}]
    assert Reader(path).read(final=True) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("log_mode", [True, False])
def test_a_renamed_file_goes_on_where_it_was(log: Path, tmp_path: Path, log_mode: bool) -> None:
    reader = Reader(tmp_path / "x*", log=log_mode)
    reader.read()
    append(log, 3)
    log.rename(tmp_path / "x.1.log")
    append(log, 10)
    assert sorted(record["n"] for record in reader.read()) == [3, 10]
    append(tmp_path / "x.1.log", 4)
    append(log, 11)
    assert sorted(record["n"] for record in reader.read()) == [4, 11]


def test_a_log_copied_and_truncated_is_read_once(log: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path / "x*", log=True)
    reader.read()
    append(log, 3)
    (tmp_path / "x.log.1").write_bytes(log.read_bytes())
    os.truncate(log, 0)
    append(log, 10)
    assert sorted(record["n"] for record in reader.read()) == [3, 10]
    assert reader.read() == []


def test_a_truncated_log_that_grew_beyond_its_old_size_is_new_content(log: Path) -> None:
    reader = Reader(log, log=True)
    reader.read()
    os.truncate(log, 0)
    append(log, *range(10, 20))
    assert len(reader.read()) == 10
    assert reader.read() == []


def test_compression_on_rotation_is_no_new_content(log: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path / "x*", log=True)
    reader.read()
    append(log, 3)
    (tmp_path / "x.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    assert reader.read() == [{"n": 3}]
    assert reader.read() == []


def test_a_copy_beside_its_original_is_left_alone_and_said_so(log: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path / "x*", log=True)
    (tmp_path / "x.copy").write_bytes(log.read_bytes())
    assert reader.read() == [{"n": 1}, {"n": 2}]
    assert reader.read() == []
    assert any("x.copy" in text or "x.log" in text for text in reader.notices)


def test_logs_that_only_begin_alike_are_both_read(tmp_path: Path) -> None:
    append(tmp_path / "a.log", 1, 2, 3)
    append(tmp_path / "b.log", 1, 9)
    reader = Reader(tmp_path / "*.log", log=True)
    assert sorted(record["n"] for record in reader.read()) == [1, 1, 2, 3, 9]
    assert len(reader.cursors) == 2
    append(tmp_path / "b.log", 10)
    append(tmp_path / "a.log", 4)
    assert sorted(record["n"] for record in reader.read()) == [4, 10]


def test_an_ordinary_stream_reads_equal_files_each(log: Path, tmp_path: Path) -> None:
    (tmp_path / "x.copy").write_bytes(log.read_bytes())
    assert len(Reader(tmp_path / "x*").read()) == 4


@pytest.mark.parametrize("replace", [True, False])
def test_changed_content_is_read_again(tmp_path: Path, replace: bool) -> None:
    path = tmp_path / "assets.ndjson"
    append(path, 1, 2, 3)
    reader = Reader(path)
    reader.read()

    def rewrite(text: str) -> None:
        target = tmp_path / "new" if replace else path
        target.write_text(text)
        if replace:
            target.rename(path)

    rewrite('{"n":1}\n{"n":7}\n{"n":3}\n{"n":4}\n')  # longer, changed in the middle
    assert reader.read() == [{"n": 1}, {"n": 7}, {"n": 3}, {"n": 4}]
    rewrite('{"n":1}\n{"n":8}\n{"n":3}\n{"n":4}\n')  # as long as before
    assert reader.read() == [{"n": 1}, {"n": 8}, {"n": 3}, {"n": 4}]
    rewrite('{"n":1}\n')
    assert reader.read() == [{"n": 1}]
    assert len(reader.cursors) == 1


def test_a_document_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "assets.json"
    path.write_text('{"value":[{"n":1},{"n":2}]}')
    reader = Reader(path, items="value")
    assert len(reader.read()) == 2
    os.utime(path, (1, 1))
    assert reader.read() == []
    path.write_text('{"value":[{"n":1},{"n":3}]}')
    assert reader.read() == [{"n": 1}, {"n": 3}]


def test_an_interrupted_run_goes_on_after_the_last_stored_page(tmp_path: Path) -> None:
    lines, document = tmp_path / "a.ndjson", tmp_path / "b.json"
    append(lines, *range(10))
    document.write_bytes(msgspec.json.encode([{"n": n} for n in range(100, 110)]))
    reader = Reader(tmp_path / "*", max_records=3)
    seen: list[int] = []
    for _ in range(100):
        page = next(files.pages(reader.globs, cursors=reader.cursors, **reader.options), None)
        if page is None:
            break
        seen += [msgspec.json.decode(record)["n"] for record in page.records]
        reader.cursors[page.partition] = page.after
    assert sorted(seen) == [*range(10), *range(100, 110)]


def test_documents_and_compressed_files_wait_until_they_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"n":1}]')
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(b'{"n":2}\n'))
    append(tmp_path / "c.ndjson", 3)
    now = max(path.stat().st_ctime for path in tmp_path.iterdir())
    reader = Reader(tmp_path / "*", one_pass=False, settle=10.0)
    assert reader.read(now=now + 1) == [{"n": 3}]
    assert reader.read(now=now + 11) == [{"n": 1}, {"n": 2}]


def test_names_are_sorted_as_people_count(tmp_path: Path) -> None:
    for number in (10, 9, 1, 100):
        append(tmp_path / f"page{number}.json", number)
    assert [record["n"] for record in Reader(tmp_path / "page*").read()] == [1, 9, 10, 100]


def test_a_file_of_two_names_is_read_once(log: Path, tmp_path: Path) -> None:
    os.link(log, tmp_path / "x.hard")
    (tmp_path / "x.soft").symlink_to(log)
    assert len(Reader(tmp_path / "x*", log).read()) == 2


def test_pipes_folders_and_names_with_brackets_do_no_harm(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    append(tmp_path / "a[1].ndjson", 1)
    with pytest.raises(SourceError, match="pipe: is not a regular file"):
        Reader(tmp_path / "*").read()
    assert Reader(tmp_path / "a[1].ndjson").read() == [{"n": 1}]


def test_a_file_without_permission_is_named(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "x.closed"
    append(closed, 9)
    opened = os.open

    def guarded(path: Any, *rest: Any) -> int:
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *rest)

    monkeypatch.setattr("isthmus_sdk.files._source.os.open", guarded)  # tests may run as root, who may read everything
    reader = Reader(tmp_path / "x*")
    with pytest.raises(SourceError, match=r"x\.closed: Permission denied"):
        reader.read()
    assert len(reader.cursors) == 1


def test_several_problems_are_raised_together(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04")
    (tmp_path / "b.bin").write_bytes(b"\0\1\2")
    append(tmp_path / "c.ndjson", 1)
    with pytest.raises(SourceError, match=r"2 of 3 files .*a\.zip.*b\.bin"):
        Reader(tmp_path / "*").read()


def test_the_time_of_a_page_is_the_files_own(log: Path) -> None:
    os.utime(log, ns=(0, 1_760_000_000_123_456_789))
    (page,) = files.pages([str(log)], one_pass=True)
    assert page.observed_at == "2025-10-09T08:53:20.123Z"


def test_the_partition_is_the_same_under_every_name_and_on_every_machine(tmp_path: Path) -> None:
    append(tmp_path / "a.log", 1, 2)
    append(tmp_path / "elsewhere.log", 1, 2, 3)
    (tmp_path / "c.gz").write_bytes(gzip.compress(b'{"n":1}\n'))
    partitions = {
        page.partition
        for name in ("a.log", "elsewhere.log", "c.gz")
        for page in files.pages([str(tmp_path / name)], one_pass=True)
    }
    assert len(partitions) == 1


def test_the_position_before_each_record_leads_back_to_it(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("#fields\tn\n#types\tcount\n" + "".join(f"{n}\n# remark\n\n" for n in range(8)))
    for page in files.pages([str(path)], one_pass=True, log=True):
        assert page.positions is not None
        for index, record in enumerate(page.records):
            again = next(
                files.pages([str(path)], one_pass=True, log=True, cursors={page.partition: page.positions[index]})
            )
            assert again.records[0] == record


def test_check_tells_what_matches_nothing(tmp_path: Path, log: Path) -> None:
    assert files.check([str(log)]) == []
    assert files.check([str(tmp_path / "*.nothing")]) == [f"{tmp_path / '*.nothing'}: no file matches"]


_MEMORY = """
import resource, sys
from isthmus_sdk import files
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
path, items = sys.argv[1], sys.argv[2] or None
count, first = 0, 0
for page in files.pages([path], one_pass=True, items=items):
    count += len(page.records)
    if page.number == 10: first = peak()
print(count, (peak() - first) // 1024)
"""


@pytest.mark.parametrize("kind", ["ndjson", "document"])
def test_memory_stays_flat_on_a_file_much_larger_than_it(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "large"
    record = b'{"n":1,"s":"' + b"x" * 2000 + b'"}'
    with path.open("wb") as file:
        if kind == "document":
            file.write(b'{"value":[' + record)
        for _ in range(100):
            file.write((b",\n" + record if kind == "document" else record + b"\n") * 500)
        if kind == "document":
            file.write(b"]}")
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(path), "value" if kind == "document" else ""],
        capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip
    count, grown = map(int, done.stdout.split())
    assert count == 50_000 + (kind == "document")
    assert path.stat().st_size > 90 << 20
    assert grown < 12


def test_a_line_of_100_megabytes_does_not_need_100_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(b'{"n":1}\n{"s":"')
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n{"n":2}\n')
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY.replace("page.number == 10", "page.number == 1"), str(path), ""],
        capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip
    count, grown = map(int, done.stdout.split())
    assert count == 3
    assert grown < 30
