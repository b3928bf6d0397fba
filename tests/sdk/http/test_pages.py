"""The walk over a vendor's pages: complete or a named error, resumable, never endless."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.sdk.http.server import Behaviour, Exchange, HostileServer, json_page, login_page, raw, reset_after, status

from isthmus_sdk.errors import (
    CursorExpired,
    OriginRefused,
    PagingLoop,
    ServerFault,
    SourceError,
    UnexpectedReply,
)
from isthmus_sdk.http import (
    Cursor,
    Http,
    Keyset,
    Limits,
    LinkHeader,
    NextLink,
    Offset,
    PageNumber,
    Pager,
    PageRequest,
    Reply,
    Scroll,
    pages,
)
from isthmus_sdk.page import Page

Make = Callable[..., Http]


def ids(found: Iterator[Page] | Sequence[Page]) -> list[Any]:
    return [json.loads(record)["id"] for page in found for record in page.records]


class Vendor:
    """``count`` records with ids 1..count, paged in every style."""

    def __init__(self, server: HostileServer, count: int, cap: int = 1000) -> None:
        self.rows = [{"id": number} for number in range(1, count + 1)]
        self.cap = cap
        for name in ("numbered", "offset", "cursor", "link", "header", "keyset"):
            server.on(f"/{name}", getattr(self, f"_{name}"))

    def _part(self, start: int, size: int) -> list[dict[str, int]]:
        return self.rows[start : start + min(size, self.cap)]

    def _numbered(self, exchange: Exchange) -> None:
        size = min(int(exchange.query["count"]), self.cap)
        json_page({"result": self._part((int(exchange.query["page"]) - 1) * size, size)})(exchange)

    def _offset(self, exchange: Exchange) -> None:
        fields = json.loads(exchange.body)["request"] if exchange.body else exchange.query
        json_page({"rows": self._part(int(fields["from"]), int(fields["size"])), "total": str(len(self.rows))})(
            exchange
        )

    def _cursor(self, exchange: Exchange) -> None:
        start = int(exchange.query.get("cursor", "0"))
        part = self._part(start, int(exchange.query.get("limit", "2")))
        following = start + len(part)
        json_page({"data": part, "meta": {"next": str(following) if following < len(self.rows) else None}})(exchange)

    def _link(self, exchange: Exchange) -> None:
        start = int(exchange.query.get("$skip", "0"))
        part = self._part(start, int(exchange.query.get("$top", "2")))
        more = start + len(part) < len(self.rows)
        link = {"@odata.nextLink": f"{exchange.server.url}/link?$top=2&$skip={start + len(part)}"} if more else {}
        json_page({"value": part, **link})(exchange)

    def _header(self, exchange: Exchange) -> None:
        start = int(exchange.query.get("after", "0"))
        part = self._part(start, 2)
        more = start + 2 < len(self.rows)
        link = f'</header?after=0>; rel="first", </header?after={start + 2}&x=a,b>; title="n, \\"x\\""; rel="prev next"'
        json_page(part, {"Link": link} if more else {})(exchange)

    def _keyset(self, exchange: Exchange) -> None:
        match = re.fullmatch(r"things \| where id > (\d+) \| sort id \| head (\d+)", exchange.query["query"])
        assert match is not None
        rows = [row for row in self.rows if row["id"] > int(match[1])]
        json_page({"result": rows[: min(int(match[2]), self.cap)], "error": None})(exchange)


def query(last: tuple[Any, ...] | None, limit: int | None) -> dict[str, str]:
    return {"query": f"things | where id > {last[0] if last else 0} | sort id | head {limit}"}


STYLES: dict[str, tuple[str, str | None, Pager]] = {
    "page number": ("numbered", "result", PageNumber()),
    "offset": ("offset", "rows", Offset("from", "size")),
    "offset with total": ("offset", "rows", Offset("from", "size", total="total")),
    "cursor": ("cursor", "data", Cursor("meta.next", "cursor")),
    "next link": ("link", "value", NextLink()),
    "link header": ("header", "", LinkHeader()),
    "keyset": ("keyset", "result", Keyset(query)),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("count", [0, 1, 2, 5, 6])
def test_every_style_brings_every_record_once(vendor: HostileServer, client: Make, style: str, count: int) -> None:
    Vendor(vendor, count)
    path, items, pager = STYLES[style]
    found = list(pages(client(vendor.url), path, items=items, next=pager, limit=2))
    assert ids(found) == list(range(1, count + 1))
    assert [page.number for page in found] == list(range(1, len(found) + 1))
    assert [page.after is None for page in found] == [False] * (len(found) - 1) + [True]


@pytest.mark.parametrize("style", STYLES)
def test_every_style_resumes_after_any_page(vendor: HostileServer, client: Make, style: str) -> None:
    Vendor(vendor, 7)
    path, items, pager = STYLES[style]
    http = client(vendor.url)
    found = list(pages(http, path, items=items, next=pager, limit=2))
    for number, page in enumerate(found[:-1], start=1):
        token = json.loads(json.dumps(page.after))
        rest = pages(http, path, items=items, next=pager, limit=2, resume=token)
        assert ids(found[:number]) + ids(rest) == list(range(1, 8))


@pytest.mark.parametrize("style", ["page number", "offset", "keyset"])
def test_a_server_that_caps_the_page_size_loses_nothing(vendor: HostileServer, client: Make, style: str) -> None:
    Vendor(vendor, 7, cap=3)
    path, items, pager = STYLES[style]
    assert ids(pages(client(vendor.url), path, items=items, next=pager, limit=100)) == list(range(1, 8))


def test_a_promised_short_last_page_saves_a_request(vendor: HostileServer, client: Make) -> None:
    Vendor(vendor, 5)
    list(pages(client(vendor.url), "numbered", items="result", next=PageNumber(short_ends=True), limit=2))
    assert len(vendor.requests) == 3


def test_paging_fields_go_into_a_json_body(vendor: HostileServer, client: Make) -> None:
    Vendor(vendor, 5)
    pager = Offset("request.from", "request.size")
    body = {"request": {"fields": ["id"]}, "version": 2}
    found = pages(client(vendor.url), "offset", items="rows", next=pager, limit=2, method="POST", json=body)
    assert ids(found) == [1, 2, 3, 4, 5]
    assert json.loads(vendor.requests[1].body) == {"request": {"fields": ["id"], "from": 2, "size": 2}, "version": 2}
    assert body == {"request": {"fields": ["id"]}, "version": 2}


def test_a_reading_post_is_repeated_like_a_get(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(503), reset_after(), json_page({"data": [{"id": 1}]}))
    assert ids(pages(client(vendor.url), "x", items="data", method="POST", json={})) == [1]


def test_a_pager_of_ones_own_can_page_by_a_header(vendor: HostileServer, client: Make) -> None:
    class Ranges:
        def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
            first = position or 0
            return replace(start, headers={**start.headers, "Range": f"items={first}-{first + 1}"})

        def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
            reached = (position or 0) + len(reply.records)
            return reached if reached < int(reply.headers["content-range"].rpartition("/")[2]) else None

    def behave(exchange: Exchange) -> None:
        first, last = map(int, exchange.headers["range"].removeprefix("items=").split("-"))
        rows = [{"id": number} for number in range(first, min(last + 1, 5))]
        json_page(rows, {"Content-Range": f"items {first}-{last}/5"})(exchange)

    vendor.on("/x", behave)
    assert ids(pages(client(vendor.url), "x", next=Ranges(), headers={"Version": "19.0"})) == [0, 1, 2, 3, 4]
    assert {exchange.headers["version"] for exchange in vendor.requests} == {"19.0"}


def test_relay_paging_of_graphql_is_a_cursor(vendor: HostileServer, client: Make) -> None:
    def behave(exchange: Exchange) -> None:
        variables = json.loads(exchange.body)["variables"]
        start = int(variables.get("after") or 0)
        nodes = [{"id": number} for number in range(start, min(start + variables["first"], 5))]
        info = {"endCursor": str(start + len(nodes)), "hasNextPage": start + len(nodes) < 5}
        json_page({"data": {"assets": {"nodes": nodes, "pageInfo": info}}})(exchange)

    vendor.on("/graphql", behave)
    found = pages(
        client(vendor.url),
        "graphql",
        items="data.assets.nodes",
        next=Cursor(
            "data.assets.pageInfo.endCursor",
            "variables.after",
            size="variables.first",
            more="data.assets.pageInfo.hasNextPage",
        ),
        method="POST",
        json={"query": "query($first: Int, $after: String) {...}", "variables": {"filter": []}},
        limit=2,
        error_field="errors",
    )
    assert ids(found) == [0, 1, 2, 3, 4]
    assert json.loads(vendor.requests[1].body)["variables"] == {"filter": [], "first": 2, "after": "2"}


def test_one_reply_may_be_all(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({"data": [{"id": 1}], "next": "more"}))
    [page] = pages(client(vendor.url), "x", items="data", params={"token": "hidden"}, keep_raw=True)
    assert (page.after, page.raw) == (None, b'{"data": [{"id": 1}], "next": "more"}')
    assert page.source == f"{vendor.url}/x"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", page.observed_at)


def test_a_flag_can_end_a_walk_whose_cursor_never_ends(vendor: HostileServer, client: Make) -> None:
    vendor.on(
        "/x",
        json_page({"data": [{"id": 1}], "cursor": "a", "more": True}),
        json_page({"data": [{"id": 2}], "cursor": "b", "more": False}),
    )
    assert ids(pages(client(vendor.url), "x", items="data", next=Cursor("cursor", "c", more="more"))) == [1, 2]


def test_a_cursor_can_travel_alone(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({"data": [{"id": 1}], "c": 7}), json_page({"data": [], "c": None}))
    list(pages(client(vendor.url), "x", items="data", next=Cursor("c", "c", alone=True), params={"a": 1}, limit=5))
    assert [exchange.query for exchange in vendor.requests] == [{"a": "1", "limit": "5"}, {"c": "7"}]


def test_204_is_an_empty_last_page(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", raw(b"HTTP/1.1 204 No Content\r\n\r\n", then_close=False))
    [page] = pages(client(vendor.url), "x", items="data", next=PageNumber())
    assert (page.records, page.after, page.no_content) == ([], None, True)


NOTHING = raw(b"HTTP/1.1 204 No Content\r\n\r\n", then_close=False)


def test_204_in_place_of_a_page_that_was_promised_starts_anew(vendor: HostileServer, client: Make) -> None:
    first = json_page({"data": [{"id": 1}], "next": "/x?p=2", "total": 9}, {"Link": '</x?p=2>; rel="next"'})
    for pager in (
        Cursor("next", "c"),
        NextLink("next"),
        LinkHeader(),
        Offset(total="total"),
        PageNumber(total="total"),
    ):
        vendor.on("/x", first, NOTHING)
        found: list[Page] = []
        with pytest.raises(CursorExpired, match=r"GET .*/x: no content \(204\) in place of the page"):
            _collect(found, pages(client(vendor.url), "x", items="data", next=pager, limit=1))
        assert ids(found) == [1]


def test_204_in_place_of_a_page_is_asked_for_again(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({"data": [{"id": 1}], "next": "a"}), NOTHING, json_page({"data": [{"id": 2}]}))
    assert ids(pages(client(vendor.url), "x", items="data", next=Cursor("next", "c"))) == [1, 2]


@pytest.mark.parametrize("pager", [Offset(), PageNumber(), Keyset(lambda last, limit: {}), Scroll("next")])
def test_204_ends_a_walk_that_nobody_promised_a_page(vendor: HostileServer, client: Make, pager: Pager) -> None:
    vendor.on("/x", json_page({"data": [{"id": 1}], "next": "a"}), NOTHING)
    found = list(pages(client(vendor.url), "x", items="data", next=pager, limit=1))
    assert [(page.after is None, page.no_content) for page in found] == [(False, False), (True, True)]


# -- loops ---------------------------------------------------------------------------------------------------------


def cursor_pages(answer: Callable[[int, str | None], dict[str, Any]]) -> Behaviour:
    calls = iter(range(1_000_000))
    return lambda exchange: json_page(answer(next(calls), exchange.query.get("c")))(exchange)


LOOPS: dict[str, Callable[[int, str | None], dict[str, Any]]] = {
    "next is the same": lambda call, cursor: {"data": [{"id": call}], "next": "same"},
    "A, B, A": lambda call, cursor: {"data": [{"id": call}], "next": "AB"[call % 2]},
    "a long cycle": lambda call, cursor: {"data": [{"id": call}], "next": str(call % 500)},
    "always new, always empty": lambda call, cursor: {"data": [], "next": str(call)},
    "always new, always the same page": lambda call, cursor: {"data": [{"id": 1}], "next": str(call)},
    "always new, two pages in turn": lambda call, cursor: {"data": [{"id": call % 2}], "next": str(call)},
    "same cursor, empty pages": lambda call, cursor: {"data": [], "next": "same"},
}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_walk_that_gets_nowhere_ends_with_its_name(vendor: HostileServer, client: Make, loop: str) -> None:
    vendor.on("/x", cursor_pages(LOOPS[loop]))
    with pytest.raises(PagingLoop, match=f"^GET {vendor.url}/x: "):
        list(pages(client(vendor.url), "x", items="data", next=Cursor("next", "c"), params={"q": "hidden"}))
    assert len(vendor.requests) < 600


def test_a_loop_leaves_a_position_that_a_later_run_can_use(vendor: HostileServer, client: Make) -> None:
    vendor.on(
        "/x",
        json_page({"data": [{"id": 1}], "next": "A"}),
        json_page({"data": [{"id": 2}], "next": "A"}),  # the vendor's mistake
        json_page({"data": [{"id": 2}], "next": "B"}),  # put right
        json_page({"data": [{"id": 3}], "next": None}),
    )
    http = client(vendor.url)
    found: list[Page] = []
    with pytest.raises(PagingLoop):
        _collect(found, pages(http, "x", items="data", next=Cursor("next", "c")))
    assert ids(found) == [1, 2]
    assert ids(pages(http, "x", items="data", next=Cursor("next", "c"), resume=found[-1].after)) == [2, 3]


def test_the_position_after_a_loop_is_that_of_the_page_that_turned_back(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", cursor_pages(LOOPS["A, B, A"]))
    found: list[Page] = []
    with pytest.raises(PagingLoop):
        _collect(found, pages(client(vendor.url), "x", items="data", next=Cursor("next", "c")))
    assert [page.after for page in found] == [{"cursor": "A"}, {"cursor": "B"}, {"cursor": "B"}]


@pytest.mark.parametrize("turns_back", [False, True])
def test_a_walk_that_only_repeats_keeps_the_position_before_the_first_repeat(
    vendor: HostileServer, client: Make, turns_back: bool
) -> None:
    vendor.on(
        "/x",
        json_page({"data": [{"id": 1}], "next": "a"}),
        json_page({"data": [{"id": 2}], "next": "b"}),
        json_page({"data": [{"id": 1}], "next": "c"}),
        json_page({"data": [{"id": 2}], "next": "a" if turns_back else "d"}),
        json_page({"data": [{"id": 1}], "next": "e"}),
    )
    found: list[Page] = []
    with pytest.raises(PagingLoop):
        _collect(found, pages(client(vendor.url), "x", items="data", next=Cursor("next", "c")))
    assert [page.after["cursor"] for page in found] == ["a", "b"] + ["b"] * (2 if turns_back else 3)


@pytest.mark.parametrize("repeated", [["zz"], [7], "text", [None]])
def test_a_spoilt_memory_of_repeated_pages_does_no_harm(vendor: HostileServer, client: Make, repeated: Any) -> None:
    vendor.on("/x", json_page({"data": [{"id": 1}], "next": None}))
    resume = {"cursor": "a", "repeated": repeated}
    assert ids(pages(client(vendor.url), "x", items="data", next=Cursor("next", "c"), resume=resume)) == [1]


def _collect(found: list[Page], walk: Iterator[Page]) -> None:
    for page in walk:
        found.append(page)


def test_a_page_that_comes_twice_is_no_loop(vendor: HostileServer, client: Make) -> None:
    same = {"data": [{"id": 1}]}
    vendor.on(
        "/x",
        json_page({**same, "next": "a"}),
        json_page({**same, "next": "b"}),
        json_page({"data": [{"id": 2}], "next": None}),
    )
    assert ids(pages(client(vendor.url), "x", items="data", next=Cursor("next", "c"))) == [1, 1, 2]


def test_some_empty_pages_are_walked_through(vendor: HostileServer, client: Make) -> None:
    vendor.on(
        "/x",
        cursor_pages(
            lambda call, cursor: {"data": [{"id": 1}] if call == 40 else [], "next": str(call) if call < 40 else None}
        ),
    )
    assert ids(pages(client(vendor.url), "x", items="data", next=Cursor("next", "c"))) == [1]


def test_how_many_empty_pages_are_too_many_can_be_set(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", cursor_pages(lambda call, cursor: {"data": [], "next": str(call)}))
    with pytest.raises(PagingLoop, match="7 pages in a row"):
        list(pages(client(vendor.url, limits=Limits(empty_pages=7)), "x", items="data", next=Cursor("next", "c")))
    assert len(vendor.requests) == 7


def test_a_server_that_ignores_the_page_number_is_noticed(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({"result": [{"id": 1}, {"id": 2}]}))
    with pytest.raises(PagingLoop, match="repeat"):
        list(pages(client(vendor.url), "x", items="result", next=PageNumber(), limit=2))
    assert len(vendor.requests) < 10


# -- keysets -------------------------------------------------------------------------------------------------------


def test_an_inclusive_keyset_ends_at_its_border(vendor: HostileServer, client: Make) -> None:
    rows = [{"time": number // 2, "id": number} for number in range(9)]

    def behave(exchange: Exchange) -> None:
        start = int(exchange.query.get("since", "0"))
        json_page({"result": [row for row in rows if row["time"] >= start][:4]})(exchange)

    vendor.on("/x", behave)
    pager = Keyset(lambda last, limit: {"since": last[0]} if last else {}, key=("time",))
    found = ids(pages(client(vendor.url), "x", items="result", next=pager, limit=4))
    assert sorted(set(found)) == list(range(9))


def test_more_ties_than_a_page_holds_is_a_named_error(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({"result": [{"time": 5, "id": number} for number in range(4)]}))
    pager = Keyset(lambda last, limit: {"since": last[0]} if last else {}, key=("time",))
    with pytest.raises(PagingLoop, match="a whole page shares the same time"):
        list(pages(client(vendor.url), "x", items="result", next=pager, limit=4))


@pytest.mark.parametrize("odd", [[{"a": 1}, None], {"a": 1}, True, "", "x" * 5000, 10**41, None])
def test_a_last_record_whose_key_leads_nowhere_does_not_stop_a_keyset(
    vendor: HostileServer, client: Make, odd: object
) -> None:
    def answer(exchange: Exchange) -> None:
        after = int(exchange.query["after"])
        json_page({"result": [{"id": n} for n in range(after + 1, 4)] + [{"id": odd}]})(exchange)

    vendor.on("/x", answer)
    pager = Keyset(lambda last, limit: {"after": last[0] if last else 0})
    found = list(pages(client(vendor.url), "x", items="result", next=pager, limit=5))
    assert [len(page.records) for page in found] == [4, 1]


def test_a_broken_last_record_does_not_stop_a_keyset(vendor: HostileServer, client: Make) -> None:
    vendor.on(
        "/x",
        json_page(b'{"result": [{"id": 1}, {"id": 2}, {"id": NaN}]}'),
        json_page(b'{"result": [{"id": NaN}, {"id": 4}]}'),
        json_page(b'{"result": []}'),
    )
    walk = pages(
        client(vendor.url), "x", items="result", next=Keyset(lambda last, limit: {"after": last[0] if last else 0})
    )
    assert [len(page.records) for page in walk] == [3, 2, 0]
    assert [exchange.query["after"] for exchange in vendor.requests] == ["0", "2", "4"]


def test_a_page_without_keys_is_a_named_error(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({"result": [{"name": "a"}] * 3}))
    with pytest.raises(UnexpectedReply, match="no record of the page holds id"):
        list(pages(client(vendor.url), "x", items="result", next=Keyset(query), limit=3))


# -- positions that died -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [400, 404, 410])
def test_a_dead_position_is_named_so_that_the_walk_can_start_anew(
    vendor: HostileServer, client: Make, code: int
) -> None:
    vendor.on("/x", status(code, b'{"error":{"message":"skiptoken has expired"}}'))
    http = client(vendor.url)
    with pytest.raises(CursorExpired, match=r"no longer knows the position \(4\d\d\) \(skiptoken has expired\)"):
        list(pages(http, "x", items="data", next=Cursor("next", "c"), resume={"cursor": "old"}))
    with pytest.raises(UnexpectedReply):
        list(pages(http, "x", items="data", next=Cursor("next", "c")))


def test_a_position_that_dies_in_the_middle_of_a_walk_is_named(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({"data": [{"id": 1}], "next": "a"}), status(410))
    walk = pages(client(vendor.url), "x", items="data", next=Cursor("next", "c"))
    assert ids([next(walk)]) == [1]
    with pytest.raises(CursorExpired):
        next(walk)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "token", [{"something": 1}, "text", 7, ["a"], {"page": "x", "offset": None, "cursor": {}, "next": 1, "last": 2}]
)
def test_a_position_of_another_kind_starts_anew(client: Make, style: str, token: Any) -> None:
    path, items, pager = STYLES[style]
    with pytest.raises(CursorExpired, match="another way of paging"):
        list(pages(client("https://vendor.example"), path, items=items, next=pager, resume=token))


def test_a_saved_link_to_where_we_may_not_go_any_more_starts_anew(vendor: HostileServer, client: Make) -> None:
    with pytest.raises(CursorExpired, match="cannot be used any more"):
        list(
            pages(
                client(vendor.url), "x", items="value", next=NextLink(), resume={"next": "https://old.example/x?skip=2"}
            )
        )
    assert vendor.requests == []


# -- pages that are none -------------------------------------------------------------------------------------------


def test_a_body_cut_short_is_asked_for_again(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page(b'{"data": [{"id": 1}, {"i'), json_page({"data": [{"id": 1}, {"id": 2}]}))
    assert ids(pages(client(vendor.url), "x", items="data")) == [1, 2]


BROKEN: dict[str, tuple[Behaviour, str]] = {
    "login page": (login_page(), "login"),
    "always cut short": (json_page(b'{"data": [{"id": 1}, {"i'), "ends inside"),
    "empty body": (json_page(b""), "neither a JSON object nor a list"),
    "error instead of data": (
        json_page({"error": {"message": "quota of tenant"}}),
        r"no 'data' in the reply; it holds 'error' \(quota",
    ),
    "null": (json_page(b"null"), "neither"),
    "csv": (status(200, b"a,b", {"Content-Type": "text/csv"}), "content type 'text/csv'"),
    "cursor of no kind": (json_page({"data": [{"id": 1}], "next": {"a": 1}}), "neither text nor a number"),
    "broken cursor": (json_page(b'{"data": [1], "next": NaN}'), "'next' in the reply cannot be decoded"),
    "deep bomb": (json_page(b"[" * 1_000_000), "ends inside|neither|bare list"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_page_is_named(vendor: HostileServer, client: Make, name: str) -> None:
    behaviour, words = BROKEN[name]
    vendor.on("/x", behaviour)
    with pytest.raises(UnexpectedReply, match=words) as caught:
        list(pages(client(vendor.url), "x", items="data", next=Cursor("next", "c"), params={"q": "hidden"}))
    assert f"{vendor.url}/x" in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("error", ["syntax error near 'whre'", {"code": 7}, ["a"], 5, True])
def test_an_error_under_status_200_is_an_error(vendor: HostileServer, client: Make, error: Any) -> None:
    vendor.on("/x", json_page({"result": [], "error": error}))
    with pytest.raises(UnexpectedReply, match="the vendor reports an error under status 200"):
        list(pages(client(vendor.url), "x", items="result", error_field="error"))


@pytest.mark.parametrize("error", [None, "", 0, False, [], {}])
def test_an_empty_error_field_is_none(vendor: HostileServer, client: Make, error: Any) -> None:
    vendor.on("/x", json_page({"result": [{"id": 1}], "error": error}))
    assert ids(pages(client(vendor.url), "x", items="result", error_field="error")) == [1]


def test_a_fault_that_stays_keeps_what_came_before(vendor: HostileServer, client: Make) -> None:
    def behave(exchange: Exchange) -> None:
        number = int(exchange.query["page"])
        (status(500) if number == 6 else json_page({"result": [{"id": number}]}))(exchange)

    vendor.on("/x", behave)
    http = client(vendor.url)
    found: list[Page] = []
    with pytest.raises(ServerFault):
        _collect(found, pages(http, "x", items="result", next=PageNumber()))
    assert ids(found) == [1, 2, 3, 4, 5]
    vendor.on(
        "/x", lambda exchange: json_page({"result": [{"id": 6}] if exchange.query["page"] == "6" else []})(exchange)
    )
    assert ids(pages(http, "x", items="result", next=PageNumber(), resume=found[-1].after)) == [6]


@pytest.mark.parametrize("link", ["javascript:x", "https://u:p@vendor.example/", "/\\evil.example/x", "http://[::1"])
def test_a_next_link_that_is_no_url_is_refused(vendor: HostileServer, client: Make, link: str) -> None:
    vendor.on("/x", json_page({"value": [{"id": 1}], "@odata.nextLink": link}))
    with pytest.raises(OriginRefused, match="no usable URL"):
        list(pages(client(vendor.url), "x", items="value", next=NextLink()))


def test_a_next_link_with_another_spelling_of_the_same_origin_is_followed(vendor: HostileServer, client: Make) -> None:
    vendor.on(
        "/x",
        json_page({"value": [{"id": 1}], "@odata.nextLink": f"HTTP://127.1:{vendor.port}/x?p=2"}),
        json_page({"value": [{"id": 2}], "@odata.nextLink": "?p=3"}),
        json_page({"value": [{"id": 3}]}),
    )
    assert ids(pages(client(vendor.url), "x", items="value", next=NextLink())) == [1, 2, 3]


def test_ten_megabytes_in_one_field_pass(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({"data": [{"id": 1, "blob": "x" * 10_000_000}, {"id": 2}]}))
    assert ids(pages(client(vendor.url), "x", items="data")) == [1, 2]


def test_all_of_it_is_a_source_error_to_whoever_runs_the_stream() -> None:
    assert all(issubclass(kind, SourceError) for kind in (CursorExpired, OriginRefused, PagingLoop, UnexpectedReply))
