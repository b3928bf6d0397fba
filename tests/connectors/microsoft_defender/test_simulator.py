"""The simulated tenant answers as the vendor documents it."""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from tests.connectors.plant import plant
from tests.connectors.simulation.test_simulation import get

from isthmus_connectors.microsoft_defender.simulator import DefenderTenant
from isthmus_connectors.simulation import Plant, Server

SCOPE = "https://api.securitycenter.microsoft.com/.default"


def sign_in(url: str, tenant: DefenderTenant, **changes: str) -> tuple[int, dict[str, Any]]:
    form = {"grant_type": "client_credentials", "client_id": "isthmus", "client_secret": "defender", "scope": SCOPE}
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("POST", f"/{tenant.tenant_id}/oauth2/v2.0/token", urlencode({**form, **changes}))
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


def tenant(data: dict[str, Any] | None = None, **options: Any) -> DefenderTenant:
    return DefenderTenant(Plant(data or plant(), "microsoft-defender"), **options)


def ask(path: str, data: dict[str, Any] | None = None, **options: Any) -> tuple[int, dict[str, Any]]:
    simulated = tenant(data, **options)
    with Server(simulated.answer) as server:
        token = sign_in(server.url, simulated)[1]["access_token"]
        status, body, _ = get(server.url, path, {"Authorization": f"Bearer {token}"})
    return status, json.loads(body)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"scope": "user.read"}, "invalid_scope"),
    ],
)
def test_sign_in_refuses_with_the_services_words(changes: dict[str, str], error: str) -> None:
    simulated = tenant()
    with Server(simulated.answer) as server:
        status, body = sign_in(server.url, simulated, **changes)
    assert status in (400, 401)
    assert body["error"] == error


def test_a_token_stops_working_when_it_expires() -> None:
    now = [0.0]
    simulated = tenant(expires_in=60, clock=lambda: now[0])
    with Server(simulated.answer) as server:
        token = {"Authorization": f"Bearer {sign_in(server.url, simulated)[1]['access_token']}"}
        before = get(server.url, "/api/machines", token)[0]
        now[0] = 60
        after, _, headers = get(server.url, "/api/machines", token)
    assert (before, after) == (200, 401)
    assert "invalid_token" in headers["www-authenticate"]


def test_too_many_calls_are_refused_with_a_time_to_wait() -> None:
    now = [0.0]
    simulated = tenant(rate=2, clock=lambda: now[0])
    with Server(simulated.answer) as server:
        token = {"Authorization": f"Bearer {sign_in(server.url, simulated)[1]['access_token']}"}
        answers = [get(server.url, "/api/machines", token) for _ in range(3)]
        now[0] = 61
        later = get(server.url, "/api/machines", token)[0]
    assert [status for status, _, _ in answers] == [200, 200, 429]
    assert answers[2][2]["retry-after"] == "60"
    assert later == 200


def test_machines_have_the_habits_of_the_service() -> None:
    _, body = ask("/api/machines?$filter=computerDnsName eq 'ews-1.ot.example'".replace(" ", "%20"))
    (machine,) = body["value"]
    assert len(machine["id"]) == 40
    assert machine["firstSeen"] == "2025-11-05T11:54:59.5717000Z"
    assert machine["ipAddresses"][0]["macAddress"] == "D89EF3000011"
    assert machine["ipAddresses"][-1]["macAddress"] == "000000000000"


def test_evidence_comes_only_when_it_is_asked_for() -> None:
    assert ask("/api/alerts")[1]["value"][0]["evidence"] == []
    assert len(ask("/api/alerts?$expand=evidence")[1]["value"][0]["evidence"]) == 4


FINDINGS, CHANGES = (
    "/api/machines/SoftwareVulnerabilitiesByMachine",
    "/api/machines/SoftwareVulnerabilityChangesByMachine",
)


def walked(simulated: DefenderTenant, path: str) -> list[str]:
    """Ids of all rows, along the links."""
    met: list[str] = []
    with Server(simulated.answer) as server:
        token = {"Authorization": f"Bearer {sign_in(server.url, simulated)[1]['access_token']}"}
        url = f"{server.url}{path}"
        while url:
            parts = urlsplit(url)
            body = json.loads(get(server.url, f"{parts.path}?{parts.query}", token)[1])
            met += [row["id"] for row in body["value"]]
            url = body.get("@odata.nextLink")
    return met


