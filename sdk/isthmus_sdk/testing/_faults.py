"""How a fault is put in a vendor's way, and what is asked of a connector that meets it.

Whatever happens, three things hold: nothing but an error of the tree ends a run, the run ends in time, and once the vendor
is well again the next run brings what is missing.
"""

from __future__ import annotations

import itertools
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from isthmus_sdk.errors import IsthmusError
from isthmus_sdk.masking import forms
from isthmus_sdk.testing._bench import Bench, Ran
from isthmus_sdk.testing._report import Level
from isthmus_sdk.testing._rules import Rule, over_the_network
from isthmus_sdk.testing._server import Answer, Exchange
from isthmus_sdk.testing._vendor import Twist

if TYPE_CHECKING:
    from isthmus_sdk.connector import Stream
    from isthmus_sdk.http import Limits, Retry

Expects = Literal["whole", "error", "either"]
"""``whole``: the run brings everything all the same. ``error``: it says what is wrong. ``either``: one of the two, or a
rest that the next run brings."""
PATIENCE = 8.0
"""Seconds of real time that a run under a fault may take."""
GROWTH = 100 << 20
"""Bytes by which the process may grow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One entry of the catalogue."""

    name: str
    title: str
    twist: Callable[[Bench], Twist] | None = None
    held: Callable[[Bench, str, list[bytes]], list[bytes]] | None = None
    """What the vendor holds, made from what it holds at first."""
    expects: Expects
    errors: tuple[type[IsthmusError], ...] = (IsthmusError,)
    level: Level = "gold"
    applies: Callable[[Bench, Stream[Any, Any]], bool] = lambda _bench, _stream: True
    every_stream: bool = False
    """Also streams that page in the same way as one before: it is the model or the cursor that is tried."""
    limits: dict[str, Any] = field(default_factory=dict)
    """Put over the connector's own, so that what is slow is found quickly."""
    attempts: int | None = None
    all_positions: bool = False
    """The fault answers requests for positions that no page led to."""
    lost: Callable[[Bench, str], set[str]] = lambda _bench, _stream: set()
    """Objects that may be missing: those of records that the vendor itself took away."""

    def rule(self) -> Rule:
        """The fault as a rule of the kit."""
        return Rule(f"fault.{self.name}", self.level, self.title, self._check, self._applies)

    def _applies(self, bench: Bench) -> bool:
        return over_the_network(bench) and any(self.applies(bench, stream) for stream in bench.network_streams)

    def _check(self, bench: Bench) -> Iterator[str]:
        streams = list(self._streams(bench))
        if not streams:
            yield "no stream runs without a fault; see the rule reads"
        for stream in streams:
            for finding in survive(bench, stream, self):
                yield f"stream {stream.name}: {finding}"

    def _streams(self, bench: Bench) -> Iterator[Stream[Any, Any]]:
        seen = set()
        for stream in sound(bench):
            plan = next(plan for plan in bench.vendor.plans if plan.stream == stream.name)
            way = (type(plan.request.next), type(plan.request.then))
            if self.applies(bench, stream) and (self.every_stream or way not in seen):
                seen.add(way)
                yield stream


def sound(bench: Bench) -> list[Stream[Any, Any]]:
    """Streams that run while nothing is in the way; of the others the rule ``reads`` tells."""
    return [stream for stream in bench.network_streams if not bench.clean(stream.name).problem]


