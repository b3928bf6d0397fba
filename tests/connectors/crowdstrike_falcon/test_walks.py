"""How the streams read on: three ways of paging, what changes, what is gone."""

from __future__ import annotations

import pytest
from tests.connectors.conftest import run_stream
from tests.connectors.crowdstrike_falcon.cloud import SECRETS, cloud, plant, settings

from isthmus_connectors.crowdstrike_falcon import connector
from isthmus_connectors.crowdstrike_falcon.connector import falcon
from isthmus_connectors.simulation import Fault, Server
from isthmus_sdk import stix
from isthmus_sdk.context import Context
from isthmus_sdk.errors import AuthenticationError, SourceError
from isthmus_sdk.settings import configure
from isthmus_sdk.transports import connect


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch, quick) -> None:
    quick(falcon)
    monkeypatch.setattr(connector, "IDS", 3)


def run(server: Server, stream: str, **options):
    return run_stream(falcon, stream, settings(server.url), SECRETS, **options)


def names(ran) -> set[str]:
    return {obj["name"] for obj in ran.of("infrastructure")}


def test_hosts_are_scrolled_hidden_ones_counted_and_the_inventory_is_complete():
    data = plant()
    data["devices"][5]["seen_by"] = {"crowdstrike-falcon": {"host_hidden_status": "hidden"}}
    with Server(cloud(data).answer) as server:
        ran = run(server, "hosts")
        scrolls = server.asked("/devices/queries/devices-scroll")
    assert ran.error is None
    assert names(ran) == {f"host-{n}" for n in range(7)}
    assert len({request.query.get("offset") for request in scrolls[1:]}) == 1
    assert (ran.totals.complete, len(ran.totals.snapshots)) == (True, 1)
    assert ["hidden" in obj["labels"] for obj in ran.of("infrastructure") if obj["name"] == "host-5"] == [True]


def test_a_host_that_is_deleted_while_the_list_is_read_is_counted_and_not_invented():
    simulated = cloud()
    ids = [simulated.host_id(f"h{n}") for n in range(7)]

    def answer(request):
        reply = simulated.answer(request)
        if request.path == "/devices/entities/devices/v2":
            reply.body["resources"] = [row for row in reply.body["resources"] if row["device_id"] != ids[1]]
        return reply

    with Server(answer) as server:
        ran = run(server, "hosts")
    assert ran.error is None
    assert names(ran) == {f"host-{n}" for n in range(7) if n != 1}
    assert ran.totals.ignored == {"vanished between the list and its details": 1}


def test_a_run_that_was_interrupted_begins_the_scroll_anew():
    with Server(cloud().answer) as server:
        first = run(server, "hosts", pages=1)
        second = run(server, "hosts", cursors=first.cursors)
    assert (second.error, names(second)) == (None, {f"host-{n}" for n in range(7)})


def test_a_pointer_that_has_expired_ends_no_inventory_too_early():
    now = [0.0]
    simulated = cloud(clock=lambda: now[0])

    def answer(request):
        now[0] += 130 if request.path == "/devices/entities/devices/v2" and now[0] < 130 else 0
        return simulated.answer(request)

    with Server(answer) as server:
        ran = run(server, "hosts")
        if ran.error is not None:
            ran = run(server, "hosts", cursors=ran.cursors)
    assert names(ran) == {f"host-{n}" for n in range(7)}


@pytest.mark.parametrize("stream", ["alerts", "vulnerabilities"])
def test_what_changed_comes_once_more_as_a_version_of_the_same(stream):
    data = plant()
    with Server(cloud(data).answer) as server:
        first = run(server, stream)
        again = run(server, stream, cursors=first.cursors)
        if stream == "alerts":
            data["alerts"][2] |= {"status": "closed", "updated": "2026-05-05T00:00:00Z"}
        else:
            data["vulnerabilities"][2] |= {"state": "resolved", "last_seen": "2026-05-08T00:00:00Z"}
        third = run(server, stream, cursors=again.cursors or first.cursors)
    assert (first.error, first.totals.records) == (None, 7)
    kind, state = (stix.ALERT, "status") if stream == "alerts" else (stix.EXPOSURE, "state")
    before = {obj["id"]: known[state] for obj in first.objects if (known := stix.facts(obj, kind)) and state in known}
    after = {obj["id"]: known[state] for obj in third.objects if (known := stix.facts(obj, kind)) and state in known}
    changed = {id: word for id, word in after.items() if before[id] != word}
    assert list(changed.values()) == ["closed" if stream == "alerts" else "resolved"]
    assert not again.objects


def test_alerts_come_page_by_page_with_the_token_of_the_one_before(monkeypatch):
    simulated = cloud()

    def answer(request):
        import dataclasses
        import json

        if request.path.startswith("/alerts"):
            body = {**json.loads(request.body), "limit": 2}
            request = dataclasses.replace(request, body=json.dumps(body).encode())
        return simulated.answer(request)

    with Server(answer) as server:
        ran = run(server, "alerts")
        pages = server.asked("/alerts/combined")
    assert (ran.error, ran.totals.records, len(pages)) == (None, 7, 4)


def test_vulnerabilities_begin_with_those_that_are_open():
    data = plant()
    data["vulnerabilities"][0]["state"] = "resolved"
    with Server(cloud(data).answer) as server:
        first = run(server, "vulnerabilities")
        second = run(server, "vulnerabilities", cursors=first.cursors)
        filters = [request.query["filter"] for request in server.asked("/spotlight")]
    assert first.totals.records == 6
    assert filters[0] == "status:['open','reopen']"
    assert filters[-1].startswith("updated_timestamp:>='2026-05-0")
    assert second.error is None


def test_a_token_that_grew_old_is_fetched_anew():
    now = [0.0]
    simulated = cloud(clock=lambda: now[0], expires_in=300)

    def answer(request):
        reply = simulated.answer(request)
        now[0] += 200 if request.path.startswith("/devices") else 0
        return reply

    with Server(answer) as server:
        run(server, "hosts")
        assert len([r for r, status in server.requests if r.path == "/oauth2/token" and status == 201]) >= 2


@pytest.mark.parametrize("fault", ["429:4:2", "500:3", "503:5"])
def test_what_passes_by_costs_nothing(fault):
    with Server(cloud().answer, faults=[Fault.parse(fault)]) as server:
        ran = run(server, "alerts")
        ran = run(server, "alerts", cursors=ran.cursors) if ran.error else ran
    assert ran.error is None


def test_a_wrong_secret_is_a_clear_error():
    with Server(cloud(secret="another").answer) as server:
        ran = run(server, "hosts")
    assert isinstance(ran.error, AuthenticationError | SourceError)
    assert "falcon-secret" not in str(ran.error)


def test_check_names_the_scope_that_is_missing():
    with Server(cloud(denied=["alerts"]).answer) as server:
        checked = configure(falcon.settings, settings(server.url), SECRETS)
        http = connect(falcon, checked, instance="test")
        try:
            assert falcon.checker is not None
            said = falcon.checker(Context(checked, connect=lambda: http))
        finally:
            http.close()
    assert [line.endswith("readable") for line in said] == [True, False, True]
    assert "'Alerts: Read'" in said[1]
