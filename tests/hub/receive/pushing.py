"""A vendor that pushes: a connector made as a partner would, a hub with receivers, and senders on loopback."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.hub.runtime.wheels import hash_of, wheel

from isthmus_hub.hub import Hub
from isthmus_hub.runtime.environments import AddedConnectors

SECRET, NEXT_SECRET = "hook-secret-4711", "hook-secret-4712"
PATIENCE = 60.0
MANIFEST = """
[connector]
name = "pushed"
title = "Pushed"
version = "1.0.0"
sdk_api = ">=1,<2"
[[capability]]
function = "identify"
data_components = ["Asset Inventory"]
asset_classes = ["plc"]
[settings.base_url]
type = "string"
required = true
[[stream]]
name = "alerts"
default = true
push = { kind = "webhook", signature = { scheme = "hmac", header = "X-Pushed-Signature", prefix = "sha256=" }, delivery = "X-Pushed-Delivery", items = "" }
[[stream]]
name = "events"
push = { kind = "syslog" }
[[stream]]
name = "traffic"
push = { kind = "syslog", payload = "cef" }
[[stream]]
name = "polled"
"""
CODE = """
from pydantic import BaseModel
from isthmus_sdk import Connector, Settings, Url
from isthmus_sdk.push import Hmac, Syslog, Webhook
class S(Settings):
    base_url: Url
class Row(BaseModel):
    id: str
class Event(BaseModel):
    message: str
class Traffic(BaseModel):
    device_vendor: str
    extension: dict[str, str]
pushed = Connector(__package__, settings=S)
@pushed.stream("alerts", model=Row, push=Webhook(signature=Hmac("X-Pushed-Signature", prefix="sha256="), delivery="X-Pushed-Delivery"))
def alerts(ctx):
    return ctx.pages("/alerts")
@alerts.maps
def alert(row, stix):
    return stix.asset(row.id, name=row.id)
@pushed.stream("events", model=Event, key=None, push=Syslog())
def events(ctx):
    return ctx.pages("/events")
@events.maps
def event(event, stix):
    return stix.asset(event.message, name=event.message)
@pushed.stream("traffic", model=Traffic, key=None, push=Syslog(payload="cef"))
def traffic(ctx):
    return ctx.pages("/traffic")
@traffic.maps
def flow(row, stix):
    return stix.asset(row.extension["deviceExternalId"], name=row.device_vendor)
@pushed.stream("polled", model=Row)
def polled(ctx):
    return ctx.pages("/polled")
@polled.maps
def row(row, stix):
    return stix.asset(row.id, name=row.id)
"""


def add_connector(base: Path) -> Path:
    """A state directory to which the connector was added."""
    path = wheel(base, name="pushed", code=CODE, files={"pushed_connector/connector.toml": MANIFEST})
    work = base / "work"
    work.mkdir()
    added = AddedConnectors(base / "state" / "connectors")
    added.add(added.offer(str(path), hash_of(path), work))
    return base / "state"


def until(holds: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Wait for what must happen."""
    deadline = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < deadline, f"waited {patience:.0f} s until {what}"
        time.sleep(0.02)
    return found


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port that nobody has now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sign(body: bytes, secret: str = SECRET) -> str:
    """What the connector's declaration asks for."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def post(
    port: int, body: bytes, headers: Mapping[str, str] | None = None, *, path: str = "/hooks", secret: str | None = SECRET,
    delivery: str = "", method: str = "POST",
) -> tuple[int, dict[str, str], bytes]:  # fmt: skip
    """Send one webhook; status, headers and body of the answer."""
    sent = {"content-type": "application/json"}
    if secret is not None:
        sent["x-pushed-signature"] = sign(body, secret)
    if delivery:
        sent["x-pushed-delivery"] = delivery
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, {**sent, **(headers or {})})
        reply = connection.getresponse()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
    finally:
        connection.close()


@dataclass
class Site:
    """A hub in a folder of its own, with receivers."""

    folder: Path
    template: Path
    receive: dict[str, str]
    """Stream -> lines of its table."""
    more: str = ""
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        shutil.copytree(self.template, self.state, symlinks=True)
        for name, secret in (("hook", SECRET), ("hook-next", NEXT_SECRET)):
            (self.folder / name).touch(mode=0o600)
            (self.folder / name).write_text(secret)
        self.write()

    def write(self) -> None:
        """The configuration file as it should be now."""
        tables = "".join(
            f"[connector.vendor.receive.{name}]\n{lines}\nlinger = 0\n" for name, lines in self.receive.items()
        )
        self.config.write_text(
            f'[hub]\nname = "works"\n[connector.vendor]\nuse = "pushed"\nsource_id = "v"\n{tables}{self.more}'
        )

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def config(self) -> Path:
        return self.folder / "isthmus.toml"

    @property
    def environ(self) -> dict[str, str]:
        """Of every command."""
        return {**os.environ, "TMPDIR": str(self.folder)}

    def hub(self) -> Hub:
        """The hub in this process."""
        return Hub.open(self.state, self.config, environ=self.environ)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        line = [
            str(Path(sys.executable).with_name("isthmus")),
            *words,
            "--config",
            str(self.config),
            "--state-dir",
            str(self.state),
        ]
        return subprocess.run(line, capture_output=True, text=True, env=self.environ, timeout=PATIENCE)

    def daemon(self, **environ: str) -> subprocess.Popen[str]:
        """Start the daemon."""
        line = [
            str(Path(sys.executable).with_name("isthmus")),
            "run",
            "--config",
            str(self.config),
            "--state-dir",
            str(self.state),
        ]
        with (self.folder / "daemon.log").open("a") as log:
            process = subprocess.Popen(line, stderr=log, stdout=log, env={**self.environ, **environ}, text=True)
        self.running.append(process)
        return process

    def log(self) -> str:
        """What daemons wrote."""
        path = self.folder / "daemon.log"
        return path.read_text() if path.exists() else ""

    def receivers(self) -> dict[str, dict[str, Any]]:
        """Receivers as ``status`` shows them, by stream."""
        done = self.command("status", "--json")
        assert done.returncode == 0, done.stderr
        return {row["stream"]: row for row in json.loads(done.stdout)["instances"][0]["receivers"]}

    def observed(self) -> list[str]:
        """Names of what is on the bus, in order. No daemon may be running."""
        with self.hub() as hub:
            bodies = [json.loads(line) for line in hub.export("observed")]
        return [
            body["name"]
            for body in bodies
            if body["type"] == "infrastructure"
            or ("name" in body and body["type"] not in ("identity", "extension-definition"))
        ]

    def stop(self) -> None:
        """End what was started."""
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def listens(port: int) -> bool:
    """Whether somebody accepts connections."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