def survive(bench: Bench, stream: Stream[Any, Any], fault: Fault) -> Iterator[str]:
    """Run a stream into a fault, then once more without it; findings."""
    name = stream.name
    clean = bench.clean(name)
    records = bench.renew(name)
    if fault.held is not None:
        bench.vendor.hold(name, fault.held(bench, name, records))
    if fault.twist is not None:
        bench.vendor.fault(fault.twist(bench))
        bench.vendor.twists_all = fault.all_positions
    strange, memory = len(bench.elsewhere), _peak()
    ran = bench.run(name, limits=_limits(bench, fault), retry=_retry(bench, fault))
    grown = _peak() - memory
    may_miss = fault.lost(bench, name)
    bench.vendor.fault(None)
    if fault.held is None:
        bench.renew(name)
    after = bench.run(name, cursors=ran.cursors)
    missing = clean.objects.keys() - ran.objects.keys() - may_miss
    lost = missing - after.objects.keys()
    if (
        lost and stream.snapshot and not after.problem
    ):  # what an interrupted inventory left out, the next whole one brings
        lost -= bench.run(name, cursors=after.cursors).objects.keys()
    bench.renew(name)
    yield from _verdict(fault, ran, len(missing))
    if missing and ran.totals.snapshots:
        yield f"{len(missing)} objects were not read, and the run says that its inventory is complete"
    if after.problem:
        yield f"the next run, without the fault, fails: {after.problem}"
    elif lost:
        yield f"{len(lost)} objects were lost for good, as {sorted(lost)[0]}"
    if ran.seconds > PATIENCE:
        yield f"the run took {ran.seconds:.1f} s"
    if grown > GROWTH:
        yield f"the process grew by {grown >> 20} MiB"
    yield from _leaked(bench, bench.elsewhere[strange:])


def _verdict(fault: Fault, ran: Ran, missing: int) -> Iterator[str]:
    if ran.crash is not None:
        yield f"ended in something that is no error of the SDK: {ran.problem}"
    elif fault.expects == "whole" and ran.error is not None:
        yield f"should have gone on: {ran.problem}"
    elif fault.expects == "whole" and missing:
        yield f"{missing} objects are missing, and there is no error"
    elif fault.expects == "error" and not isinstance(ran.error, fault.errors):
        wanted = " or ".join(error.__name__ for error in fault.errors)
        yield f"expected {wanted}, got {ran.problem or f'a run without an error, {missing} objects short'}"


def _leaked(bench: Bench, requests: Sequence[str]) -> Iterator[str]:
    known = {form for value in (*bench.secrets.values(), *bench.vendor.tokens()) for form in forms(value)}
    for request in requests:
        if any(form in request for form in known):
            yield "a credential was sent to another origin"


def _limits(bench: Bench, fault: Fault) -> Limits | None:
    from isthmus_sdk.http import Limits

    if not fault.limits:
        return None
    declared = bench.http.limits
    return replace(declared if isinstance(declared, Limits) else Limits(), **fault.limits)


def _retry(bench: Bench, fault: Fault) -> Retry | None:
    from isthmus_sdk.http import Retry

    if fault.attempts is None:
        return None
    options = bench.connector.http
    declared = (options(bench.settings) if callable(options) else options or {}).get("retry")
    return replace(declared if isinstance(declared, Retry) else Retry(), attempts=fault.attempts)


def _peak() -> int:
    """Greatest size that the process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def at(number: int, do: Callable[[Exchange, Answer], Answer | None], times: int = 1) -> Callable[[Bench], Twist]:
    """Do it to the n-th page and, with ``times``, to those after it; 0: to all after it.

    Where every list comes in one reply there is no further page: then it is the first.
    """

    def make(bench: Bench) -> Twist:
        first = 1 if bench.one_reply else number

        def twist(exchange: Exchange, answer: Answer, asked: int) -> Answer | None:
            struck = asked >= first and (times == 0 or asked < first + times)
            return do(exchange, answer) if struck else answer

        return twist

    return make


def at_position(number: int, do: Callable[[Exchange, Answer], Answer | None]) -> Callable[[Bench], Twist]:
    """Do it to the n-th request for a place in a list; what is asked for by id has no position that could expire."""

    def make(bench: Bench) -> Twist:
        numbers = itertools.count(1)
        first = 1 if bench.one_reply else number

        def twist(exchange: Exchange, answer: Answer, _number: int) -> Answer | None:
            if bench.vendor.asks_for_entities(exchange):
                return answer
            return do(exchange, answer) if next(numbers) == first else answer

        return twist

    return make


def instead(status: int, body: bytes = b"", **headers: str) -> Callable[[Exchange, Answer], Answer]:
    """This reply in place of the page; names of header fields with ``_`` for ``-``."""
    fields = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return lambda _exchange, _answer: Answer(status, body, fields)


__all__ = ["Fault", "at", "at_position", "instead", "sound", "survive"]
