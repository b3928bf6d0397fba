"""Counts of one delivery run, or of a platform's whole life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """``incoming = accepted + duplicate + rejected + dropped + pending``, always.

    For a run, ``incoming`` is what was pending when it began plus what it took up. ``dead`` counts the dead letters
    that are part of ``rejected``; ``referents`` the objects among ``incoming`` that no resolved entry brought
    (markings, extension definitions, the hub's identity); ``superseded`` versions are in ``dropped``.
    """

    platform: str
    incoming: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    pending: int = 0
    dead: int = 0
    referents: int = 0
    error: str | None = None
    """Why the run stopped before everything was decided, if it did."""
    group: str | None = None
    """Group of that error in the error tree (``retriable``, ``authentication``, ``configuration`` ...)."""
    not_before: float | None = None
    """Seconds the platform asked to wait."""

    @property
    def balanced(self) -> bool:
        """Whether the counts add up."""
        decided = self.accepted + self.duplicate + self.rejected + sum(self.dropped.values())
        return self.incoming == decided + self.pending

    @property
    def complete(self) -> bool:
        """Everything that came in was decided and nothing was rejected."""
        return self.error is None and not self.pending and not self.rejected

    def plus_pending(self, n: int) -> DeliveryReport:
        """The same counts with ``n`` more objects that came in and wait."""
        return replace(self, incoming=self.incoming + n, pending=self.pending + n)

    def since(self, before: DeliveryReport, **outcome: Any) -> DeliveryReport:
        """The run that led from the totals ``before`` to these totals."""
        gone = {reason: n - before.dropped.get(reason, 0) for reason, n in self.dropped.items()}
        return DeliveryReport(
            platform=self.platform,
            incoming=self.incoming - before.incoming + before.pending,
            accepted=self.accepted - before.accepted,
            duplicate=self.duplicate - before.duplicate,
            rejected=self.rejected - before.rejected,
            dropped={reason: n for reason, n in gone.items() if n},
            pending=self.pending,
            dead=max(0, self.dead - before.dead),
            referents=self.referents - before.referents,
            **outcome,
        )

    def to_json(self) -> dict[str, Any]:
        """The shape that ``sync --json`` and ``status --json`` print."""
        return {
            "platform": self.platform,
            "in": self.incoming,
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "dropped": dict(sorted(self.dropped.items())),
            "pending": self.pending,
            "dead": self.dead,
            "referents": self.referents,
            "error": self.error,
            "group": self.group,
        }
