"""Connectors that read files: the same promises, and what happens to files while they are written, moved and damaged."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus_sdk.testing._bench import Bench, Ran
from isthmus_sdk.testing._report import Level
from isthmus_sdk.testing._rules import Book, Rule, over_files

if TYPE_CHECKING:
    from isthmus_sdk.connector import Stream

book = Book()


def whole(bench: Bench, stream: Stream[Any, Any]) -> Ran:
    """A run over copies of the recorded files; done once."""
    key = f"whole.{stream.name}"
    if key not in bench.kept:
        bench.kept[key] = bench.run(stream.name, files=[str(p) for p in bench.case.pages(stream.name)])
    ran: Ran = bench.kept[key]
    return ran


def _dropped(bench: Bench, stream: Stream[Any, Any], name: str) -> tuple[Path, list[Path]]:
    """A fresh folder with copies of the recorded files."""
    folder = bench.folder / f"{name}-{stream.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder, [Path(shutil.copy2(path, folder / path.name)) for path in bench.case.pages(stream.name)]


@book.rule("reads-files", "bronze", "a run reads every file to its end, and each record is accounted for", over_files)
def reads_files(bench: Bench) -> Iterator[str]:
    """Nothing is passed over."""
    for stream in bench.file_streams:
        ran = whole(bench, stream)
        if ran.problem:
            yield f"stream {stream.name}: {ran.problem}"
        elif not ran.totals.complete or ran.totals.records < len(bench.recorded(stream)):
            yield f"stream {stream.name}: {ran.totals.records} of {len(bench.recorded(stream))} records were read"


@book.rule("again-files", "silver", "a second run over the same files brings nothing new", over_files)
def again_files(bench: Bench) -> Iterator[str]:
    """Also where they were renamed meanwhile."""
    for stream in bench.file_streams:
        folder, paths = _dropped(bench, stream, "again")
        first = bench.run(stream.name, files=[str(folder / "*")])
        second = bench.run(stream.name, files=[str(folder / "*")], cursors=first.cursors)
        for path in paths:
            path.rename(path.with_name(f"renamed-{path.name}"))
        third = bench.run(stream.name, files=[str(folder / "*")], cursors={**first.cursors, **second.cursors})
        for what, ran in (("unchanged", second), ("renamed", third)):
            if ran.problem:
                yield f"stream {stream.name}: {ran.problem}"
            elif changed := {i for i, encoded in ran.objects.items() if first.objects.get(i) != encoded}:
                yield f"stream {stream.name}: {len(changed)} objects are new although the files are {what}"


@book.rule("resume-files", "silver", "a run that is interrupted after any page goes on without losing one", over_files)
def resume_files(bench: Bench) -> Iterator[str]:
    """Interrupted at pages, between files."""
    for stream in bench.file_streams:
        files = [str(path) for path in bench.case.pages(stream.name)]
        wanted = whole(bench, stream)
        for pages in range(1, max(wanted.totals.pages, 2)):
            first = bench.run(stream.name, files=files, pages=pages)
            second = bench.run(stream.name, files=files, cursors=first.cursors)
            lost = wanted.objects.keys() - first.objects.keys() - second.objects.keys()
            if second.problem or lost:
                yield f"stream {stream.name}: interrupted after page {pages}: {second.problem or f'{len(lost)} objects were lost'}"
                break


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFault:
    """Something that happens to the files of a stream before a run, and whether everything must still be read."""

    name: str
    title: str
    damage: Callable[[Path, list[Path]], None]
    keeps: bool = True
    """Everything is still there to be read."""
    level: Level = "gold"

    def rule(self) -> Rule:
        """The fault as a rule of the kit."""
        return Rule(f"fault.{self.name}", self.level, self.title, self._check, over_files)

    def _check(self, bench: Bench) -> Iterator[str]:
        for stream in bench.file_streams:
            clean = whole(bench, stream)
            folder, paths = _dropped(bench, stream, self.name)
            self.damage(folder, paths)
            ran = bench.run(stream.name, files=[str(folder / "*")])
            totals = ran.totals
            if ran.crash is not None:
                yield f"stream {stream.name}: ended in something that is no error of the SDK: {ran.problem}"
            elif totals.records != totals.mapped + sum(totals.ignored.values()) + totals.quarantined:
                yield f"stream {stream.name}: the counts of the run do not add up"
            if self.keeps and ran.error is not None:
                yield f"stream {stream.name}: should have gone on: {ran.problem}"
            elif self.keeps and (missing := clean.objects.keys() - ran.objects.keys()):
                yield f"stream {stream.name}: {len(missing)} objects are missing"
            shutil.rmtree(folder)
            folder.mkdir()
            for path in bench.case.pages(stream.name):
                shutil.copy2(path, folder / f"whole-{path.name}")
            after = bench.run(stream.name, files=[str(folder / "*")], cursors=ran.cursors)
            if after.problem:
                yield f"stream {stream.name}: the next run, over whole files, fails: {after.problem}"
            elif lost := clean.objects.keys() - ran.objects.keys() - after.objects.keys():
                yield f"stream {stream.name}: {len(lost)} objects were lost for good"


def _each(change: Callable[[bytes], bytes]) -> Callable[[Path, list[Path]], None]:
    def damage(_folder: Path, paths: list[Path]) -> None:
        for path in paths:
            if path.suffix not in (".gz", ".zst"):
                path.write_bytes(change(path.read_bytes()))

    return damage


def _beside(name: str, content: bytes) -> Callable[[Path, list[Path]], None]:
    def damage(folder: Path, _paths: list[Path]) -> None:
        (folder / name).write_bytes(content)

    return damage


def _inserted(line: bytes) -> Callable[[bytes], bytes]:
    """One more line in the middle of the records of a log; other documents stay as they are."""

    def change(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        if len(lines) < 4 or data.lstrip()[:1] == b"[":
            return data
        last = max(number for number, text in enumerate(lines) if not text.startswith(b"#"))
        return b"".join([*lines[:last], line + b"\n", *lines[last:]])

    return change


def _zipped(_folder: Path, paths: list[Path]) -> None:
    for path in paths:
        if path.suffix not in (".gz", ".zst"):
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()


def _zipped_cut(folder: Path, paths: list[Path]) -> None:
    _zipped(folder, paths)
    for path in folder.glob("*.gz"):
        path.write_bytes(path.read_bytes()[:-12])


def _twice(folder: Path, paths: list[Path]) -> None:
    for path in paths:
        shutil.copy2(path, folder / f"copy-of-{path.name}")


def _linked(folder: Path, paths: list[Path]) -> None:
    (folder / "loop").symlink_to(folder)
    (folder / "nowhere").symlink_to(folder / "is-not-there")
    del paths


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


FILE_FAULTS = [
    FileFault(name="file-empty", title="an empty file beside the others", damage=_beside("aa-empty.log", b""), level="silver"),
    FileFault(name="file-zeros", title="a file of zeros, as a crash leaves it", damage=_beside("zz-zeros.log", bytes(4096)),
              keeps=False),
    FileFault(name="file-random", title="a file of random bytes", damage=_beside("zz-random.log", bytes(range(256)) * 40),
              keeps=False),
    FileFault(name="file-truncated", title="files cut in half", damage=_each(_half), keeps=False, level="silver"),
    FileFault(name="file-without-newline", title="no newline at the end", damage=_each(lambda data: data.rstrip(b"\n")),
              level="silver"),
    FileFault(name="file-crlf", title="lines that end as on Windows", damage=_each(lambda data: data.replace(b"\n", b"\r\n"))),
    FileFault(name="file-bom", title="a byte order mark", damage=_each(lambda data: b"\xef\xbb\xbf" + data)),
    FileFault(name="file-garbage-line", title="a line that is no record", damage=_each(_inserted(b"}{ not a record \t x")),
              level="silver"),
    FileFault(name="file-nul-line", title="a line of NUL characters", damage=_each(_inserted(bytes(200))), keeps=False),
    FileFault(name="file-broken-utf8", title="a line that is no UTF-8", damage=_each(_inserted(b"\xff\xfe\t\xc3\x28"))),
    FileFault(name="file-huge-line", title="a line of ten megabytes", damage=_each(_inserted(b"x" * (10 << 20)))),
    FileFault(name="file-blank-lines", title="blank lines", damage=_each(_inserted(b"\n\n  "))),
    FileFault(name="file-gzip", title="files compressed meanwhile", damage=_zipped),
    FileFault(name="file-gzip-truncated", title="compressed files that break off", damage=_zipped_cut, keeps=False),
    FileFault(name="file-twice", title="every file twice under two names", damage=_twice),
    FileFault(name="file-links", title="links in a circle and to nothing", damage=_linked),
]  # fmt: skip

__all__ = ["FILE_FAULTS", "book", "whole"]
