"""``map``: raw pages in, STIX NDJSON out; no network, no state.

The same input gives the same bytes, whatever the order of its records: objects of one id are united and the output is
sorted by id.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from isthmus_sdk.context import Context
from isthmus_sdk.engine import Noted, Outcome, PageMapper
from isthmus_sdk.errors import ConfigurationError, SourceError
from isthmus_sdk.page import Page
from isthmus_sdk.reasons import NONE, Reasons
from isthmus_sdk.settings import configure
from isthmus_sdk.transports import FilesTransport
from isthmus_sdk.unused import Unused

if TYPE_CHECKING:
    from isthmus_sdk.connector import Connector, Contract, Stream
    from isthmus_sdk.stix import Builder

EPOCH = "1970-01-01T00:00:00.000Z"
"""``observed_at`` of a pipe, which has no time of its own."""
PARTIAL = 4
_POSITION = re.compile(r"\[[0-9]+\]")


@dataclass(frozen=True, slots=True)
class MapOptions:
    """How records are mapped offline."""

    source_id: str = "local"
    scope: str = "default"
    settings: Mapping[str, Any] = field(default_factory=dict)
    observed_at: str | None = None
    """Canonical timestamp that replaces the files' own times."""
    loss: bool = False
    """Count the vendor fields that the model does not name."""
    reasons: Reasons = NONE
    """Why they are not used."""
    tlp: str | None = None
    """Marking of unmarked objects; ``None``: the manifest's."""
    contract: Contract | None = None
    """In place of the stream's own."""


@dataclass(slots=True)
class Mapped:
    """Result of a ``map`` run."""

    objects: list[bytes]
    """Canonical JSON, sorted by id."""
    report: dict[str, Any]
    """``{"records", "mapped", "ignored", "quarantined", "objects", "unused_fields", "unused_reasons", "notes", "drift"}``."""
    exit_code: int
    problem: str | None = None
    """What could not be read; everything else was mapped."""


def map_files(
    connector: Connector[Any],
    stream: Stream[Any, Any],
    files: Sequence[str | Path],
    options: MapOptions = MapOptions(),
    *,
    standard_input: BinaryIO | None = None,
    notice: Callable[[str], None] | None = None,
) -> Mapped:
    """Map the records of files; ``-`` (or no file) is standard input.

    Raises ``ConfigurationError`` for wrong settings and files that do not exist.
    """
    notice = notice or (lambda text: None)
    settings = configure(connector.settings, options.settings, offline=True)
    make_builder = builder_factory(connector, options.source_id, options.scope)
    tlp = options.tlp or connector.manifest.tlp
    mapper = PageMapper(
        stream, make_builder, tlp=tlp, contract=options.contract, look_at_all=options.loss, settings=settings
    )
    account = _Account(stream, options)
    problem: str | None = None
    with _inputs(files or ["-"], standard_input, options, notice) as inputs:
        for path, observed_at in inputs:
            transport = FilesTransport(
                [glob_of(path)],
                one_pass=True,
                final=True,
                summarised=stream.summary is not None,
                notice=notice,
                push=stream.push,
            )
            ctx: Context[Any] = Context(settings, stream.name, transport=transport, files=True, items=stream.items)
            pages = _dated(stream.fn(ctx), observed_at)
            try:
                if stream.summary is not None:
                    from isthmus_sdk import summarise

                    for part in summarise.run(account.watched(pages), stream, make_builder, settings, tlp=tlp):
                        account.add(part.outcome)
                else:
                    for page in account.watched(pages):
                        account.add(mapper.map(page))
            except SourceError as error:
                problem = str(error) if problem is None else f"{problem}; {error}"
    done = account.result(problem)
    done.report["drift"] = mapper.drift.as_json()
    return done


def builder_factory(
    connector: Connector[Any], source_id: str, scope: str | Callable[..., str]
) -> Callable[[str], Builder]:
    """Makes the builder of a page from its ``observed_at``."""
    from isthmus_sdk.stix import Builder

    find = (lambda *_args, **_named: scope) if isinstance(scope, str) else scope
    name = connector.name

    def make(observed_at: str) -> Builder:
        return Builder(source_id=source_id, connector=name, observed_at=observed_at, scope=find)

    return make


def glob_of(path: str | Path) -> str:
    """A path as a glob that matches nothing else."""
    import glob

    return glob.escape(str(path))


