"""What it costs to import the SDK and to ask the command for help, in CPU time of whole processes."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks._report import Row


def run(rounds: int) -> list[Row]:
    """Two figures, each against the bare imports it cannot do without."""
    python = [sys.executable, "-I", "-c"]
    sdk = [*python, "import isthmus_sdk"]
    libraries = [*python, "import pydantic, msgspec, pluggy"]
    command = shutil.which("isthmus", path=str(Path(sys.executable).parent)) or "isthmus"
    bare = [*python, "import typer; app = typer.Typer(); app.command()(lambda: None); typer.main.get_command(app)"]
    ours, theirs = _paired(sdk, libraries, rounds)
    help_cpu, bare_cpu = _paired([command, "--help"], bare, rounds)
    loaded = subprocess.run(
        [*python, "import isthmus_sdk, sys; print([m for m in ('httpx', 'stix2') if m in sys.modules])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    return [
        Row(
            "import isthmus_sdk, CPU",
            ours * 1000,
            "ms",
            "import pydantic, msgspec, pluggy",
            ours / theirs,
            1.5,
            1.1,
            smaller_is_better=True,
            note=f"loads of httpx, stix2: {loaded}",
        ),
        Row(
            "isthmus --help, CPU",
            help_cpu * 1000,
            "ms",
            "python with typer",
            help_cpu / bare_cpu,
            2.0,
            1.3,
            smaller_is_better=True,
        ),
    ]


def _paired(one: list[str], other: list[str], rounds: int) -> tuple[float, float]:
    """Median CPU seconds of two commands, run alternately so that both meet the same machine."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(max(5, rounds)):
        for command, spent in zip((one, other), times, strict=True):
            before = os.times()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            after = os.times()
            spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return statistics.median(times[0]), statistics.median(times[1])
