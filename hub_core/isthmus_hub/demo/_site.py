"""The simulated site as files and processes: plant, logs, vault, configuration, and the vendors' servers."""

from __future__ import annotations

import json
import secrets
import select
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from isthmus_hub.demo._plant import CELL_SUBNET, DEFENDER, NOZOMI, ZEEK, plant
from isthmus_hub.secrets import KeySource, SecretStore, write_key_file
from isthmus_sdk.errors import ConfigurationError, IsthmusError
from isthmus_sdk.loader import Found, find

TENANT, CLIENT = "11111111-2222-3333-4444-555555555555", "isthmus"
SECRETS = ("guardian/password", "defender/client_secret")
"""Names; the values are made up anew each time, what they open is a simulator on this machine."""
START_SECONDS = 20.0
LOG_HOURS = 2
SENSORS = ("zeek-cell-1", "zeek-cell-2", "zeek-office")


@dataclass(frozen=True, slots=True)
class Site:
    """A demonstration's directory."""

    folder: Path
    ports: Mapping[str, int]

    @property
    def config(self) -> Path:
        """The configuration, as an operator would have it."""
        return self.folder / "isthmus.toml"

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.folder / "state"

    def secret_file(self, name: str) -> Path:
        """Where the simulator that a secret opens finds it; the hub has it in its vault."""
        return self.folder / "simulators" / name.replace("/", ".")

    def commands(self) -> dict[str, list[str]]:
        """How to start each product's simulator."""
        return {
            NOZOMI: _simulator(
                NOZOMI,
                "--data",
                str(self.folder / "plant.json"),
                "--port",
                str(self.ports[NOZOMI]),
                "--password-file",
                str(self.secret_file("guardian/password")),
            ),
            DEFENDER: _simulator(
                DEFENDER,
                "--data",
                str(self.folder / "plant.json"),
                "--port",
                str(self.ports[DEFENDER]),
                "--client-secret-file",
                str(self.secret_file("defender/client_secret")),
            ),
        }


def make(folder: Path, seed: int) -> Site:
    """Write everything but the running servers. Raises :class:`ConfigurationError` where the directory is in use."""
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty: name a new directory with --keep")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    site = Site(folder, {NOZOMI: _free_port(), DEFENDER: _free_port()})
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    described = plant(seed, now)
    (folder / "plant.json").write_text(json.dumps(described, indent=1))
    _write_logs(folder, now, seed)
    (folder / "delivered").mkdir()
    key = folder / "vault.key"
    write_key_file(key)
    vault = SecretStore(site.state / "vault", key=KeySource(key_file=key))
    (folder / "simulators").mkdir(mode=0o700)
    for name in SECRETS:
        value = secrets.token_urlsafe(18)
        vault.set(name, value)
        site.secret_file(name).touch(0o600)
        site.secret_file(name).write_text(value)
    site.config.write_text(_configuration(site))
    script = folder / "start-simulators"
    lines = [f"{shlex.join([*command, '--stay'])} >/dev/null &" for command in site.commands().values()]
    script.write_text(
        "#!/bin/sh\n# The vendors' servers of this demonstration, on this machine only. Ctrl-C stops them.\n"
        + "\n".join(lines)
        + "\nwait\n"
    )
    script.chmod(0o700)
    return site


@contextmanager
def serving(site: Site) -> Iterator[None]:
    """Run the simulators while the body runs. Raises :class:`IsthmusError` where one does not start."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for name, command in site.commands().items():
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            running.append(process)
            assert process.stdout is not None
            if not select.select([process.stdout], [], [], START_SECONDS)[0] or not process.stdout.readline():
                process.kill()
                reason = process.stderr.read().decode("utf-8", "replace").strip().splitlines() if process.stderr else []
                raise IsthmusError(
                    f"the simulator of {name} did not start: {reason[-1] if reason else 'no reason given'}"
                )
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def _write_logs(folder: Path, now: datetime, seed: int) -> None:
    """Two hours of every Zeek sensor's logs."""
    begin = (now - timedelta(hours=LOG_HOURS)).isoformat()
    command = _simulator(
        ZEEK,
        "--data",
        str(folder / "plant.json"),
        "--out",
        str(folder / "logs"),
        "--start",
        begin,
        "--hours",
        str(LOG_HOURS),
        "--seed",
        str(seed),
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise IsthmusError(f"the Zeek simulator failed: {done.stderr.strip().splitlines()[-1:] or 'no reason given'}")


def _simulator(connector: str, *arguments: str) -> list[str]:
    """Beside every connector lies its vendor's API, simulated; it is started by name and never imported here."""
    found: Found = find(connector)
    package = found.value.partition(":")[0].rpartition(".")[0]
    return [sys.executable, "-m", f"{package}.simulator", *arguments]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _configuration(site: Site) -> str:
    cells = "".join(
        f"""
[[scope]]                       # both cells use {CELL_SUBNET}.0/24: the sensor tells whose address it is
name = "north/cell-{cell}"
when = {{ zone = "Cell {cell}" }}

[[scope]]
name = "north/cell-{cell}"
when = {{ instance = "zeek-cell-{cell}", subnet = "{CELL_SUBNET}.0/24" }}
"""
        for cell in (1, 2)
    )
    zeeks = "".join(
        f"""
[connector.{sensor}]
use = "zeek"
source_id = "{sensor}"
settings = {{ sensor = "{sensor}" }}
files = {{ conn = "logs/{sensor}/conn*.log*", modbus = "logs/{sensor}/modbus*.log*" }}
"""
        for sensor in SENSORS
    )
    return f"""# A simulated site: office network, DMZ, operations, two production cells that reuse one subnet.
[hub]
name = "north-works"
primary = "soc"

[vault]
key_file = "vault.key"
{cells}
[[scope]]
name = "north/office"
when = {{ subnet = "10.1.0.0/16" }}

[[scope]]
name = "north/dmz"
when = {{ subnet = "10.50.0.0/24" }}

[[scope]]
name = "north/operations"
when = {{ subnet = "10.20.0.0/24" }}

[connector.guardian]
use = "nozomi-guardian"
source_id = "guardian-north"
every = "5m"
tlp = "amber"
settings = {{ base_url = "http://127.0.0.1:{site.ports[NOZOMI]}", username = "hub" }}
secrets = {{ password = "vault:guardian/password" }}

[connector.defender]
use = "microsoft-defender"
source_id = "tenant-north"
every = "5m"
tlp = "green"
settings = {{ tenant_id = "{TENANT}", client_id = "{CLIENT}", base_url = "http://127.0.0.1:{site.ports[DEFENDER]}", login_url = "http://127.0.0.1:{site.ports[DEFENDER]}" }}
secrets = {{ client_secret = "vault:defender/client_secret" }}
{zeeks}
[platform.soc]                  # the primary: Defender is also its own sensor
use = "file"
max_tlp = "amber"
covers_by = "defender"
settings = {{ directory = "delivered/soc" }}

[platform.community]            # a sharing circle: nothing above TLP:GREEN may leave
use = "file"
max_tlp = "green"
settings = {{ directory = "delivered/community" }}
"""