class _Account:
    """Counts and objects over the pages of one run."""

    def __init__(self, stream: Stream[Any, Any], options: MapOptions) -> None:
        from isthmus_sdk import stix

        self._stix = stix
        self._stream = stream
        self._unused = Unused(stream.model) if options.loss else None
        self._reasons = options.reasons
        self._objects: dict[str, bytes] = {}
        self._ignored: Counter[str] = Counter()
        self._quarantined: list[dict[str, Any]] = []
        self._notes: dict[str, dict[str, Any]] = {}
        self._records = 0
        self._mapped = 0

    def watched(self, pages: Iterable[Page]) -> Iterator[Page]:
        """The same pages; their unused fields are counted on the way."""
        for page in pages:
            if self._unused is not None:
                for index, raw in enumerate(page.records):
                    if index not in page.unreadable:
                        self._unused.add(_plain(self._stream, page, raw))
            yield page

    def add(self, outcome: Outcome) -> None:
        """Take the outcome of one page, or of one part of a summary."""
        for identifier, (obj, encoded) in outcome.objects.items():
            earlier = self._objects.get(identifier)
            if earlier is None or earlier == encoded:
                self._objects[identifier] = encoded
            else:
                self._objects[identifier] = self._stix.encode(self._stix.coalesce(self._stix.decode(earlier), obj))
        for bad in outcome.quarantined:
            self._quarantined.append(
                {
                    "index": self._records + bad.index,
                    "native_id": bad.native_id,
                    "path": bad.path,
                    "error": bad.error,
                    "stage": bad.stage,
                }
            )
        for noted in outcome.notes:
            self._note(noted)
        self._ignored.update(outcome.ignored)
        self._mapped += outcome.mapped
        self._records += outcome.records

    def _note(self, noted: Noted) -> None:
        """Counted by place, whatever the position in a list there; the first of each place is told."""
        place, _, note = noted.note.partition(": ")
        path = _POSITION.sub("[]", place)
        if path in self._notes:
            self._notes[path]["count"] += 1
        else:
            first = {"index": self._records + noted.index, "native_id": noted.native_id, "note": note}
            self._notes[path] = {"path": path, "count": 1, "first": first}

    def result(self, problem: str | None) -> Mapped:
        """The whole run."""
        objects = [self._objects[identifier] for identifier in sorted(self._objects)]
        unused = dict(sorted(self._unused.counts.items())) if self._unused else {}
        report = {
            "records": self._records,
            "mapped": self._mapped,
            "ignored": dict(sorted(self._ignored.items())),
            "quarantined": self._quarantined,
            "objects": len(objects),
            "unused_fields": unused,
            "unused_reasons": self._reasons.known(unused),
            "notes": [self._notes[path] for path in sorted(self._notes)],
        }
        if problem:
            report["error"] = problem
        return Mapped(objects, report, 1 if problem else PARTIAL if self._quarantined else 0, problem)


def _plain(stream: Stream[Any, Any], page: Page, raw: bytes) -> bytes:
    """A record as JSON without its envelope."""
    try:
        if page.table is not None:
            return page.table.to_json(raw)
        return stream.unwrap(raw) if stream.unwrap else raw
    except Exception:  # it is in quarantine for that; here it only counts no fields
        return b""


def _dated(pages: Iterable[Page], observed_at: str | None) -> Iterator[Page]:
    for page in pages:
        yield page if observed_at is None else replace(page, observed_at=observed_at)


@contextmanager
def _inputs(
    files: Sequence[str | Path], standard_input: BinaryIO | None, options: MapOptions, notice: Callable[[str], None]
) -> Iterator[list[tuple[Path, str | None]]]:
    """Paths to read, each with the time that its records get instead of the file's own."""
    with tempfile.TemporaryDirectory(prefix="isthmus-map-") as folder:
        inputs: list[tuple[Path, str | None]] = []
        for name in files:
            if str(name) != "-":
                path = Path(name)
                if not path.exists():
                    raise ConfigurationError(f"{name}: there is no such file")
                inputs.append((path, options.observed_at))
                continue
            if standard_input is None:
                raise ConfigurationError("no file is given and there is no standard input to read")
            spool = Path(folder) / "standard-input"
            with spool.open("wb") as file:
                shutil.copyfileobj(standard_input, file)
            if options.observed_at is None:
                notice(f"standard input has no time of its own: observed_at is {EPOCH}; give --observed-at to set it")
            inputs.append((spool, options.observed_at or EPOCH))
        yield inputs


__all__ = ["EPOCH", "MapOptions", "Mapped", "builder_factory", "glob_of", "map_files"]
