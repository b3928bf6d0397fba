"""What was said before, and who carries a value."""

from __future__ import annotations

import apsw
import pytest
from tests.hub.store.objects import JUNE_1, JUNE_2, JUNE_3, MAY_1, address, asset, incoming, made_id, put

from isthmus_hub.store import Statement, Store
from isthmus_sdk.errors import InvalidObject

PLC = asset("plc")["id"]


def said(statements: list[Statement]) -> list[tuple[str, str | None]]:
    return [(one.instance, one.body.get("description")) for one in statements]


def version(words: str, modified: str) -> dict[str, object]:
    return asset("plc", modified=modified) | {"description": words}


def test_what_a_source_said_at_a_time_is_still_known_after_it_said_something_else(store: Store) -> None:
    put(store, incoming(version("first", MAY_1), observed_at=MAY_1))
    put(store, incoming(version("second", JUNE_1), observed_at=JUNE_1, offset=2))
    put(store, incoming(version("third", JUNE_3), observed_at=JUNE_3, offset=3))
    assert said(store.as_of(PLC, "2024-04-30T00:00:00.000Z")) == []
    assert said(store.as_of(PLC, MAY_1)) == [("guardian", "first")]
    assert said(store.as_of(PLC, JUNE_2)) == [("guardian", "second")]
    (last,) = store.as_of(PLC, JUNE_3)
    assert (last.body["description"], last.until, last.exact) == ("third", None, True)
    (second,) = store.as_of(PLC, JUNE_1)
    assert (second.modified, second.until) == (JUNE_1, JUNE_3)


def test_each_source_has_its_own_past(store: Store) -> None:
    put(store, incoming(version("guardian 1", MAY_1), observed_at=MAY_1))
    put(store, incoming(version("defender 1", MAY_1), observed_at=JUNE_1, instance="defender"))
    put(store, incoming(version("guardian 2", JUNE_2), observed_at=JUNE_2, offset=2))
    put(store, incoming(version("defender 2", JUNE_3), observed_at=JUNE_3, instance="defender", offset=2))
    assert said(store.as_of(PLC, MAY_1)) == [("guardian", "guardian 1")]
    assert said(store.as_of(PLC, JUNE_1)) == [("defender", "defender 1"), ("guardian", "guardian 1")]
    assert said(store.as_of(PLC, JUNE_2)) == [("defender", "defender 1"), ("guardian", "guardian 2")]
    assert said(store.as_of(PLC, JUNE_3)) == [("defender", "defender 2"), ("guardian", "guardian 2")]
    assert said(store.as_of(PLC, JUNE_3, instance="defender")) == [("defender", "defender 2")]


def test_the_inventory_at_a_time_has_what_was_known_then(store: Store) -> None:
    put(store, incoming(version("first", MAY_1), observed_at=MAY_1), incoming(asset("late"), observed_at=JUNE_3))
    assert [id for id, _ in store.inventory_as_of(JUNE_1)] == [PLC]
    assert {id for id, _ in store.inventory_as_of(JUNE_3)} == {PLC, asset("late")["id"]}


def test_old_words_go_after_a_month_and_the_answer_says_that_it_is_not_exact(store: Store) -> None:
    for month, day in (("05", "01"), ("05", "02"), ("06", "01"), ("06", "20"), ("07", "30")):
        time = f"2024-{month}-{day}T00:00:00.000Z"
        put(store, incoming(version(f"{month}-{day}", time), observed_at=time))
    kept = apsw.Connection(str(store.path)).execute("SELECT count(*) FROM former").get
    assert kept == 1
    (old,) = store.as_of(PLC, "2024-05-01T12:00:00.000Z")
    assert (old.body["description"], old.exact) == ("06-20", False)


def test_no_more_than_so_many_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus_hub.store._former.MOST", 3)
    for minute in range(9):
        time = f"2024-06-01T00:0{minute}:00.000Z"
        put(store, incoming(version(str(minute), time), observed_at=time))
    assert apsw.Connection(str(store.path)).execute("SELECT count(*) FROM former").get == 3


def test_what_is_no_time_is_refused(store: Store) -> None:
    with pytest.raises(InvalidObject):
        store.as_of(PLC, "yesterday")
    assert store.as_of(made_id("infrastructure", "nobody"), JUNE_1) == []


def test_everything_about_a_value_is_found_whatever_its_kind(store: Store) -> None:
    plc = asset("plc", hostname="PLC-1", serial="PLC-1", interfaces=[{"ips": ["10.0.0.1"], "mac": "00:1B:00:00:00:01"}])
    cve = {
        "type": "vulnerability",
        "spec_version": "2.1",
        "id": made_id("vulnerability", "v"),
        "created": MAY_1,
        "modified": MAY_1,
        "name": "CVE-2024-1",
    }
    ip = address("10.0.0.1")
    put(store, incoming(plc), incoming(cve), incoming(ip))
    with store.transaction() as tx:
        tx.assign(PLC, made_id("infrastructure", "asset"))
    assert [(one.kind, one.id, one.asset) for one in store.find("10.0.0.1")] == [
        ("ipv4", PLC, made_id("infrastructure", "asset")),
        ("ipv4", ip["id"], None),
    ]
    assert sorted(one.kind for one in store.find(" plc-1 ")) == ["hostname", "serial"]
    assert [one.id for one in store.find("cve-2024-1")] == [cve["id"]]
    assert [one.kind for one in store.find("00:1b:00:00:00:01")] == ["mac"]
    assert store.find("10.0.0.99") == []
