"""The example of the hub as a library runs as it is printed, on recorded pages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "library_use.py"
ASSETS = [
    {
        "id": f"asset-{number}",
        "name": f"PLC-{number}",
        "type": "plc",
        "ip": [f"192.168.10.{number}"],
        "serial_number": f"S-{number}-77",
        "created_at": "1772431200000",
    }
    for number in (11, 12)
]
CONFIG = """
[hub]
name = "example"
primary = "disk"

[connector.guardian]
use = "nozomi-guardian"
source_id = "guardian-example"
files = { assets = "drop/*.json" }

[platform.disk]
use = "file"
max_tlp = "amber"
settings = { directory = "out" }
"""


def run(folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "isthmus.toml", "state"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_it_syncs_lists_the_assets_and_reads_only_what_is_new(tmp_path: Path) -> None:
    (tmp_path / "isthmus.toml").write_text(CONFIG)
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "assets-1.json").write_text(json.dumps({"result": ASSETS}))

    first = run(tmp_path)
    assert "guardian assets: 2 records, 0 quarantined" in first
    assert "asset PLC-11 (plc), seen by guardian" in first
    assert int(first[-1].split()[0]) > 0
    assert list((tmp_path / "out").glob("isthmus-*.json"))

    second = run(tmp_path)
    assert "asset PLC-12 (plc), seen by guardian" in second
    assert second[-1] == "0 new objects on the resolved stream"
