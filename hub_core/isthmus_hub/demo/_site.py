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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from isthmus_hub.demo._configuration import configuration
from isthmus_hub.demo._plant import DEFENDER, NOZOMI, OKTA, SERVICENOW, TENABLE, ZEEK, plant
from isthmus_hub.secrets import KeySource, SecretStore, write_key_file
from isthmus_sdk.errors import ConfigurationError, IsthmusError
from isthmus_sdk.loader import Found, find

TENANT, CLIENT = "11111111-2222-3333-4444-555555555555", "isthmus"
ACCESS_KEY = "tenable-access"
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
        data = ("--data", str(self.folder / "plant.json"))
        return {
            each.connector: _simulator(
                each.connector,
                *data,
                "--port",
                str(self.ports[each.connector]),
                each.option,
                str(self.secret_file(each.secret)),
                *each.more,
            )
            for each in SERVED
        }


@dataclass(frozen=True, slots=True)
class Served:
    """A product whose API is simulated. The secret's value is made up anew each time."""

    connector: str
    secret: str
    """Its name in the vault."""
    option: str
    """How the simulator is told the file that holds it."""
    more: tuple[str, ...] = ()


SERVED = (
    Served(NOZOMI, "guardian/password", "--password-file"),
    Served(DEFENDER, "defender/client_secret", "--client-secret-file"),
    Served(TENABLE, "scanner/secret_key", "--secret-key-file", ("--access-key", ACCESS_KEY, "--looks", "1")),
    Served(SERVICENOW, "cmdb/password", "--password-file"),
    Served(OKTA, "identity/token", "--token-file"),
)


def make(folder: Path, seed: int) -> Site:
    """Write everything but the running servers. Raises :class:`ConfigurationError` where the directory is in use."""
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty: name a new directory with --keep")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    site = Site(folder, dict(zip((each.connector for each in SERVED), _free_ports(len(SERVED)), strict=True)))
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    described = plant(seed, now)
    (folder / "plant.json").write_text(json.dumps(described, indent=1))
    _write_logs(folder, now, seed)
    (folder / "delivered").mkdir()
    key = folder / "vault.key"
    write_key_file(key)
    vault = SecretStore(site.state / "vault", key=KeySource(key_file=key))
    (folder / "simulators").mkdir(mode=0o700)
    vault.set("scanner/access_key", ACCESS_KEY)
    for name in (each.secret for each in SERVED):
        value = secrets.token_urlsafe(18)
        vault.set(name, value)
        site.secret_file(name).touch(0o600)
        site.secret_file(name).write_text(value)
    site.config.write_text(configuration(site.ports, tenant=TENANT, client=CLIENT, sensors=SENSORS))
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


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; held all at once, so that each is another one."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
