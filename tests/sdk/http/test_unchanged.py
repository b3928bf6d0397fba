"""Asking only for what changed; and lists in other clothes: JSON lines, scrolls, a point in time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.sdk.http.server import Exchange, HostileServer, json_page, raw, reset_after, status

from isthmus_sdk.errors import ConfigurationError, CursorExpired, UnexpectedReply, Unreachable
from isthmus_sdk.http import Cursor, Http, Keyset, PageNumber, Scroll, pages

Make = Callable[..., Http]
NOT_MODIFIED = raw(b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n', then_close=False)


def test_what_a_reply_bears_is_asked_with_next_time(vendor: HostileServer, client: Make) -> None:
    marks = {"ETag": '"v1"', "Last-Modified": "Mon, 02 Mar 2026 06:00:00 GMT"}
    vendor.on("/x", json_page([{"id": 1}], marks), NOT_MODIFIED)
    http = client(vendor.url)
    [page] = pages(http, "x", items="", conditional=True)
    assert page.validators == {"etag": '"v1"', "modified": "Mon, 02 Mar 2026 06:00:00 GMT"}
    [same] = pages(http, "x", items="", conditional=True, known=page.validators)
    assert (same.unchanged, same.records, same.after) == (True, (), None)
    first, second = (exchange.headers for exchange in vendor.requests)
    assert "if-none-match" not in first
    assert (second["if-none-match"], second["if-modified-since"]) == ('"v1"', "Mon, 02 Mar 2026 06:00:00 GMT")


def test_a_reply_that_changed_is_a_page_with_its_new_marks(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page([{"id": 2}], {"ETag": '"v2"'}))
    [page] = pages(client(vendor.url), "x", items="", conditional=True, known={"etag": '"v1"'})
    assert (page.records, page.validators, page.unchanged) == ([b'{"id": 2}'], {"etag": '"v2"'}, False)


@pytest.mark.parametrize("mark", ["", "x" * 600, "caf\xe9"])
def test_a_mark_that_cannot_be_sent_is_none(vendor: HostileServer, client: Make, mark: str) -> None:
    vendor.on("/x", json_page([{"id": 1}], {"ETag": mark}))
    [page] = pages(client(vendor.url), "x", items="", conditional=True, known={"etag": f"{mark}\r\nX: y"})
    assert page.validators is None
    assert "if-none-match" not in vendor.requests[0].headers


def test_304_that_nobody_asked_for_is_named(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", NOT_MODIFIED)
    with pytest.raises(UnexpectedReply, match="304"):
        list(pages(client(vendor.url), "x", items="", conditional=True))
    with pytest.raises(UnexpectedReply, match="304"):
        list(pages(client(vendor.url), "x", items=""))


def test_page_one_says_nothing_of_page_two(client: Make) -> None:
    with pytest.raises(ConfigurationError, match="one reply"):
        pages(client("https://vendor.example"), "x", next=PageNumber(), conditional=True)


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/jsonl; charset=utf-8", "application/json-seq"])
def test_json_lines_are_a_page(vendor: HostileServer, client: Make, kind: str) -> None:
    body = b'\xef\xbb\xbf{"id": 1}\r\n\n\x1e{"id": NaN}\n{"id": 3}'
    vendor.on("/x", status(200, body, {"Content-Type": kind}))
    [page] = pages(client(vendor.url), "x")
    assert page.records == [b'{"id": 1}', b'{"id": NaN}', b'{"id": 3}']


def test_json_lines_that_break_off_are_asked_for_again(vendor: HostileServer, client: Make) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"
    vendor.on("/x", raw(head + b'{"id": 1}\n{"id": [2, '), raw(head + b'{"id": 1}\n{"id": [2, 3]}'))
    [page] = pages(client(vendor.url), "x")
    assert page.records == [b'{"id": 1}', b'{"id": [2, 3]}']


class Scrolling:
    """A cursor on the server: each request moves it. The id may stay the same."""

    def __init__(self, server: HostileServer, count: int, *, fixed: bool) -> None:
        self.rows = [{"id": number} for number in range(count)]
        self.at = 0
        self.fixed = fixed
        server.on("/search", self._search)
        server.on("/scroll", self._next)

    def _search(self, exchange: Exchange) -> None:
        self.at = 0
        self._next(exchange)

    def _next(self, exchange: Exchange) -> None:
        part = self.rows[self.at : self.at + 2]
        self.at += 2
        json_page({"_scroll_id": "same" if self.fixed else f"s{self.at}", "hits": {"hits": part}})(exchange)


def scrolled(http: Http, resume: Any = None) -> Any:
    scroll = Scroll(follow="scroll", keep={"scroll": "1m"})
    body = {"query": {"match_all": {}}}
    return pages(http, "search", items="hits.hits", next=scroll, method="POST", json=body, limit=2, resume=resume)


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_a_scroll_brings_every_record_once(vendor: HostileServer, client: Make, count: int, fixed: bool) -> None:
    Scrolling(vendor, count, fixed=fixed)
    found = list(scrolled(client(vendor.url)))
    assert [json.loads(record)["id"] for page in found for record in page.records] == list(range(count))
    follows = [json.loads(exchange.body) for exchange in vendor.seen("/scroll")]
    assert all(set(body) == {"scroll", "scroll_id"} for body in follows)


def test_a_page_of_a_scroll_is_never_asked_for_twice(vendor: HostileServer, client: Make) -> None:
    for fault, error in ((reset_after(), Unreachable), (json_page(b'{"hits": {"hits": [{"'), UnexpectedReply)):
        Scrolling(vendor, 6, fixed=True)
        vendor.on("/scroll", fault)
        walk = scrolled(client(vendor.url))
        next(walk)
        with pytest.raises(error):
            next(walk)
        assert len(vendor.seen("/scroll")) == 1
        vendor.requests.clear()


def test_a_scroll_is_not_taken_up_again(vendor: HostileServer, client: Make) -> None:
    Scrolling(vendor, 6, fixed=True)
    http = client(vendor.url)
    first = next(scrolled(http))
    vendor.requests.clear()
    with pytest.raises(CursorExpired, match="cannot be taken up"):
        list(scrolled(http, resume=first.after))
    assert vendor.requests == []


def test_search_after_is_a_keyset_over_sort_values(vendor: HostileServer, client: Make) -> None:
    rows = [{"_id": number, "sort": [number // 2, f"k{number}"]} for number in range(7)]

    def behave(exchange: Exchange) -> None:
        after = json.loads(exchange.body).get("search_after")
        held = [row for row in rows if after is None or row["sort"] > after]
        json_page({"hits": {"hits": held[:3]}})(exchange)

    vendor.on("/x", behave)
    pager = Keyset(lambda last, limit: {"search_after": last[0]} if last else {"size": limit}, key="sort")
    found = pages(
        client(vendor.url), "x", items="hits.hits", next=pager, method="POST", json={"pit": {"id": "p"}}, limit=3
    )
    assert [json.loads(record)["_id"] for page in found for record in page.records] == list(range(7))


def test_relay_paging_is_one_word(vendor: HostileServer, client: Make) -> None:
    assert Cursor.relay("data.assets") == Cursor(
        "data.assets.pageInfo.endCursor",
        "variables.after",
        size="variables.first",
        more="data.assets.pageInfo.hasNextPage",
    )
