"""The connector against the simulated org, through the SDK: complete, resumable, incremental, late events included."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.connectors.conftest import Ran, edges, run_stream
from tests.connectors.okta.org import org, plant, settings_for

from isthmus_connectors.okta.connector import okta
from isthmus_connectors.okta.polling import UntilNow
from isthmus_connectors.simulation import Server
from isthmus_sdk.context import Context
from isthmus_sdk.errors import AuthenticationError, RateLimited
from isthmus_sdk.http import Headers, Reply
from isthmus_sdk.settings import configure
from isthmus_sdk.transports import connect


@contextmanager
def serving(data: dict[str, Any] | None = None, **options: Any) -> Iterator[Server]:
    with Server(org(data, **options).answer) as server:
        yield server


def run(to: Server, stream: str, *, token: str = "okta-token", **options: Any) -> Ran:
    return run_stream(okta, stream, settings_for(to), {"token": token}, **options)


@pytest.fixture(autouse=True)
def _no_waits(quick: Callable[..., None]) -> None:
    quick(okta)


def test_users_hold_those_that_the_plain_list_leaves_out() -> None:
    with serving() as server:
        ran = run(server, "users")
    assert ran.error is None
    assert {obj["name"] for obj in ran.of("identity")} == {*(f"Person {n}" for n in range(5)), "Gone Goner"}
    assert server.asked("/api/v1/users")[0].query["sortBy"] == "lastUpdated"


def test_a_second_run_reads_what_changed_and_an_hour_before() -> None:
    data = plant()
    with serving(data) as server:
        first = run(server, "users")
        data["people"][0] = {**data["people"][0], "status": "SUSPENDED", "updated": "2026-05-08T00:00:00Z"}
        second = run(server, "users", cursors=first.cursors)
    assert server.asked("/api/v1/users")[-1].query["search"] == 'lastUpdated ge "2026-05-06T23:00:00.000Z"'
    assert [obj["name"] for obj in second.of("identity") if "status:suspended" in obj["labels"]] == ["Person 0"]


def test_a_walk_of_several_pages_resumes_after_any_of_them() -> None:
    people = [
        {"id": f"q{n}", "name": f"Q {n}", "login": f"q{n}@north.example", "updated": "2026-05-01T00:00:00Z"}
        for n in range(450)
    ]
    with serving(plant(people=people)) as server:
        part = run(server, "users", pages=1)
        rest = run(server, "users", cursors=part.cursors)
    names = {obj["name"] for ran in (part, rest) for obj in ran.of("identity")}
    assert names == {f"Q {n}" for n in range(450)}
    assert part.totals.pages == 1


def test_groups_bring_their_members() -> None:
    with serving() as server:
        ran = run(server, "groups")
        people = {obj["name"]: obj["id"] for obj in run(server, "users").of("identity")}
    groups = {obj["name"]: obj["id"] for obj in ran.of("identity")}
    members = {(each["source_ref"], each["target_ref"]) for each in edges(ran.objects, "related-to")}
    wanted = ("Person 0", "Person 1", "Gone Goner")
    assert members == {(people[name], groups["Operators"]) for name in wanted}
    assert set(groups) == {"Operators", "Empty"}


def test_members_of_everyone_are_not_asked_for() -> None:
    native = {"okta": {"groups": [{"id": "00gall", "type": "BUILT_IN", "profile": {"name": "Everyone"}}]}}
    with serving(plant(groups=[], native=native)) as server:
        ran = run(server, "groups")
    assert [obj["name"] for obj in ran.of("identity")] == ["Everyone"]
    assert not server.asked("/api/v1/groups/")


def test_devices_are_read() -> None:
    with serving() as server:
        assert [obj["name"] for obj in run(server, "devices").of("infrastructure")] == ["LAPTOP-1"]


def test_the_log_ends_although_it_always_links_to_more() -> None:
    with serving() as server:
        ran = run(server, "system_log")
    assert (ran.error, len(ran.of("observed-data"))) == (None, 5)
    assert [request.query.get("until") for request in server.asked("/api/v1/logs")] == [None, None]


def test_an_event_that_is_stored_late_is_read_by_the_next_run() -> None:
    data = plant()
    with serving(data) as server:
        first = run(server, "system_log")
        late = {"id": "late", "type": "user.session.start", "person": "p0", "ip": "198.51.100.99",
                "at": "2026-05-04T04:30:00Z", "stored": "2026-05-04T05:30:00Z"}  # fmt: skip
        data["events"].append(late)
        second = run(server, "system_log", cursors=first.cursors)
        third = run(server, "system_log", cursors={**first.cursors, **second.cursors})
    assert [obj["first_observed"] for obj in second.of("observed-data")] == ["2026-05-04T04:30:00.000Z"]
    assert third.of("observed-data") == []


def test_pages_that_are_older_than_the_ones_before_lose_nothing() -> None:
    events = [
        {"id": f"e{n}", "type": "user.session.start", "person": "p0", "ip": "198.51.100.1",
         "at": f"2026-05-04T{4 + n % 2:02d}:{n % 60:02d}:00Z", "stored": f"2026-05-04T06:{n // 60:02d}:{n % 60:02d}Z"}
        for n in range(2100)
    ]  # fmt: skip
    with serving(plant(events=events)) as server:
        part = run(server, "system_log", pages=1)
        rest = run(server, "system_log", cursors=part.cursors)
    ids = {obj["id"] for ran in (part, rest) for obj in ran.of("observed-data")}
    assert len(ids) == 2100


def reply(times: list[str], date: str = "Mon, 04 May 2026 05:00:00 GMT") -> Reply:
    records = [f'{{"published":"{time}"}}'.encode() for time in times]
    return Reply(
        records, records, Headers({"Date": date, "Link": '</x?after=1>; rel="next"'}), "https://acme.okta.example/x"
    )


@pytest.mark.parametrize(
    ("times", "limit", "ends"),
    [
        ([], 10, True),
        (["2026-05-04T04:59:58.000Z"], 10, True),
        (["2026-05-04T04:59:58.000Z"], 1, False),
        (["2026-05-04T04:00:00.000Z"], 10, False),
        (["yesterday"], 10, False),
    ],
)
def test_a_walk_over_the_log_ends_when_it_has_caught_up(times: list[str], limit: int, ends: bool) -> None:
    assert (UntilNow().after(None, reply(times), limit) is None) is ends


def test_without_a_clock_of_the_vendor_the_link_is_followed() -> None:
    assert UntilNow().after(None, reply(["2026-05-04T04:59:58.000Z"], date="soon"), 10) is not None


def test_a_wrong_token_ends_in_a_clear_error() -> None:
    with serving() as server:
        assert isinstance(run(server, "users", token="wrong").error, AuthenticationError)


def test_the_reset_that_a_429_names_is_kept() -> None:
    with serving(rate=1, clock=lambda: time.time() + 4000) as server:
        run(server, "devices")
        error = run(server, "users").error
    assert isinstance(error, RateLimited)
    assert error.not_before


def test_check_names_the_permission_that_is_missing() -> None:
    with serving(denied=["logs", "groups"]) as server:
        settings = configure(okta.settings, settings_for(server), {"token": "okta-token"})
        http = connect(okta, settings, instance="test")
        try:
            assert okta.checker is not None
            findings = okta.checker(Context(settings, connect=lambda: http))
        finally:
            http.close()
    missing = [each for each in findings if "lacks" in each]
    assert ["View groups" in missing[0], "View system log" in missing[1], len(findings)] == [True, True, 4]
