"""The connector against the simulated tenant, through the SDK: complete, resumable, incremental, with tokens that expire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.connectors.conftest import Objects, Ran, edges, run_stream
from tests.connectors.plant import plant

from isthmus_connectors.microsoft_defender.connector import defender
from isthmus_connectors.microsoft_defender.simulator import DefenderTenant
from isthmus_connectors.simulation import Fault, Plant, Server
from isthmus_sdk import stix
from isthmus_sdk.context import Context
from isthmus_sdk.errors import AuthenticationError, RateLimited, UnexpectedReply
from isthmus_sdk.settings import configure
from isthmus_sdk.transports import connect

PRODUCT = "microsoft-defender"


def tenant(data: dict[str, Any] | None = None, **options: Any) -> DefenderTenant:
    return DefenderTenant(Plant(data or plant(), PRODUCT), **options)


def settings_for(to: Server, page_size: int = 1000) -> dict[str, Any]:
    return {
        "tenant_id": "11111111-2222-3333-4444-555555555555",
        "client_id": "isthmus",
        "base_url": to.url,
        "login_url": to.url,
        "page_size": page_size,
    }


def run(to: Server, stream: str, *, page_size: int = 1000, secret: str = "defender", **options: Any) -> Ran:
    return run_stream(defender, stream, settings_for(to, page_size), {"client_secret": secret}, **options)


def machines_of(objects: Objects) -> set[str]:
    facts = [stix.facts(obj, stix.ASSET) for obj in objects if obj["type"] == "infrastructure"]
    return {known["native_id"] for known in facts if known}


def alerts_of(objects: Objects) -> set[str]:
    facts = [stix.facts(obj, stix.ALERT) for obj in objects if obj["type"] in ("incident", "sighting")]
    return {known["native_id"] for known in facts if known}


def many(table: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return plant(devices=[], links=[], alerts=[], vulnerabilities=[], native={PRODUCT: {table: rows}})


def many_machines(number: int) -> dict[str, Any]:
    return many("machines", [{"id": f"{n:040x}", "computerDnsName": f"pc-{n}"} for n in range(number)])


def native_alert(n: int, updated: str = "2026-05-04T05:22:30.2Z", **more: Any) -> dict[str, Any]:
    times = {"alertCreationTime": "2026-05-04T05:22:00.1234567Z", "lastUpdateTime": updated}
    return {"id": f"da{n}", "title": f"Alert {n}", "severity": "Low", "status": "New", **times, **more}


@pytest.mark.parametrize("stream", ["machines", "alerts", "vulnerabilities"])
def test_every_stream_gives_valid_objects(stream: str, valid: Callable[[Objects], None]) -> None:
    with Server(tenant().answer) as api:
        ran = run(api, stream)
    assert ran.error is None
    assert ran.rejected == []
    valid(ran.objects)


def test_a_walk_meets_every_machine_once() -> None:
    with Server(tenant(many_machines(25)).answer) as api:
        ran = run(api, "machines", page_size=10)
    assert len(machines_of(ran.objects)) == 25
    assert (
        ran.totals.records == 25 + 3
    )  # the last machine of a page comes again with the next, to see that nothing moved


def test_a_token_that_expires_in_the_middle_of_a_run_is_renewed_and_nothing_is_lost() -> None:
    simulated = tenant(many_machines(25))
    simulated.calls_per_token = 2
    with Server(simulated.answer) as api:
        ran = run(api, "machines", page_size=5)
        refused = [request for request, status in api.requests if status == 401]
    assert ran.error is None
    assert len(machines_of(ran.objects)) == 25
    assert refused
    assert len(simulated.tokens) > 1


def test_a_token_that_is_dead_on_arrival_ends_the_run() -> None:
    simulated = tenant(many_machines(5), expires_in=0.0)
    with Server(simulated.answer) as api:
        ran = run(api, "machines", page_size=5)
    assert isinstance(ran.error, AuthenticationError)


def test_a_wrong_client_secret_is_an_authentication_error_without_the_secret() -> None:
    with Server(tenant().answer) as api:
        ran = run(api, "machines", secret="not-the-secret")
    assert isinstance(ran.error, AuthenticationError)
    assert "not-the-secret" not in str(ran.error)


def test_an_interrupted_walk_goes_on_after_the_last_stored_page() -> None:
    with Server(tenant(many_machines(25)).answer) as api:
        first = run(api, "machines", page_size=10, pages=1)
        second = run(api, "machines", page_size=10, cursors=first.cursors)
        skips = [request.query["$skip"] for request in api.asked("/api/machines")]
    assert len(machines_of(first.objects) & machines_of(second.objects)) == 1
    assert len(machines_of(first.objects + second.objects)) == 25
    assert skips[:2] == ["0", "9"]


def test_an_interrupted_walk_along_next_links_goes_on_at_the_saved_link() -> None:
    rows = [{"id": f"v{n}", "cveId": f"CVE-2020-{1000 + n}", "machineId": "m", "productName": "p"} for n in range(7)]
    with Server(tenant(many("vulnerabilities", rows), page_size=3).answer) as api:
        first = run(api, "vulnerabilities", pages=1)
        second = run(api, "vulnerabilities", cursors=first.cursors)
    assert len(first.of("vulnerability")) == 3
    assert len({obj["name"] for obj in (first.objects + second.objects) if obj["type"] == "vulnerability"}) == 7


def test_alerts_of_one_and_the_same_time_are_all_met_over_page_borders() -> None:
    with Server(tenant(many("alerts", [native_alert(n) for n in range(25)])).answer) as api:
        first = run(api, "alerts", page_size=10)
        again = run(api, "alerts", page_size=10, cursors=first.cursors)
    assert len(alerts_of(first.objects)) == 25
    assert again.objects == []


def test_an_updated_alert_is_a_newer_version_of_the_same_objects() -> None:
    data = plant()
    with Server(tenant(data).answer) as api:
        opened = run(api, "alerts")
        data["alerts"][1] |= {"status": "closed", "closed": "2026-05-04T06:00:00Z", "updated": "2026-05-04T06:00:00Z"}
        later = run(api, "alerts", cursors=opened.cursors)
        (filtered,) = [r.query["$filter"] for r in api.asked("/api/alerts") if "$filter" in r.query][:1]
    (before,), (after,) = opened.of("incident"), later.of("incident")
    assert before["id"] == after["id"]
    assert before["modified"] < after["modified"]
    assert [stix.facts(obj, stix.ALERT)["status"] for obj in (before, after)] == ["open", "closed"]
    assert filtered == "lastUpdateTime ge 2026-05-04T05:12:30.200Z"


def test_an_update_that_moves_to_the_front_while_the_list_is_read_comes_with_the_next_run() -> None:
    rows = [native_alert(n, alertCreationTime=f"2026-05-04T05:{n:02}:00Z") for n in range(20)]
    data = many("alerts", rows)
    with Server(tenant(data).answer) as api:
        first = run(api, "alerts", page_size=10, pages=1)
        rows[0] |= {"alertCreationTime": "2026-05-04T05:59:00Z", "lastUpdateTime": "2026-05-04T05:23:00Z"}
        second = run(api, "alerts", page_size=10, cursors=first.cursors)
        third = run(api, "alerts", page_size=10, cursors=second.cursors)
    assert len(alerts_of(first.objects + second.objects + third.objects)) == 20


def test_too_many_calls_are_waited_for(quick: Callable[[Any], None]) -> None:
    quick(defender)
    with Server(tenant(many_machines(25)).answer, faults=[Fault("429", nth=2, path="/api/", retry_after="0")]) as api:
        ran = run(api, "machines", page_size=10)
    assert ran.error is None
    assert len(machines_of(ran.objects)) == 25


def test_a_wait_that_is_too_long_ends_the_run_with_the_time_to_come_back(quick: Callable[[Any], None]) -> None:
    quick(defender)
    with Server(tenant().answer, faults=[Fault("429", path="/api/", retry_after="3600")]) as api:
        ran = run(api, "machines")
    assert isinstance(ran.error, RateLimited)
    assert ran.error.not_before is not None
    assert ran.error.not_before > 3000


@pytest.mark.parametrize("kind", ["500", "503", "drop", "truncate"])
def test_a_passing_fault_in_the_middle_loses_nothing(kind: str, quick: Callable[[Any], None]) -> None:
    quick(defender)
    with Server(tenant(many_machines(25)).answer, faults=[Fault(kind, nth=2, path="/api/")]) as api:
        ran = run(api, "machines", page_size=10)
    assert ran.error is None
    assert len(machines_of(ran.objects)) == 25


def test_a_sign_in_page_is_not_an_empty_tenant() -> None:
    with Server(tenant().answer, faults=[Fault("html", path="/api/")]) as api:
        ran = run(api, "machines")
    assert isinstance(ran.error, UnexpectedReply)
    assert ran.blocks == []


def test_the_check_names_a_missing_permission() -> None:
    with Server(tenant().answer, faults=[Fault("403", path="/api/alerts")]) as api:
        settings = configure(defender.settings, settings_for(api), {"client_secret": "defender"})
        http = connect(defender, settings)
        assert defender.checker is not None
        findings = defender.checker(Context(settings, connect=lambda: http))
        http.close()
    assert findings[0] == "/api/machines: readable"
    assert "Alert.Read.All" in findings[1]


def test_a_vulnerability_names_the_machine_of_the_other_stream() -> None:
    with Server(tenant().answer) as api:
        found, known = run(api, "vulnerabilities"), run(api, "machines")
    (exposure,) = edges(found.objects, "has")
    assert exposure["source_ref"] in {obj["id"] for obj in known.of("infrastructure")}


def test_software_is_read_by_links_to_the_next_page() -> None:
    rows = [{"deviceId": "a" * 40, "softwareName": f"product-{n}", "softwareVersion": "1"} for n in range(25)]
    data = plant(native={"microsoft-defender": {"software": rows}})
    held = DefenderTenant(Plant(data, "microsoft-defender"), page_size=10)
    with Server(held.answer) as api:
        ran = run(api, "software")
    assert ran.error is None
    assert {f"product-{n}" for n in range(25)} <= {obj["name"] for obj in ran.of("software")}
    assert all("$top" not in asked.query for asked in api.asked("/api/machines/SoftwareInventoryByMachine"))
