"""The simulated service exports as the vendor's own client expects it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.connectors.tenable_vm.container import container, plant

from isthmus_connectors.simulation import Server

TenableIO = pytest.importorskip("tenable.io", reason="pytenable is not installed").TenableIO


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenable.io.exports.iterator.time.sleep", lambda _seconds: None)


def client(url: str, secret: str = "tenable-secret") -> Any:
    return TenableIO("tenable-access", secret, url=url, retries=0)


def test_pytenable_exports_assets_and_findings() -> None:
    with Server(container().answer) as server:
        tenable = client(server.url)
        assets = list(tenable.exports.assets(chunk_size=100))
        findings = list(tenable.exports.vulns(num_assets=50, state=["open", "reopened"]))
    assert {row["hostnames"][0] for row in assets} == {f"host-{n}" for n in range(7)}
    assert {row["plugin"]["cve"][0] for row in findings} == {f"CVE-2026-{1000 + n}" for n in range(7)}


def test_pytenable_is_given_what_was_found_or_fixed_since() -> None:
    data = plant()
    data["vulnerabilities"][6]["state"] = "resolved"
    with Server(container(data).answer) as server:
        tenable = client(server.url)
        since = list(tenable.exports.vulns(since=1778025600, state=["open", "fixed"]))
        plain = list(tenable.exports.vulns())
    assert {(row["state"], row["plugin"]["cve"][0]) for row in since} == {
        ("OPEN", "CVE-2026-1005"),
        ("FIXED", "CVE-2026-1006"),
    }
    assert len(plain) == 6


def test_pytenable_takes_up_an_export_that_is_running() -> None:
    simulated = container()
    with Server(simulated.answer) as server:
        tenable = client(server.url)
        first = tenable.exports.assets(iterator=None)
        second = tenable.exports.assets(iterator=None)
    assert first == second
    assert len(simulated.jobs) == 1


def test_pytenable_cancels_an_export() -> None:
    with Server(container(looks=99).answer) as server:
        tenable = client(server.url)
        job = tenable.exports.assets(iterator=None)
        tenable.exports.cancel("assets", job)
        assert tenable.exports.status("assets", job)["status"] == "CANCELLED"


def test_other_keys_and_a_user_who_may_not_export_are_refused() -> None:
    from tenable.errors import ForbiddenError, UnauthorizedError

    with Server(container(denied=["vulns"]).answer) as server:
        with pytest.raises(ForbiddenError):
            client(server.url).exports.vulns()
        with pytest.raises(UnauthorizedError):
            client(server.url, "wrong").exports.assets()


@pytest.mark.parametrize(("size", "refused"), [(99, True), (100, False), (10_000, False), (10_001, True)])
def test_chunks_have_bounds(size: int, refused: bool) -> None:
    from isthmus_connectors.simulation import Request

    simulated = container()
    asked = Request("POST", "/assets/export", {}, {"x-apikeys": simulated.keys}, b'{"chunk_size": %d}' % size)
    assert (simulated.answer(asked).status == 400) is refused
