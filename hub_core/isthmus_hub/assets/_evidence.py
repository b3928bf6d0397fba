"""Why two observations are one device, or why they are not although something speaks for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """One link that was made or refused."""

    rule: str
    """Kind of identifier, ``likeness`` for a sum of smaller reasons, ``decision`` for what a person said."""
    value: str
    """The shared value, or the reasons with their bits."""
    left: str
    right: str
    veto: str = ""
    """Empty where the link was made; else what spoke against it."""
