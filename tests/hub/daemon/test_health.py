"""An instance that goes down is told once, and once when it is back; meanwhile it is tried after growing pauses."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import structlog

from isthmus_hub.config import ConnectorConfig
from isthmus_hub.daemon import Daemon
from isthmus_hub.runtime import Failure, StreamRun

PERIOD = 60.0


class Ended:
    """In place of the event that ends a daemon: remembers what would have been waited, and ends it after the last run."""

    def __init__(self, runs: int) -> None:
        self.left = runs
        self.waits: list[float] = []

    def is_set(self) -> bool:
        return self.left <= 0

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.left -= 1


def serve(outcomes: list[Failure | None]) -> tuple[list[Any], list[float]]:
    """Log events and pauses of an instance whose runs end so."""
    coming = iter(outcomes)
    config = types.SimpleNamespace(
        connectors={"a": ConnectorConfig.model_validate({"use": "x", "every": PERIOD})}, platforms={}
    )
    hub = types.SimpleNamespace(
        config=config, run_instance=lambda name, stop: [StreamRun(name, "rows", error=next(coming))]
    )
    ended = Ended(len(outcomes))
    with structlog.testing.capture_logs() as said:
        Daemon(hub, Path("isthmus.toml"))._instance("a", ended)  # type: ignore[arg-type]
    return said, ended.waits


DOWN = Failure("Unreachable", "retriable", "no connection")


def test_down_and_back_are_told_once_each() -> None:
    said, _ = serve([None, DOWN, DOWN, DOWN, None, None, DOWN])
    assert [(each["event"], each["instance"]) for each in said] == [
        ("instance is down", "a"),
        ("instance is back", "a"),
        ("instance is down", "a"),
    ]
    assert said[0]["error"] == "no connection"


def test_one_that_is_well_from_the_beginning_is_not_called_back() -> None:
    assert serve([None, None])[0] == []


def test_one_that_stays_down_is_tried_after_growing_pauses_and_then_at_its_period() -> None:
    _, waits = serve([DOWN, DOWN, DOWN, DOWN, None])
    assert waits[0] == waits[-1]
    assert [round(wait / waits[0]) for wait in waits] == [1, 2, 4, 8, 1]


def test_a_vendor_that_asks_for_patience_gets_it() -> None:
    _, waits = serve([Failure("RateLimited", "retriable", "later", not_before=5_000.0)])
    assert waits == [5_000.0]
