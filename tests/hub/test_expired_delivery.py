"""A platform was away for so long that the stream no longer has what it did not read: it is served from the store, then follows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.hub.test_hub_on_nats import CONNECTORS, drop

from isthmus_hub.bus import RESOLVED, OffsetExpired, delivery_group
from isthmus_hub.cli._operate import status
from isthmus_hub.doctor import examine
from isthmus_hub.hub import Hub
from isthmus_hub.measure import Gauges
from isthmus_hub.telemetry import Metrics

CONFIGURATION = f'[hub]\nname = "works"\n{CONNECTORS}'


def received(folder: Path) -> dict[str, str]:
    """What the platform holds: the newest version of each object."""
    held: dict[str, str] = {}
    for path in (folder / "out").rglob("*.json"):
        for obj in json.loads(path.read_text())["objects"]:
            held[obj["id"]] = max(held.get(obj["id"], ""), obj.get("modified", ""))
    return held


def store(hub: Hub) -> dict[str, str]:
    return {body["id"]: body.get("modified", "") for body in map(json.loads, hub.export("resolved"))}


def observe(hub: Hub, folder: Path, page: int) -> None:
    drop(folder, range(page * 20 + 1, page * 20 + 21))
    for name in hub.config.connectors:
        assert not [run.error for run in hub.run_instance(name, one_pass=True) if run.error]
    hub.resolve()


@pytest.fixture
def left_behind(tmp_path: Path) -> Path:
    """The platform has read the first page; what followed is gone but for its end."""
    (tmp_path / "isthmus.toml").write_text(CONFIGURATION)
    with Hub.open(tmp_path / "state", tmp_path / "isthmus.toml") as hub:
        observe(hub, tmp_path, 0)
        (first,) = hub.deliver_all()
        assert first["accepted"] > 20
        hub.bus_forget(RESOLVED, delivery_group("out"))  # nobody waits for it any longer
        for page in range(1, 4):
            observe(hub, tmp_path, page)
        hub.bus.retain(RESOLVED, max_bytes=1)
        with pytest.raises(OffsetExpired):
            hub.bus.read(RESOLVED, (hub.ledger.intake("out") or 0) + 1, 1)
    return tmp_path


def test_it_is_served_from_the_store_by_itself_and_nothing_is_skipped(left_behind: Path, capsys, caplog) -> None:
    with Hub.open(left_behind / "state", left_behind / "isthmus.toml") as hub:
        (row,) = hub.deliver_all()
        assert (row["error"], row["pending"], row["rejected"]) == (None, 0, 0)
        assert row["duplicate"] > 20, "what it has already is not sent again"
        held = received(left_behind)
        assert {id: held.get(id) for id in store(hub)} == store(hub)
        assert hub.ledger.intake("out") == hub.bus.end(RESOLVED)
        said = capsys.readouterr()
        assert "delivery goes on from the store" in said.out + said.err + caplog.text  # wherever the log goes


def test_it_follows_the_stream_from_then_on(left_behind: Path) -> None:
    with Hub.open(left_behind / "state", left_behind / "isthmus.toml") as hub:
        hub.deliver_all()
        observe(hub, left_behind, 4)
        (row,) = hub.deliver_all()
        assert row["accepted"] > 20
        assert row["duplicate"] == 0
        held = received(left_behind)
        assert {id: held.get(id) for id in store(hub)} == store(hub)


def test_the_command_that_starts_from_the_store_does_the_same(left_behind: Path) -> None:
    with Hub.open(left_behind / "state", left_behind / "isthmus.toml") as hub:
        (row,) = hub.deliver("out", "store")["deliveries"]
        assert (row["error"], row["pending"]) == (None, 0)
        held = received(left_behind)
        assert {id: held.get(id) for id in store(hub)} == store(hub)


def test_killed_while_it_takes_the_store_it_takes_it_again(left_behind: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus_hub.delivery._engine.WINDOW", 10)
    with Hub.open(left_behind / "state", left_behind / "isthmus.toml") as hub:
        take, calls = hub.ledger.take, []

        def dying(*args, **kwargs):
            calls.append(args)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return take(*args, **kwargs)

        monkeypatch.setattr(hub.ledger, "take", dying)
        with pytest.raises(KeyboardInterrupt):
            hub.deliver_all()
    with Hub.open(left_behind / "state", left_behind / "isthmus.toml") as hub:
        (row,) = hub.deliver_all()
        assert (row["error"], row["pending"]) == (None, 0)
        held = received(left_behind)
        assert {id: held.get(id) for id in store(hub)} == store(hub)


def shown(folder: Path, hub: Hub, name: str = "out") -> tuple[dict | None, str, list[str]]:
    """What ``status --json``, the metrics and ``doctor`` say of the platform's expired entries."""
    metrics = Metrics()
    Gauges(hub, metrics).sample()
    text = "\n".join(line for line in metrics.exposition().decode().splitlines() if "isthmus_delivery_expir" in line)
    (row,) = hub.status()["platforms"]
    found = examine(folder / "isthmus.toml", folder / "state")
    return row["expired"], text, [finding.level for finding in found if finding.subject == "delivery"]


def test_what_was_removed_unread_is_shown_until_everything_was_told_anew(left_behind: Path) -> None:
    with Hub.open(left_behind / "state", left_behind / "isthmus.toml") as hub:
        taken, (oldest, _) = hub.ledger.intake("out") or 0, hub.bus.ends(RESOLVED)
        waiting, metrics, doctor = shown(left_behind, hub)
        assert waiting is not None
        assert (waiting["first"], waiting["last"], waiting["served"]) == (taken + 1, oldest - 1, None)
        assert "isthmus deliver out --from store" in waiting["remedy"]
        assert f'isthmus_delivery_expired_entries{{platform="out"}} {float(oldest - taken - 1)}' in metrics
        assert 'isthmus_delivery_expirations_total{platform="out"} 0.0' in metrics
        assert doctor == ["warning"]
        hub.deliver_all()
    with Hub.open(left_behind / "state", left_behind / "isthmus.toml") as hub:  # another process shows it, too
        served, metrics, doctor = shown(left_behind, hub)
        assert served is not None
        assert served["entries"] == waiting["entries"]
        assert served["served"] is not None
        assert 'isthmus_delivery_expired_entries{platform="out"} 0.0' in metrics
        assert 'isthmus_delivery_expirations_total{platform="out"} 1.0' in metrics
        assert doctor == ["ok"]
        hub.deliver("out", "store")
        told, metrics, doctor = shown(left_behind, hub)
        assert (told, doctor) == (None, [])
        assert 'isthmus_delivery_expirations_total{platform="out"} 1.0' in metrics


def test_status_prints_what_to_do_about_it(left_behind: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status(config=left_behind / "isthmus.toml", state_dir=left_behind / "state")
    assert "were removed before it read them" in (said := capsys.readouterr().out)
    assert "`isthmus deliver out --from store`" in said


def test_a_platform_that_is_new_has_missed_nothing(left_behind: Path) -> None:
    more = '\n[platform.late]\nuse = "file"\nsettings = { directory = "late" }\n'
    both = CONFIGURATION.replace("[hub]\n", '[hub]\nprimary = "out"\n') + more
    (left_behind / "isthmus.toml").write_text(both)
    with Hub.open(left_behind / "state", left_behind / "isthmus.toml") as hub:
        hub.deliver_all()
        assert {row["name"]: row["expired"] is None for row in hub.status()["platforms"]} == {
            "out": False,
            "late": True,
        }
