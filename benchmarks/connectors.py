"""Records to STIX: our connectors against stix-shifter's modules, on the same generated records of three products.

Each side runs in a process of its own, stix-shifter in an environment of its own with the versions named here; where that
does not install, it is skipped with the reason. CPU seconds are those of translation alone, text of records in and text of
objects out on both sides; starting and loading do not count. Each side's garbage collector is set as its users have it: ours
as in a worker, stix-shifter's as Python sets it (with ours it is 3 to 10 % quicker). The work is not the same: ours also
validates records, checks objects against the standard, unites versions and relates devices, alerts and evidence;
stix-shifter makes observables of more of the vendor's fields and checks nothing. The note counts the objects of both.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks._environments import environment
from benchmarks._report import Row
from benchmarks.translation import shapes
from isthmus_sdk.loader import discover

ROOT = Path(__file__).resolve().parent.parent
SIDES = ROOT / "benchmarks" / "translation"
RECORDS, MANY, PAGE = 10_000, 50_000, 1_000
VERSION = "8.1.3"
REQUIREMENTS = [
    f"stix-shifter{part}=={VERSION}"
    for part in ("", "-utils", "-modules-nozomi-vantage", "-modules-aws-guardduty", "-modules-okta")
]
SHAPES: dict[str, tuple[shapes.Shape, str, str, str, str]] = {
    "nozomi": (shapes.nozomi, "id", "nozomi-guardian", "alerts", "nozomi_vantage"),
    "guardduty": (shapes.guardduty, "Id", "aws-security", "guardduty", "aws_guardduty"),
    "okta": (shapes.okta, "uuid", "okta", "system_log", "okta"),
}
"""Name -> records, their own id, our connector and (the beginning of) its stream, stix-shifter's module."""
LIMIT = 600


def run(rounds: int) -> Iterator[Row]:
    """Three rows for each shape whose connector is installed."""
    python, problem = environment(f"stix-shifter-{VERSION}", REQUIREMENTS)
    if python is None:
        yield Row("stix-shifter: skipped, it does not install", 0, "", note=problem)
    installed = {found.name: found.manifest for found in discover(kinds=["connector"])}
    with tempfile.TemporaryDirectory(prefix="isthmus-connectors-") as folder:
        for name, (shape, own, connector, beginning, module) in SHAPES.items():
            manifest = installed.get(connector)
            streams = [stream.name for stream in manifest.streams] if manifest else []
            stream = next((stream for stream in streams if stream.startswith(beginning)), None)
            if stream is None:
                yield Row(f"{name}: skipped, no connector {connector} is installed", 0, "")
                continue
            file = shapes.write(shape, RECORDS, Path(folder) / f"{name}.ndjson")
            ours = [str(SIDES / "isthmus_side.py"), connector, stream]
            theirs = [str(SIDES / "stix_shifter_side.py"), module]
            yield from _compared(name, python, ours, theirs, file, rounds)
            yield _whole(name, ours, file, [str(shape(number)[own]) for number in range(RECORDS)])
            yield _memory(name, ours, shapes.write(shape, MANY, file))


def _compared(
    name: str, python: Path | None, ours: list[str], theirs: list[str], file: Path, rounds: int
) -> Iterator[Row]:
    """Records per CPU second; the sides take turns."""
    own, other, ratios = [], [], []
    said = ""
    for _ in range(rounds):
        mine = _side(Path(sys.executable), ours, file)
        own.append(RECORDS / mine["cpu"])
        if python is not None:
            peer = _side(python, theirs, file)
            other.append(RECORDS / peer["cpu"])
            ratios.append(own[-1] / other[-1])
            said = f"; objects: {mine['objects']:,} and {peer['objects']:,}"
    note = f"stix-shifter: {statistics.median(other):,.0f} records/s{said}" if other else ""
    ratio = statistics.median(ratios) if ratios else None
    yield Row(
        f"{name}: records to STIX per CPU second", statistics.median(own), "records/s", f"stix-shifter {VERSION}",
        ratio, 5 if ratios else None, 10 if ratios else None, note=note,
    )  # fmt: skip


def _whole(name: str, ours: list[str], file: Path, wanted: list[str]) -> Row:
    """Records whose own id is in an object, in two runs with the same ids whatever the order of hashes."""
    first, second = (_side(Path(sys.executable), ours, file, seed=seed) for seed in ("1", "2"))
    lost = set(wanted) - set(first["own"])
    same = first["ids"] == second["ids"]
    note = f"{first['objects']} distinct objects, {'the same' if same else 'OTHERS'} in a second run"
    return Row(f"{name}: distinct records that are found again", len(set(wanted)) - len(lost) if same else 0, "records",
               must=len(set(wanted)), note=note)  # fmt: skip


def _memory(name: str, ours: list[str], file: Path) -> Row:
    peak = _side(Path(sys.executable), ours, file, more=("memory",))["peak"]
    return Row(f"{name}: peak memory at {MANY:,} records", peak, "MB", must=150, smaller_is_better=True)


def _side(python: Path, side: list[str], file: Path, *, seed: str = "0", more: Sequence[str] = ()) -> dict[str, Any]:
    done = subprocess.run(
        [str(python), *side, str(file), str(PAGE), *more],
        cwd=file.parent,
        env={"PATH": os.environ["PATH"], "HOME": str(file.parent), "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{side[0]}: {(done.stderr or done.stdout).strip()[-400:]}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report