def five_findings(table: str = "vulnerabilities", **more: Any) -> dict[str, Any]:
    rows = [{"id": f"v{n}", "cveId": "CVE-2020-1", "deviceId": "m", **more} for n in range(5)]
    return plant(vulnerabilities=[], native={"microsoft-defender": {table: rows}})


@pytest.mark.parametrize("size", ["pageSize=2", "pagesize=2", "pageSize=200000"])
def test_the_next_link_leads_through_every_page(size: str) -> None:
    assert walked(tenant(five_findings()), f"{FINDINGS}?{size}") == ["v0", "v1", "v2", "v3", "v4"]


def test_with_top_there_is_no_link_to_the_next_page() -> None:
    assert walked(tenant(five_findings()), f"{FINDINGS}?$top=2") == ["v0", "v1"]


def test_changes_are_those_of_the_look_that_the_time_falls_into_and_of_all_later_ones() -> None:
    data = five_findings("vulnerability_changes", eventTimestamp="2026-05-04 06:00:00.1234567", status="New")
    held = {"today": lambda: datetime(2026, 5, 5, tzinfo=UTC)}
    assert len(walked(tenant(data, **held), f"{CHANGES}?sinceTime=2026-05-04T08:00:00Z")) == 5
    assert walked(tenant(data, **held), f"{CHANGES}?sinceTime=2026-05-04T13:00:00Z") == []


def test_a_fixed_vulnerability_is_no_longer_listed_and_told_as_a_change() -> None:
    data = plant()
    data["vulnerabilities"][1] |= {"state": "resolved", "last_seen": "2026-05-04T05:00:00Z"}
    assert ask(FINDINGS, data)[1]["value"] == []
    today = {"today": lambda: datetime(2026, 5, 5, tzinfo=UTC)}
    (row,) = ask(f"{CHANGES}?sinceTime=2026-05-04T04:00:00Z", data, **today)[1]["value"]
    assert (row["status"], row["eventTimestamp"]) == ("Fixed", "2026-05-04 05:00:00.0000000")


def test_the_exports_have_a_limit_of_their_own() -> None:
    simulated = tenant(export_rate=1, clock=lambda: 0.0)
    with Server(simulated.answer) as server:
        token = {"Authorization": f"Bearer {sign_in(server.url, simulated)[1]['access_token']}"}
        answers = [get(server.url, path, token)[0] for path in (FINDINGS, "/api/machines", FINDINGS, "/api/machines")]
    assert answers == [200, 200, 429, 200]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/alerts?$filter=lastUpdateTime%20ge%202026-05-04T05:22:30.2000000Z", 200),
        ("/api/alerts?$filter=title%20eq%20'x'", 400),
        ("/api/alerts?$filter=lastUpdateTime%20about%20now", 400),
        ("/api/alerts?$top=10001", 400),
        ("/api/alerts?$skip=x", 400),
        ("/api/vulnerabilities?$top=8001", 400),
        (f"{FINDINGS}?pageSize=200001", 400),
        (f"{FINDINGS}?$filter=cveId%20eq%20'x'", 400),
        (f"{FINDINGS}?$skiptoken=x", 400),
        (CHANGES, 400),
        (f"{CHANGES}?sinceTime=yesterday", 400),
        (f"{CHANGES}?sinceTime=2020-01-01T00:00:00Z", 400),
        ("/api/nothing", 404),
    ],
)
def test_filters_limits_and_paths_are_checked(path: str, status: int) -> None:
    assert ask(path)[0] == status


def test_times_compare_whatever_their_number_of_digits() -> None:
    assert len(ask("/api/alerts?$filter=lastUpdateTime%20ge%202026-05-04T05:22:30.2Z")[1]["value"]) == 1
    assert len(ask("/api/alerts?$filter=lastUpdateTime%20gt%202026-05-04T05:22:30.20Z")[1]["value"]) == 0
