"""Six faults of a vendor, each met by Isthmus, dlt, the Airbyte CDK and the Singer SDK over the same local server.

Each peer runs what its own author would write (``benchmarks/faulty``), in an environment of its own with the version named
here; one that does not install is skipped, with the reason. A peer keeps its records and its state between two runs, as it
does in use. The second run is without the fault.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks._environments import environment
from benchmarks._report import Row
from benchmarks.faulty.server import PAGES, PER_PAGE, POISON

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "benchmarks" / "faulty"
PEERS = {"dlt": "dlt==1.31.0", "airbyte": "airbyte-cdk==7.39.1", "singer": "singer-sdk==0.54.9"}
"""What is installed for each; the name is that of its source, ``faulty/NAME_source.py``."""
LIMIT = 40.0
"""Seconds after which a run counts as endless."""
ALL = PAGES * PER_PAGE
_POISONED = {f"A-{number:06d}" for number in POISON}


@dataclass
class Run:
    """One run of a peer."""

    ids: list[str] = field(default_factory=list)
    """Every record that was kept so far."""
    error: str = ""
    aside: int = 0
    """Records put aside with the reason, in place of being kept or of ending the run."""
    endless: bool = False
    asked: list[tuple[int, float]] = field(default_factory=list)
    """Pages that were asked for, with the time."""


Judge = Callable[[Run, Run], bool]


def _whole(first: Run, _second: Run) -> bool:
    return len(set(first.ids)) == ALL


def _whole_and_waited(first: Run, second: Run) -> bool:
    times = [at for page, at in first.asked if page == 3]
    return _whole(first, second) and len(times) >= 2 and times[1] - times[0] >= 2.9


def _poison_aside(first: Run, _second: Run) -> bool:
    return len(set(first.ids) - _POISONED) == ALL - len(POISON) and first.aside == len(POISON)


def _resumed(first: Run, second: Run) -> bool:
    """What came before the broken page is kept, and the next run begins there."""
    begins = min((page for page, _ in second.asked), default=0)
    return not first.endless and len(set(first.ids)) == 5 * PER_PAGE and begins >= 4 and len(set(second.ids)) == ALL


def _noticed(first: Run, _second: Run) -> bool:
    return not first.endless and bool(first.error)


FAULTS: dict[str, tuple[str, Judge]] = {
    "rate-limit": ("429 with Retry-After: 3, once", _whole_and_waited),
    "token-revoked": ("the token is revoked at page 5", _whole),
    "truncated": ("a body cut short, once", _whole),
    "poison": ("4 records that cannot be used", _poison_aside),
    "always-500": ("page 6 always 500, then well again", _resumed),
    "cursor-repeats": ("the cursor repeats for ever", _noticed),
}


def run(_rounds: int) -> Iterator[Row]:
    """How many of the six each survives; what it did with each stands in the note."""
    yield _row("isthmus", "isthmus", Path(sys.executable))
    for name, requirement in PEERS.items():
        python, problem = environment(requirement.replace("==", "-"), [requirement])
        if python is None:
            yield Row(f"{name}: skipped, {requirement} does not install", 0, "of 6 faults", note=problem)
        else:
            yield _row(name, requirement, python)


def _row(name: str, requirement: str, python: Path) -> Row:
    verdicts = {fault: _meets(name, python, fault) for fault in FAULTS}
    passed = sum(verdict.startswith("ok") for verdict in verdicts.values())
    note = "; ".join(f"{fault}: {verdict}" for fault, verdict in verdicts.items())
    return Row(
        f"{requirement}: faults survived", passed, "of 6 faults", must=6 if name == "isthmus" else None, note=note
    )


def _meets(name: str, python: Path, fault: str) -> str:
    _, judge = FAULTS[fault]
    with tempfile.TemporaryDirectory(prefix=f"isthmus-{name}-") as folder, _serving(fault) as url:
        first = _run(name, python, url, Path(folder))
        urllib.request.urlopen(urllib.request.Request(f"{url}/control/heal", method="POST", data=b""), timeout=10)
        second = _run(name, python, url, Path(folder), len(first.asked)) if fault == "always-500" else Run()
    kept = f"{len(set(first.ids))} records"
    ended = "endless" if first.endless else first.error.split(":")[0] or "no error"
    return (
        f"{'ok' if judge(first, second) else 'NO'} ({kept}, {ended}{f', {first.aside} aside' if first.aside else ''})"
    )


def _run(name: str, python: Path, url: str, folder: Path, known: int = 0) -> Run:
    """One run in the peer's interpreter."""
    out = Run()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    if name == "isthmus":
        environment["PYTHONPATH"] = str(ROOT)
    process = subprocess.Popen(
        [str(python), str(SOURCES / f"{name}_source.py"), url, str(folder)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    began = time.monotonic()
    try:
        said, _ = process.communicate(timeout=LIMIT)
        report = json.loads(said.splitlines()[-1])
        out.ids, out.error, out.aside = report["ids"], report["error"], report["aside"]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        out.endless = time.monotonic() - began >= LIMIT
    except (ValueError, IndexError):
        out.error = f"ended with code {process.returncode}"
    with urllib.request.urlopen(f"{url}/control/asked", timeout=10) as reply:
        out.asked = [(page, at) for page, at in json.load(reply)][known:]
    return out


@contextmanager
def _serving(fault: str) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.faulty.server", fault],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
