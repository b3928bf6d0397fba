"""The connector against a tenant, through the SDK: sign-in, pages, the query language, what changes and what goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.connectors.armis.tenant import SECRET, Tenant, alert, device, match, run, running, vulnerability
from tests.connectors.conftest import Objects, edges
from tests.connectors.scripted import Says

from isthmus_connectors.armis.connector import armis
from isthmus_sdk import stix
from isthmus_sdk.context import Context
from isthmus_sdk.errors import AuthenticationError, PermissionDenied
from isthmus_sdk.settings import configure
from isthmus_sdk.transports import connect


@pytest.fixture(autouse=True)
def _quick(quick: Callable[[Any], None]) -> None:
    quick(armis)


def native_ids(objects: Objects) -> list[str]:
    facts = [stix.facts(obj, stix.ASSET) for obj in objects if obj["type"] == "infrastructure"]
    return [known["native_id"] for known in facts if known and known["kind"] == "asset"]


def queries(asked: list[Any]) -> list[str]:
    return [request.query["aql"][0] for request in asked if "aql" in request.query]


def exposures(objects: Objects) -> set[tuple[str, str]]:
    """(state, CVE) of every exposure; references go by what is among the objects."""
    names = {obj["id"]: obj["name"] for obj in objects if obj["type"] == "vulnerability"}
    return {
        (str((stix.facts(edge, stix.EXPOSURE) or {})["state"]), names[edge["target_ref"]])
        for edge in edges(objects, "has")
    }


def test_the_token_travels_without_a_scheme_and_is_fetched_once() -> None:
    tenant = Tenant(devices=[device(number) for number in range(25)])
    with running(tenant) as server:
        run(server, "devices", page_size=10)
    assert tenant.signed_in == 1
    assert {asked.headers.get("Authorization") for asked in server.asked if asked.method == "GET"} == {"token-1"}


@pytest.mark.parametrize(
    "refusal",
    [
        Says(401, {"message": "Invalid access token.", "success": False}),
        Says(400, {"message": "Invalid access token.", "success": False}),
        Says(200, {"message": "Invalid access token.", "success": False}),
        Says(403, b"Invalid access token", kind="text/plain"),
    ],
)
def test_a_token_that_ends_in_the_middle_of_a_walk_is_renewed_however_it_is_said(refusal: Says) -> None:
    tenant = Tenant(devices=[device(number) for number in range(25)], refusal=refusal, lives=2)
    with running(tenant) as server:
        ran = run(server, "devices", page_size=10)
    assert ran.error is None
    assert tenant.signed_in > 1
    assert len(set(native_ids(ran.objects))) == 25


def test_a_device_whose_name_is_that_error_ends_no_session() -> None:
    tenant = Tenant(devices=[device(1, name="Invalid access token")])
    with running(tenant) as server:
        ran = run(server, "devices")
    assert ran.error is None
    assert tenant.signed_in == 1


def test_a_refused_key_is_an_authentication_error_without_the_key() -> None:
    with running(Tenant()) as server:
        ran = run(server, "devices", secret="not-the-key")
    assert isinstance(ran.error, AuthenticationError)
    assert "not-the-key" not in str(ran.error)


def test_two_clients_with_one_key_are_named_as_what_they_are() -> None:
    tenant = Tenant(devices=[device(1)])
    tenant.dead = {f"token-{number}" for number in range(1, 9)}
    tenant.refusal = Says(200, {"message": "Invalid access token.", "success": False})
    with running(tenant) as server:
        ran = run(server, "devices")
    assert isinstance(ran.error, AuthenticationError)
    assert "nobody else signs in with the same key" in str(ran.error)
    assert SECRET not in str(ran.error)


@pytest.mark.parametrize("page_size", [1, 7, 25, 1000])
def test_every_device_is_met_whatever_the_page_size(page_size: int) -> None:
    with running(Tenant(devices=[device(number) for number in range(25)])) as server:
        ran = run(server, "devices", page_size=page_size)
    assert len(set(native_ids(ran.objects))) == 25
    assert ran.totals.complete


def test_a_tenant_that_gives_fewer_rows_than_asked_is_read_to_the_end() -> None:
    with running(Tenant(devices=[device(number) for number in range(25)], most=4)) as server:
        ran = run(server, "devices")
    assert len(set(native_ids(ran.objects))) == 25


def test_a_device_that_talks_while_the_list_is_read_is_not_missed() -> None:
    devices = [device(number) for number in range(30)]
    with running(Tenant(devices=devices)) as server:
        first = run(server, "devices", page_size=10, pages=1)
        devices[2]["lastSeen"] = "2026-05-04T00:00:00+00:00"  # from the last page to the front, past the reader
        second = run(server, "devices", page_size=10, cursors=first.cursors)
    assert len(set(native_ids(first.objects + second.objects))) == 30


def test_a_narrowed_inventory_is_narrowed_in_both_looks_and_has_one_time_frame() -> None:
    with running(Tenant(devices=[device(1)])) as server:
        run(server, "devices", devices='in:devices boundary:"Cell 3" timeFrame:"30 Days"')
    assert queries(server.asked) == [
        'in:devices boundary:"Cell 3" timeFrame:"30 Days"',
        'in:devices boundary:"Cell 3" timeFrame:"2 Hours"',
    ]


def test_an_operator_may_do_without_the_look_for_changes_of_status() -> None:
    with running(Tenant(alerts=[alert(1)])) as server:
        first = run(server, "alerts", status_days=0)
        del server.asked[:]
        run(server, "alerts", cursors=first.cursors, status_days=0)
    assert queries(server.asked) == ["in:alerts after:2026-05-03T09:30:44"]


def test_a_device_that_is_deleted_or_merged_is_missing_from_the_next_complete_run() -> None:
    tenant = Tenant(devices=[device(1), device(2)])
    with running(tenant) as server:
        before = run(server, "devices")
        del tenant.devices[1]
        after = run(server, "devices", cursors=before.cursors)
    assert (before.totals.complete, after.totals.complete) == (True, True)
    (two,), (one,) = before.totals.snapshots, after.totals.snapshots
    assert len(two.seen) == 2 * len(one.seen)


def test_only_alerts_since_the_mark_are_asked_for_with_whole_seconds() -> None:
    tenant = Tenant(alerts=[alert(1)])
    with running(tenant) as server:
        first = run(server, "alerts")
        del server.asked[:]
        run(server, "alerts", cursors=first.cursors)
    asked = queries(server.asked)
    assert asked[0] == "in:alerts after:2026-05-03T09:30:44"
    assert asked[1].startswith('in:alerts statusChangeTime:"')


def test_an_alert_of_the_same_second_as_the_mark_is_found() -> None:
    tenant = Tenant(alerts=[alert(1, "2026-05-03T09:40:44.900000+00:00")])
    with running(tenant) as server:
        first = run(server, "alerts")
        tenant.alerts.append(alert(2, "2026-05-03T09:40:44.100000+00:00"))
        second = run(server, "alerts", cursors=first.cursors)
    assert [obj["name"] for obj in second.of("incident")] == ["alert 2"]


def test_what_did_not_change_is_not_sent_again() -> None:
    with running(Tenant(alerts=[alert(1)])) as server:
        first = run(server, "alerts")
        second = run(server, "alerts", cursors=first.cursors)
    assert first.objects
    assert second.objects == []


def test_an_old_alert_that_is_handled_is_a_newer_version_of_the_same_object() -> None:
    tenant = Tenant(alerts=[alert(1, "2026-03-01T00:00:00+00:00"), alert(2)])
    with running(tenant) as server:
        first = run(server, "alerts")
        tenant.alerts[0] |= {"status": "Resolved", "statusChangeTime": "2026-05-03T12:00:00+00:00"}
        second = run(server, "alerts", cursors=first.cursors)
    before = next(obj for obj in first.of("incident") if obj["name"] == "alert 1")
    (after,) = second.of("incident")
    assert (after["id"], after["created"]) == (before["id"], before["created"])
    assert before["modified"] < after["modified"] == "2026-05-03T12:00:00.000Z"
    assert (stix.facts(after, stix.ALERT) or {})["status"] == "closed"


def test_matches_of_every_vulnerability_are_read_with_it() -> None:
    cves = [f"CVE-2026-{number}" for number in range(10_000, 10_120)]
    tenant = Tenant(
        vulnerabilities=[vulnerability(cve) for cve in cves],
        matches=[match(cve, number) for cve in cves for number in (1, 2)],
    )
    with running(tenant) as server:
        ran = run(server, "vulnerabilities", page_size=100)
    assert ran.error is None
    assert len({edge["id"] for edge in edges(ran.objects, "has")}) == 240
    assert exposures(ran.objects) == {("open", cve) for cve in cves}
    assert all(
        len(asked.query["vulnerability_ids"][0]) < 900 for asked in server.asked if "vulnerability_ids" in asked.query
    )


def test_matches_come_in_pages_of_their_own() -> None:
    tenant = Tenant(
        vulnerabilities=[vulnerability("CVE-2026-10000")],
        matches=[match("CVE-2026-10000", number) for number in range(25)],
        most=4,
    )
    with running(tenant) as server:
        ran = run(server, "vulnerabilities")
    assert len(edges(ran.objects, "has")) == 25
    assert ran.totals.complete


@pytest.mark.parametrize("pages", range(1, 9))
def test_a_walk_that_was_interrupted_between_lists_goes_on_where_it_was(pages: int) -> None:
    cves = [f"CVE-2026-{number}" for number in range(10_000, 10_006)]
    tenant = Tenant(
        vulnerabilities=[vulnerability(cve) for cve in cves],
        matches=[match(cve, number) for cve in cves for number in range(3)],
        most=2,
    )
    with running(tenant) as server:
        first = run(server, "vulnerabilities", pages=pages)
        second = run(server, "vulnerabilities", cursors=first.cursors)
    found = first.objects + second.objects
    assert len({edge["id"] for edge in edges(found, "has")}) == 18
    assert {obj["name"] for obj in found if obj["type"] == "vulnerability"} == set(cves)
    assert second.totals.pages < 12


def test_a_row_counts_for_the_vulnerability_that_it_names_whatever_was_asked_for() -> None:
    tenant = Tenant(
        vulnerabilities=[vulnerability("CVE-2026-10000")],
        matches=[match("CVE-2026-20000", 7, askedAs="CVE-2026-10000")],
    )
    with running(tenant) as server:
        ran = run(server, "vulnerabilities")
    assert exposures(ran.objects) == {("open", "CVE-2026-20000")}


def test_a_match_does_not_replace_what_the_list_says_of_its_vulnerability() -> None:
    tenant = Tenant(
        vulnerabilities=[vulnerability("CVE-2026-10000")],
        matches=[match("CVE-2026-10000", 7, firstDetected="2026-04-03T10:38:59+00:00")],
    )
    with running(tenant) as server:
        ran = run(server, "vulnerabilities")
    versions = sorted(ran.of("vulnerability"), key=lambda obj: str(obj["modified"]))
    assert [obj.get("description") for obj in versions] == [None, "a flaw"]


def test_a_tenant_without_the_licence_for_matches_is_told_so() -> None:
    tenant = Tenant(vulnerabilities=[vulnerability("CVE-2026-10000")], forbidden={"vulnerability-match"})
    with running(tenant) as server:
        ran = run(server, "vulnerabilities")
    assert isinstance(ran.error, PermissionDenied)
    assert ran.of("vulnerability")


def test_the_check_names_the_permission_that_is_missing() -> None:
    tenant = Tenant(forbidden={"in:alerts", "vulnerability-match"})
    with running(tenant) as server:
        settings = configure(armis.settings, {"base_url": server.url}, {"secret_key": SECRET})
        http = connect(armis, settings)
        assert armis.checker is not None
        findings = armis.checker(Context(settings, connect=lambda: http))
        http.close()
    assert findings == [
        "in:devices: readable",
        "in:alerts: the user of the key lacks the permission Alert > Read",
        "in:vulnerabilities: readable",
        "vulnerability-match: the tenant has no licence for vulnerability management (ViPR)",
    ]
