"""The simulated cloud answers as the vendor's own client expects it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.crowdstrike_falcon.cloud import cloud, plant

from isthmus_connectors.simulation import Server

falconpy = pytest.importorskip("falconpy", reason="falconpy is not installed")


def client(kind: Any, url: str, secret: str = "falcon-secret") -> Any:
    return kind(client_id="falcon-client", client_secret=secret, base_url=url, ssl_verify=False)


def body(reply: Any, status: int = 200) -> dict[str, Any]:
    assert reply["status_code"] == status, reply
    return dict(reply["body"])


def test_falconpy_reads_hosts_by_scroll_and_their_entities() -> None:
    with Server(cloud().answer) as server:
        hosts = client(falconpy.Hosts, server.url)
        ids: list[str] = []
        offset: str | None = None
        while True:
            page = body(hosts.query_devices_by_filter_scroll(limit=3, **({"offset": offset} if offset else {})))
            ids += page["resources"]
            offset = page["meta"]["pagination"]["offset"]
            if not offset:
                break
        entities = body(hosts.post_device_details_v2(ids=ids))["resources"]
    assert [row["device_id"] for row in entities] == ids
    assert {row["hostname"] for row in entities} == {f"host-{n}" for n in range(7)}


def test_falconpy_reads_hidden_hosts() -> None:
    data = plant()
    data["devices"][0]["seen_by"] = {"crowdstrike-falcon": {"host_hidden_status": "hidden"}}
    with Server(cloud(data).answer) as server:
        page = body(client(falconpy.Hosts, server.url).query_hidden_devices(limit=10))
    assert (page["meta"]["pagination"]["total"], len(page["resources"])) == (1, 1)


def test_falconpy_reads_alerts_both_ways() -> None:
    with Server(cloud().answer) as server:
        alerts = client(falconpy.Alerts, server.url)
        ids = body(alerts.query_alerts_v2(limit=100, sort="updated_timestamp|asc"))["resources"]
        entities = body(alerts.get_alerts_v2(composite_ids=ids))["resources"]
        combined, after = [], None
        while True:
            page = body(alerts.get_alerts_combined(limit=3, sort="updated_timestamp|asc", after=after))
            combined += page["resources"]
            after = page["meta"]["pagination"].get("after")
            if after is None:
                break
    assert entities == combined
    assert len(ids) == 7


def test_falconpy_reads_vulnerabilities_and_must_filter_them() -> None:
    with Server(cloud().answer) as server:
        spotlight = client(falconpy.SpotlightVulnerabilities, server.url)
        page = body(spotlight.query_vulnerabilities_combined(filter="status:'open'+updated_timestamp:>='2026-05-03T00:00:00Z'", limit=2, facet=["cve"]))  # fmt: skip
        assert spotlight.query_vulnerabilities_combined(filter="nonsense")["status_code"] == 400
    assert (page["meta"]["pagination"]["total"], len(page["resources"]), "after" in page["meta"]["pagination"]) == (5, 2, True)  # fmt: skip


def test_another_secret_and_a_missing_scope_are_refused() -> None:
    with Server(cloud(denied=["hosts"]).answer) as server:
        assert client(falconpy.Hosts, server.url).query_hidden_devices()["status_code"] == 403
        wrong = client(falconpy.OAuth2, server.url, secret="wrong").token()
    assert wrong["status_code"] in (401, 403)


def test_requests_above_the_rate_are_refused() -> None:
    with Server(cloud(rate=1, clock=lambda: 1000.0).answer) as server:
        hosts = client(falconpy.Hosts, server.url)
        codes = [hosts.query_hidden_devices()["status_code"] for _ in range(2)]
    assert codes == [200, 429]
