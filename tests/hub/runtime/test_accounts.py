"""Which instances share the rate of an account."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from tests.sdk.http.server import Exchange, HostileServer, json_page, status

from isthmus_hub.config import ConnectorConfig
from isthmus_hub.hub import Hub
from isthmus_hub.runtime._accounts import account_folder
from isthmus_hub.runtime._reach import reach_of
from isthmus_sdk.manifest import Manifest

STATE = Path("/state/accounts")
MANIFEST = Manifest(
    kind="connector",
    name="acme",
    version="1.0",
    sdk_api=">=1,<2",
    settings={"base_url": {"type": "string", "default": "https://api.acme.example"}, "page": {"type": "integer"}},
)


def folder(**changed: Any) -> Path | None:
    given = {"use": "acme", "secrets": {"token": "vault:acme/token"}, **changed}
    return account_folder(STATE, ConnectorConfig.model_validate(given), MANIFEST)


def test_instances_of_one_credential_share_an_account() -> None:
    one = folder()
    assert one is not None
    assert one.parent == STATE
    assert folder(settings={"page": 7}) == one
    assert folder(settings={"base_url": "https://api.acme.example/v2"}) == one
    assert folder(secrets={"key": "vault:acme/token"}) == one


def test_another_credential_address_or_connector_is_another_account() -> None:
    different = [
        folder(),
        folder(secrets={"token": "vault:acme/other"}),
        folder(settings={"base_url": "https://eu.acme.example"}),
        folder(settings={"base_url": "https://api.acme.example:8443"}),
        folder(use="acme2"),
        folder(secrets={}),
    ]
    assert len(set(different)) == len(different)


def test_an_operator_says_what_one_account_is() -> None:
    assert folder(account="acme-eu") == folder(account="acme-eu", use="acme2", secrets={})
    assert folder(account="acme-eu") != folder()


def test_an_instance_that_reads_files_has_none() -> None:
    assert folder(files={"assets": ["a.json"]}, secrets={}) is None


def test_a_worker_may_write_to_the_directory_of_its_account_and_no_other(tmp_path: Path) -> None:
    chosen = ConnectorConfig.model_validate({"use": "acme"})
    assert reach_of(chosen, MANIFEST, None, None, {}, "confined", tmp_path).write == (str(tmp_path),)
    assert reach_of(chosen, MANIFEST, None, None, {}, "networked-off", tmp_path).write == ()


CONFIGURATION = """
[hub]
name = "n"
[connector.a]
use = "nozomi-guardian"
rate = 25
settings = {{ base_url = "{url}", username = "hub" }}
secrets = {{ password = "file:password" }}
[connector.b]
use = "nozomi-guardian"
rate = 25
settings = {{ base_url = "{url}", username = "hub", page_size = 10 }}
secrets = {{ password = "file:password" }}
"""


def open_hub(folder: Path, url: str) -> Hub:
    (folder / "password").write_text("s3cret-of-guardian")
    (folder / "isthmus.toml").write_text(CONFIGURATION.format(url=url))
    return Hub.open(folder / "state", folder / "isthmus.toml")


def test_two_instances_at_a_time_keep_the_rate_of_one(tmp_path: Path) -> None:
    at: list[float] = []

    def answer(exchange: Exchange) -> None:
        at.append(time.monotonic())
        json_page({"result": [], "error": None})(exchange)

    with HostileServer() as vendor, open_hub(tmp_path, vendor.url) as hub:
        vendor.on("/api/open/query/do", answer)
        errors: list[Any] = []
        runs = [
            threading.Thread(target=lambda name=name: errors.extend(run.error for run in hub.run_instance(name)))
            for name in ("a", "b")
        ]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
    assert set(errors) == {None}
    assert len(at) == 8
    assert max(at) - min(at) > 0.25  # seven gaps of 40 ms; late ones make it longer, never shorter
    assert len(list((tmp_path / "state" / "accounts").iterdir())) == 1


def test_what_a_vendor_asks_of_one_instance_holds_for_the_other_after_a_restart(tmp_path: Path) -> None:
    with HostileServer() as vendor:
        vendor.on("/api/open/query/do", status(429, headers={"Retry-After": "3000"}))
        with open_hub(tmp_path, vendor.url) as hub:
            assert {run.error.kind for run in hub.run_instance("a") if run.error} == {"RateLimited"}
        asked = len(vendor.requests)
        with open_hub(tmp_path, vendor.url) as hub:
            [error, *_] = [run.error for run in hub.run_instance("b")]
    assert error is not None
    assert "the vendor wants no request for another" in error.message
    assert error.not_before is not None
    assert len(vendor.requests) == asked
