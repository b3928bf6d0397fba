"""Files against the rules of STIX 2.1, object by object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, NamedTuple

from isthmus_sdk.commands.stix_check._decoding import Trouble, decoded_value
from isthmus_sdk.commands.stix_check._lines import line_of
from isthmus_sdk.commands.stix_check._reading import expanded, opened
from isthmus_sdk.commands.stix_check._report import LIMIT, Report
from isthmus_sdk.commands.stix_check._splitter import LARGEST, Envelope, Fault, Piece, Splitter
from isthmus_sdk.errors import RecordError, SourceError
from isthmus_sdk.stix import Problem, interop, problems
from isthmus_sdk.stix._explain import explain, stated
from isthmus_sdk.stix._sets import Together

REMEMBERED: Final = 100_000
"""Objects whose versions and references are followed, so that memory stays bounded however long the input is."""
Tell = Callable[[str, dict[str, Any]], None]
_NO_OBJECT = -1
"""Index of what is wrong beside the objects: with a bundle, or with text between them."""


class Place(NamedTuple):
    """Where an object is: file, its number in the report (a file may be given twice), index in it, line."""

    file: str
    turn: int
    number: int
    line: int


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """``warnings``: look at SHOULDs and references too; ``upgrade``: STIX 2.0 as 2.1; ``limit``: entries listed (0: all)."""

    warnings: bool = True
    upgrade: bool = False
    limit: int = LIMIT


def check_files(
    names: Sequence[str], options: CheckOptions, *, standard_input: BinaryIO, tell: Tell | None = None
) -> Report:
    """Check each file (``-``: standard input; a directory: the JSON files in it) and return what was found.

    ``tell(kind, entry)`` hears of each listed error and warning at once. A file that cannot be read is named in
    ``Report.unreadable`` and does not stop the others.
    """
    checker = Checker(options, tell)
    report = checker.report
    for name in expanded(names):
        try:
            with opened(name, standard_input) as read:
                checker.file(name, read)
        except BrokenPipeError:
            raise  # of whoever listens to tell
        except OSError as error:
            report.unreadable.append({"file": name, "message": error.strerror or str(error)})
    if not report.files and not report.unreadable:
        report.unreadable.append({"file": ", ".join(names), "message": "no JSON file is in it"})
    checker.finish()
    return report


class Checker:
    """Checks one input after another; ``report`` holds what was found so far."""

    def __init__(self, options: CheckOptions, tell: Tell | None = None) -> None:
        self.report = Report(limit=options.limit)
        self._options = options
        self._tell = tell
        self._together = Together(REMEMBERED)
        self._file = ""
        self._index = 0
        self._old = 0

    def file(self, name: str, read: Callable[[], bytes]) -> None:
        """Check what ``read()`` gives (``b""`` at the end)."""
        self._file, self._index = name, 0
        valid, splitter = self.report.valid, Splitter(read)
        try:
            for found in splitter.found():
                if isinstance(found, Piece):
                    self._piece(found)
                elif isinstance(found, Envelope):
                    self._envelope(found)
                else:
                    self._fault(found)
        except SourceError as error:
            self._fault(Fault("file", str(error).removeprefix(f"{name}: "), splitter.line, False))
        self.report.files.append({"file": name, "objects": self._index, "valid": self.report.valid - valid})

    def finish(self) -> None:
        """Say what can only be said at the end."""
        invalid: set[Place] = set()
        for place, problem in self._together.problems():
            invalid.add(place)
            self._found("error", place, problem)
        self.report.no_longer_valid(Counter(place.turn for place in invalid))
        for place, problem in self._together.warnings() if self._options.warnings else ():
            self._found("warning", place, problem)
        notes = self.report.notes
        if self._together.full:
            notes.append(f"versions and references were followed among the first {REMEMBERED} objects only")
        if self._old:
            notes.append(f"{self._old} invalid objects look like STIX 2.0; --upgrade checks them as STIX 2.1")

    # what the splitter finds

    def _piece(self, piece: Piece) -> None:
        place = Place(self._file, len(self.report.files), self._index, piece.line)
        if not piece.data:
            self._object(place, [Problem("", "", "size", f"larger than {LARGEST >> 20} MiB: not checked")])
            return
        value, trouble = decoded_value(piece.data, piece.value)
        if trouble is not None:
            line = piece.line + piece.data.count(b"\n", 0, trouble.at)
            self._object(place._replace(line=line), [_problem(value, trouble, piece.data)])
        elif isinstance(value, dict) and value.get("type") == "bundle" and not piece.inside:
            self._bundle(value, piece)
        else:
            self._object(place, self._errors(value, place, piece), piece.data)

    def _errors(self, value: Any, place: Place, piece: Piece) -> list[Problem]:
        """Errors of one object; its warnings are told on the way."""
        if not isinstance(value, dict):
            return [Problem("", "", "object", f"an object is expected, this is {_kind(value)}")]
        if value.get("type") == "bundle":
            return [stated(_id_of(value), "type", "bundle-object", "a bundle must not be in a bundle: not checked")]
        objects: Iterable[dict[str, Any]] = (value,)
        if self._options.upgrade:
            try:
                objects = interop.upgrade(value)
            except RecordError as error:
                return [Problem(_id_of(value), error.path, "upgrade", str(error))]
        broken: list[Problem] = []
        for obj in objects:
            errors, warnings = explain(obj) if self._options.warnings else (problems(obj), [])
            for each in warnings:
                self._found("warning", place, each, piece.data)
            broken += errors
            if not errors:
                self._together.add(obj, place, follow=self._options.warnings)
        self._old += bool(broken) and "created" in value and "spec_version" not in value
        return broken

    def _object(self, place: Place, errors: list[Problem], data: bytes = b"") -> None:
        self._index += 1
        self.report.objects += 1
        self.report.valid += not errors
        for each in errors:
            self._found("error", place, each, data)

    def _bundle(self, bundle: Mapping[str, Any], piece: Piece) -> None:
        """Check what the bundle says itself."""
        place = Place(self._file, len(self.report.files), _NO_OBJECT, piece.line)
        alone = {
            name: value for name, value in bundle.items() if name != "objects" or not (value and type(value) is list)
        }
        if "type" not in alone:
            alone["type"] = "bundle"  # a list of objects makes it one
            self._found("error", place, stated(_id_of(bundle), "type", "required", "missing: expected 'bundle'"))
        old = alone.pop("spec_version", None) if bundle.get("spec_version") == "2.0" else None
        if old and not self._options.upgrade:
            message = "a bundle of STIX 2.0; --upgrade checks it as STIX 2.1"
            self._found("error", place, stated(_id_of(bundle), "spec_version", "spec-version", message))
        errors, warnings = explain(alone)
        for each in errors:
            self._found("error", place, each, piece.data)
        for each in warnings if self._options.warnings else ():
            self._found("warning", place, each, piece.data)

    def _envelope(self, envelope: Envelope) -> None:
        place, bundle = Place(self._file, len(self.report.files), _NO_OBJECT, envelope.line), {}
        for name, data in envelope.members.items():
            bundle[name], trouble = decoded_value(data)
            if trouble is not None:
                self._found("error", place, _problem(None, trouble, data)._replace(path=name))
        for name in envelope.repeated:
            message = f"the name {name[:60]!r} is given twice"
            self._found("error", place, Problem(_id_of(bundle), name, "repeated-name", message))
        self._bundle(bundle, Piece(b"", envelope.line))

    def _fault(self, fault: Fault) -> None:
        problem = Problem("", "", fault.rule, fault.message)
        if fault.is_object:
            self._object(Place(self._file, len(self.report.files), self._index, fault.line), [problem])
        else:
            self._found("error", Place(self._file, len(self.report.files), _NO_OBJECT, fault.line), problem)

    def _found(self, kind: str, place: Place, problem: Problem, data: bytes = b"") -> None:
        self.report.count(kind, problem.rule)
        if not self.report.lists(kind):
            return
        entry = {
            "index": place.number,
            "id": problem.id,
            "path": problem.path,
            "rule": problem.rule,
            "message": problem.message,
            "section": problem.section,
            "file": place.file,
            "line": place.line + (line_of(data, problem.path) if data else 0),
        }
        self.report.add(kind, entry)
        if self._tell is not None:
            self._tell(kind, entry)


def _problem(value: Any, trouble: Trouble, data: bytes) -> Problem:
    column = trouble.at - data.rfind(b"\n", 0, trouble.at)
    return Problem(_id_of(value), "", trouble.rule, f"{trouble.message} (column {column})")


def _id_of(value: Any) -> str:
    found = value.get("id") if isinstance(value, Mapping) else None
    return found if isinstance(found, str) and found.isascii() else ""


def _kind(value: Any) -> str:
    names = {list: "a list", str: "text", int: "a number", float: "a number", bool: "true or false"}
    return names.get(type(value), "null")


__all__ = ["CheckOptions", "Checker", "Tell", "check_files"]
