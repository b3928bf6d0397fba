"""When an instance runs next: its period, a little jitter, its quiet hours, and patience after failures. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from isthmus_hub.config import ConnectorConfig, quiet_until

JITTER = 0.1
"""Share of the period by which instances are spread, so that they do not all start together."""
LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class Next:
    """Seconds to wait from the end of the last run, and why."""

    seconds: float
    reason: str


def next_run(name: str, config: ConnectorConfig, *, failures: int = 0, not_before: float = 0.0) -> Next:
    """When to run an instance that has just finished. ``failures`` in a row double the wait, up to an hour.

    ``not_before``: seconds that the far side asked for.
    """
    spread = blake2b(name.encode(), digest_size=4).digest()
    share = int.from_bytes(spread, "big") / 2**32 - 0.5
    wait = max(1.0, config.every * (1 + JITTER * share))
    reason = "period"
    if failures:
        wait = min(max(LONGEST_WAIT, config.every), wait * 2 ** min(failures - 1, 10))
        reason = f"backoff after {failures} failures" if failures > 1 else "period"
    if not_before > wait:
        wait, reason = not_before, "the far side asked to wait"
    return Next(wait, reason)


def quiet(config: ConnectorConfig, now: datetime) -> float:
    """Seconds until the quiet window that ``now`` (on the machine's clock) lies in ends; 0 outside of one."""
    until = quiet_until(config.quiet, now)
    return max(0.0, (until - now).total_seconds()) if until else 0.0
