"""``preview``: raw records and what becomes of them, side by side."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from isthmus_sdk.commands.map import builder_factory, glob_of
from isthmus_sdk.context import Context
from isthmus_sdk.engine import Outcome, PageMapper
from isthmus_sdk.errors import ConfigurationError, SecretError
from isthmus_sdk.settings import configure
from isthmus_sdk.transports import FilesTransport, HttpTransport, connect

if TYPE_CHECKING:
    from isthmus_sdk.connector import Connector, Stream
    from isthmus_sdk.page import Page


def preview(
    connector: Connector[Any],
    stream: Stream[Any, Any],
    *,
    files: Sequence[str | Path] = (),
    limit: int = 3,
    settings: Mapping[str, Any],
    secrets: Mapping[str, str] | None = None,
    tls: Mapping[str, Any] | None = None,
    proxy: str | None = None,
    source_id: str = "local",
    scope: str | Callable[..., str] = "default",
    notice: Callable[[str], None] = lambda text: None,
) -> Iterator[dict[str, Any]]:
    """The first ``limit`` records, each as ``{"index", "raw", "objects"}`` with ``ignored`` or ``error`` where it is so.

    Reads ``files``, or the vendor's API where there are none. Keeps nothing.
    """
    for name in files:
        if not Path(name).exists():
            raise ConfigurationError(f"{name}: there is no such file")
    checked = configure(connector.settings, settings, secrets, offline=bool(files))
    http = None if files else connect(connector, checked, tls=tls, proxy=proxy)
    summarised = stream.summary is not None
    try:
        ctx: Context[Any] = Context(
            checked,
            stream.name,
            transport=FilesTransport(
                [glob_of(name) for name in files],
                one_pass=True,
                final=True,
                summarised=summarised,
                notice=notice,
                push=stream.push,
            )
            if http is None
            else HttpTransport(lambda: http),
            connect=None if http is None else (lambda: http),
            files=http is None,
            items=stream.items,
        )
        outcome_of = _outcomes(connector, stream, checked, source_id, scope)
        index = 0
        for page in stream.fn(ctx):
            for number in range(len(page.records)):
                if index >= limit:
                    return
                yield _shown(index, page.records[number], outcome_of(_alone(page, number)))
                index += 1
    finally:
        if http is not None:
            http.close()


def secret_references(pairs: Iterable[str]) -> dict[str, str]:
    """Secrets from ``NAME=env:VARIABLE`` and ``NAME=file:PATH``; a value itself is refused, it would be in the history."""
    secrets: dict[str, str] = {}
    for pair in pairs:
        name, _, reference = pair.partition("=")
        kind, _, place = reference.partition(":")
        if kind == "env" and place:
            if place not in os.environ:
                raise SecretError(f"--secret {name}: the environment has no {place}")
            secrets[name] = os.environ[place]
        elif kind == "file" and place:
            try:
                secrets[name] = Path(place).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise SecretError(f"--secret {name}: {place} cannot be read: {type(error).__name__}") from None
        else:
            raise SecretError(f"--secret {name}: write {name}=env:VARIABLE or {name}=file:PATH")
    return secrets


def render(shown: Mapping[str, Any]) -> str:
    """One record of a preview for people."""
    lines = [f"record {shown['index']}", _indented(shown["raw"])]
    if "error" in shown:
        lines.append(f"  quarantined ({shown['stage']}) at {shown['path'] or 'the record'}: {shown['error']}")
    if "ignored" in shown:
        lines.append(f"  ignored: {shown['ignored']}")
    for obj in shown["objects"]:
        lines += [f"  {obj['type']}", _indented(obj, "    ")]
    return "\n".join(lines)


def _outcomes(
    connector: Connector[Any], stream: Stream[Any, Any], settings: Any, source_id: str, scope: str | Callable[..., str]
) -> Callable[[Page], Outcome]:
    make_builder = builder_factory(connector, source_id, scope)
    tlp = connector.manifest.tlp
    if stream.summary is None:
        return PageMapper(stream, make_builder, tlp=tlp, settings=settings).map

    def summarised(page: Page) -> Outcome:
        from isthmus_sdk import summarise

        whole = Outcome()
        for part in summarise.run([page], stream, make_builder, settings, tlp=tlp):
            whole.objects.update(part.outcome.objects)
            whole.ignored.update(part.outcome.ignored)
            whole.quarantined.extend(part.outcome.quarantined)
        return whole

    return summarised


def _alone(page: Page, number: int) -> Page:
    """A page with one of its records."""
    return replace(
        page,
        records=[page.records[number]],
        positions=None if page.positions is None else [page.positions[number]],
        unreadable={0: page.unreadable[number]} if number in page.unreadable else {},
    )


def _shown(index: int, raw: bytes, outcome: Outcome) -> dict[str, Any]:
    shown: dict[str, Any] = {"index": index, "raw": _readable(raw), "objects": [o for o, _ in outcome.objects.values()]}
    if outcome.ignored:
        shown["ignored"] = next(iter(outcome.ignored))
    for bad in outcome.quarantined:
        shown |= {"native_id": bad.native_id, "path": bad.path, "error": bad.error, "stage": bad.stage}
    return shown


def _readable(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw.decode("utf-8", "replace")


def _indented(value: Any, indent: str = "  ") -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return "\n".join(
        indent + "".join(c if c.isprintable() else repr(c)[1:-1] for c in line) for line in text.split("\n")
    )


__all__ = ["preview", "render", "secret_references"]
