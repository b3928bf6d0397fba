"""The connector against an appliance, through the SDK: cursors, filters, what changes and what goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.connectors.conftest import Objects, edges
from tests.connectors.tenable_ot.appliance import KEY, Appliance, asset, event, link, run, running, uid

from isthmus_connectors.tenable_ot.connector import tenable_ot
from isthmus_sdk import stix
from isthmus_sdk.context import Context
from isthmus_sdk.errors import AuthenticationError, UnexpectedReply
from isthmus_sdk.settings import configure
from isthmus_sdk.transports import connect


@pytest.fixture(autouse=True)
def _quick(quick: Callable[[Any], None]) -> None:
    quick(tenable_ot)


def native_ids(objects: Objects) -> set[str]:
    facts = [stix.facts(obj, stix.ASSET) for obj in objects if obj["type"] == "infrastructure"]
    return {known["native_id"] for known in facts if known and known["kind"] == "asset"}


@pytest.mark.parametrize("page_size", [1, 7, 25, 200])
def test_every_asset_is_met_whatever_the_page_size(page_size: int) -> None:
    with running(Appliance(assets=[asset(number) for number in range(25)])) as server:
        ran = run(server, "assets", page_size=page_size)
    assert native_ids(ran.objects) == {uid(number) for number in range(25)}
    assert ran.totals.complete


def test_an_appliance_that_gives_fewer_rows_than_asked_is_read_to_the_end() -> None:
    with running(Appliance(assets=[asset(number) for number in range(25)], most=4)) as server:
        ran = run(server, "assets")
    assert len(native_ids(ran.objects)) == 25


def test_an_interrupted_walk_goes_on_after_the_last_stored_page() -> None:
    with running(Appliance(assets=[asset(number) for number in range(25)])) as server:
        first = run(server, "assets", page_size=10, pages=1)
        second = run(server, "assets", page_size=10, cursors=first.cursors)
    assert native_ids(first.objects).isdisjoint(native_ids(second.objects))
    assert len(native_ids(first.objects + second.objects)) == 25
    variables = server.asked[-2].json()["variables"]
    assert (variables["after"], variables["first"]) == ("YXJyYXljb25uZWN0aW9uOjk=", 10)


def test_assets_that_come_or_talk_while_the_list_is_read_hide_none() -> None:
    assets = [asset(number) for number in range(30)]
    with running(Appliance(assets=assets)) as server:
        first = run(server, "assets", page_size=10, pages=1)
        assets[25]["lastSeen"] = "2026-05-04T00:00:00Z"
        assets.append(asset(5, id=f"{uid(5)}-new"))
        second = run(server, "assets", page_size=10, cursors=first.cursors)
    assert {uid(number) for number in range(30)} <= native_ids(first.objects + second.objects)


def test_a_deleted_asset_is_missing_from_the_next_complete_run() -> None:
    appliance = Appliance(assets=[asset(1), asset(2)])
    with running(appliance) as server:
        before = run(server, "assets")
        del appliance.assets[1]
        after = run(server, "assets", cursors=before.cursors)
    (two,), (one,) = before.totals.snapshots, after.totals.snapshots
    assert len(two.seen) == 2 * len(one.seen)


def test_only_events_since_the_mark_are_asked_for_and_the_filter_takes_one_value() -> None:
    with running(Appliance(events=[event(1)])) as server:
        first = run(server, "events")
        del server.asked[:]
        second = run(server, "events", cursors=first.cursors)
    assert second.error is None
    assert server.asked[0].json()["variables"]["filter"] == {
        "field": "time",
        "op": "GreaterEqual",
        "values": "2026-05-03T05:50:30.293Z",
    }


def test_an_event_that_comes_late_is_found_and_what_is_known_is_not_sent_again() -> None:
    appliance = Appliance(events=[event(1), event(2, resolved=True, resolvedTs="2026-05-03T06:30:00Z")])
    with running(appliance) as server:
        first = run(server, "events")
        appliance.events.append(event(3, "2026-05-03T05:55:00Z"))
        second = run(server, "events", cursors=first.cursors)
    assert {(stix.facts(obj, stix.ALERT) or {})["native_id"] for obj in second.of("sighting")} == {uid(1003)}


def test_an_event_that_is_resolved_days_later_is_a_newer_version_of_the_same_object() -> None:
    appliance = Appliance(events=[event(1, "2026-04-20T00:00:00Z"), event(2)])
    with running(appliance) as server:
        first = run(server, "events")
        appliance.events[0] |= {"resolved": True, "resolvedTs": "2026-05-03T07:00:00Z"}
        second = run(server, "events", cursors=first.cursors)
    before = next(obj for obj in first.of("sighting") if obj["first_seen"].startswith("2026-04-20"))
    (after,) = second.of("sighting")
    assert (after["id"], after["created"]) == (before["id"], before["created"])
    assert before["modified"] < after["modified"] == "2026-05-03T07:00:00.000Z"
    assert [(stix.facts(obj, stix.ALERT) or {})["status"] for obj in (before, after)] == ["open", "closed"]


def test_links_that_talk_while_the_list_is_read_hide_none() -> None:
    links = [link(number) for number in range(30)]
    with running(Appliance(links=links)) as server:
        first = run(server, "links", page_size=10, pages=1)
        for row in links[:10]:
            row["lastConv"] = "2026-05-04T00:00:00Z"
        second = run(server, "links", page_size=10, cursors=first.cursors)
    found = edges(first.objects + second.objects, "communicates-with")
    assert len({edge["id"] for edge in found}) == 30


def test_only_links_active_since_are_asked_for_again() -> None:
    links = [link(number) for number in range(30)]
    with running(Appliance(links=links)) as server:
        first = run(server, "links")
        links[3]["lastConv"] = "2026-05-04T00:00:00Z"
        second = run(server, "links", cursors=first.cursors)
    (edge,) = edges(second.objects, "communicates-with")
    assert (stix.facts(edge, stix.COMMUNICATION) or {})["last_seen"] == "2026-05-04T00:00:00.000Z"


def test_a_refused_key_is_an_authentication_error_without_the_key() -> None:
    with running(Appliance(assets=[asset(1)])) as server:
        ran = run(server, "assets", key="not-the-key")
    assert isinstance(ran.error, AuthenticationError)
    assert "not-the-key" not in str(ran.error)


def test_an_error_of_the_query_under_status_200_ends_the_run_with_the_vendors_words() -> None:
    with running(Appliance(assets=[asset(1)], forbidden={"assets"})) as server:
        ran = run(server, "assets")
    assert isinstance(ran.error, UnexpectedReply)
    assert "not permitted to read assets" in str(ran.error)


def test_the_check_names_the_list_that_the_key_may_not_read() -> None:
    with running(Appliance(forbidden={"events"})) as server:
        settings = configure(tenable_ot.settings, {"base_url": server.url}, {"api_key": KEY})
        http = connect(tenable_ot, settings)
        assert tenable_ot.checker is not None
        findings = tenable_ot.checker(Context(settings, connect=lambda: http))
        http.close()
    assert findings == ["assets: readable", "events: user is not permitted to read events", "links: readable"]
