"""What goes wrong with lists while they are read, and with the times by which they are read."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from isthmus_sdk import stix
from isthmus_sdk.errors import PagingLoop, SourceError
from isthmus_sdk.page import Page
from isthmus_sdk.testing._bench import OBSERVED, Bench
from isthmus_sdk.testing._faults import Fault
from isthmus_sdk.testing._material import put, walk
from isthmus_sdk.testing._paging import Plan
from isthmus_sdk.testing._server import Answer, Exchange
from isthmus_sdk.testing._vendor import PAGE, Twist

if TYPE_CHECKING:
    from isthmus_sdk.connector import Stream

_FUTURE = datetime(2099, 1, 1, tzinfo=UTC)
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def _plan(bench: Bench, stream: str) -> Plan:
    return next(plan for plan in bench.vendor.plans if plan.stream == stream)


def _pages(bench: Bench, stream: Stream[Any, Any]) -> bool:
    plan = _plan(bench, stream.name)
    return plan.request.next is not None and not plan.exports


def _tells_the_next(bench: Bench, stream: Stream[Any, Any]) -> bool:
    return _plan(bench, stream.name).tells_the_next


def _counts(bench: Bench, stream: Stream[Any, Any]) -> bool:
    """Whoever counts through a list must notice that it moves; a vendor's own position is the vendor's to keep."""
    return _plan(bench, stream.name).counts


def _timed(bench: Bench, stream: Stream[Any, Any]) -> bool:
    return isinstance(bench.vendor.tables[stream.name].copies.first_mark(), datetime)


def _total_told(bench: Bench, stream: Stream[Any, Any]) -> bool:
    return isinstance(getattr(_plan(bench, stream.name).request.next, "total", None), str)


def _of_lists(do: Callable[[Plan, Exchange, Answer, int], Answer]) -> Callable[[Bench], Twist]:
    """Do it to pages of a list, counted from one; what is asked for between them, entities, stays as it is."""

    def make(bench: Bench) -> Twist:
        numbers = itertools.count(1)

        def twist(exchange: Exchange, answer: Answer, _number: int) -> Answer:
            plan = bench.vendor.plan_at(exchange)
            return answer if plan is None else do(plan, exchange, answer, next(numbers))

        return twist

    return make


def _answered_as(order: tuple[int, ...]) -> Callable[[Bench], Twist]:
    """Each page after the first is answered with one of these pages, in turn."""

    def do(plan: Plan, _exchange: Exchange, answer: Answer, number: int) -> Answer:
        return answer if number == 1 else plan.page(plan.page_begins[order[(number - 2) % len(order)]])

    return _of_lists(do)


def _empty(plan: Plan, _exchange: Exchange, answer: Answer, number: int) -> Answer:
    return answer if number == 1 else plan.empty(number)


def _moved(*, inserted: bool) -> Callable[[Bench], Twist]:
    """The list changes at its beginning, once the first page was read."""

    def make(bench: Bench) -> Twist:
        def do(plan: Plan, exchange: Exchange, answer: Answer, number: int) -> Answer:
            if number != 2:
                return answer
            for held in bench.vendor.plans:
                if held.stream == plan.stream and held.records:
                    if inserted:
                        held.records.insert(0, held.records[0])
                    else:
                        del held.records[0]
            return bench.vendor.honest(exchange) or answer

        return _of_lists(do)(bench)

    return make


def _first_record(bench: Bench, stream: str) -> set[str]:
    """Objects of the record that the vendor takes away."""
    declared = bench.connector.streams[stream]
    made = bench.mapper(declared).map(Page(records=bench.kept[f"records.{stream}"][:1], observed_at=OBSERVED))
    return set(made.objects)


def _more_than_there_is(bench: Bench) -> Twist:
    def twist(exchange: Exchange, answer: Answer, _number: int) -> Answer:
        plan = bench.vendor.plan_at(exchange)
        path = getattr(plan.request.next, "total", None) if plan is not None else None
        if plan is None or not isinstance(path, str):
            return answer
        document = json.loads(answer.body)
        put(document, tuple(path.split(".")), len(plan.records) + 7)
        return Answer(200, json.dumps(document).encode(), answer.headers)

    return twist


def _skewed(days: int) -> Any:
    from datetime import timedelta
    from email.utils import format_datetime

    def make(_bench: Bench) -> Twist:
        date = format_datetime(datetime.now(UTC) + timedelta(days=days), usegmt=True)
        return lambda _exchange, answer, _number: Answer(200, answer.body, {**answer.headers, "Date": date})

    return make


def _doubled(_bench: Bench, _stream: str, records: list[bytes]) -> list[bytes]:
    return records[:PAGE] + records


def _backwards(_bench: Bench, _stream: str, records: list[bytes]) -> list[bytes]:
    return records[::-1]


def _one_time(bench: Bench, stream: str, records: list[bytes]) -> list[bytes]:
    """Every record has the time of the first."""
    copies = bench.vendor.tables[stream].copies
    mark = copies.mark(records[0])
    return records if mark is None else [copies.at(raw, mark) or raw for raw in records]


def _from_the_future(bench: Bench, stream: str, records: list[bytes]) -> list[bytes]:
    copies = bench.vendor.tables[stream].copies
    ahead = copies.at(copies.copy(len(records) + 60), _FUTURE)
    return records if ahead is None else [*records[:7], ahead, *records[7:]]


def _rewritten(pattern: str, replacement: str) -> Any:
    """One more record, whose times are written in another way."""

    def held(bench: Bench, stream: str, records: list[bytes]) -> list[bytes]:
        copies = bench.vendor.tables[stream].copies
        document = stix.decode(copies.copy(len(records) + 61))
        for path, value in list(walk(document)):
            if isinstance(value, str) and _ISO_TIME.fullmatch(value):
                put(document, path, re.sub(pattern, replacement, value))
        return [*records[:7], json.dumps(document).encode(), *records[7:]]

    return held


FAULTS = [
    Fault(name="next-is-same", title="every position brings the first page again", level="silver", expects="error",
          errors=(PagingLoop,), applies=_pages, twist=_answered_as((0,))),
    Fault(name="paging-cycle", title="pages that lead back: A, B, A, B", level="silver", expects="error", errors=(PagingLoop,),
          applies=_tells_the_next, twist=_answered_as((1, 0))),
    Fault(name="always-new-but-empty", title="ever new positions without a record", expects="error", errors=(PagingLoop,),
          applies=_tells_the_next, twist=_of_lists(_empty), all_positions=True),
    Fault(name="duplicate-page", title="a page that comes twice under two positions", expects="whole", applies=_pages,
          held=_doubled),
    Fault(name="overlap-after-insert", title="a record is inserted at the front while the list is read", expects="whole",
          every_stream=True, applies=_counts, twist=_moved(inserted=True)),
    Fault(name="shift-after-delete", title="a record vanishes from the front while the list is read", expects="either",
          every_stream=True, applies=_counts, twist=_moved(inserted=False), lost=_first_record),
    Fault(name="total-too-high", title="a total that is higher than what there is", expects="either", applies=_total_told,
          twist=_more_than_there_is),
    Fault(name="no-such-list", title="the list is named differently", expects="error", errors=(SourceError,),
          twist=lambda _bench: lambda _e, _a, _n: Answer(200, b'{"kit_renamed": {"rows": 3}}')),
    Fault(name="descending", title="records come newest first", level="silver", expects="whole", every_stream=True,
          held=_backwards),
    Fault(name="equal-times", title="every record has the same time", level="silver", expects="whole", every_stream=True,
          applies=_timed, held=_one_time),
    Fault(name="future-time", title="one record lies far in the future", level="silver", expects="whole", every_stream=True,
          applies=_timed, held=_from_the_future),
    Fault(name="times-without-zone", title="one record whose times name no zone", expects="whole", every_stream=True,
          held=_rewritten(r"Z$", "")),
    Fault(name="leap-second", title="one record at second 60", expects="whole", every_stream=True,
          held=_rewritten(r":\d\d(\.\d+)?Z$", ":60Z")),
    Fault(name="no-such-hour", title="one record in an hour that daylight saving leaves out, with an offset", expects="whole",
          every_stream=True, held=_rewritten(r"T.*Z$", "T02:30:00+01:00")),
    Fault(name="clock-a-day-ahead", title="the vendor's clock is a day ahead", expects="whole", twist=_skewed(1)),
    Fault(name="clock-a-day-behind", title="the vendor's clock is a day behind", expects="whole", twist=_skewed(-1)),
]  # fmt: skip

__all__ = ["FAULTS"]
