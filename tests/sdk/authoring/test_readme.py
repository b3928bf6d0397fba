"""The example in the SDK's README is a connector that works."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import isthmus_sdk

README = Path(isthmus_sdk.__file__).parents[1] / "README.md"


def test_the_example_maps_a_recorded_page_and_stays_under_sixty_lines(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    files = dict(re.findall(r"```(?:python|toml)\n# (acme_connector/\S+)\n(.*?)```", text, flags=re.DOTALL))
    assert set(files) == {"acme_connector/connector.py", "acme_connector/connector.toml"}
    assert len([line for line in files["acme_connector/connector.py"].splitlines() if line.strip()]) < 60
    package = tmp_path / "acme_connector"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, body in files.items():
        (tmp_path / name).write_text(body)
    alert = {
        "id": "1",
        "updated_at": "2026-05-01T00:00:00Z",
        "severity": 5,
        "title": "t",
        "host_id": "h1",
        "host_name": "pc",
    }
    (tmp_path / "page.json").write_text(json.dumps({"data": [alert, {**alert, "id": "2", "severity": 0}]}))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "isthmus_sdk.cli", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    value = "acme_connector.connector:acme"
    mapped = run("map", value, "alerts", "page.json")
    assert mapped.returncode == 0, mapped.stderr
    assert "2 records: 1 mapped, 1 ignored, 0 quarantined" in mapped.stderr
    assert {"incident", "infrastructure"} <= {json.loads(line)["type"] for line in mapped.stdout.splitlines()}
    assert run("manifest", value, "--write").returncode == 0
    assert run("manifest", value, "--check").returncode == 0
