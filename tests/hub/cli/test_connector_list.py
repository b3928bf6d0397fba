"""What ``connector list`` says of what is installed, without importing it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LIST = """
import sys
from isthmus_hub.cli._main import main
code = main(["connector", "list", *sys.argv[1:]])
loaded = sorted(name for name in sys.modules if name.split(".")[0] == "isthmus_connectors")
print(loaded, file=sys.stderr)
sys.exit(code)
"""


def listed(state: Path, *options: str) -> str:
    """Standard output, after making sure that no connector was imported for it."""
    command = [sys.executable, "-c", LIST, "--state-dir", str(state), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
    return done.stdout


def test_each_connector_shows_area_capabilities_and_conformance(tmp_path: Path) -> None:
    rows = {row["name"]: row for row in json.loads(listed(tmp_path, "--json"))["connectors"]}
    zeek = rows["zeek"]
    assert zeek["area"] == "network"
    assert zeek["functions"] == {
        "detect": len({part for each in zeek["capabilities"] for part in each["data_components"]})
    }
    assert zeek["conformance"] == {"level": "gold", "version": zeek["version"], "exempt": []}
    assert zeek["conformance_level"] == "gold"


def test_the_table_has_a_line_for_each(tmp_path: Path) -> None:
    head, *lines = listed(tmp_path).splitlines()
    assert head.split()[:5] == ["CONNECTOR", "VERSION", "AREA", "CAPABILITIES", "CONFORMANCE"]
    (zeek,) = [line for line in lines if line.startswith("zeek ")]
    assert zeek.split()[2:6] == ["network", "detect", "3", "gold"]
