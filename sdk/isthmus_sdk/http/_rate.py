"""The client-side rate limiter: it waits and never refuses.

The rate is kept by one instant, the one at which a request is due that follows all before it at the declared pace (the
generic cell rate algorithm): requests of a burst may be early by as much as the burst is long. One number is easily shared,
and users with different rates may share it: each moves it by its own pace, so the slowest counts for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from isthmus_sdk.http._account import Account, AccountUnusable, SharedAccount, Standing
from isthmus_sdk.http._clock import Timer
from isthmus_sdk.http._policy import Rate

T = TypeVar("T")
_NOBODY_WAITS = 0.25
"""Seconds between two looks at whether an open request has ended."""


class Limiter:
    """Shared by all threads that use one credential, and with ``folder`` by all processes.

    ``wait(seconds, held)`` is how it sleeps; it raises when the run is stopped or must not wait that long. ``held``:
    not our own rate but the far side asks for it. Where the folder cannot be used the limiter goes on for this process
    alone and tells ``unshared`` why, once.
    """

    def __init__(
        self,
        rate: Rate | None,
        timer: Timer,
        folder: Path | None = None,
        unshared: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._rate = rate
        self._timer = timer
        self._unshared = unshared
        self._account = Account(timer)
        if folder is not None:
            try:
                self._account = SharedAccount(timer, folder)
            except AccountUnusable as problem:
                unshared(str(problem))

    def hold(self, seconds: float) -> None:
        """Nobody starts a request for this long: the far side said so to one of us, so it holds for all."""
        if seconds <= 0:
            return

        def held(standing: Standing, now: float) -> None:
            standing.held_until = max(standing.held_until, now + seconds)

        self._using(lambda account: account.change(held))

    @contextmanager
    def turn(self, wait: Callable[[float, bool], None]) -> Iterator[float]:
        """One request's turn; gives the seconds waited for it."""
        started = self._timer.now()
        most = self._rate.concurrency if self._rate else None
        leave: Callable[[], None] | None = None
        while most is not None and leave is None:
            leave = self._using(lambda account: account.enter(most, _NOBODY_WAITS))
            if leave is None:
                wait(0.0, False)
        try:
            while (pause := self._using(lambda account: account.change(self._reserve))) is not None:
                wait(*pause)
            yield self._timer.now() - started
        finally:
            if leave is not None:
                leave()

    def _reserve(self, standing: Standing, now: float) -> tuple[float, bool] | None:
        """Take one turn and return ``None``, or return how long to wait before asking again, and whether we are
        held.
        """
        if now < standing.held_until:
            return standing.held_until - now, True
        if self._rate is None:
            return None
        pace = self._rate.per / self._rate.requests
        early = standing.due - now - (self._rate.burst - 1) * pace
        if early > 1e-9:
            return early, False
        standing.due = max(standing.due, now) + pace
        return None

    def _using(self, act: Callable[[Account], T]) -> T:
        try:
            return act(self._account)
        except AccountUnusable as problem:
            self._account = Account(self._timer)
            self._unshared(str(problem))
            return act(self._account)


__all__ = ["Limiter"]
