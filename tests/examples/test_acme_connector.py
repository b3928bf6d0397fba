"""The example package of a third party: built as a wheel, tested with the SDK alone, and used beside a hub."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import isthmus_connectors
import isthmus_hub
import isthmus_sdk
from isthmus_sdk.loader import discover

from .acme_vendor import CLIENT, SECRET, AcmeVendor
from .environments import Environment, build_wheel, make_environment

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "acme_connector"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(EXAMPLE, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The maker's environment: the SDK from its wheel, the connector from its own, no hub."""
    folder = tmp_path_factory.mktemp("alone")
    made = make_environment(folder / "env")
    made.install(build_wheel(ROOT / "sdk", folder))
    made.install(wheel)
    return made


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The operator's environment: the connector beside the hub of this checkout."""
    roots = [Path(package.__file__ or "").parents[1] for package in (isthmus_sdk, isthmus_hub, isthmus_connectors)]
    made = make_environment(tmp_path_factory.mktemp("hub") / "env", roots)
    made.install(wheel)
    return made


@pytest.fixture
def vendor() -> Iterator[AcmeVendor]:
    server = AcmeVendor()
    yield server
    server.close()


def alert(number: int, minute: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"A-{number}",
        "title": f"alert {number}",
        "risk": 60,
        "began": "2026-03-02T05:00:00.000Z",
        "updated": f"2026-03-02T06:{minute:02d}:00.000Z",
        "device": {"uid": f"d-{number}", "hostname": f"ws-{number:02d}", "mac": f"00:14:22:00:00:{number:02x}"},
        **fields,
    }


def test_the_connector_is_found_without_importing_it(environment: Environment) -> None:
    (found,) = discover([environment.site], kinds=["connector"])
    assert (found.name, found.distribution, found.error) == ("acme", "acme-connector", None)
    assert found.manifest is not None
    assert [stream.name for stream in found.manifest.streams] == ["alerts"]
    assert "acme_connector.connector" not in sys.modules or not str(
        sys.modules["acme_connector.connector"].__file__
    ).startswith(str(environment.site))


def test_the_connector_has_fewer_than_sixty_lines() -> None:
    assert len((EXAMPLE / "acme_connector" / "connector.py").read_text().splitlines()) < 60


def test_its_makers_environment_has_the_sdk_alone(alone: Environment, tmp_path: Path) -> None:
    look = "import importlib.util as u, isthmus_sdk; print(isthmus_sdk.__file__, u.find_spec('isthmus_hub'))"
    (tmp_path / "look.py").write_text(look)
    done = alone.run("look", folder=tmp_path)
    assert done.stdout.split() == [str(alone.site / "isthmus_sdk" / "__init__.py"), "None"], done.stderr


@pytest.mark.faults
def test_it_reaches_gold_and_its_own_tests_pass_with_the_sdk_alone(alone: Environment, tmp_path: Path) -> None:
    tests = shutil.copytree(EXAMPLE / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    done = alone.run("pytest", "-q", "-p", "no:cacheprovider", str(tests), folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    badge = alone.run("isthmus_sdk.cli", "test", "acme", "--folder", str(tests), "--badge", folder=tmp_path)
    assert badge.returncode == 0, badge.stdout + badge.stderr


def test_manifest_and_code_agree(alone: Environment, tmp_path: Path) -> None:
    done = alone.run("isthmus_sdk.cli", "manifest", "acme", "--check", folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_map_by_its_installed_name(alone: Environment, tmp_path: Path) -> None:
    page = EXAMPLE / "tests" / "pages" / "alerts.json"
    done = alone.run("isthmus_sdk.cli", "map", "acme", "alerts", str(page), folder=tmp_path)
    assert done.returncode == 4  # one of its records is out of range, on purpose
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    assert {obj["type"] for obj in objects} >= {"incident", "infrastructure", "ipv4-addr", "mac-addr"}
    assert "A-1003 at risk" in done.stderr


def test_a_hub_reads_the_vendor_and_a_second_pass_is_incremental(
    environment: Environment, vendor: AcmeVendor, tmp_path: Path
) -> None:
    vendor.alerts = [alert(number, number) for number in range(5)]
    (tmp_path / "isthmus.toml").write_text(
        f"""
[hub]
name = "test"
primary = "disk"

[connector.acme-north]
use = "acme"
source_id = "acme-tenant-north"
settings = {{ base_url = "{vendor.url}", client_id = "{CLIENT}" }}
secrets = {{ client_secret = "env:ACME_SECRET" }}

[platform.disk]
use = "file"
settings = {{ directory = "delivered" }}
"""
    )

    def sync() -> dict[str, Any]:
        arguments = ("isthmus_hub.cli", "--state-dir", "state", "sync", "--json")
        done = environment.run(*arguments, folder=tmp_path, ACME_SECRET=SECRET)
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    first = sync()
    (run,) = first["runs"]
    assert (run["pages"], run["records"], run["quarantined"], run["error"]) == (3, 5, 0, None)
    (delivery,) = first["deliveries"]
    assert delivery["in"] == delivery["accepted"] > 0

    second = sync()
    assert second["runs"][0]["records"] == 0
    assert second["deliveries"][0]["in"] == 0
    assert vendor.asked[-1]["since"] == ["2026-03-02T05:54:00.000Z"]  # the last change less ten minutes

    vendor.alerts.append(alert(1, 30, title="alert 1, again"))
    third = sync()
    (run,) = third["runs"]
    assert run["records"] - sum(run["ignored"].values()) == 1  # the rest was read before, and is counted as such
    assert 0 < third["deliveries"][0]["accepted"] < delivery["accepted"]
