"""What ``isthmus demo`` prints, as README shows it. ``python -m tests.docs.demo_output`` writes it there anew."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.docs.pages import ROOT

BEGIN, END = "<!-- demo output: begin -->\n```\n", "```\n<!-- demo output: end -->\n"
README = ROOT / "README.md"


def printed(folder: Path) -> str:
    """What the demonstration tells, without the places of the files it wrote."""
    command = [sys.executable, "-m", "isthmus_hub.cli", "demo", "--keep", str(folder / "plant")]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=environment, timeout=110
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("\nReport with the map")[0].strip("\n") + "\n"


def shown() -> str:
    """What README shows."""
    return README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]


def comparable(text: str) -> str:
    """Without what depends on which product answered first: how many versions were superseded, and assets merged, before they went out."""
    return re.sub(r"\d+ (?=in |accepted|dropped|superseded|pending|tlp)", "N ", text)


def main() -> None:
    """Write what is printed into README."""
    with tempfile.TemporaryDirectory() as folder:
        output = printed(Path(folder))
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    README.write_text(f"{before}{BEGIN}{output}{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
