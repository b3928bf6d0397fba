"""The connector against the simulated appliance, through the SDK: complete, resumable, incremental."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.connectors.conftest import Objects, Ran, edges, run_stream
from tests.connectors.plant import plant

from isthmus_connectors.nozomi_guardian.connector import nozomi
from isthmus_connectors.nozomi_guardian.simulator import Guardian
from isthmus_connectors.simulation import Fault, Plant, Reply, Request, Server
from isthmus_sdk import stix
from isthmus_sdk.errors import AuthenticationError, UnexpectedReply

PRODUCT = "nozomi-guardian"
Answer = Callable[[Request], Reply]


def server(data: dict[str, Any] | None = None, *faults: Fault, max_rows: int = 1000) -> Server:
    return Server(Guardian(Plant(data or plant(), PRODUCT), max_rows=max_rows).answer, faults=faults)


def run(to: Server, stream: str, *, page_size: int = 1000, password: str = "guardian", **options: Any) -> Ran:
    settings = {"base_url": to.url, "username": "hub", "page_size": page_size}
    return run_stream(nozomi, stream, settings, {"password": password}, **options)


def assets_of(objects: Objects) -> dict[str, dict[str, Any]]:
    """Asset facts by native id."""
    facts = [stix.facts(obj, stix.ASSET) for obj in objects if obj["type"] == "infrastructure"]
    return {known["native_id"]: known for known in facts if known and known["kind"] == "asset"}


def many_assets(number: int) -> dict[str, Any]:
    return plant(
        devices=[], native={PRODUCT: {"assets": [{"id": f"a-{n:04}", "name": f"dev-{n}"} for n in range(number)]}}
    )


@pytest.mark.parametrize("stream", ["assets", "nodes", "alerts", "links", "sessions", "node_cves"])
def test_every_stream_gives_valid_objects(stream: str, valid: Callable[[Objects], None]) -> None:
    with server() as appliance:
        ran = run(appliance, stream)
    assert ran.error is None
    assert ran.rejected == []
    valid(ran.objects)


def test_a_walk_meets_every_row_once_whatever_the_page_size() -> None:
    with server(many_assets(25)) as appliance:
        ran = run(appliance, "assets", page_size=10)
    assert sorted(assets_of(ran.objects)) == [f"a-{n:04}" for n in range(25)]
    assert ran.totals.records == 25
    assert ran.totals.complete


def test_an_appliance_that_caps_the_page_below_what_was_asked_is_read_to_the_end() -> None:
    with server(many_assets(25), max_rows=7) as appliance:
        ran = run(appliance, "assets", page_size=1000)
    assert len(assets_of(ran.objects)) == 25


def test_an_interrupted_walk_goes_on_after_the_last_stored_page() -> None:
    with server(many_assets(25)) as appliance:
        first = run(appliance, "assets", page_size=10, pages=1)
        asked = len(appliance.requests)
        second = run(appliance, "assets", page_size=10, cursors=first.cursors)
        queries = [request.query["query"] for request, _ in appliance.requests[asked:]]
    assert set(assets_of(first.objects)).isdisjoint(assets_of(second.objects))
    assert len(assets_of(first.objects + second.objects)) == 25
    assert "where id > a-0009" in queries[0]


def test_rows_that_come_while_the_walk_runs_shift_nothing() -> None:
    data = many_assets(20)
    with server(data) as appliance:
        first = run(appliance, "assets", page_size=10, pages=1)
        data["native"][PRODUCT]["assets"].insert(0, {"id": "a-0000-new", "name": "newcomer"})
        second = run(appliance, "assets", page_size=10, cursors=first.cursors)
    assert len(assets_of(first.objects + second.objects)) == 20


def test_an_id_that_cannot_be_written_into_a_query_ends_the_walk_with_a_clear_error() -> None:
    data = plant(
        devices=[], native={PRODUCT: {"assets": [{"id": 'x" | head 0', "name": "x"}, {"id": "a", "name": "a"}]}}
    )
    with server(data) as appliance:
        ran = run(appliance, "assets", page_size=2)
    assert isinstance(ran.error, UnexpectedReply)
    assert "cannot be written in a query" in str(ran.error)


def closed(data: dict[str, Any]) -> None:
    data["alerts"][0] |= {"status": "closed", "closed": "2026-05-04T06:10:00Z"}


def test_a_closed_alert_is_a_newer_version_of_the_same_objects() -> None:
    data = plant()
    with server(data) as appliance:
        opened = run(appliance, "alerts")
        closed(data)
        later = run(appliance, "alerts", cursors=opened.cursors)
    (before,), (after,) = opened.of("incident"), later.of("incident")
    assert before["id"] == after["id"]
    assert before["created"] == after["created"]
    assert before["modified"] < after["modified"] == "2026-05-04T06:10:00.000Z"
    statuses = [stix.facts(obj, stix.ALERT)["status"] for obj in (before, after)]
    assert statuses == ["open", "closed"]


def test_a_closing_days_after_the_mark_has_passed_the_alert_is_found() -> None:
    data = plant()
    data["alerts"].append({**data["alerts"][0], "id": "newer", "created": "2026-05-07T00:00:00Z"})
    with server(data) as appliance:
        first = run(appliance, "alerts")
        data["alerts"][0] |= {"status": "closed", "closed": "2026-05-07T01:00:00Z"}
        second = run(appliance, "alerts", cursors=first.cursors)
    (incident,) = second.of("incident")
    assert stix.facts(incident, stix.ALERT)["status"] == "closed"


def test_what_did_not_change_is_not_sent_again() -> None:
    with server() as appliance:
        first = run(appliance, "alerts")
        again = run(appliance, "alerts", cursors=first.cursors)
    assert first.objects
    assert again.objects == []
    assert again.totals.ignored == {"already read": 1}


def test_an_alert_that_the_appliance_indexed_late_is_found_by_the_look_back() -> None:
    data = plant()
    with server(data) as appliance:
        first = run(appliance, "alerts")
        late = {**data["alerts"][0], "id": "late", "created": "2026-05-04T00:30:00Z"}
        data["alerts"].append(late)
        second = run(appliance, "alerts", cursors=first.cursors)
    assert len(second.of("incident")) == 1


def same_time_links(number: int) -> dict[str, Any]:
    times = {"first_seen": "2026-01-01T00:00:00.001Z", "last_seen": "2026-05-04T05:59:00Z"}
    ends = [{"ip": f"10.9.0.{n + 1}", "zone": "Cell 1"} for n in range(number + 1)]
    return plant(links=[{"id": f"l{n}", "source": ends[n], "target": ends[n + 1], **times} for n in range(number)])


@pytest.mark.parametrize("page_size", [1, 4, 10, 25, 100])
def test_links_of_one_and_the_same_time_are_all_met_over_page_borders(
    page_size: int, quick: Callable[[Any], None]
) -> None:
    quick(nozomi)
    with server(same_time_links(25)) as appliance:
        ran = run(appliance, "links", page_size=page_size)
    assert ran.error is None
    assert len({edge["id"] for edge in edges(ran.objects, "communicates-with")}) == 25


def test_an_interrupted_walk_over_links_of_one_time_goes_on_where_it_was() -> None:
    with server(same_time_links(25)) as appliance:
        first = run(appliance, "links", page_size=10, pages=2)
        second = run(appliance, "links", page_size=10, cursors=first.cursors)
    assert len({edge["id"] for edge in edges(first.objects + second.objects, "communicates-with")}) == 25
    assert second.totals.records < 25


def test_only_links_active_since_are_asked_for_again() -> None:
    data = plant()
    with server(data) as appliance:
        first = run(appliance, "links")
        data["links"][0]["last_seen"] = "2026-05-04T07:00:00Z"
        second = run(appliance, "links", cursors=first.cursors)
        since = [
            request.query["query"]
            for request, _ in appliance.requests
            if "last_activity_time" in request.query["query"]
        ]
    assert since
    (edge,) = edges(second.objects, "communicates-with")
    assert stix.facts(edge, stix.COMMUNICATION)["last_seen"] == "2026-05-04T07:00:00.000Z"


def test_two_cells_with_the_same_addresses_stay_two() -> None:
    def scope(_site: str | None, zone: str | None, *_rest: Any) -> str:
        return zone or "default"

    with server() as appliance:
        ran = run(appliance, "links", scope=scope)
    plcs = [
        known
        for obj in ran.of("infrastructure")
        if (known := stix.facts(obj, stix.ASSET)) and known["kind"] == "endpoint" and obj["name"] == "192.168.10.20"
    ]
    assert len({known["native_id"] for known in plcs}) == 2
    assert {known["interfaces"][0]["scope"] for known in plcs} == {"Cell 1", "Cell 2"}


def test_a_refused_password_is_an_authentication_error_without_the_password() -> None:
    with server() as appliance:
        ran = run(appliance, "assets", password="not-the-password")
    assert isinstance(ran.error, AuthenticationError)
    assert "not-the-password" not in str(ran.error)


def test_an_error_inside_a_reply_with_status_200_ends_the_run_with_the_vendors_words() -> None:
    data = plant(alerts=[], native={PRODUCT: {"alerts": [{"id": "1", "time": 1777872600123}]}})
    with server(data) as appliance:
        first = run(appliance, "alerts")
        second = run(appliance, "alerts", cursors=first.cursors)
    assert first.error is None
    assert isinstance(second.error, UnexpectedReply)
    assert "Unknown field" in str(second.error)


@pytest.mark.parametrize("kind", ["500", "503", "429", "drop", "truncate"])
def test_a_passing_fault_in_the_middle_loses_nothing(kind: str, quick: Callable[[Any], None]) -> None:
    quick(nozomi)
    with server(many_assets(25), Fault(kind, nth=2, retry_after="0")) as appliance:
        ran = run(appliance, "assets", page_size=10)
    assert ran.error is None
    assert len(assets_of(ran.objects)) == 25


def test_a_sign_in_page_is_not_an_empty_appliance() -> None:
    with server(None, Fault("html")) as appliance:
        ran = run(appliance, "assets")
    assert isinstance(ran.error, UnexpectedReply)
    assert ran.blocks == []


SOURCES = ("assets", "nodes", "alerts", "links", "sessions", "node_cves")


def checked(
    data: dict[str, Any] | None, answer: Callable[[Request, Answer], Reply] = lambda asked, rest: rest(asked)
) -> list[str]:
    """What the check finds where ``answer`` may come before the appliance's own."""
    from isthmus_sdk.context import Context
    from isthmus_sdk.settings import configure
    from isthmus_sdk.transports import connect

    own = Guardian(Plant(data or plant(), PRODUCT)).answer
    with Server(lambda request: answer(request, own)) as appliance:
        settings = configure(nozomi.settings, {"base_url": appliance.url, "username": "hub"}, {"password": "guardian"})
        http = connect(nozomi, settings)
        assert nozomi.checker is not None
        findings = nozomi.checker(Context(settings, connect=lambda: http))
        http.close()
    return list(findings)


