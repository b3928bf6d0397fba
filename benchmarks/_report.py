"""One line of a benchmark: a figure, its peer or limit measured in the same run, and what was promised."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """``ratio`` is ours against the peer's (bigger is better unless ``smaller_is_better``)."""

    name: str
    value: float
    unit: str
    peer: str = ""
    ratio: float | None = None
    must: float | None = None
    aim: float | None = None
    smaller_is_better: bool = False
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the ``must`` is met; ``None`` where there is none."""
        if self.must is None:
            return None
        figure = self.value if self.ratio is None else self.ratio
        return figure <= self.must if self.smaller_is_better else figure >= self.must


def seconds(work: Callable[[], object], rounds: int) -> float:
    """Median wall-clock seconds of ``work`` over ``rounds`` calls."""
    spent = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begin)
    return statistics.median(spent)


def cpu_seconds(sides: Mapping[str, Callable[[], Callable[[], object]]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each side, one entry a round; the sides take turns, so that all of them meet the same machine.

    A side is called for its work before each round: what it prepares there is not measured. One round more than asked is
    run, and not counted: it compiles and fills caches.
    """
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            work = side()
            begin = time.process_time()
            work()
            if number:
                spent[name].append(time.process_time() - begin)
    return spent


def median_ratio(others: list[float], own: list[float]) -> float:
    """Median over the rounds of how many times longer the others took."""
    return statistics.median(other / mine for other, mine in zip(others, own, strict=True))
