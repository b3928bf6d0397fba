"""Which instances share the rate of an account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isthmus_hub.config import ConnectorConfig
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
