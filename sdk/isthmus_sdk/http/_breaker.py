"""A breaker per origin: a server that failed several calls in a row is left alone for a while.

Without it every stream of an instance spends its whole retry budget on a server that is down, and the server, when it
comes up again, meets all of them at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from isthmus_sdk.errors import DeadlineExceeded, Interrupted, OriginRefused, ServerFault, Unreachable
from isthmus_sdk.http._policy import Retry
from isthmus_sdk.url import Origin


@dataclass(slots=True)
class _Record:
    failures: int = 0
    closed_until: float = 0.0
    """Monotonic; until then nothing is sent."""
    probing: bool = False
    """One call is out to see whether the server is back."""


class Breaker:
    """Counts calls (with all their tries) that ended without a usable answer; one answer forgets them."""

    def __init__(self, policy: Retry, now: Callable[[], float]) -> None:
        self._policy = policy
        self._now = now
        self._lock = threading.Lock()
        self._records: dict[Origin, _Record] = {}

    @contextmanager
    def call(self, origin: Origin) -> Iterator[None]:
        """Around one call with all its tries. Raises `Unreachable` with ``not_before`` while the origin is left alone."""
        self._admit(origin)
        try:
            yield
        except (Unreachable, ServerFault):
            self._failed(origin)
            raise
        except (DeadlineExceeded, Interrupted, OriginRefused):  # says nothing about the server
            self._withdrawn(origin)
            raise
        except BaseException:
            self._answered(origin)
            raise
        self._answered(origin)

    def _admit(self, origin: Origin) -> None:
        with self._lock:
            record = self._records.get(origin)
            if record is None or record.failures < self._policy.failures:
                return
            left = max(record.closed_until - self._now(), 0.0)
            if not left and not record.probing:
                record.probing = True
                return
        raise Unreachable(
            f"{origin} failed {record.failures} calls in a row and is left alone; it will be asked again in {left:.0f} s",
            not_before=left,
        )

    def _answered(self, origin: Origin) -> None:
        """Be it a refusal: the server is there."""
        if self._records:
            with self._lock:
                self._records.pop(origin, None)

    def _failed(self, origin: Origin) -> None:
        with self._lock:
            record = self._records.setdefault(origin, _Record())
            record.failures += 1
            record.probing = False
            surplus = record.failures - self._policy.failures
            if surplus >= 0:
                rest = min(self._policy.rest * 2.0 ** min(surplus, 16), self._policy.longest_rest)
                record.closed_until = self._now() + rest

    def _withdrawn(self, origin: Origin) -> None:
        with self._lock:
            record = self._records.get(origin)
            if record is not None:
                record.probing = False


__all__ = ["Breaker"]