def test_the_check_names_what_the_account_may_read() -> None:
    assert checked(plant(vulnerabilities=[])) == [f"{source}: readable" for source in SOURCES]


@pytest.mark.parametrize("refused", SOURCES)
@pytest.mark.parametrize(
    "reply", [Reply(403, {"error": "Forbidden"}), Reply(200, {"result": [], "error": "not authorized"})]
)
def test_the_check_names_the_permission_that_the_account_lacks(refused: str, reply: Reply) -> None:
    def answer(request: Request, rest: Answer) -> Reply:
        return reply if request.query["query"].startswith(f"{refused} ") else rest(request)

    findings = dict(each.split(": ", 1) for each in checked(None, answer))
    assert {source for source in SOURCES if findings[source] == "readable"} == set(SOURCES) - {refused}
    assert "read permission on" in findings[refused]
    assert "group of hub" in findings[refused]


def test_nodes_are_the_addresses_of_the_assets_with_their_macs() -> None:
    with server() as appliance:
        nodes, assets = run(appliance, "nodes", page_size=1), run(appliance, "assets")
    assert nodes.totals.complete

    def addresses(objects: Objects) -> set[str]:
        facts = [stix.facts(obj, stix.ASSET) for obj in objects if obj["type"] == "infrastructure"]
        cards = [card for known in facts if known for card in known.get("interfaces", ())]
        return {ip for card in cards for ip in card.get("ips", ())}

    assert addresses(nodes.objects) == addresses(assets.objects) != set()
    assert assets_of(nodes.objects) == {}
