"""Structured logs: JSON lines in the daemon, readable text on a terminal, always on standard error.

Everything goes through one handler: our own entries, those of libraries that use ``logging``, and warnings. Secrets are
masked in the entry and once more in the finished line. Text from vendors cannot forge a line or steer a terminal:
control characters, escape sequences and bidirectional overrides are written as escapes.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import unicodedata
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import Processor

from isthmus_hub.telemetry._redact import Redactor

LONGEST = 8 * 1024
"""Characters of one text in an entry; the rest is cut off and counted."""
_DEEPEST = 8

Format = Literal["auto", "json", "console"]


def configure_logging(
    redactor: Redactor, *, format: Format = "auto", level: str = "info", stream: TextIO | None = None
) -> None:
    """Set up logging for the process; whatever was set up before is replaced.

    ``auto`` is ``console`` where ``stream`` (standard error by default) is a terminal, else ``json``.
    """
    stream = sys.stderr if stream is None else stream
    if format == "auto":
        format = "console" if stream.isatty() else "json"
    render: Processor = _json_line if format == "json" else _console(stream)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _Masking(redactor),
        _bounded,
    ]
    if format == "console":
        shared.append(_escaped)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _Handler(redactor.wrap(stream))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render]
        )
    )
    root = logging.getLogger()
    # Every other handler goes: it would write what this one masks.
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for noisy in ("httpx", "httpcore", "keyring", "urllib3"):
        # Their debug entries repeat headers and URLs.
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def install_exception_hooks(redactor: Redactor, *, stream: TextIO | None = None) -> None:
    """Mask the tracebacks that Python itself prints: the main thread's last one, dying threads, failing destructors."""
    import traceback

    def shown(
        kind: type[BaseException], error: BaseException | None, trace: TracebackType | None, where: str = ""
    ) -> None:
        lines = traceback.format_exception(kind, error, trace)
        out = sys.stderr if stream is None else stream
        out.write(redactor.text(where + "".join(lines)))
        out.flush()

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit:
            name = args.thread.name if args.thread else "?"
            shown(args.exc_type, args.exc_value, args.exc_traceback, f"Exception in thread {name}:\n")

    def unraisable(args: sys.UnraisableHookArgs) -> None:
        shown(args.exc_type, args.exc_value, args.exc_traceback, f"{args.err_msg or 'Exception ignored'}\n")

    sys.excepthook = shown
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable


class _Handler(logging.StreamHandler[TextIO]):
    """Says which entry it could not write; the inherited one would print its arguments, unmasked, to standard error."""

    def handleError(self, record: logging.LogRecord) -> None:
        try:
            text = "a log entry could not be written"
            where = {"logger": record.name, "file": record.pathname, "line": record.lineno}
            self.stream.write(json.dumps({"event": text, "level": "error", **where}) + "\n")
            self.flush()
        except (OSError, ValueError):
            # Standard error itself is closed or full: there is nobody left to tell.
            pass


class _Masking:
    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, _: Any, __: str, entry: MutableMapping[str, Any]) -> Mapping[str, Any]:
        # structlog's own markers (`_record`, `_from_structlog`) are left to it.
        return {key: value if key.startswith("_") else self._redactor.data(value) for key, value in entry.items()}


def _bounded(_: Any, __: str, entry: MutableMapping[str, Any]) -> Mapping[str, Any]:
    # After masking: a cut could leave half a secret, which no mask would find.
    return {key: value if key.startswith("_") else _each_text(value, _cut) for key, value in entry.items()}


def _escaped(_: Any, __: str, entry: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {
        key: value if key.startswith("_") else _each_text(value, escape_lines if key in _MANY_LINES else escape)
        for key, value in entry.items()
    }


_MANY_LINES = {"exception", "stack"}


def _each_text(value: Any, change: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return change(value)
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {_each_text(k, change, depth + 1): _each_text(v, change, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(item, change, depth + 1) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return change(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text) - LONGEST} more characters)"


def escape(text: str) -> str:
    """``text`` with control, format (bidirectional, zero-width), surrogate and line-ending characters as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape_character(c) for c in text)


def escape_lines(text: str) -> str:
    """``escape``, but line breaks stay, each line after the first indented so that none looks like an entry."""
    return "\n".join(("  " if number else "") + escape(line) for number, line in enumerate(text.split("\n")))


def _escape_character(character: str) -> str:
    if character.isprintable() and unicodedata.category(character) not in _UNSAFE:
        return character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _json_line(_: Any, __: str, entry: MutableMapping[str, Any]) -> str:
    # ASCII only: every control character and every bidirectional override comes out as an escape.
    return json.dumps(entry, default=repr, ensure_ascii=True)


def _console(stream: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        timestamp_key="time",
        # Not the default: it prints local variables, and breaks lines inside a secret.
        exception_formatter=structlog.dev.plain_traceback,
        sort_keys=False,
    )


__all__ = ["LONGEST", "Format", "configure_logging", "escape", "install_exception_hooks"]
