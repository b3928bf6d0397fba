"""The example package of a third party: built as a wheel, installed in an environment of its own, and used from there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import isthmus_connectors
import isthmus_hub
import isthmus_sdk
from isthmus_sdk.loader import discover

from .acme_vendor import CLIENT, SECRET, AcmeVendor

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "acme_connector"
PATIENCE = 90


@dataclass(frozen=True)
class Environment:
    """Where the wheel is installed."""

    python: Path
    site: Path
    tests: Path

    def run(self, *arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """A Python module of this environment, in ``folder``."""
        return subprocess.run(
            [str(self.python), "-m", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
            check=False,
        )


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Built and installed without network; what this checkout already has is seen through a path file."""
    folder = tmp_path_factory.mktemp("acme")
    source = shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder / "dist")]
    done = subprocess.run(build, cwd=source, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = (folder / "dist").glob("*.whl")

    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    site = folder / "env" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    packages = (isthmus_sdk, isthmus_hub, isthmus_connectors)
    roots = [Path(package.__file__ or "").parents[1] for package in packages]
    roots += [Path(entry) for entry in sys.path if entry.endswith("-packages")]
    (site / "isthmus-of-the-checkout.pth").write_text("".join(f"{root}\n" for root in roots))
    install = ("install", "--no-index", "--no-deps", "--disable-pip-version-check", "--quiet")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), *install, str(wheel)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Environment(python, site, source / "tests")


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


def test_its_own_tests_pass_from_the_wheel(environment: Environment) -> None:
    arguments = ("pytest", "-q", "-p", "no:cacheprovider", str(environment.tests))
    done = environment.run(*arguments, folder=environment.tests.parent)
    assert done.returncode == 0, done.stdout + done.stderr


def test_manifest_and_code_agree(environment: Environment, tmp_path: Path) -> None:
    done = environment.run("isthmus_sdk.cli", "manifest", "acme", "--check", folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_map_by_its_installed_name(environment: Environment, tmp_path: Path) -> None:
    page = environment.tests / "pages" / "alerts.json"
    done = environment.run("isthmus_sdk.cli", "map", "acme", "alerts", str(page), folder=tmp_path)
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
