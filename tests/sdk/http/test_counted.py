"""Lists that change while they are counted through: full data, or a named error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sdk.http.server import Exchange, HostileServer, json_page

from isthmus_sdk.errors import ConfigurationError, CursorExpired, PagingLoop
from isthmus_sdk.http import Headers, Http, ItemRange, Offset, PageNumber, PageRequest, Reply, pages

Make = Callable[..., Http]


class Shifting:
    """Rows behind ``/x``, paged by offset, page or range; ``before[n]`` happens before the n-th request is answered."""

    def __init__(self, server: HostileServer, count: int) -> None:
        self.rows: list[dict[str, Any]] = [{"id": number} for number in range(count)]
        self.before: dict[int, Callable[[list[dict[str, Any]]], None]] = {}
        self.tells_total = True
        self.cap = 1000
        server.on("/x", self._answer)
        self._server = server

    def _answer(self, exchange: Exchange) -> None:
        self.before.get(len(self._server.requests), lambda rows: None)(self.rows)
        if "range" in exchange.headers:
            start, end = map(int, exchange.headers["range"].removeprefix("items=").split("-"))
            told = len(self.rows) if self.tells_total else "*"
            json_page(
                self.rows[start : min(end + 1, start + self.cap)], {"Content-Range": f"items {start}-{end}/{told}"}
            )(exchange)
            return
        query = {name: int(value) for name, value in exchange.query.items()}
        size = min(self.cap, query.get("limit", query.get("count", self.cap)))
        start = query["offset"] if "offset" in query else (query["page"] - 1) * size
        rows = self.rows[start : query.get("to", start + size)]
        json_page({"rows": rows, **({"total": len(self.rows)} if self.tells_total else {})})(exchange)


def walked(http: Http, pager: Any, limit: int = 10) -> list[int]:
    found = pages(http, "x", items="" if isinstance(pager, ItemRange) else "rows", next=pager, limit=limit)
    return [json.loads(record)["id"] for page in found for record in page.records]


def gone(*ids: int) -> Callable[[list[dict[str, Any]]], None]:
    def delete(rows: list[dict[str, Any]]) -> None:
        rows[:] = [row for row in rows if row["id"] not in ids]

    return delete


PAGERS = {"offset": Offset(total="total"), "page number": PageNumber(total="total"), "range": ItemRange()}


@pytest.mark.parametrize("name", PAGERS)
@pytest.mark.parametrize("vanished", [(3,), (0, 1, 2, 3, 4, 5, 6, 7, 8, 9), tuple(range(15)), (29, 30, 59)])
def test_rows_that_vanish_behind_the_reader_make_it_go_back(
    vendor: HostileServer, client: Make, name: str, vanished: tuple[int, ...]
) -> None:
    vendor_list = Shifting(vendor, 60)
    vendor_list.before[3] = gone(*vanished)
    found = walked(client(vendor.url), PAGERS[name])
    assert set(range(60)) - set(vanished) <= set(found)


@pytest.mark.parametrize("name", PAGERS)
def test_a_list_that_vanishes_altogether_ends(vendor: HostileServer, client: Make, name: str) -> None:
    vendor_list = Shifting(vendor, 60)
    vendor_list.before[3] = list.clear
    assert walked(client(vendor.url), PAGERS[name]) == list(range(20))


@pytest.mark.parametrize("name", PAGERS)
def test_a_list_that_never_stops_shrinking_ends_with_its_name(vendor: HostileServer, client: Make, name: str) -> None:
    vendor_list = Shifting(vendor, 10_000)
    for request in range(2, 5000):
        vendor_list.before[request] = lambda rows: rows.__delitem__(slice(20))
    with pytest.raises(PagingLoop, match="shrinks faster"):
        walked(client(vendor.url), PAGERS[name])


@pytest.mark.parametrize("name", PAGERS)
@pytest.mark.parametrize("at", [0, -1])
@pytest.mark.parametrize("cap", [10, 4])
def test_a_list_that_shrinks_all_the_time_is_read_to_its_end(
    vendor: HostileServer, client: Make, name: str, at: int, cap: int
) -> None:
    vendor_list = Shifting(vendor, 120)
    vendor_list.cap = cap
    vanished: set[int] = set()
    for request in range(2, 5000):
        vendor_list.before[request] = lambda rows: vanished.add(rows.pop(at)["id"]) if rows else None
    found = walked(client(vendor.url), PAGERS[name])
    assert set(range(120)) - vanished <= set(found)
    assert len(vendor.requests) < 150


@given(data=st.data(), size=st.integers(1, 9), count=st.integers(0, 40), name=st.sampled_from(sorted(PAGERS)))
def test_whatever_vanishes_whenever_no_row_that_stays_is_passed_over(
    data: st.DataObject, size: int, count: int, name: str
) -> None:
    rows = [b'{"id": %d}' % number for number in range(count)]
    pager: Any = PAGERS[name]
    position: Any = None
    read: set[bytes] = set()
    for _ in range(400):
        ask = pager.ask(PageRequest("x"), position, size)
        if rows and data.draw(st.integers(0, 3)) == 0:
            start = data.draw(st.integers(0, len(rows) - 1))
            del rows[start : start + data.draw(st.integers(1, 12))]
        if isinstance(pager, ItemRange):
            begin = int(ask.headers["Range"].removeprefix("items=").split("-")[0])
        else:
            begin = ask.params["offset"] if "offset" in ask.params else (ask.params["page"] - 1) * size
        page = rows[begin : begin + size]
        read.update(page)
        headers = Headers({"Content-Range": f"items {begin}-{begin + size - 1}/{len(rows)}"})
        position = pager.after(position, Reply({"total": len(rows)}, page, headers, "x"), size)
        if position is None:
            assert set(rows) <= read
            return


@pytest.mark.parametrize("name", PAGERS)
def test_rows_that_are_inserted_come_twice_and_none_is_lost(vendor: HostileServer, client: Make, name: str) -> None:
    vendor_list = Shifting(vendor, 40)
    vendor_list.before[2] = lambda rows: rows.insert(0, {"id": 100})
    found = walked(client(vendor.url), PAGERS[name])
    assert set(range(40)) <= set(found)
    assert len(found) == 41


def test_a_row_that_moves_to_the_end_makes_the_overlap_shorter(vendor: HostileServer, client: Make) -> None:
    vendor_list = Shifting(vendor, 40)

    def touch(rows: list[dict[str, Any]]) -> None:
        rows.append({**rows.pop(2), "changed": True})  # the total stays the same

    vendor_list.before[3] = touch
    assert set(walked(client(vendor.url), Offset(overlap=2))) == set(range(40))
    vendor.requests.clear()
    assert len(walked(client(vendor.url), Offset())) == 40


def test_a_list_that_moved_by_more_than_the_overlap_is_read_anew(vendor: HostileServer, client: Make) -> None:
    vendor_list = Shifting(vendor, 40)
    vendor_list.tells_total = False
    vendor_list.before[3] = gone(*range(5))
    with pytest.raises(CursorExpired, match=r"GET .*/x: the list moved by 2 records or more"):
        walked(client(vendor.url), Offset(overlap=2))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9, 10, 11, 18, 40])
def test_an_overlap_reads_every_row_of_a_list_that_stays(vendor: HostileServer, client: Make, count: int) -> None:
    Shifting(vendor, count).tells_total = False
    found = walked(client(vendor.url), Offset(overlap=2))
    assert sorted(set(found)) == list(range(count))


def test_an_overlap_resumes_where_the_page_before_ended(vendor: HostileServer, client: Make) -> None:
    vendor_list = Shifting(vendor, 30)
    http = client(vendor.url)
    first, *_ = pages(http, "x", items="rows", next=Offset(overlap=2), limit=10)
    token = json.loads(json.dumps(first.after))
    rest = pages(http, "x", items="rows", next=Offset(overlap=2), limit=10, resume=token)
    assert {json.loads(record)["id"] for page in rest for record in page.records} == set(range(8, 30))
    vendor_list.rows[:] = vendor_list.rows[15:]
    with pytest.raises(CursorExpired):
        list(pages(http, "x", items="rows", next=Offset(overlap=2), limit=10, resume=token))


def test_a_page_may_be_asked_for_by_its_end(vendor: HostileServer, client: Make) -> None:
    Shifting(vendor, 25)
    assert walked(client(vendor.url), Offset(size=None, until="to")) == list(range(25))
    assert vendor.requests[1].query == {"offset": "10", "to": "20"}


@pytest.mark.parametrize("total", [True, False])
def test_a_range_in_a_header_counts_records(vendor: HostileServer, client: Make, total: bool) -> None:
    Shifting(vendor, 25).tells_total = total
    assert walked(client(vendor.url), ItemRange()) == list(range(25))
    assert vendor.requests[1].headers["range"] == "items=10-19"


@pytest.mark.parametrize("pager", [ItemRange(), Offset(until="to")])
def test_what_cannot_be_counted_without_a_limit_says_so(vendor: HostileServer, client: Make, pager: Any) -> None:
    with pytest.raises(ConfigurationError, match="needs a limit"):
        list(pages(client(vendor.url), "x", next=pager))


def test_a_total_that_lies_costs_nothing(vendor: HostileServer, client: Make) -> None:
    totals = iter([10**15, 7, "many", None, -3, 2**70, 0])

    def answer(exchange: Exchange) -> None:
        page = int(exchange.query["page"])
        rows = [{"id": page}] if page < 5 else []
        json_page({"rows": rows, "total": next(totals, 0)})(exchange)

    vendor.on("/x", answer)
    assert set(walked(client(vendor.url), PageNumber(total="total"), limit=1)) >= {1, 2, 3, 4}


@pytest.mark.parametrize("cap", [2, 3, 4])
@pytest.mark.parametrize("overlap", [1, 2, 3, 5])
@pytest.mark.parametrize("total", [True, False])
def test_an_overlap_as_long_as_the_servers_pages_still_reads_every_row(
    vendor: HostileServer, client: Make, cap: int, overlap: int, total: bool
) -> None:
    vendor_list = Shifting(vendor, 11)
    vendor_list.cap, vendor_list.tells_total = cap, total
    found = walked(client(vendor.url), Offset(overlap=overlap, total="total" if total else None))
    assert sorted(set(found)) == list(range(11))


@pytest.mark.parametrize("count", [2, 5])
def test_pages_of_one_row_leave_nothing_to_overlap_and_say_so(vendor: HostileServer, client: Make, count: int) -> None:
    vendor_list = Shifting(vendor, count)
    vendor_list.cap, vendor_list.tells_total = 1, False
    with pytest.raises(CursorExpired, match=r"GET .*/x: pages of one record leave nothing to overlap"):
        walked(client(vendor.url), Offset(overlap=1))


def test_an_overlap_is_not_ended_by_rows_that_are_all_alike(vendor: HostileServer, client: Make) -> None:
    vendor_list = Shifting(vendor, 0)
    vendor_list.rows = [{"id": number // 20} for number in range(35)]
    vendor_list.tells_total = False
    assert set(walked(client(vendor.url), Offset(overlap=2))) == {0, 1}


def test_a_server_that_ignores_the_offset_for_a_while_costs_no_row(vendor: HostileServer, client: Make) -> None:
    vendor_list = Shifting(vendor, 80)
    vendor_list.tells_total = False
    http, found, position = client(vendor.url), set[int](), None
    broken = True

    def answer(exchange: Exchange) -> None:
        start = 0 if broken and int(exchange.query["offset"]) >= 20 else int(exchange.query["offset"])
        json_page({"rows": vendor_list.rows[start : start + 10]})(exchange)

    vendor.on("/x", answer)
    for attempt in range(4):
        broken = attempt < 3
        try:
            for page in pages(http, "x", items="rows", next=Offset(), limit=10, resume=position):
                found.update(json.loads(record)["id"] for record in page.records)
                position = json.loads(json.dumps(page.after))
        except PagingLoop:
            assert broken
    assert found == set(range(80))
