"""Walks over a simulated tenant: fields, paging by the body, what is new, what the check says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.connectors.conftest import Ran, run_stream
from tests.connectors.plant import plant

from isthmus_connectors.claroty_xdome.connector import xdome
from isthmus_connectors.claroty_xdome.simulator import Tenant
from isthmus_connectors.simulation import Fault, Plant, Server
from isthmus_sdk import stix
from isthmus_sdk.context import Context
from isthmus_sdk.errors import AuthenticationError
from isthmus_sdk.settings import configure
from isthmus_sdk.transports import connect


@pytest.fixture(autouse=True)
def _quick(quick: Callable[[Any], None]) -> None:
    quick(xdome)


def holding(**native: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": "north", "native": {"claroty-xdome": native}}


def tenant(data: dict[str, Any]) -> Tenant:
    return Tenant(Plant(data, "claroty-xdome"))


def run(
    server: Server, stream: str, *, token: str = "xdome", pages: int | None = None, cursors: Any = None, **settings: Any
) -> Ran:
    return run_stream(
        xdome, stream, {"base_url": server.url, **settings}, {"api_token": token}, pages=pages, cursors=cursors
    )


def device(number: int, **changes: Any) -> dict[str, Any]:
    return {"uid": f"uid-{number:04}", "device_name": f"device {number}", "retired": False, **changes}


def alert(number: int, updated: str = "2026-05-03T09:40:44.500000Z", **changes: Any) -> dict[str, Any]:
    return {
        "id": number, "alert_name": f"alert {number}", "status": "Unresolved",
        "detected_time": "2026-05-03T09:00:00.000000Z", "updated_time": updated, **changes,
    }  # fmt: skip


def native_ids(ran: Ran) -> set[str]:
    found = (stix.facts(obj, stix.ASSET) for obj in ran.of("infrastructure"))
    return {facts["native_id"] for facts in found if facts and facts["kind"] == "asset"}


@pytest.mark.parametrize("page_size", [10, 13, 25, 1000])
def test_every_device_is_met_whatever_the_page_size(page_size: int) -> None:
    with Server(tenant(holding(devices=[device(n) for n in range(25)])).answer) as server:
        ran = run(server, "devices", page_size=page_size)
    assert ran.error is None
    assert len(native_ids(ran)) == 25
    assert ran.totals.complete


def test_a_device_that_vanishes_while_the_list_is_read_hides_no_other() -> None:
    rows = [device(n) for n in range(30)]
    held = tenant(holding(devices=rows))
    with Server(held.answer) as server:
        first = run(server, "devices", page_size=10, pages=1)
        del rows[:2]
        held.plant = Plant(holding(devices=rows), "claroty-xdome")
        second = run(server, "devices", page_size=10, cursors=first.cursors)
    assert {f"uid-{n:04}" for n in range(2, 30)} <= native_ids(first) | native_ids(second)


def test_a_device_that_is_retired_is_missing_from_the_next_complete_run() -> None:
    rows = [device(1), device(2)]
    held = tenant(holding(devices=rows))
    with Server(held.answer) as server:
        before = run(server, "devices")
        rows[1]["retired"] = True
        after = run(server, "devices", cursors=before.cursors)
    assert (before.totals.complete, after.totals.complete) == (True, True)
    assert len(before.totals.snapshots[0].seen) > len(after.totals.snapshots[0].seen)


def test_an_alert_that_is_resolved_while_pages_are_read_costs_no_other() -> None:
    rows = [alert(n) for n in range(30)]
    held = tenant(holding(alerts=rows))
    with Server(held.answer) as server:
        first = run(server, "alerts", page_size=10, pages=1)
        rows[3] |= {"status": "Resolved", "updated_time": "2026-05-03T12:00:00.000000Z"}
        second = run(server, "alerts", page_size=10, cursors=first.cursors)
        third = run(server, "alerts", page_size=10, cursors=second.cursors)
    found = [*first.of("incident"), *second.of("incident"), *third.of("incident")]
    assert {obj["name"] for obj in found} == {f"alert {n}" for n in range(30)}


def test_a_change_of_an_alert_is_a_newer_version_of_the_same_object() -> None:
    rows = [alert(1)]
    with Server(tenant(holding(alerts=rows)).answer) as server:
        first = run(server, "alerts")
        rows[0] |= {"status": "Resolved", "updated_time": "2026-05-03T12:00:00.000000Z"}
        second = run(server, "alerts", cursors=first.cursors)
        third = run(server, "alerts", cursors=second.cursors)
    (before,), (after,) = first.of("incident"), second.of("incident")
    assert before["id"] == after["id"]
    assert before["modified"] < after["modified"] == "2026-05-03T12:00:00.000Z"
    assert third.of("incident") == []


def test_two_alerts_on_one_device_are_two_relations() -> None:
    rows = [
        {"alert_id": n, "device_uid": "uid-0001", "device_alert_updated_time": "2026-05-03T09:40:44.500000Z"}
        for n in (1, 2)
    ]
    with Server(tenant(holding(alert_devices=rows)).answer) as server:
        ran = run(server, "alert_devices")
    assert len({edge["id"] for edge in ran.of("relationship")}) == 2


def test_an_operator_may_choose_the_fields_of_a_device() -> None:
    with Server(tenant(holding(devices=[device(1, criticality="High")])).answer) as server:
        ran = run(server, "devices", device_fields="device_name, criticality")
    (made,) = (facts for obj in ran.of("infrastructure") if (facts := stix.facts(obj, stix.ASSET)))
    assert (made["native_id"], made["criticality"]) == ("uid-0001", 70)


def test_a_refused_token_is_an_authentication_error_without_the_token() -> None:
    with Server(tenant(holding()).answer) as server:
        ran = run(server, "devices", token="not-the-token")
    assert isinstance(ran.error, AuthenticationError)
    assert "not-the-token" not in str(ran.error)


def test_the_check_names_what_the_token_may_not_read() -> None:
    with Server(tenant(plant()).answer, faults=[Fault("403", path="/api/v1/alerts/")]) as server:
        settings = configure(xdome.settings, {"base_url": server.url}, {"api_token": "xdome"})
        http = connect(xdome, settings)
        assert xdome.checker is not None
        findings = list(xdome.checker(Context(settings, connect=lambda: http)))
        http.close()
    assert findings[:2] == [
        "devices/: readable",
        "alerts/: the API user lacks the role Read-Only User, or has no site permissions",
    ]
    assert all(finding.endswith("readable") for finding in findings[2:])


def test_a_plant_is_read_through_every_stream() -> None:
    data = plant()
    for kind in ("devices", "alerts", "vulnerabilities"):
        for record in data[kind]:
            record.pop("seen_by", None)
    with Server(tenant(data).answer) as server:
        found = {stream: run(server, stream) for stream in xdome.streams}
    assert {stream: ran.error for stream, ran in found.items()} == dict.fromkeys(xdome.streams)
    assert all(not ran.rejected for ran in found.values())
    assert len(native_ids(found["devices"])) == 4
    assert len({obj["id"] for obj in found["vulnerabilities"].of("vulnerability")}) == 2
