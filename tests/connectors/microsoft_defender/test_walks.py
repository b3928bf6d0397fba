"""The connector against the simulated tenant, through the SDK: complete, resumable, incremental, with tokens that expire."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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


@pytest.mark.parametrize("stream", ["machines", "alerts", "vulnerabilities", "software", "cves"])
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


FINDINGS, CHANGES = (
    "/api/machines/SoftwareVulnerabilitiesByMachine",
    "/api/machines/SoftwareVulnerabilityChangesByMachine",
)


def finding(n: int, **more: Any) -> dict[str, Any]:
    named = {"id": f"m_p_1_CVE-2020-{1000 + n}_", "cveId": f"CVE-2020-{1000 + n}", "deviceId": "m"}
    product = {"softwareVendor": "v", "softwareName": "p", "softwareVersion": "1"}
    times = {"firstSeenTimestamp": "2020-01-01 00:00:00", "lastSeenTimestamp": "2020-02-01 00:00:00"}
    return {**named, **product, **times, **more}


def hours_ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S.%f0")


def states(objects: Objects) -> dict[str, str]:
    """State of each exposure by its CVE, as the newest version of those sent says it."""
    newest: dict[str, dict[str, Any]] = {}
    for edge in edges(objects, "has"):
        if edge["modified"] >= newest.get(edge["id"], edge)["modified"]:
            newest[edge["id"]] = edge
    names = {obj["id"]: obj["name"] for obj in objects if obj["type"] == "vulnerability"}
    return {names[edge["target_ref"]]: stix.facts(edge, stix.EXPOSURE)["state"] for edge in newest.values()}


def test_an_interrupted_walk_along_next_links_goes_on_at_the_saved_link() -> None:
    with Server(tenant(many("vulnerabilities", [finding(n) for n in range(7)]), page_size=3).answer) as api:
        first = run(api, "vulnerabilities", pages=1)
        second = run(api, "vulnerabilities", cursors=first.cursors)
        asked = [request.query for request in api.asked(FINDINGS)]
    assert len(first.of("vulnerability")) == 3
    assert len({obj["name"] for obj in (first.objects + second.objects) if obj["type"] == "vulnerability"}) == 7
    assert len(asked) == 3
    assert all("$top" not in query for query in asked)


def test_the_whole_export_comes_first_and_then_only_what_changed() -> None:
    data = many("vulnerabilities", [finding(n) for n in range(3)])
    changes = data["native"][PRODUCT]["vulnerability_changes"] = []
    with Server(tenant(data).answer) as api:
        first = run(api, "vulnerabilities")
        changes += [
            finding(0, status="Fixed", eventTimestamp=hours_ago(0)),
            finding(1, status="Updated", cvssScore=9.8, eventTimestamp=hours_ago(0)),
            finding(9, status="New", eventTimestamp=hours_ago(0)),
        ]
        second = run(api, "vulnerabilities", cursors=first.cursors)
        third = run(api, "vulnerabilities", cursors=second.cursors)
        asked = [len(api.asked(path)) for path in (FINDINGS, CHANGES)]
    assert (first.error, second.error, third.error) == (None, None, None)
    assert states(first.objects + second.objects) == {
        "CVE-2020-1000": "resolved", "CVE-2020-1001": "open", "CVE-2020-1002": "open", "CVE-2020-1009": "open"
    }  # fmt: skip
    assert third.objects == []
    assert asked == [1, 2]


def test_a_change_that_the_service_found_before_the_whole_export_was_read_is_read_all_the_same() -> None:
    data = many("vulnerabilities", [finding(0)])
    changes = data["native"][PRODUCT]["vulnerability_changes"] = []
    with Server(tenant(data).answer) as api:
        first = run(api, "vulnerabilities")
        changes.append(finding(0, status="Fixed", eventTimestamp=hours_ago(10)))
        second = run(api, "vulnerabilities", cursors=first.cursors)
    assert states(first.objects + second.objects) == {"CVE-2020-1000": "resolved"}


def paused(cursors: dict[str, bytes], days: float) -> dict[str, bytes]:
    """The cursors of a run that ended so many days ago."""
    ((partition, cursor),) = cursors.items()
    state = {**json.loads(cursor), "high": (datetime.now(UTC) - timedelta(days=days)).isoformat()}
    return {partition: json.dumps(state).encode()}


@pytest.mark.parametrize(("days", "asked"), [(13, [0, 1]), (15, [1, 1]), (400, [1, 1])])
def test_after_a_pause_longer_than_changes_are_kept_everything_is_read_anew(days: int, asked: list[int]) -> None:
    data = many("vulnerabilities", [finding(n) for n in range(3)])
    with Server(tenant(data).answer) as api:
        first = run(api, "vulnerabilities")
        before = len(api.asked(FINDINGS))
        ran = run(api, "vulnerabilities", cursors=paused(first.cursors, days))
        assert [len(api.asked(FINDINGS)) - before, len(api.asked(CHANGES))] == asked
    assert (first.error, ran.error, before) == (None, None, 1)


def test_a_fix_in_the_last_days_of_a_long_pause_is_read() -> None:
    data = many("vulnerabilities", [finding(0), finding(1)])
    with Server(tenant(data).answer) as api:
        first = run(api, "vulnerabilities")
        native = data["native"][PRODUCT]
        native["vulnerabilities"] = [finding(1)]
        native["vulnerability_changes"] = [finding(0, status="Fixed", eventTimestamp=hours_ago(24 * 10))]
        second = run(api, "vulnerabilities", cursors=paused(first.cursors, 20))
        third = run(api, "vulnerabilities", cursors=second.cursors)
    assert states(first.objects + second.objects) == {"CVE-2020-1000": "resolved", "CVE-2020-1001": "open"}
    assert third.objects == []
    assert len(api.asked(FINDINGS)) == 2


def test_exports_are_asked_for_no_faster_than_the_service_allows() -> None:
    options = defender.http
    assert isinstance(options, dict)
    whole, exports = options["rate"], options["rates"]["/api/machines/Software"]
    for rate, minute, hour in ((whole, 100, 1500), (exports, 30, 1000)):
        for seconds, most in ((60, minute), (3600, hour)):
            assert rate.burst + seconds * rate.requests / rate.per <= most


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


@pytest.mark.parametrize(
    ("path", "permission"),
    [("/api/alerts", "Alert.Read.All"), (FINDINGS, "Vulnerability.Read.All")],
)
def test_the_check_names_a_missing_permission(path: str, permission: str) -> None:
    with Server(tenant().answer, faults=[Fault("403", path=path)]) as api:
        settings = configure(defender.settings, settings_for(api), {"client_secret": "defender"})
        http = connect(defender, settings)
        assert defender.checker is not None
        findings = defender.checker(Context(settings, connect=lambda: http))
        http.close()
    assert findings[0] == "/api/machines: readable"
    assert [permission in found for found in findings].count(True) == 1
    assert sum(found.endswith("readable") for found in findings) == 3


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
