"""Lists of a list's records: groups and their members."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.sdk.http.server import Exchange, HostileServer, json_page, status

from isthmus_sdk.errors import ConfigurationError, CursorExpired, UnexpectedReply
from isthmus_sdk.http import Cursor, Http, LinkHeader, Sublist, pages
from isthmus_sdk.page import Page

Make = Callable[..., Http]
INNER = Cursor("next", "cursor")
MEMBERS = Sublist("groups/{key}/users", into="members", keep="id", next=INNER, items="rows", limit=2, batch=2)


class Directory:
    """Groups in pages of three; members in pages of ``limit``."""

    def __init__(self, server: HostileServer, members: dict[str, list[str]]) -> None:
        self.members = members
        self.server = server
        self.asked: list[str] = []
        server.on("/groups", self._groups)
        for name in members:
            server.on(f"/groups/{name}/users", self._users)

    def _cut(self, rows: list[Any], exchange: Exchange, size: int) -> None:
        start = int(exchange.query.get("cursor", 0))
        end = start + size
        json_page({"rows": rows[start:end], "next": end if end < len(rows) else None})(exchange)

    def _groups(self, exchange: Exchange) -> None:
        self._cut([{"id": name, "kind": "team"} for name in self.members], exchange, 3)

    def _users(self, exchange: Exchange) -> None:
        name = exchange.path.split("/")[-2]
        self.asked.append(name)
        self._cut([{"id": each, "name": "x"} for each in self.members[name]], exchange, int(exchange.query["limit"]))


def walk(http: Http, then: Sublist = MEMBERS, resume: Any = None) -> list[Page]:
    return list(pages(http, "groups", items="rows", next=INNER, then=then, resume=resume))


def records(found: list[Page]) -> list[dict[str, Any]]:
    return [json.loads(record) for page in found for record in page.records]


ORG = {"g0": [], "g1": ["u1"], "g2": ["u1", "u2", "u3", "u4", "u5"], "g3": ["u2"]}


def test_each_record_has_its_whole_list(vendor: HostileServer, client: Make) -> None:
    Directory(vendor, ORG)
    assert {record["id"]: record["members"] for record in records(walk(client(vendor.url)))} == ORG


def test_without_keep_the_inner_records_stay_whole(vendor: HostileServer, client: Make) -> None:
    Directory(vendor, {"g1": ["u1"]})
    then = Sublist("groups/{key}/users", into="members", next=INNER, items="rows", limit=2)
    assert records(walk(client(vendor.url), then))[0]["members"] == [{"id": "u1", "name": "x"}]


def test_a_walk_goes_on_after_any_page_and_asks_nothing_twice(vendor: HostileServer, client: Make) -> None:
    directory = Directory(vendor, ORG)
    whole = walk(client(vendor.url))
    assert [len(page.records) for page in whole] == [2, 1, 1]
    for number, page in enumerate(whole[:-1], 1):
        directory.asked.clear()
        rest = walk(client(vendor.url), resume=page.after)
        assert [r["id"] for r in records(rest)] == [r["id"] for r in records(whole[number:])]
        assert set(directory.asked) == {r["id"] for r in records(whole[number:])}


def test_a_list_that_changed_meanwhile_is_read_again_from_its_page_on(vendor: HostileServer, client: Make) -> None:
    directory = Directory(vendor, ORG)
    first = walk(client(vendor.url))[0]
    del directory.members["g1"]
    assert [r["id"] for r in records(walk(client(vendor.url), resume=first.after))] == ["g0", "g2", "g3"]
    directory.members["g1"] = ["u1"]


def test_a_record_that_vanished_before_its_list_was_asked_for_is_counted(vendor: HostileServer, client: Make) -> None:
    Directory(vendor, {"g1": ["u1"], "g2": ["u2"]})
    vendor.on("/groups/g1/users", status(404))
    found = walk(client(vendor.url))
    assert ([r["id"] for r in records(found)], [page.vanished for page in found]) == (["g2"], [1])


def test_a_position_that_expires_within_a_list_is_no_vanished_record(vendor: HostileServer, client: Make) -> None:
    directory = Directory(vendor, {"g2": ["u1", "u2", "u3"]})

    def expires(exchange: Exchange) -> None:
        (status(410) if "cursor" in exchange.query else directory._users)(exchange)

    vendor.on("/groups/g2/users", expires)
    with pytest.raises(CursorExpired):
        walk(client(vendor.url))


def test_records_that_need_no_list_are_not_asked_about(vendor: HostileServer, client: Make) -> None:
    directory = Directory(vendor, ORG)
    then = Sublist("groups/{key}/users", into="members", unless=("kind", "team"))
    assert all("members" not in record for record in records(walk(client(vendor.url), then)))
    assert directory.asked == []


@pytest.mark.parametrize("key", ["a/b", "../x", "a?b#c", "ü"])
def test_a_key_is_one_segment_of_the_path_whatever_it_holds(key: str) -> None:
    path = MEMBERS.path_of({"id": key})
    assert path is not None
    assert path.count("/") == 2
    assert not set("?#") & set(path)


@pytest.mark.parametrize("record", [{}, {"id": None}, {"id": True}, {"id": ""}, {"id": ".."}, [], "g1", None])
def test_a_record_without_a_key_has_no_list(record: Any) -> None:
    assert MEMBERS.path_of(record) is None


def test_a_path_without_a_place_for_the_key_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        Sublist("groups/users", into="members")


def test_a_position_of_another_pager_starts_anew(vendor: HostileServer, client: Make) -> None:
    Directory(vendor, ORG)
    with pytest.raises(CursorExpired):
        walk(client(vendor.url), resume={"ids": 1})


def test_a_record_keeps_the_bytes_that_the_vendor_wrote(vendor: HostileServer, client: Make) -> None:
    Directory(vendor, {"g1": ["u1"]})
    odd = b'{ "id" : "g1", "n": 1.50 }'
    vendor.on("/groups", status(200, b'{"rows": [' + odd + b"]}", {"Content-Type": "application/json"}))
    (page,) = walk(client(vendor.url))
    assert page.records == [b'{"id" : "g1", "n": 1.50,"members":["u1"]}']


def test_an_object_in_place_of_a_page_of_a_bare_list_is_no_page(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page({"error": {"message": "later"}}))
    with pytest.raises(UnexpectedReply, match=r"bare list.*later"):
        list(pages(client(vendor.url), "x", items="", next=LinkHeader()))
    assert [page.records for page in pages(client(vendor.url), "x", items="")] == [[b'{"error": {"message": "later"}}']]
