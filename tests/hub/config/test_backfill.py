"""What `since` says of a backfill beside a running stream: a second instance of the same source, run by its name alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus_hub.hub import Hub
from isthmus_hub.runtime import StreamRun

CONFIGURATION = """[hub]
name = "works"
[connector.north]
use = "nozomi-guardian"
source_id = "cmc-north"
settings = { base_url = "https://192.0.2.5", username = "hub" }
secrets = { password = "file:password" }
[connector.north-backfill]
use = "nozomi-guardian"
source_id = "cmc-north"
streams = ["alerts"]
since = "2026-01-01"
enabled = false
settings = { base_url = "https://192.0.2.5", username = "hub" }
secrets = { password = "file:password" }
"""


def test_it_runs_when_it_is_named_with_a_beginning_and_a_cursor_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "isthmus.toml").write_text(CONFIGURATION)
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text("s3cret-north")
    monkeypatch.chdir(tmp_path)
    with Hub.open(tmp_path / "state", tmp_path / "isthmus.toml") as hub:
        running, backfill = hub.plan("north"), hub.plan("north-backfill")
        assert running.source_id == backfill.source_id
        assert (running.since, backfill.streams) == (None, ("alerts",))
        assert str(backfill.since).startswith("2026-01-01")
        ran: list[str] = []

        def run(instance: str, **_: object) -> list[StreamRun]:
            ran.append(instance)
            return [StreamRun(instance, "alerts")]

        monkeypatch.setattr(hub, "run_instance", run)
        hub.sync(["north-backfill"])
        hub.sync()
        assert ran == ["north-backfill", "north"]
