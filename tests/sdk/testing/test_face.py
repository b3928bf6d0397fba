"""The names that authors' tests and the command line rely on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from isthmus_sdk import testing


def test_the_face_of_the_kit():
    assert testing.__all__ == [
        "LEVELS",
        "Case",
        "Level",
        "Report",
        "Result",
        "Rule",
        "conformance",
        "conformance_tests",
        "find_folder",
        "read_case",
        "rules",
        "unjustified",
    ]


def test_no_running_connector_loads_the_kit():
    code = (
        "import isthmus_sdk, isthmus_sdk.worker, sys; assert not any('isthmus_sdk.testing' in m for m in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_names_every_rule_and_fault_with_its_level_and_title():
    page = (Path(__file__).resolve().parents[3] / "docs" / "conformance.md").read_text()
    for rule in testing.rules():
        assert f"| `{rule.name.removeprefix('fault.')}` | {rule.level} | {rule.title} |" in page
