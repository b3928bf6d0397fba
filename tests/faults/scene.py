"""A hub as an operator has it: configuration, state directory, two vendors on loopback, platforms that count.

The command runs as a process of its own, so that it can be killed; what it left is read afterwards, and compared with
what an undisturbed run leaves.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from isthmus_connectors.microsoft_defender.simulator import DefenderTenant
from isthmus_connectors.nozomi_guardian.simulator import Guardian
from isthmus_connectors.simulation import Plant, Reply, Request, Server
from isthmus_hub.hub import Hub
from isthmus_sdk import stix

COUNTING = Path(__file__).parent / "counting"
if str(COUNTING) not in sys.path:
    sys.path.append(str(COUNTING))

COMMAND = [str(Path(sys.executable).with_name("isthmus"))]
GUARDIAN_PASSWORD, DEFENDER_SECRET = "guardian-pass-4711", "defender-secret-0815"
TENANT, CLIENT = "11111111-2222-3333-4444-555555555555", "isthmus"
PLATFORMS = ("soc", "second", "third", "fourth")
"""Side by side, so that seven positions are saved in one run."""
PATIENCE = 60.0
"""Seconds until something that must happen counts as not happening; nothing waits that long when all is well."""
BOTH = {"nozomi-guardian": {}, "microsoft-defender": {}}
Answer = Callable[[Request], Reply]


def plant(devices: int = 30, *, alerts: int = 24, cves: int = 18, links: int = 18, version: int = 0) -> dict[str, Any]:
    """A plant of so many things; both products see every third device, so there is something to resolve."""
    names = [f"device-{n:03d}" for n in range(devices)]
    ends = min(devices, 12)  # who talks to whom does not change when the plant grows
    return {
        "name": "works",
        "devices": [
            {
                "id": name,
                "name": name,
                "hostname": name,
                "class": "workstation" if number % 3 == 0 else "plc",
                "technology": "ot",
                "vendor": "Acme",
                "serial": f"SN-{number:05d}",
                "firmware": f"1.{version}",
                "level": "1",
                "zone": "Cell 1",
                "interfaces": [{"mac": f"00:1b:1b:00:{number // 256:02x}:{number % 256:02x}", "ips": [f"10.9.{number // 250}.{1 + number % 250}"]}],
                "first_seen": "2026-01-01T00:00:00Z",
                "last_seen": f"2026-05-04T05:{number % 60:02d}:00Z",
                "seen_by": BOTH if number % 3 == 0 else {"nozomi-guardian": {}},
            }
            for number, name in enumerate(names)
        ],
        "links": [
            {
                "id": f"link-{n:03d}",
                "source": names[n % ends],
                "target": names[(n * 7 + 1 + n // ends) % ends],
                "protocol": "modbus",
                "transport": "tcp",
                "port": 502,
                "function_codes": [1, 3],
                "first_seen": f"2026-02-01T00:{n // 60:02d}:{n % 60:02d}Z",
                "last_seen": f"2026-05-04T04:{n // 60:02d}:{n % 60:02d}Z",
                "seen_by": {"nozomi-guardian": {}},
            }
            for n in range(links)
        ],
        "alerts": [
            {
                "id": f"alert-{n:03d}",
                "title": f"Alert {n}",
                "category": "SIGN:PROGRAM:CHANGE",
                "severity": 60,
                "status": "open",
                **({"device": names[0]} if n % 4 == 0 else {"source": names[n % ends], "target": names[(n + 1) % ends]}),
                "first_seen": f"2026-05-04T03:{n // 60:02d}:{n % 60:02d}Z",
                "created": f"2026-05-04T03:{n // 60:02d}:{n % 60:02d}Z",
                "updated": f"2026-05-04T03:{n // 60:02d}:{n % 60:02d}Z",
                "seen_by": {"microsoft-defender": {}} if n % 4 == 0 else {"nozomi-guardian": {}},
            }
            for n in range(alerts)
        ],
        "vulnerabilities": [
            {
                "id": f"cve-{n:03d}",
                "device": names[n % ends],
                "cve": f"CVE-2024-{1000 + n}",
                "cvss": 7.5,
                "first_seen": "2026-03-01T00:00:00Z",
                "seen_by": {"nozomi-guardian": {}},
            }
            for n in range(cves)
        ],
        "native": {"nozomi-guardian": {"node_cves": [{"id": "ffffffff-poison", "cve": {"no": "text"}, "asset_id": 7}]}},
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command left on its way out."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


@dataclass
class Account:
    """Everything a hub and its platforms hold after a run."""

    observed: dict[str, str]
    assets: set[frozenset[tuple[str, str, str]]]
    resolved: dict[str, str]
    minted: set[str]
    """Ids of assets, past and present: they follow the order in which sources were first heard."""
    received: dict[str, Counter[tuple[str, str]]]
    disorder: list[str]
    quarantined: list[tuple[str, str, str | None, str]]
    totals: list[dict[str, Any]]
    records: Counter[tuple[str, str]]
    problems: list[str]

    def duplicates(self) -> dict[str, int]:
        """Per platform, how often something arrived again that had arrived before."""
        return {name: sum(count - 1 for count in seen.values()) for name, seen in self.received.items()}


def losses(right: Account, found: Account, *, again: bool = False) -> list[str]:
    """Every way in which ``found`` is worse than the undisturbed ``right``; ``again`` allows duplicates at platforms."""
    out = list(found.problems)
    missing = right.observed.keys() - found.observed.keys()
    out += [f"observed objects are missing: {sorted(missing)[:3]} of {len(missing)}"] if missing else []
    strange = found.observed.keys() - right.observed.keys()
    out += [f"observed objects nobody sent: {sorted(strange)[:3]} of {len(strange)}"] if strange else []
    other = [id for id, hash in found.observed.items() if right.observed.get(id, hash) != hash]
    out += [f"observed objects differ: {sorted(other)[:3]} of {len(other)}"] if other else []
    if found.assets != right.assets:
        out.append(f"another partition into assets: {len(found.assets ^ right.assets)} differ")
    told = (found.resolved.keys() - found.minted) ^ (right.resolved.keys() - right.minted)
    out += [f"resolved objects differ: {sorted(told)[:3]} of {len(told)}"] if told else []
    if found.quarantined != right.quarantined:
        out.append(f"quarantine: {found.quarantined} in place of {right.quarantined}")
    out += [
        f"{key}: {n} records, the vendor gave {right.records[key]}"
        for key, n in found.records.items()
        if n < right.records[key]
    ]
    for name, seen in found.received.items():
        lost = [version for version in found.resolved.items() if version not in seen]
        out += [f"platform {name} never got {lost[:3]} of {len(lost)}"] if lost else []
    out += found.disorder
    for total in found.totals:
        ends = total["accepted"] + total["duplicate"] + total["rejected"] + sum(total["dropped"].values())
        if total["in"] != ends + total["pending"] or total["pending"] or total["rejected"]:
            out.append(f"counts of {total['platform']}: {total}")
    if not again:
        out += [f"platform {name} got {n} objects twice" for name, n in found.duplicates().items() if n]
    return out  # fmt: skip


@dataclass
class Scene:
    """One hub in a folder of its own. Use :func:`scene`."""

    folder: Path
    guardian: Server
    defender: Server
    environ: dict[str, str]
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.folder / "state"

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "isthmus.toml"

    def received(self, platform: str) -> Path:
        """What a platform was sent, an object a line."""
        return self.folder / f"{platform}.received"

    def grow(self, described: Mapping[str, Any]) -> None:
        """The plant from now on."""
        fresh = self.folder / "plant.new"
        fresh.write_text(json.dumps(described))
        fresh.replace(self.folder / "plant.json")

    def command(self, *words: str, program: Path | None = None) -> list[str]:
        """A command line on this hub; ``program`` stands in for the product (a planted bug)."""
        start = COMMAND if program is None else [sys.executable, str(program)]
        return [*start, *words, "--config", str(self.config), "--state-dir", str(self.state)]

    def run(self, *words: str, program: Path | None = None, stdin: str | None = None, **environ: str) -> Finished:
        """Run a command on this hub to its end."""
        return self.execute(self.command(*words, program=program), stdin=stdin, **environ)

    def execute(self, command: list[str], *, stdin: str | None = None, **environ: str) -> Finished:
        """Run a whole command line to its end."""
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            input=stdin,
            cwd=self.folder,
            env={**self.environ, **environ},
            timeout=PATIENCE,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def sync(self, fault: str | None = None, *names: str, program: Path | None = None) -> Finished:
        """One pass, of all instances or of those named, killed at a fault point if one is named."""
        testing = {} if fault is None else {"ISTHMUS_TESTING": "1", "ISTHMUS_FAULT": fault}
        return self.run("sync", *names, "--json", program=program, **testing)

    def daemon(self, *, ready: bool = True, **environ: str) -> subprocess.Popen[str]:
        """Start the daemon; returns when it answers commands."""
        process = self.begin("run", **environ)
        if ready:
            until(lambda: self.listening() or process.poll() is not None, "the daemon listens")
            assert process.poll() is None, self.log()
        return process

    def begin(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        """Start a command and leave it running; what it says is in the log."""
        with (self.folder / "daemon.log").open("a") as log:
            process = subprocess.Popen(
                self.command(*words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                text=True,
                cwd=self.folder,
                env={**self.environ, **environ},
            )
        self.running.append(process)
        return process

    def listening(self) -> bool:
        """Whether somebody answers commands."""
        with socket.socket(socket.AF_UNIX) as probe:
            folder = os.open(self.state, os.O_RDONLY) if self.state.exists() else None
            if folder is None:
                return False
            try:
                probe.connect(f"/proc/self/fd/{folder}/socket")
            except OSError:
                return False
            finally:
                os.close(folder)
        return True

    def log(self) -> str:
        """What daemons wrote."""
        path = self.folder / "daemon.log"
        return path.read_text() if path.exists() else ""

    def workers(self) -> list[int]:
        """Worker processes of this hub that are alive (a worker keeps ``TMPDIR``, which is ours alone)."""
        mark = f"TMPDIR={self.folder}".encode()
        out = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    mine = b"isthmus_sdk.worker" in (entry / "cmdline").read_bytes()
                    if mine and mark in (entry / "environ").read_bytes().split(b"\0"):
                        out.append(int(entry.name))
                except OSError:
                    pass
        return out

    def account(self) -> Account:
        """Read what hub and platforms hold. No command may be running."""
        received, disorder = {}, []
        for name in PLATFORMS:
            path = self.received(name)
            seen: Counter[tuple[str, str]] = Counter()
            latest: dict[str, str] = {}
            for line in path.read_text().splitlines() if path.exists() else ():
                obj = json.loads(line)
                version = obj.get("modified", "")
                seen[obj["id"], version] += 1
                if version < latest.get(obj["id"], ""):
                    disorder.append(f"platform {name} got an older version of {obj['id']} after a newer one")
                latest[obj["id"]] = version
            received[name] = seen
        with Hub.open(self.state, self.config, environ=dict(self.environ)) as hub:
            bus, store = hub.bus_check(), hub.store_check()
            problems = [*bus["problems"], *(str(gap) for gap in bus["gaps"]), *store["problems"]]
            problems += ["bus check: not ok"] if not bus["ok"] else []
            return Account(
                observed={body["id"]: stix.content_hash(body).hex() for body in map(json.loads, hub.export("observed"))},
                assets={
                    frozenset((member["instance"], member["stream"], member["native_id"]) for member in asset["members"])
                    for asset in hub.assets()["assets"]
                },
                resolved={stored.body["id"]: stored.body.get("modified", "") for stored in hub.store.iterate(None, "resolved")},
                minted={asset["id"] for asset in hub.assets()["assets"]} | {retired for retired, _ in hub.store.aliases()},
                received=received,
                disorder=disorder,
                quarantined=sorted(
                    (row["instance"], row["stream"], row["native_id"], row["path"]) for row in hub.quarantine_list()["records"]
                ),
                totals=[{**row, "platform": row["name"]} for row in hub.status()["platforms"]],
                records=_records(hub),
                problems=problems,
            )  # fmt: skip

    def forget(self) -> None:
        """Remove what every run left, so that the same scene can be run again."""
        import shutil

        shutil.rmtree(self.state, ignore_errors=True)
        for path in self.folder.glob("*.received"):
            path.unlink()


def _records(hub: Hub) -> Counter[tuple[str, str]]:
    """Records that the blocks on ``observed`` account for."""
    import msgspec

    out: Counter[tuple[str, str]] = Counter()
    for block in hub.bus.read("observed", 1, 100_000):
        meta = msgspec.msgpack.decode(block.meta)
        out[meta["instance"], meta["stream"]] += meta["records"]
    return out


def until(happened: Callable[[], Any], what: str, *, seconds: float = PATIENCE) -> None:
    """Look until it has happened."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)


