"""When an instance runs next: pure, from its settings and what happened."""

from __future__ import annotations

import pytest

from isthmus_hub.config import ConnectorConfig
from isthmus_hub.runtime import next_run
from isthmus_hub.runtime._schedule import JITTER, LONGEST_WAIT


def config(every: float) -> ConnectorConfig:
    return ConnectorConfig.model_validate({"use": "x", "every": every})


def test_instances_are_spread_around_their_period_and_each_keeps_its_place() -> None:
    waits = [next_run(f"instance-{number}", config(100.0)).seconds for number in range(50)]
    assert len(set(waits)) > 40
    assert all(100 * (1 - JITTER) <= wait <= 100 * (1 + JITTER) for wait in waits)
    assert next_run("instance-7", config(100.0)).seconds == waits[7]


@pytest.mark.parametrize("every", [10.0, 300.0, 86_400.0])
def test_pauses_grow_with_failures_up_to_a_bound_and_never_below_the_period(every: float) -> None:
    waits = [next_run("a", config(every), failures=failures).seconds for failures in range(1, 40)]
    assert waits == sorted(waits)
    assert waits[-1] == max(LONGEST_WAIT, every)


def test_the_far_sides_wish_is_kept() -> None:
    assert next_run("a", config(10.0), failures=1, not_before=4_000.0).seconds == 4_000.0
    assert next_run("a", config(10.0), not_before=1.0).seconds > 5
