"""The simulated org answers as the vendor documents it, and as the vendor's own client expects it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.connectors.okta.org import org, plant
from tests.connectors.simulation.test_simulation import get

from isthmus_connectors.simulation import Server

TOKEN = {"Authorization": "SSWS okta-token"}


def ask(path: str, headers: dict[str, str] | None = None, **options: Any) -> tuple[int, Any, dict[str, str]]:
    with Server(org(**options).answer) as server:
        status, body, sent = get(server.url, path, TOKEN if headers is None else headers)
    return status, json.loads(body), sent


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer okta-token"}, {"Authorization": "SSWS wrong"}])
def test_another_token_is_refused_in_the_services_words(headers: dict[str, str]) -> None:
    status, body, _ = ask("/api/v1/users", headers)
    assert (status, body["errorCode"]) == (401, "E0000011")


def test_the_plain_list_of_users_leaves_deprovisioned_ones_out() -> None:
    assert "DEPROVISIONED" not in {row["status"] for row in ask("/api/v1/users")[1]}
    search = "/api/v1/users?search=status%20eq%20%22DEPROVISIONED%22"
    assert [row["profile"]["login"] for row in ask(search)[1]] == ["gone@north.example"]


def test_a_search_that_is_none_is_refused() -> None:
    assert ask("/api/v1/users?search=everyone")[0] == 400


def test_pages_are_linked_and_the_last_one_links_to_none() -> None:
    sent = ask("/api/v1/users?limit=2")[2]
    assert 'rel="self"' in sent["link"]
    assert 'rel="next"' in sent["link"]
    assert 'rel="next"' not in ask("/api/v1/users?limit=200")[2]["link"]
    assert ask("/api/v1/users?limit=201")[0] == 400


def test_a_log_without_an_end_links_to_a_next_page_for_ever() -> None:
    assert 'rel="next"' in ask("/api/v1/logs?since=2026-01-01T00:00:00Z&after=5")[2]["link"]
    bounded = ask("/api/v1/logs?since=2026-01-01T00:00:00Z&until=2027-01-01T00:00:00Z")
    assert (len(bounded[1]), 'rel="next"' in bounded[2]["link"]) == (5, False)


def test_calls_above_the_rate_are_told_when_to_come_back() -> None:
    simulated = org(rate=1, clock=lambda: 1000.0)
    with Server(simulated.answer) as server:
        get(server.url, "/api/v1/groups", TOKEN)
        status, body, sent = get(server.url, "/api/v1/groups", TOKEN)
    assert (status, json.loads(body)["errorCode"]) == (429, "E0000047")
    assert (sent["x-rate-limit-remaining"], sent["x-rate-limit-reset"]) == ("0", "1061")


def test_members_of_a_group_that_is_not_there_are_not_found() -> None:
    assert ask("/api/v1/groups/nobody/users")[0] == 404


def test_the_vendors_own_client_reads_every_list_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKTA_TESTING_TESTINGDISABLEHTTPSCHECK", "true")
    okta = pytest.importorskip("okta.client", reason="the okta package is not installed")

    async def read(url: str) -> dict[str, Any]:
        client = okta.Client({"orgUrl": url, "token": "okta-token"})
        found: dict[str, Any] = {}
        found["users"] = await _all(client.list_users, search='lastUpdated ge "1970-01-01T00:00:00.000Z"', limit=2)
        found["groups"] = await _all(client.list_groups, limit=1)
        found["members"] = await _all(client.list_group_users, found["groups"][0].id, limit=2)
        found["logs"] = await _all(
            client.list_log_events, since="2026-01-01T00:00:00Z", until="2027-01-01T00:00:00Z", limit=2
        )
        return found

    with Server(org(plant()).answer) as server:
        found = asyncio.run(read(server.url))
    assert {user.profile.login for user in found["users"]} == {
        *(f"p{n}@north.example" for n in range(5)),
        "gone@north.example",
    }
    assert [group.profile.actual_instance.name if hasattr(group.profile, "actual_instance") else group.profile.name
            for group in found["groups"]] == ["Operators", "Empty"]  # fmt: skip
    assert len(found["members"]) == 3
    assert [each.event_type for each in found["logs"]] == ["user.session.start"] * 5


async def _all(call: Any, *arguments: Any, **options: Any) -> list[Any]:
    """Every page, by the cursor that the client finds in the ``Link`` header."""
    from okta.pagination import PaginationHelper

    rows: list[Any] = []
    after: str | None = None
    while True:
        page, reply, error = await call(*arguments, **options, **({"after": after} if after else {}))
        assert error is None, error
        rows += page
        after = PaginationHelper.extract_next_cursor(reply.headers)
        if after is None:
            return rows