def resolved_before_more(state: Path, answer: Answer) -> Answer:
    """Pages only one at a time: the next one is given when the store holds the effect of the last."""
    before = -1

    def position() -> int:
        # By the hub's own library: two SQLite libraries in one process void each other's locks.
        try:
            with closing(apsw.Connection(str(state / "store.sqlite"), flags=apsw.SQLITE_OPEN_READONLY)) as store:
                row = store.execute("SELECT offset FROM position WHERE stream = 'observed'").fetchone()
        except apsw.Error:
            return 0
        return int(row[0]) if row else 0

    def paced(request: Request) -> Reply:
        nonlocal before
        if before >= 0:
            deadline = time.monotonic() + 2.0  # a page that brings nothing new moves nothing
            while position() <= before and time.monotonic() < deadline:
                time.sleep(0.01)
        before = position()
        return answer(request)

    return paced


def configuration(
    guardian: str, defender: str, *, every: str = "1s", platforms: tuple[str, ...] = PLATFORMS, more: str = ""
) -> str:
    """The configuration of a scene."""
    told = "".join(
        f'[platform.{name}]\nuse = "counting"\nmax_tlp = "red"\nsettings = {{ received = "{name}.received" }}\n'
        for name in platforms
    )
    return f"""[hub]
name = "works"
primary = "{platforms[0]}"

[connector.guardian]
use = "nozomi-guardian"
source_id = "guardian-works"
every = "{every}"
settings = {{ base_url = "{guardian}", username = "hub", page_size = 6 }}
secrets = {{ password = "env:GUARDIAN_PASSWORD" }}

[connector.defender]
use = "microsoft-defender"
source_id = "tenant-works"
every = "{every}"
settings = {{ tenant_id = "{TENANT}", client_id = "{CLIENT}", base_url = "{defender}", login_url = "{defender}", page_size = 4 }}
secrets = {{ client_secret = "env:DEFENDER_SECRET" }}

{told}{more}"""


