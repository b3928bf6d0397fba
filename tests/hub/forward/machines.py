"""The three machines of ``examples/configs/three-machines`` on one: its files with other addresses, ports and secrets."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from tests.faults.scene import COMMAND, DEFENDER_SECRET, GUARDIAN_PASSWORD, PATIENCE, plant, until
from tests.hub.bus.nats import binary

from isthmus_connectors.microsoft_defender.simulator import DefenderTenant
from isthmus_connectors.nozomi_guardian.simulator import Guardian
from isthmus_connectors.simulation import Plant, Server
from isthmus_hub.hub import Hub

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "configs" / "three-machines"
COLLECTORS = ("collector-a", "collector-b")
HUBS = (*COLLECTORS, "centre")
PASSWORDS = {"centre": "centre-pass-1", "collector-a": "collector-a-pass-2", "collector-b": "collector-b-pass-3"}
_OUT = '[platform.soc]\nuse = "file"\nmax_tlp = "red"\nsettings = { directory = "out" }\ncovers_by = "defender-corp"\n'


@dataclass
class Machines:
    """Use :func:`machines`."""

    folder: Path
    port: int
    monitor: int
    places: dict[str, str]
    """What in the example's files stands for something else here."""
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    bus: subprocess.Popen[bytes] | None = None

    # -- the bus ---------------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Start the NATS server with the example's own configuration."""
        environ = {
            **os.environ,
            **{f"{name.upper().replace('-', '_')}_PASSWORD": word for name, word in PASSWORDS.items()},
        }
        with (self.folder / "nats.log").open("ab") as log:
            self.bus = subprocess.Popen(
                [binary(), "-c", str(self.folder / "nats-server.conf")], env=environ, stdout=log, stderr=log
            )
        until(self.listens, "the NATS server listens")

    def listens(self) -> bool:
        """Whether the NATS server takes connections."""
        assert self.bus is not None
        assert self.bus.poll() is None, (self.folder / "nats.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def cut(self) -> None:
        """The bus is gone: ``kill -9``."""
        assert self.bus is not None
        self.bus.kill()
        self.bus.wait()

    # -- the hubs --------------------------------------------------------------------------------------------------

    def home(self, hub: str) -> Path:
        """Folder of a hub."""
        return self.folder / hub

    def write(self, hub: str, text: str) -> None:
        """Write a hub's configuration, with what stands for something else here."""
        for before, after in self.places.items():
            text = text.replace(before, after)
        self.home(hub).mkdir(exist_ok=True)
        (self.home(hub) / "isthmus.toml").write_text(text)

    def environ(self, hub: str) -> dict[str, str]:
        """Environment of a hub's commands."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        kept |= {"HOME": str(self.home(hub)), "TMPDIR": str(self.home(hub)), "NATS_PASSWORD": PASSWORDS.get(hub, "")}
        return kept | {"GUARDIAN_PASSWORD": GUARDIAN_PASSWORD, "DEFENDER_SECRET": DEFENDER_SECRET}

    def command(self, hub: str, *words: str) -> list[str]:
        """Command line on a hub."""
        home = self.home(hub)
        return [*COMMAND, *words, "--config", str(home / "isthmus.toml"), "--state-dir", str(home / "state")]

    def run(self, hub: str, *words: str) -> tuple[int, Any, str]:
        """Run a command to its end: code, JSON, standard error."""
        done = subprocess.run(
            self.command(hub, *words, "--json"), capture_output=True, cwd=self.home(hub), env=self.environ(hub), timeout=PATIENCE
        )  # fmt: skip
        text = done.stdout.decode()
        return done.returncode, json.loads(text) if text.strip() else None, done.stderr.decode()

    def daemon(self, hub: str) -> subprocess.Popen[bytes]:
        """Start a hub's daemon."""
        with (self.home(hub) / "daemon.log").open("ab") as log:
            process = subprocess.Popen(
                self.command(hub, "run"), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home(hub), env=self.environ(hub)
            )  # fmt: skip
        self.running.append(process)
        return process

    def log(self, hub: str) -> str:
        """What a hub's daemons wrote."""
        path = self.home(hub) / "daemon.log"
        return path.read_text() if path.exists() else ""

    def open(self, hub: str) -> Hub:
        """A hub whose daemon does not run."""
        return Hub.open(self.home(hub) / "state", self.home(hub) / "isthmus.toml", environ=self.environ(hub))


def example(name: str) -> str:
    """Text of one of the example's files, with the SIEM as a folder."""
    text = (EXAMPLE / name).read_text()
    return re.sub(r"\[platform\.soc\].*?(?=\n\[|\Z)", _OUT, text, flags=re.DOTALL)


def alone(every: str = "1h") -> str:
    """One hub that reads what the three machines read."""
    parts = ['[hub]\nname = "alone"\n']
    for name in HUBS:
        parts += re.findall(r"\[connector\..*?(?=\n\[|\Z)", example(f"{name}.toml"), flags=re.DOTALL)
    return "\n".join([*parts, _OUT])


@contextmanager
def machines(folder: Path) -> Iterator[Machines]:
    """Two plants, a tenant and a NATS server are there while the body runs."""
    folder.mkdir(exist_ok=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    own = authority.issue_cert("localhost", "127.0.0.1")
    own.cert_chain_pems[0].write_to_path(folder / "server.pem")
    own.private_key_pem.write_to_path(folder / "server.key")
    port, monitor = _free_port(), _free_port()
    with ExitStack() as closing:
        urls = {}
        for name, size in (("a", 14), ("b", 20)):
            path = folder / f"plant-{name}.json"
            path.write_text(json.dumps(plant(size, version=size)))
            made = Guardian(Plant(path, "nozomi-guardian"), password=GUARDIAN_PASSWORD)
            urls[name] = closing.enter_context(Server(made.answer)).url
        tenant = DefenderTenant(Plant(folder / "plant-b.json", "microsoft-defender"), client_secret=DEFENDER_SECRET)
        cloud = closing.enter_context(Server(tenant.answer)).url
        places = {
            "tls://centre.example:4222": f"tls://localhost:{port}",
            "http://centre.example:8222": f"http://127.0.0.1:{monitor}",
            "/etc/isthmus/nats-ca.pem": str(folder / "ca.pem"),
            '"https://10.20.0.5", username = "hub"': f'"{urls["a"]}", username = "hub", page_size = 5',
            '"https://10.30.0.5", username = "hub"': f'"{urls["b"]}", username = "hub", page_size = 7',
            '"00000000-0000-0000-0000-000000000000"': '"11111111-2222-3333-4444-555555555555"',
            'client_id = "11111111-1111-1111-1111-111111111111"': f'client_id = "isthmus", base_url = "{cloud}", login_url = "{cloud}"',
            "credential:nats-password": "env:NATS_PASSWORD",
            "credential:guardian-password": "env:GUARDIAN_PASSWORD",
            "credential:defender-secret": "env:DEFENDER_SECRET",
        }
        made = Machines(folder, port, monitor, places)
        server = (EXAMPLE / "nats-server.conf").read_text()
        for before, after in {
            "0.0.0.0:4222": f"127.0.0.1:{port}",
            "0.0.0.0:8222": f"127.0.0.1:{monitor}",
            "/var/lib/nats": str(folder / "nats"),
            "/etc/nats/server.pem": str(folder / "server.pem"),
            "/etc/nats/server.key": str(folder / "server.key"),
            "200GB": "200MB",
        }.items():
            assert before in server
            server = server.replace(before, after)
        (folder / "nats-server.conf").write_text(server)
        for name in HUBS:
            made.write(name, example(f"{name}.toml"))
        made.write("alone", alone())
        made.serve()
        try:
            yield made
        finally:
            for process in (*made.running, *([made.bus] if made.bus else [])):
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


__all__ = ["COLLECTORS", "EXAMPLE", "HUBS", "Machines", "alone", "example", "machines"]
