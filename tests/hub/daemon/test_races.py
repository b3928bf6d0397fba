"""A daemon that stops, reads its configuration or does an errand in the very instant in which somebody asks for something."""

from __future__ import annotations

import socket
import threading
import types
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import isthmus_hub.daemon
from isthmus_hub import remote, views
from isthmus_hub.cli import _context, main
from isthmus_hub.config import ConnectorConfig
from isthmus_hub.daemon import LOOK_AT_CLOCK, Daemon, _Errand
from isthmus_hub.hub import Hub
from isthmus_hub.runtime import StateDirectory, StateInUse
from isthmus_sdk.errors import Unreachable

pytestmark = pytest.mark.timeout(120)


def answering(path: Path, reply: Callable[[socket.socket], None]) -> threading.Thread:
    """Somebody who listens in place of a daemon, for one command."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))
    listening.listen()

    def serve() -> None:
        with listening, listening.accept()[0] as connection:
            reply(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    "reply",
    [
        lambda connection: connection.close(),
        lambda connection: connection.recv(1),  # reads a part, and is gone: the sender sees a reset
        lambda connection: (connection.recv(1 << 16), connection.sendall(b'{"result": {"half')),
        lambda connection: (connection.recv(1 << 16), connection.sendall(b"{}")),
    ],
)
def test_a_daemon_that_stops_before_it_answered_is_named_and_no_command_calls_it_done(
    tmp_path: Path, reply: Callable[[socket.socket], None]
) -> None:
    thread = answering(tmp_path / "socket", reply)
    daemon = remote.reach(tmp_path / "socket")
    assert daemon is not None
    with pytest.raises(Unreachable, match="stopped before it answered"):
        daemon.sync(names=["x" * 1_000_000])
    thread.join(30)


def test_a_command_whose_daemon_stops_in_the_instant_of_asking_does_it_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "isthmus.toml").write_text('[hub]\nname = "works"\n')
    claim, calls = _context.claim, []

    def claimed(*given: Any) -> Hub:
        calls.append(given)
        if len(calls) == 1:
            raise StateInUse("a daemon answers there", pid=1, answers=True)  # and stops
        return claim(*given)

    monkeypatch.setattr(_context, "claim", claimed)
    assert main(["--config", str(tmp_path / "isthmus.toml"), "--state-dir", str(tmp_path / "state"), "status"]) == 0
    assert "bus: sqlite" in capsys.readouterr().out
    assert len(calls) == 2


def test_nobody_listens_at_a_socket_that_is_not_there(tmp_path: Path) -> None:
    assert remote.reach(StateDirectory.open(tmp_path / "state").socket) is None


def resting(read: list[str]) -> Daemon:
    """A daemon between two rounds; ``read`` notes when it reads its configuration."""
    daemon = Daemon(types.SimpleNamespace(), Path("isthmus.toml"))  # type: ignore[arg-type]

    def read_again() -> None:
        daemon._changed.clear()
        read.append("configuration")

    daemon._read_again = read_again  # type: ignore[method-assign]
    return daemon


def test_a_reload_that_comes_during_an_errand_is_not_lost() -> None:
    done: list[str] = []
    daemon = resting(done)

    def errand() -> dict[str, Any]:
        done.append("errand")
        daemon._on_reload(1, None)
        return {}

    daemon._errand = _Errand(errand)
    daemon._between_rounds(())
    assert done == ["errand", "configuration"]


def test_an_errand_that_comes_as_another_ends_is_done_in_the_next_round() -> None:
    done: list[str] = []
    daemon = resting(done)
    second = _Errand(lambda: {"second": True})

    def first() -> dict[str, Any]:
        daemon._errand = second  # as from another thread, which waits for it from now on
        daemon._reload.set()
        return {}

    daemon._errand = _Errand(first)
    daemon._between_rounds(())
    assert daemon._reload.is_set(), "the next round ends at once"
    daemon._between_rounds(())
    assert second.wait() == {"second": True}
    assert done == [], "nobody asked for the configuration"


def test_an_instance_that_left_the_configuration_during_its_run_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "isthmus.toml").write_text('[hub]\nname = "works"\n')
    with Hub.open(tmp_path / "state", tmp_path / "isthmus.toml") as hub:
        hub._let_go("gone")


def test_status_leaves_out_what_left_the_configuration_while_it_looked() -> None:
    config = types.SimpleNamespace(connectors={"stays": 1, "broken": 1}, platforms={})
    hub: Any = types.SimpleNamespace(config=config)

    def show(hub: Any, name: str) -> dict[str, Any]:
        return {"name": name, "value": {"stays": 1}[name]}

    assert views._rows(show, hub, ["goes", "stays"], {}) == [{"name": "stays", "value": 1}]
    with pytest.raises(KeyError):
        views._rows(show, hub, ["broken"], {})


def test_quiet_time_ends_with_the_wall_clock_that_is_set_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 5, 1, 6, 0)
    waits: list[float] = []
    runs: list[datetime] = []

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now

    class Ended:
        def is_set(self) -> bool:
            return bool(runs)

        def wait(self, seconds: float) -> None:
            nonlocal now
            waits.append(seconds)
            now += timedelta(hours=9)  # somebody sets the clock

    def run(name: str, stop: Any) -> list[Any]:
        runs.append(now)
        return []

    monkeypatch.setattr(isthmus_hub.daemon, "datetime", Clock)
    config = types.SimpleNamespace(
        connectors={"a": ConnectorConfig.model_validate({"use": "x", "quiet": "05:00-14:00"})}, platforms={}
    )
    hub = types.SimpleNamespace(config=config, run_instance=run)
    Daemon(hub, Path("isthmus.toml"))._instance("a", Ended())  # type: ignore[arg-type]
    assert runs == [datetime(2026, 5, 1, 15, 0)]
    assert waits == [LOOK_AT_CLOCK], "it looked again soon, not eight hours later"
