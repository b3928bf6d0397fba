"""What a worker says to people: log lines and errors as frames, without secrets, bounded in size and number."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from isthmus_sdk import protocol
from isthmus_sdk.errors import IsthmusError
from isthmus_sdk.masking import Masking

LONGEST = 2000
"""Characters of one line."""
LINES, PERIOD = 500, 10.0
"""Lines that go out in so many seconds; of more, only the number."""


class Reporter:
    """Sends lines and errors of one worker. Threads may share it."""

    def __init__(self, writer: protocol.FrameWriter) -> None:
        self.masking = Masking()
        """Knows the secrets of the instance once it is configured."""
        self._writer = writer
        self._lock = threading.Lock()
        self._began, self._lines, self._dropped = 0.0, 0, 0

    def log(self, level: str, event: str, stream: str | None = None, **fields: Any) -> None:
        """One line."""
        dropped = self._room()
        if dropped is None:
            return
        if dropped:
            self._writer.write(protocol.Log(level="warning", event=f"{dropped} further log lines were dropped"))
        clean = self.masking.text(event)
        if len(clean) > LONGEST:
            clean = clean[: LONGEST - 1] + "…"
        self._writer.write(protocol.Log(level=level, event=clean, stream=stream, fields=self.masking.value(fields)))

    def fail(self, error: BaseException, stream: str | None = None) -> str:
        """An error: its class, what to do about it, its words. Returns the words."""
        if isinstance(error, IsthmusError):
            message, group = str(error), error.group
        else:
            message, group = f"{type(error).__name__}: {error}{_place(error)}", "fault"
        message = self.masking.text(message)[:LONGEST]
        not_before = getattr(error, "not_before", None)
        self._writer.write(
            protocol.Error(
                kind=type(error).__name__,
                group=group,
                message=message,
                stream=stream,
                not_before=not_before if isinstance(not_before, int | float) else None,
            )
        )
        return message

    def _room(self) -> int | None:
        """``None`` where there is no room for another line, else how many were dropped since the last one."""
        now = time.monotonic()
        with self._lock:
            if now - self._began >= PERIOD:
                self._began, self._lines = now, 0
            self._lines += 1
            if self._lines > LINES:
                self._dropped += 1
                return None
            dropped, self._dropped = self._dropped, 0
            return dropped


class FrameHandler(logging.Handler):
    """Sends what libraries log."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.INFO)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        """One record; of an exception its class and words."""
        try:
            text = record.getMessage()
            if record.exc_info and record.exc_info[1] is not None:
                text += f" ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
            self._reporter.log(record.levelname.lower(), text, logger=record.name)
        except Exception:
            self.handleError(record)


def _place(error: BaseException) -> str:
    """Where in the code an unforeseen error arose; the last place outside this package tells an author most."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    home = str(Path(__file__).parent)
    foreign = [frame for frame in frames if not frame.filename.startswith(home)]
    last = (foreign or frames)[-1]
    return f" ({Path(last.filename).name}:{last.lineno})"


__all__ = ["FrameHandler", "Reporter"]
