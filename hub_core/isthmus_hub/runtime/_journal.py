"""How the last run of each instance ended, kept across processes for ``status``. Losing it costs nothing but the display."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isthmus_hub.runtime._reports import StreamRun
from isthmus_sdk.drift import news


class RunJournal:
    """One small JSON file, replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def last(self, instance: str) -> dict[str, Any]:
        """``finished``, ``last_success``, ``records`` (since the first run) and ``runs``; empty before the first run."""
        return dict(self._read().get(instance, {}))

    def note(self, instance: str, runs: Sequence[StreamRun]) -> dict[str, list[str]]:
        """Record a finished run; returns how each stream's fields differ that did not in the run before."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._lock:
            everything = self._read()
            before = everything.get(instance, {})
            drift = {row["stream"]: row.get("drift", {}) for row in before.get("runs", ())}
            everything[instance] = {
                "finished": now,
                "last_success": now if all(run.error is None for run in runs) else before.get("last_success"),
                "records": before.get("records", 0) + sum(run.records for run in runs),
                "runs": [run.as_json() for run in runs],
            }
            temporary = self._path.with_suffix(".new")
            with suppress(OSError):  # a full disk must not stop a run for the sake of a display
                temporary.write_text(json.dumps(everything))
                temporary.replace(self._path)
        # The first run has nothing to be compared with: what a model leaves out on purpose is no news.
        found = {run.stream: news(drift[run.stream], run.drift) for run in runs if run.stream in drift}
        return {stream: lines for stream, lines in found.items() if lines}

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
