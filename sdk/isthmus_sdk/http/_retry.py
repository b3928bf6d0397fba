"""When to try again and how long to wait: the only retry layer, built on tenacity."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

import tenacity

from isthmus_sdk.errors import IsthmusError
from isthmus_sdk.http._message import Headers
from isthmus_sdk.http._policy import Retry

LONGEST_NOT_BEFORE = 86_400.0
"""Seconds; a vendor that asks for more (a broken header says 10⁹) is asked again after a day."""
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{0,9})?(?:[eE]\+?[0-9]{1,2})?")
_RESET_HEADERS = ("ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset")
_REMAINING_HEADERS = ("ratelimit-remaining", "x-ratelimit-remaining", "x-rate-limit-remaining")
_RATELIMIT_PART = re.compile(r"\b(r|t|remaining|reset)\s*=\s*([0-9]{1,15})\b", re.IGNORECASE)
_MILLISECOND_HEADERS = ("retry-after-ms", "x-ms-retry-after-ms")


class Again(Exception):
    """This try failed in a way that another may not; ``error`` is what the caller gets when there is none."""

    def __init__(self, error: IsthmusError, *, after: float | None = None) -> None:
        super().__init__(type(error).__name__)
        self.error = error
        self.after = after


def asked_wait(headers: Headers, *, now: float | None = None) -> float | None:
    """Seconds that a reply asks to wait, at most a day; ``None`` where it says nothing usable.

    Reads ``Retry-After`` (RFC 9110 section 10.2.3: seconds or a date; a date is taken against the reply's own
    ``Date``, because appliance clocks are wrong), then the vendors' forms in milliseconds and ``RateLimit-Reset``
    (seconds, epoch seconds or epoch milliseconds). A time in the past is 0. Garbage is ``None``.
    """
    now = time.time() if now is None else now
    seconds = _seconds_or_date(headers.get("retry-after", ""), headers, now)
    for name in _MILLISECOND_HEADERS:
        if seconds is None:
            milliseconds = _number(headers.get(name, ""))
            seconds = None if milliseconds is None else milliseconds / 1000
    for name in _RESET_HEADERS:
        if seconds is None:
            seconds = _until_reset(_number(headers.get(name, "")), now)
    if seconds is None:
        seconds = used_up(headers, now=now)
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_NOT_BEFORE)


def used_up(headers: Headers, *, now: float | None = None) -> float | None:
    """Seconds until the vendor's own count of requests begins anew, where a reply says that none is left of it.

    Reads ``RateLimit: "default";r=0;t=30`` and ``limit=100, remaining=0, reset=30`` (draft-ietf-httpapi-ratelimit-headers)
    and the older ``X-RateLimit-Remaining``.
    """
    now = time.time() if now is None else now
    standard = headers.get("ratelimit", "")[:1000]
    found = {name.lower(): float(value) for name, value in _RATELIMIT_PART.findall(standard)}
    if found.get("r", found.get("remaining")) == 0:
        seconds = _until_reset(found.get("t", found.get("reset")), now)
    elif any(_number(headers.get(name, "")) == 0 for name in _REMAINING_HEADERS):
        resets = (_until_reset(_number(headers.get(name, "")), now) for name in _RESET_HEADERS)
        seconds = next((each for each in resets if each is not None), None)
    else:
        return None
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_NOT_BEFORE)


def _seconds_or_date(value: str, headers: Headers, now: float) -> float | None:
    number = _number(value)
    if number is not None:
        return number
    then = _date(value)
    if then is None:
        return None
    reference = _date(headers.get("date", ""))
    return then - (now if reference is None else reference)


def _number(value: str) -> float | None:
    value = value.strip()
    return float(value) if _NUMBER.fullmatch(value) else None


def _date(value: str) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _until_reset(value: float | None, now: float) -> float | None:
    if value is None:
        return None
    if value > 1e11:
        return value / 1000 - now
    return value - now if value > 1e9 else value


class _Wait:
    """The far side's wish with up to 5 % on top (so that not everybody returns at the same instant), else our own
    growing step.
    """

    def __init__(self, policy: Retry) -> None:
        self._policy = policy

    def __call__(self, state: tenacity.RetryCallState) -> float:
        step = min(self._policy.first * 2.0 ** (state.attempt_number - 1), self._policy.most)
        own = step * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        failure = state.outcome.exception() if state.outcome else None
        asked = failure.after if isinstance(failure, Again) else None
        # "0" and dates in the past are no invitation to hammer: they fall back to the own step.
        return own if not asked else asked * random.uniform(1.0, 1.05)  # noqa: S311


class _Stop:
    """After the last try, or where the wait would pass the budget or the caller's deadline: waiting for nothing helps
    nobody.
    """

    def __init__(self, policy: Retry, until: float, now: Callable[[], float]) -> None:
        self._attempts = policy.attempts
        self._until = until
        self._now = now

    def __call__(self, state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= self._attempts or self._now() + state.upcoming_sleep >= self._until


def retrying(
    policy: Retry,
    *,
    until: float,
    sleep: Callable[[float], None],
    before: Callable[[Again, float], None],
    now: Callable[[], float],
) -> tenacity.Retrying:
    """A tenacity loop that repeats on ``Again``; ``before(failure, seconds)`` is told of each wait, ``until`` is a
    monotonic instant.
    """

    def announce(state: tenacity.RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome else None
        if isinstance(failure, Again):
            before(failure, state.upcoming_sleep)

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Again),
        wait=_Wait(policy),
        stop=_Stop(policy, min(until, now() + policy.budget), now),
        sleep=sleep,
        before_sleep=announce,
        reraise=True,
    )


__all__ = ["LONGEST_NOT_BEFORE", "Again", "asked_wait", "retrying"]
