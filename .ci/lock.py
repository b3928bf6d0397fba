"""Write requirements.txt: every dependency of both distributions, their extras and the build backend, pinned with hashes.

Run by ``make lock``. The distributions themselves are left out: they are installed from the checkout.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Written by `make lock` from both pyproject.toml files. Install with: pip install --require-hashes -r requirements.txt\n"


def wanted() -> list[str]:
    """Requirement lines of both distributions without the distributions themselves."""
    lines: set[str] = set()
    for path in (ROOT / "pyproject.toml", ROOT / "sdk" / "pyproject.toml"):
        document = tomllib.loads(path.read_text())
        lines.update(document["build-system"]["requires"])
        project = document["project"]
        lines.update(project["dependencies"])
        for extra in project.get("optional-dependencies", {}).values():
            lines.update(extra)
    return sorted(line for line in lines if not re.match(r"isthmus(-sdk)?\b", line))


def main() -> int:
    """Resolve and write; returns the exit code of the resolver."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "requirements.in"), Path(folder, "requirements.txt")
        source.write_text("\n".join(wanted()) + "\n")
        command = [
            sys.executable,
            "-m",
            "piptools",
            "compile",
            "--quiet",
            "--generate-hashes",
            "--allow-unsafe",
            "--strip-extras",
        ]
        command += [
            "--no-header",
            "--no-annotate",
            "--no-emit-index-url",
            "--no-emit-find-links",
            "--no-emit-trusted-host",
        ]
        done = subprocess.run([*command, "--output-file", str(target), str(source)], check=False)
        if done.returncode == 0:
            (ROOT / "requirements.txt").write_text(HEADER + target.read_text())
        return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
