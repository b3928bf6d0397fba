"""Wheels and environments of a third party, made without network: what a checkout already has is seen through a path file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 300


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    python: Path
    site: Path

    def run(self, *arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """A Python module of this environment, in ``folder``."""
        return subprocess.run(
            [str(self.python), "-m", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
            check=False,
        )

    def install(self, wheel: Path) -> None:
        """Install a wheel and nothing that it needs."""
        arguments = ("install", "--no-index", "--no-deps", "--disable-pip-version-check", "--quiet")
        _run([sys.executable, "-m", "pip", "--python", str(self.python), *arguments, str(wheel)], Path.cwd())


def make_environment(folder: Path, roots: Iterable[Path] = ()) -> Environment:
    """An environment that sees the installed packages of this interpreter, and ``roots``.

    Path files in what it sees are not followed: packages that are installed here as a checkout are not seen.
    """
    venv.create(folder, with_pip=False)
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    seen = [*roots, *(Path(entry) for entry in sys.path if entry.endswith("-packages"))]
    (site / "seen-by-this-test.pth").write_text("".join(f"{root}\n" for root in seen))
    return Environment(folder / "bin" / "python", site)


def build_wheel(source: Path, into: Path) -> Path:
    """The wheel of a project, built from a copy of its folder so that nothing is written there."""
    copy = shutil.copytree(
        source, into / f"{source.name}-source", ignore=shutil.ignore_patterns("__pycache__", ".*", "dist")
    )
    out = into / f"{source.name}-dist"
    _run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)], copy)
    (wheel,) = out.glob("*.whl")
    return wheel


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
