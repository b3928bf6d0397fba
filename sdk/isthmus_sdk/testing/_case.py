"""What an author hands to the kit: recorded pages, a few settings, and the reasons for what is exempt."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.nearest import did_you_mean
from isthmus_sdk.reasons import Reasons, mistakes, reasons_of

if TYPE_CHECKING:
    from isthmus_sdk.connector import Connector

FILE = "conformance.toml"
"""Name of the author's file in the folder of the case."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StreamCase(_Part):
    """``[stream.NAME]``: what cannot be found out by itself."""

    pages: tuple[str, ...] = ()
    """Globs below the folder; default ``pages/NAME.*`` and ``pages/NAME-*``."""
    since: Literal["inclusive", "exclusive"] = "inclusive"
    """Whether the vendor's filter gives what lies on its border, where the request itself does not say (``ge``, ``>``)."""
    cursor_fields: tuple[str, ...] = ()
    """Raw fields (dotted) that hold the value of the stream's cursor; default: those whose value equals it."""
    sorted_by: tuple[str, ...] = ()
    """Raw fields (dotted) by which the vendor sorts, where a pager of one's own relies on it."""


class FixedReply(_Part):
    """``[[reply]]``: an answer the connector needs beside its pages."""

    method: str = "GET"
    path: str
    status: int = 200
    headers: dict[str, str] = Field(default_factory=dict)
    body: Any = None


class _File(_Part):
    settings: dict[str, Any] = Field(default_factory=dict)
    stream: dict[str, StreamCase] = Field(default_factory=dict)
    reply: tuple[FixedReply, ...] = ()
    unused: dict[str, dict[str, str]] = Field(default_factory=dict)
    exempt: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A connector's case, read from its folder."""

    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    streams: Mapping[str, StreamCase] = field(default_factory=dict)
    replies: Sequence[FixedReply] = ()
    exempt: Mapping[str, str] = field(default_factory=dict)
    unused: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """``[unused.STREAM]``: why vendor fields are not used, by pattern."""

    def pages(self, stream: str) -> list[Path]:
        """Recorded pages of a stream, in natural order."""
        globs = self.stream(stream).pages or (f"pages/{stream}.*", f"pages/{stream}-*")
        found = {path for glob in globs for path in self.folder.glob(glob) if path.is_file()}
        return sorted(found, key=_natural)

    def received(self, stream: str) -> list[Path]:
        """Recorded messages of a stream that can be pushed, in natural order."""
        found = {path for glob in (f"received/{stream}.*", f"received/{stream}-*") for path in self.folder.glob(glob)}
        return sorted((path for path in found if path.is_file()), key=_natural)

    def stream(self, name: str) -> StreamCase:
        """What the author said of a stream."""
        return self.streams.get(name) or StreamCase()

    def reasons(self, stream: str) -> Reasons:
        """Why fields of a stream are not used."""
        return reasons_of(self.unused, stream)

    def golden(self, stream: str) -> Path:
        """Where the expected objects of a stream are kept."""
        return self.folder / "golden" / f"{stream}.ndjson"


def _natural(path: Path) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


def read_case(connector: Connector[Any], folder: Path | None = None) -> Case:
    """The case of a connector. Raises ``ConfigurationError`` that names the file and the key."""
    folder = folder or find_folder(connector)
    path = folder / FILE
    if not path.exists():
        return Case(folder)
    try:
        written = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from None
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}{_hint(item['loc'], item['input'])}"
            for item in error.errors(include_url=False)
        )
        raise ConfigurationError(f"{path}: {wrong}") from None
    unknown = sorted(set(written.stream) - set(connector.streams))
    if unknown:
        hint = did_you_mean(unknown[0], connector.streams, others="streams")
        raise ConfigurationError(f"{path}: no stream {', '.join(unknown)}{hint}")
    empty = sorted(name for name, reason in written.exempt.items() if not reason.strip())
    if empty:
        raise ConfigurationError(f"{path}: exempt.{empty[0]}: give the reason")
    for mistake in mistakes(written.unused, connector.streams):
        raise ConfigurationError(f"{path}: {mistake}")
    return Case(folder, written.settings, written.stream, written.reply, written.exempt, written.unused)


def _hint(place: tuple[int | str, ...], value: Any) -> str:
    return (
        '; write the field in quotes, as "a.b" = "reason"' if place[0] == "unused" and isinstance(value, dict) else ""
    )


def find_folder(connector: Connector[Any]) -> Path:
    """Where the case of a connector lies: in its package, else in ``tests`` beside it, else in ``./tests``."""
    inside = connector.folder / "conformance"
    if inside.is_dir():
        return inside
    project = connector.folder
    for _ in range(connector.package.count(".") + 1):
        project = project.parent
    for folder in (project / "tests", project.parent / "tests", Path.cwd() / "tests"):
        if (folder / "pages").is_dir() or (folder / FILE).is_file():
            return folder
    return project / "tests"


def import_root(connector: Connector[Any]) -> Path:
    """The folder that a worker must have on its path to import the connector."""
    top = sys.modules[connector.package.partition(".")[0]]
    paths = list(getattr(top, "__path__", ()))
    return Path(paths[0]).parent if paths else connector.folder.parent


__all__ = ["FILE", "Case", "FixedReply", "StreamCase", "find_folder", "import_root", "read_case"]
