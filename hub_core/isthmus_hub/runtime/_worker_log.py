"""What workers say, in the log of the process that runs them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from isthmus_hub.runtime._reports import StreamRun

_LEVELS = logging.getLevelNamesMapping()


class WorkerLog:
    """An observer that logs; levels are the worker's own, an unknown one counts as a warning."""

    def __init__(self) -> None:
        import structlog

        self._log = structlog.get_logger("isthmus.worker")

    def log(self, instance: str, level: str, event: str, fields: Mapping[str, Any]) -> None:
        """One line. The worker's fields stay apart: their names are a connector's choice."""
        said = {name: value for name, value in fields.items() if value is not None}
        self._log.log(_LEVELS.get(level.upper(), logging.WARNING), event, instance=instance, said=said)

    def progress(self, run: StreamRun) -> None:
        """Nothing: the end of a run is reported as a whole."""


__all__ = ["WorkerLog"]
