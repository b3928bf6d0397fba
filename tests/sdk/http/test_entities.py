"""Ids first, entities after."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.sdk.http.server import Behaviour, Exchange, HostileServer, json_page, status

from isthmus_sdk.errors import ConfigurationError, CursorExpired, TooLarge, UnexpectedReply
from isthmus_sdk.http import Cursor, Entities, Http, Limits, pages
from isthmus_sdk.page import Page

Make = Callable[..., Http]
DETAILS = Entities("entities", batch=3, items="resources", key="device.id")


class Fleet:
    """A list of ids that is paged by a cursor, and entities by POST or GET, of which some may be gone."""

    def __init__(self, server: HostileServer, ids: Sequence[Any], *, page: int = 7) -> None:
        self.ids = list(ids)
        self.held = {str(each) for each in ids}
        self.page = page
        self.cap = 10_000
        self.refuse: Callable[[list[str]], Behaviour | None] = lambda ids: None
        self.batches: list[list[str]] = []
        server.on("/ids", self._list)
        server.on("/entities", self._entities)

    def _list(self, exchange: Exchange) -> None:
        start = int(exchange.query.get("cursor", 0))
        part = self.ids[start : start + self.page]
        end = start + len(part)
        json_page({"resources": part, "next": end if end < len(self.ids) else None})(exchange)

    def _entities(self, exchange: Exchange) -> None:
        if exchange.body:
            asked = [str(each) for each in json.loads(exchange.body)["ids"]]
        else:
            asked = exchange.query["ids"].split(",")
        self.batches.append(asked)
        refusal = self.refuse(asked)
        rows = [{"device": {"id": each}} for each in asked if each in self.held][: self.cap]
        (refusal or json_page({"resources": rows}))(exchange)


def walk(http: Http, then: Entities = DETAILS, resume: Any = None) -> list[Page]:
    return list(pages(http, "ids", items="resources", next=Cursor("next", "cursor"), then=then, resume=resume))


def ids(found: Sequence[Page]) -> list[str]:
    return [json.loads(record)["device"]["id"] for page in found for record in page.records]


@pytest.mark.parametrize("count", [0, 1, 3, 7, 8, 20])
def test_every_entity_comes_once_in_batches(vendor: HostileServer, client: Make, count: int) -> None:
    fleet = Fleet(vendor, [f"d{number}" for number in range(count)])
    found = walk(client(vendor.url))
    assert ids(found) == fleet.ids
    assert max(map(len, fleet.batches), default=0) <= 3
    assert [page.after is None for page in found] == [False] * (len(found) - 1) + [True]
    assert sum(page.vanished for page in found) == 0


def test_a_get_takes_ids_in_one_value_and_numbers_are_ids(vendor: HostileServer, client: Make) -> None:
    fleet = Fleet(vendor, range(5))
    then = Entities("entities", method="GET", joined=",", batch=2, items="resources", key="device.id")
    assert ids(walk(client(vendor.url), then)) == ["0", "1", "2", "3", "4"]
    assert fleet.batches == [["0", "1"], ["2", "3"], ["4"]]


def test_the_id_may_stand_inside_a_record_of_the_list(vendor: HostileServer, client: Make) -> None:
    fleet = Fleet(vendor, [{"ref": {"id": "a"}}, {"ref": {"id": "b"}}, {"ref": {"id": "a"}}])
    fleet.held = {"a", "b"}
    then = Entities("entities", items="resources", key="device.id", id="ref.id", json={"fields": ["all"]})
    assert ids(walk(client(vendor.url), then)) == ["a", "b"]
    assert json.loads(vendor.seen("/entities")[0].body) == {"fields": ["all"], "ids": ["a", "b"]}


def test_ids_that_vanish_in_between_are_counted(vendor: HostileServer, client: Make) -> None:
    fleet = Fleet(vendor, [f"d{number}" for number in range(9)], page=9)
    fleet.held -= {"d1", "d6", "d7", "d8"}
    found = walk(client(vendor.url))
    assert ids(found) == ["d0", "d2", "d3", "d4", "d5"]
    assert [page.vanished for page in found] == [1, 0, 3]


@pytest.mark.parametrize("code", [404, 410])
@pytest.mark.parametrize("dead", [set(), {"d2"}, {"d0", "d5"}, {"d0", "d1", "d2", "d3", "d4", "d5"}])
def test_one_dead_id_that_spoils_its_batch_is_found(
    vendor: HostileServer, client: Make, code: int, dead: set[str]
) -> None:
    fleet = Fleet(vendor, [f"d{number}" for number in range(6)])
    fleet.refuse = lambda asked: status(code, b"{}") if dead & set(asked) else None
    found = walk(client(vendor.url), Entities("entities", batch=6, items="resources", key="device.id"))
    assert ids(found) == sorted({f"d{number}" for number in range(6)} - dead)
    assert sum(page.vanished for page in found) == len(dead)


def test_a_server_that_quietly_caps_its_reply_loses_nothing(vendor: HostileServer, client: Make) -> None:
    fleet = Fleet(vendor, [f"d{number}" for number in range(20)], page=20)
    fleet.cap = 4
    fleet.held -= {"d7"}
    found = walk(client(vendor.url), Entities("entities", batch=20, items="resources", key="device.id"))
    assert sorted(ids(found)) == sorted(fleet.held)
    assert sum(page.vanished for page in found) == 1


def test_a_server_that_hands_out_one_entity_at_a_time_is_named(vendor: HostileServer, client: Make) -> None:
    fleet = Fleet(vendor, [f"d{number}" for number in range(2000)], page=2000)
    fleet.cap = 1
    with pytest.raises(UnexpectedReply, match="lower the batch"):
        walk(client(vendor.url), Entities("entities", batch=2000, items="resources", key="device.id"))
    assert len(fleet.batches) == 64


def test_a_server_that_answers_too_large_a_batch_with_nothing_loses_nothing(
    vendor: HostileServer, client: Make
) -> None:
    fleet = Fleet(vendor, [f"d{number}" for number in range(20)], page=20)
    fleet.refuse = lambda asked: json_page({"resources": []}) if len(asked) > 5 else None
    found = walk(client(vendor.url), Entities("entities", batch=20, items="resources", key="device.id"))
    assert sorted(ids(found)) == sorted(fleet.held)


def test_a_batch_that_is_too_large_is_halved(vendor: HostileServer, client: Make) -> None:
    fleet = Fleet(vendor, [f"d{number}" for number in range(8)], page=8)
    fleet.refuse = lambda asked: status(413 if len(asked) % 2 else 414) if len(asked) > 2 else None
    assert ids(walk(client(vendor.url), Entities("entities", items="resources", key="device.id"))) == fleet.ids
    fleet.refuse = lambda asked: json_page({"resources": [], "padding": "x" * (1 << 20)}) if len(asked) > 3 else None
    http = client(vendor.url, limits=Limits(decoded=1 << 19))
    assert ids(walk(http, Entities("entities", items="resources", key="device.id"))) == fleet.ids
    fleet.refuse = lambda asked: status(413)
    with pytest.raises(TooLarge):
        walk(http)


def test_a_walk_resumes_after_any_batch(vendor: HostileServer, client: Make) -> None:
    fleet = Fleet(vendor, [f"d{number}" for number in range(20)])
    http = client(vendor.url)
    found = walk(http)
    for number, page in enumerate(found[:-1], start=1):
        rest = walk(http, resume=json.loads(json.dumps(page.after)))
        assert ids(found[:number]) + ids(rest) == fleet.ids


def test_a_list_that_changed_meanwhile_is_read_from_its_page_on(vendor: HostileServer, client: Make) -> None:
    fleet = Fleet(vendor, [f"d{number}" for number in range(14)])
    http = client(vendor.url)
    found = walk(http)
    fleet.ids.remove("d8")
    rest = walk(http, resume=found[3].after)  # in the middle of the second page of ids
    assert set(ids(rest)) == {f"d{number}" for number in range(7, 14)} - {"d8"}


def test_a_record_of_the_list_without_an_id_goes_to_quarantine(vendor: HostileServer, client: Make) -> None:
    fleet = Fleet(vendor, ["d0", None, "d1", {"id": "d2"}, True, ""])
    fleet.held = {"d0", "d1"}
    [page] = walk(client(vendor.url))
    assert page.records[2:] == [b"null", b'{"id": "d2"}', b"true", b'""']
    assert list(page.unreadable) == [2, 3, 4, 5]


def test_a_broken_entity_is_kept_and_no_id_counts_as_vanished_for_it(vendor: HostileServer, client: Make) -> None:
    Fleet(vendor, ["d0", "d1", "d2"])
    vendor.on(
        "/entities", json_page(b'{"resources": [{"device": {"id": "d0"}}, {"device": NaN}, {"device": {"id": "d2"}}]}')
    )
    [page] = walk(client(vendor.url))
    assert (len(page.records), page.vanished) == (3, 0)
    assert len(vendor.seen("/entities")) == 1


def test_entities_of_another_kind_are_a_named_error(vendor: HostileServer, client: Make) -> None:
    Fleet(vendor, ["d0", "d1"])
    with pytest.raises(
        UnexpectedReply, match=r"POST .*/entities: none of the entities bears an id .* at 'uid'; set the key"
    ):
        walk(client(vendor.url), Entities("entities", items="resources", key="uid"))


@pytest.mark.parametrize("odd", ["null", "[]", "7", "{}", '{"device": {"id": null}}'])
def test_an_entity_that_says_no_id_is_kept_once(vendor: HostileServer, client: Make, odd: str) -> None:
    Fleet(vendor, ["d0", "d1", "d2"])
    rows = f'{{"device": {{"id": "d0"}}}}, {odd}, {{"device": {{"id": "d2"}}}}'
    vendor.on("/entities", json_page(f'{{"resources": [{rows}]}}'.encode()))
    [page] = walk(client(vendor.url))
    assert (len(page.records), page.vanished) == (3, 0)


@pytest.mark.parametrize("token", ["x", 5, ["a"], {}, {"ids": None}, {"ids": None, "done": "1", "of": ""}])
def test_a_position_of_another_kind_starts_anew(vendor: HostileServer, client: Make, token: Any) -> None:
    Fleet(vendor, ["d0"])
    with pytest.raises(CursorExpired, match="another way of paging"):
        walk(client(vendor.url), resume=token)


def test_entities_that_stumble_are_asked_for_again(vendor: HostileServer, client: Make) -> None:
    fleet = Fleet(vendor, ["d0", "d1"])
    answers = iter([status(503), status(429, headers={"Retry-After": "0"}), json_page(b'{"resources": [{"dev')])
    fleet.refuse = lambda asked: next(answers, None)
    assert ids(walk(client(vendor.url))) == ["d0", "d1"]


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        Entities("entities", batch=0)