@contextmanager
def scene(
    folder: Path,
    described: Mapping[str, Any] | None = None,
    *,
    guardian: Callable[[Path, Answer], Answer] = lambda _state, answer: answer,
    every: str = "1s",
    password: str = GUARDIAN_PASSWORD,
) -> Iterator[Scene]:
    """Vendors serve and everything is configured while the body runs; whatever was started is gone afterwards.

    ``guardian(state directory, answer)`` may change how that vendor answers.
    """
    folder.mkdir(exist_ok=True)
    path = folder / "plant.json"
    path.write_text(json.dumps(described or plant()))
    ot, it = Plant(path, "nozomi-guardian"), Plant(path, "microsoft-defender")
    with (
        Server(guardian(folder / "state", Guardian(ot, password=password).answer)) as first,
        Server(DefenderTenant(it, client_secret=DEFENDER_SECRET).answer) as second,
    ):
        environ = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environ |= {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": str(COUNTING)}
        environ |= {"GUARDIAN_PASSWORD": password, "DEFENDER_SECRET": DEFENDER_SECRET}
        made = Scene(folder, first, second, environ)
        made.config.write_text(configuration(first.url, second.url, every=every))
        try:
            yield made
        finally:
            for process in made.running:
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                process.wait()


__all__ = ["COUNTING", "PLATFORMS", "Account", "Finished", "Scene", "configuration", "losses", "plant", "resolved_before_more", "scene", "until"]  # fmt: skip
