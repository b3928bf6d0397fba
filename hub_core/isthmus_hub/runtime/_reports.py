"""What a run of one stream came to, in the words of ``sync --json``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from isthmus_hub.runtime._inventories import Outcome
from isthmus_sdk import errors
from isthmus_sdk.confine import UNHELD, Confinement
from isthmus_sdk.errors import IsthmusError


@dataclass(slots=True)
class Failure:
    """Why a stream or an instance stopped."""

    kind: str
    """Name of the error class."""
    group: str
    """What to do: configuration, authentication, retriable, source, protocol, fault."""
    message: str
    not_before: float | None = None
    """Seconds to wait that the far side asked for."""

    @classmethod
    def of(cls, error: IsthmusError) -> Failure:
        """From an error of the tree."""
        return cls(type(error).__name__, error.group, str(error), getattr(error, "not_before", None))

    def as_error(self) -> IsthmusError:
        """The error of the tree that this was."""
        kind = getattr(errors, self.kind, None)
        return (
            kind(self.message)
            if isinstance(kind, type) and issubclass(kind, IsthmusError)
            else IsthmusError(self.message)
        )

    @property
    def exit_code(self) -> int:
        """Exit code of a command for which this is the whole story."""
        return {"configuration": 2, "authentication": 3}.get(self.group, 1)


@dataclass(slots=True)
class StreamRun:
    """Counts of one run of one stream. ``records = mapped + ignored + quarantined``."""

    instance: str
    stream: str
    pages: int = 0
    records: int = 0
    mapped: int = 0
    objects: int = 0
    unchanged: int = 0
    quarantined: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    cursor: str | None = None
    error: Failure | None = None
    confinement: Confinement = UNHELD
    """What held the worker."""
    snapshot: Outcome | None = None
    """What its complete snapshot came to; ``None`` where it gave none."""
    drift: dict[str, dict[str, int]] = field(default_factory=dict)
    """``new``, ``missing``, ``changed``, ``dropped``: fields that differ from what the connector expects -> records."""
    finished: bool = False
    """The worker said that the run is over."""

    def as_json(self) -> dict[str, Any]:
        """The row of ``sync --json``."""
        return {
            "instance": self.instance,
            "stream": self.stream,
            "pages": self.pages,
            "records": self.records,
            "mapped": self.mapped,
            "objects": self.objects,
            "unchanged": self.unchanged,
            "ignored": dict(self.ignored),
            "quarantined": self.quarantined,
            "cursor": self.cursor,
            "drift": self.drift,
            "isolation": self.confinement.level,
            "network": self.confinement.network,
            "isolation_reason": self.confinement.reason,
            "snapshot": None if self.snapshot is None else self.snapshot.as_json(),
            "error": None
            if self.error is None
            else {"kind": self.error.kind, "group": self.error.group, "message": self.error.message},
        }
