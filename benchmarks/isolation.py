"""What an instance loses while another one misbehaves: its records a second beside each kind of rogue, against alone."""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks._report import Row
from isthmus_hub.bus import Ack
from isthmus_hub.runtime import Plan, Session, StreamRun
from isthmus_sdk import protocol
from isthmus_sdk.block import Block
from isthmus_sdk.confine import Reach

RECORDS = 20_000
FILES = 4
HEAD_START = 2.0
"""Seconds after which the other one is measured; beside one that spins, once that has used up the hub's patience."""
AGAIN = 5.0
"""Seconds after which a rogue that was stopped is started again; a hub waits for the instance's period, and longer."""

HONEST = """
from pydantic import BaseModel
from isthmus_sdk import Connector, Settings
honest = Connector(__name__, settings=Settings)
class Row(BaseModel):
    id: str
    ip: str
@honest.stream("rows", model=Row)
def rows(ctx):
    return ctx.pages("", items="")
@rows.maps
def to_stix(row, stix):
    from isthmus_sdk.stix import Interface
    return stix.asset(row.id, name=row.id, interfaces=[Interface(ips=[row.ip])])
"""
ROGUE = """
import os, subprocess, sys, threading, time
from isthmus_sdk import Connector, Settings, protocol
rogue = Connector(__name__, settings=Settings)
WRITE = int(sys.argv[sys.argv.index("--write") + 1])
def forever(work):
    for _ in range(4):
        threading.Thread(target=work, daemon=True).start()
    time.sleep(600)
def burn():
    import hashlib
    while True:
        hashlib.pbkdf2_hmac("sha256", b"x", b"x", 100_000)
@rogue.stream("rows", model=dict)
def rows(ctx):
{body}
    return []
rows.maps(lambda record, stix: None)
"""
ROGUES = {
    "leaks 2 GB": "hoard = []\nfor _ in range(64):\n    hoard.append(b'x' * (32 << 20))",
    "spins": "while True:\n    pass",
    "spins in four native threads": "forever(burn)",
    "forks": "while True:\n    os.fork()",
    "floods the hub": "writer = protocol.FrameWriter(WRITE)\nwhile True:\n    writer.write(protocol.Metric(name='x', value=1.0))",
    "floods with log lines": "writer = protocol.FrameWriter(WRITE)\nwhile True:\n    writer.write(protocol.Log(level='info', event='x' * 1000))",
    "floods its output": "while True:\n    os.write(1, b'x' * 4096 + b'\\n')",
    "prints garbage": "os.write(WRITE, b'\\xff' * 65536)\ntime.sleep(600)",
    "never answers": "time.sleep(600)",
}


class Intake:
    """Takes blocks as the hub does, without a bus: what is measured is the processes."""

    def __init__(self) -> None:
        self.behind = threading.Event()
        """The worker was put behind all others."""

    def cursors(self, instance: str, stream: str) -> dict[str, bytes]:
        return {}

    def block(self, instance: str, source_id: str, block: Block) -> Ack:
        return Ack(1, 1)

    def bad_record(self, instance: str, frame: protocol.Quarantine) -> None:
        pass

    def log(self, instance: str, level: str, event: str, fields: Mapping[str, Any]) -> None:
        if "others leave" in str(fields.get("line")):
            self.behind.set()

    def progress(self, run: StreamRun) -> None:
        pass


def run(rounds: int) -> list[Row]:
    """One row for each rogue: median of the ratios of rounds that alternate with runs alone."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _write(root)
        _seconds_alone(root)  # compiles, fills caches
        return [_row(root, name, rounds) for name in ROGUES]


def _row(root: Path, name: str, rounds: int) -> Row:
    ratios, figures = [], []
    for _ in range(rounds):
        alone = _seconds_alone(root)
        beside = _seconds_beside(root, name)
        ratios.append(alone / beside)
        figures.append(RECORDS / beside)
    return Row(
        f"beside one that {name}",
        statistics.median(figures),
        "records/s",
        "alone",
        statistics.median(ratios),
        0.8,
        0.95,
    )


def _seconds_alone(root: Path) -> float:
    begin = time.perf_counter()
    [done] = Session(_plan(root, "honest"), Intake(), Intake()).run()
    if done.records != RECORDS:
        raise RuntimeError(f"{done.records} of {RECORDS} records arrived: {done.error}")
    return time.perf_counter() - begin


def _seconds_beside(root: Path, name: str) -> float:
    """The other one beside a rogue that has been at it for a while."""
    stop, intake = threading.Event(), Intake()

    def misbehave() -> None:
        while not stop.is_set():
            Session(_plan(root, _package(name)), intake, intake, stop=stop, patience=0.0).run()
            stop.wait(AGAIN)

    thread = threading.Thread(target=misbehave)
    thread.start()
    try:
        intake.behind.wait(60.0 if name.startswith("spins") else HEAD_START)
        return _seconds_alone(root)
    finally:
        stop.set()
        thread.join()


def _plan(root: Path, package: str) -> Plan:
    files = {"rows": [str(root / "input" / "*.json")]}
    configure = protocol.Configure(hub="h", instance=package, source_id="s", files=files, settle=0.0, one_pass=True)
    # A rogue at the least level: there it can do the most.
    level = "confined" if package == "honest" else "process"
    reach = Reach(read=(str(root / "input"),), ports=(), level=level)  # type: ignore[arg-type]
    return Plan(
        package, package, f"{package}:{package.partition('_')[0]}", ("rows",), "s", configure, path=(root,), reach=reach
    )


def _package(name: str) -> str:
    return f"rogue_{list(ROGUES).index(name)}"


def _write(root: Path) -> None:
    sources = {"honest": HONEST}
    for name, body in ROGUES.items():
        indented = "".join(f"    {line}\n" for line in body.splitlines())
        sources[_package(name)] = ROGUE.replace("{body}", indented)
    for package, source in sources.items():
        (root / package).mkdir()
        (root / package / "__init__.py").write_text(source)
        (root / package / "connector.toml").write_text(
            f'[connector]\nname = "{package.replace("_", "-")}"\nversion = "1"\nsdk_api = ">=1"\n'
        )
    (root / "input").mkdir()
    each = RECORDS // FILES
    for number in range(FILES):
        rows = [{"id": f"{number}-{row}", "ip": f"10.{number}.{row // 250 % 250}.{row % 250}"} for row in range(each)]
        (root / "input" / f"{number}.json").write_text(json.dumps(rows))
