"""How the exports are waited for, taken up, given up, and what each run brings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.connectors.conftest import Ran, run_stream
from tests.connectors.tenable_vm.container import SECRETS, container, plant, settings

from isthmus_connectors.simulation import Server
from isthmus_connectors.tenable_vm import connector
from isthmus_connectors.tenable_vm.connector import tenable_vm
from isthmus_sdk import stix
from isthmus_sdk.context import Context
from isthmus_sdk.errors import AuthenticationError, DeadlineExceeded
from isthmus_sdk.settings import configure
from isthmus_sdk.transports import connect


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, quick: Any) -> None:
    quick(tenable_vm)
    prepared = connector._prepared
    monkeypatch.setattr(
        connector, "_prepared", lambda kind: replace(prepared(kind), pause=0.001, longest_pause=0.001, patience=0.05)
    )


def run(server: Server, stream: str = "assets", **options: Any) -> Ran:
    return run_stream(tenable_vm, stream, settings(server.url), SECRETS, **options)


def names(ran: Ran) -> set[str]:
    return {obj["name"] for obj in ran.of("infrastructure") if "zone" not in obj["labels"]}


ALL = {f"host-{n}" for n in range(7)}


def test_every_chunk_is_read_once_the_export_is_done_and_the_inventory_is_complete() -> None:
    with Server(container().answer) as server:
        ran = run(server)
        chunks = [
            request.path.rpartition("/")[2] for request in server.asked("/assets/export") if "chunks" in request.path
        ]
    assert (ran.error, names(ran), len(ran.totals.snapshots)) == (None, ALL, 1)
    assert chunks == ["1", "2", "3"]


def test_an_export_that_is_not_done_in_time_is_waited_for_by_the_next_run() -> None:
    simulated = container(looks=10**6)
    with Server(simulated.answer) as server:
        first = run(server)
        assert isinstance(first.error, DeadlineExceeded)
        simulated.looks = 1
        second = run(server, cursors=first.cursors)
    assert (second.error, names(second)) == (None, ALL)
    assert len(simulated.jobs) == 1


def test_a_run_that_was_interrupted_goes_on_with_the_same_export() -> None:
    simulated = container()
    with Server(simulated.answer) as server:
        first = run(server, pages=2)
        second = run(server, cursors=first.cursors)
    assert (second.error, names(first) | names(second)) == (None, ALL)
    assert len(simulated.jobs) == 1


def test_an_export_that_somebody_else_started_is_taken_up() -> None:
    simulated = container()
    with Server(simulated.answer) as server:
        simulated._start("assets", b"{}")
        ran = run(server)
    assert (ran.error, names(ran), len(simulated.jobs)) == (None, ALL, 1)


@pytest.mark.parametrize("end", ["expired", "cancelled"])
def test_an_export_that_is_gone_is_started_anew(end: str) -> None:
    now = [0.0]
    simulated = container(clock=lambda: now[0])
    with Server(simulated.answer) as server:
        first = run(server, pages=2)
        if end == "expired":
            now[0] += 90_000
        else:
            next(iter(simulated.jobs.values())).state = "CANCELLED"
        second = run(server, cursors=first.cursors)
    assert (second.error, names(second)) == (None, ALL)
    assert len(simulated.jobs) == 2


def test_a_deleted_and_a_terminated_asset_are_no_longer_there() -> None:
    data = plant()
    data["devices"][1]["seen_by"] = {"tenable-vm": {"deleted_at": "2026-05-05T00:00:00.000Z"}}
    data["devices"][2]["seen_by"] = {"tenable-vm": {"terminated_at": "2026-05-05T00:00:00.000Z"}}
    with Server(container(data).answer) as server:
        ran = run(server)
    assert names(ran) == ALL - {"host-1", "host-2"}
    assert ran.totals.ignored == {"deleted in Tenable": 1, "terminated": 1}
    assert len(ran.totals.snapshots) == 1


def states(ran: Ran) -> dict[str, str]:
    return {
        obj["id"]: known["state"]
        for obj in ran.objects
        if (known := stix.facts(obj, stix.EXPOSURE)) and "state" in known
    }


def test_what_was_fixed_comes_once_more_as_a_version_of_the_same() -> None:
    data = plant()
    data["vulnerabilities"][0] |= {"state": "resolved"}
    with Server(container(data).answer) as server:
        first = run(server, "vulnerabilities")
        again = run(server, "vulnerabilities", cursors=first.cursors)
        data["vulnerabilities"][3] |= {"state": "resolved", "last_seen": "2026-05-08T00:00:00Z"}
        third = run(server, "vulnerabilities", cursors=again.cursors or first.cursors)
        asked = [request.body for request in server.asked("/vulns/export") if request.method == "POST"]
    assert (first.error, len(states(first)), set(states(first).values())) == (None, 6, {"open"})
    assert not again.objects
    assert list(states(third).values()) == ["resolved"]
    assert states(third).keys() <= states(first).keys()
    assert b'"FIXED"' not in asked[0]
    assert b'"FIXED"' in asked[-1]


def test_a_finding_that_comes_late_is_read_although_a_later_one_was() -> None:
    data = plant()
    late = data["vulnerabilities"].pop(5)
    with Server(container(data).answer) as server:
        first = run(server, "vulnerabilities")
        data["vulnerabilities"].append({**late, "last_seen": "2026-05-06T12:00:00Z"})
        second = run(server, "vulnerabilities", cursors=first.cursors)
    assert second.totals.complete
    assert len(states(second)) == 1


def test_informational_findings_may_be_left_out() -> None:
    with Server(container().answer) as server:
        run_stream(tenable_vm, "vulnerabilities", {**settings(server.url), "informational": False}, SECRETS)
        body = server.asked("/vulns/export")[0].body
    assert b'"severity"' in body
    assert b"INFO" not in body


def test_wrong_keys_are_a_clear_error_and_stand_in_none() -> None:
    with Server(container(secret_key="another").answer) as server:
        ran = run(server)
    assert isinstance(ran.error, AuthenticationError)
    assert "tenable-" not in str(ran.error).replace("tenable-vm", "")


def test_check_names_what_may_not_be_exported() -> None:
    with Server(container(denied=["vulns"]).answer) as server:
        checked = configure(tenable_vm.settings, settings(server.url), SECRETS)
        http = connect(tenable_vm, checked, instance="test")
        try:
            assert tenable_vm.checker is not None
            said = tenable_vm.checker(Context(checked, connect=lambda: http))
        finally:
            http.close()
    assert [line.endswith("readable") for line in said] == [True, False]
    assert "may not export" in said[1]
