"""How the last run of each instance ended, and which fields drifted, kept across processes for ``status``.

Losing it costs nothing but the display.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from isthmus_hub.runtime._drift import FollowedDrift, accept, follow, news
from isthmus_hub.runtime._reports import StreamRun


class RunJournal:
    """One small JSON file, replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def last(self, instance: str) -> dict[str, Any]:
        """``finished``, ``last_success``, ``records`` (since the first run) and ``runs``; empty before the first run."""
        found = self._read().get(instance, {})
        return dict(found) if isinstance(found, dict) else {}

    def drift(self, instance: str) -> dict[str, FollowedDrift]:
        """Fields of each stream that differ from what its connector expects."""
        return _drift_of(self.last(instance))

    def note(self, instance: str, runs: Sequence[StreamRun]) -> dict[str, list[str]]:
        """Record a finished run; returns how each stream's fields differ that did not before."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        told: dict[str, list[str]] = {}
        with self._lock:
            before = self.last(instance)
            drift = _drift_of(before)
            for run in runs:
                former = drift.get(run.stream)
                current = follow(former, run.drift, records=run.records, now=now)
                if current is not None:
                    drift[run.stream] = current
                if lines := news(former, current):
                    told[run.stream] = lines
            entry = {
                "finished": now,
                "last_success": now if all(run.error is None for run in runs) else before.get("last_success"),
                "records": before.get("records", 0) + sum(run.records for run in runs),
                "runs": [run.as_json() for run in runs],
                "drift": msgspec.to_builtins(drift),
            }
            with suppress(OSError):  # a full disk must not stop a run for the sake of a display
                self._write(instance, entry)
        return told

    def accept_drift(self, instance: str, stream: str | None = None) -> dict[str, FollowedDrift]:
        """Fields that differ now, of one stream or of all, are known from now on; returns what was open.

        Raises ``OSError`` where that cannot be written.
        """
        with self._lock:
            entry = self.last(instance)
            drift = _drift_of(entry)
            chosen = {name: one for name, one in drift.items() if stream in (None, name) and one.open}
            if chosen:
                drift.update({name: accept(one) for name, one in chosen.items()})
                self._write(instance, {**entry, "drift": msgspec.to_builtins(drift)})
        return chosen

    def _write(self, instance: str, entry: dict[str, Any]) -> None:
        temporary = self._path.with_suffix(".new")
        with temporary.open("w") as file:
            json.dump({**self._read(), instance: entry}, file)
            file.flush()
            os.fsync(file.fileno())  # or a power cut may leave an empty file under the name
        temporary.replace(self._path)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _drift_of(entry: dict[str, Any]) -> dict[str, FollowedDrift]:
    try:
        return msgspec.convert(entry.get("drift", {}), dict[str, FollowedDrift])
    except msgspec.ValidationError:  # as another version wrote it
        return {}
