"""The systemd unit: hardened, and in agreement with the program it starts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from isthmus_hub.secrets import KeySource

UNIT = Path(__file__).resolve().parents[2] / "packaging" / "isthmus.service"


@pytest.fixture(scope="module")
def unit():
    """Directives of the unit; the last of several with one name wins, except lists."""
    out = {}
    for line in UNIT.read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            out.setdefault(key, []).append(value)
    return out


@pytest.mark.parametrize(
    ("directive", "value"),
    [
        ("Type", "notify"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("CapabilityBoundingSet", ""),
        ("StateDirectory", "isthmus"),
        ("StateDirectoryMode", "0700"),
        ("UMask", "0077"),
        ("LimitCORE", "0"),
        ("MemoryDenyWriteExecute", "yes"),
    ],
)
def test_the_service_is_confined(unit, directive, value):
    assert unit[directive] == [value]


def test_the_vaults_key_is_a_credential_of_the_name_the_hub_looks_for(unit):
    (credential,) = unit["LoadCredential"]
    assert credential.partition(":")[0] == KeySource().credential


def test_what_only_a_person_can_mend_is_not_restarted(unit):
    from isthmus_sdk.errors import AuthenticationError, ConfigurationError

    assert unit["RestartPreventExitStatus"] == [f"{ConfigurationError.exit_code} {AuthenticationError.exit_code}"]


def test_no_secret_and_no_environment_file_is_in_the_unit(unit):
    assert not {"Environment", "EnvironmentFile", "PassEnvironment"} & set(unit)


def test_systemd_accepts_the_unit(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed here")
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/isthmus/bin/isthmus", "/bin/true"))
    done = subprocess.run([analyze, "verify", str(copy)], capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert ours == []
