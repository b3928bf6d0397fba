"""Environments of peers: made once below the user's cache, with versions that are named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_dir

INSTALL = 900
"""Seconds that an installation may take."""


def environment(name: str, requirements: Sequence[str]) -> tuple[Path | None, str]:
    """The interpreter of a peer's environment, made where there is none; else why there is none."""
    folder = Path(user_cache_dir("isthmus")) / "peers" / name
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python, ""
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements],
    )
    try:
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL, check=False)
            if done.returncode:
                return None, (done.stderr.strip().splitlines() or ["no word"])[-1][:200]
    except subprocess.TimeoutExpired:
        return None, f"not within {INSTALL} s"
    (folder / "complete").touch()
    return python, ""
